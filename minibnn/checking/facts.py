"""What can still be said of a wrong gradient that no known mistake explains.

Which blocks are right; whether a plain factor on the data term or the KL would do;
whether the way back through the network is right and the mistake sits in ∂nll/∂F;
whether the noise in the gradient looks like another draw.
"""

import numpy as np
from scipy.stats import kstest

from minibnn.checking.mistakes import Mistake

MOST_OUTPUTS = 600  # S x B x C up to which ∂nll/∂F is recovered


def factors(search):
    """A constant on the data term or on the KL that makes everything right, or None."""
    chain, g = search.chain, search.g
    use = search.wrong & (np.abs(chain.data) > 0) & (np.abs(chain.kl) > 0)
    if use.sum() < 4:
        return None
    for words, scaled_by, rest in (
        ("the KL term", chain.kl, chain.data),
        ("the data term", chain.data, chain.kl),
        ("the whole gradient", chain.right, np.zeros_like(g)),
    ):
        largest = np.argmax(np.where(use, np.abs(scaled_by), 0))
        factor = (g - rest)[largest] / scaled_by[largest]
        if search.agrees(rest + factor * scaled_by).all():
            return _factor(words, factor)
    return None


def _factor(words, factor):
    name = {"the KL term": "kl", "the data term": "data"}.get(words, "loss")
    return Mistake(
        f"{name}-wrong-factor",
        "E51",
        f"{factor:.6g} × {words}",
        "(N/B) (1/S) Σ_s nll_s + beta KL",
        "Print N, B, S, beta and the factor: of which of them is it made?",
        "take a point where the term is not 0",
    )


def other_draw(search):
    """Whether rho's data gradient is right but for its noise, a fresh standard normal.

    With another draw eps', ∂loss/∂sigma_i = c Σ_s g_si eps'_si is normal with variance
    c² Σ_s g_si²: dividing by that gives numbers that must look standard normal.
    """
    chain = search.chain
    if not chain.fine or not chain.has_rho or chain.local:
        return None
    mu, rho = chain.blocks.keys["mu"], chain.blocks.keys["rho"]
    if search.wrong[mu].any() or search.wrong[rho].mean() < 0.9:
        return None
    g_w = chain._samples(lambda link, right: right)[0]
    spread = chain.N / chain.B / chain.S * np.sqrt((g_w**2).sum(0)) * chain.dsigma
    seen = spread > 1e3 * search.allowance[rho]
    z = (search.g - chain.kl)[rho][seen] / spread[seen]
    if len(z) < 20 or np.abs(z).max() > 6 or kstest(z, "norm").pvalue < 1e-3:
        return None
    own = chain.data[rho][seen] / spread[seen]
    if abs(np.corrcoef(z, own)[0, 1]) > 0.6:
        return None
    return Mistake(
        "eps-of-another-draw",
        "E14",
        "(N/B) (1/S) Σ_s g_s ∘ eps'_s with fresh eps'",
        "(N/B) (1/S) Σ_s g_s ∘ eps_s",
        "Which eps made the weights at which g_s was computed?",
        "take a point where the data matters",
    )


def sentences(search):
    """Plain facts about where a gradient is right and where it is not."""
    blocks, wrong = search.blocks, ~search.right_in
    facts = ["wrong " + _in(blocks.where(wrong))]
    if not wrong.all():
        facts.append("right " + _in(blocks.where(~wrong)))
    facts += _arrays(search) + _layers(search) + _outputs(search)
    return facts


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
    """If only the first layers are wrong, for mu too, the way back is, not the KL."""
    names = search.blocks.names
    wrong = {n[:2] for n, ok in zip(names, search.right_in, strict=True) if not ok}
    layers, top = search.chain.L, max((layer or 0 for _, layer in wrong), default=0)
    if {("mu", i) for i in range(1, top + 1)} - wrong or top in (0, layers):
        return []
    if any(layer is None for _, layer in wrong):
        return []
    return [f"after layer {top} all is right, so outputs, likelihood and KL are; the "
            f"data term is wrong from layer {top} down"]  # fmt: skip


def _outputs(search):
    """Whether some ∂nll/∂F, sent back through the right network, explains it all."""
    chain = search.chain
    if not chain.fine or chain.output.size > MOST_OUTPUTS:
        return []
    back = _jacobian(chain)
    weight = 1 / search.allowance
    answer, _, rank, _ = np.linalg.lstsq(
        back * weight[:, None], (search.g - chain.right) * weight, rcond=1e-13
    )
    spare = chain.blocks.size - rank
    left = np.abs(search.g - chain.right - back @ answer)
    if (
        spare < max(4, 0.05 * chain.blocks.size)
        or (left > 100 * search.allowance).any()
    ):
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
    touched = np.flatnonzero(change > 1e-6 * np.abs(chain.output).max())
    if len(touched) == chain.B:
        return ", in every row"
    return ", in row(s) " + ", ".join(str(b + 1) for b in touched)


def _in(where):
    return where if where == "everywhere" else f"in {where}"
