"""From tape to program: drop what nobody reads, share memory, bind the calls."""

from functools import partial

import numpy as np

from minibnn.plan.tape import NotRecordable, Tape, plain, watch


class Program:
    """``function(**inputs)`` recorded once, replayed at every call.

    Parameters
    ----------
    function : callable
        Named arrays in, a dict of arrays out; it must not look at values.
    inputs : dict of arrays
        What the program reads (and may change in place) at every run.

    ``outputs`` are the arrays that every run fills. Making the program carries the
    computation out once.

    Raises NotRecordable where the function does what a tape cannot repeat.
    """

    def __init__(self, function, inputs):
        with Tape() as tape:
            outputs = function(**{key: watch(array) for key, array in inputs.items()})
        self.outputs = {key: plain(array) for key, array in outputs.items()}
        fixed = [*self.outputs.values(), *inputs.values()]
        steps = share_memory(needed(tape.steps, fixed), fixed)
        self.calls = [bind(step) for step in steps]

    def __call__(self):
        for function, args in self.calls:
            function(*args)


class Direct:
    """The same face for what cannot be recorded: every call runs the function itself."""

    def __init__(self, function, inputs):
        self.function, self.inputs = function, inputs
        self.outputs = function(**inputs)

    def __call__(self):
        self.outputs = self.function(**self.inputs)


def program(function, inputs, other):
    """A Program if the function can be recorded and replays truly, else a Direct.

    ``other`` holds other values for all inputs: replayed on them, the program has to
    give what the function gives. A function that takes an input for a constant (by
    np.asarray, say) is found out here.
    """
    try:
        recorded = Program(function, inputs)
    except NotRecordable:
        return Direct(function, inputs)
    before = {key: array.copy() for key, array in inputs.items()}
    _set(inputs, other)
    recorded()
    true = agree(recorded.outputs, function(**inputs))
    _set(inputs, before)
    recorded()
    return recorded if true else Direct(function, inputs)


def _set(inputs, values):
    for key, array in inputs.items():
        array[...] = values[key]


def agree(replayed, direct):
    """Whether two sets of outputs are the same but for short forms and rounding."""
    for key, value in direct.items():
        size = np.max(np.abs(value), initial=0.0, where=np.isfinite(value))
        eps = np.finfo(value.dtype).eps
        if not np.allclose(replayed[key], value, 0, 1e3 * eps * size, equal_nan=True):
            return False
    return True


def owner(array):
    """The array that owns the memory a view looks into."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def arrays_in(value):
    """Every array in nested arguments."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from arrays_in(item)


def needed(steps, results):
    """Only the steps whose numbers reach the results."""
    wanted = {id(owner(array)) for array in results}
    kept = []
    for step in reversed(steps):
        if id(owner(step.out)) in wanted:
            kept.append(step)
            read = arrays_in([step.args, list(step.kwargs.values())])
            wanted.update(id(owner(array)) for array in read)
    return kept[::-1]


def share_memory(steps, fixed):
    """Let buffers with separate lives use the same memory.

    A buffer lives from its first to its last mention. Walking along the steps, memory
    whose buffer has died is handed to the next buffer of the same size; an elementwise
    step may even overwrite an operand that dies in it.
    """
    kept = {id(owner(array)) for array in fixed}
    born = {id(owner(step.out)) for step in steps} - kept
    last, memory, free, moved = last_mentions(steps), {}, {}, []
    for i, step in enumerate(steps):
        new = owner(step.out)
        dying = dying_operands(step, last, i, born, memory)
        if id(new) in born and id(new) not in memory:
            if overwrites(step, dying):
                memory[id(new)] = memory[id(dying.pop(0))]
            else:
                spare = free.get(new.nbytes) or [np.empty(new.nbytes, np.uint8)]
                memory[id(new)] = spare.pop()
        moved.append(relocate(step, memory))
        for array in dying:
            free.setdefault(array.nbytes, []).append(memory[id(array)])
    return moved


def last_mentions(steps):
    """The number of the last step that mentions each owner of memory."""
    last = {}
    for i, step in enumerate(steps):
        for array in arrays_in([step.out, step.args, list(step.kwargs.values())]):
            last[id(owner(array))] = i
    return last


