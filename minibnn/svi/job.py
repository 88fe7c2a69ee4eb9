"""A job: everything one run is given, before anything has moved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from minibnn.estimators.base import Estimator
from minibnn.families.base import Family
from minibnn.inputs import some_rows, whole
from minibnn.model import Model
from minibnn.svi.fingerprint import facts_of
from minibnn.svi.options import Options
from minibnn.types import Array, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Job:
    """One run, or R replicas of it that advance together along a leading axis.

    ``A`` (N, D+1) or (R, N, D+1) are features, or the Inputs they are made from; ``y``
    the targets that go with them. ``seeds`` has one for each replica. ``given_seeds`` are
    those that a caller has named; None: whatever seed, a checkpoint may go on. ``title``
    is what progress calls it, "restart 2 of 5: ", and ``kind_of_run`` one of several.
    """

    model: Model
    family: Family
    estimator: Estimator
    A: Any
    y: Array
    options: Options
    seeds: list[np.random.SeedSequence]
    given_seeds: list[str] | None = None
    title: str = ""
    kind_of_run: str = "restart"

    facts = cached_property(facts_of)

    @property
    def lead(self) -> tuple[int, ...]:
        """The leading axes of its parameters."""
        return (len(self.seeds),) if self.options.replicas else ()

    @property
    def n_rows(self) -> int:
        """N, of each data set."""
        return self.A.shape[-2]

    @property
    def rows_a_step(self) -> int:
        """How many rows a step sees."""
        return min(self.options.batch_size or self.n_rows, self.n_rows)

    def data_of(self, i: int) -> tuple[Any, Array]:
        """The data set of replica i, its features as they are kept."""
        own = self.A.ndim == 3 and self.lead  # not so for the tasks of a family
        return (self.A[i], self.y[i]) if own else (self.A, self.y)

    def all_rows(self, i: int) -> tuple[FloatArray, Array]:
        """The same with the array of all its features."""
        A, y = self.data_of(i)
        return whole(A), y

    def some_rows(self, i: int, rows: IntArray) -> tuple[FloatArray, Array]:
        """Features and targets of some rows of replica i's data."""
        return some_rows(*self.data_of(i), rows)
