"""Scores of predictions: one number each, with every argument checked.

y holds the labels 0..C-1, shape (n,) or (n, 1), which are the same thing. p holds
probabilities: (n,) or (n, 1) for P(y = 1), or (n, C) with rows that sum to 1. Nothing
is ever broadcast: shapes that do not match are an error, as are NaN, labels out of
range, probabilities outside [0, 1] and empty arrays. Sums are taken in float64.
"""

from typing import NamedTuple

import numpy as np
import scipy

from minibnn.validation.arguments import (
    as_float_array,
    as_vector,
    check_all,
    check_bool,
    check_choice,
    check_fraction,
    check_int,
    check_not_empty,
    check_same_length,
)
from minibnn.validation.doors import door
from minibnn.validation.labels import relabel

__all__ = [
    "accuracy",
    "f1",
    "nll",
    "brier",
    "ece",
    "reliability_curve",
    "ReliabilityCurve",
    "auroc",
    "rmse",
    "coverage",
]

ROUNDING = 1e-6  # how far float32 may carry a probability beyond 1
MOST_BINS = 1_000_000
ROW_SUM = 1e-4  # and a sum of many of them

# --- classification ------------------------------------------------------------------


@door
def accuracy(y, p, threshold=0.5):
    """Fraction of points whose most probable class is the label.

    Two classes: predicted 1 where p > threshold. More: the largest probability. Ties go
    to the lower class in both.
    """
    y, p = _labels_and_probabilities(y, p)
    return float(np.mean(_predicted(p, threshold) == y))


@door
def f1(y, p, average="weighted", threshold=0.5):
    """F1 score, 2 TP / (2 TP + FP + FN), of the predicted classes.

    average="binary": of class 1 (0.0 if it is neither present nor predicted);
    "macro": plain mean over the classes that are present or predicted; "weighted": mean
    with the number of points of each class as weight.
    """
    check_choice("average", average, ("weighted", "binary", "macro"))
    y, p = _labels_and_probabilities(y, p)
    predicted = _predicted(p, threshold)
    if average == "binary" and p.shape[1] > 2:
        raise ValueError(f"average='binary' needs two classes, p has {p.shape[1]}")
    classes = [1] if average == "binary" else np.union1d(y, predicted)
    scores = [_f1_of_class(y == k, predicted == k) for k in classes]
    weights = [np.sum(y == k) for k in classes] if average == "weighted" else None
    return float(np.average(scores, weights=weights))


def _f1_of_class(true, predicted):
    return 2 * np.sum(true & predicted) / max(np.sum(true) + np.sum(predicted), 1)


@door
def nll(y, p, log=False):
    """Mean negative log probability of the labels, in nats per point.

    With log=True p holds log-probabilities, of class 1 or of all classes. The result is
    inf where a label has probability 0: nothing is clipped.
    """
    if check_bool("log", log):
        y, log_p = _labels_and_log_probabilities(y, p)
    else:
        y, p = _labels_and_probabilities(y, p)
        log_p = _log(p)
    return float(-np.mean(log_p[np.arange(len(y)), y]))


@door
def brier(y, p):
    """Brier score: mean (p - y)² for P(y = 1), shape (n,) or (n, 1).

    For (n, C) the mean over points of Σ_k (p_k - [y = k])², which for C = 2 is twice
    the former (Brier 1950).
    """
    given = p
    y, p = _labels_and_probabilities(y, p)
    one_column = np.shape(given)[1:] in ((), (1,))
    squares = (p - (np.arange(p.shape[1]) == y[:, None])) ** 2
    return float(np.mean(squares[:, 1] if one_column else np.sum(squares, axis=1)))


@door
def ece(y, p, n_bins=10, on="confidence"):
    """Expected calibration error over equal-width bins on [0, 1].

    Σ_bins (count / n) |mean predicted - observed fraction|. on="confidence": the
    probability of the predicted class against the fraction predicted rightly (Guo et
    al. 2017). on="positive", two classes only: p against the fraction of ones, the
    curve of `reliability_curve`. A point on an inner edge belongs to the bin above.
    """
    check_choice("on", on, ("confidence", "positive"))
    n_bins = check_int("n_bins", n_bins, maximum=MOST_BINS)
    y, p = _labels_and_probabilities(y, p)
    if on == "positive":
        _, predicted, observed, count = _binned(_class_one(p), y, n_bins)
    else:
        right = np.argmax(p, axis=1) == y
        _, predicted, observed, count = _binned(np.max(p, axis=1), right, n_bins)
    return float(np.sum(count * np.abs(predicted - observed)) / len(y))


class ReliabilityCurve(NamedTuple):
    """Predicted probability against observed frequency, over bins that hold points."""

    centre: np.ndarray
    predicted: np.ndarray  # mean of p in the bin
    observed: np.ndarray  # fraction of ones in the bin
    count: np.ndarray

    def __repr__(self) -> str:
        rows, bins = int(self.count.sum()), len(self.count)
        return f"ReliabilityCurve of {rows} rows in {bins} bin{'s' * (bins != 1)}"


@door
def reliability_curve(y, p, n_bins=10):
    """Return the `ReliabilityCurve` of P(y = 1) over equal-width bins; two classes."""
    n_bins = check_int("n_bins", n_bins, maximum=MOST_BINS)
    y, p = _labels_and_probabilities(y, p)
    return ReliabilityCurve(*_binned(_class_one(p), y, n_bins))


