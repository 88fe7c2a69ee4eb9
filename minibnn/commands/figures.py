"""``minibnn figures``: the pictures of the tutorials drawn again."""

from minibnn.commands.arguments import figure_name, folder

SUMMARY = "draw the figures of the tutorials"
EXAMPLES = """\
  minibnn figures                 all of them, into figures/
  minibnn figures one_step        figures/one_step.svg alone
  minibnn figures one_step --png --out slides
"""


def arguments(parser):
    """Arguments of ``minibnn figures``."""
    parser.add_argument(
        "--out", type=folder, default="figures", metavar="DIR",
        help="folder of the pictures and manifest.json (default: figures)",
    )
    parser.add_argument(
        "--png", action="store_true", help="beside each a PNG for slides, 1920 by 1080"
    )
    parser.add_argument(
        "names", nargs="*", type=figure_name, metavar="name",
        help="which figures (default: all)",
    )


def run(args, say):
    """Draw the pictures of the tutorials."""
    from minibnn.book.figures import write_figures

    return {"files": write_figures(args.out, args.names, say, args.png)}, 0
