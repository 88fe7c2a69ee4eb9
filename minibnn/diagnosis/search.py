"""The search: which known mistakes, one or two, give exactly the gradient at hand.

A mistake fits where its gradient and the claimed one agree to rounding. It may fit
everywhere, or in some blocks while the others are right. A fit has to be worth more
than the luck of trying: each matched coordinate counts the binary digits by which it
was wrong before, and their sum has to exceed what the number of attempts gives away.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from minibnn.mistakes.catalogue import Mistake
from minibnn.types import Array, IntArray

SPARE_BITS = 12
MOST_COMPOSED = 60  # mistakes of the data term that are tried one upon the other
MOST_BESIDE = 300  # mistakes, each right in some blocks, that are tried side by side


class Fit(NamedTuple):
    """One or two mistakes that reproduce the claimed gradient."""

    mistakes: tuple[Mistake, ...]
    blocks: tuple[Array, ...]  # for each mistake, the mask of the blocks that need it
    odd: IntArray  # coordinates nothing explains
    penalty: tuple[float, ...]


class Search:
    """A claimed gradient against the screens of a catalogue, searched one by one."""

    def __init__(self, chain, claimed, allowance, rtol):
        self.chain, self.g = chain, claimed
        self.allowance, self.rtol, self.blocks = allowance, rtol, chain.blocks
        self.error = np.abs(claimed - chain.right)
        self.wrong = self.error > allowance
        self.right_in = self.blocks.all_in(~self.wrong)
        self.sizes = np.array([cut.stop - cut.start for cut in self.blocks.slices])
        self.bits, at = np.zeros(len(claimed)), self.wrong
        self.bits[at] = np.log2(self.error[at] / np.maximum(allowance[at], 1e-300))

    # --- agreement ------------------------------------------------------------------

    def agrees(self, candidate):
        """Where a candidate is the claimed gradient, to rounding."""
        with np.errstate(all="ignore"):
            size = np.abs(candidate)
            squares = np.add.reduceat(size**2, self.blocks.starts)
            usual = np.repeat(np.sqrt(squares / self.sizes), self.sizes)
            allowed = self.allowance + self.rtol * (size + 0.1 * usual)
            return np.isfinite(candidate) & (np.abs(self.g - candidate) <= allowed)

    def _probes_agree(self, screen, candidates):
        """For each of many candidates at the probes, in which blocks it may fit."""
        with np.errstate(all="ignore"):
            size = np.abs(candidates)
            most = np.maximum.reduceat(size, screen.starts, axis=-1)
            counts = np.diff(np.append(screen.starts, len(screen.probe)))
            usual = np.repeat(most, counts, axis=-1)
            allowed = self.allowance[screen.probe] + self.rtol * (size + usual)
            good = np.abs(self.g[screen.probe] - candidates) <= allowed
            return np.logical_and.reduceat(good, screen.starts, axis=-1)

    def _close(self, candidate):
        """Where a candidate is the right gradient."""
        with np.errstate(all="ignore"):
            return np.abs(candidate - self.chain.right) <= self.allowance

    def convincing(self, mask_of_blocks, attempts):
        """Whether the matched coordinates are more than the luck of many attempts."""
        covered = np.repeat(mask_of_blocks, self.sizes)
        bits = np.minimum(self.bits[covered & self.wrong], 40).sum()
        return bits >= SPARE_BITS + np.log2(attempts)

    def _full(self, changes):
        """(blocks where the changes fit, blocks where they show and do not fit)."""
        total = self.chain.gradient(changes)
        fits = self.blocks.all_in(self.agrees(total))
        return fits, ~self.blocks.all_in(self._close(total)) & ~fits

    # --- one mistake ----------------------------------------------------------------

    def singles(self, screen):
        """Mistakes that explain everything alone, in full or in some blocks only."""
        found = []
        may = self._probes_agree(screen, screen.total) | self.right_in
        for i in np.flatnonzero(may.all(-1)):
            fits, unused = self._full(screen.mistakes[i].changes)
            needed, unused = fits & ~self.right_in, unused.sum()
            if unused and screen.mistakes[i].placed:
                continue
            # a mistake seen wherever it would show needs hardly any luck's allowance
            luck = len(screen.mistakes) if unused else 2**-10
            if (fits | self.right_in).all() and self.convincing(needed, luck):
                found.append(_fit(screen, (i,), (needed,), (unused, i)))
        return _best_first(found)

    def singles_and_odd_coordinates(self, screen, most):
        """One mistake made everywhere, but for a few coordinates."""
        found = []
        with np.errstate(all="ignore"):
            off = np.abs(self.g[screen.probe] - screen.total)
            odd = off > 1e-6 * np.abs(screen.total) + self.allowance[screen.probe]
        every = np.ones(len(self.right_in), bool)
        for i in np.flatnonzero(odd.sum(-1) <= most):
            total = self.chain.gradient(screen.mistakes[i].changes)
            odd = np.flatnonzero(~self.agrees(total))
            few, luck = len(odd) <= most, len(screen.mistakes) * self.blocks.size
            if few and 2 * len(odd) < self.wrong.sum() and self.convincing(every, luck):
                needed = self.blocks.all_in(self.agrees(total)) & ~self.right_in
                fit = _fit(screen, (i,), (needed,), (len(odd), i))
                found.append(fit._replace(odd=odd))
        return _best_first(found)

    def with_factor(self, screen):
        """(i, term, c): mistake i with one of its terms, or all, times a constant."""
        counts = np.diff(np.append(screen.starts, len(screen.probe)))
        g, kept = self.g[screen.probe], np.repeat(~self.right_in, counts)
        weight = kept / self.chain.magnitude[screen.probe]
        for term, scaled, rest in (
            ("data", screen.data, screen.kl),
            ("kl", screen.kl, screen.data),
            ("total", screen.total, np.zeros(1)),
        ):
            with np.errstate(all="ignore"):
                a, b = (g - rest) * weight, scaled * weight
                c = (a * b).sum(-1) / (b * b).sum(-1)
                c = np.where(np.isfinite(c), c, 0.0)
                may = self._probes_agree(screen, rest + c[:, None] * scaled)
            for i in np.flatnonzero((may | self.right_in).all(-1) & (c != 0)):
                if screen.mistakes[i].links & {"total", term}:
                    continue
                change = term, lambda value, chain, c=c[i]: c * value
                fits, _ = self._full((*screen.mistakes[i].changes, change))
                luck = float(len(screen.mistakes)) ** 2
                needed = fits & ~self.right_in
                if (fits | self.right_in).all() and self.convincing(needed, luck):
                    yield i, term, float(c[i])

    # --- two mistakes ---------------------------------------------------------------

    def pairs(self, screen):
        """Two mistakes: in both terms, in different blocks, or one upon the other."""
        return (
            self._verified(screen, self._additive(screen))
            or self._side_by_side(screen)
            or self._verified(screen, self._composed(screen))
        )

    def _additive(self, screen):
        """Candidates (i, j): the data term of i with the KL term of j.

        Seen in one random projection, the KL terms are numbers in a sorted list.
        """
        i, j = np.flatnonzero(screen.in_data), np.flatnonzero(screen.in_kl)
        size = self.chain.magnitude[screen.probe]
        mix = np.random.default_rng(0).normal(size=len(size)) / size
        with np.errstate(all="ignore"):
            wanted = (self.g[screen.probe] - screen.data[i]) @ mix
            there = screen.kl[j] @ mix
            slack = 1e-6 * (np.abs(screen.data[i]) + np.abs(screen.kl[0])) @ np.abs(mix)
        order = np.argsort(there)
        low, high = (
            np.searchsorted(there[order], wanted + sign * slack) for sign in (-1, 1)
        )
        for k in np.flatnonzero((low < high) & np.isfinite(wanted)):
            for m in order[low[k] : high[k]]:
                both = (screen.data[i[k]] + screen.kl[j[m]])[None]
                if (self._probes_agree(screen, both) | self.right_in).all():
                    yield i[k], j[m]

    def _verified(self, screen, candidates):
        """The candidates that agree in every coordinate."""
        found, attempts = [], float(len(screen.mistakes)) ** 2
        for i, j in candidates:
            a, b = screen.mistakes[i].changes, screen.mistakes[j].changes
            fits, unused = self._full(a + b)
            if (fits | self.right_in).all() and self.convincing(fits, attempts):
                masks = self._share(a, b, fits & ~self.right_in)
                found.append(_fit(screen, (i, j), masks, (unused.sum(), i + j)))
        return _best_first(found)

    def _share(self, first, second, both):
        """The blocks where each of two mistakes is needed."""
        only_i, only_j = (self._full(c)[0] & ~self.right_in for c in (first, second))
        return (both & ~only_j) | only_i, (both & ~only_i) | (only_j & ~only_i)

    def _side_by_side(self, screen):
        """Two mistakes in different blocks."""
        found, attempts = [], float(len(screen.mistakes)) ** 2
        may = self._probes_agree(screen, screen.total) & ~self.right_in
        useful = np.flatnonzero(may.any(-1))[:MOST_BESIDE]
        exact = {i: self._full(screen.mistakes[i].changes) for i in useful}
        for i, j in combinations(useful, 2):
            (fits_i, unused_i), (fits_j, unused_j) = exact[i], exact[j]
            if not (fits_i | fits_j | self.right_in).all():
                continue
            first = fits_i & ~self.right_in
            second = fits_j & ~self.right_in & ~first
            unused = (unused_i & ~second).sum() + (unused_j & ~first).sum()
            if self.convincing(first, attempts) and self.convincing(second, attempts):
                found.append(_fit(screen, (i, j), (first, second), (unused, i + j)))
        return _best_first(found)

    def _composed(self, screen):
        """Candidates (i, j) in the data term, one change upon the other."""
        chosen = [i for i in np.flatnonzero(screen.in_data) if _common(screen, i)]
        for i, j in combinations(chosen[:MOST_COMPOSED], 2):
            a, b = screen.mistakes[i], screen.mistakes[j]
            for first, second in ((i, j), (j, i)) if a.links & b.links else ((i, j),):
                changes = screen.mistakes[first].changes + screen.mistakes[second].changes
                total = self.chain.gradient(changes)[screen.probe]
                if (self._probes_agree(screen, total[None]) | self.right_in).all():
                    yield first, second


def _best_first(fits):
    return sorted(fits, key=lambda fit: fit.penalty)


def _common(screen, i):
    """Whether a mistake is one that often comes with others; factors are measured."""
    mistake = screen.mistakes[i]
    return mistake.links != {"data"} and not mistake.name.startswith(
        ("dropped", "doubled", "only")
    )


def _fit(screen, indices, masks, penalty):
    mistakes = tuple(screen.mistakes[i] for i in indices)
    return Fit(mistakes, masks, np.zeros(0, int), penalty)
