"""The history of a run: its quantities step by step, and that of one replica."""

from dataclasses import dataclass, field

import numpy as np

QUANTITIES = ("loss", "elbo", "nll", "kl", "kl_weight", "lr")


def empty_history():
    """That of a run before its first step."""
    return {name: [] for name in QUANTITIES}


@dataclass(frozen=True)
class StepInfo:
    """What a callback sees after a step; the arrays in ``params`` are copies."""

    step: int
    loss: float
    elbo: float
    nll: float
    kl: float
    kl_weight: float
    lr: float
    params: dict = field(repr=False)


def columns(rows, kl_weights, lrs):
    """The history of some steps as lists; ``elbo`` always has KL weight 1."""
    loss, nll, kl = (np.array(rows[name]) for name in ("loss", "nll", "kl"))
    if loss.ndim == 1:
        loss, nll, kl = (array.astype(float) for array in (loss, nll, kl))
    found = loss, -(nll + kl), nll, kl
    lists = [a.tolist() if a.ndim == 1 else list(a) for a in found]
    return dict(zip(QUANTITIES, [*lists, kl_weights, lrs], strict=True))


def history_of(history, r):
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


def padded(histories, sizes, order):
    """Histories of groups of replicas side by side, nan where a group had ended before.

    ``sizes`` are how many replicas each has, ``order`` puts them all in theirs. Step sizes
    and KL weights stay (steps,) where all groups had the same.
    """
    found, steps = {}, max(len(history["lr"]) for history in histories)
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
