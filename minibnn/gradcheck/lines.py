"""Straight lines through the point: where derivatives, and noise, are measured.

A line offers ``probe(t)`` -> (f, t as it was really taken) and ``slope()``, the
complex step, with a reach (how far a real step may start) and a grain (the size
against which an imaginary step has to be small).
"""

import copy

import numpy as np

from minibnn.gradcheck.casts import casts_are_errors
from minibnn.gradcheck.problem import EPS


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
        here = self.base is self.problem.x  # beside x, f may have no value
        ask = self.problem.complex_at if here else self.problem.complex_probe
        # A cast to float on the way is only a warning in NumPy; here it is the end.
        with casts_are_errors:
            value = ask(self.shifted(1j * h))
        return value.imag / h


class Coordinate(Line):
    """The line along one coordinate axis."""

    def __init__(self, problem, i):
        self.i = int(i)
        super().__init__(problem, problem.reach[i], problem.scale[i])

    def leap(self, length, enough):
        """The biggest jump of f from x to x + length along the axis."""
        d = np.zeros(self.problem.size)
        d[self.i] = length
        return leap(self.problem.probe, self.base, d, enough)

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
        pace = speed / problem.reach[moved]
        super().__init__(
            problem, 1 / np.sqrt(np.mean(pace**2)), 1 / np.max(speed / own)
        )

    def leap(self, length, enough):
        """The biggest jump of f from x to x + length d."""
        return leap(self.problem.probe, self.base, length * self.d, enough)

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
    problem = line.problem

    def slope(x):
        return line.at(x).slope()

    def look(gap):
        return float(local_noise(slope, problem, rng, gap, looks))

    enough = 1e-13 * abs(slope(problem.x))
    return _settled(look, slope, problem, rng, gap, enough)


def value_noise(problem, rng, gap=1e-6, enough=2):
    """Rounding noise of f near x, never below one rounding of its value.

    More than ``enough`` roundings are looked into.
    """

    def look(gap):
        return float(local_noise(problem.probe, problem, rng, gap, 1))

    size = EPS * abs(problem.value)
    noise = _settled(look, problem.probe, problem, rng, gap, enough * size)
    return max(noise, size) if np.isfinite(noise) else size


def _settled(look, function, problem, rng, gap, enough):
    """Noise over a gap; over a shorter one where it is more than enough, or none.

    What is gone nearer by, without a leap, is no noise: the function has finer
    structure there than x suggests.
    """
    noise = look(gap)
    floor = look(1e-7 * gap) if noise > enough else noise
    for _ in range(4):
        if noise <= max(enough, 3 * floor):
            break
        d = 6 * gap * problem.scale * rng.standard_normal(problem.size)
        if noise < np.inf:
            jump = leap(function, problem.x, d, 0.1 * noise)
            if jump > 8 * floor and stairs(jump, noise):
                break
        gap /= 30
        noise = min(noise, look(gap))
    return noise


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


def coarse_step_noise(line, gap=1e-3):
    """The same of the complex step, on the rougher side of x."""
    where = np.arange(12) + 0.37 * np.sin(np.arange(12.0) ** 2)
    found = 0.0
    for side in (1, -1):
        points = [line.shifted(side * gap * line.reach * t).real for t in where]
        slopes = [line.at(point).slope() for point in points]
        found = np.fmax(found, residual(where, slopes, 5))
    return float(found)


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
    size = np.max(np.abs(rest), axis=0)  # squares of 1e200 would overflow
    part = rest / np.where(size > 0, size, 1.0)
    return size * np.sqrt(np.sum(part**2, axis=0) / (len(t) - degree - 1))


def stairs(leap, noise):
    """Whether a leap is a stair of that noise: of its size, unlike a pole or a step."""
    return 0.1 * noise < leap < 30 * noise


def leap(function, x, d, enough=0.0):
    """The biggest jump of a function from x to x + d, found by halving towards it.

    The second difference of a smooth function fades with the square of the length. A
    staircase, such as rounding makes of a value that cancels, keeps its step. The
    search ends where no more than ``enough`` is left.
    """
    low, width, size, calm = 0.0, 1.0, np.inf, 0
    left, middle, right = (function(x + t * d) for t in (0.0, 0.5, 1.0))
    for _ in range(30):
        first = function(x + (low + width / 4) * d)
        last = function(x + (low + 3 * width / 4) * d)
        bends = abs(left - 2 * first + middle), abs(middle - 2 * last + right)
        if not bends[1] > bends[0]:
            middle, right = first, middle
        else:
            left, middle, low = middle, last, low + width / 2
        width, size = width / 2, max(bends)
        calm = calm + 1 if size <= enough else 0
        if calm == 4:  # once may be chance: points alike on stairs of equal width
            break
    return float(size)
