"""What cells say as numbers: decimal points and commas, thousands, per cent, currencies."""

from __future__ import annotations

import re
from collections.abc import Iterable

from minibnn.own_data.text import WORDS, TableError

GAPS = {"", "na", "n/a", "#n/a", "<na>", "nan", "null", "?"}  # in any case
SYMBOLS = "%$€£¥"
NUMBER = re.compile(
    r"[+-]?(?:\d+\.?\d*|\.\d+|[1-9]\d{0,2}(?P<by>[,\s'’])\d{3}(?:(?P=by)\d{3})*(?:\.\d*)?)"
    r"(?:[eE][+-]?\d+)?"
)
ENOUGH = 1000  # cells that have decided which sign is the decimal one
SEPARATORS = re.compile(r"[,\s'’]")
SWAP = str.maketrans(".,", ",.")


def number(text: str, decimal: str) -> float | None:
    """The number a cell holds, or None; ``decimal`` is "." or ",".

    Whole parts may be grouped by thousands: by the other sign, a blank or an apostrophe.
    """
    if decimal == ",":
        text = text.translate(SWAP)
    if "," not in text and "_" not in text:  # most numbers, and quickly
        try:
            value = float(text)
            return value if value == value else None
        except ValueError:
            pass
    text = text.replace("\N{MINUS SIGN}", "-")
    if NUMBER.fullmatch(text):
        return float(SEPARATORS.sub("", text))
    return None


def bare(text: str) -> tuple[str, str]:
    """(symbol, rest) of a cell with a per cent or currency sign at one end."""
    for symbol in text[:1], text[-1:]:
        if symbol and symbol in SYMBOLS:
            return symbol, text.strip(symbol).strip()
    return "", text


def decimal_sign(cells: Iterable[str], delimiter: str) -> str:
    """The decimal sign of a table, which writes all its numbers alike: "." or ",".

    Decided by the cells that are a number with one sign and not with the other. Where
    every cell could be either, such as 1,234 between semicolons, TableError asks; between
    commas it is a point.
    """
    points = commas = 0
    open_cell = None
    for cell in cells:
        if "," not in cell and "." not in cell:
            continue
        if points + commas >= ENOUGH:
            break
        _, text = bare(cell)
        point, comma = number(text, "."), number(text, ",")
        points += comma is None and point is not None
        commas += point is None and comma is not None
        if point is not None and comma is not None and point != comma:
            open_cell = open_cell or (cell, min(point, comma), max(point, comma))
    if points or commas:
        return "," if commas > points else "."
    if open_cell and delimiter != ",":
        cell, small, large = open_cell
        raise TableError(
            f"cells are parted by {WORDS.get(delimiter, delimiter)}, and {cell!r} may be "
            f"{large:.0f} or {small:g}: say --decimal point or --decimal comma"
        )
    return "."
