"""``minibnn fit DATA.csv --target NAME``: a person's own table, fitted and predicted."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minibnn.commands.arguments import Say, add_json, at_least_one, folder, seed, share

if TYPE_CHECKING:
    from minibnn.own_data.columns import Column, Table


SUMMARY = "fit a CSV table of yours: report, predictions, model, picture"
EXAMPLES = """\
  minibnn fit houses.csv --target price
  minibnn fit patients.csv --target ill --drop name --missing=-999 --out ill

reads cells parted by commas, semicolons, tabs or |, decimal points or commas;
the first line names the columns. A gap becomes the median and is marked; text
of up to 20 words becomes a column for each. A fifth of the rows is held out for
the scores; rows without a target are predicted too: put new ones there.

written: report.txt, report.json, predictions.csv (mean, sd, 95 % interval),
picture.png, and model.npz, for mb.FitResult.load in Python
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``minibnn fit``."""
    of_the_table(parser)
    of_the_fit(parser)
    parser.add_argument(
        "--out", type=folder, metavar="DIR",
        help="folder of the results (default: the table's name and -fit)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace the results that are there"
    )
    add_json(parser)


def of_the_table(parser: argparse.ArgumentParser) -> None:
    """Which column to predict, and how to read the others."""
    parser.add_argument("table", metavar="DATA.csv", type=Path, help="the table")
    parser.add_argument(
        "--target", metavar="NAME", help="the column to predict, by its name"
    )
    parser.add_argument(
        "--task",
        choices=("auto", "regression", "binary", "classes", "counts"),
        default="auto",
        help="default: binary if it has two values, classes if it is text, else "
        "regression",
    )
    for name, text in (
        ("--drop", "leave this column out (may be repeated)"),
        ("--categories", "numbers of this column are names (may be repeated)"),
    ):
        parser.add_argument(name, action="append", metavar="NAME", help=text)
    parser.add_argument(
        "--missing", action="append", metavar="WORD",
        help="a gap, as are empty cells, NA, NaN, null and ? (may be repeated)",
    )
    parser.add_argument(
        "--decimal", choices=("point", "comma"),
        help="the decimal sign (default: what the cells show)",
    )


def of_the_fit(parser: argparse.ArgumentParser) -> None:
    """How much is held out, and how the rest is fitted."""
    parser.add_argument(
        "--test-share", type=share, default=0.2, metavar="S",
        help="share of the rows held out, 0 for none (default: 0.2)",
    )
    parser.add_argument(
        "--hidden", type=at_least_one, metavar="N",
        help="hidden units (default: 10, from 1000 rows on 50)",
    )
    parser.add_argument(
        "--steps", type=at_least_one, metavar="N",
        help="the most steps (default: until the ELBO rests)",
    )
    parser.add_argument(
        "--seed", type=seed, default=0, metavar="N",
        help="seed of every random number (default: 0)",
    )


def run(args: argparse.Namespace, say: Say) -> tuple[dict[str, Any], int]:
    """Read, fit, score, write; progress goes to standard error."""
    from minibnn.own_data.columns import read_table
    from minibnn.own_data.files import check_folder, write
    from minibnn.own_data.report import in_words
    from minibnn.own_data.study import fit_table
    from minibnn.own_data.target import target_of

    out = out_folder(args.out or f"{args.table.stem}-fit")
    table = read_table(
        args.table, args.missing, args.categories, args.drop, args.decimal
    )
    column = target_column(table, args.target)
    target = target_of(column, args.task, table.lines)
    check_folder(out, args.force)
    found = fit_table(
        table, target, test_share=args.test_share, hidden=args.hidden, steps=args.steps,
        seed=args.seed, verbose=sys.stderr.isatty(), clock=time.perf_counter,
    )
    facts = write(found, out)
    say(in_words(found))
    say(f"written   {out}: report.txt, report.json, predictions.csv, picture.png,\n"
        "          model.npz, for Python: mb.FitResult.load")  # fmt: skip
    return facts | {"seed": args.seed, "out": str(out)}, 0


def out_folder(text: str) -> Path:
    """The folder of the results, also where its name is ours."""
    from minibnn.own_data.text import TableError

    try:
        return Path(folder(text))
    except argparse.ArgumentTypeError as error:
        raise TableError(f"argument --out: {error}") from error


def target_column(table: Table, name: str | None) -> Column:
    """The column to predict; TableError naming those there are."""
    from minibnn.own_data.columns import check_column, listed_names
    from minibnn.own_data.text import TableError

    names = [column.name for column in table.columns]
    if name is None:
        raise TableError(
            f"argument --target: say which column to predict: {listed_names(names)}"
        )
    if name in table.left_out:
        raise TableError(f"argument --drop: {name!r} is the --target")
    check_column("--target", name, names)
    return next(column for column in table.columns if column.name == name)
