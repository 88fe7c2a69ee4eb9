"""Labels that are not 0 .. K-1: what makes them so."""

from __future__ import annotations

from typing import Any

import numpy as np

from minibnn.types import Array

MANY = 20  # different whole numbers, from which on they hardly name classes


def relabel(y: Array, n_classes: int) -> str:
    """The expression that turns y into labels 0 .. K-1, as the end of a sentence, or ""."""
    values = np.unique(y)
    whole = np.all(values == np.floor(values))
    if whole and values[0] >= 1 and values[-1] <= n_classes:
        return "; labels from 1? use y - 1"
    if n_classes == 2 and values.tolist() == [-1, 1]:
        return "; use (y + 1) / 2"
    if len(values) <= n_classes:
        return "; use np.unique(y, return_inverse=True)[1]"
    return ""


def remedy(y: Array, n_classes: int) -> str:
    """The same, or else which part of the model does not fit such a y."""
    values = np.unique(y)
    if len(values) <= n_classes:
        return relabel(y, n_classes)
    if np.all(values == np.floor(values)) and len(values) <= MANY:
        k = len(values)
        return f"; for {k} classes use Categorical({k}) and an MLP with {k} outputs"
    if n_classes == 2 and values[0] >= 0 and values[-1] <= 100:
        half = "0.5" if values[-1] <= 1 else "50"
        return f"; of probabilities take y >= {half}; a measured y wants Gaussian()"
    return "; a measured y wants Gaussian()"


def one_hot(got: tuple[int, ...], wanted: tuple[Any, ...], n_classes: int) -> str:
    """What a wrong shape may mean: rows as long as there are classes."""
    if got == (*wanted[:-1], n_classes) and wanted[-1] == 1:
        return "; of one-hot rows take np.asarray(y).argmax(-1)"
    return ""
