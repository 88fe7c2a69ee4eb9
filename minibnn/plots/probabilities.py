"""Predicted probabilities: how far networks agree on them, and whether they are right."""

import numpy as np

from minibnn.metrics import MOST_BINS, reliability_curve
from minibnn.plots.checks import labels
from minibnn.plots.look import BLUE, GREY, RED, axes
from minibnn.validation.arguments import as_float_array, check_all, check_int
from minibnn.validation.doors import door


@door
def predictive_histogram(samples, ax=None, y=None, names=None, n_bins=40):
    """Draw, one above the other, how a probability is distributed over networks.

    samples (S, n): p of n cases under S weight samples; y (n,): labels that colour
    them; names: a label for each. The tick on each base line is the mean of p.
    """
    ax, samples = axes(ax), as_float_array("samples", samples, ndim=2)
    check_all("samples", samples, (samples >= 0) & (samples <= 1), "in [0, 1]")
    n = samples.shape[1]
    if y is not None:
        y = as_float_array("y", y, shape=(n,), allow_bool=True)
    names = labels("names", names, [f"{i}" for i in range(n)])
    edges = np.linspace(0, 1, check_int("n_bins", n_bins, maximum=MOST_BINS) + 1)
    for i in range(n):
        base = n - 1 - i
        height, _ = np.histogram(samples[:, i], edges)
        height = 0.78 * height / height.max()
        color = GREY if y is None else (RED if y[i] else BLUE)
        ax.stairs(
            base + height, edges, baseline=base, fill=True, color=color, alpha=0.75
        )
        ax.plot([0, 1], [base, base], color="#999999", lw=0.8)
        ax.plot(
            2 * [samples[:, i].mean()], [base - 0.1, base + 0.05], color="k", lw=2.5
        )
    ax.set_yticks(np.arange(n)[::-1] + 0.2, names)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.15, n - 0.05)
    return ax


@door
def reliability(y, p, ax=None, n_bins=10):
    """Draw observed frequency against predicted probability, with 95 % bars.

    A bar holds the frequencies that 95 % of data sets would show if the prediction were
    right (binomial, by the normal approximation): a dot outside its bar is a sign of
    wrong confidence. The area of a dot grows with the number of cases.
    """
    ax, curve = axes(ax), reliability_curve(y, p, n_bins)
    spread = 1.96 * np.sqrt(curve.predicted * (1 - curve.predicted) / curve.count)
    low = np.clip(curve.predicted - spread, 0, 1)
    high = np.clip(curve.predicted + spread, 0, 1)
    ax.plot([0, 1], [0, 1], color="#999999", lw=1)
    ax.vlines(
        curve.predicted, low, high, color="#BBBBBB", lw=5, label="95 % if calibrated"
    )
    size = 25 + 200 * curve.count / curve.count.max()
    ax.scatter(curve.predicted, curve.observed, size, BLUE, zorder=3, label="observed")
    ax.set_xlim(-0.04, 1.04)
    ax.set_ylim(-0.04, 1.04)
    ax.set_xlabel("predicted probability")
    ax.set_ylabel("observed frequency")
    ax.legend(loc="upper left", markerscale=0.6)
    return ax
