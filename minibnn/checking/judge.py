"""Two opinions on every coordinate, and what follows when they differ.

The complex step is the first opinion, Romberg's differences are the second. The
gradient is blamed where the first excludes it and the second does not object; where
the two exclude each other an imaginary part was lost inside f, and the differences
judge alone.
"""

import numpy as np

from minibnn.checking.claim import SAFETY, jitter, typical, usual
from minibnn.checking.lines import (
    Coordinate,
    Direction,
    complex_step,
    fourth_differences,
    step_noise,
)
from minibnn.checking.problem import EPS
from minibnn.checking.romberg import Slope, romberg

LOOSE, TIGHT = 1e-8, 1e-11  # what a second opinion, and a judge, has to reach


class Coordinates:
    """Every coordinate judged by itself.

    Arrays over the coordinates: ``claimed``, ``allowance`` (its rounding), ``truth``
    and ``bound`` (the judge's), ``low`` and ``high`` (slopes at a kink, else nan),
    ``status``.
    """

    def __init__(self, problem, claim, noise, tol, guard, rng):
        self.problem, self.claim, self.noise = problem, claim, noise
        self.tol, self.guard, self.rng = tol, guard, rng
        self.lines = [Coordinate(problem, i) for i in range(problem.size)]
        self.claimed = claim.g
        self.allowance = claim.allowance(problem.blocks)
        self.notes, self.judge = [], "complex step"

    def run(self):
        """Collect both opinions, reconcile them, and settle every coordinate."""
        self.first = self._first_opinion()
        self.second = self._differences(LOOSE if self.first else TIGHT)
        if self.first:
            self._reconcile()
        self._take_sides()
        self._confirm()
        self._settle()
        return self

    # -- opinions ---------------------------------------------------------------

    def _first_opinion(self):
        """Complex step at every coordinate: (value, bound), or None with a note."""
        try:
            pairs = np.array([complex_step(line) for line in self.lines])
        except Exception as error:  # f is real and works; only i h is new to it
            self._distrust(brief(error))
            return None
        if not np.isfinite(pairs).all():
            self._distrust("it gives nan or inf")
            return None
        value, gap = pairs[:, 0], np.abs(pairs[:, 0] - pairs[:, 1])
        if not len(self.claim.copies):
            self._condition(value)
        own = 4 * self.claim.spread(self.problem.blocks) * (EPS / self.claim.eps)
        return value, 4 * gap + 8 * EPS * np.abs(value) + own + self._roughness(value)

    def _roughness(self, value):
        """Noise of the complex step where f amplifies rounding, as one direction tells.

        It does where f itself cancels, and where only complex arithmetic does:
        NumPy's complex log1p and expm1 lose digits that the real ones keep.
        """
        size = np.abs(value)
        weight = np.maximum(size, 1e-2 * typical(value, self.problem.blocks))
        z = self.rng.standard_normal(size.size)
        d = Direction(self.problem, z / weight)
        if step_noise(d, 1e-6) <= 1e-13 * np.linalg.norm(z * size / weight):
            return 0.0
        return np.array([8 * step_noise(line, 1e-6) for line in self.lines])

    def _condition(self, value):
        """Rounding allowance of a gradient given as numbers: move x for the oracle."""
        base = jitter(self.problem.x, self.claim.eps, self.rng)
        moved = [line.at(base).slope() for line in self.lines]
        self.allowance = self.allowance + SAFETY * np.abs(moved - value)

    def _distrust(self, why):
        self.judge = "central differences"
        self.notes.append(f"f is not complex-safe ({why}); differences judge alone")

    def _slope(self, i, rel=TIGHT, start=0.23):
        size = self.size[i] if rel == LOOSE else 0.0
        return romberg(
            self.lines[i], self.problem.value, self.noise, rel, size, self.guard, start
        )

    def _differences(self, rel):
        known = self.first[0] if self.first else self.claimed
        self.size = typical(known, self.problem.blocks)
        return [self._slope(i, rel) for i in range(self.problem.size)]

    # -- the two against each other -----------------------------------------------

    def _reconcile(self):
        """Drop the complex step if tight differences exclude it somewhere."""
        value, bound = self.first
        clash = [excess(s, value[i], bound[i]) for i, s in enumerate(self.second)]
        for i in np.argsort(clash)[::-1][:5]:
            if clash[i] <= 0:
                return
            if self._refuted(i):
                return

    def _refuted(self, i):
        """Whether two independent descents exclude the complex step at i."""
        self._widen(i)
        value, bound = self.first
        for start in 0.23, 0.083:
            again = self._slope(i, TIGHT, start)
            self.second[i] = _narrower(again, self.second[i])
            if excess(again, value[i], bound[i]) <= 0:
                return False
        self._distrust("an imaginary part is lost on the way")
        self.first = None
        self.second = self._differences(TIGHT)
        return True

    def _widen(self, i):
        """Where f itself cancels, neither opinion is sharp: measure how little.

        Values of such an f are a staircase: differences over less than a stair are
        smooth, and false.
        """
        value, bound = self.first
        noise = max(step_noise(self.lines[i], gap) for gap in (1e-6, 1e-4))
        if noise <= 1e-9 * abs(value[i]):
            return
        bound[i] += 16 * noise
        values = float(fourth_differences(self.problem, 1e-4, self.problem.probe))
        if values > self.noise:
            self.noise = values
            self.second[i] = Slope()

    # -- verdict a coordinate ---------------------------------------------------------

    def _take_sides(self):
        """Fill truth and bound from whoever is the judge, and mark the kinks."""
        if self.first:
            for i in np.flatnonzero(self.first[1] > 1e-10 * np.abs(self.first[0])):
                self.second[i] = _narrower(self._slope(i), self.second[i])
        slopes = self.second
        self.low = np.array([s.low for s in slopes])
        self.high = np.array([s.high for s in slopes])
        self.kink = np.array([s.kink for s in slopes]) & self._tied(slopes)
        self.difference = np.array([s.value for s in slopes])
        self.difference_bound = np.array([s.bound for s in slopes])
        if self.first:
            sharper = self.first[1] <= self.difference_bound
            self.truth = np.where(sharper, self.first[0], self.difference)
            self.bound = np.where(sharper, self.first[1], self.difference_bound)
        else:
            self.truth = self.difference.copy()
            self.bound = self.difference_bound.copy()
        at = self.kink
        self.truth[at] = np.clip(self.claimed, self.low, self.high)[at]
        self.bound[at] = self.difference_bound[at]
        self.allowance[at] = 8 * self.claim.eps * np.abs(self.claimed[at])
        blind = ~np.isfinite(self.difference_bound)
        if blind.all() and self.problem.trouble:
            raise self.problem.trouble  # f has failed wherever it was asked near x
        self.bound[blind] = np.inf

    def _tied(self, slopes):
        """Whether a kink is at x itself and not just too close for differences."""
        if not self.first:
            return True
        return np.array([s.kink and self._jumps(i, s) for i, s in enumerate(slopes)])

    def _jumps(self, i, slope):
        """Whether the complex step changes within a few roundings of x."""
        x, move = self.problem.x, np.zeros(self.problem.size)
        move[i] = 8 * EPS * self.lines[i].grain
        sides = [self.lines[i].at(x + side * move).slope() for side in (-1, 1)]
        return abs(sides[1] - sides[0]) > 0.1 * (slope.high - slope.low)

    def _suspects(self):
        """Coordinates outside every allowance, the worst first."""
        error = np.abs(self.claimed - self.truth)
        slack = self.bound + self.allowance + self.tol * np.abs(self.truth)
        excess = np.where(np.isfinite(self.bound), error - slack, -np.inf)
        order = np.argsort(-excess / np.maximum(np.abs(self.truth), 1e-300))
        return [int(i) for i in order if excess[i] > 0]

    def _confirm(self):
        """Re-examine suspects until one is guilty beyond doubt."""
        if self._suspects() and self.problem.grad_is_function:
            self._excuse()
        while suspects := self._suspects():
            i = suspects[0]
            if self.kink[i]:
                return
            again = self._slope(i, TIGHT, 0.083)
            if not again.kink and excess(again, self.claimed[i], self.allowance[i]) > 0:
                return
            if self.first and excess(again, self.first[0][i], self.first[1][i]) > 0:
                if self._refuted(i):
                    self._take_sides()
                    continue
            if self.first and self._step_is_sharp(i):
                return
            self._yield_to(i, again)

    def _excuse(self):
        """Allow for cancellation in grad that a jitter of one ulp is too small to see.

        At most 1e-8 of a coordinate: more would hide a float32 array inside grad.
        """
        noise = fourth_differences(
            self.problem, 1e-6, lambda x: self.problem.gradient(x)[0]
        )
        excuse = np.minimum(16 * noise, 1e-8 * np.abs(self.truth))
        self.allowance = np.fmax(self.allowance, excuse)

    def _step_is_sharp(self, i):
        """Whether the error stands out of the complex step's own measured noise."""
        error = abs(self.claimed[i] - self.truth[i])
        noise = max(step_noise(self.lines[i], gap) for gap in (1e-8, 1e-6))
        return error > 16 * noise + self.allowance[i]

    def _yield_to(self, i, again):
        """Let the differences judge coordinate i, with what both descents leave."""
        old = self.difference[i], self.difference_bound[i]
        self.truth[i] = again.value
        apart = abs(again.value - old[0])
        self.bound[i] = max(again.bound, old[1] if self.first else 0.0) + 2 * apart
        if again.kink:
            self.kink[i], self.low[i], self.high[i] = True, again.low, again.high
            self.truth[i] = np.clip(self.claimed[i], again.low, again.high)
        error = abs(self.claimed[i] - self.truth[i])
        self.bound[i] = max(self.bound[i], error)  # the descents contain it: not guilty

    def relative(self, amount):
        """Measure against the coordinate itself, or its block where it is zero."""
        return amount / np.where(self.truth != 0, np.abs(self.truth), self.size)

    def _settle(self):
        """Give each coordinate its status."""
        error = np.abs(self.claimed - self.truth)
        self.error = np.where(np.isnan(error), np.inf, error)
        blocks = self.problem.blocks
        self.size = np.fmin(typical(self.truth, blocks), typical(self.claimed, blocks))
        limit = 1e-5 if self.claim.eps < 1e-10 else 0.05
        scale = np.maximum(np.abs(self.truth), self.size) * max(limit, self.tol)
        self.status = np.full(self.problem.size, "agrees", dtype="<U11")
        scale[self.kink] = 0.1 * (self.high - self.low)[self.kink]
        unclear = ~(self.bound + self.allowance <= scale)
        self.status[unclear & ~self._stationary()] = "cannot tell"
        self.status[self._suspects()] = "wrong"
        self.status[~np.isfinite(self.claimed)] = "wrong"


    def _stationary(self):
        """Coordinates that are zero within rounding, like all of their block.

        The scale to compare with is then that of the terms that cancel: what an ulp
        of x moves, over an ulp.
        """
        terms = self.claim.spread(self.problem.blocks) / self.claim.eps
        still = np.zeros(self.problem.size, dtype=bool)
        for index in self.problem.blocks.values():
            rounding = SAFETY * EPS * terms[index]
            still[index] = usual(np.abs(self.truth[index])) <= usual(rounding)
        if still.any():
            self.notes.append(
                "the gradient is zero within rounding here, so most mistakes cannot "
                "be seen: take another x as well"
            )
        return still & (self.bound <= 1e-5 * terms)


def brief(error):
    """An exception in one short line."""
    text = " ".join(str(error).split())
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"{type(error).__name__}: {text}"


def excess(slope, value, bound):
    """By how much value +- bound lies outside what a Romberg slope allows."""
    if slope.kink:
        away = max(slope.low - value, value - slope.high, 0.0)
    else:
        away = abs(value - slope.value)
    return away - bound - slope.bound if np.isfinite(slope.bound) else -np.inf


def _narrower(one, other):
    return one if one.bound < other.bound else other
