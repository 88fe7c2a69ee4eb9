"""Where a wrong gradient is wrong: said of every one that no known mistake explains.

Which blocks are right; which term is wrong, seen with a function by leaving the KL out,
else read from the error: a KL's error depends on the numbers of its own weight alone;
from which layer on; whether some ∂nll/∂F would explain it all.
"""

import numpy as np

from minibnn.checking import numerics, probing

MOST_OUTPUTS = 600  # S x B x C up to which ∂nll/∂F is recovered
GONE = 1e-4  # share of the error that a true explanation leaves at most
LEAST = 14  # coordinates from which on a smooth dependence can be told from luck


def sentences(search, student):
    """Plain facts about where a gradient is right and where it is not."""
    blocks, wrong = search.blocks, ~search.right_in
    facts = ["wrong " + _in(blocks.where(wrong))]
    if not wrong.all():
        facts.append("right " + _in(blocks.where(~wrong)))
    seen = _terms_seen(search, student)
    facts += seen or _term(search)
    facts += _arrays(search) + _layers(search) + _outputs(search)
    return facts + numerics.size(search)


def _in(where):
    return where if where == "everywhere" else f"in {where}"


# --- which term -----------------------------------------------------------------------


def _terms_seen(search, student):
    """With a function that takes kl_weight: each term by itself."""
    terms = probing.terms(student)
    if terms is None:
        return []
    facts, chain = [], search.chain
    pairs = zip(("data", "KL"), terms, (chain.data, chain.kl), strict=True)
    for word, given, right in pairs:
        slack = search.allowance + 1e-9 * np.abs(search.g)
        good = search.blocks.all_in(np.abs(given - right) <= slack)
        what = "right" if good.all() else "wrong " + _in(search.blocks.where(~good))
        facts.append(f"called with kl_weight = 0: the {word} term is {what}")
    return facts


def _term(search):
    """From the error alone: whether it follows the numbers of its own weight."""
    chain = search.chain
    if not (chain.fine and chain.has_rho):
        return []
    follows = {}
    for key in ("mu", "rho"):
        cut = chain.blocks.keys[key]
        error = (search.g - chain.right)[cut]
        if (np.abs(error) > search.allowance[cut]).sum() >= LEAST:
            follows[key] = _share_explained(chain, error)
    if not follows:
        return _size_of_term(search)
    shares = list(follows.values())
    if max(shares) > 0.95 and min(shares) > 0.8:
        return ["the error follows each weight's own mu, rho and prior, as that of a "
                "KL or of a scale would: look in the KL term first"]  # fmt: skip
    if max(shares) < 0.6:
        return ["the error does not follow each weight's own mu, rho and prior, as that "
                "of a KL would: look in the data term first"]  # fmt: skip
    return _size_of_term(search) if max(shares) < 0.8 else []


def _size_of_term(search):
    """Which of the two terms has the size of the error, where their sizes differ."""
    chain, use = search.chain, search.wrong
    error = np.abs(search.g - chain.right)[use]
    with np.errstate(all="ignore"):
        data, kl = (np.median(error / np.abs(a[use])) for a in (chain.data, chain.kl))
    for word, near, far in (("data", data, kl), ("KL", kl, data)):
        if 0.05 < near < 5 and not 0.2 < far / near < 5:
            return [f"the error is about {near:.1g} times the {word} term and {far:.1g} "
                    f"times the other: look in the {word} term first"]  # fmt: skip
    return []


