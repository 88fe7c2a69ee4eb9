"""Tables, and words around them: as text of 80 columns, as HTML, as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from copy import deepcopy
from html import escape
from typing import Any

GAP = "  "  # between two columns of text
WIDTH = 80  # columns of a terminal
LEAST = 24  # columns that a cell of words is never narrower than


class Table:
    """Rows of cells under heads.

    Parameters
    ----------
    heads : sequence of str
        One for each column; empty, the table has none.
    rows : iterable of sequences of str
    align : str
        "<" or ">" for each column: words stand left, numbers right. Words in the last
        column are broken where the line would be longer than 80 columns.
    """

    def __init__(
        self, heads: Sequence[str], rows: Iterable[Sequence[str]], align: str
    ) -> None:
        self.heads, self.rows, self.align = (
            list(heads),
            [list(row) for row in rows],
            align,
        )

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def lines(self) -> list[str]:
        """The lines of the text, each column as wide as its widest cell."""
        rows = [self.heads, *self.rows] if self.heads else self.rows
        columns = list(zip(*rows, strict=True))
        widths = [max(map(len, column)) for column in columns]
        return [line for row in rows for line in self._broken(row, widths)]

    def _broken(self, row: list[str], widths: list[int]) -> list[str]:
        """One row as text: more than one line where its last words are many."""
        before = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
        words = [row[-1]]
        if self.align[-1] == "<":
            words = textwrap.wrap(row[-1], max(LEAST, WIDTH - before)) or [""]
        first = GAP.join(
            f"{cell:{side}{width}}"
            for cell, side, width in zip(
                [*row[:-1], words[0]], self.align, widths, strict=True
            )
        )
        return [first.rstrip(), *(" " * before + more for more in words[1:])]

    def markdown(self) -> str:
        """The table as Markdown has it; a bar in a cell is escaped."""
        rules = [{"<": "---", ">": "---:"}[side] for side in self.align]
        rows = [self.heads, rules, *self.rows]
        lines = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)
        return "\n".join(f"| {line} |" for line in lines)

    def _repr_html_(self) -> str:
        heads = [self._html_row(self.heads, "th")] if self.heads else []
        rows = [self._html_row(row, "td") for row in self.rows]
        return "\n".join(["<table>", *heads, *rows, "</table>"])

    def _html_row(self, row: list[str], tag: str) -> str:
        sides = ({"<": "left", ">": "right"}[side] for side in self.align)
        cells = "".join(
            f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>'
            for cell, side in zip(row, sides, strict=True)
        )
        return f"<tr>{cells}</tr>"


class Summary:
    """What an object says of itself: words and tables, and the numbers behind them.

    It prints as text, a notebook shows it as HTML, and :meth:`to_dict` gives the numbers.

    Parameters
    ----------
    parts : sequence of str or Table
        In the order in which they are read.
    numbers : dict
        The same as numbers, strings, lists and dicts.
    """

    def __init__(self, parts: Sequence[str | Table], numbers: dict[str, Any]) -> None:
        self._parts, self._numbers = list(parts), numbers

    def __str__(self) -> str:
        parts = (
            textwrap.fill(part, WIDTH) if isinstance(part, str) else str(part)
            for part in self._parts
        )
        return "\n".join(parts)

    __repr__ = __str__  # nothing but a text: at the prompt it is read at once

    def _repr_html_(self) -> str:
        return html_of(self._parts)

    def to_dict(self) -> dict[str, Any]:
        """The numbers, ready for JSON; a copy."""
        return deepcopy(self._numbers)


def html_of(parts: Iterable[str | Table]) -> str:
    """Words and tables one below the other, every character of them escaped."""
    return "\n".join(
        f"<p>{escape(part)}</p>" if isinstance(part, str) else part._repr_html_()
        for part in parts
    )
