"""Where a wrong gradient is wrong: said of every one that no known mistake explains.

Which blocks are right; which term is wrong, seen with a function by leaving the KL out,
else read from the error: a KL's error depends on the numbers of its own weight alone;
from which layer on; whether some ∂nll/∂F would explain it all.
"""

import numpy as np

from minibnn.diagnosis.error_pattern import (
    like_rounding,
    outlier_alone,
    share_explained,
)
from minibnn.diagnosis.student import terms

MOST_OUTPUTS = 600  # S x B x C up to which ∂nll/∂F is recovered
GONE = 1e-4  # share of the error that a true explanation leaves at most
LEAST = 14  # coordinates from which on a smooth dependence can be told from luck


def sentences(search, student, named):
    """Plain facts about where a gradient is right and where it is not.

    A name that explains everything says the rest better than a guess from the error.
    """
    blocks, wrong = search.blocks, ~search.right_in
    facts = ["wrong " + _in(blocks.where(wrong))]
    if not wrong.all():
        facts.append("right " + _in(blocks.where(~wrong)))
    seen = _terms_seen(search, student)
    if named:
        return facts + seen
    facts += seen or _term(search)
    facts += _arrays(search) + _layers(search) + _outputs(search)
    return facts + like_rounding(search)


def _in(where):
    return where if where == "everywhere" else f"in {where}"


# --- which term -----------------------------------------------------------------------


def _terms_seen(search, student):
    """With a function that takes kl_weight: each term by itself."""
    seen = terms(student)
    if seen is None:
        return []
    facts, chain = [], search.chain
    pairs = zip(("data", "KL"), seen, (chain.data, chain.kl), strict=True)
    for word, given, right in pairs:
        slack = search.allowance + 1e-9 * np.abs(search.g)
        good = search.blocks.all_in(np.abs(given - right) <= slack)
        what = "right" if good.all() else "wrong " + _in(search.blocks.where(~good))
        facts.append(f"called with kl_weight = 0: the {word} term is {what}")
    return facts


def _term(search):
    """From the error alone: whether it follows the numbers of its own weight.

    That an error does not follow them proves nothing: a KL may take another weight's.
    The data term is pointed to only where the error dwarfs the KL as well, in mu: in rho
    a wrong slope of the scale spoils both terms.
    """
    chain, follows = search.chain, {}
    if not (chain.fine and chain.has_rho):
        return []
    for key in ("mu", "rho"):
        cut = chain.blocks.keys[key]
        error = (search.g - chain.right)[cut]
        if search.wrong[cut].sum() >= LEAST and not outlier_alone(error):
            follows[key] = share_explained(search, cut)
    if not follows:
        return []
    if min(follows.values()) > 0.95:
        return ["the error follows each weight's own mu, rho and prior, as that of a KL, "
                "a scale or a decay would: look at these first"]  # fmt: skip
    if follows.get("mu", 1.0) < 0.5 and _dwarfs_the_kl(search) and not _of_both(search):
        return ["the error does not follow each weight's own mu, rho and prior and is "
                "many times the KL: look at the data term, and at what is done "
                "to both"]  # fmt: skip
    return []


def _dwarfs_the_kl(search):
    """Whether mu's error is far larger than its KL, and not than its data term."""
    use = search.wrong.copy()
    use[search.blocks.keys["rho"]] = False
    error, chain = np.abs(search.g - search.chain.right)[use], search.chain
    with np.errstate(all="ignore"):
        data, kl = (np.median(error / np.abs(a[use])) for a in (chain.data, chain.kl))
    return 0.05 < data < 5 and kl > 10


def _of_both(search):
    """Whether the sum of the terms seems to be changed: as one number for many."""
    with np.errstate(all="ignore"):
        ratio = (search.g / search.chain.right)[search.wrong]
    same = np.abs(ratio - np.median(ratio)) <= 1e-6 * np.abs(np.median(ratio))
    size = np.abs(search.g[search.wrong])
    return same.mean() > 0.2 or (size >= size.max() * (1 - 1e-6)).mean() > 0.1


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
    weight = 1 / search.allowance
    back, error = _jacobian(chain) * weight[:, None], search.g - chain.right
    inverse = np.linalg.pinv(back, rcond=1e-13)
    answer, rank = inverse @ (error * weight), round(np.sum(inverse.T * back))
    left = error * weight - back @ answer
    # positive evidence: many more numbers explained than used, and far more exactly
    # than the error is large
    if chain.blocks.size - rank < max(10, 0.1 * chain.blocks.size):
        return []
    if np.linalg.norm(left) > GONE * np.linalg.norm(error * weight):
        return []
    if np.abs(left).max() > 100:
        return []
    # each number of the answer is known to the length of its row of the inverse
    known = np.linalg.norm(inverse, axis=1) if rank == len(answer) else np.inf
    return ["the way back through the network and the KL are right; the mistake is in "
            f"∂nll/∂F ({chain.label('likelihood')}) or in the sum over samples and rows"
            + _rows(chain, answer, known)]  # fmt: skip


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


def _rows(chain, answer, known):
    """The rows in which ∂nll/∂F is seen to be wrong, each by its own size."""
    shape = chain.output.shape
    size = np.abs(chain.output) + np.abs(answer.reshape(shape))
    doubt = np.broadcast_to(100 * known, answer.shape).reshape(shape)
    touched = (np.abs(answer.reshape(shape)) > doubt).any((0, 2))
    if touched.all() or not touched.any():
        return ", in every row" if touched.all() else ""
    sure = (doubt <= 1e-4 * size).all((0, 2)) | touched
    listed = ", ".join(str(b + 1) for b in np.flatnonzero(touched))
    return f", {'' if sure.all() else 'at least '}in row(s) {listed}"
