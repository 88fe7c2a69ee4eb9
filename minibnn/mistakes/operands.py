"""Wrong operands of the way back: another pass's, another layer's, another order (E25).

And other statistics of the samples than their mean (E61).
"""

import numpy as np

from minibnn.mistakes.along import along, rearranged
from minibnn.mistakes.catalogue import Mistake, family_of_mistakes, fine
from minibnn.mistakes.indices import CHAIN, FACTORS, HINT, REVEAL

_PASSES = {
    "mean": ("w = mu", lambda mu, s, e: mu + 0 * e),
    "noise": ("w = sigma ∘ eps", lambda mu, s, e: s * e),
    "mirrored": ("w = mu - sigma ∘ eps", lambda mu, s, e: mu - s * e),
    "sigma": ("w = sigma", lambda mu, s, e: s + 0 * e),
    "one-sigma": ("w = mu + sigma", lambda mu, s, e: mu + s + 0 * e),
    "eps": ("w = eps", lambda mu, s, e: e),
}


@family_of_mistakes
def other_passes(chain):
    """A factor of the way back taken from a pass with other weights."""
    if not (fine(chain) and chain.has_rho and not chain.local):
        return []
    found = []
    for name, (wrong, draw) in _PASSES.items():
        world = (("draw", lambda v, c, d=draw: lambda mu, rho, e: d(
            mu, c.right_scale(rho), e)),)  # fmt: skip
        for links in (("inputs",), ("slopes",), ("back",), ("output",),
                      ("inputs", "slopes"), ("inputs", "slopes", "output"),
                      ("slopes", "back"), ("inputs", "slopes", "back")):  # fmt: skip
            words = "-and-".join(FACTORS[link][0] for link in links)
            symbols = ", ".join(FACTORS[link][1] for link in links)
            changes = tuple((k, _from_world(k, world)) for k in links)
            found.append(
                Mistake(f"{words}-of-the-{name}-pass", "E25",
                        f"{symbols} of the pass with {wrong}", CHAIN,
                        "Which forward pass do you go back through?",
                        "take sigmas that are not tiny", changes)
            )  # fmt: skip
    return found


def _from_world(link, world):
    return lambda values, c: getattr(c.world(world), link)


@family_of_mistakes
def flat_orders(chain):
    """∂nll/∂w laid out in another order, before it meets the noise."""
    if not fine(chain) or chain.local:
        return []
    return [
        Mistake(f"flat-gradient-{name}", "E25", f"∂nll/∂w {words}", CHAIN,
                "In which order does the flat vector hold W and b?", REVEAL,
                (("flat", lambda g, c, f=f: f(g)),))
        for name, words, f in rearranged(chain)
    ]  # fmt: skip


# --- other operands -------------------------------------------------------------------


@family_of_mistakes
def operands(chain):
    """Other arrays of the right shape: means, pre-activations, another layer's."""
    if not fine(chain):
        return []
    found = []
    for words, index in (("first", 0), ("last", -1)):
        found.append(
            Mistake(f"way-back-of-the-{words}-sample", "E25",
                    f"A, W and a' of the {words} sample in every way back", CHAIN, HINT,
                    REVEAL, tuple((link, _sample(index))
                                   for link in ("inputs", "back", "slopes")))
        )  # fmt: skip
    if chain.L > 1:
        found.append(
            Mistake("slope-in-the-weight-gradient", "E25", "(A ∘ a'(Z)) gᵀ", CHAIN, HINT,
                    REVEAL, (("inputs", _times_slope),))
        )  # fmt: skip
    if chain.L > 2 and len(set(chain.net.sizes[1:-1])) == 1:
        found.append(
            Mistake("activation-slopes-of-layers-reversed", "E25", "a' of the layers in "
                    "reversed order", CHAIN, HINT, REVEAL,
                    (("slopes", lambda values, c: values[::-1]),))
        )  # fmt: skip
    for i, j in _alike(chain, chain.net.sizes[:-1]):
        found.append(
            Mistake(f"input-of-layer-{j + 1}-in-{i + 1}", "E25",
                    f"A_{j} g_{i + 1}ᵀ for ∂nll/∂W_{i + 1}", CHAIN, HINT, REVEAL,
                    (("inputs", _borrowed(i, j)),))
        )  # fmt: skip
    for i, j in _alike(chain, chain.net.sizes[1:]):
        found.append(
            Mistake(f"error-of-layer-{j + 1}-in-{i + 1}", "E25",
                    f"A_{i} g_{j + 1}ᵀ for ∂nll/∂W_{i + 1}", CHAIN, HINT, REVEAL,
                    (("errors", _borrowed(i, j)),))
        )  # fmt: skip
    return found


