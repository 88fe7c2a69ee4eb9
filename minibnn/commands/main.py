"""The command ``minibnn``: its commands in one table, and the frame they run in.

A command is a file with ``SUMMARY``, ``arguments(parser)`` and ``run(args, say)``, which
gets the parsed arguments and ``say`` (a line of text for a human; silent with
``--json``), and returns the numbers of the run and the exit status. Status 0: it holds;
1: the run failed or a gradient is wrong; 2: an argument does not fit, named in one line
on standard error.
"""

import argparse
import json
import sys

from minibnn.commands import demo, figures, rupture, show, verify
from minibnn.commands.arguments import one_line
from minibnn.recipe import plain
from minibnn.version import __version__

COMMANDS = {
    "demo": demo,
    "verify": verify,
    "show": show,
    "rupture": rupture,
    "figures": figures,
}


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
            name, help=command.SUMMARY, description=command.SUMMARY
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
        text = str(error) if getattr(error, "lines", False) else one_line(error)
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
