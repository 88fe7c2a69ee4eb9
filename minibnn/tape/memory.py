"""Who owns the memory a recorded step touches, and where else it could be.

A recorded array is a view; its *owner* is the array whose memory it looks into. Passes
over a recording move owners: ``places`` maps ``id(owner)`` to (home, offset), the memory
that takes its place and where in it, in bytes.
"""

import numpy as np

LARGE = 2**14  # bytes; a smaller array is quicker to fill than to overwrite


def owner(array):
    """The array that owns the memory a view looks into."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def offset(array):
    """Where a view begins in its owner's memory, in bytes."""
    return array.ctypes.data - owner(array).ctypes.data


def overlap(a, b):
    """Whether two views share a number; True where that is hard to tell."""
    try:
        return np.shares_memory(a, b, max_work=1000)
    except np.exceptions.TooHardError:
        return True


def same(a, b):
    """Whether two operands are the same view, entry for entry."""
    return (
        isinstance(a, np.ndarray)
        and isinstance(b, np.ndarray)
        and a.ctypes.data == b.ctypes.data
        and (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)
    )


def pieces(array, size):
    """The numbers of an array in order, so many at a time; views where they lie so."""
    flat = np.asarray(array).reshape(-1)
    return [flat[i : i + size] for i in range(0, flat.size, size)]


def arrays_in(value):
    """Every array in nested arguments."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from arrays_in(item)


def operands(step):
    """Every array a step reads."""
    return [*arrays_in(step.args), *arrays_in(list(step.kwargs.values()))]


def owners_of(arrays):
    """The ids of the owners of arrays."""
    return {id(owner(array)) for array in arrays}


def moved(value, places):
    """The value with every array in it looking into its new place."""
    if isinstance(value, tuple | list):
        return type(value)(moved(item, places) for item in value)
    if not isinstance(value, np.ndarray) or id(owner(value)) not in places:
        return value
    home, begin = places[id(owner(value))]
    return np.ndarray(
        value.shape, value.dtype, home, begin + offset(value), value.strides
    )


def relocate(step, places):
    """The step in its new place; the same object where nothing of it moves."""
    if not owners_of([step.out, *operands(step)]) & set(places):
        return step
    kwargs = {key: moved(value, places) for key, value in step.kwargs.items()}
    out, args = moved(step.out, places), moved(step.args, places)
    return type(step)(step.function, args, kwargs, out)


def mentions(step, array):
    """Whether a step reads or writes an owner."""
    return id(array) in owners_of([step.out, *operands(step)])


def is_call(step, ufunc):
    """Whether a step is the plain call of a ufunc."""
    return step is not None and step.function == (ufunc, "__call__") and not step.kwargs


def maker(array, before):
    """The last step that wrote an operand, if it wrote just that."""
    if not isinstance(array, np.ndarray):
        return None
    last = next((s for s in reversed(before) if overlap(s.out, array)), None)
    whole = last is not None and last.out.shape == array.shape
    return last if whole and last.out.ctypes.data == array.ctypes.data else None


def is_private(array, steps, fixed):
    """Whether just two of the steps mention an owner: its maker and one reader."""
    if id(owner(array)) in fixed:
        return False
    return sum(mentions(step, owner(array)) for step in steps) == 2


def touches(steps, view, only_writes=False):
    """Whether any of the steps reads or writes memory of a view."""
    arrays = (
        a
        for step in steps
        for a in ([step.out] if only_writes else [step.out, *operands(step)])
    )
    return any(overlap(a, view) for a in arrays)


def rewritten(values, before, step):
    """Whether anything has been written over arrays since a step."""
    since = before[before.index(step) + 1 :]
    return any(touches(since, a, True) for a in values if isinstance(a, np.ndarray))


def is_elementwise(step):
    """Whether every entry of the result is made of the entries at its own place."""
    if not isinstance(step.function, tuple):
        return False
    ufunc, method = step.function
    return method == "__call__" and ufunc.signature is None


def needed(steps, results):
    """Only the steps whose numbers reach the results."""
    wanted = owners_of(results)
    kept = []
    for step in reversed(steps):
        if id(owner(step.out)) in wanted:
            kept.append(step)
            wanted |= owners_of(operands(step))
    return kept[::-1]


def share_memory(steps, fixed):
    """Let buffers with separate lives use the same memory.

    A buffer lives from its first to its last mention. Walking along the steps, memory
    whose buffer has died is handed to the next buffer of the same size; an elementwise
    step may even overwrite an operand that dies in it. Owners whose ids are in
    ``fixed`` stay where they are.
    """
    born = owners_of(step.out for step in steps) - fixed
    last, places, free, done = last_mentions(steps), {}, {}, []
    for i, step in enumerate(steps):
        new = owner(step.out)
        dying = dying_operands(step, last, i, places)
        if id(new) in born and id(new) not in places:
            if overwrites(step, dying):
                places[id(new)] = places[id(dying.pop(0))]
            else:
                spare = free.get(new.nbytes) or [np.empty(new.nbytes, np.uint8)]
                places[id(new)] = spare.pop(), 0
        done.append(relocate(step, places))
        for array in dying:
            free.setdefault(array.nbytes, []).append(places[id(array)][0])
    return done


def last_mentions(steps):
    """The number of the last step that mentions each owner of memory."""
    last = {}
    for i, step in enumerate(steps):
        for key in owners_of([step.out, *operands(step)]):
            last[key] = i
    return last


def dying_operands(step, last, i, places):
    """Owners of this step's operands, among those placed, that no later step mentions."""
    seen, dying = {id(owner(step.out))}, []
    for base in map(owner, operands(step)):
        if last[id(base)] == i and id(base) in places and id(base) not in seen:
            seen.add(id(base))
            dying.append(base)
    return dying


def overwrites(step, dying):
    """Whether an elementwise step may write its result over its first dying operand."""
    if not dying or not is_elementwise(step) or step.out.nbytes < LARGE:
        return False
    old, new = dying[0], owner(step.out)
    views = [a for a in operands(step) if owner(a) is old]
    return new.nbytes == old.nbytes and all(same_layout(a, step.out) for a in views)


def same_layout(a, b):
    """Whether two views lie alike in their memory, entry for entry."""
    alike = (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)
    return alike and offset(a) == offset(b)
