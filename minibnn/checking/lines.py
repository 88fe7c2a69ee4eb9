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
    """Rounding noise of the complex step itself, from differences of its values.

    It is repeated at points x (1 + k gap): fourth differences remove the smooth
    part, their median does not see a kink, what stays is noise. A step of x by one
    unit in the last place would not do: where f cancels it changes nothing.
    """
    return float(fourth_differences(line.problem, gap, lambda x: line.at(x).slope()))


def fourth_differences(problem, gap, function):
    """Noise of a function near x, from its values at 13 points x (1 + k gap)."""
    values = [function(problem.x + k * gap * problem.scale) for k in range(13)]
    fourth = np.diff(values, 4, axis=0)
    # 70 = 1 + 16 + 36 + 16 + 1 is its variance for unit noise; 0.6745: median to sd
    return np.median(np.abs(fourth), axis=0) / (0.6745 * np.sqrt(70.0))


def table_noise(values):
    """Standard deviation of the noise in equally spaced values of a smooth function.

    Moré & Wild (2011), doi:10.1137/100786125, after Hamming's difference table.
    """
    differences = np.asarray(values, dtype=float)
    estimates = []
    for order in range(1, len(values) - 1):
        differences = np.diff(differences)
        # the k-th difference of unit noise has variance (2k)! / (k!)^2
        ratio = np.prod([(order + k) / k for k in range(1, order + 1)])
        estimates.append(np.sqrt(np.mean(differences**2) / ratio))
    return max(estimates[-2:])


def value_noise(problem, rng, gaps=(1e-5, 3e-7, 1e-8, 3e-10)):
    """Rounding noise of f near x, never below one rounding of its value.

    Kinks and fast changes look like noise, but shrink with the spacing: the least of
    several estimates is believed, until f no longer moves between the points.
    """
    d = problem.scale * rng.standard_normal(problem.size)
    least = EPS * abs(problem.value)
    best = np.inf
    for gap in gaps:
        steps = gap * np.arange(1, 7)
        values = [problem.value, *(problem.probe(problem.x + t * d) for t in steps)]
        still = np.count_nonzero(np.diff(values) == 0) > 1
        if np.isfinite(values).all() and not (still and best < np.inf):
            best = min(best, table_noise(values))
        if best <= 50 * least or still:
            break
    return max(best, least) if np.isfinite(best) else least
