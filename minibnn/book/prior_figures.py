"""Figures of chapter 03: functions drawn from a prior, and its scale by the evidence."""

import numpy as np
from matplotlib.figure import Figure

from minibnn.book.colours import DATA, LIKELIHOOD, PRIOR
from minibnn.book.registry import figure
from minibnn.exact.conjugate import exact_posterior
from minibnn.exact.quadrature import grid_posterior
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.priors.functions import output_variance
from minibnn.priors.gaussian import GaussianPrior


@figure("E49")
def prior_functions(rng):
    """Functions of narrow and wide networks under N(0, 1) and under fan-in scales."""
    x = np.linspace(-3, 3, 121)[:, None]
    drawn = Figure(figsize=(11, 7.5))
    axes, arrays = drawn.subplots(2, 2, sharex=True), {}
    for row, name in enumerate(("N(0, 1)", "fan-in")):
        for ax, width in zip(axes[row], (10, 1000), strict=True):
            net = MLP([1, width, 1], activation="relu")
            prior = GaussianPrior.fan_in(net) if row else GaussianPrior(0.0, 1.0)
            f = net(prior.draw((12, net.n_weights), rng), x)[..., 0]
            sd = np.sqrt(output_variance(net, prior, x)[:, 0])
            ax.fill_between(x[:, 0], -2 * sd, 2 * sd, color=PRIOR, alpha=0.25, lw=0)
            ax.plot(x[:, 0], f.T, color=PRIOR, lw=1.2)
            ax.set_title(f"{width} hidden units, {name}")
            ax.set_xlim(-3, 3)
            arrays[f"f_{width}_{row}"], arrays[f"sd_{width}_{row}"] = f, sd
        axes[row, 0].set_ylabel("f(x), band ±2 sd of f")
    for ax, reach in zip(axes.flat, (25, 250, 8, 8), strict=True):
        ax.set_ylim(-reach, reach)
    for ax in axes[1]:
        ax.set_xlabel("x")
    return drawn, arrays


def linear_rows():
    """The page's 30 rows of 20 inputs; the true weights have a scale of 0.4."""
    rng = np.random.default_rng(0)
    truth = 0.4 * rng.standard_normal(20)
    X = rng.standard_normal((530, 20))
    y = X @ truth + 0.5 * rng.standard_normal(530)
    return X[:30], y[:30]


def evidence_parts(scales):
    """Log evidence of the linear rows, and its fit: the rows at the posterior mean."""
    X, y = linear_rows()
    line, noise = MLP([20, 1], bias=False), Gaussian(0.5)
    exact = [
        exact_posterior(Model(line, noise, GaussianPrior(0.0, s)), X, y) for s in scales
    ]
    fit = [-0.5 * (((y - X @ e.mean) / 0.5) ** 2).sum() for e in exact]
    constant = len(y) * (np.log(0.5) + 0.5 * np.log(2 * np.pi))
    return np.array([e.log_evidence for e in exact]), np.array(fit) - constant


def evidence_of_two_weights(scales):
    """Log evidence of w2 tanh(w1 x) on ten rows, summed on a grid."""
    rng = np.random.default_rng(1)
    x = np.linspace(-2, 2, 10)[:, None]
    y = 1.5 * np.tanh(x[:, 0]) + 0.2 * rng.standard_normal(10)
    net = MLP([1, 1, 1], activation="tanh", bias=False)
    models = [Model(net, Gaussian(0.2), GaussianPrior(0.0, s)) for s in scales]
    return np.array([grid_posterior(m, x, y, tol=1e-4).log_evidence for m in models])


@figure("E92")
def evidence_of_scale(rng):
    """The log evidence as a function of the prior's scale, in two models."""
    scales = np.geomspace(0.08, 10, 60)
    evidence, fit = evidence_parts(scales)
    drawn = Figure(figsize=(11, 6.2))
    left, right = drawn.subplots(1, 2)
    left.plot(scales, fit, "--", color=LIKELIHOOD, label="fit")
    left.plot(scales, evidence - fit, ":", color=PRIOR, label="minus cost")
    left.plot(scales, evidence, color=DATA, label="log evidence")
    few = np.geomspace(0.4, 10, 12)
    small = evidence_of_two_weights(few)
    right.plot(few, small, "o-", color=DATA, ms=5)
    for ax, at, values in ((left, scales, evidence), (right, few, small)):
        best = at[np.argmax(values)]
        ax.axvline(best, color=DATA, lw=1, ls=":")
        ax.set(xscale="log", xlabel="scale of the prior, s0", ylabel="nats")
        ax.set_xticks([0.1, 0.3, 1, 3, 10], ["0.1", "0.3", "1", "3", "10"])
        ax.minorticks_off()
    left.set_ylim(-110, 10)
    left.legend(loc="lower left")
    left.set_title("20 weights, 30 rows")
    right.set_xlim(0.3, 12)
    right.set_title("2 weights on a grid, 10 rows: log evidence")
    return drawn, {"evidence": evidence, "fit": fit, "two_weights": small}
