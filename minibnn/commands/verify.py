"""``minibnn verify``: the gradients of the package judged, or one of the reader's."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from textwrap import wrap
from typing import Any

from minibnn.commands.arguments import Say, add_json

SUMMARY = "check every gradient of the package, or one of yours"
EXAMPLES = """\
  minibnn verify                  every gradient of the package, in seconds
  minibnn verify mine.py:slope    yours, where mine.py holds

    def slope():
        f = lambda x: (x**2).sum()
        return f, lambda x: 2 * x, np.array([0.3, -1.0])

status: 0 it agrees; 1 it is wrong, or nobody can tell; 2 there is no such
function, it returns something else, or it fails (your own lines are shown)
"""


def arguments(parser: argparse.ArgumentParser) -> None:
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


def run(args: argparse.Namespace, say: Say) -> tuple[dict[str, Any], int]:
    """Check every labelled gradient of the package, or one of the reader's."""
    if args.problem is not None:
        return yours(args, say)
    from minibnn.audit.verify import HEAD, KEY, line, summary, verify

    say(HEAD)
    rows = verify(progress=lambda row: say(line(row)))
    say(f"\n{KEY}\n{summary(rows)}")
    agree = sum(row["verdict"] == "agrees" for row in rows)
    numbers = {"gradients": len(rows), "agree": agree, "rows": rows}
    return numbers, int(agree < len(rows))


def yours(args: argparse.Namespace, say: Say) -> tuple[dict[str, Any], int]:
    """The report on one gradient of the reader's."""
    from minibnn.commands.user_file import user_problem
    from minibnn.gradcheck.gradcheck import check_gradient

    # with --json standard output is the one object: the reader's prints go beside it
    out = sys.stderr if args.json else sys.stdout
    with redirect_stdout(out), user_problem(args.problem) as problem:
        report = check_gradient(*problem)
    say("\n".join(in_80_columns(report.table())))
    return report.to_dict(), int(report.verdict != "agrees")


def in_80_columns(text: str) -> Iterator[str]:
    """The lines of a text, broken where they are longer."""
    for line in text.splitlines():
        yield from wrap(line, 80, subsequent_indent="    ") if len(line) > 80 else [line]
