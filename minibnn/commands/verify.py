"""``minibnn verify``: the gradients of the package judged, or one of the reader's."""

import sys
from contextlib import redirect_stdout

from minibnn.commands.arguments import add_json

SUMMARY = "check every gradient of the package, or one of yours"


def arguments(parser):
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


def run(args, say):
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
