"""Are the intervals of a regression as wide as they say?"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from minibnn.plots.binomial import binomial_band
from minibnn.plots.checks import check_prediction, column_of, support_of
from minibnn.plots.look import BLUE, LINE, PALE, Artists, Look, axes, legend
from minibnn.types import ArrayLike
from minibnn.validation.arguments import as_vector, check_choice, check_same_length
from minibnn.validation.doors import door

GRID = np.arange(1, 100) / 100  # quantiles of the prediction, among which y has a rank
LEVELS = np.arange(1, 20) / 20
BINS = 10


@door
def calibration(
    prediction: Any,
    y: ArrayLike,
    *,
    kind: str = "coverage",
    output: int | None = None,
    ax: Axes | None = None,
) -> Artists:
    """Draw whether the intervals of a regression hold as many targets as they say.

    kind="coverage": against every level the fraction of targets in the central interval
    of that level. Below the diagonal intervals are too narrow (too sure), above it too
    wide. kind="pit": the histogram of the probability integral transform, the share of
    the predictive probability below each target. It is flat if calibrated; a U shape
    says too narrow, a hump too wide, a slope a bias.

    The band holds 95 % of what independent rows would show by chance if the prediction
    were right. A target is placed between the 99 percentiles of the prediction; what
    falls between two of them, or is a tie of counts, is spread evenly.

    Parameters
    ----------
    prediction : Prediction or GaussianPrediction
        Of real targets or counts, at n rows that were not trained on.
    y : array (n,) or (n, 1)
        The targets of those rows.
    kind : "coverage" or "pit"
    output : int, optional
        Which output, where there are several.
    ax : Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    dict
        "ax"; "band" (PolyCollection); "expected" (Line2D); "observed" (Line2D with kind
        "coverage", StepPatch with "pit").

    Raises
    ------
    ValueError
        A prediction of classes (see ``reliability``), or lengths that differ.

    References
    ----------
    Gneiting, Balabdaoui & Raftery 2007; for counts Czado, Gneiting & Held 2009.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), [0.1, 1.2, 1.8]
    >>> pred = mb.exact_posterior(model, X, y).predict(X)
    >>> drawn = mb.plots.calibration(pred, y, ax=Figure().add_subplot())
    >>> drawn["ax"].get_xlabel()
    'level of the interval'
    """
    column = column_of(check_prediction(prediction), output)
    if support_of(prediction) == "labels":
        raise ValueError(
            "prediction must be of real targets or counts, got one of classes: draw "
            "plots.reliability(y, prediction.mean)"
        )
    y, draw = as_vector("y", y), {"coverage": _coverage, "pit": _pit}
    check_same_length(y=y, prediction=prediction.mean)
    check_choice("kind", kind, draw)
    quantiles = prediction.quantile(GRID)[column]
    low = np.sum(quantiles < y, axis=0) / (len(GRID) + 1)
    high = (np.sum(quantiles <= y, axis=0) + 1) / (len(GRID) + 1)
    return draw[kind](axes(ax), low, high)


def share(low: Any, high: Any, start: float, end: float) -> NDArray[np.float64]:
    """Which part of each interval (low, high) lies within (start, end)."""
    return np.clip(np.minimum(high, end) - np.maximum(low, start), 0, None) / (high - low)


def _coverage(ax: Axes, low: Any, high: Any) -> Artists:
    """Levels against the fraction of targets in the central intervals."""
    inside = [share(low, high, 0.5 - a / 2, 0.5 + a / 2).mean() for a in LEVELS]
    drawn: Artists = {"ax": ax}
    under, over = (np.array([0, *b, 1]) for b in binomial_band(LEVELS, len(low)))
    look: Look = dict(color=PALE, alpha=0.6, lw=0, label="95 % if calibrated")
    drawn["band"] = ax.fill_between([0, *LEVELS, 1], under, over, **look)
    (drawn["expected"],) = ax.plot([0, 1], [0, 1], color=LINE, lw=1)
    look = dict(color=BLUE, marker="o", ms=4, label=f"{len(low)} targets")
    (drawn["observed"],) = ax.plot(LEVELS, inside, **look)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    ax.set_xlabel("level of the interval")
    ax.set_ylabel("fraction of targets inside")
    wide = np.mean(inside) > LEVELS.mean() + 0.1  # then the curve is up there
    legend(ax, loc="lower right" if wide else "upper left")
    return drawn


def _pit(ax: Axes, low: Any, high: Any) -> Artists:
    """The histogram of where targets lie in their predictive distributions."""
    edges = np.linspace(0, 1, BINS + 1)
    found = [share(low, high, *ends).mean() for ends in itertools.pairwise(edges)]
    density = BINS * np.array(found)
    below, above = (BINS * b for b in binomial_band(np.full(1, 1 / BINS), len(low)))
    drawn: Artists = {"ax": ax}
    look: Look = dict(color=PALE, alpha=0.6, lw=0, label="95 % if calibrated")
    drawn["band"] = ax.fill_between([0, 1], *np.tile([below, above], 2), **look)
    look = dict(color=BLUE, lw=2, label=f"{len(low)} targets")
    drawn["observed"] = ax.stairs(density, edges, **look)
    drawn["expected"] = ax.axhline(1, color=LINE, lw=1)
    ax.set(xlim=(0, 1), ylim=(0, 1.35 * max(density.max(), above[0])))
    ax.set_xlabel("probability integral transform of the target")
    ax.set_ylabel("density")
    legend(ax, loc="upper left", ncols=2)
    return drawn
