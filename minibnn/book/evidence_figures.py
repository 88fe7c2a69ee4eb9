"""Figures of chapter 15: Occam's razor on polynomials; which width of a network."""

import numpy as np
from matplotlib.figure import Figure
from numpy.polynomial.legendre import legvander

from minibnn.book.colours import DATA, LIKELIHOOD, POSTERIOR, Q
from minibnn.book.records import recorded
from minibnn.book.registry import figure
from minibnn.exact.conjugate import exact_posterior
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.priors.gaussian import GaussianPrior

NOISE = 0.5
WEIGHTS = np.array([-0.8, 0.6, 0.7, 0.5])  # of the cubic; the last is its bias


def features(x, degree):
    """Legendre polynomials of mean square 1 over [-1, 1], without the constant."""
    return legvander(x, degree)[:, 1:] * np.sqrt(2 * np.arange(1, degree + 1) + 1)


def polynomial(degree):
    return Model(MLP([degree, 1]), Gaussian(NOISE), GaussianPrior(0.0, 1.0))


def rows():
    """The page's 20 rows, made by a cubic."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-1, 1, 20))
    f = polynomial(3).net(WEIGHTS, features(x, 3))[:, 0]
    return x, f + NOISE * rng.standard_normal(20)


def best_fit(x, y, degree):
    """Log likelihood at its maximum."""
    A = np.column_stack([features(x, degree), np.ones(len(x))])
    residual = y - A @ np.linalg.lstsq(A, y)[0]
    constant = len(y) * np.log(NOISE * np.sqrt(2 * np.pi))
    return -0.5 * (residual @ residual) / NOISE**2 - constant


def bands(ax, degree, color, x, y):
    """The rows; mean and ±2 sd of f under the posterior of one degree."""
    line = np.linspace(-1, 1, 201)
    exact = exact_posterior(polynomial(degree), features(x, degree), y)
    found = exact.predict(features(line, degree))
    mean, sd = found.mean, np.sqrt(found.epistemic)
    ax.fill_between(line, mean - 2 * sd, mean + 2 * sd, color=color, alpha=0.25, lw=0)
    ax.plot(line, mean, color=color)
    ax.plot(x, y, "o", color=DATA, ms=4)
    ax.set(xlabel="x", ylabel="y", xlim=(-1, 1), ylim=(-5, 4), xticks=[-1, 0, 1])
    return {f"mean_{degree}": mean, f"sd_{degree}": sd}


@figure("E56", "E92")
def occam(rng):
    """Three polynomials with their bands; fit and log evidence against the degree."""
    x, y = rows()
    degrees, arrays = np.arange(1, 13), {}
    drawn = Figure(figsize=(11, 8))
    one, three, nine, right = drawn.subplots(2, 2).flat
    arrays |= bands(one, 1, LIKELIHOOD, x, y)
    arrays |= bands(three, 3, POSTERIOR, x, y)
    arrays |= bands(nine, 9, Q, x, y)
    one.set_title("Degree 1 misses the bend")
    three.set_title("Degree 3 follows it")
    nine.set_title("Degree 9: wide where points are missing")
    exact = [exact_posterior(polynomial(d), features(x, d), y) for d in degrees]
    arrays["evidence"] = np.array([found.log_evidence for found in exact])
    arrays["fit"] = np.array([best_fit(x, y, d) for d in degrees])
    right.plot(degrees, arrays["fit"], "s--", color=LIKELIHOOD, label="fit at its best")
    right.plot(degrees, arrays["evidence"], "o-", color=DATA, label="log evidence")
    right.axvline(3, color=DATA, lw=1, ls=":", label="degree that made the rows")
    right.set(xlabel="degree", ylabel="nats", xticks=degrees)
    right.legend(loc="lower right")
    right.set_title("The evidence is highest at degree 3")
    drawn.set_layout_engine("tight")
    return drawn, arrays


@figure("E04", "E99")
def which_width(rng):
    """ELBO and log evidence of networks of several widths, each against its best."""
    kept = recorded("hidden_units")
    widths, place = kept["widths"], np.arange(len(kept["widths"]))
    elbo, evidence = np.array(kept["elbo"]), np.array(kept["log_evidence"])
    drawn = Figure(figsize=(11, 5))
    left, right = drawn.subplots(1, 2)
    left.bar(place, elbo, color=Q, width=0.6)
    left.set_title("best ELBO of mean field")
    right.errorbar(
        place, evidence, 2 * np.array(kept["se"]), fmt="o", color=POSTERIOR, ms=8,
        capsize=5,
    )  # fmt: skip
    right.set_title("log evidence, ±2 standard errors")
    for ax, best in ((left, elbo.argmax()), (right, evidence.argmax())):
        ax.set_xticks(place, [str(width) for width in widths])
        ax.set(xlabel="hidden units", ylabel="nats", xlim=(-0.6, len(place) - 0.4))
        ax.axvline(best, color=DATA, lw=1, ls=":", zorder=0)
    left.set_ylim(-130, 10)
    right.set_ylim(0, 18)
    return drawn, {"elbo": elbo, "evidence": evidence}
