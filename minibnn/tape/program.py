"""From a recording to a program: fixed arrays, bound calls, the proof that it is true."""

import numpy as np

from minibnn.tape.bind import bind
from minibnn.tape.memory import owners_of, pieces
from minibnn.tape.passes.axpy import with_multiples, with_sums_in_place
from minibnn.tape.passes.copies import simplified, without_copies
from minibnn.tape.passes.dots import with_dots
from minibnn.tape.passes.logistic import with_logistic
from minibnn.tape.passes.products import with_cheap_products
from minibnn.tape.passes.sharing import share_memory
from minibnn.tape.step import needed
from minibnn.tape.tape import NotRecordable, Tape, plain, watch

BLOCK = 2**16  # numbers compared at a time: that takes memory many times theirs


def record(function, inputs, state=()):
    """The simplified steps of ``function(**inputs)``, its outputs, owners of constants.

    Small results are computed once, large ones not at all. ``state`` names the inputs
    that go from one step to the next; with equal ones a step is simplified alike
    wherever it is recorded.
    """
    with Tape() as tape:
        outputs = carried_out(function, inputs)
    results = [plain(array) for array in outputs.values()]
    arrays = list(inputs.values())
    steps, results, constants = simplified(tape.steps, arrays, results)
    fixed = owners_of([*arrays, *results]) | constants
    steps = needed(with_logistic(steps), [*arrays, *results])
    steps = with_cheap_products(steps, [inputs[key] for key in state], fixed)
    steps = without_copies(steps, fixed)
    steps = with_multiples(with_dots(steps, fixed), arrays, fixed)
    return steps, dict(zip(outputs, results, strict=True)), constants


def carried_out(function, inputs):
    """What the function gives while it is recorded; whatever it raises, it cannot be.

    What it computes from large results, which are not there, may be anything.
    """
    try:
        return function(**{key: watch(array) for key, array in inputs.items()})
    except NotRecordable:
        raise
    except Exception as error:
        raise NotRecordable(f"{type(error).__name__} while recording") from error


class Program:
    """``function(**inputs)`` recorded once, replayed at every call.

    Parameters
    ----------
    function : callable
        Named arrays in, a dict of arrays out; it must not look at values.
    inputs : dict of arrays
        What the program reads (and may change in place) at every run.
    state : names of inputs
        Those that are moved from run to run; what depends on no such is cheap.

    ``outputs`` are the arrays that every run fills. Making the program computes small
    results once; what it changes in place may have been changed.

    Raises NotRecordable where the function does what a tape cannot repeat.
    """

    def __init__(self, function, inputs, state=()):
        steps, self.outputs, constants = record(function, inputs, state)
        fixed = owners_of([*self.outputs.values(), *inputs.values()]) | constants
        steps, numbers = with_sums_in_place(steps, fixed), {}
        self.calls = [
            call for step in share_memory(steps, fixed) for call in bind(step, numbers)
        ]

    def __call__(self):
        for function, args in self.calls:
            function(*args)


class Direct:
    """The same face for what cannot be recorded: every call runs the function itself."""

    def __init__(self, function, inputs, outputs=None):
        self.function, self.inputs = function, inputs
        self.outputs = function(**inputs) if outputs is None else outputs

    def __call__(self):
        self.outputs = self.function(**self.inputs)


def proved_program(function, inputs, change, state=()):
    """A Program if the function can be recorded and replays truly, else a Direct.

    ``change()`` gives the inputs other values, and at its next call those they had:
    recorded and replayed on the others, the program has to give on these what the
    function gives. A function that takes an input for a constant (by np.asarray, say),
    or keeps something from call to call, is found out here. It leaves its inputs as
    they are.
    """
    wanted = function(**inputs)  # first: it needs memory that the program then takes
    change()
    try:
        recorded = Program(function, inputs, state)
        recorded()
    except NotRecordable:
        recorded = None
    finally:  # Ctrl-C too leaves the inputs as they were
        change()
    if recorded is not None:
        recorded()
        if agree(recorded.outputs, wanted):
            return recorded
    return Direct(function, inputs, wanted)


def proved_move(function, inputs, remake):
    """A Program of a function that moves its inputs, if it replays truly; else None.

    ``remake()`` gives the input "g" the values it had; the others are put back here.
    """
    before = {key: a.copy() for key, a in inputs.items() if key != "g"}
    try:
        made = Program(function, inputs)
        for array in inputs.values():
            toggle(array)
        direct = {key: array.copy() for key, array in inputs.items()}
        function(**direct)
        made()
        return made if agree(inputs, direct) else None
    except NotRecordable:
        return None
    finally:  # half a step may have been carried out
        set_all(inputs, before)
        remake()


def set_all(arrays, values):
    """Write new values into the arrays they are named after."""
    for key, value in values.items():
        arrays[key][...] = value


def exchange(arrays, others):
    """Swap the values of arrays for those in ``others``, a dict that then has the old."""
    for key, other in others.items():
        others[key] = arrays[key].copy()
        arrays[key][...] = other


def toggle(array, sign=False):
    """Make every number about one per cent larger or smaller, or what it was before.

    With ``sign`` also turn it round: what is even in x sees the size alone, small noise
    the sign. For float32 and float64. Only bits are turned, which takes no memory and is
    undone exactly.
    """
    words, bit, top = {4: (np.uint32, 16, 31), 8: (np.uint64, 45, 63)}[array.itemsize]
    bits = array.view(words)
    np.bitwise_xor(bits, words(1 << bit | sign << top), out=bits)


def agree(replayed, direct):
    """Whether two sets of outputs are the same but for short forms and rounding."""
    for key, value in direct.items():
        eps = np.finfo(value.dtype).eps
        both = (pieces(array, BLOCK) for array in (replayed[key], value))
        pairs = list(zip(*both, strict=True))
        sizes = [np.max(np.abs(v), initial=0.0, where=np.isfinite(v)) for _, v in pairs]
        bound = 1e3 * eps * max(sizes, default=0.0)
        if not all(np.allclose(a, b, 0, bound, equal_nan=True) for a, b in pairs):
            return False
    return True
