"""Figures of chapter 09: how far, how fast, and when to stop."""

import numpy as np
from matplotlib.figure import Figure

from minibnn import plots
from minibnn.book.first_page import TRAINED, from_scratch
from minibnn.book.registry import figure


@figure("E76", tolerance=TRAINED)
def plateau(rng):
    """Noisy ELBO, its means over windows, and where a rise is lost in the noise."""
    result, _, _ = from_scratch()
    drawn = Figure()
    ax = drawn.add_subplot()
    plots.elbo_curve(result, window=100, ax=ax)
    windows = result.history["elbo"].reshape(-1, 200)
    mean, se = windows.mean(1), windows.std(1, ddof=1) / np.sqrt(200)
    ax.errorbar(
        np.arange(10) * 200 + 100, mean, se, fmt="o", color="k", ms=6, capsize=4,
        zorder=4, label="mean of 200 steps ± se",
    )
    lost = np.diff(mean) < np.sqrt(se[1:] ** 2 + se[:-1] ** 2)
    stop = 200 * (2 + int(np.argmax(lost)))
    ax.axvline(stop, color="k", lw=1, ls=":", label="Plateau() would stop here")
    ax.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="none")
    ax.set(ylim=(-75, -10), xlabel="step")
    ax.set_title("Converged: a window rises no more than its standard error")
    return drawn, {"mean": mean, "se": se, "stop": np.array([stop])}
