"""Frames and object arrays: which column holds no numbers, and what to do about it.

A frame is whatever names its columns and can become an array; it is known by that
alone, so no library of frames is imported. A column of booleans, of nullable numbers or
of Python numbers is a column of numbers; text, categories, dates and gaps are not.
"""

import numbers
import reprlib
from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from minibnn.validation.describe import ArgumentTypeError, describe

NUMBERS = (numbers.Real, Decimal, np.bool_)
READ = "use np.asarray({}, float)"  # reads the numbers of a table of text


def real_array(name, value, allow_bool):
    """The array of real numbers that a value is, or an error that says what it is."""
    wanted = f"{name} must be an array of real numbers"
    if type(value).__module__.startswith("scipy.sparse"):  # one is a dict
        raise ArgumentTypeError(f"{wanted}, got a sparse array; use {name}.toarray()")
    if value is None or isinstance(value, str | bytes | dict | set):
        raise ArgumentTypeError(f"{wanted}, got {describe(value)}")
    if np.ma.isMaskedArray(value):
        hint = f"{name}.data holds the numbers, {name}.mask says which to leave out"
        raise ArgumentTypeError(
            f"{wanted} without a mask, got {describe(value)}; {hint}"
        )
    try:
        array = plain_array(value)
    except Exception as error:  # whatever a foreign object raises
        ragged = " with rows of equal length" * ("inhomogeneous" in str(error))
        raise ValueError(f"{wanted}{ragged}: {error}") from error
    if not isinstance(value, np.ndarray) or array.dtype.kind not in "fiu":
        array = _columns_of_numbers(name, value, array, allow_bool)
    return array


def _columns_of_numbers(name, value, array, booleans):
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
    got = describe(array if array.ndim else value) + (f": {wrong}" if wrong else "")
    raise ArgumentTypeError(f"{name} must be an array of real numbers, got {got}")


class Column(NamedTuple):
    """A column: how a sentence names it, how code reaches it, and its values (n,)."""

    noun: str
    code: str
    values: Any
    dtype: Any


def plain_array(value):
    """The array a value becomes, also where only its ``to_numpy`` knows the way."""
    if not hasattr(value, "__array__") and hasattr(value, "to_numpy"):
        return np.asarray(value.to_numpy())
    return np.asarray(value)


def column_labels(value):
    """The names of a frame's columns, or None for what is no frame."""
    for attribute in ("column_names", "columns"):
        labels = getattr(value, attribute, None)
        if labels is not None and not callable(labels):
            return list(labels)
    return None


def is_frame(value):
    """Whether gaps in it are missing values: a frame, or one column of it."""
    return column_labels(value) is not None or _manners(value) != "numpy"


def trouble(name, value, array, labels=False):
    """What is wrong with the first column that holds no numbers; None if all do.

    Among columns of text one that is not numbers through and through comes first: beside
    one word NumPy turns a whole list into text.
    """
    if array.dtype.kind in "fiub" and not _suspect(value, array):
        return None
    found = [
        (column.noun, *wrong)
        for column in _columns(name, value, array)
        if (wrong := _trouble(name, value, column, labels))
    ]
    if not found:
        return None
    noun, what, cure = min(found, key=lambda wrong: wrong[2] == READ.format(name))
    return f"{noun} {what}" + (f"; {cure}" if cure else "")


def _suspect(value, array):
    """Whether an array of numbers hides gaps or categories."""
    dtypes = getattr(value, "dtypes", ())
    dtypes = set(dtypes) if hasattr(dtypes, "__iter__") else {dtypes}
    return any(map(_is_categorical, dtypes)) or (
        array.dtype.kind == "f" and bool(np.isnan(array).any())
    )


def _columns(name, value, array):
    """Each column of a table; anything else is one column."""
    names = column_labels(value)
    if array.ndim != 2 or (names and len(names) != array.shape[1]):
        return [Column("it", name, array.ravel(), getattr(value, "dtype", ""))]
    dtypes = list(getattr(value, "dtypes", ()))
    dtypes = dtypes if len(dtypes) == array.shape[1] else [""] * array.shape[1]
    count = Counter(names or ())
    return [
        Column(*_name(name, names, i, count), array[:, i], dtypes[i])
        for i in range(array.shape[1])
    ]


def _name(name, names, i, count):
    """('column "hp"', "X['hp']"); columns without a name of their own by number."""
    if names is None:
        return f"column {i}", f"{name}[:, {i}]"
    if count[names[i]] > 1:
        return f"column {names[i]!r} (number {i})", f"{name}.iloc[:, {i}]"
    return f"column {names[i]!r}", f"{name}[{names[i]!r}]"


