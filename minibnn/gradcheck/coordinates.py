"""The verdict on every coordinate, where each is judged by itself.

The gradient is blamed where the sharper of two opinions excludes it, beyond what
rounding in grad may explain, and a second descent of the differences does not take its
side. ``status`` says so in a word.
"""

import numpy as np

from minibnn.gradcheck import kinks
from minibnn.gradcheck.claim import SAFETY, usual
from minibnn.gradcheck.noise import coarse_noise, local_noise, step_noise
from minibnn.gradcheck.opinions import Opinions
from minibnn.gradcheck.problem import EPS

# A coordinate is decided when what is left open is below this part of it, or of the
# usual gradient of its block: in double precision, where half the digits of f are
# rounding and differences judge alone, and in single precision.
DECIDED, DECIDED_ROUGH, DECIDED_SINGLE = 1e-4, 1e-5, 0.05
OWN = 0.005  # in double precision always this part of itself: 1 % must show


class Coordinates:
    """Every coordinate judged by itself, from two ``opinions`` about it.

    Arrays over the coordinates: ``claimed``, ``allowance`` (its rounding), ``truth``
    and ``bound`` (the judge's), ``low`` and ``high`` (slopes at a kink, else nan),
    ``status``.
    """

    def __init__(self, problem, claim, noise, tol, guard, rng):
        self.problem, self.claim, self.tol, self.rng = problem, claim, tol, rng
        self.opinions = Opinions(problem, claim, noise, guard, rng)
        self.claimed = claim.g

    def run(self):
        """Collect both opinions and settle every coordinate."""
        self.opinions.collect()
        self.allowance = self.opinions.allowance
        self._take_sides()
        self._confirm()
        self._settle()
        return self

    def _take_sides(self):
        """Fill truth and bound from whoever is the judge, and mark the kinks."""
        o = self.opinions
        if o.first:
            for i in np.flatnonzero(o.first[1] > 1e-10 * np.abs(o.first[0])):
                o.sharpen(i, o.slope(i))
        self.low, self.high, self.difference, self.difference_bound = np.array(
            [(s.low, s.high, s.value, s.bound) for s in o.second]
        ).T
        self.kink = np.array([self._is_kink(i, s) for i, s in enumerate(o.second)])
        self.truth, self.bound = self.difference.copy(), self.difference_bound.copy()
        if o.first:
            unmoved = np.array([s.still for s in o.second]) & (o.first[0] == 0)
            sharper = (o.first[1] <= self.difference_bound) & ~unmoved
            self.truth = np.where(sharper, o.first[0], self.difference)
            self.bound = np.where(sharper, o.first[1], self.difference_bound)
        self._contested()
        at = self.kink
        self.truth[at] = np.clip(self.claimed, self.low, self.high)[at]
        self.bound[at] = self.difference_bound[at]
        self.allowance[at] = 8 * self.claim.eps * np.abs(self.claimed[at])
        blind = ~np.isfinite(self.difference_bound)
        if blind.all() and self.problem.trouble:
            raise self.problem.trouble  # f has failed wherever it was asked near x
        self.bound[blind] = np.inf

    def _is_kink(self, i, slope):
        """Whether f has a kink at x itself, and not just too close for differences."""
        o = self.opinions
        return slope.kink and (not o.first or kinks.at_the_point(o.lines[i], slope))

    def _contested(self):
        """Where the two opinions still exclude each other nothing is certified."""
        first, second = self.opinions.first, self.opinions.second
        self.contested = np.zeros(self.problem.size, dtype=bool)
        apart = np.abs(self.difference - self.truth) + self.difference_bound
        if first:
            clash = [s.excess(first[0][i], first[1][i]) > 0 for i, s in enumerate(second)]
            self.contested = np.array(clash) & ~self.kink
            apart += np.abs(first[0] - self.truth) + first[1]
        self.bound = np.where(self.contested, apart, self.bound)
        self.bound = np.maximum(self.bound, self.opinions.doubt)

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
            if self._guilty(suspects[0]):
                return

    def _guilty(self, i):
        """Whether suspect i stands a second descent; if not, it is a suspect less."""
        o = self.opinions
        if self.kink[i]:
            return True
        again = o.slope(i, start=0.083)
        excluded = again.excess(self.claimed[i], self.allowance[i]) > 0
        if excluded and not again.kink:
            if not o.coarser(i):
                return True
            self._take_sides()
        elif o.first and again.excess(o.first[0][i], o.first[1][i]) > 0 and o.refuted(i):
            self._take_sides()
        elif o.first and o.first[0][i] and self._step_is_sharp(i):
            return True
        else:
            self._yield_to(i, again)
        return False

    def _excuse(self):
        """Allow for cancellation in grad that a jitter of one ulp is too small to see.

        At most 1e-8 of a coordinate: more would hide a float32 array inside grad.
        """
        near = self.problem.gradient_near
        noise = local_noise(near, self.problem, self.rng, 1e-6, looks=2)
        excuse = np.minimum(16 * noise, 1e-8 * np.abs(self.truth))
        self.allowance = np.fmax(self.allowance, excuse)

    def _step_is_sharp(self, i):
        """Whether the error stands out of the complex step's own measured noise."""
        o, line = self.opinions, self.opinions.lines[i]
        error = abs(self.claimed[i] - self.truth[i])
        noise = step_noise(line, self.rng)
        rough = o.warned or o.noise > 1e3 * EPS * abs(self.problem.value)
        if rough or o.stairs(i, coarse_noise(line)):
            gaps = (1e-8, 1e-6, 1e-5, 1e-4)  # f cancels: stairs of any width
            noise = max(noise, *(step_noise(line, self.rng, g, 1) for g in 2 * gaps))
        return error > 16 * noise + self.allowance[i]

    def _yield_to(self, i, again):
        """Let the differences judge coordinate i, with what both descents leave."""
        old = self.difference[i], self.difference_bound[i]
        self.truth[i] = again.value
        apart = abs(again.value - old[0])
        self.bound[i] = max(again.bound, old[1] if self.opinions.first else 0) + 2 * apart
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
        error, o = np.abs(self.claimed - self.truth), self.opinions
        self.error = np.where(np.isnan(error), np.inf, error)
        self.size = np.fmin(o.usual(self.truth), o.usual(self.claimed))
        limit = DECIDED if self.claim.eps < 1e-10 else DECIDED_SINGLE
        rough = not o.first and o.noise > 1e-9 * abs(self.problem.value)
        if limit == DECIDED and rough:
            limit = DECIDED_ROUGH
        scale = np.maximum(np.abs(self.truth), self.size) * max(limit, self.tol)
        self.status = np.full(self.problem.size, "agrees", dtype="<U11")
        scale[self.kink] = 0.1 * (self.high - self.low)[self.kink]
        unclear = ~(self.bound + self.allowance <= scale) & ~self._stationary()
        self.status[unclear | self._too_small()] = "cannot tell"
        self.status[self._suspects()] = "wrong"
        self.status[~np.isfinite(self.claimed)] = "wrong"
        self.bound = self.bound + np.where(self.status == "wrong", 0.0, self.allowance)

    def _too_small(self):
        """Coordinates that are no rounding of zero, but below what the judge sees.

        The rounding of a gradient given as numbers is a guess, and excuses nothing.
        """
        meant, blur = np.abs(self.claimed) > self.allowance, self.bound
        if not self.problem.grad_is_function:
            meant, blur = self.claimed != 0, self.bound + self.allowance
        unseen = meant & (blur > OWN * np.abs(self.truth)) & ~self.kink
        return unseen & (self.claim.eps < 1e-10)

    def _stationary(self):
        """Coordinates that cannot be told from zero, like all of their block.

        The scale to compare with is then that of the terms that cancel, or of the
        slopes not far from x.
        """
        terms = self.claim.spread(self.problem.blocks) / self.claim.eps
        rounding = np.maximum(SAFETY * EPS * terms, self.bound)
        terms = np.maximum(terms, [slope.around for slope in self.opinions.second])
        still = np.zeros(self.problem.size, dtype=bool)
        for index in self.problem.blocks.values():
            still[index] = usual(np.abs(self.truth[index])) <= usual(rounding[index])
        if still.any():
            self.opinions.notes.append(
                "the gradient is zero within rounding here, so most mistakes cannot "
                "be seen: take another x as well"
            )
        return still & (self.bound + self.allowance <= DECIDED * terms)
