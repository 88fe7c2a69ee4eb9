"""Every mistake of a catalogue at a few coordinates, so that thousands can be compared.

The gradient of each mistake is worked out once. Kept are its two terms and their sum at
the probes: all coordinates of a small network, some of every block of a large one. What
agrees at the probes is worked out again in full before it is believed.
"""

import threading

import numpy as np

from minibnn.diagnosis.chain import KL_LINKS, Chain
from minibnn.mistakes.catalogue import catalogue

DRAW_LINKS = {"draw", "noise", "slopes_kept", "eps"} | KL_LINKS
AT_ONCE = 1_000_000  # numbers of one pass over many draws
PROBES = 48  # coordinates kept of every block


class Screen:
    """Terms of all mistakes at the probes of one chain: arrays (mistakes, probes)."""

    def __init__(self, chain, mistakes):
        self.chain, self.mistakes = chain, list(mistakes)
        self.probe = np.concatenate([_spread(cut) for cut in chain.blocks.slices])
        self.starts = np.searchsorted(self.probe, chain.blocks.starts)
        data = dict(self._drawn())
        terms = [self._terms(mistake.changes, data.get(i))
                 for i, mistake in enumerate(self.mistakes)]  # fmt: skip
        shape = (-1, 3, len(self.probe))
        self.data, self.kl, self.total = np.reshape(terms, shape).transpose(1, 0, 2)
        self.in_kl = np.array([m.links <= KL_LINKS for m in self.mistakes], bool)
        both = KL_LINKS | {"total"}
        self.in_data = np.array([not m.links & both for m in self.mistakes], bool)

    def _drawn(self):
        """(i, data term) of the mistakes that concern the draw alone, many at a time."""
        chain = self.chain
        if not chain.fine or chain.local or not chain.has_rho:
            return
        drawn = [i for i, m in enumerate(self.mistakes)
                 if m.links & {"draw", "noise"} and m.links <= DRAW_LINKS]  # fmt: skip
        step = max(1, AT_ONCE // (chain.S * max(chain.blocks.size, chain.F[0].size)))
        for start in range(0, len(drawn), step):
            some = drawn[start : start + step]
            changes = [self.mistakes[i].changes for i in some]
            yield from zip(some, chain.data_of_draws(changes), strict=True)

    def _terms(self, changes, data=None):
        with np.errstate(all="ignore"):
            if data is None:
                data = self.chain.data_term(changes)
            kl = self.chain.kl_term(changes)
            total = data + kl
            if any(link == "total" for link, _ in changes):
                total = self.chain.gradient(changes)
        return [part[self.probe] for part in (data, kl, total)]


def unseen(screen, allowance):
    """The mistakes that move no coordinate here: those as right as the right one."""
    right, probe = screen.chain.right, screen.probe
    with np.errstate(all="ignore"):
        near = np.abs(screen.total - right[probe]) <= allowance[probe]
    for i in np.flatnonzero(near.all(-1)):
        whole = screen.chain.gradient(screen.mistakes[i].changes)
        if (np.abs(whole - right) <= allowance).all():
            yield screen.mistakes[i]


def _spread(cut):
    """Up to ``PROBES`` coordinates of a block, evenly spread."""
    n = cut.stop - cut.start
    steps = np.unique(np.linspace(0, n - 1, min(n, PROBES)).astype(int))
    return cut.start + steps


class Last(threading.local):
    """Of every thread its own: the last case, what its arrays held, its chain."""

    case, held, chain = None, None, None


_LAST = Last()


def prepared(case):
    """The chain of a case; the last one is kept, for many submissions at one case."""
    arrays = (*case.params.values(), case.noise, case.X, case.y)
    held = tuple(np.asarray(array).tobytes() for array in arrays)
    if _LAST.case is not case or _LAST.held != held:
        _LAST.case, _LAST.held, _LAST.chain = case, held, Chain(case)
    return _LAST.chain


def screened(chain, pages, arrays=None):
    """The screen of some pages, made once for a chain.

    ``arrays``: only mistakes that touch all of these arrays of the gradient, and no
    other.
    """
    key = pages, arrays
    if key not in chain.screens:
        mistakes, keys = catalogue(chain, pages), set(chain.blocks.keys)
        if arrays is not None:
            mistakes = [m for m in mistakes
                        if not m.touches or set(m.touches) & keys == set(arrays)]
        chain.screens[key] = Screen(chain, mistakes)
    return chain.screens[key]
