"""Checks of arguments: what came, what is wanted, said before anything changes.

Every public function checks its arguments here once and then calls inner functions
that check nothing. Each helper takes the argument's name first, returns the checked
value (an array is copied only where its type has to change) and raises an error that
names the argument, says what came and says what is wanted.
"""

from __future__ import annotations

import numbers
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from minibnn.types import Array, FloatArray
from minibnn.validation.describe import ArgumentTypeError, describe, shown
from minibnn.validation.frames import real_array
from minibnn.validation.pieces import pieces
from minibnn.validation.shapes import of_dimensions, without

OBJECTS = {  # what an object of each role looks like
    "family": "mb.MeanField()",
    "likelihood": "mb.Bernoulli() or mb.Gaussian(0.1)",
    "prior": "mb.GaussianPrior(0.0, 1.0)",
    "estimator": "mb.LocalReparam()",
    "optimizer": "mb.Adam(0.01)",
}

Same = TypeVar("Same")  # what is checked comes back
AnyArray = TypeVar("AnyArray", bound=Array)

# --- single values -------------------------------------------------------------------


def check_bool(name: str, value: Any) -> bool:
    """Return a plain bool; refuses 0, 1 and whatever else only looks like one."""
    if not isinstance(value, bool | np.bool_):
        raise ArgumentTypeError(f"{name} must be True or False, got {describe(value)}")
    return bool(value)


