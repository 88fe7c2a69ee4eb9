"""``minibnn demo``: the main job in front of the reader's eyes."""

from minibnn.commands.arguments import add_data, add_json, folder

SUMMARY = "the whole job in half a minute: check, train, predict, draw"
EXAMPLES = """\
  minibnn demo                    everything once, into this folder
  minibnn demo --out pictures     demo.png and demo.svg into pictures/
"""


def arguments(parser):
    """Arguments of ``minibnn demo``."""
    add_data(parser)
    parser.add_argument(
        "--out", type=folder, default=".", metavar="DIR",
        help="where demo.png and demo.svg go (default: here)",
    )
    add_json(parser)


def run(args, say):
    """Verify, train the rupture network, predict, draw."""
    from minibnn.book.demo import demo

    numbers = demo(args.data, args.out, args.seed, say)
    verify = numbers["verify"]
    return {"seed": args.seed, **numbers}, int(verify["agree"] < verify["gradients"])
