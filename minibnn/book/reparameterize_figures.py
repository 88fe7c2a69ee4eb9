"""Figures of the chapter on the reparameterization: draws that move, and sigma."""

import re

import numpy as np
from matplotlib.figure import Figure

from minibnn.book.colours import GRADIENT, PRIOR, TRUTH, Q
from minibnn.book.first_page import TRAINED, example
from minibnn.book.registry import figure
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.mean_field import MeanField
from minibnn.optim.sgd import SGD
from minibnn.plots.look import minus
from minibnn.svi.failure import FitError
from minibnn.svi.fit import fit

CUP, AIM, SCATTER = 200.0, 195.0, 4.0  # ml


@figure("E14", "E61")
def draws_that_move(rng):
    """Nine frozen noises as lines of w against sigma; slopes from single draws."""
    sigma = np.linspace(0.0, 6.0, 61)
    frozen = np.sort(rng.standard_normal(9))
    eps = rng.standard_normal(4000)
    w = AIM + SCATTER * eps
    through = 2 * (w - CUP)  # the cost is (w - 200)²
    score = (w - CUP) ** 2 * eps / SCATTER
    drawn = Figure(figsize=(11, 6.1))
    left, right = drawn.subplots(1, 2)
    lines = AIM + sigma[:, None] * frozen
    left.plot(sigma, lines, color=Q, lw=1.5)
    left.plot(np.full(9, SCATTER), AIM + SCATTER * frozen, "o", color=Q)
    left.axhline(CUP, color="k", lw=1, ls=":")
    left.text(0.1, CUP + 0.3, "the cup is full")
    left.set(xlabel="σ, in ml", ylabel="w = μ + σ ε, in ml")
    left.set_title("Nine draws: each line has the slope ε")
    bins = np.linspace(-80, 60, 71)
    right.hist(through, bins, color=GRADIENT, alpha=0.7, label="through the draw")
    right.hist(score, bins, histtype="step", color=PRIOR, lw=2, label="score function")
    right.axvline(2 * (AIM - CUP), color=TRUTH, ls="--", label="exact: −10")
    right.set(xlabel="slope in μ from one draw", ylabel="draws, of 4000")
    right.set_title("One mean, two widths")
    right.legend(loc="upper left")
    return drawn, {"lines": lines, "through": through, "score": score}


@figure("E13", "E71", tolerance=TRAINED)
def literal_sigma(rng):
    """The standard deviations under sigma <- sigma - a dsigma, for two step sizes."""
    small, _ = literal_run(2e-6, 400)
    large, error = literal_run(1e-5, 400)
    fatal = float(re.search(r"got (\S+) at", str(error))[1])
    lost = int(re.search(r"at index (\d+)", str(error))[1])
    last = len(large) - 1
    drawn = Figure(figsize=(11, 6.1))
    left, right = drawn.subplots(1, 2, sharey=True)
    for ax, sigma in ((left, small), (right, large)):
        ax.plot(np.arange(len(sigma)), sigma, color=Q, lw=1, alpha=0.3)
        ax.plot(np.arange(len(sigma)), sigma[:, lost], color=Q, lw=2.5)
        ax.axhline(0, color="k", lw=1)
        ax.set_xlabel("step")
    right.plot([last, last + 1], [large[-1, lost], fatal], color=GRADIENT, lw=2.5)
    right.plot(last + 1, fatal, "X", color=GRADIENT, ms=11, clip_on=False)
    said = minus(f"{fatal:.4f}")
    right.text(last + 1, -0.004, said, color=GRADIENT, ha="right", va="top")
    left.set(ylabel="σ of the 25 weights", ylim=(-0.009, None))
    left.set_title("a = 2e-6: positive for 400 steps")
    right.set_title(f"a = 1e-5: a σ below zero after {last + 1} steps")
    return drawn, {"small": small, "large": large, "fatal": np.array([fatal, last + 1])}


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
