"""The scores of the rupture study: the test rows, predicted and judged once."""

import numpy as np
from scipy.special import entr

from minibnn import metrics

COLUMNS = ("accuracy", "f1", "f1_positive", "nll", "brier", "ece", "auc", "distance")


def look_at_test_rows(study):
    """Predict and score the test rows, once."""
    X, y, n = study.dataset.X_test, study.dataset.y_test, study.settings.samples
    chains = study.rows["hmc"].predictors[0]
    study.reference = diagnosed(chains, X)
    reference = chains.predict(X)
    for key, row in study.rows.items():
        predictions = (
            [reference] if key == "hmc" else [p.predict(X, n) for p in row.predictors]
        )
        each = [scored(p, y, reference.mean) for p in predictions]
        study.predictions[key] = predictions
        study.scores[key] = {c: [one[c] for one in each] for c in COLUMNS}
        if row.elbo is not None:
            study.scores[key]["elbo"] = [float(value) for value in row.elbo]
    study.scores["hmc"]["distance"] = [study.reference["floor"]]


def diagnosed(chains, X):
    """Whether the reference is to be believed, in function space."""
    return {
        "floor": chains.floor(X),
        "r_hat": float(chains.r_hat(X).max()),
        "ess": float(chains.ess(X).min()),
        "weight_r_hat": float(chains.r_hat().max()),
        "divergences": chains.divergences,
        "accept_rate": float(chains.accept_rate.mean()),
        "chains": chains.weights.shape[0],
        "draws": chains.weights.shape[1],
    }


def scored(prediction, y, reference):
    """Every column of the table for one prediction of the test rows."""
    p = prediction.mean
    wrong = (p > 0.5) != y
    mixed = 0 < wrong.sum() < len(y)
    return {
        "accuracy": metrics.accuracy(y, p),
        "f1": metrics.f1(y, p),
        "f1_positive": metrics.f1(y, p, average="binary"),
        "nll": float(-prediction.log_prob(y).mean()),
        "brier": metrics.brier(y, p),
        "ece": metrics.ece(y, p, on="positive"),
        "auc": metrics.auroc(entropy(p), wrong) if mixed else None,
        "distance": float(np.abs(p - reference).mean()),
    }


def entropy(p):
    """Entropy of a yes/no outcome of probability p, in nats."""
    return entr(p) + entr(1 - p)


def mean_and_se(values):
    """Mean over seeds and its standard error; None where it cannot be said."""
    values = [v for v in values if v is not None]
    if not values:
        return {"mean": None, "se": None}
    spread = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
    se = None if spread is None else float(spread)
    return {"mean": float(np.mean(values)), "se": se}
