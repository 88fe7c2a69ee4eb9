"""Draws with names, and what they say of data: the dict that ArviZ reads.

It is a dict of dicts of arrays, so nothing is imported for it. ArviZ wants of every draw
the log likelihood of each row (for ``az.loo``) and a replicated row (for
``az.plot_ppc``). No posterior keeps its data, so they are given again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.prediction.prediction import Prediction, predict
from minibnn.rng import seed_sequence
from minibnn.types import Array, ArrayLike, Rng
from minibnn.validation.arguments import as_inputs, check_rows
from minibnn.validation.columns import check_same_rows, columns_of

LARGEST = 2.0**53  # up to here every whole number is a float

Groups = dict[str, dict[str, Any]]


def inference_dict(
    model: Model,
    weights: Array,
    by_chain: Callable[[Array], Array],
    predicted: Callable[[Any], Prediction],
    X: ArrayLike | None,
    y: ArrayLike | None,
    columns: list[str] | None = None,
) -> Groups:
    """Groups of named arrays for ArviZ; ``to_inference_dict`` of a result says which.

    Parameters
    ----------
    model : Model
        Whose weights they are.
    weights : array (S, P)
        All draws.
    by_chain : function
        Takes an array (S, ...) of draws to (chain, draw, ...).
    predicted : function
        Takes X to the `Prediction` by the same draws in the same order.
    X, y : arrays (N, D) and (N,) or (N, K), both or neither
        The data, in raw units.
    columns : list of str, optional
        Names of the inputs; by default those of a frame X, or x0, x1, ...

    Returns
    -------
    dict of dicts

    Raises
    ------
    ValueError, TypeError
        If X or y is alone, or does not fit the model.
    """
    if (X is None) != (y is None):
        alone, other = ("y", "X") if X is None else ("X", "y")
        raise ValueError(
            f"{alone} must be given together with {other}, or neither: the log "
            f"likelihood of a row is that of its y given its X; got no {other}"
        )
    posterior, dims = named_weights(model, by_chain(weights))
    coords = unit_names(model.net, columns or columns_of(X))
    groups: Groups = {"posterior": posterior}
    if X is not None:
        check_same_rows(X, y)
        rows = check_rows("X", as_inputs(X))
        groups |= of_data(predicted(X), by_chain, y)
        groups["constant_data"] = {"X": rows.copy()}
        coords["row"] = list(range(len(rows)))
        dims |= {"y": ["row"], "X": ["row", "input"]}
    return groups | {"coords": coords, "dims": dims}


def one_chain(draws: Array) -> Array:
    """Independent draws as a single chain of them."""
    return draws[None]


def of_independent_draws(
    model: Model,
    draw: Callable[[np.random.Generator], Array],
    X: ArrayLike | None,
    y: ArrayLike | None,
    rng: Rng,
) -> Groups:
    """The same of one chain of weights that ``draw(generator)`` gives, (S, P)."""
    seed = seed_sequence(rng)
    weights = draw(np.random.default_rng(seed))

    def chunks(seed: Any, n_samples: int, size: int) -> Iterator[Array]:
        yield from (weights[i : i + size] for i in range(0, len(weights), size))

    def predicted(X: Any) -> Prediction:
        X = as_inputs(X, dtype=np.float64)
        return predict(model, chunks, X, len(weights), seed)

    return inference_dict(model, weights, one_chain, predicted, X, y)


def named_weights(model: Model, w: Array) -> tuple[dict[str, Array], dict[str, Any]]:
    """Weights (..., P) as W1, b1, W2, ... and log_noise_scale; and the dims of each."""
    net, found, dims = model.net, {}, {}
    names = unit_dims(net)
    for i, (W, b) in enumerate(net.unpack(w[..., : net.n_weights])):
        found[f"W{i + 1}"], dims[f"W{i + 1}"] = W.copy(), names[i : i + 2]
        if b is not None:
            found[f"b{i + 1}"], dims[f"b{i + 1}"] = b.copy(), names[i + 1 : i + 2]
    own = w[..., net.n_weights :]
    if own.shape[-1] == 1:
        found["log_noise_scale"] = own[..., 0].copy()
    elif own.shape[-1]:  # of a likelihood of somebody's own
        found["likelihood_weights"] = own.copy()
    return found, dims


def unit_dims(net: MLP) -> list[str]:
    """The name of every layer of units: input, hidden1, ..., output."""
    hidden = [f"hidden{i}" for i in range(1, len(net.sizes) - 1)]
    return ["input", *hidden, "output"]


def unit_names(net: MLP, columns: list[str] | None) -> dict[str, list[Any]]:
    """The names of all units, by layer."""
    short = ["x", *(f"h{i}_" for i in range(1, len(net.sizes) - 1)), "f"]
    names: dict[str, list[Any]] = {
        dim: [f"{letter}{i}" for i in range(size)]
        for dim, letter, size in zip(unit_dims(net), short, net.sizes, strict=True)
    }
    return names | ({"input": list(columns)} if columns else {})


def as_integers(y: Array) -> Array:
    """Labels or counts as integers; as they are where one is too large to be one."""
    return y.astype(np.int64) if np.max(y, initial=0) < LARGEST else y


def of_data(
    prediction: Prediction, by_chain: Callable[[Array], Array], y: Any
) -> Groups:
    """What the draws say of its rows: log p(y | w) of each, and a y drawn for each."""
    likelihood, y = prediction._model.likelihood, prediction._targets(y)

    def density(piece: Any) -> tuple[Array]:
        return (-likelihood.row_nll(piece.F, y[piece.rows], piece.v),)

    ((log_likelihood,),) = prediction._over_rows([density], axis=1)
    replicated = prediction.sample(prediction._n_samples)  # one by each network
    observed = (y[..., 0] if y.ndim == 2 and y.shape[1] == 1 else y).copy()
    if getattr(likelihood, "support", "reals") != "reals":  # ArviZ draws bars
        replicated, observed = as_integers(replicated), as_integers(observed)
    return {
        "posterior_predictive": {"y": by_chain(replicated)},
        "log_likelihood": {"y": by_chain(log_likelihood)},
        "observed_data": {"y": observed},
    }
