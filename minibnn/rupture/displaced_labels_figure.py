"""The detective figure: how the displaced labels give themselves away."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from minibnn import plots

WINDOW = 50  # rows of a moving mean
MARGIN = 12  # labels shown on both sides of the repeated run
TWO = ListedColormap(["#DDDDDD", plots.BLUE])


def displacement(study):
    """Three looks at the stored labels: the repeat, the rows, the shift."""
    figure, found = Figure(figsize=(16, 10)), study.detection
    if found.block is None:
        ax = figure.subplots()
        ax.axis("off")
        ax.text(0.5, 0.5, "No displaced labels found", ha="center", size=20)
        return figure
    grid = figure.add_gridspec(2, 2, height_ratios=[1, 2.4], width_ratios=[1.7, 1])
    stripes(found, study.stored_labels, figure.add_subplot(grid[0, :]))
    along_the_rows(found, figure.add_subplot(grid[1, 0]))
    every_shift(found, figure.add_subplot(grid[1, 1]))
    return figure


def stripes(found, y, ax):
    """The repeated labels above those they repeat."""
    run = found.run
    margin = min(MARGIN, run.start - run.lag, len(y) - run.start - run.length)
    first = run.start - margin
    rows = np.arange(first, run.start + run.length + margin)
    extent = (first - 0.5, rows[-1] + 0.5, -0.5, 1.5)
    bands = np.stack([y[rows - run.lag], y[rows]])
    ax.imshow(bands, cmap=TWO, aspect="auto", extent=extent, interpolation="none")
    ax.axhline(0.5, color="white", lw=8)
    ends = (run.start - 0.5, run.start + run.length - 0.5)
    ax.vlines(ends, -0.5, 1.5, color=plots.RED, lw=3)
    ax.set_yticks([1, 0], [f"label of row - {run.lag}", "label of the row"])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("row as stored (blue: 1, grey: 0)")
    ax.set_title(
        f"{run.length} labels in a row repeat those {run.lag} rows above "
        f"(chance {run.chance:.0e}); between the red lines the two bands are equal"
    )


def along_the_rows(found, ax):
    """How well a network that never saw the row likes its label, moving mean."""
    words = {
        "own": (plots.RED, "stored label"),
        "shifted": (plots.BLUE, f"label from {found.run.lag} rows below"),
    }
    for key, (colour, label) in words.items():
        curve = plots.running_mean(found.curves[key], WINDOW)
        rows = np.arange(len(curve)) + (WINDOW - 1) / 2
        line = "-" if key == "own" else "--"
        ax.plot(rows, curve, line, color=colour, label=label, lw=1.8)
    ax.axvspan(*found.block, color=plots.SKY, alpha=0.2, lw=0)
    ax.axvspan(*found.lost, color=plots.GREY, alpha=0.25, lw=0)
    start, end = found.block
    ax.set_title(f"Rows {start} to {end - 1} (blue) want the shift; grey: lost")
    ax.set_xlabel("row as stored")
    ax.set_ylabel(f"log probability of a label\n(mean of {WINDOW} rows)")
    ax.legend(loc="lower right", ncols=2)


def every_shift(found, ax):
    """Log-likelihood of the block's labels for every shift."""
    lags, by_lag = found.curves["lags"], found.curves["by_lag"]
    ax.plot(lags, by_lag, color=plots.GREY, lw=1.2)
    best = found.scores["best_lag"]
    ax.plot(best, by_lag[best], "o", color=plots.BLUE, ms=11)
    ax.annotate(
        f"{best} rows", (best, by_lag[best]), (10, -4), textcoords="offset points"
    )
    ax.set_title("Which shift do the inputs want?")
    ax.set_xlabel("labels taken from so many rows below")
    ax.set_ylabel("log-likelihood of the block (nats)")
