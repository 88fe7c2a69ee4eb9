"""Figures of chapter 01: a likelihood as a density, as a function of its parameters."""

import numpy as np
from matplotlib.figure import Figure
from scipy.special import gammaln

from minibnn.book.colours import DATA, LIKELIHOOD, TRUTH
from minibnn.book.registry import figure
from minibnn.exact.normal_sample import (
    integral_over_parameters,
    normal_log_likelihood,
    normal_maximum,
)
from minibnn.numerics import HALF_LOG_2PI, softplus

READINGS = np.array([2.1, 1.9, 2.4, 2.0, 2.6])  # gram, of one stone


@figure("E93")
def likelihood_two_ways(rng):
    """The normal density of one reading; the likelihood of five over mu and sigma."""
    mu, sigma = normal_maximum(READINGS)
    x = np.linspace(1.0, 3.4, 241)
    value, _ = normal_log_likelihood(x[:, None], mu, sigma)
    means, sds = np.linspace(1.7, 2.7, 101), np.linspace(0.1, 0.8, 141)
    surface, _ = normal_log_likelihood(READINGS, means, sds[:, None])
    drawn = Figure(figsize=(11, 6.2))
    left, right = drawn.subplots(1, 2)
    left.plot(x, np.exp(value), color=LIKELIHOOD)
    left.fill_between(x, np.exp(value), color=LIKELIHOOD, alpha=0.3)
    left.plot(READINGS, np.zeros(5), "o", color=DATA, clip_on=False)
    left.axhline(1.0, color=DATA, lw=1, ls=":")
    left.text(mu, 0.5, "area 1", ha="center", fontsize=13)
    left.set(xlabel="a reading x (gram)", ylabel="density per gram", ylim=(0, 1.8))
    left.set_title("μ and σ fixed: a density of x")
    levels = np.array([0.05, 0.2, 0.4, 0.6])
    lines = right.contour(means, sds, np.exp(surface), levels, colors=LIKELIHOOD)
    right.clabel(lines, fontsize=12, fmt="%g", colors="k")
    right.plot(mu, sigma, "x", color=DATA, ms=10, mew=2)
    arrow = {"arrowstyle": "-", "color": DATA, "shrinkB": 6}
    at = (2.42, 0.70)
    right.annotate("maximum", (mu, sigma), at, fontsize=12, arrowprops=arrow)
    right.set(xlabel="μ (gram)", ylabel="σ (gram)")
    volume = integral_over_parameters(READINGS)
    right.set_title(f"readings fixed: L(μ, σ), volume {volume:.4f}")
    arrays = {"density": np.exp(value), "likelihood": np.exp(surface)}
    return drawn, arrays | {"maximum": np.array([mu, sigma])}


def line_of_the_page():
    """x and y of the page's line through zero; the noise has sd 0.3."""
    x = np.linspace(-1, 1, 100)
    return x, 0.8 * x + 0.3 * np.random.default_rng(0).standard_normal(100)


@figure("E31", "E33", "E35")
def likelihood_of_outputs(rng):
    """Losses as functions of the output; one likelihood under two noises."""
    f = np.linspace(-3, 3, 241)
    losses = {
        "Gaussian, y = 1, noise sd 1": 0.5 * (f - 1) ** 2 + HALF_LOG_2PI,
        "Bernoulli, y = 1": softplus(-f),
        "Poisson, y = 3": np.exp(f) - 3 * f + gammaln(4),
    }
    drawn = Figure(figsize=(11, 6.2))
    left, right = drawn.subplots(1, 2)
    for (name, loss), style in zip(losses.items(), ("-", "--", "-."), strict=True):
        left.plot(f, loss, style, color=LIKELIHOOD, label=name)
    left.set(xlabel="output f", ylabel="−log p(y | f)", ylim=(0, 14))
    left.legend(loc="upper center")
    left.set_title("Slope: the mean of y, minus y")
    x, y = line_of_the_page()
    best, squares = (x * y).sum() / (x**2).sum(), (x**2).sum()
    w = np.linspace(0.4, 1.2, 241)
    curves = {}
    for name, variance, style in (
        ("true noise: sd 0.3", 0.09, "-"),
        ("squared error: sd 0.707", 0.5, "--"),
    ):
        curves[name] = np.exp(-0.5 * squares * (w - best) ** 2 / variance)
        right.plot(w, curves[name], style, color=LIKELIHOOD, label=name)
    right.axvline(0.8, color=TRUTH, lw=1.5, ls=":", label="slope that made the data")
    right.set(xlabel="slope w", ylabel="likelihood over its maximum", ylim=(0, 1.45))
    right.legend(loc="upper right")
    right.set_title("The same rows, two noises")
    keys = ("gaussian", "bernoulli", "poisson", "true_noise", "squared_error")
    values = (*losses.values(), *curves.values())
    return drawn, dict(zip(keys, values, strict=True))
