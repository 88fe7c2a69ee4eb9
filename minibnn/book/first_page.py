"""Figures of chapter 10: the six steps on a small regression."""

from functools import cache

import numpy as np
from matplotlib.figure import Figure

from minibnn import datasets, plots
from minibnn.book import colours, demo
from minibnn.book.registry import figure
from minibnn.families.mean_field import MeanField
from minibnn.likelihoods.bernoulli import Bernoulli
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.optim.adam import Adam
from minibnn.optim.cosine import Cosine
from minibnn.priors.gaussian import GaussianPrior
from minibnn.svi.fit import fit

WEIGHT = 5  # the weight that the page follows
UNUSED = 6  # a weight into a hidden unit that training switches off
TRAINED = 1e-3  # tolerance of what comes out of training
CHOSEN = 0.1  # ... out of L-BFGS and restarts, which magnify the last digit


def example():
    """The data set and the model of the page: 40 points, 25 weights."""
    raw = datasets.cubic(n=40, rng=1)
    noise = Gaussian(3.0 / raw.y.std())
    model = Model(MLP([1, 8, 1], activation="relu"), noise, GaussianPrior(0.0, 1.0))
    return raw.standardised(targets=True), model


@cache
def fitted():
    """The fit of the page."""
    data, model = example()
    return fit(model, MeanField(), data.X, data.y, rng=0, restarts=5)


@cache
def from_scratch():
    """A run of Adam alone from the first step on: result, all mu and sigma."""
    data, model = example()
    path, optimizer = [], Adam(Cosine(0.03))
    result = fit(
        model, MeanField(), data.X, data.y, rng=0,
        start=MeanField().init(model, rng=0), max_steps=2000, optimizer=optimizer,
        callback=lambda info: path.append(info.params),
    )
    mu = np.stack([p["mu"] for p in path])
    sigma = np.stack([result.family.natural(p)[0].sigma for p in path])
    return result, mu, sigma


# --- training ------------------------------------------------------------------------


@figure("E14", "E71", tolerance=TRAINED)
def one_weight(rng):
    """Two weights from first to last: the path of q, and its densities at the end."""
    result, mu, sigma = from_scratch()
    both = [WEIGHT, UNUSED]
    names = [f"weight {i}" for i in both]
    of_q = [f"q of {name}" for name in names]
    drawn = Figure(figsize=(11, 6.1))
    left, right = drawn.subplots(1, 2, width_ratios=[1.4, 1])
    some = (
        np.unique(np.geomspace(1, len(mu), 300).astype(int)) - 1
    )  # even on a log axis
    for i, name, color in zip(both, names, (plots.BLUE, plots.RED), strict=True):
        m, s = mu[some, i], sigma[some, i]
        left.fill_between(some + 1, m - 2 * s, m + 2 * s, color=color, alpha=0.2, lw=0)
        left.plot(some + 1, m, color=color, label=f"{name}: μ, band ± 2σ")
    left.set(xlabel="step", ylabel="value", xscale="log")
    left.set_title("One weight is held by the data; one widens, then shrinks")
    left.legend(loc="lower left")
    plots.prior_posterior(result, both, names=of_q, ax=right)
    right.set_title("Prior, and q at the end")
    right.set_xlim(-3, 3)
    return drawn, {"mu": mu[:, both], "sigma": sigma[:, both]}


# --- what q says ---------------------------------------------------------------------


@figure("E14", tolerance=CHOSEN)
def prior_to_posterior(rng):
    """Functions drawn from the prior, and from q after training."""
    data, model = example()
    x = data.X_test[:, 0]
    before = model.prior.mean + model.prior.scale * rng.standard_normal((20, 25))
    after = fitted().sample_weights(20, rng=rng)
    drawn = Figure(figsize=(11, 6.1))
    arrays = {}
    pairs = zip(
        drawn.subplots(1, 2), ("prior", "q"), (before, after), strict=True
    )
    look = {"prior": colours.PRIOR, "q": colours.Q}
    for ax, name, w in pairs:
        arrays[name] = model.net(w, data.X_test)[..., 0]
        ax.plot(x, arrays[name].T, color=look[name], lw=1, alpha=0.6)
        ax.plot(data.X[:, 0], data.y, "o", color=colours.DATA, ms=4)
        ax.set(ylim=(-5, 5), xlabel="x")
    left, right = drawn.axes
    left.set_ylabel("f(x; w)")
    left.set_title("20 networks from the prior")
    right.set_title("20 networks from q, after training")
    return drawn, arrays


@figure("E33", "E81", tolerance=CHOSEN)
def rupture_network(rng):
    """The picture of ``minibnn demo``, without its restarts."""
    data = datasets.rupture(rng=0).standardised()
    model = Model(MLP([8, 12, 1]), Bernoulli(), GaussianPrior(0.0, 1.0))
    result = fit(model, MeanField(), data.X, data.y, rng=0)
    prediction = result.predict(data.X_test)
    drawn = demo.picture(result, prediction, data)
    return drawn, {"elbo": np.array([result.elbo]), "p": prediction.mean}
