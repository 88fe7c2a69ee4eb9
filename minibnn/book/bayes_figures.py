"""Figures of the chapter on prior, likelihood, posterior and q."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse

from minibnn.book.colours import LIKELIHOOD, POSTERIOR, PRIOR, Q
from minibnn.book.registry import figure
from minibnn.estimators.exact import Exact
from minibnn.exact.conjugate import exact_posterior
from minibnn.exact.quadrature import grid_posterior
from minibnn.families.mean_field import MeanField
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.optim.adam import Adam
from minibnn.priors.gaussian import GaussianPrior, gaussian_log_density
from minibnn.svi.fit import fit

MASSES, STRETCH = np.array([[0.5], [1.0], [1.5]]), np.array([1.0, 3.1, 3.9])
NOISE, MAKER, DOUBT = 0.5, 2.0, 0.5
SHOWN = (0, 20, 40)  # steps after which the moving q is drawn
X5 = np.array([[-1.5], [-0.5], [0.7], [1.2], [2.0]])
Y5 = np.array([-0.9, -0.5, 0.6, 0.8, 1.1])
TRAINED = 1e-3  # tolerance of what comes out of training
LINE = np.linspace(-4.0, 4.0, 161)


def normal(w, mean, sd):
    """Normal density at w."""
    return np.exp(gaussian_log_density(w, mean, sd)[0])


def moving_q(model):
    """A q that starts in a wrong place: its mean and sigma after each step."""
    family = MeanField()
    start = {"mu": np.array([3.4]), "rho": family.raw(np.array([0.12]))}
    path = [start]
    fit(
        model, family, MASSES, STRETCH, rng=0, start=start, estimator=Exact(),
        optimizer=Adam(0.03), max_steps=400,
        callback=lambda info: path.append(info.params),
    )
    both = [family.natural(params)[0] for params in path]
    return np.array([[q.mean[0], q.sigma[0]] for q in both])


@figure("E01", "E91", tolerance=TRAINED)
def prior_times_likelihood(rng):
    """Prior x likelihood -> posterior for one weight, and q on its way there."""
    w = np.linspace(0.4, 4.2, 381)
    model = Model(MLP([1, 1], bias=False), Gaussian(NOISE), GaussianPrior(MAKER, DOUBT))
    exact, path = exact_posterior(model, MASSES, STRETCH), moving_q(model)
    nll = model.nll(w[:, None], *model.batch(MASSES, STRETCH))[0]
    curves = {
        "prior": normal(w, MAKER, DOUBT),
        "likelihood": 1.2 * np.exp(nll.min() - nll),
        "posterior": normal(w, exact.mean[0], exact.cov[0, 0] ** 0.5),
    }
    drawn = Figure(figsize=(11, 6.2))
    left, right = drawn.subplots(1, 2, sharey=True)
    for ax in (left, right):
        ax.fill_between(w, curves["posterior"], color=POSTERIOR, alpha=0.2, lw=0)
        ax.plot(w, curves["posterior"], color=POSTERIOR, label="posterior p(w | D)")
        ax.set(xlabel="w, in cm for 100 g", ylim=(0, 3.6))
    left.plot(w, curves["prior"], color=PRIOR, ls="--", label="prior p(w)")
    left.plot(
        w, curves["likelihood"], color=LIKELIHOOD, ls="-.",
        label="likelihood p(D | w), scaled",
    )
    for step, alpha in zip(SHOWN, (1.0, 0.7, 0.4), strict=True):
        word = f"q after {step} steps" if step else "q at the start"
        right.plot(w, normal(w, *path[step]), color=Q, lw=2, alpha=alpha, label=word)
    right.plot(w, normal(w, *path[-1]), "--", color=Q, lw=3, label="q in the end")
    left.set(ylabel="density", title="Prior times likelihood, scaled to area one")
    right.set_title("q is moved until it lies on the posterior")
    left.legend(loc="upper left")
    right.legend(loc="upper left")
    return drawn, {**curves, "q": path[[*SHOWN, -1]]}


@figure("E01", "E02", tolerance=TRAINED)
def two_weights_on_a_grid(rng):
    """Prior, posterior and q over the two weights of a network."""
    model = Model(MLP([1, 1, 1], "tanh", bias=False), Gaussian(0.3), GaussianPrior())
    w = np.stack(np.meshgrid(LINE, LINE, indexing="ij"), -1).reshape(-1, 2)
    grid, q = grid_posterior(model, X5, Y5), fit(model, MeanField(), X5, Y5, rng=0).q
    side = np.sign(q.mean[0])  # which of the two equal hills; both are right
    mean, posterior = side * q.mean, np.exp(grid.log_density(w)).reshape(161, 161)
    drawn = Figure(figsize=(11, 6.2))
    left, right = drawn.subplots(1, 2)
    square = (161, 161)
    _contours(left, posterior, POSTERIOR, filled=True)
    _contours(left, np.exp(-0.5 * (w**2).sum(1)).reshape(square), PRIOR, ls="dashed")
    left.add_patch(Ellipse(mean, *(4 * q.sigma), fill=False, ec=Q, lw=3))
    left.set(xlabel="w₁", ylabel="w₂", title="Two equal hills; q has one of them")
    marginal = posterior.sum(1) * (LINE[1] - LINE[0])
    right.plot(LINE, normal(LINE, 0, 1), color=PRIOR, ls="--", label="prior")
    right.fill_between(LINE, marginal, color=POSTERIOR, alpha=0.2, lw=0)
    right.plot(LINE, marginal, color=POSTERIOR, label="posterior")
    right.plot(LINE, normal(LINE, mean[0], q.sigma[0]), color=Q, label="q")
    right.set(xlabel="w₁", ylabel="density", title="The first weight alone")
    right.set_ylim(0, 1.6)
    right.legend(loc="upper left")
    _key(left)
    return drawn, {"posterior": posterior, "marginal": marginal, "sigma": q.sigma}


def _contours(ax, surface, color, filled=False, ls="solid"):
    """Where a surface is above 5, 30 and 70 % of its top."""
    levels = surface.max() * np.array([0.05, 0.3, 0.7, 1.01])
    look = {"colors": color, "alpha": 0.25} if filled else {"colors": color}
    if filled:
        ax.contourf(LINE, LINE, surface.T, levels, **look)
    ax.contour(LINE, LINE, surface.T, levels[:3], colors=color, linestyles=ls)


def _key(ax):
    """What the lines of the left panel are."""
    looks = {
        "prior": (PRIOR, "--"),
        "posterior": (POSTERIOR, "-"),
        "q, 2 sd": (Q, "-"),
    }
    lines = [Line2D([], [], color=c, ls=ls) for c, ls in looks.values()]
    ax.legend(lines, looks, loc="upper left")
