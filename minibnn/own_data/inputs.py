"""From columns to the inputs of a network; what is learned of them comes of some rows.

A gap in a column of numbers becomes the median, and a column of its own tells the network
that there was one. Text becomes a column of 0 and 1 for each word. Nothing is asked of
rows that are held out: medians, words and what is constant are those of the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from shlex import quote

import numpy as np

from minibnn.own_data.columns import Column, Table, looks_like_dates
from minibnn.own_data.text import TableError
from minibnn.types import Array, FloatArray

MOST_WORDS = 20  # of a column of text


@dataclass
class Inputs:
    """The columns a network sees, X (n, D), and what became of the table's own.

    names (D,): of the columns of X. told: table column -> what was done with it. unseen:
    table column -> rows whose word no training row has.
    """

    X: FloatArray
    names: list[str]
    told: dict[str, str]
    left_out: dict[str, str]
    unseen: dict[str, int] = field(default_factory=dict)


def inputs_of(table: Table, target: str, train: Array) -> Inputs:
    """The inputs of all rows; ``train`` (n,) is True where a row may be learned from.

    Raises TableError if a column is text with too many different words, or if no column is
    left.
    """
    columns = [column for column in table.columns if column.name != target]
    check_words(columns)
    found = Inputs(np.empty((len(table), 0)), [], {}, dict(table.left_out))
    blocks = []
    for column in columns:
        if why := useless(column, train):
            found.left_out[column.name] = why
            continue
        names, block = text_block(column, train, found) if (
            column.values is None
        ) else number_block(column, train, found)  # fmt: skip
        blocks.append(block)
        found.names += names
    if not found.names:
        why = "; ".join(f"{name}: {why}" for name, why in found.left_out.items())
        raise TableError(f"no column is left to predict {target!r} from ({why})")
    found.X = np.column_stack(blocks)
    return found


def check_words(columns: list[Column]) -> None:
    """Raise TableError that names every column of too many words, and the cure."""
    wide = {c.name: len(c.distinct) for c in columns if c.values is None}
    wide = {name: count for name, count in wide.items() if count > MOST_WORDS}
    if not wide:
        return
    first, *_ = wide
    dated = looks_like_dates(next(c for c in columns if c.name == first))
    number = "the days since a first one" if dated else "a number for each"
    named = ", ".join(f"{name!r} ({count})" for name, count in wide.items())
    raise TableError(
        f"text of more than {MOST_WORDS} different words cannot be used: {named}. Make "
        f"{number}, or leave it out: {' '.join(f'--drop {quote(name)}' for name in wide)}"
    )


def useless(column: Column, train: Array) -> str:
    """Why a column can teach nothing, or ""."""
    words = [word for word, use in zip(column.words(), train, strict=True) if use]
    different = set(words)
    if different == {None}:
        return "empty"
    if len(different) == 1:
        return f"always {words[0]}"
    if column.values is not None and column.name.startswith("column ") and not column.gaps:
        if np.array_equal(np.diff(column.values), np.ones(len(column.values) - 1)):
            return "row numbers"
    return ""


def number_block(
    column: Column, train: Array, found: Inputs
) -> tuple[list[str], FloatArray]:
    """Numbers with the gaps filled, and beside them where they were."""
    assert column.values is not None
    known = ~np.isnan(column.values)
    seen = column.values[known & train]
    fill = float(np.median(seen))
    names, block = [column.name], [np.where(known, column.values, fill)]
    unit = f" in {column.symbol}" if column.symbol else ""
    found.told[column.name] = f"numbers{unit}"
    if column.gaps:
        count = f"{column.gaps} gap{'s' * (column.gaps > 1)}"
        found.told[column.name] += f", {count} filled with the median {fill:.4g}"
    if not known[train].all():
        names, block = [*names, f"{column.name} missing"], [*block, ~known]
        found.told[column.name] += ", and marked"
    if (seen == seen[0]).all():  # then only where it stands says something
        names, block = names[1:], block[1:]
        found.told[column.name] = f"is there or not ({seen[0]:.4g}; {column.gaps} gaps)"
    return names, np.column_stack(block).astype(float)


def text_block(
    column: Column, train: Array, found: Inputs
) -> tuple[list[str], FloatArray]:
    """A column of 0 and 1 for every word of the training rows; of two words one is enough.

    A gap is one more word.
    """
    cells = np.array(["missing" if c is None else c for c in column.cells], object)
    words = sorted(set(cells[train]))
    unseen = int(np.sum(~np.isin(cells, words)))
    if unseen:
        found.unseen[column.name] = unseen
    gaps = {0: "", 1: ", 1 gap is a word of its own"}.get(
        column.gaps, f", {column.gaps} gaps are a word of their own"
    )
    found.told[column.name] = f"words: {listed(words)}{gaps}"
    shown = words[1:] if len(words) == 2 else words
    names = [f"{column.name}={word}" for word in shown]
    return names, np.column_stack([cells == word for word in shown]).astype(float)


def listed(words: list[str], most: int = 8) -> str:
    """Some words, and how many more there are."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
