"""Wrong operands of the way back: another pass's, another layer's, another order (E25).

And other statistics of the samples than their mean (E61).
"""

import numpy as np

from minibnn.mistakes.along import alike, along, borrowed, in_all, rearranged
from minibnn.mistakes.catalogue import Mistake, fine, pathwise, rule, sampled
from minibnn.mistakes.indices import CHAIN, FACTORS, HINT, REVEAL
from minibnn.mistakes.symbols import drawn

_PASSES = {
    "mean": ("w = mu", lambda n, e: n.mu + 0 * e),
    "noise": ("w = sigma ∘ eps", lambda n, e: n.sigma * e),
    "mirrored": ("w = mu - sigma ∘ eps", lambda n, e: n.mu - n.sigma * e),
    "sigma": ("w = sigma", lambda n, e: n.sigma + 0 * e),
    "one-sigma": ("w = mu + sigma", lambda n, e: n.mu + n.sigma + 0 * e),
    "eps": ("w = eps", lambda n, e: e),
}
_TAKEN = (
    ("inputs",), ("slopes",), ("back",), ("output",), ("inputs", "slopes"),
    ("inputs", "slopes", "output"), ("slopes", "back"), ("inputs", "slopes", "back"),
)  # fmt: skip


@rule(pathwise)
def other_passes(chain):
    """A factor of the way back taken from a pass with other weights."""
    for name, (wrong, draw) in _PASSES.items():
        world = (drawn(draw),)
        for links in _TAKEN:
            names, symbols, _ = zip(*(FACTORS[link] for link in links), strict=True)
            yield Mistake(f"{'-and-'.join(names)}-of-the-{name}-pass", "E25",
                          f"{', '.join(symbols)} of the pass with {wrong}", CHAIN,
                          "Which forward pass do you go back through?",
                          "take sigmas that are not tiny",
                          tuple((k, _from_world(k, world)) for k in links))  # fmt: skip


def _from_world(link, world):
    return lambda values, c: getattr(c.world(world), link)


@rule(sampled)
def flat_orders(chain):
    """∂nll/∂w laid out in another order, before it meets the noise."""
    for name, words, f in rearranged(chain):
        yield Mistake(f"flat-gradient-{name}", "E25", f"∂nll/∂w {words}", CHAIN,
                      "In which order does the flat vector hold W and b?", REVEAL,
                      (("flat", lambda g, c, f=f: f(g)),))  # fmt: skip


# --- other operands -------------------------------------------------------------------


@rule(fine)
def operands(chain):
    """Other arrays of the right shape: another sample's, another layer's."""
    for words, k in (("first", 0), ("last", -1)):
        change = in_all(lambda a, c, k=k: np.broadcast_to(a[[k]], a.shape))
        yield _operand(f"way-back-of-the-{words}-sample",
                       f"A, W and a' of the {words} sample in every way back", change,
                       "inputs", "back", "slopes")  # fmt: skip
    if chain.L > 1:
        yield _operand("slope-in-the-weight-gradient", "(A ∘ a'(Z)) gᵀ", _times_slope,
                       "inputs")  # fmt: skip
    if chain.L > 2 and len(set(chain.net.sizes[1:-1])) == 1:
        yield _operand("activation-slopes-of-layers-reversed", "a' of the layers in "
                       "reversed order", lambda values, c: values[::-1], "slopes")
    for i, j in alike(chain.net.sizes[:-1]):
        yield _operand(f"input-of-layer-{j + 1}-in-{i + 1}",
                       f"A_{j} g_{i + 1}ᵀ for ∂nll/∂W_{i + 1}", borrowed(i, j), "inputs")
    for i, j in alike(chain.net.sizes[1:]):
        yield _operand(f"error-of-layer-{j + 1}-in-{i + 1}",
                       f"A_{i} g_{j + 1}ᵀ for ∂nll/∂W_{i + 1}", borrowed(i, j), "errors")


def _operand(name, wrong, change, *links):
    return Mistake(name, "E25", wrong, CHAIN, HINT, REVEAL,
                   tuple((link, change) for link in links))  # fmt: skip


def _times_slope(values, c):
    values = [A.copy() for A in values]
    for A, slope in zip(values[1:], c.slopes, strict=True):
        A[:, : slope.shape[1]] *= slope
    return values


# --- the sum over samples -------------------------------------------------------------


@rule(fine)
def statistics(chain):
    """Another statistic of the samples than their mean."""
    for name, words, f in _statistics():
        yield Mistake(f"gradient-{name}", "E61", f"Σ_s over g_s {words}",
                      "(1/S) Σ_s g_s",
                      "What is the estimate of an expectation from S draws?", REVEAL,
                      (("samples", lambda value, c, f=f: tuple(
                          None if g is None else f(g) for g in value)),))  # fmt: skip
    for name, wrong, f in (
        ("likelihood", "e^-nll", lambda c: -c.nll),
        ("likelihood-of-all-data", "e^(-N/B nll)", lambda c: -c.nll * c.N / c.B),
        ("inverse-likelihood", "e^nll", lambda c: c.nll),
    ):
        yield Mistake(f"samples-weighted-by-{name}", "E61", f"weights ∝ {wrong}",
                      "the same weight for every sample",
                      "Is your objective the mean of logs or the log of a mean?", REVEAL,
                      (("samples", _weighted(f)),))  # fmt: skip


def _statistics():
    for name, words, op in along("sample"):
        yield name, words, lambda a, op=op: op(a, 0)
    yield ("median-of-samples", "median over samples",
           lambda a: np.broadcast_to(np.median(a, 0), a.shape))  # fmt: skip
    yield "running-mean-of-samples", "½ (old + new), sample by sample", _running
    yield ("weighted-by-sample-number", "s times sample s",
           lambda a: a * np.arange(1, len(a) + 1)[:, None])  # fmt: skip
    yield ("weighted-by-remaining-samples", "added up again at every later sample",
           lambda a: a * np.arange(len(a), 0, -1)[:, None])  # fmt: skip


def _weighted(f):
    def change(value, c):
        weight = np.exp(f(c) - np.max(f(c)))
        weight = (c.S * weight / weight.sum())[:, None]
        return tuple(None if g is None else g * weight for g in value)

    return change


def _running(a):
    share = 0.5 ** np.minimum(np.arange(len(a), 0, -1), len(a) - 1)
    return a * share[:, None] * len(a)
