"""Wrong index, wrong statistic, wrong operand in the network's way back, by rule (E25).

Every factor of the way back has axes: sample, row, unit, input, output. Each rule takes
one factor and one axis and reads along it wrongly (see ``along``), or puts a simple
function of the factor in its place.
"""

import numpy as np

from minibnn.mistakes.along import along, in_all, in_layer
from minibnn.mistakes.catalogue import Mistake, biased, fine, hidden, rule
from minibnn.mistakes.symbols import FUNCTIONS

CHAIN = "g_{l-1} = a'(Z_{l-1}) ∘ (W_l g_l), ∂nll/∂W_l = Σ_b A_{l-1} g_lᵀ"
REVEAL = "take S >= 3 samples, several different rows and layers of different widths"
HINT = "Write the indices (sample, row, unit) at every factor. Do they run together?"

# link -> (name, symbol, axes); those in lists have one array for each layer
FACTORS = {
    "output": ("output-gradient", "∂nll/∂F", ("sample", "row", "output")),
    "errors": ("weight-gradient-error", "g_l of ∂nll/∂W_l", ("sample", "unit", "row")),
    "passed": ("passed-error", "g_l handed down", ("sample", "unit", "row")),
    "inputs": ("weight-gradient-input", "A_{l-1}", ("sample", "input", "row")),
    "back": ("backward-weight", "W_l", ("sample", "input", "unit")),
    "slopes": ("activation-slope", "a'(Z)", ("sample", "unit", "row")),
    "layer_gradients": ("weight-gradient", "∂nll/∂W_l", ("sample", "input", "unit")),
}
LISTS = {"errors", "inputs", "back", "slopes", "layer_gradients"}
NEEDS_HIDDEN = {"passed", "back", "slopes"}
WITH_BIAS = {"inputs", "back", "layer_gradients"}  # row of ones or biases at the end


@rule(fine)
def factors(chain):
    """Every factor, every axis, every operation; and functions of the factor."""
    for link, (name, symbol, axes) in FACTORS.items():
        if link in NEEDS_HIDDEN and chain.L == 1:
            continue
        for words, wrong, f in _rules(symbol, axes):
            for suffix, where, change in _scopes(chain, link, f):
                yield Mistake(f"{name}-{words}{suffix}", "E25", f"{wrong}{where}", CHAIN,
                              HINT, REVEAL, ((link, change),))  # fmt: skip


def _rules(symbol, axes):
    for k, axis in enumerate(axes):
        for name, words, op in along(axis):
            yield name, f"{symbol} {words}", lambda a, op=op, k=k: op(a, k)
    for name, (formula, function) in FUNCTIONS.items():
        yield name, formula.format(symbol), function
    yield "missing", f"1 for {symbol}", np.ones_like
    yield "lost", f"0 for {symbol}", np.zeros_like


def _scopes(chain, link, f):
    """The change in all layers and, where it does not stay in its block, in each."""
    if link not in LISTS:
        yield "", "", lambda a, c: f(a)
        return
    inner = _but_the_ones(f) if link in WITH_BIAS else lambda a, c: f(a)
    yield "", "", in_all(inner)
    first, last = (1, chain.L) if link == "back" else (0, chain.L - 1)
    if link in NEEDS_HIDDEN and last - first > 1:
        for i in range(first, last):
            yield f"-in-layer-{i + 1}", f" in layer {i + 1}", in_layer(i, inner)
    if link in WITH_BIAS and chain.net.bias and link != "back":
        yield "-for-biases", " in ∂nll/∂b", in_all(_only_the_ones(f))


def _but_the_ones(f):
    """Leave the last row, of ones or biases, as it is."""

    def change(a, c):
        n = a.shape[1] - c.net.bias
        return np.concatenate([f(a[:, :n]), a[:, n:]], 1)

    return change


def _only_the_ones(f):
    return lambda a, c: np.concatenate([a[:, :-1], f(a[:, -1:])], 1)


# --- what stands where the row of ones should -----------------------------------------

_ONES = {
    "of-the-first-input": ("the first input", lambda A: A[:, :1]),
    "of-the-last-input": ("the last input", lambda A: A[:, -2:-1]),
    "of-the-sum-of-inputs": ("Σ inputs", lambda A: A[:, :-1].sum(1, keepdims=True)),
    "of-the-mean-input": ("mean input", lambda A: A[:, :-1].mean(1, keepdims=True)),
}


@rule(hidden)
def slope_formulas(chain):
    """Any simple function of the input or output of an activation as its slope."""
    for name, (formula, f) in FUNCTIONS.items():
        for kind, symbol, key in (("output", "A", "outputs"), ("pre-activation", "Z", "Z")):
            yield Mistake(f"activation-slope-{name}-of-{kind}", "activation",
                          f"a' = {formula.format(symbol)}", CHAIN,
                          "Is your formula for a' one in the input Z or in the output A?",
                          REVEAL, (("slopes", lambda values, c, f=f, key=key: [
                              f(a) for a in getattr(c, key)[: len(values)]]),))


@rule(biased)
def biases(chain):
    """The gradient of a bias made with another input than the constant 1."""
    for name, (wrong, f) in _ONES.items():
        yield Mistake(f"bias-{name}", "E21", f"∂nll/∂b = Σ_b {wrong} · g_b",
                      "∂nll/∂b = Σ_b g_b",
                      "The bias is the weight of an input. Which one?", REVEAL,
                      (("inputs", in_all(lambda A, c, f=f: np.concatenate(
                          [A[:, :-1], f(A)], 1))),))  # fmt: skip
