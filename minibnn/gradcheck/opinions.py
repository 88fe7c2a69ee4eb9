"""Two opinions on every coordinate, each with its bound, and their quarrels.

The complex step is the first opinion, Romberg's differences are the second. Where
they exclude each other, shorter steps are asked, down to where rounding would hide the
quarrel. If all of them side with the differences an imaginary part was lost inside f,
and the differences judge alone; unless f cancels so badly that neither is sharp.
Where both agree on every coordinate, f is asked once more, along one direction and over
ever shorter steps, whether there is anything that both have overlooked.
"""

import numpy as np

from minibnn.gradcheck.claim import SAFETY, jitter, typical
from minibnn.gradcheck.lines import Axis, Direction, complex_step
from minibnn.gradcheck.noise import coarse_noise, coarse_step_noise, stairs, step_noise
from minibnn.gradcheck.problem import EPS
from minibnn.gradcheck.reasons import brief
from minibnn.gradcheck.romberg import echo, romberg

UNSEEN = 1e3  # times finer than x what does not stand out of rounding may be
FINE = 1e-6  # part of x_i over which a structure may be too fine for differences
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
        self.lines = [Axis(problem, i) for i in range(problem.size)]
        self.claimed = claim.g
        self.allowance = claim.allowance(problem.blocks)
        # how little the derivative itself is determined where f rounds its numbers
        self.own = 4 * claim.spread(problem.blocks) * (EPS / claim.eps)
        self.notes, self.judge, self.warned = [], "complex step", False
        self.first, self.second = None, []
        self.grain = noise  # of the values of f, as coarse as any line has shown

    def collect(self):
        """Ask both, and settle whether the first can be believed."""
        self.doubt = np.zeros(self.problem.size)
        self.first = self._first_opinion()
        self.second = self._differences()
        if self.first:
            self._saturated()
            self._reconcile()
        if self._overlooked():
            doubt, step = self.doubt.copy(), self._steps()
            self.second = self._differences()
            if self.first:
                self._reconcile()
            self._overlooked()
            far = step / self.problem.reach  # short steps have not passed over much
            bound = np.array([s.bound for s in self.second])
            settled = (self._steps() <= step / 8) & (bound <= 1e-3 * doubt)
            doubt = 10 * np.maximum(doubt, 3 * self.doubt)
            self.doubt = np.where(settled | (far < 1e-3 * far.max()), 0.0, doubt)

    def _saturated(self):
        """Where f is flat in floats, see whether the complex step has stairs too."""
        for i, slope in enumerate(self.second):
            if slope.grain > 1e3 * self.noise:
                self.first[1][i] += 16 * coarse_step_noise(self.lines[i])

    def _steps(self):
        return np.array([s.step if s.step > 0 else 0.0 for s in self.second])

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
        move = self._condition(value)
        if not len(self.claim.copies):
            least = self.claim.eps * np.abs(self.claimed)
            self.allowance = SAFETY * move + 8 * least
        own = 4 * (move * (EPS / self.claim.eps) + EPS * np.abs(value))
        self.own = np.maximum(own, self.own if len(self.claim.copies) else 0.0)
        rounding = 4 * gap + 64 * EPS * np.abs(value) + self.own
        return value, rounding + self._roughness(value)

    def _roughness(self, value):
        """Noise of the complex step where f amplifies rounding, as one direction tells.

        It does where f itself cancels, and where only complex arithmetic does:
        NumPy's complex log1p and expm1 lose digits that the real ones keep.
        """
        size = np.abs(value)
        weight = np.maximum(size, 1e-6 * self.usual(value))
        z = self.rng.standard_normal(size.size)
        d = Direction(self.problem, z / weight)
        noise = step_noise(d, self.rng)
        if noise <= 1e-13 * np.linalg.norm(z * size / weight):
            return max(4.0, 16 / np.sqrt(size.size)) * noise * size
        return self._step_noises(1e-6)

    def _step_noises(self, gap):
        return np.array([16 * step_noise(line, self.rng, gap) for line in self.lines])

    def _condition(self, value):
        """Rounding of a gradient given as numbers: move x for the oracle instead."""
        bases = [jitter(self.problem.x, self.claim.eps, self.rng) for _ in range(2)]
        moved = [[line.at(base).slope() for line in self.lines] for base in bases]
        # the larger one: opposite terms may cancel; 0 beyond an edge
        return np.nan_to_num(np.abs(np.array(moved) - value)).max(axis=0)

    def _distrust(self, why):
        self.judge = "central differences"
        self.notes.append(f"f is not complex-safe ({why}); differences judge alone")

    def slope(self, i, rel=TIGHT, start=0.23, claimed=True):
        """Romberg's slope along coordinate i, settled with whoever contradicts it."""
        rivals = [self.claimed[i]] if claimed or not self.first else []
        rivals += [self.first[0][i]] if self.first else []
        rivals += [self.second[i].value] if self.second else []
        found = romberg(
            self.lines[i], self.problem.value, self.noise, rel,
            self.size[i] if rel == LOOSE else 0.0, self.guard, start,
            rivals=rivals, doubt=self.doubt[i],
        )  # fmt: skip
        found.bound += self.own[i]
        if not self.first:  # nobody else would see a structure that fine
            least = min(self._hidden(i), FINE * abs(found.value))
            found.bound = max(found.bound, least)
        if abs(found.value) <= found.bound:  # nothing is seen: f may be finer than x
            found.bound *= UNSEEN
        self.grain = max(self.grain, found.grain)
        if found.still:  # rounding inside of f may hide as much
            found.bound = max(found.bound, 6 * self.grain / found.step)
        return found

    def usual(self, values):
        """The usual size of a gradient, for each coordinate in its own unit."""
        reach = self.problem.reach
        return typical(values * reach, self.problem.blocks) / reach

    def sharpen(self, i, slope):
        """Keep the sharper slope of coordinate i."""
        if slope.bound < self.second[i].bound:
            self.second[i] = slope

    def _differences(self):
        self.size = self.usual(self.first[0] if self.first else self.claimed)
        rel = LOOSE if self.first else TIGHT
        found = [self.slope(i, rel, claimed=False) for i in range(self.problem.size)]
        for slope in found:  # one line may have shown how coarse the values of f are
            if slope.still and slope.grain > self.noise:
                slope.bound = max(slope.bound, 6 * self.grain / slope.step)
        if not self.first and not self.problem.grad_is_function:
            self._move(found)
        return found

    def _move(self, found):
        """What rounding does to the derivative: the same difference beside x.

        Asked of f where there is no gradient that could be asked.
        """
        bases = [jitter(self.problem.x, EPS, self.rng) for _ in range(2)]
        for slope, line in zip(found, self.lines, strict=True):
            if slope.step > 0:
                here, *there = (
                    other.probe(slope.step)[0] - other.probe(-slope.step)[0]
                    for other in (line, *map(line.at, bases))
                )
                move = max(abs(value - here) for value in there)
                slope.bound += 3 * move / slope.step

    def _reconcile(self):
        """Drop the complex step if tight differences exclude it somewhere."""
        value, bound = self.first
        clash = [s.excess(value[i], bound[i]) for i, s in enumerate(self.second)]
        for i in np.argsort(clash)[::-1][:5]:
            if clash[i] <= 0 or self.refuted(i):
                return

    def _hidden(self, i):
        """The slope of what rounding hides over a small part of x_i."""
        return 100 * self.noise / (FINE * self.lines[i].reach)

    def refuted(self, i):
        """Whether two independent descents exclude the complex step at i.

        What only longer steps show may be a structure finer than they are.
        """
        if self.coarser(i):
            return False
        value, bound = self.first
        if abs(value[i] - self.second[i].value) < self._hidden(i):
            return False
        for start in 0.23, 0.083:
            again = self.slope(i, TIGHT, start)
            self.sharpen(i, again)
            if again.excess(value[i], bound[i]) <= 0:
                return False
        self._distrust("an imaginary part is lost on the way")
        self.first = None
        self.second = self._differences()
        return True

    def stairs(self, i, noise):
        """Whether noise over longer steps along i is a staircase, not fine structure."""
        line = self.lines[i]
        if not noise > 30 * self.noise:
            return False
        return stairs(line.leap(1e-3 * line.reach, 0.03 * noise), 0.3 * noise)

    def _overlooked(self):
        """Whether f contradicts the slopes found, somewhere at shorter steps.

        One direction moves each coordinate by the shortest step behind its slope, then
        by an eighth of it, and so on. Rounding allows so many times less of an error as
        the step is long, wherever it sits: no coordinate hides behind another.
        """
        step = np.array([0.0 if s.kink else s.step for s in self.second])
        value = np.array([s.value for s in self.second])
        bound = np.array([s.bound for s in self.second])
        if self.first:
            sharper = self.first[1] < bound
            value = np.where(sharper, self.first[0], value)
            bound = np.where(sharper, self.first[1], bound)
        use = (step > 0) & np.isfinite(bound)
        if not use.any():
            return False
        z = self.rng.uniform(0.5, 1.0, use.sum()) * self.rng.choice([-1, 1], use.sum())
        d = np.zeros(self.problem.size)
        d[use] = z * step[use]
        value[~use], bound[~use] = 0.0, 0.0
        noise = max(self.noise, *(s.grain for s in self.second))
        odd = echo(self.problem, d, value, bound @ np.abs(d), noise)
        self.doubt[:] = 0.0
        self.doubt[use] = odd / np.abs(d[use]) / 3
        return odd > 0

    def coarser(self, i):
        """Whether f turns out noisier over longer steps along i; all is redone then."""
        if self.warned or not self.stairs(i, noise := coarse_noise(self.lines[i])):
            return False
        self.noise, self.warned = noise, True
        if self.first:
            value, bound = self.first
            self.first = value, bound + self._step_noises(1e-4)
        self.second = self._differences()
        return True
