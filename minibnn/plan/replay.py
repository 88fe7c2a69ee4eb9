"""From a recording to a program: fixed arrays, bound calls, the proof that it is true."""

import numpy as np

from minibnn.plan.axpy import with_multiples, with_sums_in_place
from minibnn.plan.bind import bind
from minibnn.plan.dots import with_dots
from minibnn.plan.logistic import with_logistic
from minibnn.plan.memory import needed, owners_of, share_memory
from minibnn.plan.products import with_cheap_products
from minibnn.plan.simplify import simplified, without_copies
from minibnn.plan.tape import NotRecordable, Tape, plain, watch


def record(function, inputs, state=()):
    """The simplified steps of ``function(**inputs)``, its outputs, owners of constants.

    The computation is carried out once. ``state`` names the inputs that go from one step
    to the next; with equal ones a step is simplified alike wherever it is recorded.
    """
    with Tape() as tape:
        outputs = function(**{key: watch(array) for key, array in inputs.items()})
    results = [plain(array) for array in outputs.values()]
    arrays = list(inputs.values())
    steps, results, constants = simplified(tape.steps, arrays, results)
    fixed = owners_of(results) | constants
    steps = needed(with_logistic(steps), [*arrays, *results])
    steps = with_cheap_products(steps, [inputs[key] for key in state], fixed)
    steps = without_copies(steps, fixed | owners_of(arrays))
    steps = with_multiples(with_dots(steps, fixed), arrays, fixed)
    return steps, dict(zip(outputs, results, strict=True)), constants


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

    ``outputs`` are the arrays that every run fills. Making the program carries the
    computation out once.

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

    def __init__(self, function, inputs):
        self.function, self.inputs = function, inputs
        self.outputs = function(**inputs)

    def __call__(self):
        self.outputs = self.function(**self.inputs)


def program(function, inputs, other, state=()):
    """A Program if the function can be recorded and replays truly, else a Direct.

    ``other`` holds other values for all inputs: replayed on them, the program has to
    give what the function gives. A function that takes an input for a constant (by
    np.asarray, say) is found out here.
    """
    try:
        recorded = Program(function, inputs, state)
    except NotRecordable:
        return Direct(function, inputs)
    before = {key: array.copy() for key, array in inputs.items()}
    set_all(inputs, other)
    recorded()
    true = agree(recorded.outputs, function(**inputs))
    set_all(inputs, before)
    recorded()
    return recorded if true else Direct(function, inputs)


def set_all(arrays, values):
    """Write new values into named arrays."""
    for key, array in arrays.items():
        array[...] = values[key]


def agree(replayed, direct):
    """Whether two sets of outputs are the same but for short forms and rounding."""
    for key, value in direct.items():
        size = np.max(np.abs(value), initial=0.0, where=np.isfinite(value))
        eps = np.finfo(value.dtype).eps
        if not np.allclose(replayed[key], value, 0, 1e3 * eps * size, equal_nan=True):
            return False
    return True
