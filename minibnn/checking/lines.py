"""Straight lines through the point: where derivatives are measured.

A line offers ``probe(t)`` -> (f, t as it was really taken) and ``slope()``, the
complex step, with a reach (how far a real step may start) and a grain (the size
against which an imaginary step has to be small).
"""

import copy
import warnings

import numpy as np
from numpy.exceptions import ComplexWarning

from minibnn.checking.problem import EPS


class Line:
    """What both kinds of line share."""

    def __init__(self, problem, reach, grain):
        self.problem, self.reach, self.grain = problem, float(reach), float(grain)
        self.base = problem.x

    def at(self, base):
        """Give the same line through another point."""
        other = copy.copy(self)
        other.base = base
        return other

    def slope(self, sign=1.0):
        """Complex step: Im f(x + ih)/h, with h far below the grain.

        Martins, Sturdza & Alonso (2003), doi:10.1145/838250.838251, eq. 6.
        """
        h = sign * max(self.grain, 1e-270) * 1e-20
        # A cast to float on the way is only a warning in NumPy; here it is the end.
        with warnings.catch_warnings():
            warnings.simplefilter("error", ComplexWarning)
            value = self.problem.complex_at(self.shifted(1j * h))
        return value.imag / h


class Coordinate(Line):
    """The line along one coordinate axis."""

    def __init__(self, problem, i):
        size, self.i = abs(problem.x[i]), int(i)
        usual = problem.typical[i]
        super().__init__(problem, max(size, usual), size or usual)

    def probe(self, t):
        """Give (f, step): the step is the representable one, free of rounding."""
        point = self.base.copy()
        point[self.i] += t
        return self.problem.probe(point), float(point[self.i] - self.base[self.i])

    def shifted(self, t):
        """Give the point a complex t further on."""
        point = self.base.astype(complex)
        point[self.i] += t
        return point


class Direction(Line):
    """The line along a vector ``d`` of the size of x."""

    def __init__(self, problem, d):
        self.d = d
        moved = d != 0
        speed = np.abs(d[moved])
        own = problem.scale[moved]
        pace = speed / np.maximum(own, problem.typical[moved])
        super().__init__(
            problem, 1 / np.sqrt(np.mean(pace**2)), 1 / np.max(speed / own)
        )

    def probe(self, t):
        """Give (f, step) at x + t d."""
        return self.problem.probe(self.base + t * self.d), t

    def shifted(self, t):
        """Give the point a complex t further on."""
        return self.base + t * self.d


def complex_step(line):
    """Derivative along a line, twice, with imaginary steps of either sign.

    The steps differ by no power of two, so that their roundings differ, and in sign,
    so that a tie in ``maximum`` is broken both ways.
    """
    return line.slope(), line.slope(-17.3)


def step_noise(line, gap):
    """Rounding noise of the complex step itself, seen by repeating it near x."""
    return float(fourth_differences(line.problem, gap, lambda x: line.at(x).slope()))


def value_noise(problem, rng):
    """Rounding noise of f near x, never below one rounding of its value.

    Noise that costs more than half of the digits and is gone near by is no noise:
    then f changes faster than x suggests.
    """
    d = problem.scale * rng.standard_normal(problem.size)

    def at(gap):
        return float(_noise([problem.probe(problem.x + k * gap * d) for k in range(13)]))

    least = EPS * abs(problem.value)
    noise = at(1e-6)
    if noise > 1e-6 * abs(problem.value) and (closer := at(1e-9)) < 1e-3 * noise:
        noise = closer
    return max(noise, least) if np.isfinite(noise) else least


def fourth_differences(problem, gap, function):
    """Rounding noise of a function near x, from its values at x (1 + k gap)."""
    return _noise([function(problem.x + k * gap * problem.scale) for k in range(13)])


def _noise(values):
    """Standard deviation of the noise in 13 equally spaced values.

    Fourth differences remove what is smooth, their median a kink or a jump. Much
    closer points would not do: values that cancel are a staircase, flat near by.
    After Moré & Wild (2011), doi:10.1137/100786125.
    """
    fourth = np.diff(values, 4, axis=0)
    # 70 = 1 + 16 + 36 + 16 + 1 is its variance for unit noise; 0.6745: median to sd
    return np.median(np.abs(fourth), axis=0) / (0.6745 * np.sqrt(70.0))
