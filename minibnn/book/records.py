"""Numbers of the book that take longer than a page may: computed once, kept, dated.

A record is a function under ``@record``; it returns a dict of numbers. It has no argument,
or one: the folder with the published rupture files (``--data FOLDER``).
``python -m minibnn.book.records NAME`` runs it and writes what it returned, and how long
it took, to ``records.json`` beside this file; without a NAME it runs all of them. A page
reads a record with ``recorded``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("records.json")
ROOMS = sorted(path.stem for path in FILE.parent.glob("*_runs.py"))  # what holds records
RECORDS: dict[str, Callable[..., dict[str, Any]]] = {}


def record(function: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Register a function whose numbers are kept under its name."""
    RECORDS[function.__name__] = function
    return function


def read() -> dict[str, dict[str, Any]]:
    """All that is kept."""
    return json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}


def recorded(name: str) -> dict[str, Any]:
    """The kept numbers of a record; raises ValueError with the choice."""
    kept = read()
    if name not in kept:
        raise ValueError(f"no record {name!r}, want one of {', '.join(sorted(kept))}")
    return kept[name]


def needs_files(name: str) -> bool:
    """Whether the record is of the published rupture files, which are not shipped."""
    return bool(signature(RECORDS[name]).parameters)


def write(
    names: Sequence[str] = (), say: Callable[[str], object] = print, data: Any = None
) -> None:
    """Compute the named records (default: all that can be) and write them.

    data is the folder with the published rupture files, for records that need it.
    """
    for room in ROOMS:
        import_module(f"minibnn.book.{room}")
    for name in names or [n for n in sorted(RECORDS) if data or not needs_files(n)]:
        if name not in RECORDS:
            choice = ", ".join(sorted(RECORDS))
            raise ValueError(f"no record {name!r}, want one of {choice}")
        if needs_files(name) and data is None:
            raise ValueError(f"record {name!r} needs the published files: --data FOLDER")
        began = time.perf_counter()
        numbers = RECORDS[name](data) if needs_files(name) else RECORDS[name]()
        seconds = round(time.perf_counter() - began, 1)
        kept = read()
        kept[name] = numbers | {"seconds": seconds}
        FILE.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", "utf-8")
        say(f"{name}: {seconds} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m minibnn.book.records")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--data", metavar="FOLDER", help="the published rupture files")
    args = parser.parse_args()
    # the module that runs is not the one whose registry the records fill
    import_module("minibnn.book.records").write(args.names, data=args.data)
