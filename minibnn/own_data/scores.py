"""How good predictions of held-out rows are, with standard errors, beside a constant.

The constant knows the targets of the training rows and no input: their normal
distribution, their Poisson distribution, or the shares of their classes (one row added
to each). What a model is worth is what it gains over that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaln

from minibnn import metrics
from minibnn.own_data.target import Target
from minibnn.types import Array, FloatArray, IntArray

LEVELS = (0.5, 0.9, 0.95)
PROBES = 200  # forecasts that are right, to see what their ECE is by chance
Score = dict[str, Any]  # plain numbers by name


def mean_se(values: FloatArray) -> Score:
    """The mean over rows and its standard error, None for one row."""
    n = len(values)
    se = float(np.std(values, ddof=1) / np.sqrt(n)) if n > 1 else None
    return {"value": float(np.mean(values)), "se": se}


def held_out_scores(
    target: Target, train: Array, test: Array, told: dict[str, Any], rng: Any
) -> dict[str, Score]:
    """Every score of the held-out rows; ``told`` has what was predicted of all rows."""
    y, seen = target.y[test], target.y[train]
    ours = told["log_prob"][test]
    base = constant_log_prob(target, seen, y)
    found = {
        "log_density": mean_se(ours)
        | {"constant": mean_se(base), "gain": mean_se(ours - base)}
    }
    if target.classes:
        return found | class_scores(target, seen, y.astype(int), told["p"][test], rng)
    return found | number_scores(seen, y, told, test)


def constant_log_prob(target: Target, seen: FloatArray, y: FloatArray) -> FloatArray:
    """The log density of targets under what the training rows alone say."""
    if target.classes:
        return np.log(shares(target, seen))[y.astype(int)]
    if target.task == "counts":
        return y * np.log(seen.mean()) - seen.mean() - gammaln(y + 1)
    mean, sd = mean_and_sd(seen)
    return -0.5 * np.log(2 * np.pi) - np.log(sd) - 0.5 * ((y - mean) / sd) ** 2


def mean_and_sd(values: FloatArray) -> tuple[float, float]:
    """Both, of numbers as large as there are."""
    size = np.abs(values).max()
    return float((values / size).mean() * size), float((values / size).std() * size)


def shares(target: Target, seen: FloatArray) -> FloatArray:
    """The share of every class in the training rows, with a row more of each."""
    count = np.bincount(seen.astype(int), minlength=len(target.classes)) + 1.0
    return count / count.sum()


def number_scores(
    seen: FloatArray, y: FloatArray, told: dict[str, Any], test: Array
) -> dict[str, Score]:
    """RMSE, and how many targets the central intervals hold."""
    rmse = rmse_se(y - told["mean"][test])
    rmse["constant"] = rmse_se(y - mean_and_sd(seen)[0])
    found = {"rmse": rmse}
    for level in LEVELS:
        low, high = (told["quantiles"][q][test] for q in tails(level))
        found[f"coverage_{100 * level:.0f}"] = {
            "value": metrics.coverage(y, low, high),
            "expected": level,
            "se": float(np.sqrt(level * (1 - level) / len(y))),
        }
    return found


def tails(level: float) -> tuple[float, float]:
    """The two quantiles between which a share ``level`` lies."""
    return round(0.5 - level / 2, 6), round(0.5 + level / 2, 6)


def rmse_se(error: FloatArray) -> Score:
    """Root mean square of errors, and its standard error by that of their squares."""
    size = np.abs(error).max() or 1.0
    square = mean_se((error / size) ** 2)
    root = np.sqrt(square["value"])
    se = None if square["se"] is None else float(size * square["se"] / (2 * root or 1.0))
    return {"value": float(size * root), "se": se}


def class_scores(
    target: Target, seen: FloatArray, y: IntArray, p: FloatArray, rng: Any
) -> dict[str, Score]:
    """Accuracy, Brier score and calibration error of probabilities p (n, K)."""
    common = shares(target, seen)
    right = (p.argmax(1) == y).astype(float)
    guess = (y == common.argmax()).astype(float)
    ece = {"value": metrics.ece(y, p)} | ece_of_right_forecasts(p, rng)
    return {
        "accuracy": mean_se(right) | {"constant": mean_se(guess)},
        "brier": mean_se(squares(p, y)) | {"constant": mean_se(squares(common, y))},
        "ece": ece,
    }


def squares(p: FloatArray, y: IntArray) -> FloatArray:
    """The Brier score of every row, summed over all classes; of two, of one of them."""
    k = np.shape(p)[-1]
    each = np.sum((p - np.eye(k)[y]) ** 2, axis=-1)
    return each / 2 if k == 2 else each


def ece_of_right_forecasts(p: FloatArray, rng: Any) -> Score:
    """Mean and spread of the calibration error if targets came from p themselves.

    It is not 0, for rows are few: what is to be expected by chance.
    """
    edges = np.cumsum(p, axis=1)[:, :-1]
    drawn = (
        np.sum(rng.uniform(size=(len(p), 1)) > edges, axis=1) for _ in range(PROBES)
    )
    found = [metrics.ece(y, p) for y in drawn]
    return {"expected": float(np.mean(found)), "se": float(np.std(found))}
