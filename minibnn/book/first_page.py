"""Figures of chapter 10: the six steps on a small regression."""

from functools import cache

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from minibnn import datasets, plots
from minibnn.book import colours, demo
from minibnn.book.registry import figure
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.mean_field import MeanField
from minibnn.likelihoods.bernoulli import Bernoulli
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.optim.adam import Adam
from minibnn.optim.cosine import Cosine
from minibnn.optim.sgd import SGD
from minibnn.priors.gaussian import GaussianPrior
from minibnn.svi.elbo import neg_elbo
from minibnn.svi.failure import FitError
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


# --- one step of one weight ----------------------------------------------------------


def first_step():
    """The numbers of the page's first step: every value and gradient on the way."""
    data, model = example()
    family = MeanField()
    params = family.init(model, rng=0)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(data.X))[:10]
    noise = rng.standard_normal((2, model.n_weights))
    loss, grads, parts = neg_elbo(
        model, family, params, noise, data.X[rows], data.y[rows], n_data=len(data.X)
    )
    q, _ = family.natural(params)
    w = q.mean + q.sigma * noise
    nll, back = model.nll(w, *model.batch(data.X[rows], data.y[rows]))
    g, slope = back(), -np.expm1(-q.sigma)  # d sigma / d rho in terms of sigma
    kl_rho = (q.sigma - 1 / q.sigma) * slope
    numbers = {"mu": q.mean, "sigma": q.sigma, "rho": params["rho"], "kl_rho": kl_rho}
    numbers |= {"w": w[0], "w_2": w[1], "g": g[0], "g_2": g[1], "slope": slope}
    numbers |= {"d_mu": grads["mu"], "d_rho": grads["rho"]}
    one = {key: float(array[WEIGHT]) for key, array in numbers.items()}
    return one | {
        "nll_1": float(nll[0]),
        "nll_2": float(nll[1]),
        "nll": float(parts["nll"]),
        "kl": float(parts["kl"]),
        "loss": float(loss),
    }


@figure("E11", "E14", "E51", "E52", "E53")
def one_step(rng):
    """What one step does to one weight: values forwards, factors back."""
    n = first_step()
    drawn = Figure(figsize=(12.5, 6.5))
    ax = drawn.add_subplot()
    for (x, y), text in _boxes(n).items():
        ax.text(x, y, _minus(text), ha="center", va="center", linespacing=1.5, bbox=BOX)
    for (start, end, aside), (value, factor) in zip(AHEAD, _arrows(n), strict=True):
        _arrow(ax, start, end, colours.Q)
        _arrow(ax, np.add(end, aside), np.add(start, aside), colours.GRADIENT)
        for text, color, side in ((value, colours.Q, -1), (factor, colours.GRADIENT, 2)):
            x, y = np.add(start, end) / 2 + np.multiply(side, aside) * _far(aside)
            ax.text(x, y, _minus(text), color=color, ha="center", va="center", size=12)
    ax.set(xlim=(-0.03, 1.03), ylim=(0.08, 0.9))
    ax.set_title(
        "One step for one weight: values go forwards (blue), factors go back (red)"
    )
    ax.axis("off")
    return drawn, {key: np.array([value]) for key, value in n.items()}


def _far(aside):
    """Words beside a slanted pair of arrows stand further off."""
    return 1.0 if 0.0 in aside else 1.5


def _boxes(n):
    """Centre and text of every box."""
    slopes = f"∂loss/∂μ = {n['d_mu']:.1f}\n∂loss/∂ρ = {n['d_rho']:.2f}"
    return {
        (0.07, 0.72): f"parameters\nμ = {n['mu']:.4f}\nρ = {n['rho']:.4f}\n{slopes}",
        (0.37, 0.72): "draws (E14)\nw = μ + σ ε\ns = 1, 2",
        (0.65, 0.72): "network (E25)\nand density (E31)\nof 10 rows",
        (0.94, 0.72): "data term\nN/B, mean over S",
        (0.44, 0.20): "q and prior (E41)\nKL of 25 weights",
        (0.94, 0.20): f"loss (E51)\n= −ELBO\n{n['loss']:.1f}",
    }


def _arrows(n):
    """What each blue arrow carries, and by what its red companion multiplies."""
    return [
        (f"σ = {n['sigma']:.4f}", f"for μ: 1\nfor ρ: {n['slope']:.4f} ε"),
        (f"w = {n['w']:.3f}\nand {n['w_2']:.3f}", f"g = {n['g']:.1f}\nand {n['g_2']:.1f}"),
        (f"{n['nll_1']:.1f}\nand {n['nll_2']:.1f}", "N/B/S\n= 2"),
        (f"{n['nll']:.1f}", "1"),
        ("μ, σ", f"for μ: {n['mu']:.3f}\nfor ρ: {n['kl_rho']:.3f}"),
        (f"{n['kl']:.1f}", "1"),
    ]


