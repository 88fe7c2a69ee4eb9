"""The history of a run: its quantities step by step, and that of one replica."""

from dataclasses import dataclass, field

import numpy as np

QUANTITIES = ("loss", "elbo", "nll", "kl", "kl_weight", "lr")


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
    lists = [
        a.tolist() if a.ndim == 1 else list(a) for a in (loss, -(nll + kl), nll, kl)
    ]
    return dict(zip(QUANTITIES, [*lists, kl_weights, lrs], strict=True))


def history_of(history, r):
    """The history of replica r alone, from arrays (steps,) and (steps, R)."""
    return {
        name: values if values.ndim == 1 else values[:, r].astype(float)
        for name, values in history.items()
    }
