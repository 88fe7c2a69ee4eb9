"""Figures of chapter 09: how noisy a gradient is, and when to stop."""

import numpy as np
from matplotlib.figure import Figure

from minibnn import plots
from minibnn.book import colours
from minibnn.book.first_page import TRAINED, example, from_scratch
from minibnn.book.records import recorded
from minibnn.book.registry import figure
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.mean_field import MeanField
from minibnn.optim.adam import Adam
from minibnn.optim.cosine import Cosine
from minibnn.optim.sgd import SGD
from minibnn.svi.elbo import neg_elbo
from minibnn.svi.fit import fit

N, B = 40, 10  # rows of the example, of a minibatch
DRAWS = (1, 2, 4, 8, 16, 32, 64)


# --- has it converged? ---------------------------------------------------------------


@figure("E76", tolerance=TRAINED)
def at_rest(rng):
    """2000 steps of Adam with a cosine: the ELBO comes to rest."""
    short, mean, se = _windows()
    drawn = Figure()
    ax = drawn.add_subplot()
    plots.elbo_curve(short, window=100, ax=ax)
    ax.set(ylim=(-75, -10), xlabel="step")
    ax.set_title("The ELBO has come to rest, and the step size is zero")
    ax.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="none")
    return drawn, {"mean": mean, "se": se}


@figure("E76", tolerance=TRAINED)
def plateau(rng):
    """Two runs that have come to rest: each goes on to rise when it is given time."""
    drawn = Figure(figsize=(12, 6.6))
    left, right = drawn.subplots(1, 2)
    return drawn, _falling_steps(left) | _equal_steps(right)


def _windows():
    """The run of 2000 steps, the means of its windows of 200, their standard errors."""
    short = from_scratch()[0]
    windows = short.history["elbo"].reshape(-1, 200)
    return short, windows.mean(1), windows.std(1, ddof=1) / np.sqrt(200)


def _falling_steps(ax):
    """Windows of 2000 steps of Adam with a cosine, and where 8000 end."""
    _, mean, se = _windows()
    data, model = example()
    longer = fit(
        model, MeanField(), data.X, data.y, rng=0, max_steps=8000,
        start=MeanField().init(model, rng=0), optimizer=Adam(Cosine(0.03)),
    ).elbo  # fmt: skip
    ax.errorbar(
        np.arange(10) * 200 + 100, mean, se, fmt="o-", color=colours.Q, ms=6, capsize=4,
        label="mean of 200 steps ± se",
    )
    lost = np.diff(mean) < np.sqrt(se[1:] ** 2 + se[:-1] ** 2)
    stop = 200 * (2 + int(np.argmax(lost)))
    ax.axvline(stop, color="k", lw=1, ls=":", label="the rule (E76) stops here")
    ax.axhline(longer, color="k", ls="--", label="the same start, 8000 steps")
    ax.legend(loc="lower right")
    ax.set(ylim=(-45, -14), xlabel="step", ylabel="ELBO (nats)")
    ax.set_title("Adam, steps that fall to zero: at rest, but low")
    arrays = {"mean": mean, "se": se, "stop": np.array([stop])}
    return arrays | {"longer": np.array([longer])}


def _equal_steps(ax):
    """Means of 1000 steps of the plain loop, and where the rule stops."""
    kept = recorded("long_loop")
    means = np.array(kept["windows"])
    step = 1000 * (np.arange(len(means)) + 0.5)
    ax.plot(step, means, "o-", ms=4, color=colours.Q, label="mean of 1000 steps")
    ax.axvline(kept["stopped"], color="k", lw=1, ls=":", label="the rule (E76) stops here")
    ax.legend(loc="lower right")
    ax.set(xlabel="step", xscale="log", ylim=(-78, -15))
    ax.set_title("The loop of chapter 10: still rising")
    return {"windows": means}


# --- rows and draws ------------------------------------------------------------------


def gradients(params, rows, eps):
    """The gradient for mu of one minibatch."""
    data, model = example()
    args = model, MeanField(), params, eps, data.X[rows], data.y[rows]
    return neg_elbo(*args, n_data=N)[1]["mu"]


@figure("E55", tolerance=TRAINED)
def batch_noise(rng):
    """The variance of the gradient against the number of draws, and its floor."""
    data, model = example()
    params = fit(
        model, MeanField(), data.X, data.y, rng=0, max_steps=3000, batch_size=B,
        n_samples=2, start=MeanField(sigma=0.05).init(model, rng=0),
        estimator=Pathwise(), optimizer=SGD(1e-4),
    ).params  # fmt: skip
    drawn = Figure()
    ax = drawn.add_subplot()
    arrays = {"floor": _floor(params, rng)}
    for size, color, mark in ((B, colours.GRADIENT, "o"), (N, colours.Q, "s")):
        found = [_variance(params, size, draws, rng) for draws in DRAWS]
        arrays[f"rows_{size}"] = np.array(found)
        ax.plot(DRAWS, found, mark + "-", color=color, label=f"{size} of 40 rows in a step")
    ax.axhline(
        arrays["floor"][0], color=colours.GRADIENT, ls="--",
        label="10 rows, no noise of draws: the minibatch alone",
    )
    ax.set(xscale="log", yscale="log", xlabel="draws in a step", xticks=DRAWS)
    ax.set(xticklabels=DRAWS, ylabel="variance of the gradient for μ", ylim=(700, 6e5))
    ax.minorticks_off()
    ax.legend(loc="upper right")
    ax.set_title("More draws help until the rows dominate")
    return drawn, arrays


def _variance(params, size, draws, rng, repeats=300):
    """Variance over minibatches and draws, summed over the weights."""
    found = [
        gradients(params, rng.permutation(N)[:size], rng.standard_normal((draws, 25)))
        for _ in range(repeats)
    ]
    return np.var(found, axis=0, ddof=1).sum()


def _floor(params, rng):
    """The variance over minibatches of gradients whose draws are averaged out."""
    eps = rng.standard_normal((3000, 25))
    one_row = [gradients(params, [k], eps) - params["mu"] for k in range(N)]
    one_row = np.array(one_row) / N  # without N/B and without the KL
    found = [N / B * one_row[rng.permutation(N)[:B]].sum(0) for _ in range(3000)]
    return np.var(found, axis=0, ddof=1).sum(keepdims=True)
