"""The command ``minibnn``: one small function for each subcommand, in one table.

A command gets the parsed arguments and ``say`` (a line of text for a human; silent with
``--json``), and returns the numbers of the run and the exit status. Status 0: it holds;
1: the run failed or a gradient is wrong; 2: an argument does not fit, named in one line
on standard error.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

from minibnn.datasets import rupture_data
from minibnn.rupture.plain import plain
from minibnn.version import __version__


class Command(NamedTuple):
    """A subcommand: its help, a function that adds arguments, a function that runs."""

    summary: str
    arguments: Callable
    run: Callable


# --- the subcommands -----------------------------------------------------------------


def demo_arguments(parser):
    """Arguments of ``minibnn demo``."""
    add_data(parser)
    parser.add_argument(
        "--out",
        type=folder,
        default=".",
        metavar="DIR",
        help="where demo.png and demo.svg go (default: here)",
    )
    add_json(parser)


def run_demo(args, say):
    """Verify, train the rupture network, predict, draw."""
    from minibnn.book.demo import demo

    numbers = demo(args.data, args.out, args.seed, say)
    verify = numbers["verify"]
    return {"seed": args.seed, **numbers}, int(verify["agree"] < verify["gradients"])


def verify_arguments(parser):
    """Arguments of ``minibnn verify``."""
    parser.add_argument(
        "problem",
        nargs="?",
        metavar="FILE.py:function",
        help="a function of yours that takes no argument and returns (f, grad, x), to "
        "check your gradient; the file may import its neighbours (default: every "
        "gradient of the package)",
    )
    add_json(parser)


def run_verify(args, say):
    """Check every labelled gradient of the package, or one of the reader's."""
    from minibnn.audit.verify import table, verify
    from minibnn.commands.user_file import user_problem
    from minibnn.gradcheck.gradcheck import check_gradient

    if args.problem is not None:
        # with --json standard output is the one object: the reader's prints go beside it
        out = sys.stderr if args.json else sys.stdout
        with redirect_stdout(out), user_problem(args.problem) as problem:
            report = check_gradient(*problem)
        say(report.table())
        return report.to_dict(), int(report.verdict != "agrees")
    rows = verify()
    say(table(rows))
    agree = sum(row["verdict"] == "agrees" for row in rows)
    numbers = {"gradients": len(rows), "agree": agree, "rows": rows}
    return numbers, int(agree < len(rows))


def rupture_arguments(parser):
    """Arguments of ``minibnn rupture``."""
    add_data(parser)
    parser.add_argument(
        "--labels",
        choices=("repaired", "published"),
        default="repaired",
        help="fit to the displaced labels moved back, or as stored (default: repaired)",
    )
    parser.add_argument(
        "--out",
        type=folder,
        default="rupture",
        metavar="DIR",
        help="where rupture.json, rupture.md and the figures go (default: rupture)",
    )
    parser.add_argument(
        "--seeds",
        type=count,
        metavar="N",
        help="fits of every model (default: 10 with files, 3 without)",
    )
    add_json(parser)


def run_rupture(args, say):
    """The rupture study; progress goes to standard error."""
    from minibnn.rupture.report import markdown, write_study
    from minibnn.rupture.study import default_settings, rupture_study

    begin = time.perf_counter()

    def progress(line):
        spent = time.perf_counter() - begin
        print(f"{spent:6.0f} s  {line}", file=sys.stderr, flush=True)

    study = rupture_study(
        args.data,
        args.labels,
        default_settings(args.data, args.seeds),
        args.seed,
        report=progress,
        clock=time.perf_counter,
    )
    facts = write_study(study, args.out, progress)
    say(markdown(facts))
    say(f"written: {', '.join(facts['files'])}")
    return facts, 0


def figures_arguments(parser):
    """Arguments of ``minibnn figures``."""
    parser.add_argument(
        "--out",
        type=folder,
        default="figures",
        metavar="DIR",
        help="folder of the pictures and manifest.json (default: figures)",
    )
    parser.add_argument(
        "names",
        nargs="*",
        type=figure_name,
        metavar="name",
        help="which figures (default: all)",
    )


def run_figures(args, say):
    """Draw the pictures of the tutorials."""
    from minibnn.book.figures import write_figures

    return {"files": write_figures(args.out, args.names, say)}, 0


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


COMMANDS = {
    "demo": Command(
        "verify, train the rupture network, predict, draw one picture",
        demo_arguments,
        run_demo,
    ),
    "verify": Command(
        "check every gradient of the package, or one of yours",
        verify_arguments,
        run_verify,
    ),
    "rupture": Command(
        "the rupture study: every model, one protocol, a table and figures",
        rupture_arguments,
        run_rupture,
    ),
    "figures": Command(
        "draw the figures of the tutorials", figures_arguments, run_figures
    ),
}


# --- types of arguments --------------------------------------------------------------


def rupture_folder(text):
    """A folder with the three published files, read once to see that they are right."""
    try:
        rupture_data.read_files(text)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(_line(error)) from None
    return text


def count(text):
    """A whole number from 1 to 10,000."""
    if not text.isdecimal() or len(text) > 5 or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(
            f"want a whole number >= 1 and <= 10000, got {text[:40]!r}"
        )
    return int(text)


def folder(text):
    """A folder to write to, which may be new."""
    if not text:
        raise argparse.ArgumentTypeError("want a folder, got nothing; here is '.'")
    nearest = Path(text).absolute()
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir():
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


# --- the frame -----------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message):
        """Write the message without the usage and leave with status 2."""
        self.exit(2, f"{self.prog}: error: {message}\n")


def parser():
    """The parser of the command line, built from the table."""
    top = Parser(
        prog="minibnn", description="Bayesian neural networks, derived by hand."
    )
    top.add_argument("--version", action="version", version=f"minibnn {__version__}")
    choices = top.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        sub = choices.add_parser(
            name, help=command.summary, description=command.summary
        )
        command.arguments(sub)
        sub.set_defaults(run=command.run)
    return top


def main(argv=None):
    """Run the command line; return the exit status (0 holds, 1 failed, 2 bad argument).

    Bad arguments leave through SystemExit(2), as is usual with argparse.
    """
    args = parser().parse_args(argv)
    as_json = getattr(args, "json", False)
    try:
        numbers, status = args.run(args, _silent if as_json else _say)
    except (ValueError, OSError) as error:
        text = str(error) if getattr(error, "lines", False) else _line(error)
        print(f"minibnn {args.command}: error: {text}", file=sys.stderr)
        return getattr(error, "status", 1)
    except KeyboardInterrupt:
        print(f"minibnn {args.command}: interrupted", file=sys.stderr)
        return 130
    if as_json:
        print(json.dumps(plain(numbers), allow_nan=False))
    return status


def _say(line):
    print(line, flush=True)


def _silent(line):
    """Say nothing."""


def _line(error):
    """An exception's message on one line."""
    return " ".join(str(error).split())
