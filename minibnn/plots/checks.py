"""What a picture is given beside the result it shows: names, points, indices."""

import numpy as np

from minibnn.validation.arguments import (
    as_plain,
    as_vector,
    check_all,
    check_names,
    check_same_length,
)
from minibnn.validation.describe import ArgumentTypeError, describe


def labels(name, given, default, count=None):
    """The names given, as many as there are by default, or the default ones."""
    count = len(default) if count is None else count
    return default if given is None else check_names(name, given, count)


def points_of(data):
    """The pair (x, y) of data as two arrays of one length."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ArgumentTypeError(f"data must be a pair (x, y), got {describe(data)}")
    pair = [as_vector(f"data[{i}]", part) for i, part in enumerate(data)]
    check_same_length(**{"data[0]": pair[0], "data[1]": pair[1]})
    return pair


def indices(name, given, n):
    """Whole numbers from 0 to n - 1, as an array."""
    given = np.atleast_1d(as_plain(name, given))
    if given.dtype.kind not in "iu" or given.ndim != 1 or not given.size:
        raise ArgumentTypeError(f"{name} must be whole numbers, got {describe(given)}")
    return check_all(name, given, (given >= 0) & (given < n), f"from 0 to {n - 1}")