# start and end of every blue arrow, and where its red companion lies
AHEAD = [
    ((0.185, 0.75), (0.295, 0.75), (0.0, -0.05)),
    ((0.445, 0.75), (0.55, 0.75), (0.0, -0.05)),
    ((0.745, 0.75), (0.845, 0.75), (0.0, -0.05)),
    ((0.955, 0.62), (0.955, 0.33), (-0.03, 0.0)),
    ((0.14, 0.55), (0.34, 0.25), (-0.03, -0.03)),
    ((0.56, 0.22), (0.86, 0.22), (0.0, -0.05)),
]
BOX = {"boxstyle": "round,pad=0.5", "fc": "white", "ec": "#888888"}


def _minus(text):
    return text.replace("-", "\N{MINUS SIGN}")


def _arrow(ax, start, end, color):
    ax.add_patch(
        FancyArrowPatch(
            start, end, color=color, lw=2, mutation_scale=16, arrowstyle="-|>",
            shrinkA=0, shrinkB=0,
        )
    )


# --- training ------------------------------------------------------------------------


@figure("E14", "E71", tolerance=TRAINED)
def one_weight(rng):
    """Two weights from first to last: the path of q, and its densities at the end."""
    result, mu, sigma = from_scratch()
    both = [WEIGHT, UNUSED]
    names = [f"weight {i}" for i in both]
    of_q = [f"q of {name}" for name in names]
    drawn = Figure(figsize=(11, 5))
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


@figure("E13", "E71", tolerance=TRAINED)
def literal_sigma(rng):
    """The standard deviations under sigma <- sigma - a dsigma, for two step sizes."""
    small, _ = literal_run(2e-6, 400)
    large, error = literal_run(1e-5, 400)
    drawn = Figure(figsize=(11, 5))
    left, right = drawn.subplots(1, 2, sharey=True)
    for ax, sigma in ((left, small), (right, large)):
        ax.plot(np.arange(len(sigma)), sigma, color=plots.BLUE, lw=1, alpha=0.7)
        ax.axhline(0, color="k", lw=1)
        ax.set_xlabel("step")
    left.set_ylabel("σ of the 25 weights")
    left.set_title("a = 2e-6: positive all the way")
    right.set_title(f"a = 1e-5: the next step after {len(large) - 1} leaves (0, ∞)")
    return drawn, {"small": small, "large": large, "failed_at": np.array([error.step])}


def literal_run(rate, steps):
    """All sigmas of a run of plain gradient descent on sigma itself; how it failed."""
    data, model = example()
    family, failure = MeanField(scale="identity"), None
    start = family.init(model, rng=0)
    sigma = [start["rho"]]
    try:
        fit(
            model, family, data.X, data.y, rng=0, start=start, estimator=Pathwise(),
            optimizer=SGD(rate), max_steps=steps,
            callback=lambda info: sigma.append(info.params["rho"]),
        )
    except FitError as error:
        failure = error
    return np.stack(sigma), failure


# --- what q says ---------------------------------------------------------------------


@figure("E14", tolerance=CHOSEN)
def prior_to_posterior(rng):
    """Functions drawn from the prior, and from q after training."""
    data, model = example()
    x = data.X_test[:, 0]
    before = model.prior.mean + model.prior.scale * rng.standard_normal((20, 25))
    after = fitted().sample_weights(20, rng=rng)
    drawn = Figure(figsize=(11, 5))
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


@figure("E81", "E82", tolerance=CHOSEN)
def regression_band(rng):
    """The predictive distribution with its two kinds of uncertainty."""
    data, _ = example()
    prediction = fitted().predict(data.X_test)
    drawn = Figure()
    ax = drawn.add_subplot()
    x, seen = data.X_test, (data.X, data.y)
    plots.band(prediction, x, data=seen, truth=data.mean_test, ax=ax)
    ax.set_ylim(-6, 6)
    ax.set_title("Away from the data the epistemic part grows, the noise does not")
    ax.legend(loc="upper left")
    parts = {
        key: getattr(prediction, key) for key in ("mean", "epistemic", "aleatoric")
    }
    return drawn, parts


@figure("E33", "E81", tolerance=CHOSEN)
def rupture_network(rng):
    """The picture of ``minibnn demo``, without its restarts."""
    data = datasets.rupture(rng=0).standardised()
    model = Model(MLP([8, 12, 1]), Bernoulli(), GaussianPrior(0.0, 1.0))
    result = fit(model, MeanField(), data.X, data.y, rng=0)
    prediction = result.predict(data.X_test)
    drawn = demo.picture(result, prediction, data)
    return drawn, {"elbo": np.array([result.elbo]), "p": prediction.mean}
