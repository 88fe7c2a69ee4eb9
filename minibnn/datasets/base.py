"""A data set: fit rows, test rows and what the columns mean."""

from dataclasses import dataclass, replace

import numpy as np

from minibnn.standardise import mean_and_sd
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

    X (n, d), y (n,), X_test (m, d), y_test (m,); integer y are class labels.
    names and units: one string for each column of X. note: what was done to the data.
    mean_test (m,): the true mean of y_test, where the generator knows it, else None.
    """

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    names: tuple
    units: tuple
    note: str = ""
    mean_test: np.ndarray | None = None

    def __post_init__(self):
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

    def standardised(self, targets=False):
        """Return a copy whose X has mean 0 and sd 1 over the *fit* rows.

        The test rows are shifted and scaled with the same numbers, never with their
        own. A constant column becomes 0 on the fit rows. With targets=True a real y
        (and mean_test) is standardised in the same way; class labels are refused.
        """
        check_bool("targets", targets)
        mean, sd = mean_and_sd(self.X)
        new = {"X": (self.X - mean) / sd, "X_test": (self.X_test - mean) / sd}
        new |= {"units": ("sd",) * len(self.units)}
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
