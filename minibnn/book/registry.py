"""The registry of figures: one function each, which registers itself.

A figure is a function ``rng -> (Figure, arrays)``; its name is the name of its file,
and ``arrays`` are the numbers it draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from minibnn.types import Array

Draw = Callable[[Any], tuple[Figure, dict[str, Array]]]


class Entry(NamedTuple):
    """A registered figure: its function, seed, equation labels and tolerance."""

    draw: Draw
    seed: int
    labels: tuple[str, ...]
    tolerance: float


FIGURES: dict[str, Entry] = {}  # by name


def figure(
    *labels: str, seed: int = 0, tolerance: float = 1e-5
) -> Callable[[Draw], Draw]:
    """Register a figure that shows the equations ``labels``.

    tolerance: how far, relative to its range, an array may move on another machine.
    Training carries a difference in the last digit forward, so figures of trained
    networks need more room than those of formulas.
    """

    def register(draw: Draw) -> Draw:
        if draw.__name__ in FIGURES:
            raise ValueError(f"there is already a figure {draw.__name__!r}")
        FIGURES[draw.__name__] = Entry(draw, seed, labels, tolerance)
        return draw

    return register
