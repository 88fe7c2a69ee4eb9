"""Records of the chapter on judging q: four answers and the truth, seconds and errors."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from minibnn import datasets
from minibnn.book.records import record
from minibnn.exact.conjugate import exact_posterior
from minibnn.exact.laplace import laplace
from minibnn.exact.quadrature import grid_posterior
from minibnn.families.full_covariance import FullCovariance
from minibnn.families.mean_field import MeanField
from minibnn.families.point import Point
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.mcmc.hmc import hmc
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.priors.gaussian import GaussianPrior
from minibnn.svi.fit import fit

X = np.array([[-1.5], [-0.8], [-0.3], [0.4], [0.9], [1.6]])
Y = np.array([-1.1, -0.9, -0.2, 0.5, 0.6, 1.2])
PLACES = np.array([[0.5], [1.6], [3.0]])
DRAWS = 40_000  # of a q, to tell its moments
SEEDS = range(4)
N_LONG = 10_000  # draws of each of the four chains of the ruler
SMALL_STEPS = 0.99  # acceptance aimed at where arms of the posterior are narrow
LENGTHS = (50, 200, 800, 3200)
ROWS = (100, 10_000, 100_000)


def two_weights() -> Model:
    """The network of the chapter: f(x) = w_2 tanh(w_1 x)."""
    net = MLP([1, 1, 1], activation="tanh", bias=False)
    return Model(net, Gaussian(0.4), GaussianPrior(0.0, 1.5))


def moments(F: Any, masses: Any = None) -> dict[str, list[float]]:
    """Mean and standard deviation of outputs (S, places)."""
    mean = np.average(F, 0, masses)
    sd = np.sqrt(np.average((F - mean) ** 2, 0, masses))
    return {"mean": mean.tolist(), "sd": sd.tolist()}


def truth(model: Model) -> dict[str, list[float]]:
    """Exact moments of f at the places, from the grid."""
    grid = grid_posterior(model, X, Y)
    return moments(model.net(grid.points, PLACES)[..., 0], grid.masses)


@record
def rulers() -> dict[str, Any]:
    """Moments of f at three places: exact, of a long HMC, two q, Laplace in two ways."""
    model = two_weights()
    coarse = hmc(model, X, Y, rng=0, n_draws=N_LONG)
    chains = hmc(model, X, Y, rng=0, n_draws=N_LONG, target_accept=SMALL_STEPS)
    mode = fit(model, Point(), X, Y, rng=0).params["mu"]
    around = laplace(model, X, Y, mode, rng=0)
    mean, sd = around.output_moments(PLACES)
    pushed = around.sample_weights(DRAWS, rng=0)
    found = {
        "exact": truth(model),
        "HMC, small steps": moments(chains.outputs(PLACES).reshape(-1, 3)),
        "HMC": moments(coarse.outputs(PLACES).reshape(-1, 3)),
        "Laplace, linear": {"mean": mean.tolist(), "sd": sd.tolist()},
        "Laplace, drawn": moments(model.net(pushed, PLACES)[..., 0]),
    }
    for name, family in (("mean field", MeanField()), ("full cov.", FullCovariance())):
        w = fit(model, family, X, Y, rng=0).sample_weights(DRAWS, rng=0)
        found[name] = moments(model.net(w, PLACES)[..., 0])
    return found | {
        "x": PLACES[:, 0].tolist(),
        "floor": chains.floor(PLACES),
        "r_hat_weights": coarse.r_hat().tolist(),
        "r_hat_outputs": coarse.r_hat(PLACES).tolist(),
        "ess_outputs": coarse.ess(PLACES).tolist(),
        "ess_small_steps": chains.ess(PLACES).tolist(),
        "divergences": [coarse.divergences, chains.divergences],
        "draws": 4 * N_LONG,
        "signs": np.sign(coarse.weights[..., 0]).mean(1).tolist(),
    }


def timed(run: Any) -> tuple[float, Any]:
    """Seconds of the processor, and what came out."""
    began = time.process_time()
    found = run()
    return time.process_time() - began, found


@record
def clock() -> dict[str, Any]:
    """Seconds and errors of the sd of f at x = 3, on the network of the chapter."""
    model = two_weights()
    exact = truth(model)["sd"][2]
    runs: dict[str, Any] = {
        f"HMC, 4 x {n} draws": lambda seed, n=n: np.std(
            hmc(
                model, X, Y, rng=seed, n_draws=n, n_warmup=300, target_accept=SMALL_STEPS
            ).outputs(PLACES)[..., 2]
        )
        for n in LENGTHS
    }
    for name, family in (("mean field", MeanField()), ("full cov.", FullCovariance())):
        runs[name] = lambda seed, family=family: np.std(
            model.net(
                fit(model, family, X, Y, rng=seed).sample_weights(DRAWS, rng=seed), PLACES
            )[..., 2, 0]
        )
    found: dict[str, Any] = {}
    for name, run in runs.items():
        seconds, sd = zip(*(timed(partial(run, s)) for s in SEEDS), strict=True)
        errors = np.array(sd) / exact - 1
        found[name] = {
            "seconds": float(np.median(seconds)),
            "error": float(np.sqrt((errors**2).mean())),
        }
    return found


@record
def clock_of_rows() -> dict[str, Any]:
    """Seconds and errors as the rows grow: linear regression, where the truth is known.

    VI twice: until its stopping rule says so, 100 rows a step; 20,000 steps of 1000 rows.
    """
    model = Model(MLP([3, 1]), Gaussian(0.5), GaussianPrior(0.0, 1.0))
    found: dict[str, Any] = {"rows": list(ROWS), "HMC": [], "VI, short": [], "VI, long": []}
    for n in ROWS:
        data = datasets.linear(n=n, d=3, rng=0)
        exact = exact_posterior(model, data.X, data.y)
        unit = np.sqrt(np.diag(exact.cov))

        def fitted(batch, data=data, **more):
            rows = {"rng": 0, "batch_size": min(batch, len(data.y))} | more
            q = fit(model, MeanField(), data.X, data.y, **rows).q
            return q.mean, q.sigma

        def sampled(data=data):
            w = hmc(model, data.X, data.y, rng=0, n_draws=300, n_warmup=200).weights
            return w.mean((0, 1)), w.std((0, 1))

        runs = {
            "HMC": sampled,
            "VI, short": lambda fitted=fitted: fitted(100),
            "VI, long": lambda fitted=fitted: fitted(1000, max_steps=20_000),
        }
        for name, run in runs.items():
            seconds, (mean, sd) = timed(run)
            found[name].append({
                "seconds": seconds,
                "mean": float(np.abs((mean - exact.mean) / unit).max()),
                "sd": float(np.abs(sd / unit - 1).max()),
            })  # fmt: skip
    return found