def dying_operands(step, last, i, born, memory):
    """Owners of this step's operands that no later step mentions."""
    seen, dying = set(), []
    for array in arrays_in([step.args, list(step.kwargs.values())]):
        base = owner(array)
        ends = last[id(base)] == i and id(base) in born and id(base) in memory
        if ends and id(base) not in seen and base is not owner(step.out):
            seen.add(id(base))
            dying.append(base)
    return dying


def overwrites(step, dying):
    """Whether an elementwise step may write its result over its first dying operand."""
    if (
        not dying
        or not isinstance(step.function, tuple)
        or step.function[1] != "__call__"
    ):
        return False
    if step.function[0].signature is not None:  # matmul and its like read twice
        return False
    old, new = dying[0], owner(step.out)
    views = [a for a in arrays_in(step.args) if owner(a) is old]
    return new.nbytes == old.nbytes and all(same_layout(a, step.out) for a in views)


def same_layout(a, b):
    """Whether two views lie alike in their memory, entry for entry."""
    start_a = a.ctypes.data - owner(a).ctypes.data
    start_b = b.ctypes.data - owner(b).ctypes.data
    alike = (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)
    return alike and start_a == start_b


def relocate(step, memory):
    """The step with every array that has been moved looking into its new memory."""
    kwargs = {key: _moved(value, memory) for key, value in step.kwargs.items()}
    out, args = _moved(step.out, memory), _moved(step.args, memory)
    return type(step)(step.function, args, kwargs, out)


def _moved(value, memory):
    if isinstance(value, tuple | list):
        return type(value)(_moved(item, memory) for item in value)
    if not isinstance(value, np.ndarray) or id(owner(value)) not in memory:
        return value
    offset = value.ctypes.data - owner(value).ctypes.data
    home = memory[id(owner(value))]
    return np.ndarray(value.shape, value.dtype, home, offset, value.strides)


def bind(step):
    """A step as (function, positional arguments): the shortest way to call it."""
    if step.function is np.copyto:
        return _copy, (step.out, step.args[0])
    if not isinstance(step.function, tuple):
        return _call_and_copy, (step.out, step.function, step.args, step.kwargs)
    ufunc, method = step.function
    if method == "reduce":
        return bind_reduce(ufunc, step)
    if ufunc is np.matmul and not step.kwargs:
        return bind_matmul(step.args, step.out)
    kwargs = {k: v for k, v in step.kwargs.items() if k not in ("casting", "subok")}
    if kwargs:
        raise NotRecordable(f"{ufunc.__name__} with {sorted(kwargs)}")
    args = as_arrays(step.args, step.out)
    if ufunc in (np.maximum, np.minimum):  # no third argument by position: deprecated
        return partial(ufunc, out=step.out), args
    return ufunc, (*args, step.out)


def bind_reduce(ufunc, step):
    """``reduce(array, axis, dtype, out, keepdims)`` by position."""
    names = ("axis", "dtype", "out", "keepdims")
    given = dict(zip(names, step.args[1:], strict=False)) | step.kwargs
    extra = set(given) - set(names) - {"initial", "where"}
    if extra or given.get("where", True) is not True:
        raise NotRecordable(f"{ufunc.__name__}.reduce with {sorted(given)}")
    axis, keepdims = given.get("axis", 0), given.get("keepdims", False)
    return ufunc.reduce, (step.args[0], axis, given.get("dtype"), step.out, keepdims)


def bind_matmul(args, out):
    """One small product by the bound ``dot``, three times quicker to call."""
    a, b = args
    if a.ndim < 2 or b.ndim < 2 or not a.size * b.size * out.size:
        return np.matmul, (a, b, out)
    if not all(x[..., 0, 0].size == 1 for x in (a, b, out)):
        return np.matmul, (a, b, out)
    a2, b2, out2 = (x.reshape(x.shape[-2:]) for x in (a, b, out))
    if not np.may_share_memory(out2, out) or not out2.flags.c_contiguous:
        return np.matmul, (a, b, out)
    return a2.dot, (b2, out2)


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


def _copy(target, source):
    np.copyto(target, source, "unsafe")


def _call_and_copy(target, function, args, kwargs):
    np.copyto(target, function(*args, **kwargs))
