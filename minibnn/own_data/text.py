"""A file of cells as text: its encoding, what parts its cells, its lines.

Lines are numbered as editors and spreadsheets number them, from 1.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

BINARY = {
    b"PK\x03\x04": "an Excel file or another archive: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel file: save the sheet as CSV",
    b"\x1f\x8b": "compressed: unpack it first",
    b"PAR1": "a Parquet file: write it as CSV",
    b"\x89HDF": "an HDF5 file: write it as CSV",
    b"%PDF": "a PDF file: save the table as CSV",
}
DELIMITERS = "\t;|,"  # on equal terms a comma is more likely a decimal sign
WORDS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}
LOOK = 200  # lines that decide what parts the cells


class TableError(ValueError):
    """A table that cannot be used: where, what came, and what to do about it."""

    status = 2


class Record(NamedTuple):
    """The cells of one row, and the line of the file where it begins."""

    line: int
    cells: list[str]


class Sheet(NamedTuple):
    """A file as cells: names of the columns, records below them, how it was read."""

    names: list[str]
    records: list[Record]
    delimiter: str
    encoding: str


def read_sheet(path: Path) -> Sheet:
    """The cells of a file of comma-, semicolon-, tab- or bar-separated values.

    Raises TableError if it is not there, not text, or its lines have unequal cells.
    """
    text, encoding = decoded(file_bytes(path), path)
    declared = re.match(r'"?sep=(.)"?\r?\n', text)  # as Excel writes it
    delimiter = declared[1] if declared else best_delimiter(text)
    every = [r for r in records(text, delimiter) if any(c.strip() for c in r.cells)]
    every = every[1:] if declared else every
    if not every:
        raise TableError(f"{path} holds nothing but blank lines")
    names = [name.strip() for name in every[0].cells]
    if len(names) < 2:
        raise TableError(
            f"{path} has one column only, {names[0][:40]!r}: the first line must name the "
            "columns, with a comma, semicolon, tab or | between them"
        )
    return Sheet(names, squared(every[1:], len(names), delimiter), delimiter, encoding)


def file_bytes(path: Path) -> bytes:
    """What is in the file; TableError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        folder = isinstance(error, IsADirectoryError)
        reason = "it is a folder" if folder else error.strerror
        hint = similar(path) if isinstance(error, FileNotFoundError) else ""
        raise TableError(f"cannot read {str(path)[:80]!r}: {reason}{hint}") from error


def similar(path: Path) -> str:
    """A question about a file beside, whose name is much like this one's, or ""."""
    try:
        names = [other.name for other in path.parent.iterdir()]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, 1)
    return f"; did you mean {str(path.with_name(near[0]))!r}?" if near else ""


def decoded(data: bytes, path: Path) -> tuple[str, str]:
    """(text, encoding) of a file; bytes that are no UTF-8 are taken for Windows-1252."""
    if not data:
        raise TableError(f"{path} is empty")
    for start, what in BINARY.items():
        if data.startswith(start):
            raise TableError(f"{path} is {what}")
    for encoding in encodings(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, encoding
    raise TableError(f"{path} is no text: save the table as CSV in UTF-8")


def encodings(data: bytes) -> list[str]:
    """What the bytes may be, the likeliest first."""
    if data.startswith(b"\xef\xbb\xbf"):
        return ["utf-8-sig"]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ["utf-16"]
    start = data[:1000]
    if start[1::2].count(0) > len(start) // 4:
        return ["utf-16-le"]
    if start[::2].count(0) > len(start) // 4:
        return ["utf-16-be"]
    return ["utf-8", "cp1252", "latin-1"]


def best_delimiter(text: str) -> str:
    """What gives most lines as many cells as the first, which has two at least."""

    def share(delimiter: str) -> float:
        found = islice(csv.reader(io.StringIO(text, ""), delimiter=delimiter), LOOK)
        try:
            widths = [len(cells) for cells in found if any(cells)]
        except csv.Error:
            return 0.0
        good = bool(widths) and widths[0] > 1
        return widths.count(widths[0]) / len(widths) if good else 0.0

    return max(DELIMITERS, key=share) if any(map(share, DELIMITERS)) else ","


def records(text: str, delimiter: str) -> Iterator[Record]:
    """The records of a text; TableError for a quotation mark that is not closed."""
    source, line = io.StringIO(text, ""), 1
    reader = csv.reader(source, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            yield Record(line, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(
            f"line {line}: {error}. Is a quotation mark left open, or is there one in the "
            'middle of a cell? Inside a quoted cell it is written twice, ""'
        ) from error


def squared(found: list[Record], width: int, delimiter: str) -> list[Record]:
    """Records of ``width`` cells each; empty ones behind the last column fall away."""
    rows = [Record(r.line, trimmed(r.cells, width)) for r in found]
    odd = [r for r in rows if len(r.cells) != width]
    if not odd:
        return rows
    line, count = odd[0].line, len(odd[0].cells)
    if all(len(r.cells) == width + 1 for r in rows):
        hint = "every line has one more: name the first column too, if it holds row names"
    elif count > width and delimiter == ",":
        hint = "is a comma part of a cell, or its decimal sign? Such cells must be quoted"
    else:
        hint = f"cells are parted by {WORDS.get(delimiter, repr(delimiter))}"
    raise TableError(f"line {line} has {count} cells, the first line has {width}; {hint}")


def trimmed(cells: list[str], width: int) -> list[str]:
    """The cells without empty ones beyond the width."""
    return cells[:width] if not any(c.strip() for c in cells[width:]) else cells
