"""Products of three factors in the cheapest order; float32, for the rounding may differ.

Of the gradient of rho, (g ∘ eps) ∘ sigma, the pass forward has made eps ∘ sigma already.
And of c (s ∘ (1 - 2y)) the number c and the labels are known for many steps ahead.
"""

from collections import Counter

import numpy as np

from minibnn.plan.memory import operands, overlap, owner, owners_of
from minibnn.plan.tape import Step

_PRODUCT = (np.multiply, "__call__")


def with_cheap_products(steps, state, fixed):
    """The steps with (a b) c as a (b c), where b c exists or is free of the state.

    ``state`` holds the arrays that every step moves, ``fixed`` the ids of owners that are
    read from outside.
    """
    mentioned = Counter(key for s in steps for key in owners_of([s.out, *operands(s)]))
    varying = depending_on(state, steps)
    done = []
    for step in steps:
        inner, new = inner_product(step, done), None
        key = inner and id(owner(inner.out))
        if inner and mentioned[key] == 2 and key not in fixed:
            new = regrouped(step, inner, done, varying)
        if new:
            done.remove(inner)
        done.extend(new or [step])
    return done


def depending_on(state, steps):
    """Ids of the owners whose numbers depend on the state."""
    varying = owners_of(state)
    for step in steps:
        if owners_of(operands(step)) & varying:
            varying.add(id(owner(step.out)))
    return varying


def inner_product(step, before):
    """The last of the steps before that made a factor of a product, if it is one too."""
    if is_product(step):
        for other in reversed(before):
            if any(alike(a, other.out) for a in step.args):
                return other if is_product(other) else None
    return None


def is_product(step):
    """Whether a step multiplies in float32."""
    plain = step.function == _PRODUCT and not step.kwargs
    arrays = [step.out, *(a for a in step.args if isinstance(a, np.ndarray))]
    return plain and all(a.dtype == np.float32 for a in arrays)


def regrouped(step, inner, before, varying):
    """The steps that take the place of (a b) c, or None if it is best as it is."""
    c = step.args[1] if alike(step.args[0], inner.out) else step.args[0]
    if rewritten(inner.args, before, inner):
        return None
    for a, b in (inner.args, inner.args[::-1]):
        if np.size(a) != step.out.size:
            continue
        made = find_product(b, c, [s for s in before if s is not inner])
        if made is not None:
            factors = (x.reshape(step.out.shape) for x in (a, made))
            return [Step(_PRODUCT, tuple(factors), {}, step.out)]
        if is_free(b, varying) and is_free(c, varying) and np.ndim(c) == 0:
            fits = isinstance(b, np.ndarray) and np.shape(a) == step.out.shape
            if fits and not is_free(a, varying):
                both = np.empty_like(b)
                return [
                    Step(_PRODUCT, (c, b), {}, both),
                    Step(_PRODUCT, (a, both), {}, step.out),
                ]
    return None


def is_free(value, varying):
    """Whether an operand does not depend on the state."""
    return not isinstance(value, np.ndarray) or id(owner(value)) not in varying


def find_product(b, c, before):
    """The array where b c has been made and still is, or None."""
    for other in reversed(before):
        x, y = other.args if is_product(other) else (None, None)
        if (alike(x, b) and alike(y, c)) or (alike(x, c) and alike(y, b)):
            stale = rewritten((b, c, other.out), before, other)
            return None if stale else other.out
    return None


def rewritten(values, before, step):
    """Whether anything has been written over arrays since a step."""
    arrays = [a for a in values if isinstance(a, np.ndarray)]
    since = before[before.index(step) + 1 :]
    return any(overlap(s.out, a) for s in since for a in arrays)


def alike(a, b):
    """Whether two operands are the same numbers in memory, axes of length one aside."""
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return False
    lying = [
        (x.dtype, [(n, s) for n, s in zip(x.shape, x.strides, strict=True) if n > 1])
        for x in (a, b)
    ]
    return lying[0] == lying[1] and a.ctypes.data == b.ctypes.data
