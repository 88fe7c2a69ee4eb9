"""The tape: a computation recorded once on fixed arrays, then replayed.

The kernels stay as the lessons write them: NumPy expressions that make new arrays. On
a small network most of a step is then not arithmetic but the making of arrays, views
and closures, and on a large one it is fresh memory. A :class:`Recorded` array notes
every NumPy operation that produces numbers, with the array it fills; a view costs
nothing, for it looks into the same memory for ever. Replaying is one loop over
(function, arguments). What a tape cannot hold (a branch on a value, an operation it does
not know) raises :class:`NotRecordable`, and the caller runs the kernels themselves.
"""

import math
import mmap
import threading

import numpy as np

from minibnn.tape.shortcuts import SHORT
from minibnn.tape.step import Step

LARGE = 2**14  # numbers; results as large are not computed while they are recorded
# what NumPy passes on for an argument of a ufunc or reduction that was not given
_UNSET = {"dtype": None, "keepdims": False, "initial": np._NoValue, "where": True}


class NotRecordable(TypeError):
    """The computation did something that a tape cannot repeat."""


class Tapes(threading.local):
    """Of every thread its own: what one records is nothing to the others."""

    def __init__(self):
        self.recorded = []  # the last is being written


TAPES = Tapes()


class Tape:
    """A context that records what happens to the arrays passed through ``watch``.

    Large results are not computed in it (see ``unwritten``), so what is computed from
    them means nothing and warns of nothing.
    """

    def __init__(self):
        self.steps, self.quiet = [], np.errstate(all="ignore")

    def __enter__(self):
        self.quiet.__enter__()
        TAPES.recorded.append(self)
        return self

    def __exit__(self, *error):
        TAPES.recorded.pop()
        self.quiet.__exit__(*error)

    def add(self, function, args, kwargs, out):
        """Note an operation, which a large ``out`` does not hold yet."""
        self.steps.append(Step(function, args, kwargs, out))


def unwritten(ufunc, method, inputs, out, kwargs):
    """Where a large result goes that the recording need not compute, or None.

    A replay will fill other memory: of all the intermediate results of a large network
    only few are ever alive together.
    """
    if method == "reduce":
        return unwritten_sum(ufunc, *inputs, **kwargs) if out is None else None
    if kwargs:
        return None
    if out is not None:
        return out if out.size >= LARGE else None
    shapes = [np.shape(x) for x in inputs]
    if ufunc is np.matmul and all(len(shape) > 1 for shape in shapes):
        lead = np.broadcast_shapes(*(shape[:-2] for shape in shapes))
        shape = (*lead, shapes[0][-2], shapes[1][-1])
        large = math.prod(shape) >= LARGE
        return blank(shape, np.result_type(*inputs)) if large else None
    shape = np.broadcast_shapes(*shapes)
    if ufunc.signature is not None or math.prod(shape) < LARGE:
        return None
    corners = [corner(x) for x in inputs]
    dtype = ufunc(*corners).dtype  # numbers of Python are cast as they always are
    arrays = [x for x in inputs if np.ndim(x)]
    lying = np.nditer([*arrays, None], op_dtypes=[*(a.dtype for a in arrays), dtype])
    return blank(shape, dtype, lying.operands[-1].strides)  # as the ufunc would lay it


def unwritten_sum(ufunc, array, axis=0, **kwargs):
    """The same for a reduction over one axis."""
    given = [key for key, value in kwargs.items() if value is not _UNSET[key]]
    if array.size < LARGE or given or not isinstance(axis, int):
        return None
    first = array.swapaxes(0, axis)[:1].swapaxes(0, axis).squeeze(axis)
    if first.size < LARGE:
        return None
    dtype = ufunc.reduce(corner(array), axis).dtype
    return blank(first.shape, dtype, np.empty_like(first, dtype).strides)


def corner(value):
    """The first entry of an array as an array of as many axes; a number as it is."""
    return value[(slice(0, 1),) * np.ndim(value)] if np.ndim(value) else value


def blank(shape, dtype, strides=None):
    """An array in pages of its own: what is never written to takes no memory."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    pages = mmap.mmap(-1, size, access=mmap.ACCESS_COPY)
    return np.ndarray(shape, dtype, pages, strides=strides)


def watch(array):
    """The same memory as an array whose operations are recorded."""
    return array.view(Recorded)


def plain(value):
    """The same value without Recorded arrays in it."""
    if isinstance(value, Recorded):
        return value.view(np.ndarray)
    if isinstance(value, tuple | list):
        return type(value)(plain(item) for item in value)
    return value


def operand(value):
    """What a ufunc is given, as plain as it can be: lists as arrays."""
    value = plain(value)
    return np.asarray(value) if isinstance(value, tuple | list) else value


def has_arrays(key):
    """Whether an index asks for entries by their numbers, or by a mask."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(part, np.ndarray | list) for part in parts)