def check_int(
    name: str, value: Any, minimum: int | None = 1, maximum: int | None = None
) -> int:
    """Return a plain int with minimum <= value <= maximum.

    minimum=None: no limit; maximum=None: that of an index, 2^63 - 1 on most machines.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        whole = isinstance(value, float) and value.is_integer()
        hint = f"; use {int(value)}" if whole else ""
        raise ArgumentTypeError(
            f"{name} must be an integer, got {describe(value)}{hint}"
        )
    _check_limits(name, int(value), minimum, maximum, False, "an integer")
    if maximum is None and abs(int(value)) > sys.maxsize:
        raise ValueError(
            f"{name} must be small enough for an index, got {shown(value)}"
        )
    return int(value)


def check_number(
    name: str,
    value: Any,
    minimum: float | None = None,
    maximum: float | None = None,
    strict: bool = False,
) -> float:
    """Return a finite float within the limits; strict excludes the limits."""
    number = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if isinstance(number, bool | np.bool_) or not isinstance(number, numbers.Real):
        raise ArgumentTypeError(f"{name} must be a real number, got {describe(value)}")
    try:
        number = float(number)
    except OverflowError:  # an int beyond 1.8e308
        number = np.inf
    if not np.isfinite(number):
        raise ValueError(f"{name} must be finite, got {describe(value)}")
    _check_limits(name, number, minimum, maximum, strict, "a number")
    return number


def check_positive(name: str, value: Any) -> float:
    """Return a finite float > 0."""
    return check_number(name, value, minimum=0, strict=True)


def check_fraction(name: str, value: Any, strict: bool = False) -> float:
    """Return a float in [0, 1]; strict: in (0, 1)."""
    return check_number(name, value, minimum=0, maximum=1, strict=strict)


def _check_limits(name, value, minimum, maximum, strict, noun):
    low = minimum is not None and (value <= minimum if strict else value < minimum)
    high = maximum is not None and (value >= maximum if strict else value > maximum)
    if low or high:
        less, more = ("<", ">") if strict else ("<=", ">=")
        limits = [f"{more} {minimum}"] if minimum is not None else []
        limits += [f"{less} {maximum}"] if maximum is not None else []
        percent = maximum == 1 and 1 < value <= 100
        hint = f"; {value:g} % is {value / 100:g}" if percent else ""
        raise ValueError(
            f"{name} must be {noun} {' and '.join(limits)}, got {shown(value)}{hint}"
        )


def check_choice(name: str, value: Same, choices: Iterable[str]) -> Same:
    """Return value if it is one of the strings in choices."""
    choices = list(choices)
    if not isinstance(value, str) or value not in choices:
        wanted = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} must be one of {wanted}; got {describe(value)}")
    return value


def check_instance(
    name: str,
    value: Same,
    kinds: type | tuple[type, ...],
    wanted: str | None = None,
) -> Same:
    """Return value if it is an instance of kinds; `wanted` words the error message."""
    if not isinstance(value, kinds):
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        wanted = wanted or " or ".join(kind.__name__ for kind in kinds)
        raise ArgumentTypeError(f"{name} must be {wanted}, got {describe(value)}")
    return value


def check_protocol(name: str, value: Same, method: str) -> Same:
    """Return value if it has the method; else say what kind of object is wanted."""
    if isinstance(value, type) or not callable(getattr(value, method, None)):
        hint = f"; write {value.__name__}(...)" if isinstance(value, type) else ""
        raise ArgumentTypeError(
            f"{name} must be an object such as {OBJECTS.get(name, 'those of minibnn')}, "
            f"got {describe(value)}{hint}"
        )
    return value


def check_function(name: str, value: Same, optional: bool = False) -> Same:
    """Return value if it can be called and is no class; None only where optional."""
    given = callable(value) and not isinstance(value, type)
    if not given and not (optional and value is None):
        wanted = "a function, or an object like one" + ", or None" * optional
        raise ArgumentTypeError(f"{name} must be {wanted}; got {describe(value)}")
    return value


def check_axes(ax: Same) -> Same:
    """Return ax if a picture can be drawn on it."""
    if not hasattr(ax, "add_collection"):
        raise ArgumentTypeError(f"ax must be axes of matplotlib, got {describe(ax)}")
    return ax


def check_names(name: str, value: Any, count: int | None = None) -> list[str]:
    """Return value as a list of strings; count: how many are wanted."""
    plain = isinstance(value, str | bytes | dict | set) or not hasattr(value, "__len__")
    if plain or getattr(value, "ndim", 1) == 0:
        raise ArgumentTypeError(f"{name} must list names, got {describe(value)}")
    names = [str(item) for item in value]
    if count is not None and len(names) != count:
        raise ValueError(f"{name} must be {count} names, got {len(names)}")
    return names


def as_rng(value: Any, name: str = "rng") -> np.random.Generator:
    """Return a numpy Generator from None, a seed, a SeedSequence or a Generator."""
    if isinstance(value, bool | np.bool_ | float | str | np.random.RandomState):
        raise ArgumentTypeError(
            f"{name} must be None, an integer seed >= 0 or a numpy.random.Generator, "
            f"got {describe(value)}"
        )
    try:
        if isinstance(value, int):
            str(value)  # ValueError beyond 4300 digits: a seed that cannot be told
        return np.random.default_rng(value)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"{name} must be None, an integer seed >= 0 or a numpy.random.Generator, "
            f"got {describe(value)}"
        ) from error


# --- arrays --------------------------------------------------------------------------


def as_float_array(
    name: str,
    value: Any,
    *,
    ndim: int | tuple[int, ...] | None = None,
    shape: tuple[int | str | None, ...] | None = None,
    finite: bool = True,
    allow_bool: bool = False,
    dtype: DTypeLike | None = None,
) -> FloatArray:
    """Return value as a float array, copied only where its type has to change.

    Parameters
    ----------
    ndim : int or tuple of int, optional
        The allowed numbers of dimensions.
    shape : tuple, optional
        The wanted shape; None (or a string that names the axis) fits any length.
    finite : bool
        Refuse NaN and infinity.
    allow_bool : bool
        Accept True and False as 1 and 0 (inputs, labels and masks).
    dtype : optional
        The float type wanted; by default float32 and float64 are kept and everything
        else real becomes float64.

    Raises
    ------
    ValueError
        Wrong shape, ragged nesting, or a value that is not finite (its index is told).
    ArgumentTypeError
        Strings, objects, complex numbers, dates, masked or sparse arrays, booleans.
    """
    array = real_array(name, value, allow_bool)
    if dtype is None:
        dtype = array.dtype if array.dtype in (np.float32, np.float64) else np.float64
    if ndim is not None:
        _check_ndim(name, array, ndim if isinstance(ndim, tuple) else (ndim,))
    if shape is not None:
        check_shape(name, array, shape)
    array = check_finite(name, array) if finite else array
    return check_range(name, array, dtype).astype(dtype, copy=False)


def as_inputs(
    X: Any, *, ndim: int | tuple[int, ...] = 2, dtype: DTypeLike | None = None
) -> FloatArray:
    """Return inputs X as a float array: an array, a list of rows, or a frame.

    Columns of True and False are numbers here.
    """
    return as_float_array("X", X, ndim=ndim, allow_bool=True, dtype=dtype)


def as_plain(name: str, value: Any) -> Array:
    """Return value as an array of numbers of any kind, finite or not."""
    if value is None or isinstance(value, str | bytes | dict | set):
        raise ArgumentTypeError(f"{name} must hold numbers, got {describe(value)}")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} must have rows of equal length: {error}") from error
    if array.dtype.kind not in "fciu" or np.ma.isMaskedArray(value):
        raise ArgumentTypeError(f"{name} must hold numbers, got {describe(value)}")
    return array


def as_numbers(name: str, value: Any) -> Array:
    """Return value as a finite array, real or complex (for the complex step)."""
    array = as_plain(name, value)
    array = array.astype(float) if array.dtype.kind in "iu" else array
    return check_finite(name, array)


def _check_ndim(name, array, allowed):
    if array.ndim not in allowed:
        wanted = " or ".join(str(n) for n in allowed)
        raise ValueError(
            f"{name} must have {wanted} dimension(s), got shape {array.shape}"
            + of_dimensions(name, array.shape)
        )


def check_shape(
    name: str, array: AnyArray, shape: tuple[int | str | None, ...]
) -> AnyArray:
    """Return array if its shape fits; None or a string in shape fits any length."""
    fits = array.ndim == len(shape) and all(
        want is None or isinstance(want, str) or want == have
        for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        names = ["any" if want is None else str(want) for want in shape]
        wanted = f"({', '.join(names)}{',' * (len(names) == 1)})"
        raise ValueError(f"{name} must have shape {wanted}, got shape {array.shape}")
    return array


def check_range(name: str, array: AnyArray, dtype: DTypeLike) -> AnyArray:
    """Return array if none of its numbers would overflow in the float type ``dtype``."""
    if array.dtype.itemsize <= np.dtype(dtype).itemsize or array.dtype.kind not in "fc":
        return array

    def fits(a):
        return ~(np.abs(a) > np.finfo(dtype).max) | ~np.isfinite(a)

    return check_each(name, array, fits, f"within the range of {np.dtype(dtype)}")


def check_rows(name: str, array: AnyArray) -> AnyArray:
    """Return array (..., n, D) if it has a row."""
    if array.shape[-2] == 0:
        raise ValueError(f"{name} must have at least one row, got none")
    return array


def check_squares(name: str, array: AnyArray) -> AnyArray:
    """Return array (..., n, D) if the squares of every column are finite."""
    most = float(np.sqrt(np.finfo(array.dtype).max))
    rows = tuple(range(array.ndim - 1))
    sizes = np.maximum(array.max(rows), -array.min(rows))
    if not (sizes <= most).all():
        i = int(np.argmax(sizes))
        raise ValueError(
            f"{name} must be of moderate size, got {sizes[i]:.1e} in column {i}: above "
            f"{most:.1e} squares overflow in {array.dtype}; standardise the column"
        )
    return array


def check_finite(name: str, array: AnyArray) -> AnyArray:
    """Return array if every value is finite; else tell the first index that is not."""
    return check_each(name, array, np.isfinite, "finite", lambda: without(name, array))


def check_each(
    name: str,
    array: AnyArray,
    good: Callable[[Any], Any],
    wanted: str,
    remedy: Callable[[], str] | None = None,
) -> AnyArray:
    """``check_all`` of a function ``good``; while all is well, a piece at a time."""
    if all(np.all(good(piece)) for piece in pieces(array)):
        return array
    return check_all(name, array, good(array), wanted, remedy)


def check_all(
    name: str,
    array: AnyArray,
    good: Any,
    wanted: str,
    remedy: Callable[[], str] | None = None,
) -> AnyArray:
    """Return array if the boolean array `good` holds everywhere.

    Else tell the first index where it fails, the value there and how many fail; and
    what ``remedy()`` says, which is asked only then.
    """
    if not np.all(good):
        bad = np.argwhere(~np.asarray(good))
        index = tuple(int(i) for i in bad[0])
        where = f" at index {index[0] if len(index) == 1 else index}" if index else ""
        raise ValueError(
            f"{name} must be {wanted}, got {array[index]}{where} "
            f"({len(bad)} of {array.size} value(s) are not)"
            + (remedy() if remedy else "")
        )
    return array


def as_vector(name: str, value: Any, **options: Any) -> FloatArray:
    """Return a 1-D float array from shape (n,) or (n, 1), n >= 1: the same thing."""
    array = as_float_array(name, value, **options)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{name} must have shape (n,) or (n, 1), got {array.shape}")
    return check_not_empty(name, array)


def check_not_empty(name: str, array: AnyArray) -> AnyArray:
    """Return array if it holds at least one value."""
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    return array


def check_same_length(**arrays: Array) -> None:
    """Raise unless all named arrays have the same length along their first axis."""
    if len({len(array) for array in arrays.values()}) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"lengths must be equal along the first axis, got {shapes}")