def _binned(p, outcome, n_bins):
    index = np.minimum((p * n_bins).astype(int), n_bins - 1)
    count = np.bincount(index, minlength=n_bins)
    full = count > 0
    centre = (np.arange(n_bins) + 0.5) / n_bins
    sums = (np.bincount(index, weights=v, minlength=n_bins) for v in (p, outcome))
    predicted, observed = (total[full] / count[full] for total in sums)
    return centre[full], predicted, observed, count[full]


@door
def auroc(score, is_error):
    """Area under the ROC curve: P(score of an error > score of a right one).

    Ties count one half (Mann-Whitney). score (n,): any uncertainty, larger means more
    doubtful; is_error (n,): True or 1 where the prediction was wrong. Needs both kinds.
    """
    score = as_vector("score", score)
    is_error = _binary("is_error", is_error)
    check_same_length(score=score, is_error=is_error)
    n_error = int(np.sum(is_error))
    n_right = len(is_error) - n_error
    if n_error == 0 or n_right == 0:
        raise ValueError(
            "is_error must hold both errors and right predictions, got "
            f"{n_error} errors among {len(is_error)}"
        )
    ranks = scipy.stats.rankdata(score)  # equal scores share their mean rank
    surplus = np.sum(ranks[is_error]) - n_error * (n_error + 1) / 2
    return float(surplus / (n_error * n_right))


# --- regression ----------------------------------------------------------------------


@door
def rmse(y, mean):
    """Root mean squared error of predicted means; y and mean (n,), (n, 1) or (n, K)."""
    y, mean = _matching(y=y, mean=mean)
    with np.errstate(over="ignore"):  # inf is the answer beyond the largest float
        error = np.abs(np.subtract(y, mean, dtype=np.float64))
    largest = np.max(error)
    if not 0 < largest < np.inf:
        return float(largest)
    return float(largest * np.sqrt(np.mean((error / largest) ** 2)))


@door
def coverage(y, lower, upper):
    """Fraction of targets in [lower, upper]; arrays (n,), (n, 1) or (n, K) alike."""
    y, lower, upper = _matching(y=y, lower=lower, upper=upper)
    check_all("lower", lower, lower <= upper, "<= upper")
    return float(np.mean((lower <= y) & (y <= upper)))


def _matching(**arrays):
    """Return float arrays of one shape (n,) or (n, K); (n, 1) becomes (n,)."""
    checked = {}
    for name, value in arrays.items():
        array = check_not_empty(name, as_float_array(name, value, ndim=(1, 2)))
        checked[name] = array[:, 0] if array.shape[1:] == (1,) else array
    if len({array.shape for array in checked.values()}) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in checked.items())
        raise ValueError(f"shapes must be equal, got {shapes}")
    return checked.values()


# --- checks shared by the classification scores --------------------------------------


def _labels_and_probabilities(y, p):
    """Return y (n,) of integers and p (n, C) with C >= 2."""
    p = check_not_empty("p", as_float_array("p", p, ndim=(1, 2), dtype=np.float64))
    check_all("p", p, (p >= 0) & (p <= 1 + ROUNDING), "in [0, 1]")
    p = np.minimum(p, 1)
    if p.ndim == 1 or p.shape[1] == 1:
        p = np.column_stack([1 - p, p])
    else:
        total = np.sum(p, axis=1)
        check_all("the row sums of p", total, np.abs(total - 1) <= ROW_SUM, "1")
    return _labels(y, p, "p"), p


def _labels_and_log_probabilities(y, log_p):
    log_p = as_float_array("p", log_p, ndim=(1, 2), finite=False, dtype=np.float64)
    check_not_empty("p", log_p)
    check_all("p", log_p, log_p <= ROUNDING, "log-probabilities, at most 0 (log=True)")
    log_p = np.minimum(log_p, 0)
    if log_p.ndim == 1 or log_p.shape[1] == 1:
        log_p = np.column_stack([_log(-np.expm1(log_p)), log_p])
    else:
        total = np.sum(np.exp(log_p), axis=1)
        check_all("the row sums of exp(p)", total, np.abs(total - 1) <= ROW_SUM, "1")
    return _labels(y, log_p, "p"), log_p


def _labels(y, p, name):
    y = as_vector("y", y, allow_bool=True)
    classes = p.shape[1]
    good = (y >= 0) & (y < classes) & (y == np.floor(y))
    wanted = f"integer labels 0..{classes - 1}"
    check_all("y", y, good, wanted, lambda: relabel(y, classes))
    check_same_length(y=y, **{name: p})
    return y.astype(np.int64)


def _binary(name, value):
    value = as_vector(name, value, allow_bool=True)
    return check_all(name, value, (value == 0) | (value == 1), "0 or 1").astype(bool)


def _class_one(p):
    if p.shape[1] > 2:
        raise ValueError(f"p must be of two classes here, got {p.shape[1]}")
    return p[:, 1]


def _predicted(p, threshold):
    threshold = check_fraction("threshold", threshold)
    if p.shape[1] == 2:
        return (p[:, 1] > threshold).astype(np.int64)
    if threshold != 0.5:
        raise ValueError(f"threshold is for two classes, p has {p.shape[1]}")
    return np.argmax(p, axis=1)


def _log(p):
    with np.errstate(divide="ignore"):  # log 0 = -inf is the answer
        return np.log(p)
