"""What a picture is given beside the result it shows: names, points, indices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minibnn.exact.conjugate import GaussianPrediction
from minibnn.prediction.prediction import Prediction
from minibnn.prediction.replica_prediction import ReplicaPrediction
from minibnn.types import ArrayLike
from minibnn.validation.arguments import (
    as_plain,
    as_vector,
    check_all,
    check_instance,
    check_int,
    check_names,
    check_same_length,
)
from minibnn.validation.describe import ArgumentTypeError, describe


def labels(
    name: str, given: Any, default: list[str], count: int | None = None
) -> list[str]:
    """The names given, as many as there are by default, or the default ones."""
    count = len(default) if count is None else count
    return default if given is None else check_names(name, given, count)


def points_of(data: Any) -> list[NDArray[Any]]:
    """The pair (x, y) of data as two arrays of one length."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ArgumentTypeError(f"data must be a pair (x, y), got {describe(data)}")
    pair = [as_vector(f"data[{i}]", part) for i, part in enumerate(data)]
    check_same_length(**{"data[0]": pair[0], "data[1]": pair[1]})
    return pair


def indices(name: str, given: ArrayLike, n: int) -> NDArray[Any]:
    """Whole numbers from 0 to n - 1, as an array."""
    found = np.atleast_1d(as_plain(name, given))
    if found.dtype.kind not in "iu" or found.ndim != 1 or not found.size:
        raise ArgumentTypeError(f"{name} must be whole numbers, got {describe(given)}")
    return check_all(name, found, (found >= 0) & (found < n), f"from 0 to {n - 1}")


def check_prediction(prediction: Any) -> Any:
    """Return a prediction of rows (N, D), sampled or exact."""
    kinds = Prediction, GaussianPrediction
    if isinstance(prediction, ReplicaPrediction):
        raise ValueError(
            "prediction must be of rows that all replicas share, got one with rows for "
            "each; draw result.replica(i).predict(X[i])"
        )
    wanted = "what predict(X) returned, as the first argument"
    return check_instance("prediction", prediction, kinds, wanted)


def column_of(prediction: Any, output: Any) -> Any:
    """Which output is meant, as an index of the last axis: ``...`` if there is one."""
    shape = prediction.mean.shape
    if len(shape) == 1:
        if output is not None:
            check_int("output", output, minimum=0, maximum=0)
        return ...
    if output is None:
        raise ValueError(
            f"prediction must have one output, got {shape[1]}: choose one with "
            f"output=0 to output={shape[1] - 1}"
        )
    return ..., check_int("output", output, minimum=0, maximum=shape[1] - 1)


def title_of(values: Any, default: str) -> str:
    """The name that a column of a frame brings along."""
    columns = list(getattr(values, "columns", ()))
    name = columns[0] if len(columns) == 1 else getattr(values, "name", None)
    return name if name and isinstance(name, str) else default


def support_of(prediction: Any) -> str:
    """Where targets live: "reals", "counts", or "labels" of classes."""
    if isinstance(prediction, GaussianPrediction):
        return "reals"
    return str(getattr(prediction._model.likelihood, "support", "reals"))
