"""Inputs that become features when rows are asked for: X may be larger than the memory.

It may be mapped from a file, say. So nothing here is made of the whole of it, and a batch
gets its column of ones when it is gathered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from minibnn.nn.mlp import MLP
from minibnn.types import Array, FloatArray

ALL = slice(None)
Rows: TypeAlias = slice | Array


class Inputs:
    """Inputs X (..., N, D), checked, which stand for their features (..., N, D+1).

    Parameters
    ----------
    X : array, or what gives its rows as one does
        Kept as it is, never copied.
    net : MLP
        Whose constant column it is.
    """

    def __init__(self, X: Array | Any, net: MLP) -> None:
        self.X, self.net, self.dtype, self.ndim = X, net, X.dtype, X.ndim
        self.shape = (*X.shape[:-1], X.shape[-1] + net.bias)
        self.size = int(np.prod(self.shape))

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, replica: Any) -> Inputs:
        """One of several data sets."""
        return Inputs(self.X[replica], self.net)

    def features(self, rows: Rows = ALL) -> FloatArray:
        """Features of some rows, (..., n, D+1)."""
        return self.net.features(self.X[..., rows, :])

    def gather(self, rows: Array, out: FloatArray) -> None:
        """Features of rows (..., B) into ``out`` (..., B, D+1); of every data set its own.

        With several data sets (R, N, D), rows are (..., R, B).
        """
        width = self.X.shape[-1]
        out[..., :width] = taken(self.X, rows)
        out[..., width:] = 1.0


def taken(X: Array | Any, rows: Array) -> Array:
    """Rows of X, which may be an array or stand in the place of one."""
    if X.ndim == 2 and isinstance(X, np.ndarray) and X.flags.c_contiguous:
        return np.take(X, rows, axis=0, mode="clip")  # else it copies all of X
    return X[own_rows(X, rows)]


def own_rows(array: Array, rows: Array) -> Any:
    """The index of rows (..., B) of one data set, or (..., R, B) of R data sets."""
    return (np.arange(len(array))[:, None], rows) if array.ndim == 3 else rows


def some_rows(A: FloatArray | Inputs, y: Array, rows: Rows) -> tuple[FloatArray, Array]:
    """Features and targets of some rows, the same of every data set.

    ``A`` is an array of features or ``Inputs``; rows a slice or an array of numbers.
    """
    chosen = A.features(rows) if isinstance(A, Inputs) else A[..., rows, :]
    return chosen, y[(slice(None),) * (A.ndim - 2) + (rows,)]


def whole(A: FloatArray | Inputs) -> FloatArray:
    """The array of features."""
    return A.features() if isinstance(A, Inputs) else A


def named_data(
    A: FloatArray | Inputs, y: Array | float = 0.0
) -> Iterator[tuple[str, Array | float]]:
    """("column 0 of X", array) and so on, the targets last."""
    X = A.X if isinstance(A, Inputs) else A
    for i in range(X.shape[-1]):
        yield f"column {i} of X", X[..., i]
    yield "y", y
