"""Predictive distributions of single rows, one above the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from minibnn.metrics import MOST_BINS
from minibnn.plots.checks import (
    check_prediction,
    column_of,
    indices,
    labels,
    support_of,
    title_of,
)
from minibnn.plots.look import BLUE, GREY, LINE, RED, Artists, Look, axes, legend
from minibnn.types import ArrayLike
from minibnn.validation.arguments import as_vector, check_int, check_same_length
from minibnn.validation.doors import door

SHOWN = 6  # rows, where none are chosen
TALL = 0.78  # of the room of a row
SHARES = np.linspace(0.005, 0.995, 991)  # quantiles that stand for a distribution


@door
def predictive_histogram(
    prediction: Any,
    rows: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    names: Any = None,
    output: int | None = None,
    n_bins: int = 30,
    ax: Axes | None = None,
) -> Artists:
    """Draw, one above the other, what is predicted for some rows.

    Classification: how the probability of a class is distributed over the sampled
    networks, which is how far they agree. Regression and counts: the distribution of a
    new target, noise included, its central 99 %; each row has bins of its own, counts a
    bar each. The black tick on a base line is
    the mean, an orange diamond the target.

    Parameters
    ----------
    prediction : Prediction or GaussianPrediction
        Of n rows.
    rows : indices (k,), optional
        Which rows, from the top down; by default the first 6.
    y : array (n,), optional
        Targets of all n rows. Real ones and counts are marked; with classification a
        histogram is orange where its class was the label, else blue.
    names : sequence of k str, optional
        A label for each of the rows drawn; by default its index, and the class.
    output : int, optional
        Which output, or class, where there are several.
    n_bins : int
        Bins of a histogram; where counts span fewer, each count is a bin.
    ax : Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    dict
        "ax"; "histograms" (list of StepPatch) and "means" (list of Line2D), one for each
        row; "targets" (Line2D), where y is of a regression.

    Raises
    ------
    ValueError
        Rows that are not there, or several outputs and none chosen.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), [0.1, 1.2, 1.8]
    >>> pred = mb.exact_posterior(model, X, y).predict(X)
    >>> ax = Figure().add_subplot()
    >>> drawn = mb.plots.predictive_histogram(pred, [2, 0], y, ax=ax)
    >>> [label.get_text() for label in drawn["ax"].get_yticklabels()]
    ['row 2', 'row 0']
    """
    column = column_of(check_prediction(prediction), output)
    mean, support = prediction.mean[column], support_of(prediction)
    few = np.arange(min(SHOWN, len(mean)))
    shown = few if rows is None else indices("rows", rows, len(mean))
    n_bins = check_int("n_bins", n_bins, maximum=MOST_BINS)
    targets = None if y is None else as_vector("y", y, allow_bool=True)
    if targets is not None:
        check_same_length(y=targets, prediction=mean)
        targets = targets[shown]
    classes = support == "labels"
    known = "row {}: y = {:g}" if classes and targets is not None else "row {}"
    pairs = zip(shown, shown if targets is None else targets, strict=True)
    names = labels("names", names, [known.format(*pair) for pair in pairs])
    ax = axes(ax)
    found = prediction.samples if classes else prediction.quantile(SHARES)
    values = found[column][:, shown].T
    edges = [_edges(support, one, n_bins) for one in values]
    colours = _colours(targets, column, len(shown)) if classes else [BLUE] * len(shown)
    drawn = _ridges(ax, values, mean[shown], edges, colours)
    if targets is not None and not classes:
        look: Look = dict(ls="", marker="D", ms=7, color=RED, mec="white", label="target")
        places = np.arange(len(targets))[::-1]
        (drawn["targets"],) = ax.plot(targets, places, zorder=5, **look)
    _finish(ax, names)
    ax.set_xlabel("probability under each network" if classes else title_of(y, "y"))
    if classes:
        ax.set_xlim(0, 1)
    return drawn


def _edges(support: str, values: Any, n_bins: int) -> NDArray[np.float64]:
    """Bins of probabilities or real values, or one for each count if those are few."""
    if support == "labels":
        return np.linspace(0, 1, n_bins + 1)
    low, high = np.min(values), np.max(values)
    if support == "counts" and high - low < n_bins:
        return np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    return np.linspace(low, high if high > low else low + 1, n_bins + 1)


def _colours(y: Any, column: Any, count: int) -> list[str]:
    """Of the histograms of a class: whether it was the label."""
    if y is None:
        return [GREY] * count
    label = 1 if column is ... else column[1]
    return [RED if one == label else BLUE for one in y]


def _ridges(ax: Axes, values: Any, mean: Any, edges: Any, colours: Any) -> Artists:
    """The histograms of values (k, S), the first on top, and their means."""
    drawn: Artists = {"ax": ax, "histograms": [], "means": []}
    for i, colour in enumerate(colours):
        base = len(mean) - 1 - i
        height, _ = np.histogram(values[i], edges[i])
        look: Look = dict(baseline=base, fill=True, color=colour, alpha=0.75)
        height = TALL * height / max(height.max(), 1)
        drawn["histograms"].append(ax.stairs(base + height, edges[i], **look))
        ax.axhline(base, color=LINE, lw=0.8)
        look = dict(color="k", lw=2.5, label=None if i else "mean")
        drawn["means"] += ax.plot([mean[i]] * 2, [base - 0.1, base + 0.05], **look)
    return drawn


def _finish(ax: Axes, names: Any) -> None:
    """Names of the rows, and room for a legend."""
    n = len(names)
    ax.set_yticks(np.arange(n)[::-1] + 0.2, names)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-0.15, n - 0.05 + max(0.4, 0.09 * n))
    legend(ax, loc="upper right", ncols=2)
