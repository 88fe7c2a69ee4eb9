"""The command ``minibnn``: its commands in one table, and the frame they run in.

A command is a file with ``SUMMARY`` (a line of the list), ``EXAMPLES`` (the end of its
help), ``arguments(parser)`` and ``run(args, say)``, which gets the parsed arguments and
``say`` (a line of text for a human; silent with ``--json``), and returns the numbers of
the run and the exit status. Status 0: it holds; 1: the run failed or a gradient is wrong;
2: an argument does not fit, named in one line on standard error. Standard output holds
the result, standard error what moves while it is made.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from minibnn.commands import demo, figures, fit, notebooks, rupture, show, trace, verify
from minibnn.commands.arguments import one_line
from minibnn.commands.spelling import spell
from minibnn.recipe import plain
from minibnn.version import __version__

COMMANDS = {
    "demo": demo,
    "verify": verify,
    "fit": fit,
    "show": show,
    "trace": trace,
    "rupture": rupture,
    "figures": figures,
    "notebooks": notebooks,
}
INTERRUPTED, NOBODY_READS = 130, 141  # 128 + the number of the signal, as shells have it


class Interrupted(BaseException):
    """Ctrl-C ends a command; ``fit`` would take KeyboardInterrupt for the end of a run."""


@contextmanager
def interruptible() -> Iterator[None]:
    """While a command runs Ctrl-C raises Interrupted, unless somebody else handles it."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise Interrupted


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Write the message without the usage and leave with status 2."""
        self.exit(2, f"{self.prog}: error: {one_line(message)}\n")


def parser() -> Parser:
    """The parser of the command line, built from the table."""
    top = Parser(
        prog="minibnn",
        description="Bayesian neural networks, derived by hand.",
        epilog="minibnn COMMAND --help tells more of a command, with an example.",
    )
    top.add_argument("-V", "--version", action="version", version=f"minibnn {__version__}")
    choices = top.add_subparsers(dest="command", metavar="command", title="commands")
    for name, command in COMMANDS.items():
        sub = choices.add_parser(
            name,
            help=command.SUMMARY,
            description=f"{command.SUMMARY[0].upper()}{command.SUMMARY[1:]}.",
            epilog=f"examples:\n{command.EXAMPLES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.arguments(sub)
        sub.set_defaults(run=command.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status (0 holds, 1 failed, 2 bad argument).

    Without a command it prints the help, for nothing has failed. Bad arguments leave
    through SystemExit(2), as is usual with argparse. Where a pipe is closed by its reader
    nothing more is said.
    """
    spell(sys.stdout, sys.stderr)
    try:
        try:
            return _command(argv)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # for what Python flushes when it ends
        return NOBODY_READS


def _command(argv: Sequence[str] | None) -> int:
    """Parse, run, and say in one line what has failed."""
    top = parser()
    args = top.parse_args(argv)
    if args.command is None:
        top.print_help()
        return 0
    as_json = getattr(args, "json", False)
    try:
        with interruptible():
            numbers, status = args.run(args, _silent if as_json else _say)
    except BrokenPipeError:
        raise
    except (ValueError, OSError, MemoryError) as error:
        text = str(error) if getattr(error, "lines", False) else one_line(error)
        text = text or type(error).__name__
        print(f"minibnn {args.command}: error: {text}", file=sys.stderr)
        return int(getattr(error, "status", 1))
    except (KeyboardInterrupt, Interrupted):
        print(f"minibnn {args.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    if as_json:
        print(json.dumps(plain(numbers), allow_nan=False))
    return int(status)


def _say(line: Any) -> None:
    print(line, flush=True)


def _silent(line: Any) -> None:
    """Say nothing."""
