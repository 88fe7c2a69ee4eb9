"""The ELBO of a run, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from minibnn.plots.look import BLUE, GREY, RED, SKY, Artists, Look, axes, legend, minus
from minibnn.svi.history import history_of
from minibnn.svi.result import FitResult
from minibnn.types import ArrayLike, FloatArray
from minibnn.validation.arguments import check_instance, check_int
from minibnn.validation.doors import door

LEAST_SPAN = 1.0  # nats; less than that is no difference between runs


@door
def running_mean(values: ArrayLike, window: int) -> FloatArray:
    """Mean over the last ``window`` steps, from the first full window on.

    Parameters
    ----------
    values : array (n,)
    window : int
        At most n.

    Returns
    -------
    array (n - window + 1,)

    Examples
    --------
    >>> import minibnn as mb
    >>> mb.plots.running_mean([1.0, 2.0, 6.0, 4.0], 2).tolist()
    [1.5, 4.0, 5.0]
    """
    steps = np.asarray(values, np.float64)
    return np.convolve(steps, np.full(window, 1.0 / window), "valid")


@door
def elbo_curve(
    result: FitResult, *, window: int = 50, ax: Axes | None = None
) -> Artists:
    """Draw the ELBO of every step in nats, its running mean, and the final ELBO.

    Of replicas the running mean of each is drawn, of restarts the final ELBO of those
    that were not kept. A ``Point`` has no ELBO: then it is the penalised loss of every
    step, which falls. The axis is made for the later half of the steps, so that a start
    from far away does not press them flat; below it stands how many lie outside.

    Parameters
    ----------
    result : FitResult
    window : int
        Steps in a running mean; fewer where the run is shorter.
    ax : Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    dict
        "ax"; "steps" (Line2D, of one run) and "mean" (list of Line2D, one for each
        run); "final" (Line2D, or ErrorbarContainer with replicas) and "final_se"
        (Rectangle, of one run) where the ELBO is known; "restarts" (Line2D).

    Raises
    ------
    ValueError
        If the result has no history: it did not come from ``fit`` itself.

    Examples
    --------
    >>> import minibnn as mb
    >>> from matplotlib.figure import Figure
    >>> data = mb.datasets.cubic(rng=0).standardised(targets=True)
    >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.1), mb.GaussianPrior())
    >>> result = mb.fit(
    ...     model, mb.MeanField(), data.X, data.y, rng=0, max_steps=60, start=None
    ... )
    >>> drawn = mb.plots.elbo_curve(result, ax=Figure().add_subplot())
    >>> drawn["ax"].get_ylabel()
    'ELBO (nats)'
    """
    check_instance("result", result, FitResult)
    window, known = check_int("window", window), result.family.has_elbo
    runs = _runs(result, "elbo" if known else "loss")
    ax = axes(ax)
    drawn: Artists = {"ax": ax, "mean": []}
    bounds = _bounds(runs, result, 1.0 if known else -1.0)
    if len(runs) == 1:
        steps = np.arange(1, len(runs[0]) + 1)
        look: Look = dict(color=SKY, lw=0.7, alpha=0.6, label="every step")
        (drawn["steps"],) = ax.plot(steps, runs[0], **look)
    for values, look in zip(runs, _looks(runs, window), strict=True):
        w = min(window, len(values))
        mean, steps = running_mean(values, w), np.arange(w, len(values) + 1)
        drawn["mean"] += ax.plot(steps, mean, color=BLUE, **look)
    _final(drawn, result, [len(values) for values in runs])
    ax.set_ylim(*bounds)
    ax.set_xlabel(f"step{_outside(runs, *bounds)}")
    ax.set_ylabel("ELBO (nats)" if known else "penalised loss (nats)")
    legend(ax, loc="lower right" if known else "upper right")
    return drawn


def _runs(result: FitResult, name: str) -> list[FloatArray]:
    """The values of one quantity, step by step, for each replica."""
    history = result.history
    if not history or not len(history[name]):
        raise ValueError(
            "result must have a history of steps, got none: draw that of the fit, from "
            "which result.at(context) was taken"
        )
    if history[name].ndim == 1:
        return [history[name].astype(float)]
    return [history_of(history, r)[name] for r in range(history[name].shape[1])]


def _looks(
    runs: list[FloatArray], window: int
) -> list[dict[str, Any]]:
    """Line width and label of every running mean; of several the first has a label."""
    window = min(window, max(len(values) for values in runs))
    mean = f"mean of {window} steps"
    if len(runs) == 1:
        return [dict(label=mean)]
    several = f"{len(runs)} replicas, {mean}"
    thin = dict(lw=1.0, alpha=0.6)
    return [thin | {"label": several if r == 0 else None} for r in range(len(runs))]


def _bounds(
    runs: list[FloatArray], result: FitResult, sign: float
) -> tuple[float, float]:
    """Limits of the axis by the later steps, with room where the values come from."""
    later = np.concatenate([values[len(values) // 2 :] for values in runs])
    later = sign * later[np.isfinite(later)]
    final = _finite(result.elbo) if result.elbo is not None else np.empty(0)
    known = [*np.quantile(later, [0.02, 0.999])] if later.size else []
    low, high = np.min([*known, *final]), np.max([*known, *final])
    short = max(0.0, LEAST_SPAN - (high - low)) / 2
    low, high, span = low - short, high + short, high - low + 2 * short
    unit = 10.0 ** np.floor(np.log10(span) - 1)  # limits are round: they are told
    low = unit * np.floor((low - 0.45 * span) / unit)
    high = unit * np.ceil((high + 0.1 * span) / unit)
    return (low, high) if sign > 0 else (-high, -low)


def _outside(runs: list[FloatArray], low: float, high: float) -> str:
    """How many of the values lie outside, in words; nothing if none does."""
    values = np.concatenate(runs)
    count = int(np.sum(~((values >= low) & (values <= high))))
    if not count:
        return ""
    ends = minus(f"{low:.6g} to {high:.6g}")
    return f"\n({count} of {values.size} lie outside {ends})"


def _finite(values: Any) -> FloatArray:
    values = np.atleast_1d(np.asarray(values, float))
    return values[np.isfinite(values)]


def _final(drawn: Artists, result: FitResult, lengths: list[int]) -> None:
    """The ELBO from fresh noise, of every replica, and those of other restarts."""
    ax, elbo, se = drawn["ax"], result.elbo, result.elbo_se
    if elbo is None or not np.all(np.isfinite(elbo)):
        return
    if np.ndim(elbo):
        look: Look = dict(fmt="o", color=RED, ms=4, capsize=3, zorder=4)
        label = "final ELBO of each ± se"
        drawn["final"] = ax.errorbar(lengths, elbo, se, label=label, **look)
        return
    label = minus(f"final ELBO {elbo:.1f} ± {se:.1f}")
    drawn["final"] = ax.axhline(elbo, color=RED, ls="--", lw=1.5, label=label)
    drawn["final_se"] = ax.axhspan(elbo - se, elbo + se, color=RED, alpha=0.2, lw=0)
    others = [value for value, _ in result.restarts if value != elbo]
    if others:
        look = dict(ls="", marker="_", ms=14, mew=2, color=GREY)
        label = f"{len(others)} other restarts"
        (drawn["restarts"],) = ax.plot(
            np.full(len(others), lengths[0]), others, label=label, **look
        )