def _trouble(name, value, column, labels):
    """(what is wrong, what to do about it) of one column, or None."""
    kind = column.values.dtype.kind
    categories = _is_categorical(column.dtype)
    if categories and not labels:
        whole = column.noun != "it" or kind not in "fiub"
        cure = _dummies(name, value) if whole else f"use np.asarray({name}, float)"
        return "is categorical", cure
    if kind in "UST":
        return _text(name, value, column, labels)
    if kind == "c":
        return "holds complex numbers", ""
    if kind in "Mm":
        return _dates(value, column, kind)
    if kind == "O":
        return _objects(name, value, column, labels)
    if kind == "f" and np.isnan(column.values).any():
        return _gaps(name, value, np.flatnonzero(np.isnan(column.values)))
    return None


def _objects(name, value, column, labels):
    """The first object that is no number; gaps only where there is nothing worse."""
    if _are_numbers(column.values):
        return None
    odd = [(i, v) for i, v in enumerate(column.values) if not _is_number(v)]
    if not odd:
        return None
    missing = [i for i, v in odd if _is_missing(v)]
    if len(missing) == len(odd) or (labels and missing):  # no remedy sorts a gap
        return _gaps(name, value, missing)
    row, first = next(pair for pair in odd if not _is_missing(pair[1]))
    if isinstance(first, str | bytes):
        return _text(name, value, column, labels)
    if hasattr(first, "isoformat") or hasattr(first, "total_seconds"):
        return _dates(value, column, "M" if hasattr(first, "isoformat") else "m")
    return f"holds {_short(first)} ({type(first).__name__}) in row {row}", ""


def _text(name, value, column, labels):
    """Numbers read as text, names of classes, or categories: each has its own cure."""
    texts = [(i, v) for i, v in enumerate(column.values) if isinstance(v, str | bytes)]
    numeric = [_reads_as_number(text) for _, text in texts]
    row, example = texts[numeric.index(False) if False in numeric else 0]
    what = f"holds text, such as {_short(example)} in row {row}"
    if any(numeric):
        return what, _coerced(name, value, column, all(numeric))
    if labels:
        return what, f"for labels use np.unique({name}, return_inverse=True)[1]"
    return what, _dummies(name, value)


def _dummies(name, value):
    if not name.startswith("X"):
        return "classes want Categorical(K) and labels 0 .. K-1"
    use = {
        "pandas": f"use pd.get_dummies({name})",
        "polars": f"use {name}.to_dummies()",
    }
    other = "give every category a column of 0 and 1"
    return use.get(_manners(value), other)


def _coerced(name, value, column, clean):
    use = {
        "pandas": f"use pd.to_numeric({column.code}, errors='coerce')",
        "polars": f"use {column.code}.cast(pl.Float64, strict=False)",
    }
    other = READ.format(name) if clean else "leave out the rows that hold no number"
    return use.get(_manners(value), other)


def _dates(value, column, kind):
    what = "holds dates" if kind == "M" else "holds durations"
    pandas = _manners(value) == "pandas"
    day = "pd.Timedelta('1D')" if pandas else "np.timedelta64(1, 'D')"
    since = f"({column.code} - {column.code}.min())" if kind == "M" else column.code
    return what, f"use {since} / {day}"


def _gaps(name, value, rows):
    what = f"has no value in row {rows[0]} ({len(rows)} missing)"
    rows_all = ".all(axis=1)" if column_labels(value) is not None else ""
    use = {
        "pandas": f"use {name}.fillna(...), or the rows X[keep], y[keep] with "
        f"keep = {name}.notna(){rows_all}",
        "polars": f"use {name}.fill_null(...), or leave those rows out of X and y",
    }
    return what, use.get(_manners(value), "leave those rows out of X and y")


def _is_categorical(dtype):
    return str(dtype).lower().startswith(("categor", "enum"))


def _are_numbers(values):
    """Whether all objects are numbers and none is missing; quick on long columns."""
    try:
        known = all(issubclass(kind, NUMBERS) for kind in set(map(type, values)))
        return known and not np.isnan(values.astype(float)).any()
    except (OverflowError, ValueError):  # 10**400, a signalling nan
        return False


def _is_number(value):
    return _are_numbers(np.array([value], object))


def _is_missing(value):
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, numbers.Real) and value != value


def _reads_as_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _short(value):
    try:
        return reprlib.repr(str(value) if isinstance(value, str) else value)
    except ValueError:  # an integer of thousands of digits
        return "a number"


def _manners(value):
    """Whose methods it has: those of pandas, of polars, or of an array."""
    if hasattr(value, "notna"):
        return "pandas"
    return "polars" if hasattr(value, "drop_nulls") else "numpy"
