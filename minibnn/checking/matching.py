"""The search: which known mistakes, one or two, give exactly the gradient at hand.

A mistake fits where its gradient and the claimed one agree to rounding. It may fit
everywhere, or in some blocks while the others are right. A fit has to be worth more
than the luck of trying: each matched coordinate counts the binary digits by which it
was wrong before, and their sum has to exceed what the number of attempts gives away.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from minibnn.checking.chain import KL_LINKS

MOST_PAIR_WORK = 40_000_000  # coordinates x pairs that are composed link by link
PROBES = 8  # coordinates per block looked at before a pair is worked out in full
SPARE_BITS = 12


class Fit(NamedTuple):
    """One or two mistakes that reproduce the claimed gradient."""

    mistakes: tuple
    blocks: tuple  # for each mistake, the mask of the blocks where it is needed
    odd: np.ndarray  # coordinates nothing explains
    penalty: tuple


class Search:
    """All single gradients of the catalogue against one claimed gradient."""

    def __init__(self, chain, mistakes, claimed, allowance, rtol):
        self.chain, self.mistakes, self.g = chain, mistakes, claimed
        self.allowance, self.rtol, self.blocks = allowance, rtol, chain.blocks
        self.error = np.abs(claimed - chain.right)
        self.wrong = self.error > allowance
        self.right_in = self.blocks.all_in(~self.wrong)
        self.probe = self._probes()
        self._try_all()

    def _probes(self):
        """A few coordinates of every block, wrong ones first."""
        chosen = []
        for cut in self.blocks.slices:
            order = np.argsort(~self.wrong[cut], kind="stable")[:PROBES] + cut.start
            chosen.append(order)
        return np.concatenate(chosen)

    def _try_all(self):
        fits, shows, odd, terms = [], [], [], []
        for mistake in self.mistakes:
            data, kl, total = self._terms(mistake.changes)
            good = self.agrees(total)
            fits.append(self.blocks.all_in(good))
            shows.append(~self.blocks.all_in(self._close(total)))
            odd.append(int((~good).sum()))
            terms.append([part[self.probe] for part in (data, kl, total)])
        self.fits, self.odd = np.array(fits), np.array(odd)
        self.unused = np.array(shows) & ~self.fits  # where it would show, and does not
        self.terms = np.array(terms)

    def _terms(self, changes):
        with np.errstate(all="ignore"):
            data, kl = self.chain.terms(changes)
            total = data + kl
            if any(link == "total" for link, _ in changes):
                total = self.chain.gradient(changes)
            return data, kl, total

    def _close(self, candidate):
        """Where a candidate is the right gradient."""
        with np.errstate(all="ignore"):
            return np.abs(candidate - self.chain.right) <= self.allowance

    def agrees(self, candidate, at=slice(None)):
        """Where a candidate is the claimed gradient, to rounding."""
        with np.errstate(all="ignore"):
            size = np.abs(candidate)
            whole = isinstance(at, slice)
            usual = self._usual(candidate) if whole else size.max(-1, keepdims=True)
            allowed = self.allowance[at] + self.rtol * (size + 0.1 * usual)
            return np.isfinite(candidate) & (np.abs(self.g[at] - candidate) <= allowed)

    def _usual(self, candidate):
        """Root mean square of a candidate in its block: the size of its rounding."""
        squares = np.add.reduceat(np.abs(candidate) ** 2, self.blocks.starts)
        sizes = [cut.stop - cut.start for cut in self.blocks.slices]
        return np.repeat(np.sqrt(squares / sizes), sizes)

    def convincing(self, mask_of_blocks, attempts):
        """Whether the matched coordinates are more than the luck of many attempts."""
        covered = np.repeat(
            mask_of_blocks, [c.stop - c.start for c in self.blocks.slices]
        )
        wrong = covered & self.wrong
        bits = np.log2(self.error[wrong] / np.maximum(self.allowance[wrong], 1e-300))
        return np.minimum(bits, 40).sum() >= SPARE_BITS + np.log2(attempts)

    # --- one mistake ----------------------------------------------------------------

    def singles(self):
        """Mistakes that explain everything alone, in full or in some blocks only."""
        found = []
        for i, fits in enumerate(self.fits):
            if not (fits | self.right_in).all():
                continue
            needed = fits & ~self.right_in
            unused = self.unused[i].sum()
            # a mistake seen wherever it would show needs hardly any luck's allowance
            if self.convincing(needed, len(self.mistakes) if unused else 2**-10):
                found.append(self._fit((i,), (needed,), (unused, i)))
        return sorted(found, key=lambda fit: fit.penalty)

    def singles_and_odd_coordinates(self, most):
        """One mistake made everywhere, but for a few coordinates."""
        found = []
        for i in np.flatnonzero(self.odd <= most):
            total = self.chain.gradient(self.mistakes[i].changes)
            odd = np.flatnonzero(~self.agrees(total))
            mask = np.ones(len(self.right_in), bool)
            if 2 * len(odd) < self.wrong.sum() and self.convincing(
                mask, len(self.mistakes) * self.blocks.size
            ):
                fit = self._fit((i,), (self.fits[i] & ~self.right_in,), (len(odd), i))
                found.append(fit._replace(odd=odd))
        return sorted(found, key=lambda fit: fit.penalty)

    # --- two mistakes ---------------------------------------------------------------

    def pairs(self):
        """Two mistakes: in both terms, in different blocks, or one upon the other."""
        return (
            self._verified(self._additive())
            or self._side_by_side()
            or (self._verified(self._composed()))
        )

    def _additive(self):
        """Candidates (i, j): the data term of i with the KL term of j."""
        in_kl = [m.links <= KL_LINKS for m in self.mistakes]
        in_data = [not (m.links & (KL_LINKS | {"total"})) for m in self.mistakes]
        second = np.flatnonzero(in_kl)
        for i in np.flatnonzero(in_data):
            candidates = self.terms[i, 0] + self.terms[second, 1]
            for j in second[self._plausible(candidates, i, second)]:
                yield i, j

    def _plausible(self, candidates, i, j):
        """Whether the probes agree, in each block with one of the explanations."""
        good = self.agrees(candidates, self.probe)
        starts = np.searchsorted(self.probe_block, np.arange(len(self.right_in)))
        fits = np.logical_and.reduceat(good, starts, axis=-1)
        return (fits | self.fits[i] | self.fits[j] | self.right_in).all(-1)

    @property
    def probe_block(self):
        """The block of every probe."""
        return np.searchsorted(self.blocks.starts, self.probe, side="right") - 1

    def _composed(self):
        """Candidates (i, j) in the same term, one change upon the other."""
        n = len(self.mistakes)
        if self.blocks.size * n**2 / 2 > MOST_PAIR_WORK:
            return
        for i, j in combinations(range(n), 2):
            a, b = self.mistakes[i], self.mistakes[j]
            for first, second in ((i, j), (j, i)) if a.links & b.links else ((i, j),):
                changes = self.mistakes[first].changes + self.mistakes[second].changes
                total = self.chain.gradient(changes)[self.probe]
                if self._plausible(total[None], i, np.array([j]))[0]:
                    yield first, second

    def _verified(self, candidates):
        """The candidates that agree in every coordinate."""
        found, attempts = [], len(self.mistakes) ** 2
        for i, j in candidates:
            a, b = self.mistakes[i], self.mistakes[j]
            fits = self.blocks.all_in(
                self.agrees(self.chain.gradient(a.changes + b.changes))
            )
            alone = self.fits[i] | self.fits[j] | self.right_in
            if (fits | alone).all() and self.convincing(~self.right_in, attempts):
                masks = self._share(i, j, fits & ~self.right_in)
                found.append(self._fit((i, j), masks, ((~fits).sum(), i + j)))
        return sorted(found, key=lambda fit: fit.penalty)

    def _share(self, i, j, both):
        """The blocks where each of two mistakes is needed."""
        only_i = self.fits[i] & ~self.right_in
        only_j = self.fits[j] & ~self.right_in
        return (both & ~only_j) | only_i, (both & ~only_i) | (only_j & ~only_i)

    def _side_by_side(self):
        """Two mistakes in different blocks."""
        found, attempts = [], len(self.mistakes) ** 2
        useful = np.flatnonzero((self.fits & ~self.right_in).any(-1))
        for i, j in combinations(useful, 2):
            if not (self.fits[i] | self.fits[j] | self.right_in).all():
                continue
            first = self.fits[i] & ~self.right_in
            second = self.fits[j] & ~self.right_in & ~first
            unused = (self.unused[i] & ~second).sum() + (self.unused[j] & ~first).sum()
            both = self.convincing(first, attempts) and self.convincing(
                second, attempts
            )
            if both:
                found.append(self._fit((i, j), (first, second), (unused, i + j)))
        return sorted(found, key=lambda fit: fit.penalty)

    def _fit(self, indices, masks, penalty):
        mistakes = tuple(self.mistakes[i] for i in indices)
        return Fit(mistakes, masks, np.zeros(0, int), penalty)
