"""Frames and object arrays: which column holds no numbers, and what to do about it.

A frame is whatever names its columns and can become an array; it is known by that
alone, so no library of frames is imported. A column of booleans, of nullable numbers or
of Python numbers is a column of numbers; text, categories, dates and gaps are not.
"""

from __future__ import annotations

import numbers
import reprlib
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minibnn.types import Array
from minibnn.validation import cures
from minibnn.validation.cures import manners
from minibnn.validation.describe import ArgumentTypeError, describe

NUMBERS = (numbers.Real, Decimal, np.bool_)


def real_array(name: str, value: Any, allow_bool: bool) -> Array:
    """The array of real numbers that a value is, or an error that says what it is."""
    wanted = f"{name} must be an array of real numbers"
    if type(value).__module__.startswith("scipy.sparse"):  # one is a dict
        raise ArgumentTypeError(f"{wanted}, got a sparse array; use {name}.toarray()")
    if value is None or isinstance(value, str | bytes | dict | set):
        raise ArgumentTypeError(
            f"{wanted}, got {describe(value)}{_instead(name, value)}"
        )
    if np.ma.isMaskedArray(value):
        hint = f"{name}.data holds the numbers, {name}.mask says which to leave out"
        raise ArgumentTypeError(
            f"{wanted} without a mask, got {describe(value)}; {hint}"
        )
    if is_lazy(value):
        raise ArgumentTypeError(f"{wanted}, got a LazyFrame; use {name}.collect()")
    try:
        array = plain_array(value)
    except Exception as error:  # whatever a foreign object raises
        ragged = " with rows of equal length" * ("inhomogeneous" in str(error))
        raise ValueError(f"{wanted}{ragged}: {error}") from error
    if not isinstance(value, np.ndarray) or array.dtype.kind not in "fiu":
        array = _columns_of_numbers(name, value, array, allow_bool)
    return array


def _columns_of_numbers(name: str, value: Any, array: Array, booleans: bool) -> Array:
    """The array of what is not simply an array of real numbers, or an error."""
    kind, frame = array.dtype.kind, is_frame(value)
    wrong = None
    if array.ndim and (frame or kind not in "fiub"):
        labels = booleans and not name.startswith("X")  # else columns of inputs
        wrong = trouble(name, value, array, labels)
    if not wrong and (kind in "fiu" or (kind == "b" and booleans)):
        return array
    if not wrong and kind == "O" and frame:  # nullable numbers, or beside booleans
        return array.astype(float)
    if not wrong and array.ndim and kind in "bO":
        what = "booleans are not numbers here" if kind == "b" else "of numbers"
        wrong = f"{what}; use np.asarray({name}, float)"
    what = describe(array if array.ndim else value)
    if frame and array.ndim:
        what = f"a {type(value).__name__} of shape {array.shape}"
    got = what + (f": {wrong}" if wrong else _instead(name, value))
    raise ArgumentTypeError(f"{name} must be an array of real numbers, got {got}")


def _instead(name: str, value: Any) -> str:
    """The array that something else holds, as the end of a sentence, or nothing."""
    if isinstance(value, dict) and value:
        return f"; its columns side by side are np.column_stack([*{name}.values()])"
    if isinstance(getattr(type(value), "mean", None), property):  # a prediction
        return "; its mean is an array"
    return ""


class Column(NamedTuple):
    """A column: how a sentence names it, how code reaches it, and its values (n,)."""

    noun: str
    code: str
    label: Any  # its own name, None where it has none to itself
    values: Any
    dtype: Any


class Trouble(NamedTuple):
    """A column that holds no numbers: what is wrong, and what to do about it."""

    column: Column
    what: str
    cure: Any  # a text, or what is the same for all such columns


Wrong: TypeAlias = tuple[str, Any]  # what is wrong, and what to do about it
DUMMIES, GAPS = object(), object()


def plain_array(value: Any) -> Array:
    """The array a value becomes, also where only its ``to_numpy`` knows the way."""
    if not hasattr(value, "__array__") and hasattr(value, "to_numpy"):
        return np.asarray(value.to_numpy())
    return np.asarray(value)


