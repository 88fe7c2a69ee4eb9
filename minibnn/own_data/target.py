"""What is to be predicted: a number, one of two things, one of several, or a count."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from minibnn.likelihoods.base import Likelihood
from minibnn.likelihoods.bernoulli import Bernoulli
from minibnn.likelihoods.categorical import Categorical
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.likelihoods.poisson import Poisson
from minibnn.own_data.columns import Column
from minibnn.own_data.text import TableError
from minibnn.types import Array, FloatArray

TASKS = ("regression", "binary", "classes", "counts")
MOST_CLASSES = 100
FEW_NUMBERS = 10  # whole numbers so few may be names or counts: say so
FEWEST_ROWS = 10


@dataclass
class Target:
    """The column to predict: its task, its numbers, the names of its classes.

    y (n,): nan where a row has no target; of classes the place in ``classes``. hint: what
    else the column may mean, or "".
    """

    name: str
    task: str
    y: FloatArray
    classes: list[str] = field(default_factory=list)
    symbol: str = ""
    hint: str = ""

    @property
    def known(self) -> Array:
        """(n,) True where a row has a target."""
        return ~np.isnan(self.y)

    @property
    def likelihood(self) -> Likelihood:
        """The likelihood of the task."""
        if self.task == "regression":
            return Gaussian("learned")
        if self.task == "counts":
            return Poisson()
        return Bernoulli() if self.task == "binary" else Categorical(len(self.classes))

    @property
    def n_outputs(self) -> int:
        """Outputs of the network."""
        return len(self.classes) if self.task == "classes" else 1


def target_of(column: Column, task: str, lines: list[int]) -> Target:
    """The target in a column.

    "auto": text of two words and two numbers are binary, more words are classes, all other
    numbers regression.

    Raises TableError where the column does not fit the task, is constant, or is known in
    too few rows.
    """
    known, different = len(column.cells) - column.gaps, column.distinct
    where = f"argument --target: column {column.name!r}"
    if known < FEWEST_ROWS:
        rows = f"{known} row{'s' * (known != 1)}"
        raise TableError(f"{where} is known in {rows}; want {FEWEST_ROWS} at least")
    if len(different) == 1:
        raise TableError(f"{where} is {different[0]!r} in every row: nothing to learn")
    chosen = automatic(column) if task == "auto" else task
    if chosen in ("binary", "classes"):
        return named(column, chosen, where)
    if column.values is None:
        words = ", ".join(map(repr, different[:3]))
        raise TableError(
            f"argument --task: {chosen} wants numbers, but {column.name!r} holds text "
            f"({words}, ...); say --task classes"
        )
    if chosen == "counts":
        check_counts(column, lines)
    return Target(
        column.name, chosen, column.values, symbol=column.symbol,
        hint=hint(column) if task == "auto" else "",
    )  # fmt: skip


def automatic(column: Column) -> str:
    """The task that a column suggests."""
    if len(column.distinct) == 2:
        return "binary"
    return "classes" if column.values is None else "regression"


def hint(column: Column) -> str:
    """That few whole numbers may be something else."""
    assert column.values is not None
    numbers = np.array([float(word) for word in column.distinct])
    if len(numbers) > FEW_NUMBERS or np.any(numbers != np.floor(numbers)):
        return ""
    return (
        f"only {len(numbers)} different whole numbers: say --task classes if they are "
        "names, --task counts if they count"
    )


def named(column: Column, task: str, where: str) -> Target:
    """Classes by their names, in order; the last of two is the one that is predicted."""
    classes = column.distinct
    if task == "binary" and len(classes) != 2:
        raise TableError(
            f"argument --task: binary wants two different values, {column.name!r} has "
            f"{len(classes)}; say --task classes"
        )
    if len(classes) > MOST_CLASSES:
        other = "" if column.values is None else "; say --task regression"
        raise TableError(
            f"{where} has {len(classes)} different values: at most {MOST_CLASSES} can be "
            f"classes{other}"
        )
    place = {name: float(i) for i, name in enumerate(classes)}
    y = np.array([np.nan if w is None else place[w] for w in column.words()])
    return Target(column.name, task, y, classes)


def check_counts(column: Column, lines: list[int]) -> None:
    """Raise TableError unless all numbers are whole and not negative."""
    assert column.values is not None
    values = np.where(np.isnan(column.values), 0.0, column.values)
    for i in np.flatnonzero((values < 0) | (values != np.floor(values)))[:1]:
        raise TableError(
            f"argument --task: counts wants whole numbers from 0, {column.name!r} in line "
            f"{lines[i]} is {column.cells[i]}; say --task regression"
        )


