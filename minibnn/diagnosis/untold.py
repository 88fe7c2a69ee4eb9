"""What a function was not told, and what it is judged with instead.

A lesson's function has no KL weight, and its N, B or S may be numbers of its own. Such a
gradient is no wrong one. Without a KL weight it is judged with weight 1: that is the ELBO.
Without N its data term is some number times ours. The number is measured, and how it
changes with rows and draws. Whether it is the right one, nobody knows who does not know
the reader's N: "right if N = 40" is said then, not "no mistake".
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from minibnn.diagnosis.chain import Chain

NEAR = 1e-6  # relative distance at which a number counts as another
COARSE = 1e-3  # the same of what is seen only roughly, as in single precision
NAMES = {(0, 0): "N", (1, 0): "N/B", (0, 1): "N/S", (1, 1): "N/(B S)"}


class Instead(NamedTuple):
    """What a function is judged with.

    chain : of its case, with KL weight 1 if it takes none
    likely : the same, with an N that is seen in it; mistakes are looked for there
    condition : on which a gradient that fits is right; "" if on none
    facts : what is said of it
    """

    chain: Chain
    likely: Chain
    condition: str = ""
    facts: tuple[str, ...] = ()


def instead(student):
    """What a function is judged with that does not take all numbers of its case."""
    case, changed, facts = student.case, {}, []
    if student.function is None:
        return Instead(student.chain, student.chain)
    if not student.takes("kl_weight") and case.kl_weight != 1:
        changed["kl_weight"] = 1.0
        facts.append("your function takes no kl_weight: judged with 1, the ELBO itself, "
                     f"not with the case's {case.kl_weight:g}")  # fmt: skip
    chain = _twin(student.chain, changed)
    n, powers = (case.n_data, None) if student.takes("n_data") else _inside(student, chain)
    if abs(n / case.n_data - 1) < NEAR:
        return Instead(chain, chain, "", tuple(facts))
    words, likely = _read(n, powers, chain)
    facts.append(f"your function takes no n_data: judged with {words or chain.N} (the "
                 f"case has N = {chain.N}, B = {chain.B}, S = {chain.S})")  # fmt: skip
    if likely and likely >= chain.B:
        changed["n_data"] = likely
    return Instead(chain, _twin(student.chain, changed), words, tuple(facts))


def error_but_for_n(search, used):
    """Largest error of a gradient that is right but for its N; None for any other."""
    if not used.condition:
        return None
    chain, weight = search.chain, 1 / search.allowance
    data, rest = chain.data * weight, (search.g - chain.kl) * weight
    factor = (rest @ data) / (data @ data)
    left = np.abs(rest - factor * data) / max(1.0, factor)
    fits = factor > 0 and (left <= 1).all()
    return float((left / weight / chain.magnitude).max()) if fits else None


def _twin(chain, changed):
    """The chain of a case with other numbers, made once."""
    key = tuple(sorted(changed.items()))
    if changed and key not in chain.twins:
        chain.twins[key] = Chain(replace(chain.case, **changed))
    return chain.twins[key] if changed else chain


def _read(n, powers, chain):
    """(the condition on which N = n is right, a whole N that tells the rest, or None)."""
    if powers not in NAMES:
        return "", None
    number = n / chain.B ** powers[0] / chain.S ** powers[1]
    words = f"{NAMES[powers]} = {number:.6g}"
    if powers[0] and abs(number - 1) < NEAR:  # nothing was multiplied: or forgotten?
        return words + " (the batch is the whole data set)" * (not powers[1]), None
    likely = number if powers == (0, 1) else n  # a mean over draws may be forgotten
    return words, round(likely) if abs(likely - round(likely)) < NEAR * likely else None


# --- the number inside ------------------------------------------------------------------


def _inside(student, chain):
    """(N that the data term belongs to at the case, how it grows with B and with S).

    (the case's N, None) where that is not seen.
    """
    case = student.case
    n = _seen(student, case)
    if n is None:
        n = _fitted(student, chain)
        return (case.n_data, None) if n is None else (n, (1, 1))
    return n, tuple(_power(n, _seen(student, _larger(case, *more)), size) for more, size
                    in (((1, 0), len(case.X)), ((0, 1), chain.S)))  # fmt: skip


def _seen(student, case):
    """N of the data term: other targets change nothing else, whatever the KL is."""
    other = replace(case, y=np.roll(case.y, 1, 0))
    flat, at = student.chain.blocks.flat, (student.at(other), student.at(case))
    if at[0] is None or at[1] is None:
        return None
    given, ours = at[0] - at[1], flat(other.gradient()) - flat(case.gradient())
    for cut in student.chain.blocks.keys.values():  # mu may be right where rho is wrong
        share = _share(given[cut], ours[cut])
        if share:
            return abs(share) * case.n_data
    return None


def _fitted(student, chain):
    """N of the data term of a gradient that is right but for this number, or None."""
    share = _share(student.at() - chain.kl, chain.data)
    return abs(share) * chain.N if share else None


def _share(given, ours):
    """The number that one vector is of another; None if there is none."""
    if not ours.any() or not given.any():
        return None
    share = float(given @ ours / (ours @ ours))
    fits = np.abs(given - share * ours).max() < COARSE * np.abs(given).max()
    return share if fits else None


def _larger(case, rows, draws):
    """The case with more rows, or more draws, and noise of that size."""
    X = np.concatenate([case.X, 0.5 * case.X[:rows] + 0.1])
    y = np.concatenate([case.y, case.y[:rows]])
    S = case.noise.shape[-2] + draws
    shape = case.estimator.noise_shape(case.model, case.family, S, len(X))
    noise = np.random.default_rng(0).normal(size=shape)
    return replace(case, X=X, y=y, noise=noise, n_data=max(case.n_data, len(X)))


def _power(n, more, size):
    """0 if N stays as it is with one row (draw) more, 1 if it grows with them."""
    if more is None:  # it cannot be called so: its number belongs to this size
        return 1
    power = np.log(more / n) / np.log((size + 1) / size)
    return round(power) if abs(power - round(power)) < COARSE * size else None
