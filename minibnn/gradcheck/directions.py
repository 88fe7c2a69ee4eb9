"""Many parameters at once: random directions, and halving to find who is wrong.

A direction moves coordinate i by z_i W / w_i with z_i normal and w_i ~ |g_i|, so every
coordinate counts by its *relative* error and none hides behind a large one. A
coordinate that is wrong by r w_i escapes K directions with probability at most
(0.798 tau / r)^K, tau being what a direction resolves. Signs +-1 would not do: two
equal errors cancel in half of the draws. A small gradient cannot have all the weight it
would need, or its coordinate would be moved too far: w_i >= |g_i|, and the report tells
what that means for the smallest.
"""

from dataclasses import dataclass, replace

import numpy as np

from minibnn.gradcheck.claim import SAFETY, typical, usual
from minibnn.gradcheck.lines import Axis, Direction, Line, complex_step
from minibnn.gradcheck.noise import local_noise, step_noise
from minibnn.gradcheck.opinions import LOOSE
from minibnn.gradcheck.problem import EPS
from minibnn.gradcheck.reasons import brief
from minibnn.gradcheck.romberg import echo, romberg

BY_COMPLEX_STEP, BY_DIFFERENCES, MOST_BLOCKS = 10, 4, 8  # directions; blocks alone
BUDGET, LEAST = 49, 2  # calls of f after which no direction is begun, but for two


@dataclass(eq=False)
class Row:
    """One direction d: what grad claims along it, and what it is."""

    block: str
    d: np.ndarray
    claimed: float
    allowance: float
    rounding: float  # of a sum of that many terms
    truth: float = np.nan
    bound: float = np.inf

    @property
    def error(self):
        """By how much the claim is off, with its sign."""
        return self.claimed - self.truth


