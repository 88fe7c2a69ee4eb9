"""Mistakes in the bookkeeping: order of the flat vector, arrays mixed up."""

import numpy as np

from minibnn.mistakes.catalogue import (
    Mistake,
    biased,
    family_of_mistakes,
    fine,
    known,
    sigmas,
)

_FLAT = "per layer W row by row, then b"
_HINT = "Print the index of one coordinate at every place where you reshape."
_SQUARE = "take layers of different shapes with several rows and columns"


def _per_array(function):
    """The same rearrangement of every array with one number per weight."""

    def change(total, c):
        parts = c.blocks.split(total)
        return c.blocks.flat({key: function(part, c) for key, part in parts.items()})

    return (("total", change),)


def _per_layer(function):
    """A rearrangement of each layer's (D+1, H) block."""

    def change(array, c):
        out = array.copy()
        for part, shape in zip(c.net.slices, c.net.shapes, strict=True):
            out[part] = function(array[part].reshape(shape), c).ravel()
        return out

    return _per_array(change)


def _column_order(block, c):
    n_in = len(block) - c.net.bias
    return np.concatenate([block[:n_in].T.ravel(), block[n_in:].ravel()])


def _reversed_layers(array, c):
    own = array[c.net.n_weights :]
    return np.concatenate([*(array[part] for part in reversed(c.net.slices)), own])


def _weights_then_biases(array, c):
    own = array[c.net.n_weights :]
    bias = c.net.is_bias
    inner = array[: c.net.n_weights]
    return np.concatenate([inner[~bias], inner[bias], own])


def _swapped(total, c):
    parts = c.blocks.split(total)
    return c.blocks.flat({"mu": parts["rho"], "rho": parts["mu"]})


def _copied(source):
    def change(total, c):
        part = c.blocks.split(total)[source]
        return c.blocks.flat({"mu": part, "rho": part})

    return change


def _order(name, wrong, changes, needs=fine, reveal=_SQUARE):
    return Mistake(name, "E25", wrong, _FLAT, _HINT, reveal, changes, needs)


_TWO = "Which of the two arrays is this?"
known(
    _order("order-columns", "W column by column", _per_layer(_column_order)),
    _order("order-bias-first", "b before W", _per_layer(lambda G, c: np.roll(G, 1, 0)),
           biased),
    _order("order-layers-reversed", "last layer first", _per_array(_reversed_layers)),
    _order("order-weights-then-biases", "all W, then all b",
           _per_array(_weights_then_biases), biased, "take more than one layer"),
    _order("order-reversed", "from its end", _per_array(lambda a, c: a[::-1])),
    _order("order-shifted", "coordinate i + 1 for i",
           _per_array(lambda a, c: np.roll(a, -1))),
    Mistake("mu-and-rho-swapped", "E53", "the two arrays exchanged", "mu, rho", _TWO,
            "take sigmas other than 1", (("total", _swapped),), sigmas),
    Mistake("rho-gets-gradient-of-mu", "E53", "∂loss/∂mu for rho", "∂loss/∂rho", _TWO,
            "take sigmas other than 1", (("total", _copied("mu")),), sigmas),
    Mistake("mu-gets-gradient-of-rho", "E52", "∂loss/∂rho for mu", "∂loss/∂mu", _TWO,
            "take sigmas other than 1", (("total", _copied("rho")),), sigmas),
)  # fmt: skip


@family_of_mistakes
def forgotten(chain):
    """An array, or a layer of it, that gets no gradient at all."""
    keys = list(chain.blocks.keys)
    label = {"mu": "E52", "rho": "E53"}
    found = [
        Mistake(f"no-gradient-for-{key}", label.get(key, "E51"), f"∂loss/∂{key} = 0",
                f"∂loss/∂{key}", "Which arrays does the optimiser change?",
                "take a point that is no optimum",
                (("total", _zeroed(lambda name, key=key: name[0] == key)),))
        for key in keys
        if len(keys) > 1
    ]  # fmt: skip
    for layer in range(1, chain.L + 1) if chain.L > 1 else ():
        zero = _zeroed(lambda name, layer=layer: name[1] == layer)
        found.append(
            Mistake(f"no-gradient-for-layer-{layer}", "E25",
                    f"the gradient of layer {layer} = 0", "of every layer",
                    "Which layers does your loop visit?",
                    "take a point that is no optimum", (("total", zero),))
        )  # fmt: skip
    return found


def _zeroed(selects):
    def change(total, c):
        out = total.copy()
        for name, cut in zip(c.blocks.names, c.blocks.slices, strict=True):
            if selects(name):
                out[cut] = 0
        return out

    return change
