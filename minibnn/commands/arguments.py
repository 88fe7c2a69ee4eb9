"""Arguments that commands share, and the types that check them while they are read."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from minibnn.datasets import rupture_data
from minibnn.storage import what_is

Say: TypeAlias = Callable[[str], None]  # a line of text for a human


def add_data(parser):
    """Where the rupture data come from, and the seed of everything drawn."""
    parser.add_argument(
        "--data",
        type=rupture_folder,
        metavar="DIR",
        help="folder with rupturemodel_{train,validate,test}.txt as published "
        "(default: a synthetic stand-in)",
    )
    parser.add_argument(
        "--seed", type=seed, default=0, help="seed of every random number (default: 0)"
    )


def add_json(parser):
    """The flag that turns standard output into one JSON object."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object instead of text"
    )


def rupture_folder(text):
    """A folder with the three published files, read once to see that they are right."""
    try:
        rupture_data.read_files(text)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(one_line(error)) from None
    return text


def count(text):
    """A whole number from 1 to 10,000."""
    if not text.isdecimal() or len(text) > 5 or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(
            f"want a whole number >= 1 and <= 10000, got {text[:40]!r}"
        )
    return int(text)


def at_least_one(text: str) -> int:
    """A whole number from 1 to a billion."""
    if not text.isdecimal() or len(text) > 10 or not 1 <= int(text) <= 10**9:
        raise argparse.ArgumentTypeError(f"want a whole number >= 1, got {text[:40]!r}")
    return int(text)


def share(text: str) -> float:
    """A number from 0 up to 0.9."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 0.9:
        raise argparse.ArgumentTypeError(f"want a number in [0, 0.9], got {text[:40]!r}")
    return value


def folder(text):
    """A folder to write to, which may be new."""
    if not text:
        raise argparse.ArgumentTypeError("want a folder, got nothing; here is '.'")
    nearest = Path(text).absolute()
    try:
        while (what := what_is(nearest)) == "missing":
            nearest = nearest.parent
    except OSError as error:  # a name that is too long
        raise argparse.ArgumentTypeError(f"{error.strerror}: {text[:40]!r}") from None
    if what == "a file":
        raise argparse.ArgumentTypeError(f"want a folder, {nearest} is a file")
    if not os.access(nearest, os.W_OK):
        raise argparse.ArgumentTypeError(f"no permission to write in {nearest}")
    return text


def figure_name(text):
    """The name of a registered figure."""
    from minibnn.book.figures import check_name

    try:
        return check_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def seed(text):
    """A whole number from 0, of up to a hundred digits."""
    if not text.isdecimal() or len(text) > 100:
        raise argparse.ArgumentTypeError(f"want a whole number >= 0, got {text[:40]!r}")
    return int(text)


def one_line(error):
    """An exception's message on one line."""
    return " ".join(str(error).split())
