"""What an object keeps is its own: nobody changes it from outside, by accident or not.

An array that a caller passed in may be written to later, and so may one that was handed
out. So an object keeps a copy that cannot be written to; ``array.copy()`` gives whoever
wants to change it one that can.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def kept(value: Any) -> Any:
    """A read-only copy of an array; of a dict, list or tuple one with such arrays."""
    if isinstance(value, dict):
        return {key: kept(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(kept(item) for item in value)
    if not isinstance(value, np.ndarray):
        return value
    if value.flags.owndata and not value.flags.writeable:
        return value  # it is one already
    copy = np.array(value)
    copy.flags.writeable = False
    return copy


def keep_arrays(self: Any) -> None:
    """``__post_init__`` of a dataclass that keeps what it is made of."""
    for name, value in vars(self).items():
        object.__setattr__(self, name, kept(value))
