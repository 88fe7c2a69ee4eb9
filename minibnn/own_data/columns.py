"""The columns of a table: which hold numbers, which text, and where they have gaps."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from shlex import quote

import numpy as np

from minibnn.own_data.numbers import GAPS, bare, decimal_sign, number
from minibnn.own_data.text import Sheet, TableError, read_sheet
from minibnn.types import FloatArray

DATE = re.compile(r"\d{4}-\d\d-\d\d.*|\d{1,2}[./]\d{1,2}[./]\d{2,4}.*")
MOST_NAMED = 20  # columns that an error lists


@dataclass
class Column:
    """A column: its name, its cells (None where there is a gap), its numbers.

    values (n,): nan in gaps; None where the column holds text. symbol: a per cent or
    currency sign that every number had.
    """

    name: str
    cells: list[str | None]
    values: FloatArray | None
    symbol: str = ""

    @property
    def gaps(self) -> int:
        """How many cells hold nothing."""
        return self.cells.count(None)

    @property
    def distinct(self) -> list[str]:
        """The different words of a column, sorted; numbers by size."""
        if self.values is None:
            return sorted({cell for cell in self.cells if cell is not None})
        known = np.unique(self.values[~np.isnan(self.values)])
        return [f"{value:.15g}" for value in known]

    def words(self) -> list[str | None]:
        """Every cell as one of ``distinct``."""
        if self.values is None:
            return self.cells
        return [None if v != v else f"{v:.15g}" for v in self.values]


@dataclass
class Table:
    """The columns of a file, in its order, and how it was read."""

    columns: list[Column]
    lines: list[int]  # of each row in the file
    delimiter: str
    decimal: str
    encoding: str
    left_out: dict[str, str] = field(default_factory=dict)  # column: why

    def __len__(self) -> int:
        return len(self.lines)


def read_table(
    path: Path | str,
    missing: list[str] | None = None,
    categories: list[str] | None = None,
    drop: list[str] | None = None,
    decimal: str | None = None,
) -> Table:
    """The table in a file.

    Parameters
    ----------
    path : path of a file with the names of the columns in its first line
    missing : words that mean a gap, beside an empty cell, NA, NaN, null and "?"
    categories : columns whose numbers are names
    drop : columns to leave out
    decimal : "point" or "comma"; by default what the cells show

    Returns
    -------
    Table

    Raises
    ------
    TableError
        For a file that is no such table, naming line or column, and what to do.
    """
    sheet = read_sheet(Path(path))
    names = column_names(sheet, path)
    for option, given in (("--categories", categories or []), ("--drop", drop or [])):
        for name in given:
            check_column(option, name, names)
    if not sheet.records:
        raise TableError(f"{path} has a line of names and no rows")
    gaps = {*GAPS, *(word.strip().lower() for word in missing or [])}
    parted = {
        name: [None if (word := cell.strip()).lower() in gaps else word for cell in cells]
        for name, *cells in zip(names, *(r.cells for r in sheet.records), strict=True)
    }
    sign = {"point": ".", "comma": ","}.get(decimal or "") or decimal_sign(
        {cell for cells in parted.values() for cell in cells if cell}, sheet.delimiter
    )
    lines = [record.line for record in sheet.records]
    table = Table([], lines, sheet.delimiter, sign, sheet.encoding)
    for name, cells in parted.items():
        if name in (drop or []):
            table.left_out[name] = "as asked"
        else:
            as_words = name in (categories or [])
            table.columns.append(column(name, cells, lines, sign, as_words))
    return table


def column_names(sheet: Sheet, path: Path | str) -> list[str]:
    """The names of the first line, which differ; a column without one gets its number."""
    if all(number(bare(name)[1], ".") is not None for name in sheet.names if name):
        raise TableError(
            f"the first line of {path} must name the columns, but holds numbers "
            f"({', '.join(sheet.names[:3])}, ...): write a line of names above it"
        )
    names = [name or f"column {i}" for i, name in enumerate(sheet.names, 1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(i) for i, name in enumerate(names, 1) if name == twice[0]]
        raise TableError(
            f"columns {' and '.join(places)} of {path} are both called {twice[0]!r}: "
            "rename one of them"
        )
    return names


def check_column(option: str, name: str, names: list[str]) -> str:
    """The name, if there is such a column; TableError naming the nearest."""
    if name in names:
        return name
    known = {other.lower(): other for other in names}
    near = get_close_matches(name.strip().lower(), known, 1)
    hint = f"the table has {listed_names(names)}"
    if near:
        hint = f"did you mean {known[near[0]]!r}?"
    raise TableError(f"argument {option}: no column {name!r}; {hint}")


def listed_names(names: list[str]) -> str:
    """Names in quotes, the first of many."""
    more = ", ..." if len(names) > MOST_NAMED else ""
    return ", ".join(map(repr, names[:MOST_NAMED])) + more


def column(
    name: str, cells: list[str | None], lines: list[int], decimal: str, as_words: bool
) -> Column:
    """A column of numbers if all its cells are, of text if at most half of them are.

    TableError for a few cells that are no numbers among many that are, and for an
    infinite one.
    """
    if as_words:
        return Column(name, cells, None)
    stripped = [("", None) if cell is None else bare(cell) for cell in cells]
    symbols = {symbol for symbol, text in stripped if text is not None}
    symbol = symbols.pop() if len(symbols) == 1 else ""
    texts = [text for _, text in stripped] if symbol else cells
    found = [None if not text else number(text, decimal) for text in texts]
    wrong = [i for i, cell in enumerate(cells) if cell is not None and found[i] is None]
    known = len(found) - found.count(None)
    if wrong and known <= len(wrong):
        return Column(name, cells, None)
    if wrong:
        raise TableError(mixed(name, cells, lines, wrong, known))
    values = np.array([np.nan if v is None else v for v in found])
    for i in np.flatnonzero(np.isinf(values))[:1]:
        raise TableError(
            f"column {name!r}, line {lines[i]}: {cells[i]!r} is no finite number; "
            f"{remedies(name, str(cells[i]))}"
        )
    return Column(name, cells, values, symbol)


def mixed(
    name: str, cells: list[str | None], lines: list[int], wrong: list[int], known: int
) -> str:
    """What to say of a column of numbers with a few words in it."""
    word = str(cells[wrong[0]])
    others = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return (
        f"column {name!r}, line {lines[wrong[0]]}: {word[:40]!r} is no number{others}, but "
        f"{known} cells are; {remedies(name, word)} or --categories {quote(name)} (every "
        "value a category)"
    )


def remedies(name: str, word: str) -> str:
    """What may be done about a cell."""
    gap = f"--missing={quote(word[:40])}"
    return f"mend it, or say {gap} (a gap), --drop {quote(name)}"


def looks_like_dates(column: Column) -> bool:
    """Whether most of its words are dates."""
    words = [cell for cell in column.cells if cell]
    return sum(bool(DATE.fullmatch(word)) for word in words) > len(words) / 2