def column_labels(value: Any) -> list[Any] | None:
    """The names of a frame's columns, or None for what is no frame."""
    if is_lazy(value):  # it would begin to compute
        return None
    for attribute in ("column_names", "columns"):
        labels = getattr(value, attribute, None)
        if labels is not None and not callable(labels):
            return list(labels)
    return None


def is_lazy(value: Any) -> bool:
    """Whether it is only the plan of a frame."""
    return hasattr(value, "collect") and hasattr(value, "lazy")


def is_frame(value: Any) -> bool:
    """Whether gaps in it are missing values: a frame, or one column of it."""
    return column_labels(value) is not None or manners(value) != "numpy"


def trouble(name: str, value: Any, array: Array, labels: bool = False) -> str | None:
    """What is wrong with the first column that holds no numbers; None if all do.

    Gaps come last: what fills them needs numbers beside them. Among columns of text one
    that is not numbers through and through comes first: beside one word NumPy turns a
    whole list into text.
    """
    if array.dtype.kind in "fiub" and not _suspect(value, array):
        return None
    found = [
        Trouble(column, *wrong)
        for column in _columns(name, value, array)
        if (wrong := _trouble(name, value, column, labels))
    ]
    if not found:
        return None
    read = cures.READ.format(name)
    first = min(found, key=lambda wrong: (wrong.cure is GAPS, wrong.cure == read))
    alike = [wrong.column for wrong in found if wrong.cure is first.cure]
    cure = first.cure
    if cure is DUMMIES:
        cure = cures.dummies(name, value, [column.label for column in alike])
    if cure is GAPS:
        empty = [c.label for c in alike if all(map(_is_missing, c.values))]
        cure = cures.gaps(name, value, first.column.noun != "it", empty)
    return f"{first.column.noun} {first.what}" + (f"; {cure}" if cure else "")


def _suspect(value: Any, array: Array) -> bool:
    """Whether an array of numbers hides gaps, categories or dates."""
    dtypes = getattr(value, "dtypes", ())
    dtypes = set(dtypes) if hasattr(dtypes, "__iter__") else {dtypes}
    odd = any(_is_categorical(dtype) or _is_time(dtype) for dtype in dtypes)
    return odd or (array.dtype.kind == "f" and not np.isfinite(array).all())


def _columns(name: str, value: Any, array: Array) -> list[Column]:
    """Each column of a table; anything else is one column."""
    names = column_labels(value)
    if array.ndim != 2 or (names and len(names) != array.shape[1]):
        dtype = getattr(value, "dtype", "")
        return [Column("it", name, None, array.ravel(), dtype)]
    dtypes = list(getattr(value, "dtypes", ()))
    dtypes = dtypes if len(dtypes) == array.shape[1] else [""] * array.shape[1]
    count = Counter(names or ())
    return [
        Column(*_name(name, names, i, count), array[:, i], dtypes[i])
        for i in range(array.shape[1])
    ]


def _name(
    name: str, names: list[Any] | None, i: int, count: Counter[Any]
) -> tuple[str, str, Any]:
    """('column "hp"', "X['hp']", "hp"); columns without a name of their own by number."""
    if names is None:
        return f"column {i}", f"{name}[:, {i}]", None
    if count[names[i]] > 1:
        return f"column {names[i]!r} (number {i})", f"{name}.iloc[:, {i}]", None
    return f"column {names[i]!r}", f"{name}[{names[i]!r}]", names[i]


def _trouble(name: str, value: Any, column: Column, labels: bool) -> Wrong | None:
    """(what is wrong, what to do about it) of one column, or None."""
    kind = column.values.dtype.kind
    if _is_categorical(column.dtype) and not labels:
        whole = column.noun != "it" or kind not in "fiub"
        cure = DUMMIES if whole else f"use np.asarray({name}, float)"
        example = column.values[:1].tolist()
        return "is categorical" + f", such as {example[0]!r} in row 0" * bool(
            example
        ), cure
    if _is_time(column.dtype) or kind in "Mm":
        lasts = str(column.dtype).lower().startswith(("duration", "timedelta"))
        return _dates(value, column, lasts or kind == "m")
    if kind in "UST":
        return _text(name, value, column, labels)
    if kind == "c":
        return ("holds complex numbers", "") if column.values.imag.any() else None
    if kind == "O":
        return _objects(name, value, column, labels)
    return _not_finite(name, value, column) if kind == "f" else None


