"""A data set: fit rows, test rows and what the columns mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minibnn.standardise import mean_and_sd
from minibnn.types import Array, FloatArray
from minibnn.validation.arguments import (
    as_float_array,
    check_bool,
    check_names,
    check_rows,
    check_shape,
)
from minibnn.validation.doors import door
from minibnn.validation.own import keep_arrays

MOST_LETTERS = 120  # of the columns' names, where a data set is shown in one line


@door
@dataclass(frozen=True, eq=False)
class Dataset:
    """Fit rows, test rows and what the columns mean.

    Parameters
    ----------
    X, X_test : arrays (n, d) and (m, d)
    y, y_test : arrays (n,) and (m,)
        Integers are class labels.
    names, units : d strings each
        One for each column of X.
    note : str
        What was done to the data.
    mean_test : array (m,), optional
        The true mean of y_test, where the generator knows it.

    Raises
    ------
    ValueError, TypeError
        Unless rows and columns go together.

    Examples
    --------
    >>> import numpy as np
    >>> import minibnn as mb
    >>> X, y = np.array([[1.0], [2.0], [6.0]]), np.array([0, 1, 1])
    >>> data = mb.datasets.Dataset(X, y, X[:1], y[:1], names=("height",), units=("km",))
    >>> data.standardised().X.ravel().round(2).tolist()
    [-0.93, -0.46, 1.39]
    """

    X: FloatArray
    y: Array
    X_test: FloatArray
    y_test: Array
    names: tuple[str, ...]
    units: tuple[str, ...]
    note: str = ""
    mean_test: FloatArray | None = None

    def __post_init__(self) -> None:
        """Raise ValueError or TypeError unless rows and columns go together."""
        for X, y in (("X", "y"), ("X_test", "y_test")):
            rows = as_float_array(X, getattr(self, X), ndim=2, allow_bool=True)
            object.__setattr__(self, X, check_rows(X, rows))
            check_shape(X, rows, ("n", self.X.shape[1]))
            labels = as_float_array(y, getattr(self, y), allow_bool=True)
            check_shape(y, labels, (len(rows),) + labels.shape[1:])
            object.__setattr__(self, y, np.asarray(getattr(self, y)))
        for name in ("names", "units"):
            check_names(name, getattr(self, name), self.X.shape[1])
        if self.mean_test is not None:
            as_float_array("mean_test", self.mean_test, shape=np.shape(self.y_test))
        keep_arrays(self)

    def __repr__(self) -> str:
        pairs = zip(self.names, self.units, strict=True)
        columns = ", ".join(f"{name} [{unit}]" for name, unit in pairs)
        if len(columns) > MOST_LETTERS:
            columns = columns[:MOST_LETTERS].rpartition(",")[0] + ", ..."
        return (
            f"Dataset({len(self.X)} rows to fit, {len(self.X_test)} to test; "
            f"columns {columns})"
        )

    def standardised(self, targets: bool = False) -> Dataset:
        """Return a copy whose X has mean 0 and sd 1 over the *fit* rows.

        The test rows are shifted and scaled with the same numbers, never with their
        own. A constant column becomes 0 on the fit rows.

        Parameters
        ----------
        targets : bool
            Standardise a real y (and mean_test) in the same way.

        Raises
        ------
        ValueError
            For ``targets=True`` and class labels.

        Examples
        --------
        >>> import minibnn as mb
        >>> data = mb.datasets.linear(n=50, d=2).standardised()
        >>> data.X.std(0).round(9).tolist(), data.units
        ([1.0, 1.0], ('sd', 'sd'))
        >>> bool(abs(data.X.mean()) < 1e-9 < abs(data.X_test.mean()))
        True
        """
        check_bool("targets", targets)
        mean, sd = mean_and_sd(self.X)
        new: dict[str, Any] = {"units": ("sd",) * len(self.units)}
        new |= {"X": (self.X - mean) / sd, "X_test": (self.X_test - mean) / sd}
        if targets:
            new |= self._standardised_targets()
        done = " X and y" if targets else " X"
        note = f"{self.note}{done} standardised with the fit rows.".strip()
        return replace(self, note=note, **new)

    def _standardised_targets(self):
        if self.y.dtype.kind in "iub":
            raise ValueError("targets=True needs real targets, got class labels in y")
        mean, sd = mean_and_sd(self.y.reshape(len(self.y), -1))
        scaled = {"y": (self.y - mean) / sd, "y_test": (self.y_test - mean) / sd}
        if self.mean_test is not None:
            scaled["mean_test"] = (self.mean_test - mean) / sd
        return scaled
