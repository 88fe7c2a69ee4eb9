"""Figures of one step: what one weight's numbers do, there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from minibnn.book import colours, trace
from minibnn.book.registry import figure
from minibnn.exact.conjugate import exact_posterior
from minibnn.families.mean_field import MeanField
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.plots.look import minus
from minibnn.priors.gaussian import GaussianPrior, gaussian_log_density
from minibnn.svi.elbo import neg_elbo
from minibnn.types import Array

WEIGHT = 5  # the weight of the network that is followed


# --- one weight of the network -------------------------------------------------------


@figure("E11", "E14", "E21", "E31", "E41", "E51", "E52", "E53")
def one_step(rng: np.random.Generator) -> tuple[Figure, dict[str, Array]]:
    """The chain of one weight: each blue arrow a value, each orange one a factor."""
    here = trace.first_step()
    n = here.numbers(WEIGHT, trace.STEP)
    n |= {"μ": here.q.mean[WEIGHT], "ρ": here.params["rho"][WEIGHT]}
    n |= {"KLs": here.parts["kl"], "share": here.n_data / here.f.size}
    drawn = Figure(figsize=(9, 8))
    ax = drawn.add_subplot()
    for place, text in BOXES.items():
        ax.text(*place, text, ha="center", va="center", linespacing=1.3, bbox=BOX)
    for (start, end, *spots), words in zip(PAIRS, _words(n), strict=True):
        _pair(ax, *map(np.array, (start, end, spots[1])))
        for spot, text, color in zip(spots, words, AHEAD_AND_BACK, strict=True):
            ax.text(*spot, minus(text), color=color, ha="center", va="center")
    for y, text in zip((-0.03, -0.09), _sums(n), strict=True):
        ax.text(0.5, y, minus(text), color=colours.GRADIENT, ha="center", va="center")
    ax.set(xlim=(-0.08, 1.02), ylim=(-0.12, 1))
    ax.set_title("Values go forwards (blue); factors come back (orange) and multiply")
    ax.axis("off")
    shown = {name: np.atleast_1d(n[sign]) for name, sign in ARRAYS.items()}
    return drawn, shown


AHEAD_AND_BACK = colours.Q, colours.GRADIENT
BOX = {"boxstyle": "round,pad=0.4", "fc": "white", "ec": "#888888"}
BOXES = {
    (0.5, 0.96): "mean μ",
    (0.5, 0.57): "σ (E11)",
    (0.5, 0.35): "raw scale ρ",
    (0.11, 0.77): "2 draws w\n(E14)",
    (0.89, 0.77): "KL of all\n25 weights\n(E41)",
    (0.11, 0.32): "network,\n−log p of\n10 rows\n(E21, E31)",
    (0.5, 0.07): "loss (E51)",
}
PAIRS = [  # start and end of a blue arrow; where its value stands, and the factor back
    ((0.5, 0.39), (0.5, 0.53), (0.39, 0.46), (0.63, 0.46)),
    ((0.42, 0.94), (0.2, 0.82), (0.23, 0.91), (0.37, 0.85)),
    ((0.58, 0.94), (0.8, 0.84), (0.78, 0.91), (0.61, 0.86)),
    ((0.43, 0.6), (0.2, 0.73), (0.39, 0.70), (0.25, 0.61)),
    ((0.57, 0.6), (0.8, 0.72), (0.61, 0.70), (0.74, 0.6)),
    ((0.11, 0.71), (0.11, 0.43), (0.01, 0.57), (0.225, 0.5)),
    ((0.2, 0.25), (0.41, 0.1), (0.17, 0.16), (0.42, 0.2)),
    ((0.93, 0.68), (0.59, 0.09), (0.88, 0.38), (0.71, 0.38)),
]
ARRAYS = {
    "mu": "μ", "rho": "ρ", "sigma": "σ", "eps": "ε", "w": "w", "nll": "ℓ", "kl": "KLs",
    "loss": "loss", "g": "g", "slope": "dσ/dρ", "kl_by_mu": "∂KL/∂μ",
    "kl_by_sigma": "∂KL/∂σ", "share": "share", "d_mu": "∂μ", "d_rho": "∂ρ",
}  # fmt: skip


def _words(n: dict[str, Any]) -> list[tuple[str, str]]:
    """The value of every blue arrow, and the factor of the orange one."""
    both = "{0[0]:.4g}, {0[1]:.4g}"
    below = "{0[0]:.4f}\nand {0[1]:.4f}"
    mu, sigma = f"μ = {n['μ']:.4f}", f"σ = {n['σ']:.4f}"
    return [
        (f"ρ = {n['ρ']:.4f}", f"dσ/dρ = {n['dσ/dρ']:.5f}"),
        (mu, "1, 1"),
        (mu, f"μ/s₀² = {n['∂KL/∂μ']:.4f}"),
        (sigma, f"ε = {below.format(n['ε'])}"),
        (sigma, f"σ/s₀² − 1/σ\n= {n['∂KL/∂σ']:.2f}"),
        (f"w = {below.format(n['w'])}", "g = {0[0]:.2f}\nand {0[1]:.2f}".format(n["g"])),
        (f"ℓ = {both.format(n['ℓ'])}", f"N/(B S) = {n['share']:g}, {n['share']:g}"),
        (f"KL = {n['KLs']:.2f}\n(all 25 added)", "1"),
    ]


def _sums(n: dict[str, Any]) -> tuple[str, str]:
    """What the orange factors give, multiplied along each path and added up."""
    (g1, g2), (e1, e2), share = n["g"], n["ε"], n["share"]
    return (
        f"∂loss/∂μ = {share:g}·({g1:.2f}) + {share:g}·({g2:.2f}) + {n['∂KL/∂μ']:.2f} "
        f"= {n['∂μ']:.2f}",
        f"∂loss/∂ρ = [{share:g}·({g1:.2f})·({e1:.4f}) + {share:g}·({g2:.2f})·({e2:.4f}) "
        f"{n['∂KL/∂σ']:.2f}]·{n['dσ/dρ']:.5f} = {n['∂ρ']:.2f}",
    )


def _pair(ax: Axes, start: Array, end: Array, factor: Array) -> None:
    """A blue arrow, and an orange one back beside it, on the side of its factor."""
    along = (end - start) / np.hypot(*(end - start))
    aside = 0.011 * np.array([-along[1], along[0]])
    if (factor - start) @ aside < 0:
        aside = -aside
    for shift, a, b, color in (
        (-aside, start, end, colours.Q),
        (aside, end, start, colours.GRADIENT),
    ):
        ax.add_patch(
            FancyArrowPatch(
                tuple(a + shift), tuple(b + shift), color=color, lw=2, mutation_scale=15,
                arrowstyle="-|>", shrinkA=0, shrinkB=0,
            )
        )  # fmt: skip


# --- one weight alone ----------------------------------------------------------------


@figure("E08", "E91")
def from_step_to_step(rng: np.random.Generator) -> tuple[Figure, dict[str, Array]]:
    """q of the pencil's weight: at the start, after one step, after many; the posterior."""
    found = trace.one_weight()
    given = found.given
    model = Model(
        MLP([1, 1], bias=False), Gaussian(given["σ_y"]), GaussianPrior(0.0, given["s₀"])
    )
    X, y = [[given["x"]]], [given["y"]]
    states = _states(model, X, y, given, rng)
    posterior = exact_posterior(model, X, y)
    w = np.linspace(-2, 3.5, 500)
    drawn = Figure()
    ax = drawn.add_subplot()
    ax.plot(w, _density(w, 0.0, given["s₀"]), color=colours.PRIOR, label="prior")
    for step, width in ((0, 1.0), (1, 1.8), (400, 3.0)):
        mean, sd = states[step]
        label = "q at the start" if step == 0 else f"q after {step} step{'s' * (step > 1)}"
        ax.plot(w, _density(w, mean, sd), color=colours.Q, lw=width, label=label)
    exact = _density(w, posterior.mean[0], posterior.precision[0, 0] ** -0.5)
    ax.plot(w, exact, color=colours.POSTERIOR, ls="--", label="exact posterior")
    ax.axvline(y[0] / X[0][0], color=colours.DATA, lw=1, ls=":", label="y / x")
    ax.set(xlabel="weight w", ylabel="density", ylim=(0, None))
    ax.set_title("One row of data: q moves and narrows until it is the posterior")
    ax.legend(loc="upper left")
    return drawn, {"states": states[[0, 1, 400]], "exact": exact}


def _states(model, X, y, given, rng):
    """Mean and standard deviation of q before every step of 400, and after the last.

    The first step has the pencil's one draw, every other one 1000.
    """
    family = MeanField()
    params = {"mu": np.array([given["μ"]]), "rho": np.array([given["ρ"]])}
    eps, states = np.array([[given["ε"]]]), []
    for _ in range(401):
        q, _ = family.natural(params)
        states.append((q.mean[0], q.sigma[0]))
        _, grads, _ = neg_elbo(model, family, params, eps, X, y)
        params = {name: params[name] - 0.05 * grads[name] for name in params}
        eps = rng.standard_normal((1000, 1))
    return np.array(states)


def _density(w, mean, sd):
    return np.exp(gaussian_log_density(w, mean, sd)[0])
