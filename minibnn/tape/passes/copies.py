"""Exact simplifications of a recording: no number of a result changes.

The kernels are written for every shape and every prior, so a recording holds much that
does nothing in the case at hand: a division by a prior's scale of 1, a sum over one
sample, a gradient copied into its place, a row of ones written again. Here such steps
become copies, and copies become views.
"""

import numpy as np

from minibnn.tape.memory import is_whole, moved, offset, overlap, owner, owners_of
from minibnn.tape.step import Step, needed, read, written

_UNITS = {  # ufunc -> (number that changes nothing, positions where it may stand)
    np.multiply: (1, (0, 1)),
    np.divide: (1, (1,)),
    np.add: (0, (0, 1)),
    np.subtract: (0, (1,)),
}


def simplified(steps, inputs, results):
    """The steps that are left, the results, and ids of owners that hold constants.

    ``results`` are arrays the steps fill; they may be found elsewhere afterwards.
    """
    inside = owners_of(inputs)
    fixed = inside | owners_of(results)
    end = Step(keep, tuple(results), {}, np.empty(0))
    steps = [*needed(steps, [*inputs, *results]), end]
    written = owners_of(step.out for step in steps) | inside
    steps = [as_copy(step, written) for step in steps]
    steps, constants = without_constants(steps, inside)
    steps = without_copies(steps, fixed | constants)
    steps = without_overwriting(steps, fixed | constants)
    return steps[:-1], steps[-1].args, constants


def keep(*results):
    """The last step of a recording: nothing, but it reads the results."""


def as_copy(step, written):
    """A step that hands on one operand unchanged, as the copy it is.

    calls    without it: 1.24 1.24 1.10 1.09 1.02 1.14
    numbers  without it: 1.01 1.11 1.01 1.20 1.23 1.10
    """
    if not isinstance(step.function, tuple):
        return step
    source = summand(step) if step.function[1] == "reduce" else factor(step, written)
    alike = source is not None and source.dtype == step.out.dtype
    if not alike or source.size != step.out.size or not source.flags.c_contiguous:
        return step
    return Step(np.copyto, (source.reshape(step.out.shape),), {}, step.out)


def factor(step, written):
    """The operand that x * 1, x / 1, x + 0 or x - 0 hands on, if it is one of these."""
    unit, positions = _UNITS.get(step.function[0], (None, ()))
    for i in positions:
        source = step.args[1 - i]
        if is_constant(step.args[i], unit, written) and isinstance(source, np.ndarray):
            return source if source.shape == step.out.shape else None
    return None


def is_constant(value, unit, written):
    """Whether a value is the number ``unit`` throughout and stays so."""
    if isinstance(value, np.ndarray) and id(owner(value)) in written:
        return False
    return bool(np.all(np.equal(value, unit)))


def summand(step):
    """The operand of a sum, mean, max or product over axes of length one."""
    array, given = step.args[0], step.reduction()
    axis = given.get("axis", 0)
    axes = range(array.ndim) if axis is None else np.atleast_1d(axis)
    plain = set(given) <= {"axis", "dtype", "keepdims"}
    return array if plain and all(array.shape[i] == 1 for i in axes) else None


def without_constants(steps, inside):
    """Drop what writes the same numbers every time, where nobody writes over them.

    They stay in their memory, which must remain theirs: also returned are the ids of
    those owners.

    calls    without it: 1.03 1.03 1.03 1.00 1.00 1.02
    numbers  without it: 1.01 1.00 1.00 1.00 1.00 1.00
    """
    writers = {}
    for i, step in enumerate(steps):
        writers.setdefault(step.writes, []).append(i)
    varying, kept, constants = inside | set(writers), [], set()
    for i, step in enumerate(steps):
        key = step.writes
        others = [steps[j].out for j in writers[key] if j != i]
        alone = not any(overlap(step.out, out) for out in others)
        still = step.function is not keep and step.reads.isdisjoint(varying)
        if still and alone and key not in inside:
            carry_out(step)
            constants.add(key)
            if len(writers[key]) == 1:
                varying.discard(key)
        else:
            kept.append(step)
    return kept, constants


def carry_out(step):
    """Fill a step's result; the recording may have left out what is large."""
    function, args, kwargs = step.function, step.args, step.kwargs
    if function is np.copyto:
        np.copyto(step.out, *args, casting="unsafe")
    elif isinstance(function, tuple):
        ufunc, method = function
        call = ufunc if method == "__call__" else getattr(ufunc, method)
        call(*args, out=step.out, **kwargs)
    else:
        np.copyto(step.out, function(*args, **kwargs))


def without_copies(steps, fixed):
    """Let what is copied be made in its place, or be read where it is.

    calls    without it: 1.37 1.38 1.15 1.24 1.17 1.18
    numbers  without it: 1.02 1.27 1.03 1.43 1.48 1.13
    """
    i = 0
    while i < len(steps):
        places = copy_places(steps, i, fixed) if steps[i].function is np.copyto else {}
        if places:
            del steps[i]
            steps = [step.moved(places) for step in steps]
        else:
            i += 1
    return steps


def copy_places(steps, i, fixed):
    """Where to move the target, or the source, of copy i so that it is not needed."""
    target, source = steps[i].out, steps[i].args[0]
    if not is_plain_copy(target, source):
        return {}
    into, out_of = steps[i].writes, id(owner(source))
    before, after = steps[:i], steps[i + 1 :]
    if into not in fixed and is_whole(target) and not fills(before + after, into):
        if not fills(life(after, into), out_of):
            return {into: (owner(source), offset(source))}
    if out_of in fixed or not is_whole(source) or fills(after, out_of):
        return {}
    since = life(before[::-1], out_of)
    if read(since, target) or written(since + life(after, out_of), target):
        return {}
    return {out_of: (owner(target), offset(target))}


def without_overwriting(steps, fixed):
    """Let what is computed in place go to memory of its own.

    NumPy takes half as long again over a small array that it reads and writes. Large
    ones are put back into one place when memory is shared.

    calls    without it: 1.00 1.03 1.00 1.00 1.00 1.00
    """
    places, done = {}, []
    for step in steps:
        here, key = step.moved(places), step.writes
        in_place = step.is_elementwise() and key in step.reads
        if in_place and key not in fixed and is_whole(step.out):
            places[key] = np.empty(step.out.nbytes, np.uint8), 0
            here = Step(here.function, here.args, here.kwargs, moved(step.out, places))
        done.append(here)
    return done


def is_plain_copy(target, source):
    """Whether a copy changes neither type nor shape of one run of memory."""
    return (
        isinstance(source, np.ndarray)
        and source.size > 0
        and (source.dtype, source.shape) == (target.dtype, target.shape)
        and source.flags.c_contiguous
        and target.flags.c_contiguous
        and owner(source) is not owner(target)
    )


def life(steps, key):
    """The steps up to the last that mentions an owner."""
    end = max((i for i, step in enumerate(steps, 1) if key in step.touches), default=0)
    return steps[:end]


def fills(steps, key):
    """Whether any of the steps writes to an owner."""
    return any(step.writes == key for step in steps)