class Directions:
    """All coordinates together, along scaled random directions.

    ``rows`` holds one Row a direction, in units of ``unit``, the usual size of the
    gradient: error / unit is the relative error of a coordinate with z = 1.
    ``where`` are the coordinates a failure was narrowed down to, ``found`` the Row
    of a single one that is wrong by itself.
    """

    def __init__(self, problem, claim, noise, tol, guard, rng):
        self.problem, self.claim, self.noise = problem, claim, noise
        self.tol, self.guard, self.rng = tol, guard, rng
        self.judge, self.notes, self.rows = "complex step", [], []
        self.g = np.where(np.isfinite(claim.g), claim.g, 0.0)
        self.unit = usual(np.abs(self.g)) or 1.0
        self.where, self.found, self.served, self.gap = None, None, None, 0.0
        self.odd = 0.0
        self._weigh()

    def _weigh(self):
        """Scale of each coordinate: 1 / gradient, unless that is mostly rounding."""
        size, blocks = np.abs(self.g), self.problem.blocks
        reach = self.problem.reach
        common = typical(self.g * reach, blocks) / reach  # each in its own unit
        noisiest = max(2 * self.claim.eps, 1e-9 / (SAFETY * np.sqrt(size.size)))
        floor = np.minimum(self.claim.spread(blocks) / noisiest, common)
        weight = np.where(self.g == 0, 1e-3 * common, np.maximum(size, floor))
        self.fine = self.unit / weight
        self.coarse = self.unit / np.maximum(weight, 1e-2 * common)

    def run(self):
        """Cross-check the oracles, judge the directions, hunt down a failure."""
        self.safe = self._cross_check()
        for block, index in self._plan():
            calls = self.problem.calls["f"] + self.problem.calls["f_complex"]
            if calls <= BUDGET or len(self.rows) < LEAST:
                self.rows.append(self._judged(self._draw(block, index)))
        self.odd = self._overlooked()
        guilty = max(self.rows, key=self.off)
        if self.off(guilty) > 0 and self.safe:
            self._excuse(guilty)
        elif self.off(guilty) > 0:
            self._repeat(guilty)
        if self.off(guilty) > 0:
            self._locate(guilty)
        self._resolve()
        if not np.isfinite(self.resolved) and self.problem.trouble:
            raise self.problem.trouble  # f has failed wherever it was asked near x
        return self

    def _resolve(self):
        """What the directions over everything resolve, and how many they are.

        Differences that see ten times less than others do not count as a look.
        """
        looks = [row for row in self.rows if row.block == "all"]
        reach = np.array([row.bound + row.allowance for row in looks])
        pace = self.fine if self.safe else self.coarse
        some = self.g != 0
        self.smallest = np.max(self.unit / pace[some] / np.abs(self.g[some]), initial=1)
        sharp = (reach <= 10 * reach.min()) | self.safe
        self.resolved = reach[sharp].max() / self.unit + self.tol
        self.looks = int(sharp.sum())
        blurred = [row for row, good in zip(looks, sharp, strict=True) if not good]
        self.sharp = [row for row in self.rows if row not in blurred]

    def _overlooked(self):
        """By how much f contradicts the first row at shorter steps than its own.

        Every row may then be off by as much, or some more.
        """
        row = self.rows[0]
        if not self.served:
            return 0.0
        d = row.d * self.served.step
        slopes = self.g - row.error * row.d / (row.d @ row.d)  # those of the truth
        bound = (row.bound + row.rounding) * self.served.step
        odd = echo(self.problem, d, slopes, bound, self.noise, 64, 4)
        for other in self.rows:
            other.bound += 10 * odd / self.served.step
        return odd

    def _plan(self):
        everything = [("all", np.arange(self.g.size))]
        if not self.safe:  # the cross-check has been judged as the first of them
            return everything * (BY_DIFFERENCES - 1)
        blocks = list(self.problem.blocks.items())
        alone = blocks if 1 < len(blocks) <= MOST_BLOCKS else []
        return everything * BY_COMPLEX_STEP + alone

    # -- measuring --------------------------------------------------------------------

    def _draw(self, block, index):
        z = np.zeros(self.g.size)
        z[index] = self.rng.standard_normal(len(index))
        return self._row(block, z * (self.fine if self.safe else self.coarse))

    def _row(self, block, d):
        terms = self.g * d
        size = float(np.linalg.norm(terms))
        spread = np.abs(self.claim.copies @ d).max(initial=0.0)
        if not len(self.claim.copies):
            spread = self.claim.eps * size
        allowance = SAFETY * float(spread) + 8 * self.claim.eps * size
        return Row(block, d, float(terms.sum()), allowance, 64 * EPS * size)

    def _judged(self, row):
        """Fill truth and bound of a row."""
        line = Direction(self.problem, row.d)
        if not self.safe:
            slope = self._slope(line, 5)
            row.truth, row.bound = slope.value, slope.bound
            if slope.kink:
                row.truth = float(np.clip(row.claimed, slope.low, slope.high))
        elif len(self.rows) < 2:  # twice, to see how much of it is rounding
            first, second = complex_step(line)
            self.gap = max(self.gap, abs(first - second))
            row.truth, row.bound = first, 4 * self.gap + row.rounding
        else:
            row.truth, row.bound = line.slope(), 8 * self.gap + row.rounding
        return row

    def _slope(self, line, rungs, rivals=()):
        """Romberg's slope, beginning with the steps that served before."""
        start = 0.23
        if self.served:
            start = min(self.served.first, 11 * self.served.step) / line.reach
        slope = romberg(line, self.problem.value, self.noise, LOOSE, self.unit,
                        self.guard, start, rungs, rivals)  # fmt: skip
        if np.isfinite(slope.bound):
            self.served = slope
        return slope

    def _cross_check(self):
        """Whether the complex step agrees with differences along one direction."""
        self.safe = False
        row = self._draw("all", np.arange(self.g.size))
        line = Direction(self.problem, row.d)
        pair, why = self._pair(line)
        slope = self._slope(line, 9 if why else 7, () if why else pair[:1])
        row.truth, row.bound = slope.value, slope.bound
        slack = 16 * abs(pair[0] - pair[1]) + row.rounding if not why else 0.0
        if not why and slope.excess(pair[0], slack) > 0:
            why = "an imaginary part is lost on the way"
        if why:
            self.judge = "central differences"
            self.notes.append(f"f is not complex-safe ({why}); differences judge alone")
            self.rows.append(row)
        elif not slope.bound <= 1e-3 * np.linalg.norm(self.g * row.d):
            self.notes.append("differences are too rough to confirm the complex step")
        return not why

    def _pair(self, line):
        """The complex step, twice, or why there is none."""
        try:
            pair = complex_step(line)
        except Exception as error:  # only the imaginary step is new to f
            return None, brief(error)
        return pair, "" if np.isfinite(pair).all() else "it gives nan or inf"

    def off(self, row):
        """By how much a row is beyond everything that excuses it."""
        slack = row.bound + row.allowance + self.tol * self.unit
        return abs(row.error) - slack if np.isfinite(slack) else -np.inf

    # -- hunting ----------------------------------------------------------------------

    def _excuse(self, row):
        """Allow for noise of the complex step and of grad that one ulp does not show.

        As for coordinates, what is excused in grad ends at 1e-8 of its terms.
        """
        line = Direction(self.problem, row.d)
        oracle = 16 * step_noise(line, self.rng, looks=1)
        grad = 0.0
        if self.problem.grad_is_function:
            grad = 16 * local_noise(lambda x: self.problem.gradient_near(x) @ row.d,
                                    self.problem, self.rng, 1e-6, 1)  # fmt: skip
        for other in self.rows:
            other.bound += oracle
            other.allowance += min(grad, 1e-8 * row.rounding / (64 * EPS))

    def _repeat(self, row):
        """Give a failure by differences the benefit of a second, shifted descent."""
        line, served = Direction(self.problem, row.d), self.served
        self.served = replace(served, first=0.7 * served.first, step=0.7 * served.step)
        again = self._slope(line, 5, [row.claimed])
        self.served = served
        sharp = again.bound < abs(row.error)
        if sharp and again.excess(row.claimed, row.allowance) <= 0:
            row.bound += again.bound + abs(again.value - row.truth)

    def _locate(self, row):
        """Halve the coordinates, keeping the half that is off by more."""
        live, error = np.flatnonzero(row.d), row.error
        if self.odd:  # halves would be as unsteady as all
            self.where, self.shared = live, False
            return
        slope = Line.slope if self.safe else self._quick(row)
        while live.size > 1:
            half = self._half(row, live[: live.size // 2], slope)
            if abs(half.error) >= abs(error - half.error):
                live, error = live[: live.size // 2], half.error
            else:
                live, error = live[live.size // 2 :], error - half.error
            if abs(error) <= half.rounding + half.allowance:
                break
        if live.size == 1:
            self._single(int(live[0]), row.d[live[0]])
        # many coordinates, each within tol, may add up to no more than this
        self.shared = self.off(row) <= 4 * self.tol * np.linalg.norm(self.g * row.d)
        if self.found or not (self.shared and self.safe):
            self.where = live

    def _half(self, row, index, slope):
        d = np.zeros_like(row.d)
        d[index] = row.d[index]
        half = self._row(row.block, d)
        half.truth = slope(Direction(self.problem, d))
        return half

    def _quick(self, row):
        """The cheapest difference that is good to an eighth of the error."""
        line, h = Direction(self.problem, row.d), self.served.step
        for step in (h, h / 5):
            if abs(_central(line, step) - row.truth) < abs(row.error) / 8:
                return lambda half: _central(half, step)
        return lambda half: (5 * _central(half, h) - _central(half, h * 5**0.5)) / 4

    def _single(self, i, pace):
        """Judge one coordinate by itself, with the steps it took along d."""
        line = Axis(self.problem, i)
        first = self.served.first if self.served else np.inf
        start = min(first * abs(pace) / line.reach, 0.23)
        slope = romberg(line, self.problem.value, self.noise, LOOSE, self.unit, self.guard,
                        start, 3)  # fmt: skip
        d = np.zeros_like(self.g)
        d[i] = 1.0
        row = self._row("", d)
        row.truth, row.bound = slope.value, slope.bound
        if self.safe:
            first, second = complex_step(line)
            row.truth, row.bound = first, 4 * abs(first - second) + 8 * EPS * abs(first)
        slack = row.bound + row.allowance + self.tol * abs(row.truth)
        if abs(row.error) > slack:
            self.found = row


def _central(line, h):
    return (line.probe(h)[0] - line.probe(-h)[0]) / (2 * h)
