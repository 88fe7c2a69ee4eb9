"""Figures of chapter 12: what independent weights cost, in weights and in predictions."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from minibnn.book.colours import DATA, POSTERIOR, PRIOR, TRUTH, Q
from minibnn.book.first_page import example
from minibnn.book.independent_runs import clusters
from minibnn.book.records import recorded
from minibnn.book.registry import figure
from minibnn.exact.conjugate import exact_posterior
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.plots.look import SKY
from minibnn.priors.gaussian import GaussianPrior


def band(ax, x, mean, sd, colour, label):
    """A mean and 2 sd of f around it."""
    ax.fill_between(x, mean - 2 * sd, mean + 2 * sd, color=colour, alpha=0.3, lw=0)
    ax.plot(x, mean, color=colour, label=label)


def ticks(ax, x, y):
    """The training inputs, as ticks at the bottom."""
    ax.plot(x, np.full(len(x), y), "|", color=DATA, ms=9, clip_on=False)


NAMES = (("hmc", POSTERIOR, "HMC"), ("q", Q, "mean field"))


@figure("E82")
def gap_against_hmc(rng):
    """The running example: both bands, and both standard deviations of f."""
    kept = {k: np.array(v) for k, v in recorded("independent_methods").items()
            if k in ("x", "hmc_mean", "hmc_sd", "q_mean", "q_sd")}  # fmt: skip
    data, _ = example()
    drawn = Figure(figsize=(10, 8.2))
    top, low = drawn.subplots(2, 1, sharex=True, height_ratios=(1.3, 1))
    near = top.inset_axes([0.6, 0.07, 0.37, 0.29])
    for ax in (top, near):
        for name, colour, label in NAMES:
            mean, sd = kept[f"{name}_mean"], kept[f"{name}_sd"]
            band(ax, kept["x"], mean, sd, colour, f"{label}, mean ± 2 sd of f")
        truth = data.X_test[:, 0], data.mean_test
        ax.plot(*truth, color=TRUTH, ls="--", label="true cubic")
        ax.plot(data.X[:, 0], data.y, ".", color=DATA, label="data")
    top.set(xlim=(-3, 3), ylim=(-9, 9), ylabel="y")
    near.set(xlim=(0.2, 1.1), ylim=(-0.4, 0.6), title="the hole, enlarged")
    top.legend(loc="upper left")
    for name, colour, label in NAMES:
        low.semilogy(kept["x"], kept[f"{name}_sd"], color=colour, label=label)
    ticks(low, data.X[:, 0], 0.0125)
    low.axvline(0.6, color=PRIOR, ls=":", label="x = 0.6")
    low.set(ylim=(0.012, 1), xlabel="x", ylabel="sd of f")
    low.legend(loc="upper center")
    return drawn, kept


def cubic():
    """The linear model of the page: its posterior, inputs and covariances (exact, q)."""
    x = np.linspace(-1, 2, 20)
    y = 1 - x + 0.5 * x**3 + 0.5 * np.random.default_rng(0).standard_normal(20)
    model = Model(MLP([3, 1]), Gaussian(0.5), GaussianPrior(0.0, 1.0))
    posterior = exact_posterior(model, powers(x), y)
    return model, x, posterior.cov, np.diag(1 / np.diag(posterior.precision))


def powers(x):
    """Rows x, x², x³."""
    return np.stack([x, x**2, x**3], axis=-1)


@figure("E44", "E90", tolerance=1e-4)
def too_sure_weights(rng):
    """A linear model: q inside the posterior of two weights, and both sds of f."""
    model, x, exact, alone = cubic()
    drawn = Figure(figsize=(11, 5))
    left, right = drawn.subplots(1, 2, width_ratios=(1, 1.3))
    for V, colour, label in ((exact, POSTERIOR, "posterior"), (alone, Q, "mean field")):
        pair = V[np.ix_((0, 2), (0, 2))]
        size, axes = np.linalg.eigh(pair)
        angle = np.degrees(np.arctan2(axes[1, 1], axes[0, 1]))
        left.add_patch(Ellipse((0, 0), 4 * size[1] ** 0.5, 4 * size[0] ** 0.5, angle=angle,
                               fc=colour, alpha=0.4, lw=0, label=label))  # fmt: skip
    left.set(xlim=(-0.8, 0.8), ylim=(-0.42, 0.55), xlabel="weight of x, less its mean",
             ylabel="weight of x³, less its mean")  # fmt: skip
    left.legend(loc="upper right")
    left.set_title("Each weight is too sure")
    right.set_title("The prediction: too sure or not sure enough")
    line = np.linspace(-1.5, 2.5, 201)
    rows = model.features(powers(line))
    sd = [np.sqrt(((rows @ V) * rows).sum(1)) for V in (exact, alone)]
    right.plot(line, sd[0], color=POSTERIOR, label="exact")
    right.plot(line, sd[1], color=Q, label="mean field")
    ticks(right, x, 0.0)
    right.set(xlim=(-1.5, 2.5), ylim=(0, 1), xlabel="x", ylabel="sd of f")
    right.legend(loc="upper center")
    return drawn, {"exact_sd": sd[0], "q_sd": sd[1]}


STYLES = {
    "HMC": (POSTERIOR, "-"), "mean field": (Q, "-"), "full covariance": (SKY, "--"),
    "Laplace": (PRIOR, "-"), "ensemble": (DATA, "-."),
}  # fmt: skip


@figure("E89")
def two_clusters(rng):
    """Two clusters around the origin: bands of HMC and q, sds of all, and the bound."""
    kept, (data, _) = recorded("two_clusters"), clusters()
    x, sd = np.array(kept["x"]), {k: np.array(v) for k, v in kept["sd"].items()}
    drawn = Figure(figsize=(12, 5.2))
    left, right = drawn.subplots(1, 2)
    means = {"HMC": np.array(kept["hmc_mean"]), "mean field": np.array(kept["q_mean"])}
    for name, mean in means.items():
        band(left, x, mean, sd[name], STYLES[name][0], f"{name}, mean ± 2 sd of f")
    left.plot(data.X[:, 0], data.y, ".", color=DATA, label="data")
    left.set(xlim=(-2, 2), ylim=(-3, 4.4), xlabel="x", ylabel="y")
    left.set_title("Between the clusters q does not widen")
    right.set_title("The same data, five answers")
    left.legend(loc="upper left")
    for name, values in sd.items():
        colour, style = STYLES[name]
        right.semilogy(x, values, color=colour, ls=style, label=name)
    ends = np.interp([-0.7, 0.7], x, sd["mean field"])
    bound = np.hypot(*ends)
    right.plot(
        [-0.7, 0.7], [bound, bound], color=TRUTH, ls=":", lw=3, label="bound for q"
    )
    ticks(right, data.X[:, 0], 0.0032)
    right.set(xlim=(-2, 2), ylim=(0.003, 4), xlabel="x", ylabel="sd of f")
    right.legend(loc="upper center", ncols=2)
    kept = {"hmc_sd": sd["HMC"], "q_sd": sd["mean field"]}
    return drawn, kept | {"bound": np.array([bound])}
