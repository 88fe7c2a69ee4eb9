"""Scores of predictions: one number each, with every argument checked.

y holds the labels 0..C-1, shape (n,) or (n, 1), which are the same thing. p holds
probabilities: (n,) or (n, 1) for P(y = 1), or (n, C) with rows that sum to 1. Nothing
is ever broadcast: shapes that do not match are an error, as are NaN, labels out of
range, probabilities outside [0, 1] and empty arrays: ValueError, and TypeError for what
is no array of numbers, naming the argument. Sums are taken in float64.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import scipy
from numpy.typing import NDArray

from minibnn.types import Array, ArrayLike, FloatArray, IntArray
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


def __dir__() -> list[str]:
    """What completion offers: the scores, and not what they are made of."""
    return __all__


BoolArray: TypeAlias = NDArray[np.bool_]
ROUNDING = 1e-6  # how far float32 may carry a probability beyond 1
MOST_BINS = 1_000_000
ROW_SUM = 1e-4  # and a sum of many of them

# --- classification ------------------------------------------------------------------


@door
def accuracy(y: ArrayLike, p: ArrayLike, threshold: float = 0.5) -> float:
    """Fraction of points whose most probable class is the label.

    Two classes: predicted 1 where p > threshold. More: the largest probability. Ties go
    to the lower class in both.

    Parameters
    ----------
    y : array (n,)
        Labels 0 .. C-1.
    p : array (n,) or (n, C)
        P(y = 1), or the probability of every class.
    threshold : float in [0, 1]
        For two classes; of more it must be 0.5.

    Examples
    --------
    >>> import minibnn as mb
    >>> mb.metrics.accuracy([0, 1, 1, 1], [0.1, 0.9, 0.7, 0.4])
    0.75
    >>> mb.metrics.accuracy([0, 2], [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
    0.5
    """
    y, p = _labels_and_probabilities(y, p)
    return float(np.mean(_predicted(p, threshold) == y))


@door
def f1(
    y: ArrayLike,
    p: ArrayLike,
    average: Literal["weighted", "binary", "macro"] = "weighted",
    threshold: float = 0.5,
) -> float:
    """F1 score, 2 TP / (2 TP + FP + FN), of the predicted classes.

    Parameters
    ----------
    y, p, threshold :
        As in :func:`accuracy`.
    average : {"weighted", "binary", "macro"}
        "binary": of class 1 (0.0 if it is neither present nor predicted); "macro":
        plain mean over the classes that are present or predicted; "weighted": mean with
        the number of points of each class as weight.

    Examples
    --------
    >>> import minibnn as mb
    >>> y, p = [0, 1, 1, 1], [0.1, 0.9, 0.7, 0.4]  # TP 2, FP 0, FN 1
    >>> round(mb.metrics.f1(y, p, average="binary"), 3)
    0.8
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
def nll(y: ArrayLike, p: ArrayLike, log: bool = False) -> float:
    """Mean negative log probability of the labels, in nats per point.

    The result is inf where a label has probability 0: nothing is clipped.

    Parameters
    ----------
    y : array (n,)
        Labels 0 .. C-1.
    p : array (n,) or (n, C)
        P(y = 1), or the probability of every class.
    log : bool
        p holds log-probabilities, of class 1 or of all classes.

    Examples
    --------
    >>> import minibnn as mb
    >>> round(mb.metrics.nll([0, 1], [0.5, 0.5]), 3)  # log 2: a coin
    0.693
    >>> mb.metrics.nll([0, 1], [0.5, 0.0])
    inf
    """
    if check_bool("log", log):
        y, log_p = _labels_and_log_probabilities(y, p)
    else:
        y, p = _labels_and_probabilities(y, p)
        log_p = _log(p)
    return float(-np.mean(log_p[np.arange(len(y)), y]))


@door
def brier(y: ArrayLike, p: ArrayLike) -> float:
    """Brier score: mean (p - y)² for P(y = 1), shape (n,) or (n, 1).

    For (n, C) the mean over points of Σ_k (p_k - [y = k])², which for C = 2 is twice
    the former (Brier 1950).

    Parameters
    ----------
    y : array (n,)
        Labels 0 .. C-1.
    p : array (n,) or (n, C)
        P(y = 1), or the probability of every class.

    Examples
    --------
    >>> import minibnn as mb
    >>> round(mb.metrics.brier([0, 1], [0.2, 0.6]), 3)
    0.1
    >>> round(mb.metrics.brier([0, 1], [[0.8, 0.2], [0.4, 0.6]]), 3)
    0.2
    """
    given = p
    y, p = _labels_and_probabilities(y, p)
    one_column = np.shape(given)[1:] in ((), (1,))
    squares = (p - (np.arange(p.shape[1]) == y[:, None])) ** 2
    return float(np.mean(squares[:, 1] if one_column else np.sum(squares, axis=1)))


@door
def ece(
    y: ArrayLike,
    p: ArrayLike,
    n_bins: int = 10,
    on: Literal["confidence", "positive"] = "confidence",
) -> float:
    """Expected calibration error over equal-width bins on [0, 1].

    Σ_bins (count / n) |mean predicted - observed fraction|. A point on an inner edge
    belongs to the bin above.

    Parameters
    ----------
    y : array (n,)
        Labels 0 .. C-1.
    p : array (n,) or (n, C)
        P(y = 1), or the probability of every class.
    n_bins : int
        Of width 1/n_bins.
    on : {"confidence", "positive"}
        "confidence": the probability of the predicted class against the fraction
        predicted rightly (Guo et al. 2017). "positive", two classes only: p against the
        fraction of ones, the curve of :func:`reliability_curve`.

    Examples
    --------
    >>> import minibnn as mb
    >>> round(mb.metrics.ece([0, 1, 1, 1], [0.7, 0.7, 0.7, 0.7]), 3)  # 3 of 4 right
    0.05
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
    """Predicted probability against observed frequency, over bins that hold points.

    Attributes
    ----------
    centre : array (k,)
        Of the bins that hold points.
    predicted, observed : arrays (k,)
        Mean of p, and fraction of ones, of the points in each bin.
    count : array (k,)
        How many they are.

    Examples
    --------
    >>> import minibnn as mb
    >>> curve = mb.metrics.reliability_curve([0, 1, 1], [0.1, 0.2, 0.9], n_bins=2)
    >>> centre, predicted, observed, count = curve
    >>> observed.tolist(), curve.count.tolist()
    ([0.5, 1.0], [2, 1])
    """

    centre: FloatArray
    predicted: FloatArray
    observed: FloatArray
    count: IntArray  # type: ignore[assignment]  # hides the method of tuples

    def __repr__(self) -> str:
        rows, bins = int(self.count.sum()), len(self.count)
        return f"ReliabilityCurve of {rows} rows in {bins} bin{'s' * (bins != 1)}"


@door
def reliability_curve(
    y: ArrayLike, p: ArrayLike, n_bins: int = 10
) -> ReliabilityCurve:
    """Return the `ReliabilityCurve` of P(y = 1) over equal-width bins; two classes.

    Parameters
    ----------
    y : array (n,)
        Labels 0 and 1.
    p : array (n,) or (n, 2)
        P(y = 1), or the probability of both classes.
    n_bins : int
        Of width 1/n_bins on [0, 1]; those without points are left out.

    Examples
    --------
    >>> import minibnn as mb
    >>> curve = mb.metrics.reliability_curve([0, 1, 1], [0.1, 0.2, 0.9])
    >>> curve.predicted.tolist(), curve.observed.tolist()
    ([0.1, 0.2, 0.9], [0.0, 1.0, 1.0])
    """
    n_bins = check_int("n_bins", n_bins, maximum=MOST_BINS)
    y, p = _labels_and_probabilities(y, p)
    return ReliabilityCurve(*_binned(_class_one(p), y, n_bins))


def _binned(
    p: FloatArray, outcome: Array, n_bins: int
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    index = np.minimum((p * n_bins).astype(int), n_bins - 1)
    count = np.bincount(index, minlength=n_bins)
    full = count > 0
    centre = (np.arange(n_bins) + 0.5) / n_bins
    sums = (np.bincount(index, weights=v, minlength=n_bins) for v in (p, outcome))
    predicted, observed = (total[full] / count[full] for total in sums)
    return centre[full], predicted, observed, count[full]


@door
def auroc(score: ArrayLike, is_error: ArrayLike) -> float:
    """Area under the ROC curve: P(score of an error > score of a right one).

    Ties count one half (Mann-Whitney).

    Parameters
    ----------
    score : array (n,)
        Any uncertainty; larger means more doubtful.
    is_error : array (n,)
        True or 1 where the prediction was wrong. Needs both kinds.

    Examples
    --------
    >>> import minibnn as mb
    >>> mb.metrics.auroc([0.9, 0.2, 0.6, 0.1], [1, 0, 0, 0])  # the doubted one is wrong
    1.0
    >>> mb.metrics.auroc([0.5, 0.5], [True, False])
    0.5
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
def rmse(y: ArrayLike, mean: ArrayLike) -> float:
    """Root mean squared error of predicted means, in the unit of y.

    Parameters
    ----------
    y, mean : arrays (n,), (n, 1) or (n, K)

    Examples
    --------
    >>> import minibnn as mb
    >>> round(mb.metrics.rmse([1.0, 2.0, 3.0], [1.0, 2.0, 6.0]), 3)  # √(9/3)
    1.732
    """
    y, mean = _matching(y=y, mean=mean)
    with np.errstate(over="ignore"):  # inf is the answer beyond the largest float
        error = np.abs(np.subtract(y, mean, dtype=np.float64))
    largest = np.max(error)
    if not 0 < largest < np.inf:
        return float(largest)
    return float(largest * np.sqrt(np.mean((error / largest) ** 2)))


@door
def coverage(y: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Fraction of targets in [lower, upper].

    Parameters
    ----------
    y, lower, upper : arrays (n,), (n, 1) or (n, K)
        All in the unit of y, as ``pred.interval`` gives them.

    Examples
    --------
    >>> import minibnn as mb
    >>> mb.metrics.coverage([0.0, 1.0, 2.0, 9.0], [-1, 0, 1, 2], [1, 2, 3, 4])
    0.75
    """
    y, lower, upper = _matching(y=y, lower=lower, upper=upper)
    check_all("lower", lower, lower <= upper, "<= upper")
    return float(np.mean((lower <= y) & (y <= upper)))


def _matching(**arrays: Any) -> Iterable[FloatArray]:
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


def _labels_and_probabilities(y: Any, p: Any) -> tuple[IntArray, FloatArray]:
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


def _labels_and_log_probabilities(
    y: Any, log_p: Any
) -> tuple[IntArray, FloatArray]:
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


def _labels(y: Any, p: FloatArray, name: str) -> IntArray:
    y = as_vector("y", y, allow_bool=True)
    classes = p.shape[1]
    good = (y >= 0) & (y < classes) & (y == np.floor(y))
    wanted = f"integer labels 0..{classes - 1}"
    check_all("y", y, good, wanted, lambda: relabel(y, classes))
    check_same_length(y=y, **{name: p})
    return y.astype(np.int64)


def _binary(name: str, value: Any) -> BoolArray:
    value = as_vector(name, value, allow_bool=True)
    return check_all(name, value, (value == 0) | (value == 1), "0 or 1").astype(bool)


def _class_one(p: FloatArray) -> FloatArray:
    if p.shape[1] > 2:
        raise ValueError(f"p must be of two classes here, got {p.shape[1]}")
    return p[:, 1]


def _predicted(p: FloatArray, threshold: float) -> IntArray:
    threshold = check_fraction("threshold", threshold)
    if p.shape[1] == 2:
        return (p[:, 1] > threshold).astype(np.int64)
    if threshold != 0.5:
        raise ValueError(f"threshold is for two classes, p has {p.shape[1]}")
    return np.argmax(p, axis=1)


def _log(p: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):  # log 0 = -inf is the answer
        return np.log(p)
