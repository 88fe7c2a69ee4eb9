"""The diagnosis: which mistake turns the right gradient into the one at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from minibnn.diagnosis import facts, fitted_number, numerical, untold
from minibnn.diagnosis.findings import Diagnosis, Finding
from minibnn.diagnosis.points import RTOL, Case, resolution
from minibnn.diagnosis.screen import prepared, screened, unseen
from minibnn.diagnosis.search import Search
from minibnn.diagnosis.student import (
    Student,
    claimed_gradient,
    frozen_noise,
    ignored,
    other_draw,
)
from minibnn.mistakes import measured
from minibnn.mistakes.catalogue import BY_RULE, LISTED, Mistake
from minibnn.validation.arguments import check_instance
from minibnn.validation.doors import door

MOST_NAMED = 5  # explanations shown
MOST_ODD = 8  # single coordinates named one by one


@door
def diagnose(
    student_gradient: Callable[..., Any] | dict[str, Any], case: Case
) -> Diagnosis:
    """Name the mistake in a gradient of the negative ELBO, or say that none fits.

    Parameters
    ----------
    student_gradient : function or dict of arrays
        The gradient at ``case``: a dict with the keys and shapes of ``case.params``; or
        a function that returns one, alone or in a tuple such as ``(loss, gradient)``;
        arrays in the order of the params do as well. A function of one argument is given
        the case, or the params if it calls them so. Any other says by its names what it
        wants, in any order: ``params`` or the arrays ``mu, rho``; ``noise`` or ``eps``;
        ``X``; ``y``; ``n_data`` or ``N``; ``kl_weight``, ``T`` or ``beta``; ``model``,
        ``family``, ``estimator``; of a Gaussian likelihood ``noise_sd``, of a Gaussian
        prior ``m0`` and ``s0``. Without such names the order is ``(params, noise, X,
        y)``. What it does not take it need not know: without ``kl_weight`` it is judged
        with 1, without ``n_data`` with the N that is seen in it.
    case : Case
        From ``minibnn.diagnosis.points``: ``generic(model, family)`` or your own.

    Returns
    -------
    Diagnosis
        Judged at the precision of the arrays: float32 gradients as float32.

    Raises
    ------
    ValueError, TypeError
        If the gradient has other keys or shapes than the params, or is not finite.

    Examples
    --------
    >>> import minibnn as mb
    >>> net = mb.MLP([2, 3, 1], activation="tanh")
    >>> model = mb.Model(net, mb.Gaussian(0.3), mb.GaussianPrior(0.2, 1.5))
    >>> case = mb.diagnosis.points.generic(model, mb.MeanField())
    >>> mb.diagnose(case.gradient(), case).verdict
    'no mistake'
    >>> student = {key: -g for key, g in case.gradient().items()}
    >>> found = mb.diagnose(student, case).mistakes[0]
    >>> found.name, found.wrong
    ('gradient-of-the-elbo', '-loss')
    """
    check_instance("case", case, Case, "a Case from minibnn.diagnosis.points")
    chain = untold.with_flat_targets(student_gradient, prepared(case))
    case = chain.case
    gradient, dtype = claimed_gradient(student_gradient, case)
    look = partial(_search, chain.blocks.flat(gradient), dtype)
    search = look(chain)
    if not search.wrong.any():
        return _diagnosis("no mistake", search)
    given = student_gradient, case
    if callable(student_gradient) and not frozen_noise(*given, gradient):
        return _redrawn(search)
    student = Student(*given, chain)
    used = untold.instead(student)
    return _right(look, used, student) or _fewest_mistakes(look, used, student)


def _search(gradient, dtype, chain):
    rtol = max(RTOL, 256 * np.finfo(dtype).eps)
    return Search(chain, gradient, resolution(chain, dtype), rtol)


def _right(look, used, student):
    """Right with what the function takes, or but for its own N or prior; else None."""
    search = look(used.chain)
    if not search.wrong.any():
        return _diagnosis("no mistake", search, (), used.facts)
    on = untold.condition(look, used)
    if on is None:
        return None
    other = look(used.likely)
    otherwise = _explanations(other, student.at_chain(used.likely))
    found = _diagnosis("right if", other, otherwise, used.facts)
    clean = dict.fromkeys(found.clean, True)
    return replace(found, condition=on[0], error=on[1], clean=clean)


def _fewest_mistakes(look, used, student):
    """What is wrong, with what the function takes or at its case as it is."""
    found = []
    for chain in dict.fromkeys((used.likely, student.chain)):
        told = used.facts + used.own
        found.append(_mistaken(look(chain), student.at_chain(chain), told))
        if _count(found[-1]) == 1:
            break
    return min(found, key=lambda diagnosis: _count(diagnosis) or np.inf)


def _count(diagnosis):
    return sum(finding.rank == 1 for finding in diagnosis.mistakes)


def _mistaken(search, student, told):
    """The diagnosis of a gradient that is wrong."""
    fits = _explanations(search, student)
    known = (*told, *facts.sentences(search, student, named=bool(fits)))
    return _diagnosis("mistake" if fits else "none fits", search, fits, known)


def _explanations(search, student):
    """Groups of (mistake, words where), best first: of the first kind that fits."""
    if not search.wrong.any():
        return []
    kinds = (_zero, _listed, _by_rule, _with_a_number, _by_numerics, _single_coordinates,
             _with_factor, _several)  # fmt: skip
    kinds = kinds[:5] if _own(search) else kinds
    return next((groups for kind in kinds if (groups := kind(search, student))), [])


def _own(search):
    """Whether the log noise scale alone is wrong: too few numbers for more than luck."""
    own = np.array([name[2] == "log noise scale" for name in search.blocks.names])
    return bool((own | search.right_in).all())


def _alone(search, mistake):
    """The one explanation, wherever the gradient is wrong."""
    return [[(mistake, search.blocks.where(~search.right_in), mistake.changes or None)]]


def _zero(search, student):
    return [] if search.g.any() else _alone(search, numerical.nothing(search))


def _listed(search, student):
    """Mistakes of the lists that are made everywhere; a factor on a term."""
    fits = search.singles(screened(search.chain, LISTED))
    if fits and not fits[0].penalty[0]:
        return _groups(search, fits)
    return [] if fits else _measured(search, measured.factors)


def _by_rule(search, student):
    """The rules' mistakes, page by page, and those of the lists in some blocks."""
    fits = _whole_arrays(search, search.singles(screened(search.chain, LISTED)))
    for page in _pages(search):
        made = search.singles(screened(search.chain, (page,), _wrong(search)))
        if made:  # a mistake of the lists in a whole array is the simpler story
            fits += [f._replace(penalty=(f.penalty[0] + 0.75, *f.penalty[1:]))
                     for f in made]  # fmt: skip
            break
    return _groups(search, sorted(fits, key=lambda fit: fit.penalty[0]))


