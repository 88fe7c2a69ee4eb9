"""Figure of chapter 16: what an encoder loses, and which directions collapse."""

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize

from minibnn.book import colours
from minibnn.book.registry import figure
from minibnn.estimators.exact import Exact
from minibnn.exact.conjugate import exact_posterior
from minibnn.exact.latent_rows import row_elbos
from minibnn.families.inference_network import InferenceNetwork
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.optim.adam import Adam
from minibnn.optim.cosine import Cosine
from minibnn.priors.gaussian import GaussianPrior
from minibnn.svi.fit import fit

NOISE, WIDTHS = 0.5, (1, 2, 3, 4, 8)
DECODER = np.column_stack([np.ones(6), 0.5 + np.linspace(-1.0, 1.0, 6)])


def pictures(count, seed):
    """The page's: six noisy pixels each, made from two standard normal numbers."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((count, 2))
    return w @ DECODER.T + NOISE * rng.standard_normal((count, 6))


def gaps():
    """Family gap; amortisation gap of each width and its standard error, new pictures."""
    model = Model(MLP([2, 1], bias=False), Gaussian(NOISE), GaussianPrior())
    seen, new = pictures(200, 1), pictures(300, 3)
    evidence = np.array([exact_posterior(model, DECODER, y).log_evidence for y in new])
    precision = exact_posterior(model, DECODER, new[0]).precision
    family = np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1]
    found = []
    for width in WIDTHS:
        encoder = InferenceNetwork(MLP([6, width, 4], "tanh"), seen)
        q = fit(
            model, encoder, np.broadcast_to(DECODER, (200, 6, 2)), seen, rng=0,
            max_steps=500, estimator=Exact(), optimizer=Adam(Cosine(0.03)),
        ).at(new).q  # fmt: skip
        elbos = row_elbos(DECODER, new, NOISE, q.mean, q.sigma)
        lost = evidence - elbos - family / 2
        found.append((lost.mean(), lost.std() / np.sqrt(len(lost))))
    return family / 2, *np.array(found).T


def learnt_lengths(variances, rng):
    """Squared singular values of the decoder that maximises the evidence."""
    n, covariance = len(variances), np.diag(variances)

    def lost(flat):
        A = flat.reshape(n, n)
        spread = A @ A.T + NOISE**2 * np.eye(n)
        inverse = np.linalg.inv(spread)
        value = np.linalg.slogdet(spread)[1] + np.trace(inverse @ covariance)
        return value / 2, ((inverse - inverse @ covariance @ inverse) @ A).ravel()

    best = minimize(lost, rng.standard_normal(n * n), jac=True, tol=1e-12,
                    options={"maxiter": 5000})  # fmt: skip
    return np.linalg.svd(best.x.reshape(n, n))[1][::-1] ** 2


@figure("E16", "E57", tolerance=2e-2)
def encoder_gaps(rng):
    """Two gaps against the width of an encoder; lengths against the data's variance."""
    drawn = Figure(figsize=(12, 5))
    left, right = drawn.subplots(1, 2)
    family, amortised, error = gaps()
    left.errorbar(
        WIDTHS, amortised, 2 * error, fmt="o-", color=colours.Q, capsize=5,
        label="amortisation gap, ±2 se",
    )  # fmt: skip
    left.axhline(family, color=colours.POSTERIOR, ls="--", label="family gap")
    left.set(yscale="log", xlabel="hidden units of the encoder", xticks=WIDTHS)
    left.set(ylabel="nats below, per new picture")
    left.legend(loc="upper right")
    left.set_title("A wider encoder closes one gap of two")
    variances = np.arange(0.05, 0.85, 0.1)
    squares = learnt_lengths(variances, rng)
    line = np.linspace(0.0, 0.8, 101)
    right.plot(
        line, np.maximum(line - NOISE**2, 0.0), color=colours.TRUTH, ls="--",
        label="variance − noise variance, or 0",
    )  # fmt: skip
    right.plot(variances, squares, "o", color=colours.Q, label="found by an optimiser")
    right.axvline(
        NOISE**2, ymax=0.65, color="k", ls=":", lw=1.5, label="noise variance"
    )
    right.set(xlabel="variance of the data in a direction", ylim=(-0.03, 0.75))
    right.set(ylabel="squared length of the decoder there")
    right.legend(loc="upper left")
    right.set_title("Below the noise, a direction collapses")
    drawn.set_layout_engine("tight")
    arrays = {"family": np.array([family]), "amortised": amortised}
    return drawn, arrays | {"squares": squares[squares > 0.01]}
