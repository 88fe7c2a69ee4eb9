"""The registry of figures: one function each, which registers itself.

A figure is a function ``rng -> (Figure, arrays)``; its name is the name of its file,
and ``arrays`` are the numbers it draws.
"""

from typing import Any, NamedTuple

FIGURES = {}  # name -> Entry


class Entry(NamedTuple):
    """A registered figure: its function, seed, equation labels and tolerance."""

    draw: Any
    seed: int
    labels: tuple
    tolerance: float


def figure(*labels, seed=0, tolerance=1e-5):
    """Register a figure that shows the equations ``labels``.

    tolerance: how far, relative to its range, an array may move on another machine.
    Training carries a difference in the last digit forward, so figures of trained
    networks need more room than those of formulas.
    """

    def register(draw):
        if draw.__name__ in FIGURES:
            raise ValueError(f"there is already a figure {draw.__name__!r}")
        FIGURES[draw.__name__] = Entry(draw, seed, labels, tolerance)
        return draw

    return register
