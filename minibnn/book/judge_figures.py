"""Figures of the chapter on judging q: the path of a sampler, and what R-hat looks at."""

from functools import cache

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from minibnn.book.colours import DATA, GRADIENT, POSTERIOR, Q
from minibnn.book.judge_runs import X, Y, two_weights
from minibnn.book.registry import figure
from minibnn.exact.laplace import laplace
from minibnn.exact.quadrature import grid_posterior
from minibnn.families.mean_field import MeanField
from minibnn.families.point import Point
from minibnn.mcmc.hmc import hmc
from minibnn.mcmc.leapfrog import leapfrog
from minibnn.svi.fit import fit

LINE = np.linspace(-3.5, 3.5, 141)[:, None]
START, MOMENTUM = np.array([[0.45, 2.6]]), np.array([[0.5, -1.4]])
TRAINED = 2e-2  # tolerance of what comes out of training
DRAWN = 0.1  # ... out of chains, whose last digits grow
SHOWN = 120  # draws of each chain that are drawn


@cache
def answers():
    """Mean-field q, Laplace at the mode on the side where q is, exact posterior."""
    model = two_weights()
    q = fit(model, MeanField(), X, Y, rng=0)
    mode = fit(model, Point(), X, Y, rng=0).params["mu"]
    mode = mode * np.sign(mode[0] * q.q.mean[0])
    return model, q, laplace(model, X, Y, mode), grid_posterior(model, X, Y)


def path(model, n_steps=24, a=0.08):
    """One leapfrog path in the plane of the weights, (n_steps + 1, 2), and its energies."""
    w, eta, points, energies = START, MOMENTUM, [START], []
    size, unit = np.array([[a]]), np.ones((1, 2))

    def log_joint(at):
        return model.log_joint(at, X, Y)

    value, slope = log_joint(w)
    for _ in range(n_steps):
        energies.append((0.5 * (eta**2).sum() - value).item())
        w, eta, value, slope = leapfrog(log_joint, w, eta, slope, size, unit, 1)
        points.append(w)
    energies.append((0.5 * (eta**2).sum() - value).item())
    return np.concatenate(points), np.array(energies)


@figure("E94", "E98", tolerance=TRAINED)
def four_answers(rng):
    """The plane of two weights with a path of HMC, q and Laplace; the bands they give."""
    model, q, around, grid = answers()
    drawn = Figure(figsize=(11, 5.4))
    left, right = drawn.subplots(1, 2, width_ratios=(1, 1.15))
    points, energies = path(model)
    _draw_plane(left, model, q, around, points)
    exact, of_q, linear = _draw_bands(right, model, q, around, grid)
    return drawn, {
        "path": points, "energies": energies, "exact_sd": exact, "q_sd": of_q,
        "laplace_sd": linear,
    }  # fmt: skip


def _draw_plane(ax, model, q, around, points):
    side = np.linspace(-3.2, 3.2, 161), np.linspace(-4.2, 4.2, 161)
    w = np.stack(np.meshgrid(*side), -1).reshape(-1, 2)
    heights = model.log_joint(w, X, Y)[0].reshape(161, 161)
    levels = heights.max() - np.array([8.0, 4.5, 2.0, 0.5, 0.0]) + 1e-9
    ax.contourf(*side, heights, levels, colors=POSTERIOR, alpha=0.28)
    ax.contour(*side, heights, levels, colors=POSTERIOR, linewidths=0.8)
    size = 4 * q.q.sigma  # 2 sd to either side
    ax.add_patch(Ellipse(q.q.mean, *size, fill=False, ec=Q, lw=2, label="q, 2 sd"))
    lengths, axes = np.linalg.eigh(around.cov)
    angle = np.degrees(np.arctan2(axes[1, 1], axes[0, 1]))
    size = 4 * np.sqrt(lengths[::-1])
    ax.add_patch(Ellipse(around.mean, *size, angle=angle, fill=False, ec="k", ls="--",
                         lw=1.5, label="Laplace, 2 sd"))  # fmt: skip
    ax.plot(*points.T, "o-", color=GRADIENT, ms=4, lw=1.2, label="one path of HMC")
    ax.plot(*points[0], "s", color=GRADIENT, ms=9)
    ax.set(xlim=(-3.2, 3.2), ylim=(-4.2, 4.2), xlabel="weight 1", ylabel="weight 2")
    ax.set_title("Posterior (green): two copies")
    ax.legend(loc="lower right")


def _draw_bands(ax, model, q, around, grid):
    x = LINE[:, 0]
    F = model.net(grid.points, LINE)[..., 0]
    mean = grid.masses @ F
    exact = np.sqrt(grid.masses @ (F - mean) ** 2)
    told = q.predict(LINE, n_samples=4000, rng=0)
    of_q = np.sqrt(told.epistemic)
    at, linear = around.output_moments(LINE)
    ax.fill_between(x, mean - 2 * exact, mean + 2 * exact, color=POSTERIOR, alpha=0.3,
                    lw=0, label="exact: mean ± 2 sd of f")  # fmt: skip
    bands = (("q", told.mean, of_q, Q, "-"), ("Laplace, linear", at, linear, "k", "--"))
    for name, middle, sd, color, style in bands:
        ax.plot(x, middle - 2 * sd, color=color, ls=style)
        ax.plot(x, middle + 2 * sd, color=color, ls=style, label=f"{name}: ± 2 sd of f")
    ax.plot(X[:, 0], Y, "o", color=DATA, ms=6, label="the six rows")
    ax.set(xlabel="x", ylabel="f(x)", ylim=(-3.4, 3.4), xlim=(-3.5, 3.5))
    ax.set_title("What they say of f")
    ax.legend(loc="upper left")
    return exact, of_q, linear


@figure("E96", tolerance=DRAWN)
def which_space(rng):
    """Four chains: their weight never agrees, their output always does."""
    model = two_weights()
    chains = hmc(model, X, Y, rng=0, n_draws=300, n_warmup=300)
    of_weight, of_output = chains.weights[..., 1], chains.outputs([[1.6]])[..., 0]
    ratios = chains.r_hat()[1], chains.r_hat([[1.6]])[0]
    drawn = Figure(figsize=(11, 6.4))
    columns = drawn.subplots(len(of_weight), 2, sharex=True, sharey="col").T
    parts = zip(
        columns, (of_weight, of_output), ratios, ("weight 2", "f(1.6)"), strict=True
    )
    for column, values, ratio, name in parts:
        for k, (ax, chain) in enumerate(zip(column, values, strict=True)):
            ax.plot(chain[:SHOWN], color=POSTERIOR, lw=1.2)
            ax.axhline(0.0, color="k", lw=0.8, ls=":")
            ax.set_ylabel(f"chain {k + 1}")
        column[-1].set_xlabel("draw")
        column[0].set_title(f"{name}: R-hat {ratio:.2f}")
    return drawn, {"r_hat": np.array(ratios)}
