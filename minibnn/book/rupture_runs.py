"""Records of chapter 17: one fault at a time, and how sure a reported score is.

The published files are not shipped. Whoever has them makes their numbers again:
``python -m minibnn.book.records rupture_files rupture_files_faults --data FOLDER``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from minibnn import datasets
from minibnn.book import records
from minibnn.datasets.base import Dataset
from minibnn.datasets.rupture_data import draw_inputs, log_odds
from minibnn.families.mean_field import MeanField
from minibnn.likelihoods.base import Likelihood
from minibnn.numerics import sigmoid
from minibnn.recipe import plain
from minibnn.rupture.claims import look_at_claims
from minibnn.rupture.displaced_labels import detect, facts
from minibnn.rupture.models import (
    FitRows,
    Row,
    logistic,
    maximum_a_posteriori,
    maximum_likelihood,
    mean_field,
    model,
    part,
    physics_rule,
    published_recipe,
    resampled,
    sampled,
)
from minibnn.rupture.scores import look_at_test_rows, mean_and_se, scored
from minibnn.rupture.settings import Settings
from minibnn.rupture.sigmoid_gaussian import SigmoidGaussian
from minibnn.rupture.study import Study
from minibnn.svi.fit import fit
from minibnn.types import Array, FloatArray, Path

FITS = 4  # of one kind
SETTINGS = Settings(
    seeds=3, members=3, restarts=1, hmc_warmup=200, hmc_draws=300, chains=3, shuffles=3
)
HOW: dict[str, Any] = {"start": "lbfgs", "max_steps": 1000}


# --- one fault at a time -------------------------------------------------------------


class Case(NamedTuple):
    """What is fitted: inputs, labels, likelihood."""

    X: FloatArray
    y: Array
    likelihood: Likelihood | None = None


def cases(good: Dataset, stored: Dataset, rng: np.random.Generator) -> dict[str, Case]:
    """The honest fit, each fault alone, and all of them."""
    wrong = SigmoidGaussian(1.0)
    return {
        "honest": Case(good.X, good.y),
        "displaced labels": Case(stored.X, stored.y),
        "resampled ones": Case(*resampled(good.X, good.y, rng)),
        "least squares": Case(good.X, good.y, wrong),
        "all three": Case(*resampled(stored.X, stored.y, rng), wrong),
    }


def one_fault_at_a_time(good: Dataset, stored: Dataset) -> dict[str, Any]:
    """Test scores of mean field under each case: mean and standard error over fits."""
    found, rng = {}, np.random.default_rng(0)
    for name, case in cases(good, stored, rng).items():
        mean, sd = case.X.mean(0), case.X.std(0)
        X, X_test = (case.X - mean) / sd, (good.X_test - mean) / sd
        network = model(case.likelihood)
        fits = fit(network, MeanField(), X, case.y, rng=0, replicas=FITS, **HOW)
        found[name] = scores(replace(fits, model=model()), X_test, good.y_test)
    return found


def scores(fits: Any, X: FloatArray, y: Array) -> dict[str, float]:
    """Accuracy and mean log-likelihood of label rows, with standard errors over fits."""
    p = np.stack([part(fits, i).predict(X).mean for i in range(FITS)])
    right, logs = ((p > 0.5) == y).mean(1), log_scores(p, y).mean(1)
    root = np.sqrt(FITS)
    return {
        "accuracy": right.mean(), "accuracy_se": right.std(ddof=1) / root,
        "log": logs.mean(), "log_se": logs.std(ddof=1) / root,
        "mean_p": p.mean(),
    }  # fmt: skip


def log_scores(p: FloatArray, y: Array) -> FloatArray:
    """Log probability of labels."""
    return np.log(np.where(y == 1, p, 1 - p))


# --- how sure is a score -------------------------------------------------------------


def error_bars(good: Dataset) -> dict[str, Any]:
    """Standard deviation of the mean test log-likelihood: by draws, seeds, rows, splits."""
    fits = fit(model(), MeanField(), *standard(good.X, good.X)[:1], good.y, rng=0,
               replicas=FITS, **HOW)  # fmt: skip
    X_test = standard(good.X, good.X_test)[1]
    first = part(fits, 0)

    def score(result: Any, S: int = 1000, rng: int = 0) -> FloatArray:
        return log_scores(result.predict(X_test, S, rng=rng).mean, good.y_test)

    by_draws = {S: [score(first, S, k).mean() for k in range(20)] for S in (10, 100, 1000)}
    by_seed = [score(part(fits, i)).mean() for i in range(FITS)]
    rows = score(first)
    return {
        "score": np.mean(by_seed),
        "draws": {str(S): np.std(values, ddof=1) for S, values in by_draws.items()},
        "low": {str(S): np.mean(values) for S, values in by_draws.items()},
        "seeds": np.std(by_seed, ddof=1),
        "rows": rows.std(ddof=1) / np.sqrt(len(rows)),
        "splits": np.std([split_score(good, k) for k in range(FITS)], ddof=1),
    }


def standard(X: FloatArray, X_new: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both scaled by the mean and sd of the first."""
    mean, sd = X.mean(0), X.std(0)
    return (X - mean) / sd, (X_new - mean) / sd


