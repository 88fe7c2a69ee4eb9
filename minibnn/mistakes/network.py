"""Mistakes on the way back through the layers (E21, E22-E24, E25)."""

import numpy as np

from minibnn.mistakes.catalogue import (
    Mistake,
    biased,
    family_of_mistakes,
    fine,
    hidden,
    known,
    local,
    pathwise,
)
from minibnn.nn.activations import ACTIVATIONS

_CHAIN = "g_{l-1} = a'(Z_{l-1}) ∘ (W_l g_l)"
_SHAPES = "Write the shapes beside every factor. Which orders fit, and which is right?"
_NONLINEAR = "take pre-activations well away from 0, of both signs"
_DEEP = "take a network with two or more hidden layers of equal width"


def _at(i, function):
    """A change of entry i of a list of layers."""

    def change(values, c):
        values = list(values)
        values[i] = function(values[i], c)
        return values

    return change


def _all(function):
    return lambda values, c: [function(value, c) for value in values]


# --- activations --------------------------------------------------------------------


def _slope_at(argument):
    """The activation's slope with another array where its output belongs."""

    def change(values, c):
        return [
            c.act.slope(argument(c, i), np.ones_like(value))
            for i, value in enumerate(values)
        ]

    return change


def _again(c, i):
    return c.act.forward(c.outputs[i].copy())


def _curved(c):
    """Needs an activation whose slope is more than a switch."""
    return hidden(c) and c.net.activation not in ("relu", "identity")


def _slope(name, wrong, hint, change, needs=hidden):
    return Mistake(name, "activation", wrong, _CHAIN, hint, _NONLINEAR,
                   (("slopes", change),), needs)  # fmt: skip


_ARGUMENT = "Is your formula for a' one in the input Z or in the output A?"
known(
    _slope("activation-slope-missing", "g_{l-1} = W_l g_l",
           "What stands between two layers?", _all(lambda v, c: np.ones_like(v))),
    _slope("activation-slope-at-pre-activation", "a' written for A, taken at Z",
           _ARGUMENT, _slope_at(lambda c, i: c.Z[i]), _curved),
    _slope("activation-slope-at-output-twice", "a' written for Z, taken at A",
           _ARGUMENT, _slope_at(_again), _curved),
    _slope("activation-slope-twice", "a'(Z)² ∘ (W g)", "Count the factors.",
           _all(lambda v, c: v * v), _curved),
    _slope("activation-in-place-of-its-slope", "A ∘ (W g)",
           "Is this the function or its derivative?",
           lambda values, c: [np.array(A) for A in c.outputs]),
    _slope("activation-slope-complement", "(1 - a'(Z)) ∘ (W g)",
           "Check a' at Z = 0 by hand.", _all(lambda v, c: 1 - v)),
    _slope("activation-slope-unsquared", "(1 - A) ∘ (W g)",
           "Differentiate tanh = sinh / cosh.",
           lambda values, c: [1 - A for A in c.outputs],
           lambda c: hidden(c) and c.net.activation == "tanh"),
    _slope("sigmoid-slope-for-the-activation", "A (1 - A) ∘ (W g)",
           "Of which activation is this the derivative?",
           lambda values, c: [A * (1 - A) for A in c.outputs]),
    Mistake("activation-slope-on-the-output-layer", "E25", "g_L = a'(F) ∘ ∂nll/∂F",
            "g_L = ∂nll/∂F", "Does the last layer have an activation?", _NONLINEAR,
            (("output", lambda g, c: g * _slope_of_outputs(c)),), hidden),
)  # fmt: skip


def _slope_of_outputs(c):
    return c.act.slope(c.act.forward(c.F.copy()), np.ones_like(c.F))


@family_of_mistakes
def other_slopes(chain):
    """Slopes of another activation, of another layer, of another sample."""
    if not hidden(chain):
        return []
    found = [
        _slope(f"activation-slope-of-{name}", f"the slope of {name}",
               "Which activation does the network have?", _slope_of(name))
        for name in ("tanh", "relu", "softplus")
        if name != chain.net.activation
    ]  # fmt: skip
    found += [
        _slope("activation-slope-of-another-sample", "a'(Z of sample s + 1)",
               "Which forward pass do you go back through?",
               _all(lambda v, c: np.roll(v, -1, 0)))
    ]  # fmt: skip
    for i, j in _same_width(chain, [A.shape[1] for A in chain.outputs]):
        wrong = f"a'(Z_{j + 1}) for a'(Z_{i + 1})"
        found.append(
            _slope(f"activation-slope-of-layer-{j + 1}-in-{i + 1}", wrong,
                   "Which layer's pre-activation stands here?", _borrowed(i, j))
        )  # fmt: skip
    for i in range(chain.L - 1) if chain.L > 2 else ():
        found.append(
            _slope(f"activation-slope-missing-in-layer-{i + 1}", f"no a' in {i + 1}",
                   "What stands between two layers?",
                   _at(i, lambda v, c: np.ones_like(v)))
        )  # fmt: skip
    return found


def _slope_of(name):
    act = ACTIVATIONS[name]

    def change(values, c):
        return [
            act.slope(act.forward(c.Z[i].copy()), np.ones_like(value))
            for i, value in enumerate(values)
        ]

    return change


def _borrowed(i, j):
    return lambda values, c: [*values[:i], values[j], *values[i + 1 :]]


