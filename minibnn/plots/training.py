"""The ELBO of a run, step by step."""

import numpy as np

from minibnn.plots.look import BLUE, RED, SKY, axes
from minibnn.svi.result import FitResult
from minibnn.validation.arguments import check_instance, check_int
from minibnn.validation.doors import door


@door
def running_mean(values, window):
    """Mean over the last ``window`` steps, from the first full window on."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    return (total[window:] - total[:-window]) / window


@door
def elbo_curve(result, ax=None, window=50):
    """Draw the ELBO estimate of every step, its running mean, and the final ELBO."""
    ax, elbo = axes(ax), check_instance("result", result, FitResult).history["elbo"]
    if elbo.ndim != 1:
        raise ValueError("result must be one run: take result.replica(i)")
    steps = np.arange(1, len(elbo) + 1)
    window = min(check_int("window", window), len(elbo))
    mean = running_mean(elbo, window)
    ax.plot(steps, elbo, color=SKY, lw=0.7, alpha=0.6, label="one noise a step")
    ax.plot(steps[window - 1 :], mean, color=BLUE, label=f"mean of {window} steps")
    if result.elbo is not None:
        final = f"fresh noise: {result.elbo:.1f} ± {result.elbo_se:.1f}"
        final = final.replace("-", "\N{MINUS SIGN}")
        ax.axhline(result.elbo, color=RED, ls="--", lw=1.5, label=final)
    low, high = np.quantile(elbo, [0.02, 0.999])
    ax.set_ylim(low - 0.45 * (high - low), high + 0.1 * (high - low))
    ax.set_xlabel("step")
    ax.set_ylabel("ELBO (nats)")
    ax.legend(loc="lower right")
    return ax
