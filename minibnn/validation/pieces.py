"""A large array looked at a piece at a time: X may be mapped from a file."""

import numpy as np

PIECE = 2**18  # numbers that are looked at together


def pieces(array):
    """Views that cover an array, of about PIECE numbers: cut along its longest axis."""
    if array.size <= PIECE:
        yield array
        return
    axis = int(np.argmax(array.shape))
    step = max(1, PIECE * array.shape[axis] // array.size)
    lead = (slice(None),) * axis
    for start in range(0, array.shape[axis], step):
        yield array[(*lead, slice(start, start + step))]