def _not_finite(name: str, value: Any, column: Column) -> Wrong | None:
    """Gaps, or numbers beyond all bounds."""
    gap, infinite = np.isnan(column.values), np.isinf(column.values)
    if gap.any():
        return _gaps(np.flatnonzero(gap)), GAPS
    if not infinite.any():
        return None
    row = int(np.argmax(infinite))
    what = f"must be finite, it is {column.values[row]} in row {row}"
    return what, cures.infinite(name, value)


def _objects(name: str, value: Any, column: Column, labels: bool) -> Wrong | None:
    """The first object that is no number; gaps only where there is nothing worse."""
    if _are_numbers(column.values):
        return None
    odd = [(i, v) for i, v in enumerate(column.values) if not _is_number(v)]
    if not odd:
        return None
    missing = [i for i, v in odd if _is_missing(v)]
    if len(missing) == len(odd) or (labels and missing):  # no remedy sorts a gap
        return _gaps(missing), GAPS
    row, first = next(pair for pair in odd if not _is_missing(pair[1]))
    if isinstance(first, str | bytes):
        return _text(name, value, column, labels)
    if hasattr(first, "isoformat") or hasattr(first, "total_seconds"):
        return _dates(value, column, hasattr(first, "total_seconds"))
    return f"holds {_short(first)} ({type(first).__name__}) in row {row}", ""


def _text(name: str, value: Any, column: Column, labels: bool) -> Wrong:
    """Numbers read as text, names of classes, or categories: each has its own cure."""
    texts = [(i, v) for i, v in enumerate(column.values) if isinstance(v, str | bytes)]
    numeric = [_reads_as_number(text) for _, text in texts]
    row, example = texts[numeric.index(False) if False in numeric else 0]
    what = f"holds text, such as {_short(example)} in row {row}"
    if _has_decimal_commas(text for _, text in texts):
        return what, cures.decimal_commas(value, column.code)
    if any(numeric):
        return what, cures.numeric_text(name, value, column.code, all(numeric))
    return what, cures.labels(name) if labels else DUMMIES


def _dates(value: Any, column: Column, duration: bool) -> Wrong:
    what = "holds durations" if duration else "holds dates"
    if column.values.dtype.kind in "OMm" and len(column.values):
        what += f", such as {column.values[0]} in row 0"
    return what, cures.dates(value, column.code, duration)


def _gaps(rows: Any) -> str:
    return f"has no value in row {rows[0]} ({len(rows)} missing)"


def _is_categorical(dtype: Any) -> bool:
    return str(dtype).lower().startswith(("categor", "enum"))


def _is_time(dtype: Any) -> bool:
    """Whether a library of frames calls it a date or a duration, numbers as it may be."""
    return str(dtype).lower().startswith(("date", "duration", "time"))


def _are_numbers(values: Array) -> bool:
    """Whether all objects are numbers and none is missing; quick on long columns."""
    try:
        known = all(issubclass(kind, NUMBERS) for kind in set(map(type, values)))
        return known and not np.isnan(values.astype(float)).any()
    except (OverflowError, ValueError):  # 10**400, a signalling nan
        return False


def _is_number(value: Any) -> bool:
    return _are_numbers(np.array([value], object))


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, numbers.Real) and value != value


def _reads_as_number(text: Any) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _has_decimal_commas(texts: Iterable[Any]) -> bool:
    """Whether one text has a comma for a point, and all read as numbers with a point."""
    texts = [text for text in texts if isinstance(text, str) and text.strip()]
    plain = [text.replace(".", "").replace(",", ".") for text in texts]
    commas = any("," in text for text in texts)
    return commas and all(map(_reads_as_number, plain))


def _short(value: Any) -> str:
    try:
        return reprlib.repr(str(value) if isinstance(value, str) else value)
    except ValueError:  # an integer of thousands of digits
        return "a number"
