"""Many steps in a row as one program: what differs from step to step is a row of a stack.

A step on a small network is a few dozen calls of a third of a microsecond each, so the
only way to be quicker is to make fewer of them. Of a recorded step, what depends on the
step's own inputs alone (noise, rows of data, step sizes) is computed *ahead* for all
steps at once, what only reports (loss, KL) *late*, and just what moves the state stays
in the *main* part, carried out step after step.
"""

import numpy as np

from minibnn.tape.bind import bind
from minibnn.tape.lift import at_row, lifted, lifted_step, stack_of
from minibnn.tape.memory import owner, owners_of
from minibnn.tape.passes.axpy import with_sums_in_place
from minibnn.tape.passes.sharing import share_memory
from minibnn.tape.phases import phases
from minibnn.tape.program import agree, record, set_all, toggle
from minibnn.tape.tape import NotRecordable

BUDGET = 2**18  # bytes of all stacks; more would push the data out of the cache
MOST = 32  # rows; more gain little


class Rows:
    """``function(**rows, **state)`` recorded once; many runs of it in a row.

    Parameters
    ----------
    function : callable
        Named arrays in, a dict of arrays out; it may change ``state`` in place.
    rows : dict of arrays
        Inputs that are new at every step; here those of the first.
    state : dict of arrays
        What goes from one step to the next.
    most : int
        Rows at most; fewer where their memory would be too large.

    ``inputs`` and ``outputs`` are stacks (count, ...) of the rows and of the results. A
    call with n carries out n steps, on rows 0 to n - 1. Making it carries out one.

    Raises NotRecordable where the function does what a tape cannot repeat.
    """

    def __init__(self, function, rows, state, most=MOST):
        steps, outputs, constants = record(function, rows | state, state)
        inside, lasting = owners_of(rows.values()), owners_of(state.values())
        ahead, main, late = phases(steps, inside, lasting)
        own = stacked_owners(rows, outputs, ahead, main, late)
        size = sum(array.nbytes for array in own.values())
        self.count = int(np.clip(BUDGET // max(size, 1), 1, most))
        self.stacks = {key: stack_of(array, self.count) for key, array in own.items()}
        self.inputs = {key: self.stack(array) for key, array in rows.items()}
        self.outputs = {key: self.stack(array) for key, array in outputs.items()}
        self.numbers, self.bound = {}, []
        across = inside | owners_of(outputs.values()) | mentioned(main)
        across |= mentioned(ahead) & mentioned(late)
        self.ahead, self.late = (self.at_once(part, across) for part in (ahead, late))
        fixed = {*own, *lasting, *constants}
        self.main = share_memory(with_sums_in_place(main, fixed), fixed)
        self.common = [self.bind_common(step) for step in self.main]

    def stack(self, array):
        """All rows of an array (count, ...)."""
        if id(owner(array)) in self.stacks:
            return lifted(array, self.stacks, array.ndim)
        return np.broadcast_to(array, (self.count, *array.shape))

    def at_once(self, steps, across):
        """The calls that carry out steps for all rows together."""
        fixed = {id(stack) for key, stack in self.stacks.items() if key in across}
        steps = [lifted_step(step, self.stacks) for step in steps]
        return [
            call
            for step in share_memory(steps, fixed)
            for call in bind(step, self.numbers)
        ]

    def bind_common(self, step):
        """The calls of a step that are the same in every row, else None."""
        if not step.touches.isdisjoint(self.stacks):
            return None
        return bind(step, self.numbers)

    def row(self, k):
        """The calls of the main part in row k."""
        while len(self.bound) <= k:
            places = at_row(self.stacks, len(self.bound))
            self.bound.append(
                [
                    call
                    for step, calls in zip(self.main, self.common, strict=True)
                    for call in calls or bind(step.moved(places), self.numbers)
                ]
            )
        return self.bound[k]

    def __call__(self, n):
        for function, args in self.ahead:
            function(*args)
        for k in range(n):
            for function, args in self.row(k):
                function(*args)
        for function, args in self.late:
            function(*args)


def mentioned(steps):
    """Ids of all owners that steps read or write."""
    return set().union(*(step.touches for step in steps))


def stacked_owners(rows, outputs, ahead, main, late):
    """Owners of which every row needs its own, {id: array}."""
    arrays = [*rows.values(), *(step.out for step in ahead + late)]
    read = owners_of(outputs.values()).union(*(step.reads for step in late))
    arrays += [step.out for step in main if step.writes in read]
    return {id(owner(array)): owner(array) for array in arrays}


def rows_program(function, rows, state, other, most=MOST):
    """Rows if the function can be recorded, replays truly and gains by it; else None.

    ``other`` holds other values of ``rows``. Two steps, on those and on ``rows``, have
    to give what the function gives. ``state`` is left as it was.
    """
    if 2 * sum(array.nbytes for array in rows.values()) > BUDGET:
        return None  # not two rows would fit: no need to record a step to see it
    before = {key: array.copy() for key, array in state.items()}
    try:
        made = Rows(function, rows, state, most)
        set_all(state, before)
        gains = made.count > 1 and is_true(made, function, rows, state, other)
        return made if gains else None
    except NotRecordable:
        return None
    finally:
        set_all(state, before)


def is_true(made, function, rows, state, other):
    """Whether two steps, on ``other`` rows and on ``rows``, are those of the function."""
    for array in state.values():
        toggle(array)
    direct = {key: array.copy() for key, array in state.items()}
    for k, values in enumerate((other, rows)):
        for key, stack in made.inputs.items():
            stack[k] = values[key]
    made(2)
    true = True
    for k, values in enumerate((other, rows)):
        outputs = {key: v.copy() for key, v in function(**values, **direct).items()}
        true &= agree({key: v[k] for key, v in made.outputs.items()}, outputs)
    return true and agree(state, direct)
