"""The diagnosis: which mistake turns the right gradient into the one at hand."""

from dataclasses import dataclass

import numpy as np

from minibnn.checking import facts
from minibnn.checking.chain import Chain
from minibnn.checking.claimed import claimed_gradient, frozen_noise
from minibnn.checking.matching import Search
from minibnn.checking.mistakes import Mistake, catalogue
from minibnn.checking.points import RTOL, Case, resolution
from minibnn.kernels.doors import door
from minibnn.kernels.validate import check_instance

MOST_ODD = 8  # single coordinates named one by one


@dataclass(frozen=True)
class Finding:
    """One likely mistake: its name, equation, formulas, hint, and the evidence.

    Attributes
    ----------
    name, label, wrong, right, hint : str
        As in the catalogue.
    where : str
        The blocks it was found in.
    explained : float
        Share of the squared error that is gone once it is accounted for, 0 to 1.
    before, after : float
        Largest error of a coordinate relative to the terms it is a sum of, before and
        after accounting for it (and for those named before it).
    rank : int
        1 for the best explanation; two mistakes at once share a rank.
    """

    name: str
    label: str
    wrong: str
    right: str
    hint: str
    where: str
    explained: float
    before: float
    after: float
    rank: int

    def __str__(self):
        return (
            f"{self.rank}. {self.name} ({self.label}), {self.where}\n"
            f"   yours:  {self.wrong}\n   right:  {self.right}\n"
            f"   error {self.before:.1e} -> {self.after:.1e}, "
            f"{100 * self.explained:.4g} % explained\n   hint:   {self.hint}"
        )


@door
@dataclass(frozen=True)
class Diagnosis:
    """What :func:`diagnose` found.

    Attributes
    ----------
    verdict : {"no mistake", "mistake", "none fits"}
    mistakes : tuple of Finding
        Ranked; the findings of rank 1 together are the best explanation. Lower ranks
        give the same numbers at this point.
    facts : tuple of str
        What is known besides: where the gradient is right, which term or link is.
    clean : dict
        Block name -> whether the gradient is right there.
    error : float
        Largest error of a coordinate relative to the terms it is a sum of.
    hidden : tuple of Mistake
        Known mistakes that cannot be seen at this point (see ``points.lint``).
    """

    verdict: str
    mistakes: tuple
    facts: tuple
    clean: dict
    error: float
    hidden: tuple

    def __str__(self):
        head = {
            "no mistake": f"no mistake: the gradient is right to {self.error:.1e}",
            "none fits": f"wrong by {self.error:.1e}, and no known mistake fits",
            "mistake": f"wrong by {self.error:.1e}; most likely",
        }[self.verdict]
        lines = [head, *map(str, self.mistakes), *(f"- {fact}" for fact in self.facts)]
        if self.hidden:
            names = ", ".join(m.name for m in self.hidden[:4])
            more = ", ..." if len(self.hidden) > 4 else ""
            lines.append(f"- {len(self.hidden)} known mistakes would not show at this "
                         f"point: {names}{more}")  # fmt: skip
        return "\n".join(lines)

    __repr__ = __str__

    def to_dict(self):
        """Plain numbers and strings, for JSON."""
        return {
            "verdict": self.verdict,
            "error": self.error,
            "mistakes": [vars(finding).copy() for finding in self.mistakes],
            "facts": list(self.facts),
            "clean": dict(self.clean),
            "hidden": [mistake.name for mistake in self.hidden],
        }


@door
def diagnose(student_gradient, case):
    """Name the mistake in a gradient of the negative ELBO, or say that none fits.

    Parameters
    ----------
    student_gradient : function or dict of arrays
        The gradient at ``case``: a dict with the keys and shapes of ``case.params``; or
        a function that returns one, alone or as the second item of a tuple
        ``(loss, gradient, ...)``. A function is called

        - as ``f(case)`` if it takes exactly one argument,
        - like ``neg_elbo`` if its first argument is named ``model``,
        - else as ``f(params, noise, X, y)``; ``n_data`` and ``kl_weight`` are passed
          by name if it has arguments of these names.
    case : Case
        From ``minibnn.checking.points``: ``generic(model, family)`` or your own.

    Returns
    -------
    Diagnosis
        Judged at the precision of the arrays: float32 gradients as float32.

    Raises
    ------
    ValueError, TypeError
        If the gradient has other keys or shapes than the params, or is not finite.
    """
    check_instance("case", case, Case, "a Case from minibnn.checking.points")
    chain = Chain(case)
    gradient, dtype = claimed_gradient(student_gradient, case)
    rtol = max(RTOL, 256 * np.finfo(dtype).eps)
    allowance = resolution(chain, dtype)
    mistakes = catalogue(chain)
    search = Search(chain, mistakes, chain.blocks.flat(gradient), allowance, rtol)
    hidden = tuple(mistakes[i] for i in np.flatnonzero(_unseen(search)))
    if not search.wrong.any():
        return _diagnosis("no mistake", search, (), (), hidden)
    if callable(student_gradient) and not frozen_noise(
        student_gradient, case, gradient
    ):
        return _redrawn(search, hidden)
    fits = _explanations(search)
    verdict = "mistake" if fits else "none fits"
    return _diagnosis(verdict, search, fits, facts.sentences(search), hidden)


