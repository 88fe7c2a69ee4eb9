"""Tables as scikit-learn hands them over: names and numbers of columns, weights of rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minibnn.likelihoods.weighted import checked_weights
from minibnn.types import Array, FloatArray
from minibnn.validation.arguments import (
    as_float_array,
    check_finite,
    check_rows,
    check_same_length,
)
from minibnn.validation.describe import ArgumentTypeError
from minibnn.validation.doors import callers_level
from minibnn.validation.frames import column_labels


def inputs(estimator: Any, X: Any, new: bool = False) -> FloatArray:
    """X (n, D) as numbers; ``new`` columns are remembered, others are compared.

    Raises ValueError or TypeError naming X.
    """
    names, numbers = column_names(X), table_of_numbers(X)
    if new:
        estimator.n_features_in_ = numbers.shape[1]
        vars(estimator).pop("feature_names_in_", None)
        if names is not None:
            estimator.feature_names_in_ = names
        return numbers
    check_names(type(estimator).__name__, getattr(estimator, "feature_names_in_", None),
                names)  # fmt: skip
    if numbers.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"X has {numbers.shape[1]} features, but {type(estimator).__name__} is "
            f"expecting {estimator.n_features_in_} features as input"
        )
    return numbers


def column_names(X: Any) -> Array | None:
    """The names of a frame's columns (D,), if all are text; else None."""
    names = column_labels(X)
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return np.array(names, dtype=object)


def check_names(who: str, known: Array | None, names: Array | None) -> None:
    """Raise where columns have other names than in fit; warn where only some have any."""
    if known is None or names is None:
        if known is not names:
            said = "X has feature names, but {} was fitted without feature names"
            if names is None:
                said = (
                    "X does not have valid feature names, but {} was fitted with feature "
                    "names"
                )
            warnings.warn(said.format(who), stacklevel=callers_level())
        return
    if known.tolist() == names.tolist():
        return
    said = "The feature names should match those that were passed during fit.\n"
    strange, missing = sorted({*names} - {*known}), sorted({*known} - {*names})
    said += listed("Feature names unseen at fit time:\n", strange)
    said += listed("Feature names seen at fit time, yet now missing:\n", missing)
    if not strange and not missing:
        said += (
            "Feature names must be in the same order as they were in fit.\n"
            "Use X[estimator.feature_names_in_]"
        )
    raise ValueError(said)


def listed(head: str, names: list[str], most: int = 5) -> str:
    """A line a name, if there are any."""
    lines = [f"- {name}\n" for name in names[:most]] + ["- ...\n"] * (len(names) > most)
    return head * bool(names) + "".join(lines)


def table_of_numbers(X: Any) -> FloatArray:
    """X as an array (n, D) with a row and a column, all of it finite."""
    kind = getattr(getattr(X, "dtype", None), "kind", "")
    if kind == "c":
        raise ArgumentTypeError("X must hold real numbers. Complex data not supported")
    if kind == "O" and isinstance(X, np.ndarray):
        X = numbers_of("X", X)
    X = as_float_array("X", X, finite=False, allow_bool=True)
    if X.ndim != 2:
        raise ValueError(
            f"X must have 2 dimensions, rows and columns, got shape {X.shape}. Reshape "
            "your data: X.reshape(-1, 1) if it is one column, X.reshape(1, -1) if it is "
            "one row"
        )
    check_rows("X", X)
    if X.shape[1] == 0:
        raise ValueError(
            f"X has 0 feature(s) (shape={X.shape}) while a minimum of 1 is required."
        )
    return without_gaps("X", X)


def numbers_of(name: str, objects: Array) -> FloatArray:
    """An array of objects, if all of them are numbers or read as such."""
    try:
        return objects.astype(float)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(f"{name} must hold numbers: {error}") from error


def without_gaps(name: str, array: FloatArray) -> FloatArray:
    """The array, if it is finite."""
    try:
        return check_finite(name, array)
    except ValueError as error:
        cure = "leave out or fill in what is NaN or inf, with sklearn.impute for example"
        raise ValueError(f"{error}; {cure}") from error


def check_given(estimator: Any, y: Any) -> None:
    """Raise ValueError if there are no targets."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None"
        )


def rows_that_count(
    X: FloatArray, y: Array, sample_weight: Any
) -> tuple[FloatArray, Array, FloatArray]:
    """Inputs, targets and weights of the rows whose weight is not 0."""
    check_same_length(X=X, y=y)
    if sample_weight is None:
        return X, y, np.ones(len(X))
    weights = checked_weights("sample_weight", sample_weight, (len(X),))
    counts = weights > 0
    return X[counts], y[counts], weights[counts]


def one_of_each(
    X: FloatArray, y: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Rows (n, D), (n, K) that differ, in an order of their own, and their weights.

    Equal rows are one row with the sum of their weights, which are None if all are 1. So
    a fit, random as it is, is the same for a row of weight 2 and for the row given twice,
    and does not depend on the order of the rows.
    """
    table = np.ascontiguousarray(np.column_stack([X, y])) + 0.0  # -0 is 0
    rows = table.view(np.dtype((np.void, table.strides[0]))).ravel()
    _, first, which = np.unique(rows, return_index=True, return_inverse=True)
    sums = np.bincount(which, weights).astype(float)  # they are; a checker cannot know
    return X[first], y[first], None if (sums == 1.0).all() else sums
