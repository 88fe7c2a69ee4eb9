"""The figure of the page of pictures: every picture of ``minibnn.plots`` once."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from minibnn import datasets, plots
from minibnn.book.first_page import CHOSEN, UNUSED, WEIGHT, example, fitted
from minibnn.book.registry import figure
from minibnn.families.mean_field import MeanField
from minibnn.likelihoods.bernoulli import Bernoulli
from minibnn.mcmc.chains import Chains
from minibnn.mcmc.hmc import hmc
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.priors.gaussian import GaussianPrior
from minibnn.svi.fit import fit
from minibnn.svi.result import FitResult

AGREES, DIFFERS = 20, WEIGHT  # a row of outputs and a weight that the chains show


@cache
def moons() -> tuple[Any, FitResult]:
    """Two half circles that overlap, and a network that tells them apart."""
    data = datasets.two_moons(n=200, rng=0, noise=0.3)
    model = Model(MLP([2, 8, 1], activation="tanh"), Bernoulli(), GaussianPrior())
    return data, fit(model, MeanField(), data.X, data.y, rng=0)


@cache
def chains() -> Chains:
    """Draws from the posterior of the model of the first page."""
    data, model = example()
    X, y = data.X, data.y
    return hmc(model, X, y, rng=0, n_chains=4, n_draws=300, n_warmup=200)


@figure("E81", "E82", "E96", tolerance=CHOSEN)
def plots_gallery(rng: np.random.Generator) -> tuple[Figure, dict[str, Any]]:
    """A regression, a classification and chains, each seen in several ways."""
    with rc_context({"legend.fontsize": 9, "font.size": 11}):
        drawn = Figure(figsize=(16, 16))
        axes = drawn.subplots(4, 3).ravel()
        arrays = _regression(axes[:5], rng) | _classification(axes[5:9])
        _posterior(axes[9:])
    for ax, name in zip(axes, NAMES, strict=True):
        ax.set_title(name, family="monospace", loc="left", fontsize=12)
    return drawn, arrays | {"hmc": chains().predict(example()[0].X_test).mean}


NAMES = """band elbo_curve calibration calibration(kind="pit")
predictive_histogram predictive_histogram reliability draw_network prior_posterior
prior_posterior trace rank""".split()


def _regression(axes: Any, rng: np.random.Generator) -> dict[str, Any]:
    """The first page's fit, and its predictions for fresh points."""
    (data, model), result = example(), fitted()
    prediction = result.predict(data.X_test)
    seen = data.X, data.y
    plots.band(prediction, data.X_test, data=seen, truth=data.mean_test, ax=axes[0])
    axes[0].set_ylim(-6, 6)
    plots.elbo_curve(result, ax=axes[1])
    inside = np.abs(data.X_test[:, 0]) < np.abs(data.X).max()
    noise = model.likelihood.scale * rng.standard_normal(inside.sum())
    fresh = data.mean_test[inside] + noise
    here = result.predict(data.X_test[inside])
    plots.calibration(here, fresh, ax=axes[2])
    plots.calibration(here, fresh, kind="pit", ax=axes[3])
    rows = np.linspace(0, len(fresh) - 1, 5).astype(int)
    x = data.X_test[inside][rows, 0]
    names = [f"x = {one:z.1f}".replace("-", "\N{MINUS SIGN}") for one in x]
    plots.predictive_histogram(here, rows, fresh, names=names, ax=axes[4])
    return {"mean": prediction.mean, "fresh": fresh}


def _classification(axes: Any) -> dict[str, Any]:
    """The half circles."""
    data, result = moons()
    prediction = result.predict(data.X_test)
    plots.predictive_histogram(prediction, range(4), data.y_test, ax=axes[0])
    plots.reliability(data.y_test, prediction.mean, n_bins=6, ax=axes[1])
    drawn = plots.draw_network(result, names=data.names, outputs=["y"], ax=axes[2])
    bar = axes[2].inset_axes([0.3, -0.06, 0.4, 0.04])
    axes[2].figure.colorbar(drawn["weights"], cax=bar, orientation="horizontal")
    bar.set_xlabel("mean of a weight")
    plots.prior_posterior(result, ax=axes[3])
    return {"p": prediction.mean}


def _posterior(axes: Any) -> None:
    """Two weights of the first page, and chains of the same model."""
    plots.prior_posterior(fitted(), [WEIGHT, UNUSED], ax=axes[0])
    plots.trace(chains(), which=[DIFFERS], ax=axes[1])
    plots.rank(chains(), example()[0].X_test, which=[AGREES], ax=axes[2])
