"""Mistakes on the way back through the layers, made often (E21, E22-E24, E25)."""

import numpy as np

from minibnn.mistakes.along import alike, borrowed, in_all, in_layer
from minibnn.mistakes.catalogue import (
    Mistake,
    biased,
    fine,
    hidden,
    known,
    pathwise,
    rule,
)
from minibnn.nn.activations import ACTIVATIONS

_CHAIN = "g_{l-1} = a'(Z_{l-1}) ∘ (W_l g_l)"
_NONLINEAR = "take pre-activations well away from 0, of both signs"
_DEEP = "take a network with two or more hidden layers of equal width"


# --- activations --------------------------------------------------------------------


def _slope_at_output_twice(values, c):
    return [c.act.slope(c.act.forward(A.copy()), np.ones_like(A)) for A in c.outputs]


def _curved(c):
    """Needs an activation whose slope is more than a switch."""
    return hidden(c) and c.net.activation not in ("relu", "identity")


def _slope(name, wrong, hint, change, needs=hidden):
    return Mistake(name, "activation", wrong, _CHAIN, hint, _NONLINEAR,
                   (("slopes", change),), needs)  # fmt: skip


known(
    __name__,
    _slope("activation-slope-missing", "g_{l-1} = W_l g_l",
           "What stands between two layers?", in_all(lambda v, c: np.ones_like(v))),
    _slope("activation-slope-at-output-twice", "a' written for Z, taken at A",
           "Is your formula for a' one in the input Z or in the output A?",
           _slope_at_output_twice, _curved),
    _slope("activation-slope-twice", "a'(Z)² ∘ (W g)", "Count the factors.",
           in_all(lambda v, c: v * v), _curved),
    _slope("activation-in-place-of-its-slope", "A ∘ (W g)",
           "Is this the function or its derivative?",
           lambda values, c: [np.array(A) for A in c.outputs]),
    _slope("activation-slope-unsquared", "(1 - A) ∘ (W g)",
           "Differentiate tanh = sinh / cosh.",
           lambda values, c: [1 - A for A in c.outputs],
           lambda c: hidden(c) and c.net.activation == "tanh"),
    Mistake("activation-slope-on-the-output-layer", "E25", "g_L = a'(F) ∘ ∂nll/∂F",
            "g_L = ∂nll/∂F", "Does the last layer have an activation?", _NONLINEAR,
            (("output", lambda g, c: g * c.act.slope(
                c.act.forward(c.F.copy()), np.ones_like(c.F))),), hidden),
)  # fmt: skip


@rule(hidden)
def other_slopes(chain):
    """Slopes of another activation, of another layer, of another sample."""
    for name in ("tanh", "relu", "softplus"):
        if name != chain.net.activation:
            yield _slope(f"activation-slope-of-{name}", f"the slope of {name}",
                         "Which activation does the network have?", _slope_of(name))
    yield _slope("activation-slope-of-another-sample", "a'(Z of sample s + 1)",
                 "Which forward pass do you go back through?",
                 in_all(lambda v, c: np.roll(v, -1, 0)))  # fmt: skip
    for i, j in alike([A.shape[1] for A in chain.outputs]):
        yield _slope(f"activation-slope-of-layer-{j + 1}-in-{i + 1}",
                     f"a'(Z_{j + 1}) for a'(Z_{i + 1})",
                     "Which layer's pre-activation stands here?", borrowed(i, j))


def _slope_of(name):
    act = ACTIVATIONS[name]
    return lambda values, c: [
        act.slope(act.forward(c.Z[i].copy()), np.ones_like(value))
        for i, value in enumerate(values)
    ]


# --- matrices, inputs, biases -------------------------------------------------------


def _transposed(n_in):
    def change(W, c):
        W = W.copy()
        W[:, :n_in] = W[:, :n_in].swapaxes(-1, -2)
        return W

    return change


