"""Whose memory a recorded array looks into, and where else it could look.

A recorded array is a view; its *owner* is the array whose memory it looks into. Passes
over a recording move owners: ``places`` maps ``id(owner)`` to (home, offset), the memory
that takes its place and where in it, in bytes.
"""

import numpy as np


def owner(array):
    """The array that owns the memory a view looks into."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def owners_of(arrays):
    """The ids of the owners of arrays."""
    return {id(owner(array)) for array in arrays}


def arrays_in(value):
    """Every array in nested arguments."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from arrays_in(item)


def offset(array):
    """Where a view begins in its owner's memory, in bytes."""
    return array.ctypes.data - owner(array).ctypes.data


def overlap(a, b):
    """Whether two views share a number; True where that is hard to tell."""
    try:
        return np.shares_memory(a, b, max_work=1000)
    except np.exceptions.TooHardError:
        return True


def same(a, b):
    """Whether two operands are the same view, entry for entry."""
    arrays = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
    return arrays and a.ctypes.data == b.ctypes.data and same_layout(a, b)


def same_layout(a, b):
    """Whether two views lie alike, entry for entry, each from where it begins."""
    return (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)


def is_whole(view):
    """Whether a contiguous view is all of its owner's memory."""
    return view.nbytes == owner(view).nbytes


def pieces(array, size):
    """The numbers of an array in order, so many at a time; views where they lie so."""
    flat = np.asarray(array).reshape(-1)
    return [flat[i : i + size] for i in range(0, flat.size, size)]


def moved(value, places):
    """The value with every array in it looking into its new place."""
    if isinstance(value, tuple | list):
        return type(value)(moved(item, places) for item in value)
    if not isinstance(value, np.ndarray) or id(owner(value)) not in places:
        return value
    home, begin = places[id(owner(value))]
    return np.ndarray(
        value.shape, value.dtype, home, begin + offset(value), value.strides
    )