def _same_width(chain, widths):
    """Pairs of neighbours (i, j) whose sizes agree: one can stand for the other."""
    pairs = [(i, j) for i in range(len(widths)) for j in (i + 1, i - 1)]
    return [(i, j) for i, j in pairs if 0 <= j < len(widths) and widths[i] == widths[j]]


# --- matrices, inputs, biases -------------------------------------------------------


def _transposed(n_in):
    def change(W, c):
        W = W.copy()
        W[:, :n_in] = W[:, :n_in].swapaxes(-1, -2)
        return W

    return change


@family_of_mistakes
def matrices(chain):
    """Wrong matrices on the way back, layer by layer."""
    if not hidden(chain):
        return []
    found = []
    for i in range(1, chain.L):
        rows, H = chain.net.sizes[i], chain.net.sizes[i + 1]
        if rows == H > 1:
            changes = (("back", _at(i, _transposed(rows))),)
            if chain.local:
                changes += (("back_var", _at(i, _transposed(rows))),)
            found.append(
                Mistake(f"layer-{i + 1}-transposed", "E21", f"W_{i + 1}ᵀ g_{i + 1}",
                        f"W_{i + 1} g_{i + 1}", _SHAPES, "use no square layers",
                        changes)
            )  # fmt: skip
        found.append(
            Mistake(f"backward-stops-at-layer-{i + 1}", "E25", f"g_{i} = 0", _CHAIN,
                    "Does the loss not depend on the layers before?", _NONLINEAR,
                    (("slopes", _at(i - 1, lambda v, c: 0 * v)),))
        )  # fmt: skip
    for i, j in _same_width(chain, chain.net.shapes):
        if i:
            found.append(
                Mistake(f"layer-{j + 1}-in-place-of-{i + 1}", "E25",
                        f"W_{j + 1} g_{i + 1}", f"W_{i + 1} g_{i + 1}",
                        "Which layer do you pass on the way back?", _DEEP,
                        (("back", _borrowed(i, j)),))
            )  # fmt: skip
    return found


_ONES = "The bias is the weight of an input that is always 1. In how many rows?"


def _bias_row(function):
    """Another row where the inputs carry their ones; the W keep theirs."""

    def change(inputs, c):
        inputs = [A.copy() for A in inputs]
        for A in inputs:
            A[:, -1] = function(A[:, -1], c)
        return inputs

    return (("inputs", change),)


def _first(ones, c):
    return ones * (np.arange(c.B) == 0)


def _last(ones, c):
    return ones * (np.arange(c.B) == c.B - 1)


def _bias(name, wrong, function):
    return Mistake(name, "E21", wrong, "∂nll/∂b = Σ_b g_b", _ONES,
                   "take more than one row", _bias_row(function), biased)  # fmt: skip


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
    _bias("bias-averaged-over-rows", "mean of g over the rows", lambda o, c: o / c.B),
    _bias("bias-of-first-row", "g of the first row", _first),
    _bias("bias-of-last-row", "g of the last row", _last),
    _bias("bias-without-data", "0", lambda o, c: 0 * o),
    Mistake("weight-gradient-of-pre-activation", "E21", "Σ_b Z_{l-1} g_lᵀ", _OF,
            "What does the layer multiply with its weights?", _NONLINEAR,
            (("inputs", _before_the_slope),), hidden),
    Mistake("weight-gradient-of-another-sample", "E21", "Σ_b A_{l-1}(sample s+1) g_lᵀ",
            _OF, _PASS, "take S >= 3 samples and a hidden layer",
            (("inputs", _all(lambda A, c: np.roll(A, -1, 0))),), hidden),
    Mistake("weight-gradient-rows-shifted", "E21", "Σ_b A_{b+1} g_bᵀ", _OF,
            "Which row's input belongs to which row's error?", "take different rows",
            (("inputs", _all(lambda A, c: np.roll(A, -1, 2))),), fine),
    Mistake("backward-through-the-mean", "E25", "mu_l g_l", "w_l g_l", _PASS,
            "take sigmas that are not tiny", (("back", _mean_weights),),
            lambda c: pathwise(c) and hidden(c)),
    Mistake("backward-through-another-sample", "E25", "w_l(sample s+1) g_l", "w_l g_l",
            _PASS, "take S >= 3 samples",
            (("back", _all(lambda W, c: np.roll(W, -1, 0))),),
            lambda c: hidden(c) and not local(c)),
)  # fmt: skip


def _columns(i, square):
    """The gradient of W_i laid out column by column, or transposed if square."""

    def change(values, c):
        values = list(values)
        n_in = c.net.sizes[i]
        values[i] = values[i].copy()
        W = values[i][:, :n_in]
        values[i][:, :n_in] = W.swapaxes(-1, -2).reshape(W.shape)
        return values

    word = "transposed" if square else "column by column"
    return Mistake(f"weight-gradient-{i + 1}-column-order", "E21",
                   f"∂nll/∂W_{i + 1} {word}", _OF, _SHAPES,
                   "use layers that are not square, with several rows and columns",
                   (("layer_gradients", change),))  # fmt: skip


@family_of_mistakes
def layouts(chain):
    """The gradient of a W transposed in the data term."""
    if not chain.fine:
        return []
    sizes = chain.net.sizes
    return [
        _columns(i, sizes[i] == sizes[i + 1])
        for i in range(chain.L)
        if min(sizes[i : i + 2]) > 1
    ]
