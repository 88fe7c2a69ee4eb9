"""The claimed gradient, and how much of it is only rounding.

The gradient is asked again at copies of x moved by one unit in the last place: 64
times the spread of the answers is what rounding may explain. It replaces a guessed
absolute tolerance, and serves float32 as it does float64.
"""

from dataclasses import dataclass

import numpy as np

SAFETY = 64


@dataclass
class Claim:
    """The claimed gradient g with its machine epsilon and its measured spread.

    ``copies`` holds g(jittered x) - g(x), one row a copy; it has no rows where the
    gradient was given as an array and cannot be asked again.
    """

    g: np.ndarray
    eps: float
    copies: np.ndarray
    steady: bool
    reach: np.ndarray

    def spread(self, blocks):
        """Rounding spread a coordinate: measured, never below its block's median."""
        size = np.abs(self.g)
        if not len(self.copies):
            floor = np.zeros_like(size)
            for index in blocks.values():
                effect = usual((size * self.reach)[index])  # in the unit of f
                floor[index] = self.eps * effect / self.reach[index]
            return floor + self.eps * size
        spread = np.abs(self.copies).max(axis=0)
        for index in blocks.values():
            some = index[(size[index] > 0) & np.isfinite(size[index])]
            if len(some):
                ratio = np.median(spread[some] / size[some])
                ratio = min(ratio, SAFETY * self.eps)  # terms that cancel stay alone
                spread[index] = np.maximum(spread[index], ratio * size[index])
        return spread

    def allowance(self, blocks):
        """What rounding may explain, a coordinate."""
        return SAFETY * self.spread(blocks) + 8 * self.eps * np.abs(self.g)


def usual(sizes):
    """Median of the entries that are not zero; 0 where all are."""
    sizes = sizes[(sizes > 0) & np.isfinite(sizes)]
    return float(np.median(sizes)) if len(sizes) else 0.0


def typical(values, blocks):
    """The usual size of a gradient in the block of each coordinate."""
    sizes = np.abs(values)
    whole = usual(sizes) or 1.0
    out = np.empty_like(sizes)
    for index in blocks.values():
        out[index] = usual(sizes[index]) or whole
    return out


def ask(problem, rng, copies=4):
    """Ask for the gradient at x, twice, and at jittered copies of x."""
    g, eps = problem.gradient(problem.x)
    eps = max(eps, problem.resolution)
    if not problem.grad_is_function:
        return Claim(g, eps, np.empty((0, g.size)), True, problem.reach)
    again, _ = problem.gradient(problem.x)
    points = [jitter(problem.x, eps, rng) for _ in range(copies)]
    rows = np.array([again - g, *(problem.gradient_near(p) - g for p in points)])
    rows[~np.isfinite(rows)] = 0.0  # a gradient that is not finite is wrong anyway
    steady = _same(rows[0], g, eps, problem.blocks)
    return Claim(g, eps, rows, steady, problem.reach)


def _same(change, g, eps, blocks):
    """Whether a second answer differs by no more than reordered sums would."""
    sizes = np.where(np.isfinite(g), np.abs(g), 0.0)
    return all(
        np.abs(change[index]).max() <= 1e4 * eps * sizes[index].max()
        for index in blocks.values()
    )


def jitter(x, eps, rng):
    """Move every coordinate one unit in the last place up or down.

    Zeros stay: they may sit on a kink on purpose. Only where all of x is zero is
    there nothing else to move.
    """
    ulp = np.ldexp(eps, np.frexp(x)[1] - 1)
    ulp = np.where(x == 0, 0.0 if x.any() else eps, ulp)
    return x + ulp * rng.choice([-1.0, 1.0], x.size)
