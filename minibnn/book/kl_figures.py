"""Figures of the chapter on the KL divergence: both directions, and what each chooses."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from scipy.optimize import minimize

from minibnn.book.colours import DATA, POSTERIOR, PRIOR, TRUTH, Q
from minibnn.book.registry import figure
from minibnn.priors.gaussian import gaussian_log_density

W = np.linspace(-9.0, 9.0, 3601)  # the line on which everything here is integrated
CELL = W[1] - W[0]


def log_bumps(w):
    """Log density of the two-bump target: 0.6 N(-2, 0.6²) + 0.4 N(2, 0.8²)."""
    left, right = (gaussian_log_density(w, *at)[0] for at in ((-2.0, 0.6), (2.0, 0.8)))
    return np.logaddexp(np.log(0.6) + left, np.log(0.4) + right)


def line_kl(log_q, log_p):
    """KL(q || p) of two log densities on the line W."""
    return float((np.exp(log_q) * (log_q - log_p)).sum() * CELL)


def best_normal(log_p, kl, start):
    """(mean, sd) of the normal q nearest to p on the line; ``kl(log q, log p)``."""

    def cost(theta):
        return kl(gaussian_log_density(W, theta[0], np.exp(theta[1]))[0], log_p)

    found = minimize(cost, start, method="BFGS", options={"gtol": 1e-8})
    return float(found.x[0]), float(np.exp(found.x[1]))


def best_both_ways(log_p):
    """The normals that minimise KL(q || p), begun at each bump, and KL(p || q)."""
    starts = ((-1.5, 0.0), (1.5, 0.0))
    seeking = [best_normal(log_p, line_kl, at) for at in starts]
    covering = best_normal(log_p, lambda a, b: line_kl(b, a), (0.0, 0.5))
    return seeking, covering


@figure("E03")
def tangent(rng):
    """Jensen's inequality: a logarithm below its tangent, at four values and their mean."""
    values = np.array([0.4, 0.8, 1.6, 3.2])
    u, mean = np.linspace(0.2, 3.6, 200), values.mean()
    touching = np.log(mean) + (u - mean) / mean  # (E03c)
    logs, low = np.log(values), -1.75
    drawn = Figure(figsize=(11, 6.2))
    ax = drawn.add_subplot()
    ax.plot(u, touching, color=PRIOR, ls="--", label="tangent at the mean of u")
    ax.plot(u, np.log(u), color=DATA, label="log u")
    ax.plot(values, logs, "o", color=DATA, ms=8, label="four values of u, equally probable")
    ax.plot([mean, mean], [low, np.log(mean)], color=DATA, lw=1, ls=":")
    ax.plot(mean, np.log(mean), "s", color=PRIOR, ms=10, label="log of the mean")
    ax.plot(mean, logs.mean(), "D", color=TRUTH, ms=10, label="mean of the four logs")
    ax.set(xlim=(0, 3.6), ylim=(low, 1.6), xlabel="u", ylabel="log u")
    ax.set_title("A curve that bends down lies below its tangent")
    ax.legend(loc="lower right")
    return drawn, {"tangent": touching, "means": np.array([np.log(mean), logs.mean()])}


@figure("E03", "E41")
def kl_both_ways(rng):
    """Two forecasts, and what is averaged in each direction: the areas are the KLs."""
    t = 20.0 + 2.5 * W
    logs = [gaussian_log_density(t, 20.0, s)[0] for s in (1.0, 3.0)]
    pairs = {"sure": (logs[0], logs[1]), "unsure": (logs[1], logs[0])}
    drawn = Figure(figsize=(11, 6.2))
    axes = drawn.subplots(1, 2, sharex=True)
    arrays = {}
    titles = ("Days from the sure forecast", "Days from the unsure forecast")
    for ax, name, title in zip(axes, pairs, titles, strict=True):
        log_q, log_p = pairs[name]
        terms = np.exp(log_q) * (log_q - log_p)
        area = terms.sum() * (t[1] - t[0])
        ax.plot(t, np.exp(log_q), color=Q, label="q, where the days come from")
        ax.plot(t, np.exp(log_p), color=PRIOR, ls="--", label="p, the plan")
        ax.fill_between(t, terms, color=TRUTH, alpha=0.45, lw=0,
                        label=f"q (log q − log p): area {area:.2f} nats")
        ax.axhline(0, color="k", lw=0.8)
        ax.set(xlim=(9, 31), ylim=(-0.17, 0.64), xlabel="temperature in degrees")
        ax.set_title(title)
        ax.legend(loc="upper right")
        arrays |= {f"{name}_terms": terms, f"{name}_kl": np.array([area])}
    axes[0].set_ylabel("lines: density per degree\nshaded: nats per degree")
    return drawn, arrays


@figure("E41", "E44", tolerance=1e-4)
def which_q(rng):
    """What each direction chooses: among normals, and among independent weights."""
    drawn = Figure(figsize=(11, 6.2))
    left, right = drawn.subplots(1, 2, width_ratios=(1.25, 1))
    seeking, covering = _draw_bumps(left)
    inside, outside = _draw_ellipses(right, 0.9)
    return drawn, {
        "seeking": np.array(seeking), "covering": np.array(covering),
        "inside": inside, "outside": outside,
    }  # fmt: skip


def _draw_bumps(ax):
    log_p = log_bumps(W)
    seeking, covering = best_both_ways(log_p)
    ax.fill_between(W, np.exp(log_p), color=POSTERIOR, alpha=0.35, lw=0, label="target p")
    for (mean, sd), style, name in zip(seeking, ("-", "-."), "AB", strict=True):
        q = np.exp(gaussian_log_density(W, mean, sd)[0])
        ax.plot(W, q, color=Q, ls=style, label=f"q {name}: least KL(q‖p) near this bump")
        ax.text(mean, q.max() + 0.02, name, color=Q, ha="center", fontsize=14)
    q = np.exp(gaussian_log_density(W, *covering)[0])
    ax.plot(W, q, color=Q, ls="--", label="q: least KL(p‖q)")
    ax.set(xlim=(-6.5, 6.5), ylim=(0, 1.0), xlabel="w", ylabel="density")
    ax.set_title("One normal q, a target with two bumps")
    ax.legend(loc="upper right")
    return seeking, covering


def _draw_ellipses(ax, c):
    """Lines at 2 sd of a normal posterior of correlation c and of both factorised q."""
    turned = {"angle": 45.0, "fc": POSTERIOR, "alpha": 0.35, "lw": 0}
    axes = 4.0 * np.sqrt([1.0 + c, 1.0 - c])
    ax.add_patch(Ellipse((0, 0), *axes, label="posterior", **turned))
    inside, outside = np.sqrt(1.0 - c * c), 1.0
    for sd, style, way in ((inside, "-", "KL(q‖p)"), (outside, "--", "KL(p‖q)")):
        ring = {"fill": False, "ec": Q, "ls": style, "lw": 2}
        label = f"least {way}: sd {sd:.2f}"
        ax.add_patch(Ellipse((0, 0), 4 * sd, 4 * sd, label=label, **ring))
    ax.set(xlim=(-2.6, 2.6), ylim=(-2.6, 3.9), xlabel="weight 1", ylabel="weight 2")
    ax.set_aspect("equal")
    ax.set_title("Independent q: lines at 2 sd")
    ax.legend(loc="upper left")
    return np.array([inside]), np.array([outside])
