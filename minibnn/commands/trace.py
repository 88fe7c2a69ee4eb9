"""``minibnn trace``: one weight's way through one step, every number of it."""

from __future__ import annotations

import argparse
from typing import Any

from minibnn.commands.arguments import Say, add_json, one_line
from minibnn.tables import Table

SUMMARY = "one weight's way through one step, every number of it"
EXAMPLES = """\
  minibnn trace                   chapter 00: one weight, one row, one draw
  minibnn trace --weight 5        chapter 10: weight 5 of a network of 25
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``minibnn trace``."""
    parser.add_argument(
        "--weight",
        type=weight,
        metavar="N",
        help="weight N, from 0 to 24, of the network of chapter 10 (default: the one "
        "weight of chapter 00)",
    )
    add_json(parser)


def weight(text: str) -> Any:
    """The trace of a weight of the network of chapter 10."""
    from minibnn.book.trace import network_weight

    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise argparse.ArgumentTypeError(
            f"want a whole number from 0 to 24, got {text[:40]!r}"
        )
    try:
        return network_weight(int(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(one_line(error)) from None


def run(args: argparse.Namespace, say: Say) -> tuple[dict[str, Any], int]:
    """Print one step of one weight, forwards and back."""
    from minibnn.book.trace import one_weight

    found = one_weight() if args.weight is None else args.weight
    say("\n".join(in_words(found)))
    both = {"ahead": found.ahead, "back": found.back}
    lines = {name: [one._asdict() for one in part] for name, part in both.items()}
    return found._asdict() | lines, 0


KEY = (
    "A: what the weight multiplies; Z: the sum it is part of; δ = ∂ℓ/∂Z",
    "f: output of the network; ℓ: -log p(y | f) of the row, as in E31",
)


def in_words(found):
    """The lines that tell a trace to a human."""
    yield f"{found.title[0].upper()}{found.title[1:]}"
    yield "   ".join(f"{name} {value:.5g}" for name, value in found.given.items())
    rows = [
        (f"{one.line} {one.label}".strip(), f"{one.number:.4f}", one.formula, one.file)
        for one in (*found.ahead, *found.back)
    ]
    head, *lines = Table(("label", "number", "formula", "file"), rows, "<><<").lines()
    yield from ("", "forwards", head, *lines[: len(found.ahead)])
    if found.draws:
        yield from ("", *KEY)
    for number, draw in enumerate(found.draws, 1):
        yield from ("", *of_rows(number, draw))
    yield from ("", "back", *lines[len(found.ahead) :])


def of_rows(number, draw):
    """The rows of one draw, a line each."""
    slope = "Z is f, so δ = ∂ℓ/∂f"
    if draw["onward"] is not None:
        slope = (
            "δ = {onward:.4f} ∂ℓ/∂f where Z > 0, else 0; "
            "{onward:.4f} is weight {onward_weight}"
        )
    yield f"draw {number}: {slope.format(**draw)}"
    names = [name for name in draw if not name.startswith("onward")]
    columns = [[f"{value:.4f}" for value in draw[name]] for name in names]
    rows = [(str(k), *row) for k, row in enumerate(zip(*columns, strict=True), 1)]
    yield from Table(("row", *names), rows, ">" * (len(names) + 1)).lines()
