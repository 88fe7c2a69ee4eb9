"""One picture of a fitted table: held-out rows against what was predicted, and the ELBO."""

from __future__ import annotations

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minibnn import plots
from minibnn.own_data.study import TableFit

MOST_DOTS = 500
LABELS = 5


def picture(found: TableFit) -> Figure:
    """Left the rows held out (or, without any, those trained on), right the ELBO."""
    with style.context("minibnn.book"):
        figure = Figure(figsize=(13, 5.5))
        left, right = figure.subplots(1, 2)
        held_out = bool(found.test.any())
        rows = np.flatnonzero(found.test if held_out else found.train)
        whose = f"{len(rows)} rows {'held out' if held_out else 'trained on'}"
        if found.target.classes:
            reliability(found, rows, whose, left)
        else:
            against(found, rows, whose, left)
        plots.elbo_curve(found.result, ax=right)
        right.set_title("ELBO: has it stopped rising?")
    return figure


def reliability(found: TableFit, rows: np.ndarray, whose: str, ax: Axes) -> None:
    """Observed frequency against predicted probability."""
    p, y, classes = found.told["p"][rows], found.target.y[rows], found.target.classes
    if len(classes) == 2:
        plots.reliability(y, p[:, 1], ax=ax)
        ax.set_xlabel(f"predicted probability of {classes[1]}")
        ax.set_ylabel(f"share of {classes[1]}")
    else:
        plots.reliability(p.argmax(1) == y, p.max(1), ax=ax)
        ax.set_xlabel("predicted probability of the likeliest class")
        ax.set_ylabel("share that is right")
    ax.set_title(f"{whose}: does it know how sure it is?")


def against(found: TableFit, rows: np.ndarray, whose: str, ax: Axes) -> None:
    """Targets against predictions, with 95 % intervals; of many rows some."""
    step = -(-len(rows) // MOST_DOTS)
    rows, y = rows[::step], found.target.y
    mean, low, high = (
        found.told["mean"], found.told["quantiles"][0.025], found.told["quantiles"][0.975]
    )  # fmt: skip
    ends = [min(low[rows].min(), y[rows].min()), max(high[rows].max(), y[rows].max())]
    ax.plot(ends, ends, color="#999999", lw=1)
    ax.vlines(
        mean[rows], low[rows], high[rows], color=plots.SKY, lw=2, alpha=0.5,
        label="95 % interval",
    )  # fmt: skip
    ax.plot(mean[rows], y[rows], "o", color=plots.BLUE, ms=4, label="target")
    room = 0.05 * np.ptp(mean[rows]) or 1.0
    ax.set_xlim(mean[rows].min() - room, mean[rows].max() + room)
    ax.locator_params(axis="x", nbins=LABELS)  # numbers of six digits stand apart
    ax.set_xlabel("predicted mean")
    ax.set_ylabel(f"{found.target.name} {found.target.symbol}".strip())
    some = f", each {step}th" if step > 1 else ""
    ax.set_title(f"{whose}{some}: target against prediction")
    ax.legend(loc="upper left")
