"""Records of chapter 15: networks of several widths, and a prior scale that is learnt."""

from __future__ import annotations

from typing import Any

import numpy as np

from minibnn.book.first_page import example
from minibnn.book.records import record
from minibnn.estimators.exact import Exact
from minibnn.families.mean_field import MeanField
from minibnn.mcmc.ais import ais
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.priors.gaussian import GaussianPrior
from minibnn.priors.learned import learned_prior
from minibnn.svi.fit import fit

WIDTHS = (2, 4, 8, 50)
ROUNDS = 8  # of learning the prior's scales


def of_width(n_hidden: int, scale: float = 1.0) -> Model:
    """The running example's model with so many hidden units."""
    net = MLP([1, n_hidden, 1], activation="relu")
    return Model(net, example()[1].likelihood, GaussianPrior(0.0, scale))


def new_rows(n: int = 1000) -> tuple[Any, Any]:
    """Rows that no fit has seen, from where the running example has its own."""
    data, model = example()
    rng = np.random.default_rng(7)
    at = rng.uniform(data.X.min(), data.X.max(), n)
    curve = np.interp(at, data.X_test[:, 0], data.mean_test)
    return at[:, None], curve + model.likelihood.scale * rng.standard_normal(n)


def mean_score(prediction: Any, y: Any) -> tuple[float, float]:
    """Mean log density of the rows, in nats a row, and its standard error."""
    score = prediction.log_prob(y)
    return float(score.mean()), float(score.std(ddof=1) / np.sqrt(len(score)))


@record
def hidden_units() -> dict[str, Any]:
    """ELBO, log evidence and score of new rows for networks of several widths.

    The ELBO has a closed form (E66): no number of it is an estimate.
    """
    data, _ = example()
    rows, (X_new, y_new) = (data.X, data.y), new_rows()
    found: dict[str, Any] = {"widths": list(WIDTHS)}
    for n_hidden in WIDTHS:
        model = of_width(n_hidden)
        best = fit(model, MeanField(), *rows, rng=0, estimator=Exact(), restarts=10)
        annealed = ais(model, *rows, rng=0, n_particles=32, n_temperatures=5000)
        q_score = mean_score(best.predict(X_new), y_new)
        for name, value in (
            ("elbo", float(best.elbo)),
            ("log_evidence", annealed.log_evidence), ("se", annealed.se),
            ("mean_log_weight", float(annealed.log_weights.mean())),
            ("q_score", q_score[0]), ("q_score_se", q_score[1]),
        ):  # fmt: skip
            found.setdefault(name, []).append(value)
    return found


def idle_size(q: Any) -> tuple[int, float, float]:
    """How many of 8 units are idle; the root mean square of their weights, in and out."""
    square = q.mean**2 + q.sigma**2
    into, out = square[:16].reshape(2, 8), square[16:24]
    idle = np.abs(q.mean[16:24]) < q.sigma[16:24]
    sizes = np.sqrt(into[:, idle].mean()), np.sqrt(out[idle].mean())
    return int(idle.sum()), float(sizes[0]), float(sizes[1])


@record
def learnt_scales() -> dict[str, Any]:
    """The running example's prior scales learnt in turn with q, round by round."""
    data, _ = example()
    model, rows = of_width(8), (data.X, data.y)
    found: dict[str, Any] = {"scales": [], "elbo": [], "idle": []}
    start: Any = "auto"
    for _ in range(ROUNDS):
        result = fit(
            model, MeanField(), *rows, rng=0, estimator=Exact(), start=start,
            restarts=20 if start == "auto" else 1, max_steps=10_000,
        )  # fmt: skip
        start = result.params
        slices = model.net.slices
        scale = np.broadcast_to(model.prior.scale, model.n_weights)
        found["scales"].append([float(scale[part][0]) for part in slices])
        found["elbo"].append(float(result.elbo))
        found["idle"].append(idle_size(result.q))
        prior = learned_prior(model, result.family, result.params)
        model = Model(model.net, model.likelihood, prior)
    return found
