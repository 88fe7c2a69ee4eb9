"""The derivations of a page: each displayed line checked, and each mistake in it seen."""

import importlib.util
import re
from pathlib import Path

import numpy as np
from support.pages import FENCE
from support.tex import (
    Place,
    corrupted,
    holds,
    lines_of,
    parse,
    statements_of,
    tokens,
    value,
)

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "tutorials"
CHAINS = ROOT / "tests" / "book" / "chains"


def displayed(page):
    """(label, text) of every labelled line of a page, in its order."""
    text = Path(page).read_text("utf-8")
    return [
        line
        for block in FENCE.finditer(text)
        if block[1] == "math"
        for line in lines_of(block[2])
    ]


def table_of(page):
    """The module of chains of a page; None if it has none."""
    file = CHAINS / f"ch{Path(page).stem}.py"
    if not file.is_file():
        return None
    spec = importlib.util.spec_from_file_location(f"chains_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def steps(chain, page):
    """(label, number of line, left, relation, right) of a chain, as tokens.

    ``left`` is None where the line goes on from the one before.
    """
    number = 0
    for label, text in displayed(page):
        if re.sub("[a-z]$", "", label) != chain.label and label != chain.label:
            continue
        for left, *rights in statements_of(text):
            for relation, right in rights:
                yield label, number, left or None, relation, right
                left = None
        number += 1


class Broken(AssertionError):
    """A line that does not hold."""


EQUAL = ("=", r"\approx")


def check(chain, page, point):
    """Evaluate every line at a point; raises Broken with the line that fails.

    An equation is compared with the left side that its derivation began with, an
    inequality with the line before, and with the value that the chain gives it.
    Returns a list of (label, place, truth, tree of the right side).
    """
    current, done, table = None, [], chain.table(point)
    for label, number, left, relation, right in steps(chain, page):
        place = Place(chain, point, number)
        if relation == r"\sim":
            current, relation = chain.laws["".join(left)](point), "="
        elif left is not None:
            current = value(parse(left, table), place)
        if current is None:
            raise Broken(f"{label} has no left side to begin with")
        tree = parse(right, table)
        found = value(tree, place)
        compare(relation, current, found, chain.rtol, f"{label}: {' '.join(right)}")
        truth = current if label not in chain.values else chain.values[label](point)
        compare("=", truth, found, chain.rtol, label)
        if relation not in EQUAL:
            current = found
            if label not in chain.values:
                raise Broken(f"{label}: an inequality wants a value of its own")
        done.append((label, place, truth, tree))
    return done


def compare(relation, left, right, rtol, said):
    """Raise Broken if a relation does not hold."""
    if not holds(relation, left, right, rtol):
        raise Broken(f"{said}\n{left} {relation} {right} does not hold")


def unseen(chain, page):
    """The corruptions that hold at every point, as "label: what was done"."""
    survivors, seen = {}, set()
    for point in chain.points:
        for n, (label, place, truth, tree) in enumerate(check(chain, page, point)):
            for k, (said, wrong) in enumerate(corrupted(tree)):
                if same_value(wrong, place, truth, chain.rtol):
                    survivors[n, k] = f"{label}: {said}"
                else:
                    seen.add((n, k))
    return sorted({name for key, name in survivors.items() if key not in seen})


def same_value(tree, place, truth, rtol):
    """Whether a tree has the value of the truth; one that has none has not."""
    with np.errstate(all="ignore"):
        try:
            return holds("=", truth, value(tree, place), rtol)
        except (ZeroDivisionError, OverflowError, ValueError):
            return False


def labels_of(module):
    """The labels that a module of chains speaks for, letters left off."""
    return {chain.label for chain in module.CHAINS} | set(getattr(module, "STATED", {}))


__all__ = ["check", "displayed", "labels_of", "table_of", "tokens", "unseen"]
