"""Straight lines through the point, and the complex step along them.

A line offers ``probe(t)`` -> (f, t as it was really taken) and ``slope()``, the
complex step, with a reach (how far a real step may start) and a grain (the size
against which an imaginary step has to be small).
"""

import copy

import numpy as np

from minibnn.gradcheck.casts import casts_are_errors
from minibnn.gradcheck.noise import leap


class Line:
    """What both kinds of line share: ``d`` is the vector they run along."""

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

    def leap(self, length, enough):
        """The biggest jump of f from x to x + length d."""
        return leap(self.problem.probe, self.base, length * self.d, enough)


class Axis(Line):
    """The line along one coordinate."""

    def __init__(self, problem, i):
        self.i = int(i)
        super().__init__(problem, problem.reach[i], problem.scale[i])

    @property
    def d(self):
        """The unit vector; made when asked for, as there may be many axes."""
        return (np.arange(self.problem.size) == self.i) * 1.0

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
        pace = speed / problem.reach[moved]
        grain = 1 / np.max(speed / problem.scale[moved])
        super().__init__(problem, 1 / np.sqrt(np.mean(pace**2)), grain)

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
