"""Predicted probabilities against what happened."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from minibnn.metrics import ece, reliability_curve
from minibnn.plots.binomial import binomial_band
from minibnn.plots.look import BLUE, LINE, PALE, Artists, Look, axes, legend
from minibnn.types import ArrayLike
from minibnn.validation.doors import door


@door
def reliability(
    y: ArrayLike, p: ArrayLike, *, n_bins: int = 10, ax: Axes | None = None
) -> Artists:
    """Draw observed frequency against predicted probability, with 95 % bars.

    A bar holds the frequencies that 95 % of data sets would show if the prediction were
    right (binomial): a dot outside its bar is a sign of wrong confidence. The area of a
    dot grows with the number of rows in its bin. With three classes or more it is the
    probability of the predicted class against how often that class was the right one.

    Parameters
    ----------
    y : array (n,)
        Labels 0 .. C-1.
    p : array (n,), (n, 1) or (n, C)
        Probabilities: ``result.predict(X).mean``.
    n_bins : int
        Bins of equal width on [0, 1]; empty ones are left out.
    ax : Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    dict
        "ax"; "diagonal" (Line2D); "bars" (LineCollection); "dots" (PathCollection).

    Raises
    ------
    ValueError
        Labels or probabilities out of range, or lengths that differ.

    Examples
    --------
    >>> import minibnn as mb
    >>> from matplotlib.figure import Figure
    >>> drawn = mb.plots.reliability(
    ...     [0, 1, 1], [0.1, 0.6, 0.9], ax=Figure().add_subplot()
    ... )
    >>> drawn["dots"].get_offsets()[:, 1].tolist()
    [0.0, 1.0, 1.0]
    """
    ece(y, p, n_bins)  # everything is checked
    p = np.asarray(p, np.float64)
    several = p.ndim == 2 and p.shape[1] > 2
    if several:
        y, p = np.argmax(p, axis=1) == np.ravel(y), np.max(p, axis=1)
    curve, ax = reliability_curve(y, p, n_bins), axes(ax)
    drawn: Artists = {"ax": ax}
    (drawn["diagonal"],) = ax.plot([0, 1], [0, 1], color=LINE, lw=1)
    low, high = binomial_band(curve.predicted, curve.count)
    look: Look = dict(color=PALE, lw=5, label="95 % if calibrated")
    drawn["bars"] = ax.vlines(curve.predicted, low, high, **look)
    size = 25 + 200 * curve.count / curve.count.max()
    look = dict(s=size, c=BLUE, zorder=3, label="observed")
    drawn["dots"] = ax.scatter(curve.predicted, curve.observed, **look)
    ax.set_xlim(-0.04, 1.04)
    ax.set_ylim(-0.04, 1.04)
    of = " of the predicted class" if several else ""
    ax.set_xlabel(f"predicted probability{of}")
    ax.set_ylabel("fraction predicted rightly" if several else "observed frequency")
    legend(ax, loc="upper left", markerscale=0.6)
    return drawn
