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
from minibnn.diagnosis.student import Student
from minibnn.model import Model
from minibnn.priors.gaussian import GaussianPrior

NEAR = 1e-9  # relative distance at which a number counts as another
COARSE = 1e-3  # the same of what is seen only roughly, as in single precision
NAMES = {(0, 0): "N", (1, 0): "N/B", (0, 1): "N/S", (1, 1): "N/(B S)"}


class Instead(NamedTuple):
    """What a function is judged with.

    chain : of its case, with KL weight 1 if it takes none
    likely : the same, with an N that is seen in it; mistakes are looked for there
    priors : the chain with the prior of one that is not told it, N(0, 1), and its words
    numbers : (factor of the data term, what N or a ratio of N that is, in words)
    facts : what is said of it
    own : what is said besides of one that is wrong
    """

    chain: Chain
    likely: Chain
    priors: tuple[tuple[Chain, str], ...] = ()
    numbers: tuple[tuple[float, str], ...] = ()
    facts: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


def instead(student):
    """What a function is judged with that does not take all numbers of its case."""
    case, changed, facts = student.case, {}, []
    if student.function is None:
        return Instead(student.chain, student.chain)
    if not student.takes("kl_weight") and case.kl_weight != 1:
        changed["kl_weight"] = 1.0
        facts.append("your function takes no kl_weight: judged with 1, the ELBO itself, "
                     f"not with the case's {case.kl_weight:g}")  # fmt: skip
    chain, own = _twin(student.chain, changed), ()
    priors = _other_prior(chain, student)
    if not (student.takes("model") or student.takes("noise_sd")):
        own = ("your function takes no model: are noise and prior in it "
               f"{case.model.likelihood!r} and {case.model.prior!r}?",)  # fmt: skip
    used = Instead(chain, chain, priors, own=own)
    if student.takes("n_data"):
        return used._replace(facts=tuple(facts))
    n, powers = _inside(student, (chain, *(other for other, _ in priors)))
    if n is not None and abs(n / case.n_data - 1) < NEAR:
        return used._replace(facts=tuple(facts))
    numbers, likely = _read(n, powers, chain)
    facts += _of_n(numbers, chain)
    changed |= {"n_data": likely} if likely else {}
    twin = _twin(student.chain, changed)
    return used._replace(likely=twin, numbers=numbers, facts=tuple(facts))


def _of_n(numbers, chain):
    """What is said of a function that takes no n_data."""
    told = "your function takes no n_data: judged with "
    if not numbers:
        return [f"{told}N = {chain.N}, the case's"]
    sizes = f"N = {chain.N}, B = {chain.B}, S = {chain.S}"
    return [f"{told}{numbers[0][1]}; the case has {sizes}",
            "if yours is another number, the data term has a wrong factor"]  # fmt: skip


def with_flat_targets(function, chain):
    """The chain whose one column of targets is (B,), for a function that wants it so.

    A case may hold it as (B, 1). What is wrong or fails with the one and not with the
    other is a convention, and no mistake.
    """
    case = chain.case
    if not callable(function) or np.ndim(case.y) != 2 or case.y.shape[1] != 1:
        return chain
    flat = _twin(chain, {"y": case.y[:, 0]})
    given, other = (Student(function, c.case, c).at() for c in (chain, flat))
    if other is None or (given is not None and np.array_equal(given, other)):
        return chain
    nearer = given is None or np.linalg.norm(other - chain.right) < np.linalg.norm(
        given - chain.right
    )
    return flat if nearer else chain


def condition(look, used):
    """(words of the condition on which a gradient is right, its error), or None.

    ``look`` searches at a chain: it knows the gradient.
    """
    for chain, prior in ((used.chain, ""), *used.priors):
        plain = ((1.0, ""),) if prior else ()
        for factor, number in plain + used.numbers:
            search, right = look(chain), factor * chain.data + chain.kl
            left = np.abs(search.g - right) / max(1.0, factor)
            if (left <= search.allowance).all():
                words = " and ".join(filter(None, (number, prior)))
                return words, float((left / chain.magnitude).max())
    return None


def _other_prior(chain, student):
    """((chain, words),) with 0 and 1 for what it does not take of a normal prior."""
    model = chain.model
    if not chain.fine or not isinstance(model.prior, GaussianPrior):
        return ()
    mean = model.prior.mean if student.takes("m0") else 0.0
    scale = model.prior.scale if student.takes("s0") else 1.0
    prior = GaussianPrior(mean, scale)
    if repr(prior) == repr(model.prior):
        return ()
    words = "m0 = 0" * (not student.takes("m0")), "s0 = 1" * (not student.takes("s0"))
    words = "the prior has " + " and ".join(filter(None, words))
    twin = _twin(chain, {"model": Model(model.net, model.likelihood, prior)})
    return ((twin, words),)


def _twin(chain, changed):
    """The chain of a case with other numbers, made once."""
    key = repr(sorted(changed.items()))
    if changed and key not in chain.twins:
        chain.twins[key] = Chain(replace(chain.case, **changed))
    return chain.twins[key] if changed else chain


def _read(n, powers, chain):
    """(what n may be: N or a ratio, see ``numbers``; a whole N for the rest, or None)."""
    if powers not in NAMES:
        return (), None
    size = chain.B ** powers[0] * chain.S ** powers[1]
    number = n / size
    likely = number if powers == (0, 1) else n  # a mean over draws may be forgotten
    likely = round(likely) if _is_whole(likely) and round(likely) > chain.B else None
    values = float(f"{number:.6g}"), number
    if powers == (0, 0):  # a number of rows
        values = (round(n),) if _is_whole(n) and round(n) >= chain.B else ()
    elif powers[0] and values[0] == 1:  # nothing was multiplied: or forgotten?
        likely = None
    numbers = tuple((v * size / chain.N, _words(powers, v)) for v in values)
    return numbers, likely


def _words(powers, value):
    alone = powers == (1, 0) and value == 1
    return f"{NAMES[powers]} = {value:.10g}" + ", the batch being all data" * alone


def _is_whole(number):
    return abs(number - round(number)) < COARSE * number


# --- the number inside ------------------------------------------------------------------


def _inside(student, chains):
    """(N that the data term belongs to at the case, how it grows with B and with S).

    (None, None) where that is not seen.
    """
    case, S = student.case, student.chain.S
    n = _seen(student, case)
    if n is None:
        n = next(filter(None, (_fitted(student, chain) for chain in chains)), None)
        return (None, None) if n is None else (n, (1, 1))
    rows, draws = (_seen(student, _larger(case, *more)) for more in ((1, 0), (0, 1)))
    return n, (_power(n, rows, len(case.X)), _power(n, draws, S))


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
