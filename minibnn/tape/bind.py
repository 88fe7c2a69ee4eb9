"""A recorded step as calls with positional arguments: the shortest way to say it.

What costs a call or misses the vector unit is put otherwise here: small matrix products
by the bound ``dot``, an outer product as a multiplication, a scalar operand of
``maximum`` as an array. None of these changes a bit. In float32, which nobody chooses
for its last digit, many products with one shared factor become one large product,
whose sums may be rounded in another order.
"""

from functools import partial

import numpy as np
from scipy.linalg.blas import dcopy, scopy

from minibnn.tape.memory import overlap
from minibnn.tape.passes.axpy import IN_PLACE, PIECE, bind_in_place
from minibnn.tape.tape import NotRecordable

COPY = {np.dtype(np.float32): scopy, np.dtype(np.float64): dcopy}
LONG = 128  # numbers along the last axis, from which on one row of a number will do


def bind(step, numbers):
    """The calls, each (function, positional arguments), that carry out a step.

    ``numbers`` collects arrays filled with one number, (number, type, shape) -> array,
    for all steps of a program.
    """
    if step.function is np.copyto:
        return [bind_copy(step.args[0], step.out)]
    if step.function in IN_PLACE:
        return bind_in_place(step)
    if not isinstance(step.function, tuple):
        return [(_call_and_copy, (step.out, step.function, step.args, step.kwargs))]
    ufunc, method = step.function
    if method == "reduce":
        return [bind_reduce(ufunc, step)]
    kwargs = {k: v for k, v in step.kwargs.items() if k not in ("casting", "subok")}
    if kwargs:
        raise NotRecordable(f"{ufunc.__name__} with {sorted(kwargs)}")
    if ufunc is np.matmul:
        return bind_matmul(*step.args, step.out)
    if ufunc in (np.maximum, np.minimum):  # no third argument by position: deprecated
        args = tuple(filled(a, step.out, numbers) for a in step.args)
        return [(partial(ufunc, out=step.out), args)]
    return [(ufunc, (*as_arrays(step.args, step.out), step.out))]


def bind_copy(source, out):
    """A copy; BLAS takes half as long as NumPy to begin with a short one."""
    alike = isinstance(source, np.ndarray) and source.shape == out.shape
    if alike and source.dtype == out.dtype and out.size <= PIECE:
        runs = source.flags.c_contiguous and out.flags.c_contiguous
        if runs and out.dtype in COPY and out.size and not overlap(source, out):
            return COPY[out.dtype], (source.reshape(-1), out.reshape(-1))
    return np.copyto, (out, source, "unsafe")


def bind_reduce(ufunc, step):
    """``reduce(array, axis, dtype, out, keepdims)`` by position."""
    given = step.reduction()
    if not set(given) <= {"axis", "dtype", "keepdims"}:
        raise NotRecordable(f"{ufunc.__name__}.reduce with {sorted(given)}")
    axis, keepdims = given.get("axis", 0), given.get("keepdims", False)
    return ufunc.reduce, (step.args[0], axis, given.get("dtype"), step.out, keepdims)


def bind_matmul(a, b, out):
    """Matrix products in as few and as large calls as the memory allows."""
    as_it_is = [(np.matmul, (a, b, out))]
    if a.ndim < 2 or b.ndim < 2 or not a.size * b.size * out.size:
        return as_it_is
    if out[..., 0, 0].size == 1:
        return bind_one(a, b, out) or as_it_is
    if a.shape[-1] == 1:  # an outer product: one call for all instead of one for each
        return [(np.multiply, (a, b, out))]
    if out.dtype != np.float32:
        return as_it_is
    if b[..., 0, 0].size == 1:
        return stacked_rows(a, b, out) or as_it_is
    if a[..., 0, 0].size == 1:
        turned = (x.swapaxes(-1, -2) for x in (b, a, out))
        return stacked_rows(*turned) or as_it_is
    return as_it_is


def bind_one(a, b, out):
    """One product by the bound ``dot``, three times quicker to call than matmul."""
    a, b, flat = (x.reshape(x.shape[-2:]) for x in (a, b, out))
    if not np.may_share_memory(flat, out) or not flat.flags.c_contiguous:
        return None
    return [(a.dot, (b, flat))]


def stacked_rows(a, b, out):
    """Many a (..., H, D) times one b (D, B): their rows stacked, one large product.

    Rows that lie scattered are copied together. Where the result does not lie in memory
    as rows of length B, it is made aside and copied; that pays while it is no larger
    than b, or than rows that needed no copy.

    calls    without it: 1.00 1.00 0.97 1.00 1.00 1.00
    products without it: 1.00 1.00 1.35 1.00 1.00 1.00
    """
    b = b.reshape(b.shape[-2:])
    order = (*np.argsort(out.strides[:-1], kind="stable")[::-1], out.ndim - 1)
    a = np.broadcast_to(a, out.shape[:-1] + a.shape[-1:]).transpose(order)
    lying = out.transpose(order)
    rows, calls = a, []
    if not a.flags.c_contiguous:
        rows = np.empty(a.shape, a.dtype)
        calls.append((np.copyto, (rows, a)))
    flat = rows.reshape(-1, rows.shape[-1])
    if lying.flags.c_contiguous:
        return [*calls, (flat.dot, (b, lying.reshape(len(flat), -1)))]
    if out.size > (b.size if calls else flat.size):
        return None
    made = np.empty(lying.shape, out.dtype)
    calls.append((flat.dot, (b, made.reshape(len(flat), -1))))
    return [*calls, (np.copyto, (lying, made))]


def as_arrays(args, out):
    """Python numbers as 0-d arrays of their partner's type: quicker to pass."""
    partner = next((a.dtype for a in args if isinstance(a, np.ndarray)), out.dtype)
    if partner.kind != "f":
        return args
    return tuple(
        np.asarray(a, partner)
        if isinstance(a, int | float) and not isinstance(a, bool)
        else a
        for a in args
    )


def filled(value, out, numbers):
    """A number as an array of the result's shape: a scalar operand costs three times."""
    if isinstance(value, np.ndarray):
        return value
    like = out[(0,) * (out.ndim - 1)] if out.shape[-1:] >= (LONG,) else out
    key = (float(value), out.dtype, like.shape, like.strides)
    if key not in numbers:
        numbers[key] = np.full_like(like, value)  # in memory it lies as the result does
    return numbers[key]


def _call_and_copy(target, function, args, kwargs):
    np.copyto(target, function(*args, **kwargs))