class Recorded(np.ndarray):
    """An array that notes on the tape whatever is computed from it or written to it."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if ufunc.nout != 1 or method not in ("__call__", "reduce"):
            raise NotRecordable(f"{ufunc.__name__}.{method}")
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        inputs = tuple(operand(x) for x in inputs)
        out = out and plain(out)[0]
        buffer = unwritten(ufunc, method, inputs, out, kwargs)
        if buffer is None:
            buffer = np.asarray(function(*inputs, out=out, **kwargs))
        kwargs = {k: v for k, v in kwargs.items() if _UNSET.get(k, kwargs) is not v}
        return _noted((ufunc, method), inputs, kwargs, buffer)

    def __array_function__(self, func, types, args, kwargs):
        if func in SHORT:
            return SHORT[func](*args)
        args, kwargs = plain(args), {key: plain(v) for key, v in kwargs.items()}
        if func is np.concatenate:
            return _joined(*args, **kwargs)
        result = func(*args, **kwargs)
        if func is np.empty_like:
            return watch(result)
        if not isinstance(result, np.ndarray | np.generic):
            return _views(func, result, args)
        if _looks_into(result, args):
            return watch(result)
        return _noted(func, args, kwargs, np.asarray(result))

    def __getitem__(self, key):
        if has_arrays(key):
            raise NotRecordable("indexing by an array")
        result = np.asarray(plain(self)[plain(key)])
        if result.size and not _looks_into(result, (plain(self),)):
            if result.ndim or not isinstance(key, tuple | int):
                raise NotRecordable("indexing by an array")
            whole = tuple(key) if isinstance(key, tuple) else (key,)
            result = plain(self)[(*whole, ...)]  # a single entry, as a 0-d view
        return watch(result)

    def __setitem__(self, key, value):
        if has_arrays(key):
            raise NotRecordable("assignment by an array of indices")
        target = np.asarray(plain(self)[key])
        if target.size < LARGE:
            np.copyto(target, plain(value))
        if target.size:
            _noted(np.copyto, (plain(value),), {}, target)

    def astype(self, dtype, copy=True, **kwargs):
        """Cast; the same array where the type is right."""
        if self.dtype == dtype:
            return self
        return _noted(np.copyto, (plain(self),), {}, plain(self).astype(dtype))

    def reshape(self, *shape, **kwargs):
        """A view where the memory allows, else a copy that is noted."""
        shape = shape[0] if len(shape) == 1 else shape
        return np.reshape(self, shape, **kwargs)

    def ravel(self, order="C"):
        """The same for one axis."""
        return np.ravel(self, order)

    def copy(self, order="C"):
        """A copy that follows its original at every replay."""
        return _noted(np.copyto, (plain(self),), {}, plain(self).copy(order))

    def _look(self, *args):
        raise NotRecordable("a branch on a value")

    __bool__ = __float__ = __int__ = __index__ = item = tolist = _look
    take = argmax = argmin = argsort = sort = _look  # type: ignore[assignment]
    nonzero = choose = searchsorted = _look

    def _unannounced(self, *args, **kwargs):
        raise NotRecordable("a method that NumPy carries out without telling")

    dot = cumsum = cumprod = repeat = flatten = trace = round = _unannounced
    fill = put = partition = itemset = _unannounced


def _noted(function, args, kwargs, buffer):
    if not TAPES.recorded:
        raise NotRecordable("an operation in another thread")
    TAPES.recorded[-1].add(function, tuple(args), kwargs, buffer)
    return watch(buffer)


def _joined(parts, axis=0):
    """A concatenation as copies, each of which may turn out not to be needed."""
    parts = [np.asarray(part) for part in parts]
    ends = np.cumsum([0] + [part.shape[axis] for part in parts])
    shape, dtype = list(parts[0].shape), np.result_type(*parts)
    shape[axis] = int(ends[-1])
    large = math.prod(shape) >= LARGE
    whole = watch((blank if large else np.empty)(shape, dtype))
    for part, start, end in zip(parts, ends[:-1], ends[1:], strict=True):
        whole.swapaxes(0, axis)[start:end].swapaxes(0, axis)[...] = part
    return whole


def _looks_into(result, args):
    arrays = [a for a in args if isinstance(a, np.ndarray)]
    return any(np.may_share_memory(result, a) for a in arrays)


def _views(func, result, args):
    """A function's result that is no array: pass numbers on, watch lists of views."""
    if result is None:  # it has written somewhere
        raise NotRecordable(func.__name__)
    items = result if isinstance(result, tuple | list) else ()
    arrays = [item for item in items if isinstance(item, np.ndarray)]
    if not arrays:
        return result
    if not all(_looks_into(item, args) for item in arrays):
        raise NotRecordable(func.__name__)
    return type(result)(watch(item) for item in items)
