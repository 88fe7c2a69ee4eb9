"""Records of chapter 12: what independent weights cost, measured against HMC."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from scipy.special import ndtr

from minibnn.book.first_page import example, fitted
from minibnn.book.records import record
from minibnn.datasets.base import Dataset
from minibnn.exact.laplace import laplace
from minibnn.families.full_covariance import FullCovariance
from minibnn.families.mean_field import MeanField
from minibnn.families.point import Point
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.mcmc.hmc import hmc
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.optim.adam import Adam
from minibnn.optim.cosine import Cosine
from minibnn.prediction.relu_variance import relu_network_variance
from minibnn.priors.gaussian import GaussianPrior
from minibnn.priors.gaussian_kl import gaussian_kl
from minibnn.svi.fit import fit
from minibnn.types import Array, FloatArray

PLACES = (-2.5, 0.0, 0.6, 2.5)
LINE = np.linspace(-3.0, 3.0, 121)
MEMBERS = 10  # networks of an ensemble
RATE = 0.1  # of dropout
MASKS = 20  # of dropout, in one training step


@cache
def points(model: Model, data: Dataset) -> FloatArray:
    """Weights of MAP fits from so many random starts, (MEMBERS, P), the best first."""
    fits = [fit(model, Point(), data.X, data.y, rng=k) for k in range(MEMBERS)]
    weights = np.stack([one.params["mu"] for one in fits])
    joint, _ = model.log_joint(weights, data.X, data.y)
    return weights[np.argsort(-joint)]


def dropped(
    model: Model, w: FloatArray, keep: Array
) -> tuple[FloatArray, FloatArray]:
    """Weights with some hidden units switched off, the others scaled up; and the masks."""
    H = model.net.sizes[1]
    masks = np.ones((len(keep), model.n_weights))
    out = model.net.slices[1].start
    masks[:, out : out + H] = keep / (1.0 - RATE)
    return w * masks, masks


def dropout_weights(model: Model, data: Dataset, start: FloatArray) -> FloatArray:
    """Draws of networks trained and used with dropout of hidden units, (1000, P)."""
    rng, H = np.random.default_rng(0), model.net.sizes[1]
    A, y = model.batch(data.X, data.y)
    w, first, second = start.copy(), np.zeros_like(start), np.zeros_like(start)
    steps = 5000
    for t in range(1, steps + 1):  # Adam, the step size falling to zero
        drawn, masks = dropped(model, w, rng.random((MASKS, H)) > RATE)
        _, back = model.nll(drawn, A, y)
        g = (back() * masks).mean(0) + w  # weight decay: the prior N(0, 1)
        first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g * g
        size = 0.01 * (1.0 - t / steps) / (1.0 - 0.9**t)
        w -= size * first / (np.sqrt(second / (1.0 - 0.999**t)) + 1e-8)
    return dropped(model, w, rng.random((1000, H)) > RATE)[0]


def units_in_use(model: Model, data: Dataset, weights: FloatArray) -> list[float]:
    """Share of draws (S, P) in which 0, 1, ... H hidden units are in use.

    A unit is in use where what it adds to f changes, over the training inputs, by more
    than one standard deviation of the noise.
    """
    into, out = model.net.blocks(weights)
    H = model.net.sizes[1]
    A = np.maximum(model.features(data.X) @ into, 0.0) * out[:, None, :H, 0]
    used = (np.ptp(A, axis=1) > model.likelihood.scale).sum(-1)
    count = np.bincount(used, minlength=H + 1)
    return (count / len(weights)).round(4).tolist()


def functions(model: Model, weights: FloatArray, x: FloatArray) -> FloatArray:
    """Outputs of networks (S, P) at a line of x, (S, n)."""
    return model.net(weights, x[:, None])[..., 0]


@record
def independent_methods() -> dict[str, Any]:
    """sd of f on the running example under six descriptions of what is not known."""
    data, model = example()
    x = np.concatenate([LINE, PLACES, data.X[:, 0]])
    long = hmc(model, data.X, data.y, rng=0, n_draws=1500)
    weights = long.weights.reshape(-1, model.n_weights)
    draws = functions(model, weights, x)
    full = fit(model, FullCovariance(), data.X, data.y, rng=0)
    best = points(model, data)
    sd = {
        "HMC": draws.std(0),
        "mean field": np.sqrt(relu_network_variance(fitted().q, model.net, x[:, None])),
        "full covariance": np.sqrt(full.predict(x[:, None], 8000).epistemic),
        "Laplace": laplace(model, data.X, data.y, best[0]).output_moments(x[:, None])[1],
        "ensemble": functions(model, best, x).std(0),
        "dropout": functions(model, dropout_weights(model, data, best[0]), x).std(0),
    }
    n, places = len(LINE), slice(len(LINE), len(LINE) + len(PLACES))
    ratios = {k: v[places.stop :] / sd["HMC"][places.stop :] for k, v in sd.items()}
    squares = {k: v[places.stop :] ** 2 for k, v in sd.items()}
    return {
        "x": LINE.tolist(),
        "places": list(PLACES),
        "at_places": {k: v[places].round(5).tolist() for k, v in sd.items()},
        "ratio": {k: float(np.median(v)) for k, v in ratios.items()},
        "widest": {k: float(v.max()) for k, v in ratios.items()},
        "mean_variance": {k: float(v.mean()) for k, v in squares.items()},
        "elbo": {"mean field": fitted().elbo, "full covariance": full.elbo},
        "used_hmc": units_in_use(model, data, weights),
        "used_q": units_in_use(model, data, fitted().sample_weights(6000, rng=0)),
        "r_hat": float(long.r_hat(x[:, None]).max()),
        "ess": float(long.ess(x[:, None]).min()),
        "hmc_sd": sd["HMC"][:n].round(5).tolist(),
        "hmc_mean": draws.mean(0)[:n].round(5).tolist(),
        "q_sd": sd["mean field"][:n].round(5).tolist(),
        "full_sd": sd["full covariance"][:n].round(5).tolist(),
        "q_mean": fitted().predict(LINE[:, None], 8000).mean.round(5).tolist(),
    }


@record
def switched_off() -> dict[str, Any]:
    """The hidden units of the running example that q does not use, and what they cost."""
    data, model = example()
    q, H = fitted().q, model.net.sizes[1]
    (into, out), (into_sd, out_sd) = model.net.blocks(q.mean), model.net.blocks(q.sigma)
    A = model.features(data.X)
    idle = np.abs(out[:H, 0]) < out_sd[:H, 0]
    on = ndtr(A @ into / np.sqrt(A**2 @ into_sd**2))  # share of draws, row by row
    kl = gaussian_kl(q.mean, q.sigma, q.log_sigma, 0.0, 1.0)[0]
    blocks = kl[: 2 * H].reshape(2, H).sum(0) + kl[2 * H : 3 * H]
    spread = {"incoming": into_sd[0], "bias": into_sd[1], "outgoing": out_sd[:H, 0]}
    return {
        "idle": int(idle.sum()),
        "sd": {k: [float(v[idle].min()), float(v[idle].max())] for k, v in spread.items()},
        "bias_mean": [float(into[1, idle].min()), float(into[1, idle].max())],
        "on": float(on[:, idle].max()),
        "kl_idle": float(blocks[idle].mean()),
        "kl_used": [float(blocks[~idle].min()), float(blocks[~idle].max())],
    }


def clusters() -> tuple[Dataset, Model]:
    """Two clusters of data, to the left and to the right of the origin."""
    rng = np.random.default_rng(3)
    X = np.concatenate([rng.uniform(-1.3, -0.7, 30), rng.uniform(0.7, 1.3, 30)])
    y = np.sin(2.5 * X) + 0.1 * rng.standard_normal(60)
    model = Model(MLP([1, 20, 1], activation="relu"), Gaussian(0.1), GaussianPrior())
    X = X[:, None]
    return Dataset(X, y, X, y, names=("x",), units=("",)), model


@record
def two_clusters() -> dict[str, Any]:
    """sd of f between two clusters, for five descriptions of what is not known."""
    data, model = clusters()
    x = np.linspace(-2.0, 2.0, 81)
    long = hmc(model, data.X, data.y, rng=0, n_draws=1000)
    draws = functions(model, long.weights.reshape(-1, model.n_weights), x)
    q = fit(
        model, MeanField(), data.X, data.y, rng=0, max_steps=20_000, restarts=3
    )  # fmt: skip
    full = fit(
        model, FullCovariance(), data.X, data.y, rng=0,
        start=FullCovariance().embed(q.params), max_steps=10_000,
        optimizer=Adam(Cosine(0.002)),
    )  # fmt: skip
    best = points(model, data)
    sd = {
        "HMC": draws.std(0),
        "mean field": np.sqrt(relu_network_variance(q.q, model.net, x[:, None])),
        "full covariance": np.sqrt(full.predict(x[:, None], 8000).epistemic),
        "Laplace": laplace(model, data.X, data.y, best[0]).output_moments(x[:, None])[1],
        "ensemble": functions(model, best, x).std(0),
    }
    return {
        "x": x.tolist(),
        "sd": {k: v.round(5).tolist() for k, v in sd.items()},
        "hmc_mean": draws.mean(0).round(5).tolist(),
        "q_mean": q.predict(x[:, None], 8000).mean.round(5).tolist(),
        "elbo": {"mean field": q.elbo, "full covariance": full.elbo},
        "r_hat": float(long.r_hat(x[:, None]).max()),
        "ess": float(long.ess(x[:, None]).min()),
    }
