"""What a run died of: the error, and which term and layer stopped being finite."""

import numpy as np

from minibnn.inputs import named_data
from minibnn.validation.describe import largest

TERMS = {"nll": "data term", "kl": "KL term"}


class FitError(ValueError):
    """A run that cannot go on; ``step`` says when, ``params`` are the last good ones."""

    def __init__(self, message, step, params):
        super().__init__(message)
        self.step, self.params = step, params

    def __reduce__(self):
        return type(self), (str(self), self.step, self.params)  # pickled whole


def autopsy(model, family, params, grads, parts, data):
    """Name the term and the layers of a loss or gradient that is not finite.

    Parameters
    ----------
    params, grads : dict of arrays
        Where it happened, and the gradient there (any leading axes).
    parts : dict
        "nll" and "kl" of the objective.
    data : (features, targets)

    Returns
    -------
    str
        Such as "data term and the gradient of layer 2 weights (mu, rho); the largest
        number is 1.3e+160, in mu of layer 1 weights".
    """
    bad = [name for key, name in TERMS.items() if not np.isfinite(parts[key]).all()]
    sick = not_finite(model, family, grads)
    if sick:
        bad.append(f"gradient of {sick}")
    where = " and the ".join(bad) or "loss"
    only_kl = bad == [TERMS["kl"]]  # which sees no data
    numbers = [*named_params(model, family, params)]
    numbers += [] if only_kl else [*named_data(*data)]
    return f"{where}; {largest(numbers)}"


def not_finite(model, family, arrays):
    """The blocks that hold a nan or inf: "layer 2 weights (mu, rho), low"; else ""."""
    found = {}
    for key, array in arrays.items():
        for name, part in blocks(model, family, key):
            if not np.isfinite(array[..., part]).all():
                found.setdefault(name, []).append(key)
    return ", ".join(f"{name} ({', '.join(keys)})" for name, keys in found.items())


def named_params(model, family, params):
    """("mu of layer 1 weights", array) and so on."""
    for key, array in params.items():
        for name, part in blocks(model, family, key):
            yield f"{key} of {name}", array[..., part]


def blocks(model, family, key):
    """(name, slice) of every block of the last axis of ``params[key]``."""
    own = [("noise scale", slice(model.net.n_weights, model.n_weights))]
    weights = layer_blocks(model.net) + own * model.likelihood.n_weights
    if key in ("mu", "rho"):
        return weights
    if key == "low":  # row i of the triangle has i entries and begins at i (i - 1) / 2
        return [
            (name, slice(*(i * (i - 1) // 2 for i in (part.start, part.stop))))
            for name, part in weights
        ]
    if key == "phi":
        parts = layer_blocks(family.network)
        return [(f"inference network {name}", part) for name, part in parts]
    return [(key, slice(None))]


def layer_blocks(net):
    """("layer 1 weights", slice), ("layer 1 biases", slice), ... in flat order."""
    found = []
    for i, (part, (_, width)) in enumerate(zip(net.slices, net.shapes, strict=True)):
        middle = part.stop - width * net.bias
        found.append((f"layer {i + 1} weights", slice(part.start, middle)))
        if net.bias:
            found.append((f"layer {i + 1} biases", slice(middle, part.stop)))
    return found