def split_score(data: Dataset, seed: int) -> float:
    """Fit to other rows and score on the rest, as many as in the test file."""
    X, y = np.concatenate([data.X, data.X_test]), np.concatenate([data.y, data.y_test])
    order = np.random.default_rng(seed).permutation(len(y))
    test, rest = np.split(order, [len(data.y_test)])
    X_fit, X_test = standard(X[rest], X[test])
    result = fit(model(), MeanField(), X_fit, y[rest], rng=seed, **HOW)
    return float(log_scores(result.predict(X_test).mean, y[test]).mean())


# --- the records ---------------------------------------------------------------------


def rounded(numbers: Any, digits: int = 5) -> Any:
    """Plain numbers, without digits that nobody reads."""
    if isinstance(numbers, dict):
        return {key: rounded(value, digits) for key, value in numbers.items()}
    return round(float(numbers), digits)


@records.record
def rupture_stand_in() -> dict[str, Any]:
    """The synthetic ruptures: faults, error bars, and what one fit says of fresh rows."""
    good, stored = (
        datasets.rupture(rng=0, labels=labels, damage=True)
        for labels in ("repaired", "published")
    )
    return {
        "faults": rounded(one_fault_at_a_time(good, stored)),
        "error_bars": rounded(error_bars(good)),
        "fresh": fresh(good),
    }


def fresh(data: Dataset, n: int = 1000) -> dict[str, Any]:
    """New ruptures: the true P(through), and mean and sd over draws of one fit."""
    raw = draw_inputs(n, 17)
    X, X_new = standard(data.X, raw)
    result = fit(model(), MeanField(), X, data.y, rng=0, **HOW)
    said = result.predict(X_new)
    columns = {"truth": sigmoid(log_odds(raw)), "p": said.mean, "sd": said.std}
    return {name: values.round(4).tolist() for name, values in columns.items()}


@records.record
def rupture_files(folder: Path) -> dict[str, Any]:
    """The published files: what their rows show, and every model."""
    study = fitted_to(folder, "repaired", MODELS)
    look_at_test_rows(study)
    look_at_claims(study, np.random.default_rng(0))
    damaged = fitted_to(folder, "published", MODELS[:4])
    before = {key: means(scores_of(damaged, row)) for key, row in damaged.rows.items()}
    return plain({
        "detection": facts(study.detection),
        "claims": study.claims,
        "chains": study.reference,
        "repaired": {key: means(found) for key, found in study.scores.items()},
        "published": before,
        "stress_drop": stress_drop(study.raw),
    })  # fmt: skip


MODELS = (
    logistic, maximum_likelihood, maximum_a_posteriori, published_recipe, mean_field,
    sampled, physics_rule,
)  # fmt: skip


def fitted_to(folder: Path, labels: Any, models: Any) -> Study:
    """The study with these models alone, before it has seen a test row."""
    raw, stored = (datasets.rupture(folder, labels=kind) for kind in (labels, "published"))
    data, rng = raw.standardised(), np.random.default_rng(0)
    found = detect(stored.X, stored.standardised().X, stored.y, rng.spawn(1)[0])
    rows: dict[str, Row] = {}
    for build, own in zip(models, rng.spawn(len(models)), strict=True):
        for row in build(FitRows(data.X, raw.X, raw.y), SETTINGS, own, rows):
            rows[row.key] = row
    return Study(data, raw, stored.y, labels, SETTINGS, 0, found, rows)


def scores_of(study: Study, row: Row) -> dict[str, list[float]]:
    """Scores of a row where there are no chains to compare with."""
    X, y = study.dataset.X_test, study.dataset.y_test
    found = [p.predict(X) for p in row.predictors]
    each = [scored(one, y, one.mean) for one in found]
    return {name: [one[name] for one in each] for name in each[0]}


def means(found: dict[str, list[float]]) -> dict[str, Any]:
    """Mean and standard error over seeds of the columns that the page shows."""
    columns = ("accuracy", "nll", "auc", "distance")
    return {column: mean_and_se(found[column]) for column in columns}


@records.record
def rupture_files_rows(folder: Path) -> dict[str, Any]:
    """How many ruptures break through: what a constant answer gets right."""
    data = datasets.rupture(folder)
    parts = {"fit": data.y, "test": data.y_test}
    return {
        name: {"rows": len(y), "through": int(y.sum())} for name, y in parts.items()
    }


@records.record
def rupture_files_faults(folder: Path) -> dict[str, Any]:
    """The published files: one fault at a time, and error bars."""
    good, stored = (datasets.rupture(folder, labels=k) for k in ("repaired", "published"))
    return {
        "faults": rounded(one_fault_at_a_time(good, stored)),
        "error_bars": rounded(error_bars(good)),
    }


def stress_drop(data: Dataset) -> dict[str, float]:
    """One threshold on sxy + mud syy, in MPa, chosen on the fit rows."""
    names = list(datasets.rupture(rng=0).names)
    columns = [names.index(name) for name in ("sxy", "mud", "syy")]

    def drop(X: FloatArray) -> FloatArray:
        sxy, mud, syy = X[:, columns].T
        return sxy + mud * syy

    values = drop(data.X)
    right = [np.mean((values > t) == data.y) for t in values]
    best = values[int(np.argmax(right))]
    test = np.mean((drop(data.X_test) > best) == data.y_test)
    return rounded({"threshold": best, "fit": max(right), "test": test})