def _times_slope(values, c):
    values = list(values)
    for i in range(1, c.L):
        n = c.net.sizes[i]
        values[i] = values[i].copy()
        values[i][:, :n] = values[i][:, :n] * c.slopes[i - 1]
    return values


def _sample(index):
    def change(values, c):
        return [np.broadcast_to(a[[index]], a.shape) for a in values]

    return change


def _borrowed(i, j):
    return lambda values, c: [*values[:i], values[j], *values[i + 1 :]]


def _alike(chain, widths):
    n = len(widths)
    return [(i, j) for i in range(n) for j in range(n)
            if i != j and widths[i] == widths[j]]  # fmt: skip


# --- the sum over samples -------------------------------------------------------------


@family_of_mistakes
def statistics(chain):
    """Another statistic of the samples than their mean."""
    if not fine(chain):
        return []
    rules = [(name, words, lambda a, op=op: op(a, 0))
             for name, words, op in along("sample")]  # fmt: skip
    rules += [
        ("median-of-samples", "median over samples",
         lambda a: np.broadcast_to(np.median(a, 0), a.shape)),
        ("running-mean-of-samples", "½ (old + new), sample by sample", _running),
        ("weighted-by-sample-number", "s times sample s",
         lambda a: a * np.arange(1, len(a) + 1)[:, None]),
        ("weighted-by-remaining-samples", "added up again at every later sample",
         lambda a: a * np.arange(len(a), 0, -1)[:, None]),
    ]  # fmt: skip
    found = [
        Mistake(f"gradient-{name}", "E61", f"Σ_s over g_s {words}", "(1/S) Σ_s g_s",
                "What is the estimate of an expectation from S draws?", REVEAL,
                (("samples", _both(f)),))
        for name, words, f in rules
    ]  # fmt: skip
    found += [
        Mistake(f"samples-weighted-by-{name}", "E61", f"weights ∝ {wrong}",
                "the same weight for every sample",
                "Is your objective the mean of logs or the log of a mean?", REVEAL,
                (("samples", _weighted(f)),))
        for name, wrong, f in (
            ("likelihood", "e^-nll", lambda c: -c.nll),
            ("likelihood-of-all-data", "e^(-N/B nll)", lambda c: -c.nll * c.N / c.B),
            ("inverse-likelihood", "e^nll", lambda c: c.nll),
        )
    ]  # fmt: skip
    if chain.has_rho and not chain.local:
        found.append(
            Mistake("product-of-the-means", "E14", "mean of g times mean of eps",
                    "mean of g ∘ eps", "Is a mean of products the product of the means?",
                    REVEAL, (("samples", _product_of_means),))
        )  # fmt: skip
    return found


def _weighted(f):
    def change(value, c):
        weight = np.exp(f(c) - np.max(f(c)))
        weight = (c.S * weight / weight.sum())[:, None]
        return tuple(None if g is None else g * weight for g in value)

    return change


def _running(a):
    share = 0.5 ** np.minimum(np.arange(len(a), 0, -1), len(a) - 1)
    return a * share[:, None] * len(a)


def _both(f):
    return lambda value, c: tuple(None if g is None else f(g) for g in value)


def _product_of_means(value, c):
    g, eps = value[0], c.eps
    return g, np.broadcast_to(g.mean(0) * eps.mean(0), g.shape)
