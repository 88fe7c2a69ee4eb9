"""How an error says what came: in a few words, whatever it is."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any

import numpy as np


class ArgumentTypeError(TypeError, ValueError):
    """An argument of the wrong type; caught by ``except ValueError`` as well."""


def describe(value: Any) -> str:
    """Say in a few words what a value is: type, shape, or the value itself if short."""
    if isinstance(value, np.ndarray):
        kind = "masked array" if np.ma.isMaskedArray(value) else "array"
        return f"{value.dtype} {kind} of shape {value.shape}"
    if isinstance(value, np.generic) and value.dtype.kind in "fciub":
        return f"{value.item()!r} ({value.dtype})"
    if isinstance(value, list | tuple | dict | set):
        return f"{type(value).__name__} of length {len(value)}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, types.FunctionType):
        return f"the function {value.__name__}"
    return _in_words(value)


def _in_words(value: Any) -> str:
    """The value itself with its type, or its type alone where that would be long."""
    if isinstance(value, int) and value.bit_length() > 100:
        return shown(value)
    try:
        text = repr(value)
    except Exception:  # an object that cannot speak
        text = "\n"
    if len(text) > 60 or "\n" in text:
        return f"an object of type {type(value).__name__}"
    return f"{text} ({type(value).__name__})"


def shown(number: Any) -> str:
    """A number as text that is never long."""
    if isinstance(number, int) and number.bit_length() > 100:
        return f"an integer of {number.bit_length()} bits"
    return repr(number)


def largest(numbers: Iterable[tuple[str, Any]]) -> str:
    """The largest of named arrays by size, and its name; nan counts as largest."""
    top = (-1.0, "")
    for name, array in numbers:
        size = np.maximum(np.max(array, initial=0.0), -np.min(array, initial=0.0))
        top = max(top, (np.inf if np.isnan(size) else float(size), name))
    return f"the largest number is {top[0]:.2g}, in {top[1]}"
