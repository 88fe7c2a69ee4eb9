"""A recorded step for one turn, or for all turns at once."""

import numpy as np

from minibnn.tape.memory import arrays_in, offset, owner
from minibnn.tape.step import Step

_ALIGN = 64  # bytes; a turn begins where vector loads like it
_CORE = {np.matmul: 0, np.vecdot: 1}  # axes the operands have and the result has not


def stack_of(array, count):
    """Memory for ``count`` copies of an owner, each with the recorded contents."""
    size = -(-array.nbytes // _ALIGN) * _ALIGN
    stack = np.empty((count, max(size, _ALIGN)), np.uint8)
    stack[:, : array.nbytes] = array.ravel("K").view(np.uint8)
    return stack


def at_turn(stacks, k):
    """The places of turn k."""
    return {key: (stack, k * stack.strides[0]) for key, stack in stacks.items()}


def lifted(array, stacks, ndim):
    """A view of all turns, with ``ndim`` axes behind the first: (count, 1, ..., *shape)."""
    if not isinstance(array, np.ndarray) or id(owner(array)) not in stacks:
        return array
    stack, missing = stacks[id(owner(array))], ndim - array.ndim
    shape = (len(stack), *[1] * missing, *array.shape)
    strides = (stack.strides[0], *[0] * missing, *array.strides)
    return np.ndarray(shape, array.dtype, stack, offset(array), strides)


def can_be_lifted(step):
    """Whether a step is of a kind that can be carried out for all turns at once."""
    if step.function is np.copyto:
        return True
    if not isinstance(step.function, tuple):
        return False
    ufunc, method = step.function
    if method == "reduce":
        return set(step.reduction()) <= {"axis", "dtype", "keepdims"}
    if any(arrays_in(list(step.kwargs.values()))) or ufunc.nout != 1:
        return False
    if ufunc.signature is None:
        return True
    return ufunc in _CORE and all(a.ndim >= 2 - _CORE[ufunc] for a in step.operands)


def lifted_step(step, stacks):
    """The step for all turns at once."""
    out, ndim = lifted(step.out, stacks, step.out.ndim), step.out.ndim
    if isinstance(step.function, tuple) and step.function[1] == "reduce":
        array, given = step.args[0], step.reduction()
        axis = given.get("axis", 0)
        axes = range(array.ndim) if axis is None else np.atleast_1d(axis)
        given["axis"] = tuple(int(i) % array.ndim + 1 for i in axes)
        whole = lifted(array, stacks, array.ndim)
        if whole is array:  # a constant: the same in all turns
            whole = np.broadcast_to(array, (len(out), *array.shape))
        return Step(step.function, (whole,), given, out)
    if isinstance(step.function, tuple):
        ndim += _CORE.get(step.function[0], 0)
    args = tuple(lifted(a, stacks, ndim) for a in step.args)
    return Step(step.function, args, step.kwargs, out)
