"""What a run died of: the error, and which term and layer stopped being finite."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minibnn.families.base import Family
from minibnn.inputs import named_data
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.types import FloatArray, Params
from minibnn.validation.describe import largest

TERMS = {"nll": "data term", "kl": "KL term"}


class FitError(ValueError):
    """A run that cannot go on: its loss, gradient or a sigma has left the numbers.

    Attributes
    ----------
    step : int
        The step at which it was, 0 being the first.
    params : dict of arrays
        The last at which loss and gradient were finite.

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Poisson(), mb.GaussianPrior())
    >>> data, wild = ([[1.0], [2.0]], [3, 5]), mb.SGD(1e6)
    >>> try:
    ...     mb.fit(model, mb.MeanField(), *data, optimizer=wild, max_steps=99, rng=0)
    ... except mb.FitError as error:
    ...     print(error.step < 99, sorted(error.params))
    True ['mu', 'rho']
    """

    def __init__(self, message: str, step: int, params: Params) -> None:
        super().__init__(message)
        self.step, self.params = step, params

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.step, self.params)  # pickled whole


def autopsy(
    model: Model,
    family: Family,
    params: Params,
    grads: Params,
    parts: dict[str, FloatArray],
    data: tuple[Any, Any],
) -> str:
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
    numbers: list[Any] = [*named_params(model, family, params)]
    numbers += [] if only_kl else [*named_data(*data)]
    return f"{where}; {largest(numbers)}"


def not_finite(model: Model, family: Family, arrays: Params) -> str:
    """The blocks that hold a nan or inf: "layer 2 weights (mu, rho), low"; else ""."""
    found: dict[str, list[str]] = {}
    for key, array in arrays.items():
        for name, part in blocks(model, family, key):
            if not np.isfinite(array[..., part]).all():
                found.setdefault(name, []).append(key)
    return ", ".join(f"{name} ({', '.join(keys)})" for name, keys in found.items())


def named_params(
    model: Model, family: Family, params: Params
) -> Iterator[tuple[str, FloatArray]]:
    """("mu of layer 1 weights", array) and so on."""
    for key, array in params.items():
        for name, part in blocks(model, family, key):
            yield f"{key} of {name}", array[..., part]


def blocks(model: Model, family: Any, key: str) -> list[tuple[str, slice]]:
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


def layer_blocks(net: MLP) -> list[tuple[str, slice]]:
    """("layer 1 weights", slice), ("layer 1 biases", slice), ... in flat order."""
    found = []
    for i, (part, (_, width)) in enumerate(zip(net.slices, net.shapes, strict=True)):
        middle = part.stop - width * net.bias
        found.append((f"layer {i + 1} weights", slice(part.start, middle)))
        if net.bias:
            found.append((f"layer {i + 1} biases", slice(middle, part.stop)))
    return found
