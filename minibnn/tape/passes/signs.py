"""What is never negative in a recording, and what need not be computed therefore.

The modulus of a standard deviation that is an exponential is the number itself. And
where A = max(Z, 0) the slope [A > 0] is the sign of A: as numbers, which NumPy multiplies
by in a third of the time that it takes with truth values (of a small array; the sign of a
large one takes longer).
"""

import numpy as np

from minibnn.tape.memory import LARGE, is_call, operands, overlap, owner, same
from minibnn.tape.tape import Step

_ALWAYS = {np.exp, np.absolute, np.sqrt, np.square}
_IF_ALL = {np.add, np.multiply, np.divide, np.log1p, np.minimum}
_IF_ANY = {np.maximum}


def with_signs(steps):
    """The steps with |x| as a copy and small masks as signs where x is never negative."""
    done, known, masks = [], [], {}
    for step in steps:
        if is_call(step, np.absolute) and is_known(step.args[0], known):
            step = Step(np.copyto, step.args, {}, step.out)
        elif is_mask(step, known, steps):
            sign = np.zeros_like(step.out, step.args[0].dtype)
            masks[id(owner(step.out))] = sign
            step = Step((np.sign, "__call__"), step.args[:1], {}, sign)
        elif masks:
            args = tuple(masks.get(mask_key(a), a) for a in step.args)
            step = Step(step.function, args, step.kwargs, step.out)
        done.append(step)
        known = [a for a in known if not overlap(a, step.out)]
        if never_negative(step, known):
            known.append(step.out)
    return done


def mask_key(value):
    """By which a mask is found again, for an array of truth values."""
    is_bool = isinstance(value, np.ndarray) and value.dtype == bool
    return id(owner(value)) if is_bool else None


def never_negative(step, known):
    """Whether a step's result is >= 0, or nan, whatever it is given."""
    if not isinstance(step.function, tuple) or step.function[1] != "__call__":
        return step.function is np.copyto and is_known(step.args[0], known)
    signs = [is_known(a, known) for a in step.args]
    ufunc = step.function[0]
    return (
        (ufunc in _ALWAYS and step.out.dtype.kind == "f")
        or (ufunc in _IF_ALL and all(signs))
        or (ufunc in _IF_ANY and any(signs))
    )


def is_known(value, known):
    """Whether an operand is a number >= 0 or a view that is known to hold only such."""
    if isinstance(value, int | float | np.number):
        return bool(value >= 0)
    return any(same(value, a) for a in known)


def is_mask(step, known, steps):
    """Whether a step is a small [A > 0], A >= 0, that only multiplies real numbers."""
    if not is_call(step, np.greater) or not is_zero(step.args[1]):
        return False
    A, mask = step.args[0], step.out
    if not isinstance(A, np.ndarray) or A.shape != mask.shape or A.nbytes >= LARGE:
        return False
    uses = [s for s in steps if any(owner(a) is owner(mask) for a in operands(s))]
    return is_known(A, known) and all(
        is_call(use, np.multiply) and use.out.dtype == A.dtype for use in uses
    )


def is_zero(value):
    """Whether an operand is the number 0."""
    return np.ndim(value) == 0 and isinstance(value, int | float) and value == 0
