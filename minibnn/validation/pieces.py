"""A large array a piece at a time: X may be mapped from a file, and a cache is small."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minibnn.types import Array

PIECE = 2**18  # numbers that are looked at together


def pieces(array: Array) -> Iterator[Array]:
    """Views that cover an array, of about PIECE numbers: cut along its longest axis."""
    if array.size <= PIECE:
        yield array
        return
    axis = int(np.argmax(array.shape))
    step = max(1, PIECE * array.shape[axis] // array.size)
    lead = (slice(None),) * axis
    for start in range(0, array.shape[axis], step):
        yield array[(*lead, slice(start, start + step))]


def in_turn(function: Callable[[Any], Any], rows: Any, size: int) -> Any:
    """``function`` of ``size`` rows at a time; its arrays, or tuples of them, joined."""
    size = max(1, size)
    found = [function(rows[i : i + size]) for i in range(0, len(rows) or 1, size)]
    if isinstance(found[0], tuple):
        return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))
    return np.concatenate(found)