def _share_explained(chain, error):
    """Share of an error's variance that a smooth function of a weight's numbers gives.

    Each weight is predicted from the others (leave one out).
    """
    columns = [chain.mu, np.log(chain.sigma)]
    if chain.gaussian_prior:
        columns += [a for a in (chain.m0, np.log(chain.s0)) if np.ptp(a) > 0]
    x = np.array([(a - a.mean()) / (a.std() or 1.0) for a in columns])
    basis = [np.ones(len(error)), *x]
    basis += [x[i] * x[j] for i in range(len(x)) for j in range(i, len(x))]
    basis += [a**3 for a in x] + [x[0] ** 2 * x[1], x[0] * x[1] ** 2]
    A = np.array(basis[: max(3, len(error) // 4)]).T
    hat = A @ np.linalg.pinv(A)
    left = (error - hat @ error) / np.maximum(1 - np.diag(hat), 1e-6)
    spread = error - error.mean()
    total = spread @ spread
    return 1.0 - float(left @ left) / total if total > 0 else 1.0


# --- which array, which layer ---------------------------------------------------------


def _arrays(search):
    keys = search.blocks.keys
    if len(keys) < 2:
        return []
    clean = [key for key, cut in keys.items() if not search.wrong[cut].any()]
    if clean == ["mu"]:
        return ["mu is right, so network, likelihood and sum are; look between "
                "∂loss/∂w and rho: noise, scale, or the KL's spread term"]  # fmt: skip
    if clean == ["rho"]:
        return ["rho is right, so network, likelihood and noise are; look at the KL's "
                "mean term or the mean over samples for mu"]  # fmt: skip
    return []


def _layers(search):
    """If only the first layers are wrong, or only the last, say which."""
    chain = search.chain
    names = [(name[1], ok) for name, ok in zip(search.blocks.names, search.right_in,
                                               strict=True)]  # fmt: skip
    if chain.L < 2 or any(layer is None and not ok for layer, ok in names):
        return []
    wrong = sorted({layer for layer, ok in names if not ok and layer is not None})
    if not wrong or len(wrong) == chain.L:
        return []
    if wrong == list(range(1, wrong[-1] + 1)):
        return [f"after layer {wrong[-1]} all is right, so outputs and likelihood are; "
                f"look from layer {wrong[-1]} down: at the way back into it, or at its "
                "own terms"]  # fmt: skip
    listed = ", ".join(map(str, wrong))
    return [f"wrong in layer {listed} alone; the way back below is right, so look at "
            "what belongs to these weights themselves"]  # fmt: skip


# --- the outputs ----------------------------------------------------------------------


def _outputs(search):
    """Whether some ∂nll/∂F, sent back through the right network, explains it all."""
    chain = search.chain
    if not chain.fine or chain.output.size > MOST_OUTPUTS:
        return []
    back = _jacobian(chain)
    weight = 1 / search.allowance
    error = search.g - chain.right
    answer, _, rank, _ = np.linalg.lstsq(
        back * weight[:, None], error * weight, rcond=1e-13
    )
    left = (error - back @ answer) * weight
    # positive evidence: many more numbers explained than used, and far more exactly
    # than the error is large
    if chain.blocks.size - rank < max(10, 0.1 * chain.blocks.size):
        return []
    if np.linalg.norm(left) > GONE * np.linalg.norm(error * weight):
        return []
    if np.abs(left).max() > 100:
        return []
    return [f"the way back through the network and the KL are right; the mistake is in "
            f"∂nll/∂F ({chain.label('likelihood')}){_rows(answer, chain)}"]  # fmt: skip


def _jacobian(chain):
    """The data gradient as a linear map of ∂nll/∂F: one column for each output."""
    columns = []
    for k in range(chain.output.size):
        unit = np.zeros(chain.output.size)
        unit[k] = 1.0
        unit = unit.reshape(chain.output.shape)
        columns.append(chain._data(_with_output(unit, np.zeros_like(chain.own))))
    return np.stack(columns, -1)


def _with_output(unit, own):
    given = {"output": unit, "own": own}
    return lambda link, right: given.get(link, right)


def _rows(answer, chain):
    change = np.abs(answer.reshape(chain.output.shape)).max((0, 2))
    touched = np.flatnonzero(change > 1e-3 * change.max())
    if len(touched) in (0, chain.B):
        return ", in every row"
    return ", in row(s) " + ", ".join(str(b + 1) for b in touched)
