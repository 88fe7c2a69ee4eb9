"""``minibnn rupture``: the whole study of the rupture data."""

import sys
import time

from minibnn.commands.arguments import add_data, add_json, count, folder
from minibnn.commands.moving import Moving

SUMMARY = "the rupture study: every model, one protocol, table, figures"
EXAMPLES = """\
  minibnn rupture                 on synthetic ruptures
  minibnn rupture --data DIR --out study      on the published files
"""


def arguments(parser):
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
        "--seeds", type=count, metavar="N",
        help="fits of every model (default: 10 with files, 3 without)",
    )
    add_json(parser)


def run(args, say):
    """The rupture study; progress goes to standard error."""
    from minibnn.rupture.report import in_words, write_study
    from minibnn.rupture.study import default_settings, rupture_study

    settings = default_settings(args.data, args.seeds)
    with Moving(sys.stderr, time.perf_counter) as progress:
        study = rupture_study(
            args.data, args.labels, settings, args.seed, report=progress,
            clock=time.perf_counter,
        )  # fmt: skip
        facts = write_study(study, args.out, progress)
    say(in_words(facts))
    say(f"written: {', '.join(facts['files'])}")
    return facts, 0
