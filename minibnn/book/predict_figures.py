"""Figures of chapter 11: what the networks say together, and what they do not know."""

from functools import cache

import numpy as np
from matplotlib.figure import Figure

from minibnn import datasets, plots
from minibnn.book import colours
from minibnn.book.first_page import CHOSEN, TRAINED, example, fitted
from minibnn.book.registry import figure
from minibnn.families.mean_field import MeanField
from minibnn.families.point import Point
from minibnn.likelihoods.bernoulli import Bernoulli
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.likelihoods.heteroscedastic import HeteroscedasticGaussian
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.optim.adam import Adam
from minibnn.optim.cosine import Cosine
from minibnn.priors.gaussian import GaussianPrior
from minibnn.svi.fit import fit

FRESH = 2000  # rows that no fit has seen
CORNERS = np.array([[-3.0, 3.0], [4.0, -2.0]])  # q is sure there, without a row
CLASSES = ((0, "o", "class 0"), (1, "^", "class 1"))


def train(model, family, X, y, **options):
    """The fit of the page: Adam alone, 2000 steps."""
    return fit(
        model, family, X, y, rng=0, start=family.init(model, rng=0),
        optimizer=Adam(Cosine(0.03)), max_steps=2000, **options,
    )  # fmt: skip


@cache
def moons():
    """Two half circles that overlap: rows, model, the fit of q, one network alone."""
    data = datasets.two_moons(n=100, rng=0, noise=0.3)
    net = MLP([2, 10, 1], activation="relu")
    model = Model(net, Bernoulli(), GaussianPrior(0.0, 2.0))
    many = train(model, MeanField(), data.X, data.y)
    one = train(model, Point(), data.X, data.y, kl_weight=0.0)
    return data, many, one


def noisy_curve(n, rng):
    """A sine whose noise grows from left to right."""
    x = rng.uniform(-2, 2, n)
    noise = np.exp(0.6 * x - 1.5) * rng.standard_normal(n)
    return x[:, None], np.sin(2 * x) + noise


# --- in squared units ----------------------------------------------------------------


@figure("E81", "E82", tolerance=CHOSEN)
def regression_band(rng):
    """The predictive distribution with its two kinds of uncertainty."""
    data, _ = example()
    prediction = fitted().predict(data.X_test)
    drawn = Figure()
    ax = drawn.add_subplot()
    x, seen = data.X_test, (data.X, data.y)
    made = plots.band(prediction, x, data=seen, truth=data.mean_test, ax=ax)
    made["truth"].set_color(colours.TRUTH)
    made["interval"].set(facecolor="#E3F2FB", edgecolor=colours.Q, lw=1.2, alpha=1)
    ax.set_ylim(-6, 6)
    ax.set_title("Away from the data the epistemic part grows, the noise does not")
    ax.legend(loc="upper left")
    parts = {
        key: getattr(prediction, key) for key in ("mean", "epistemic", "aleatoric")
    }
    return drawn, parts


@figure("E32", "E82", tolerance=TRAINED)
def noise_that_varies(rng):
    """The same points under one noise scale, and under one that depends on x."""
    X, y = noisy_curve(200, np.random.default_rng(0))
    x = np.linspace(-2.5, 2.5, 101)
    drawn = Figure(figsize=(11, 5))
    likelihoods = Gaussian("learned"), HeteroscedasticGaussian()
    titles = "One noise scale, learned", "Noise from a second output"
    arrays = {}
    for k, ax in enumerate(drawn.subplots(1, 2, sharey=True)):
        model = Model(MLP([1, 10, k + 1]), likelihoods[k], GaussianPrior(0.0, 1.0))
        prediction = train(model, MeanField(), X, y).predict(x[:, None])
        truth = np.sin(2 * x)
        made = plots.band(prediction, x[:, None], data=(X, y), truth=truth, ax=ax)
        made["truth"].set_color(colours.TRUTH)
        ax.get_legend().remove()
        ax.set(ylim=(-3.3, 5.5), title=titles[k], ylabel="" if k else "y")
        arrays[f"noise {k}"] = np.sqrt(prediction.aleatoric)
    drawn.axes[0].legend(loc="upper left", fontsize=12)
    return drawn, arrays


# --- in nats -------------------------------------------------------------------------


@figure("E84", "E86", tolerance=TRAINED)
def two_kinds_of_doubt(rng):
    """Mean entropy and mutual information over the plane of the half circles."""
    data, many, _ = moons()
    a, b = np.linspace(-3, 4, 71), np.linspace(-3.5, 3.5, 71)
    plane = np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2)
    prediction = many.predict(plane, n_samples=500)
    drawn = Figure(figsize=(11, 5))
    parts = prediction.aleatoric, prediction.epistemic
    titles = "Aleatoric: no network knows", "Epistemic: they disagree"
    for part, title, ax in zip(parts, titles, drawn.subplots(1, 2), strict=True):
        grid = part.reshape(71, 71)
        shades = ax.contourf(a, b, grid, np.arange(8) / 10, cmap="Blues")
        for label, marker, name in CLASSES:
            rows = data.X[data.y == label].T
            face = "w" if label else colours.DATA
            look = dict(c=face, edgecolors="k", marker=marker, s=28, label=name)
            ax.scatter(*rows, **look)
        ax.plot(*CORNERS.T, "x", color=colours.GRADIENT, ms=10, mew=3, clip_on=False)
        ax.set(xlabel="first input", ylabel="second input", title=title)
        drawn.colorbar(shades, ax=ax, label="nats")
    drawn.axes[0].legend(loc="upper left", fontsize=12)
    return drawn, {"aleatoric": parts[0], "epistemic": parts[1]}


# --- calibrated? ---------------------------------------------------------------------


@figure("E81", tolerance=TRAINED)
def reliability_of_moons(rng):
    """What one network, and what the mean over q, promises and keeps on fresh rows."""
    _, many, one = moons()
    fresh = datasets.two_moons(n=FRESH, rng=7, noise=0.3)
    drawn = Figure(figsize=(11, 5))
    titles = "One network, no prior", "Mean over 1000 networks from q"
    arrays = {}
    axes = drawn.subplots(1, 2, sharey=True)
    for ax, name, result, title in zip(
        axes, ("one", "mean"), (one, many), titles, strict=True
    ):
        p = result.predict(fresh.X).mean
        plots.reliability(fresh.y, p, ax=ax)
        ax.set_title(title)
        arrays[name] = p
    axes[1].set_ylabel("")
    axes[1].get_legend().remove()
    return drawn, arrays