def _unseen(search):
    """The mistakes that move no coordinate here: those as right as the right one."""
    right = search.chain.right
    return [
        (np.abs(search.chain.gradient(m.changes) - right) <= search.allowance).all()
        for m in search.mistakes
    ]


def _explanations(search):
    """Groups of (mistake, words where), best first; the simplest kind that fits."""
    fits = search.singles()
    if not fits:
        extra = facts.factors(search) or facts.other_draw(search)
        if extra is not None:
            return [[(extra, search.blocks.where(~search.right_in), None)]]
    odd = np.flatnonzero(search.wrong)
    if not fits and len(odd) <= min(MOST_ODD, max(1, search.blocks.size // 20)):
        return [[_odd(search, odd)]]
    fits = fits or search.pairs()
    fits = fits or search.singles_and_odd_coordinates(
        min(MOST_ODD, search.blocks.size // 20)
    )
    return [_named(search, fit) for fit in fits[:5]]


def _named(search, fit):
    group = [
        (mistake, search.blocks.where(mask), mistake.changes)
        for mistake, mask in zip(fit.mistakes, fit.blocks, strict=True)
    ]
    return group + ([_odd(search, fit.odd)] if len(fit.odd) else [])


def _odd(search, odd):
    names = ", ".join(search.blocks.coordinate(i) for i in odd)
    mistake = Mistake(
        "single-coordinates", "E51", "these coordinates alone", "like all the others",
        "What is special about these indices?", "",
    )  # fmt: skip
    return mistake, names, None


def _redrawn(search, hidden):
    mistake = Mistake(
        "noise-redrawn", "E61", "fresh noise at every call", "the noise it is given",
        "Call your function twice. Why does it give two answers?", "",
    )  # fmt: skip
    return _diagnosis("mistake", search, [[(mistake, "everywhere", None)]], (), hidden)


def _diagnosis(verdict, search, groups, known, hidden):
    findings = [
        finding
        for rank, group in enumerate(groups, 1)
        for finding in _findings(search, group, rank)
    ]
    names = [
        " ".join(str(part) for part in name if part) for name in search.blocks.names
    ]
    right = [bool(ok) for ok in search.right_in]
    return Diagnosis(
        verdict=verdict,
        mistakes=tuple(findings),
        facts=tuple(known),
        clean=dict(zip(names, right, strict=True)),
        error=_size(search, search.chain.right),
        hidden=hidden,
    )


def _findings(search, group, rank):
    """The evidence for each mistake of a group, accounted for one after the other."""
    chain, changes = search.chain, ()
    before = chain.right
    for k, (mistake, where, added) in enumerate(group):
        last = k == len(group) - 1
        changes += added or ()
        after = search.g if last else _nearest(search, chain.gradient(changes), before)
        yield Finding(
            mistake.name, mistake.label, mistake.wrong, mistake.right, mistake.hint,
            where, _explained(search, before, after), _size(search, before),
            0.0 if last else _size(search, after), rank,
        )  # fmt: skip
        before = after


def _nearest(search, candidate, other):
    """Block by block, whichever of two gradients is nearer to the claimed one."""
    out = other.copy()
    for cut in search.blocks.slices:
        old, new = (np.abs(v[cut] - search.g[cut]).sum() for v in (other, candidate))
        if new < old:
            out[cut] = candidate[cut]
    return out


def _explained(search, before, after):
    scale = search.chain.magnitude
    total = (((search.g - search.chain.right) / scale) ** 2).sum()
    gone = (((search.g - before) / scale) ** 2).sum()
    return float((gone - (((search.g - after) / scale) ** 2).sum()) / total)


def _size(search, candidate):
    return float(np.max(np.abs(search.g - candidate) / search.chain.magnitude))
