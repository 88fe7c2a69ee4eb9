"""A record of the book: how loose the bound is on the running example (see ``records``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from minibnn.book.first_page import example, fitted
from minibnn.book.records import record
from minibnn.estimators.exact import Exact
from minibnn.families.full_covariance import FullCovariance
from minibnn.families.mean_field import MeanField
from minibnn.mcmc.ais import ais
from minibnn.svi.elbo import neg_elbo
from minibnn.svi.fit import fit


@record
def looseness() -> dict[str, Any]:
    """How far below the log evidence the ELBO of the running example lies, in nats.

    One hidden ReLU layer and independent weights: the ELBO has a closed form (E66), so
    no number of mean field here carries the noise of an estimate.
    """
    data, model = example()
    rows = data.X, data.y
    page = fitted()
    best = fit(model, MeanField(), *rows, rng=0, estimator=Exact(), restarts=20)
    full = fit(
        model, FullCovariance(), *rows, rng=0, restarts=5, elbo_samples=20_000
    )
    found = ais(model, *rows, rng=0, n_particles=64, n_temperatures=10_000)
    none = np.zeros((1, *Exact().noise_shape(model, page.family, 1, len(data.X))[1:]))
    loss, _, _ = neg_elbo(
        model, page.family, page.params, none, *rows, estimator=Exact()
    )
    return {
        "elbo": -float(loss),
        "estimate": float(page.elbo),
        "estimate_se": float(page.elbo_se),
        "best": float(best.elbo),
        "full": float(full.elbo),
        "full_se": float(full.elbo_se),
        "log_evidence": found.log_evidence,
        "se": found.se,
        "spread": float(found.log_weights.std(ddof=1)),
    }
