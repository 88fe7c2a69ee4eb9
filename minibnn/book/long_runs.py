"""Records of the book: runs that take longer than a page may (see ``records``)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minibnn import datasets, metrics
from minibnn.book.first_page import example, fitted
from minibnn.book.records import record
from minibnn.families.mean_field import MeanField
from minibnn.likelihoods.bernoulli import Bernoulli
from minibnn.mcmc.hmc import hmc
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.optim.adam import Adam
from minibnn.optim.base import Optimizer
from minibnn.optim.cosine import Cosine
from minibnn.optim.plateau import Plateau
from minibnn.priors.gaussian import GaussianPrior
from minibnn.svi.elbo import neg_elbo
from minibnn.svi.fit import fit

LENGTHS = (1000, 3000, 6000, 30_000, 60_000)
LAST = 500  # steps whose mean is given
PLACES = (-2.5, 0.0, 0.6, 2.5)


def six_steps(steps: int) -> Any:
    """The ELBO estimates of the loop of chapter 10, one for each step."""
    data, model = example()
    family, rng, elbo = MeanField(sigma=0.05), np.random.default_rng(0), []
    params = family.init(model, rng=0)
    for _ in range(steps):
        rows = rng.permutation(40)[:10]
        eps = rng.standard_normal((2, model.n_weights))
        loss, grads, _ = neg_elbo(
            model, family, params, eps, data.X[rows], data.y[rows], n_data=40
        )
        params = {name: params[name] - 1e-4 * grads[name] for name in params}
        elbo.append(-loss)
    return np.array(elbo)


@record
def long_loop() -> dict[str, Any]:
    """The loop of chapter 10 run on: its ELBO after so many steps, where a rule stops."""
    elbo, rule = six_steps(LENGTHS[-1]), Plateau()
    looks = range(rule.window, LENGTHS[-1], rule.window)
    history = {"loss": list(-elbo), "kl_weight": [1.0] * len(elbo)}
    stop = next(n for n in looks if rule({k: v[:n] for k, v in history.items()}))
    means = [elbo[n - LAST : n] for n in LENGTHS]
    return {
        "steps": list(LENGTHS),
        "elbo": [float(part.mean()) for part in means],
        "se": [float(part.std(ddof=1) / np.sqrt(LAST)) for part in means],
        "stopped": stop,
        "stopped_elbo": float(elbo[stop - rule.window : stop].mean()),
        "windows": elbo.reshape(-1, 1000).mean(1).round(3).tolist(),
    }


@record
def widths() -> dict[str, Any]:
    """sd of f at four places under the fitted q and under 8000 draws of HMC."""
    data, model = example()
    x = np.array(PLACES)[:, None]
    chains = hmc(model, data.X, data.y, rng=0, n_draws=2000)
    long, q = chains.predict(x), fitted().predict(x)
    return {
        "x": list(PLACES),
        "truth": np.interp(x[:, 0], data.X_test[:, 0], data.mean_test).tolist(),
        "q_mean": q.mean.tolist(),
        "q_sd": np.sqrt(q.epistemic).tolist(),
        "hmc_mean": long.mean.tolist(),
        "hmc_sd": np.sqrt(long.epistemic).tolist(),
    }


@record
def kl_times_four() -> dict[str, Any]:
    """By what the sigmas of a converged fit grow when the KL counts four times."""
    data, model = example()
    sigma = {}
    for weight in (1.0, 4.0):
        sigma[weight] = fit(
            model, MeanField(), data.X, data.y, rng=1, start=fitted().params,
            kl_weight=weight, max_steps=20_000, optimizer=Adam(Cosine(0.01)),
        ).q.sigma  # fmt: skip
    ratio, held = sigma[4.0] / sigma[1.0], sigma[1.0] < 0.1
    return {
        "held": int(held.sum()),
        "held_ratio": float(np.median(ratio[held])),
        "other_ratio": float(np.median(ratio[~held])),
        "ratios": ratio.round(3).tolist(),
    }


@record
def idle_units() -> dict[str, Any]:
    """The rupture network: its accuracy, and the sigmas around units it does not use."""
    data = datasets.rupture(rng=0).standardised()
    model = Model(MLP([8, 12, 1]), Bernoulli(), GaussianPrior(0.0, 1.0))
    result = fit(model, MeanField(), data.X, data.y, rng=0)
    prediction = result.predict(data.X_test)
    into = result.q.sigma[:96].reshape(8, 12)  # from every input to every unit
    mean, onward = result.q.mean[108:120], result.q.sigma[108:120]
    idle = np.abs(mean) < onward
    return {
        "accuracy": metrics.accuracy(data.y_test, prediction.mean),
        "idle": int(idle.sum()),
        "incoming": [float(into[:, idle].min()), float(into[:, idle].max())],
        "outgoing": [float(onward[idle].min()), float(onward[idle].max())],
    }


@record
def uncorrected_adam() -> dict[str, Any]:
    """ELBO after 2000 steps of Adam with and without its bias correction, four seeds."""
    return {
        name: [elbo_of_loop(seed, optimizer(Cosine(0.03))) for seed in range(4)]
        for name, optimizer in (("right", Adam), ("without", Uncorrected))
    }


class Uncorrected(Adam):
    """Adam whose running means are those of the formula: too small at the start."""

    def rates(self, lr: float, step: int) -> tuple[float, ...]:
        """Step size and eps in the units of the sums, the same at every step."""
        root = math.sqrt(1.0 - self.beta2)
        return lr * (1.0 - self.beta1) / root, self.eps / root


def elbo_of_loop(seed: int, optimizer: Optimizer) -> float:
    """The ELBO, from fresh noise, after the loop of chapter 09."""
    data, model = example()
    family, rng = MeanField(sigma=0.05), np.random.default_rng(seed)
    theta = family.init(model, rng=seed)
    state = {name: optimizer.init(values) for name, values in theta.items()}
    for t in range(2000):
        rows, eps = rng.permutation(40)[:10], rng.standard_normal((2, 25))
        args = model, family, theta, eps, data.X[rows], data.y[rows]
        grads = neg_elbo(*args, n_data=40)[1]
        for name, g in grads.items():
            optimizer.move(theta[name], g, state[name], t, 2000)
    fresh = np.random.default_rng(9).standard_normal((4000, 25))
    return float(-neg_elbo(model, family, theta, fresh, data.X, data.y)[0])
