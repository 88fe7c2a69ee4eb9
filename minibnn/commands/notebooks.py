"""``minibnn notebooks``: the pages of the book for Jupyter."""

import argparse
from pathlib import Path

from minibnn.commands.arguments import folder
from minibnn.commands.show import checkout
from minibnn.storage import what_is

SUMMARY = "the pages of the book as notebooks"
EXAMPLES = """\
  minibnn notebooks               all of them, into notebooks/
  minibnn notebooks --from ~/minibnn/tutorials --out lecture
"""
MISSING = (
    "the pages come with the source: run this in its folder, or say --from DIR,"
    " its folder tutorials"
)


def arguments(parser):
    """Arguments of ``minibnn notebooks``."""
    parser.add_argument(
        "--out", type=folder, default="notebooks", metavar="DIR",
        help="where they go (default: notebooks)",
    )
    parser.add_argument(
        "--from", type=pages, dest="pages", metavar="DIR",
        help="the folder of the pages (default: tutorials of the source)",
    )


def pages(text):
    """A folder to read from."""
    try:
        what = what_is(Path(text)) if text else "nothing"
    except OSError as error:  # a name that is too long
        what = error.strerror
    if what != "a folder":
        raise argparse.ArgumentTypeError(f"want a folder, {text[:40]!r} is {what}")
    return text


def run(args, say):
    """Write a notebook for each page that has code."""
    from minibnn.book.notebooks import write_notebooks

    if args.pages is None and checkout() is None:
        raise ValueError(MISSING)
    found = args.pages or checkout() / "tutorials"
    return {"files": write_notebooks(found, args.out, say)}, 0
