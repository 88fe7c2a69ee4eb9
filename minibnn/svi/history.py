"""The history of a run: its quantities step by step, and that of one replica."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minibnn.types import FloatArray, IntArray, Params

QUANTITIES = ("loss", "elbo", "nll", "kl", "kl_weight", "lr")


def empty_history() -> dict[str, list[Any]]:
    """That of a run before its first step."""
    return {name: [] for name in QUANTITIES}


@dataclass(frozen=True)
class StepInfo:
    """What a callback sees after a step.

    Attributes
    ----------
    step : int
        0 is the first.
    loss, elbo, nll, kl : float or array (R,)
        Of this step, in nats, estimated from its rows for all of them;
        elbo = -(nll + kl), and loss = nll + kl_weight kl.
    kl_weight, lr : float
        KL weight and step size.
    params : dict of arrays
        Parameters after the step; copies.

    Examples
    --------
    >>> import minibnn as mb
    >>> from minibnn.svi import StepInfo
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> def watch(info: StepInfo) -> None:
    ...     if info.step == 9:
    ...         raise StopIteration  # ends the run
    >>> result = mb.fit(model, mb.MeanField(), [[0.0], [1.0]], [0.0, 1.0], callback=watch)
    >>> result.stop_reason, len(result.history["loss"])
    ('callback', 10)
    """

    step: int
    loss: float | FloatArray
    elbo: float | FloatArray
    nll: float | FloatArray
    kl: float | FloatArray
    kl_weight: float
    lr: float
    params: Params = field(repr=False)


def columns(
    rows: Mapping[str, Any], kl_weights: list[float], lrs: list[float]
) -> dict[str, list[Any]]:
    """The history of some steps as lists; ``elbo`` always has KL weight 1."""
    loss, nll, kl = (np.array(rows[name]) for name in ("loss", "nll", "kl"))
    if loss.ndim == 1:
        loss, nll, kl = (array.astype(float) for array in (loss, nll, kl))
    found = loss, -(nll + kl), nll, kl
    lists = [a.tolist() if a.ndim == 1 else list(a) for a in found]
    return dict(zip(QUANTITIES, [*lists, kl_weights, lrs], strict=True))


def history_of(history: Mapping[str, FloatArray], r: int) -> dict[str, FloatArray]:
    """The history of replica r alone, from arrays (steps,) and (steps, R).

    Where step sizes have an axis R too, a replica's history ends with the last it had.
    """
    if np.ndim(history["lr"]) == 2:
        steps = np.count_nonzero(~np.isnan(history["lr"][:, r]))
        history = {name: values[:steps] for name, values in history.items()}
    return {
        name: values if values.ndim == 1 else values[:, r].astype(float)
        for name, values in history.items()
    }


def padded(
    histories: Sequence[Mapping[str, FloatArray]], sizes: Sequence[int], order: IntArray
) -> dict[str, FloatArray]:
    """Histories of groups of replicas side by side, nan where a group had ended before.

    ``sizes`` are how many replicas each has, ``order`` puts them all in theirs. Step sizes
    and KL weights stay (steps,) where all groups had the same.
    """
    found: dict[str, FloatArray] = {}
    steps = max(len(history["lr"]) for history in histories)
    shared = [
        name
        for name in ("kl_weight", "lr")
        if all(np.array_equal(h[name], histories[0][name]) for h in histories)
    ]
    for name in QUANTITIES:
        if len(shared) == 2 and name in shared:
            found[name] = histories[0][name]
            continue
        whole = np.full((steps, sum(sizes)), np.nan)
        ends = np.cumsum(sizes)
        for history, size, end in zip(histories, sizes, ends, strict=True):
            values = history[name]
            values = values[:, None] if values.ndim == 1 else values
            whole[: len(values), end - size : end] = values
        found[name] = whole[:, order]
    return found