@rule(hidden)
def matrices(chain):
    """Wrong matrices on the way back, layer by layer."""
    for i in range(1, chain.L):
        rows, H = chain.net.sizes[i : i + 2]
        if rows == H > 1:
            change, links = in_layer(i, _transposed(rows)), ("back", "back_var")
            yield Mistake(f"layer-{i + 1}-transposed", "E21", f"W_{i + 1}ᵀ g_{i + 1}",
                          f"W_{i + 1} g_{i + 1}", "Write the shapes beside every factor. "
                          "Which orders fit, and which is right?", "use no square layers",
                          tuple((k, change) for k in links[: 1 + chain.local]))
        yield Mistake(f"backward-stops-at-layer-{i + 1}", "E25", f"g_{i} = 0", _CHAIN,
                      "Does the loss not depend on the layers before?", _NONLINEAR,
                      (("slopes", in_layer(i - 1, lambda v, c: 0 * v)),))  # fmt: skip
    for i, j in alike(chain.net.shapes):
        if i:
            yield Mistake(f"layer-{j + 1}-in-place-of-{i + 1}", "E25",
                          f"W_{j + 1} g_{i + 1}", f"W_{i + 1} g_{i + 1}",
                          "Which layer do you pass on the way back?", _DEEP,
                          (("back", borrowed(i, j)),))  # fmt: skip


def _bias(name, wrong, weight):
    """Other numbers where the inputs carry their row of ones; the W keep theirs."""

    def change(A, c):
        A = A.copy()
        A[:, -1] *= weight(np.arange(c.B), c.B)
        return A

    return Mistake(name, "E21", wrong, "∂nll/∂b = Σ_b g_b",
                   "The bias is the weight of an input that is always 1. In how many "
                   "rows?", "take more than one row", (("inputs", in_all(change)),),
                   biased)  # fmt: skip


def _before_the_slope(values, c):
    """Pre-activations in place of outputs in the weight gradient."""
    values = list(values)
    for i in range(1, c.L):
        values[i] = values[i].copy()
        values[i][:, : c.net.sizes[i]] = c.Z[i - 1]
    return values


def _mean_weights(values, c):
    means = c.net.blocks(c.mu[: c.net.n_weights])
    return [np.broadcast_to(M, V.shape) for M, V in zip(means, values, strict=True)]


_OF = "∂nll/∂W_l = Σ_b A_{l-1} g_lᵀ"
_PASS = "Which forward pass do you go back through?"
known(
    __name__,
    _bias("bias-averaged-over-rows", "mean of g over the rows", lambda b, B: 1 / B),
    _bias("bias-of-first-row", "g of the first row", lambda b, B: b == 0),
    _bias("bias-of-last-row", "g of the last row", lambda b, B: b == B - 1),
    _bias("bias-without-data", "0", lambda b, B: 0),
    Mistake("weight-gradient-of-pre-activation", "E21", "Σ_b Z_{l-1} g_lᵀ", _OF,
            "What does the layer multiply with its weights?", _NONLINEAR,
            (("inputs", _before_the_slope),), hidden),
    Mistake("weight-gradient-of-another-sample", "E21", "Σ_b A_{l-1}(sample s+1) g_lᵀ",
            _OF, _PASS, "take S >= 3 samples and a hidden layer",
            (("inputs", in_all(lambda A, c: np.roll(A, -1, 0))),), hidden),
    Mistake("weight-gradient-rows-shifted", "E21", "Σ_b A_{b+1} g_bᵀ", _OF,
            "Which row's input belongs to which row's error?", "take different rows",
            (("inputs", in_all(lambda A, c: np.roll(A, -1, 2))),), fine),
    Mistake("backward-through-the-mean", "E25", "mu_l g_l", "w_l g_l", _PASS,
            "take sigmas that are not tiny", (("back", _mean_weights),),
            lambda c: pathwise(c) and hidden(c)),
    Mistake("backward-through-another-sample", "E25", "w_l(sample s+1) g_l", "w_l g_l",
            _PASS, "take S >= 3 samples",
            (("back", in_all(lambda W, c: np.roll(W, -1, 0))),),
            lambda c: hidden(c) and not c.local),
)  # fmt: skip


@rule(fine)
def layouts(chain):
    """The gradient of a W laid out column by column in the data term."""
    for i in range(chain.L):
        if min(chain.net.sizes[i : i + 2]) > 1:
            yield Mistake(f"weight-gradient-{i + 1}-column-order", "E21",
                          f"∂nll/∂W_{i + 1} column by column", _OF,
                          "In which order does the flat vector hold the entries of W?",
                          "use layers that are not square, with several rows and columns",
                          (("layer_gradients", in_layer(i, _column_order)),))


def _column_order(G, c):
    W = G[:, : G.shape[1] - c.net.bias]
    return np.concatenate([W.swapaxes(-1, -2).reshape(W.shape), G[:, W.shape[1] :]], 1)
