"""Figures of chapter 13: what rows share, and when a derivative does not help."""

import numpy as np
from matplotlib.figure import Figure

from minibnn import datasets
from minibnn.book import colours
from minibnn.book.registry import figure
from minibnn.estimators.exact import Exact
from minibnn.estimators.flipout import Flipout
from minibnn.estimators.local_reparam import LocalReparam
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.mean_field import MeanField
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.optim.adam import Adam
from minibnn.optim.cosine import Cosine
from minibnn.priors.gaussian import GaussianPrior, gaussian_log_density
from minibnn.svi.elbo import neg_elbo
from minibnn.svi.fit import fit

N = 1024
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
KINDS = (
    ("weights, one draw for all rows", Pathwise(), colours.GRADIENT, "o"),
    ("flipout", Flipout(), colours.LIKELIHOOD, "s"),
    ("local reparameterization", LocalReparam(), colours.Q, "^"),
)

# --- rows share a draw ---------------------------------------------------------------


def large_example():
    """1024 rows of the running example, its model, and parameters after training."""
    raw = datasets.cubic(n=N, rng=1)
    noise = Gaussian(3.0 / raw.y.std())
    model = Model(MLP([1, 8, 1], activation="relu"), noise, GaussianPrior(0.0, 1.0))
    data, family = raw.standardised(targets=True), MeanField(sigma=0.05)
    trained = fit(
        model, family, data.X, data.y, rng=0, start=family.init(model, rng=0),
        max_steps=1000, batch_size=64, estimator=Exact(), optimizer=Adam(Cosine(0.03)),
    )  # fmt: skip
    return data, model, trained.params


def noise_of_draws(kind, example, n_rows, rng):
    """Variance of the gradient for mu over draws at fixed rows, mean over weights.

    Half the squared difference of two gradients that share their rows is an unbiased
    estimate of it; it is averaged over batches, more of them where they are small.
    """
    data, model, params = example
    family, repeats = MeanField(), 100 + 6000 // n_rows
    copies = {name: np.tile(value, (repeats, 1)) for name, value in params.items()}
    rows = [rng.permutation(N)[:n_rows] for _ in range(repeats)]
    X, y = (np.array([array[row] for row in rows]) for array in (data.X, data.y))
    shape = repeats, *kind.noise_shape(model, family, 1, n_rows)
    one, two = (
        neg_elbo(
            model, family, copies, rng.standard_normal(shape), X, y, n_data=N,
            estimator=kind,
        )[1]["mu"]
        for _ in range(2)
    )  # fmt: skip
    return ((one - two) ** 2).mean() / 2


@figure("E62", "E63", tolerance=1e-2)
def rows_share_a_draw(rng):
    """The noise of a gradient against the rows of a batch, three estimators."""
    example = large_example()
    drawn, arrays = Figure(figsize=(9, 5.5)), {}
    ax = drawn.add_subplot()
    for name, kind, colour, mark in KINDS:
        found = [noise_of_draws(kind, example, size, rng) for size in ROWS]
        arrays[type(kind).__name__] = np.array(found)
        ax.plot(ROWS, found, mark + "-", color=colour, label=name)
    ax.plot(
        ROWS, arrays["LocalReparam"][-1] * N / np.array(ROWS), ":", color="k",
        label="in proportion to 1/B",
    )  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="rows of a batch, B", xticks=ROWS[::2])
    ax.set(xticklabels=ROWS[::2], ylabel="variance of the gradient for μ")
    ax.minorticks_off()
    ax.legend(loc="lower left")
    ax.set_title("More rows do not average out a draw that they share")
    return drawn, arrays


# --- a wave --------------------------------------------------------------------------


def variances_on_a_wave(c, mu=0.0, sigma=1.0):
    """Variance of one draw of d/dmu E[sin(c w)]: through the draw, by the score."""
    eps = np.linspace(-9, 9, 2001)
    weights = np.exp(gaussian_log_density(eps, 0.0, 1.0)[0]) * (eps[1] - eps[0])
    w = mu + sigma * eps
    both = c * np.cos(c * w), np.sin(c * w) * eps / sigma
    return [weights @ g**2 - (weights @ g) ** 2 for g in both]


@figure("E61", "E64")
def slope_of_a_wave(rng):
    """A slow and a quick wave under q, and the noise of two estimators of its slope."""
    drawn = Figure(figsize=(12, 5))
    left, right = drawn.subplots(1, 2)
    w = np.linspace(-3, 3, 601)
    q = np.exp(gaussian_log_density(w, 0.0, 1.0)[0])
    left.fill_between(w, q, color=colours.Q, alpha=0.25, lw=0, label="density q")
    for c, style in ((1, "--"), (5, "-")):
        left.plot(w, np.sin(c * w), style, color="k", lw=1.5, label=f"sin({c} w)")
    left.set(xlabel="w", ylim=(-1.2, 1.9))
    left.legend(loc="upper left", ncols=3)
    left.set_title("Quick waves: steep everywhere, flat on average")
    c = np.geomspace(0.5, 8, 61)
    found = np.array([variances_on_a_wave(one) for one in c]).T
    right.plot(c, found[0], color=colours.GRADIENT, label="through the draw")
    right.plot(c, found[1], "--", color=colours.Q, label="score function")
    for one in (1, 5):
        right.axvline(one, color="k", lw=1, ls=":")
    right.set(xscale="log", yscale="log", xlabel="c in sin(c w)", xticks=[0.5, 1, 2, 5])
    right.set(xticklabels=["0.5", "1", "2", "5"], ylabel="variance of one draw")
    right.minorticks_off()
    right.legend(loc="upper left")
    right.set_title("The noise of the two estimators")
    return drawn, {"through": found[0], "score": found[1]}
