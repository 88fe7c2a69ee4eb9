"""Straight lines through the point: where derivatives, and noise, are measured.

A line offers ``probe(t)`` -> (f, t as it was really taken) and ``slope()``, the
complex step, with a reach (how far a real step may start) and a grain (the size
against which an imaginary step has to be small).
"""

import copy

import numpy as np

from minibnn.checking.casts import casts_are_errors
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
        with casts_are_errors:
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


def step_noise(line, rng, gap=1e-6, looks=2):
    """Rounding noise of the complex step itself, seen by repeating it near x."""
    return float(
        local_noise(lambda x: line.at(x).slope(), line.problem, rng, gap, looks)
    )


def value_noise(problem, rng, gap=1e-6):
    """Rounding noise of f near x, never below one rounding of its value.

    Noise that costs more than half of the digits and is gone near by is no noise:
    then f changes faster than x suggests.
    """

    def look(gap):
        return float(local_noise(problem.probe, problem, rng, gap, 1))

    size, noise = abs(problem.value), look(gap)
    if noise > 50 * EPS * size:
        noise = min(noise, look(gap))
    if noise > 1e-6 * size and (closer := look(1e-9)) < 1e-3 * noise:
        noise = closer
    return max(noise, EPS * size) if np.isfinite(noise) else EPS * size


def coarse_noise(line, gap=1e-4):
    """Rounding noise of f along a line, over lengths that show wide stairs.

    Where f cancels its values are a staircase: differences over less than a stair
    are smooth, and false.
    """
    where = np.arange(12) + 0.37 * np.sin(np.arange(12.0) ** 2)
    steps = gap * line.reach * where
    return min(
        float(residual(where, [line.probe(side * t)[0] for t in steps], 5))
        for side in (1, -1)
    )


def local_noise(function, problem, rng, gap, looks):
    """Rounding noise of a function near x, from values along random directions.

    The points are spaced unevenly: rounding is not random but periodic, and equal
    steps may fall in with it. The calmest side of x and the calmest look count, as a
    kink disturbs only one of them.
    """
    found = np.inf
    for _ in range(looks):
        d = gap * problem.scale * rng.standard_normal(problem.size)
        for side in 1, -1:
            where = side * (np.arange(6) + rng.uniform(0.1, 0.9, 6))
            values = [function(problem.x + t * d) for t in where]
            found = np.fmin(found, residual(where, values, 2))
    return found


def residual(where, values, degree):
    """Standard deviation of values about a polynomial in ``where``."""
    t = where / np.max(np.abs(where))
    basis = np.linalg.qr(np.vander(t, degree + 1))[0]
    rest = np.asarray(values) - values[0]
    rest = rest - basis @ (basis.T @ rest)
    return np.sqrt(np.sum(rest**2, axis=0) / (len(t) - degree - 1))