def _pages(search):
    """The rules' pages; those of the noise scale first where it alone is wrong."""
    alone = _own(search)
    return sorted(BY_RULE, key=lambda page: alone and page != "noise_scale")


def _with_a_number(search, student):
    return _measured(search, measured.families)


def _by_numerics(search, student):
    found = (numerical.explanation(search) or other_draw(student, search)
             or ignored(student, search.g))  # fmt: skip
    return _alone(search, found) if found else []


def _few(search):
    return min(MOST_ODD, max(1, search.blocks.size // 20))


def _single_coordinates(search, student):
    odd = np.flatnonzero(search.wrong)
    return [[_odd(search, odd)]] if len(odd) <= _few(search) else []


def _several(search, student):
    """Two mistakes of the lists, or one and a few coordinates."""
    listed = screened(search.chain, LISTED)
    fits = search.pairs(listed)
    fits = fits or search.singles_and_odd_coordinates(listed, _few(search))
    return _groups(search, fits)


def _whole_arrays(search, fits):
    """Fits with those preferred that explain one array whole and leave the other."""
    out = []
    for fit in fits:
        keys = [name[0] for name in search.blocks.names]
        explained = {k for k, yes in zip(keys, fit.blocks[0], strict=True) if yes}
        spared = {k for k, ok in zip(keys, search.right_in, strict=True) if ok}
        unused = 0.5 if not explained & spared else fit.penalty[0]
        out.append(fit._replace(penalty=(unused, *fit.penalty[1:])))
    return out


def _groups(search, fits):
    return [_named(search, fit) for fit in fits[:MOST_NAMED]]


def _measured(search, families):
    """Mistakes that differ in a number only, which fits."""
    fits = fitted_number.fitted(search, families)[:MOST_NAMED]
    found = [(fitted_number.mistake(search.chain, f, t), needed) for f, t, needed in fits]
    return [[(m, search.blocks.where(needed), m.changes)] for m, needed in found]


def _with_factor(search, student):
    """A mistake of the lists or rules with a factor, and the name of the factor."""
    listed = screened(search.chain, LISTED)
    screens = [listed, *(screened(search.chain, (p,), _wrong(search)) for p in BY_RULE)]
    families = dict(zip(("data", "kl", "total"), measured.factors(search.chain),
                        strict=True))  # fmt: skip
    where = search.blocks.where(~search.right_in)
    for screen in screens:
        found = {}  # a pair in either order is one
        for i, term, c in search.with_factor(screen):
            first = screen.mistakes[i]
            factor = _known_factor(search, listed, term, c)
            factor = factor or fitted_number.mistake(search.chain, families[term], c - 1)
            pair = [(first, where, first.changes), (factor, where, factor.changes)]
            found.setdefault(frozenset((first.name, factor.name)), pair)
        if found:
            return list(found.values())[:MOST_NAMED]
    return []


def _known_factor(search, listed, term, c):
    """The mistake of the lists that multiplies this term with c, if there is one."""
    chain, links = search.chain, {"data", "kl"} if term == "total" else {term}
    right = {"data": chain.data, "kl": chain.kl, "total": chain.right}[term]
    right = c * right[listed.probe]
    for i, mistake in enumerate(listed.mistakes):
        given = getattr(listed, term)[i]
        if mistake.links == links and np.allclose(given, right, rtol=1e-9, atol=0):
            return mistake
    return None


def _wrong(search):
    keys = search.blocks.keys
    return tuple(k for k, cut in keys.items() if search.wrong[cut].any())


def _named(search, fit):
    group = [(mistake, search.blocks.where(mask), mistake.changes)
             for mistake, mask in zip(fit.mistakes, fit.blocks, strict=True)]  # fmt: skip
    return group + ([_odd(search, fit.odd)] if len(fit.odd) else [])


def _odd(search, odd):
    names = ", ".join(search.blocks.coordinate(i) for i in odd)
    mistake = Mistake("single-coordinates", "E51", "these coordinates alone",
                      "like all the others", "What is special about these indices?", "")
    return mistake, names, None


def _redrawn(search):
    mistake = Mistake(
        "noise-redrawn", "E61", "two calls, two answers: fresh noise, or a state that "
        "moves on", "the noise it is given, and nothing kept from call to call",
        "Call your function twice. Why does it give two answers?", "",
    )  # fmt: skip
    return _diagnosis("mistake", search, [[(mistake, "everywhere", None)]])


def _diagnosis(verdict, search, groups=(), known=()):
    findings = [finding for rank, group in enumerate(groups, 1)
                for finding in _findings(search, group, rank)]  # fmt: skip
    names = [" ".join(str(part) for part in name if part) for name in search.blocks.names]
    right = [bool(ok) for ok in search.right_in]
    listed = screened(search.chain, LISTED)
    hidden = tuple(m.description for m in unseen(listed, search.allowance))
    return Diagnosis(
        verdict, tuple(findings), tuple(known), dict(zip(names, right, strict=True)),
        _size(search, search.chain.right), hidden,
    )  # fmt: skip


def _findings(search, group, rank):
    """The evidence for each mistake of a group, accounted for one after the other."""
    chain, changes = search.chain, ()
    before = chain.right
    for k, (mistake, where, added) in enumerate(group):
        last = k == len(group) - 1
        changes += added or ()
        after = search.g if last else _nearest(search, chain.gradient(changes), before)
        if np.array_equal(before, after):  # what explains nothing is not shown
            continue
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
