"""Two opinions on every coordinate, each with its bound, and their quarrels.

The complex step is the first opinion, Romberg's differences are the second. Where
they exclude each other an imaginary part was lost inside f, and the differences
judge alone; unless f cancels so badly that neither is sharp.
"""

import numpy as np

from minibnn.checking.claim import SAFETY, jitter, typical
from minibnn.checking.lines import (
    Coordinate,
    Direction,
    coarse_noise,
    complex_step,
    step_noise,
)
from minibnn.checking.problem import EPS
from minibnn.checking.reasons import brief
from minibnn.checking.romberg import romberg

LOOSE, TIGHT = 1e-8, 1e-11  # what a second opinion, and a judge, has to reach


class Opinions:
    """What complex step and differences say about every coordinate.

    ``first`` is (value, bound) by the complex step, None where f does not bear it;
    ``second`` the list of Romberg slopes. Both are redone when ``noise``, the
    rounding noise of f, turns out to be larger than it looked.
    """

    def __init__(self, problem, claim, noise, guard, rng):
        self.problem, self.claim, self.noise = problem, claim, noise
        self.guard, self.rng = guard, rng
        self.lines = [Coordinate(problem, i) for i in range(problem.size)]
        self.claimed = claim.g
        self.allowance = claim.allowance(problem.blocks)
        self.notes, self.judge, self.warned = [], "complex step", False

    def collect(self):
        """Ask both, and settle whether the first can be believed."""
        self.first = self._first_opinion()
        self.second = self._differences()
        if self.first:
            self._reconcile()

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
        weight = np.maximum(size, 1e-6 * typical(value, self.problem.blocks))
        z = self.rng.standard_normal(size.size)
        d = Direction(self.problem, z / weight)
        if step_noise(d, self.rng) <= 1e-13 * np.linalg.norm(z * size / weight):
            return 0.0
        return self._step_noises(1e-6)

    def _step_noises(self, gap):
        return np.array([16 * step_noise(line, self.rng, gap) for line in self.lines])

    def _condition(self, value):
        """Rounding allowance of a gradient given as numbers: move x for the oracle."""
        base = jitter(self.problem.x, self.claim.eps, self.rng)
        moved = [line.at(base).slope() for line in self.lines]
        self.allowance = self.allowance + SAFETY * np.abs(moved - value)

    def _distrust(self, why):
        self.judge = "central differences"
        self.notes.append(f"f is not complex-safe ({why}); differences judge alone")

    def slope(self, i, rel=TIGHT, start=0.23):
        """Romberg's slope along coordinate i."""
        size = self.size[i] if rel == LOOSE else 0.0
        return romberg(
            self.lines[i], self.problem.value, self.noise, rel, size, self.guard, start
        )

    def narrow(self, i, slope):
        """Keep the sharper slope of coordinate i."""
        if slope.bound < self.second[i].bound:
            self.second[i] = slope

    def _differences(self):
        known = self.first[0] if self.first else self.claimed
        self.size = typical(known, self.problem.blocks)
        rel = LOOSE if self.first else TIGHT
        return [self.slope(i, rel) for i in range(self.problem.size)]

    def _reconcile(self):
        """Drop the complex step if tight differences exclude it somewhere."""
        value, bound = self.first
        clash = [s.excess(value[i], bound[i]) for i, s in enumerate(self.second)]
        for i in np.argsort(clash)[::-1][:5]:
            if clash[i] <= 0:
                return
            if self.refuted(i):
                return

    def refuted(self, i):
        """Whether two independent descents exclude the complex step at i."""
        if self.coarser(i):
            return False
        value, bound = self.first
        for start in 0.23, 0.083:
            again = self.slope(i, TIGHT, start)
            self.narrow(i, again)
            if again.excess(value[i], bound[i]) <= 0:
                return False
        self._distrust("an imaginary part is lost on the way")
        self.first = None
        self.second = self._differences()
        return True

    def coarser(self, i):
        """Whether f turns out noisier over longer steps along i; all is redone then."""
        noise = coarse_noise(self.lines[i])
        if self.warned or not noise > 30 * self.noise:
            return False
        self.noise, self.warned = noise, True
        if self.first:
            value, bound = self.first
            self.first = value, bound + self._step_noises(1e-4)
        self.second = self._differences()
        return True
