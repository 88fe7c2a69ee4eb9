"""Many turns of a function as one program: what is new in each has a place in a stack.

A step on a small network is a few dozen calls of a third of a microsecond each, so the
only way to be quicker is to make fewer of them. Of the recorded operations, what depends
on the turn's own inputs alone (noise, a batch, step sizes) is computed *ahead* for all
turns at once, what only reports (loss, KL) *late*, and just what moves the state stays
in the *main* part, carried out turn after turn.
"""

import numpy as np

from minibnn.tape.bind import bind
from minibnn.tape.lift import at_turn, lifted, lifted_step, stack_of
from minibnn.tape.memory import owner, owners_of
from minibnn.tape.passes.axpy import with_sums_in_place
from minibnn.tape.passes.sharing import share_memory
from minibnn.tape.phases import phases
from minibnn.tape.program import agree, record, set_all, toggle
from minibnn.tape.tape import NotRecordable

BUDGET = 2**18  # bytes of all stacks; more would push the data out of the cache
MOST = 32  # turns; more gain little


class Scan:
    """``function(**fresh, **state)`` recorded once; many turns of it in a row.

    Parameters
    ----------
    function : callable
        Named arrays in, a dict of arrays out; it may change ``state`` in place.
    fresh : dict of arrays
        Inputs that are new in every turn; here those of the first.
    state : dict of arrays
        What goes from one turn to the next.
    most : int
        Turns at most; fewer where their memory would be too large.

    ``inputs`` and ``outputs`` are stacks (count, ...) of fresh inputs and of results. A
    call with n carries out n turns, on places 0 to n - 1. Making it carries out one.

    Raises NotRecordable where the function does what a tape cannot repeat.
    """

    def __init__(self, function, fresh, state, most=MOST):
        steps, outputs, constants = record(function, fresh | state, state)
        inside, lasting = owners_of(fresh.values()), owners_of(state.values())
        ahead, main, late = phases(steps, inside, lasting)
        own = stacked_owners(fresh, outputs, ahead, main, late)
        size = sum(array.nbytes for array in own.values())
        self.count = int(np.clip(BUDGET // max(size, 1), 1, most))
        self.stacks = {key: stack_of(array, self.count) for key, array in own.items()}
        self.inputs = {key: self.stack(array) for key, array in fresh.items()}
        self.outputs = {key: self.stack(array) for key, array in outputs.items()}
        self.numbers, self.bound = {}, []
        across = inside | owners_of(outputs.values()) | touched(main)
        across |= touched(ahead) & touched(late)
        self.ahead, self.late = (self.at_once(part, across) for part in (ahead, late))
        fixed = {*own, *lasting, *constants}
        self.main = share_memory(with_sums_in_place(main, fixed), fixed)
        self.common = [self.bind_common(step) for step in self.main]

    def stack(self, array):
        """An array of all turns (count, ...)."""
        if id(owner(array)) in self.stacks:
            return lifted(array, self.stacks, array.ndim)
        return np.broadcast_to(array, (self.count, *array.shape))

    def at_once(self, steps, across):
        """The calls that carry out steps for all turns together."""
        fixed = {id(stack) for key, stack in self.stacks.items() if key in across}
        steps = share_memory([lifted_step(s, self.stacks) for s in steps], fixed)
        return [call for step in steps for call in bind(step, self.numbers)]

    def bind_common(self, step):
        """The calls of a step that are the same in every turn, else None."""
        alike = step.touches.isdisjoint(self.stacks)
        return bind(step, self.numbers) if alike else None

    def turn(self, k):
        """The calls of the main part in turn k."""
        while len(self.bound) <= k:
            places = at_turn(self.stacks, len(self.bound))
            pairs = zip(self.main, self.common, strict=True)
            bound = (calls or bind(s.moved(places), self.numbers) for s, calls in pairs)
            self.bound.append([call for calls in bound for call in calls])
        return self.bound[k]

    def __call__(self, n):
        for function, args in self.ahead:
            function(*args)
        for k in range(n):
            for function, args in self.turn(k):
                function(*args)
        for function, args in self.late:
            function(*args)


def touched(steps):
    """Ids of all owners that steps read or write."""
    return set().union(*(step.touches for step in steps))


def stacked_owners(fresh, outputs, ahead, main, late):
    """Owners of which every turn needs its own, {id: array}."""
    arrays = [*fresh.values(), *(step.out for step in ahead + late)]
    read = owners_of(outputs.values()).union(*(step.reads for step in late))
    arrays += [step.out for step in main if step.writes in read]
    return {id(owner(array)): owner(array) for array in arrays}


def proved_scan(function, fresh, state, other, most=MOST):
    """A Scan if the function can be recorded, replays truly and gains by it; else None.

    ``other`` holds other values of ``fresh``. Two turns, on those and on ``fresh``, have
    to give what the function gives. ``state`` is left as it was.
    """
    if 2 * sum(array.nbytes for array in fresh.values()) > BUDGET:
        return None  # not two turns would fit: no need to record a step to see it
    before = {key: array.copy() for key, array in state.items()}
    try:
        made = Scan(function, fresh, state, most)
        set_all(state, before)
        gains = made.count > 1 and is_true(made, function, (other, fresh), state)
        return made if gains else None
    except NotRecordable:
        return None
    finally:
        set_all(state, before)


def is_true(made, function, turns, state):
    """Whether turns on these inputs, from another state, are those of the function."""
    for array in state.values():
        toggle(array)
    direct = {key: array.copy() for key, array in state.items()}
    for k, values in enumerate(turns):
        for key, stack in made.inputs.items():
            stack[k] = values[key]
    made(len(turns))
    true = True
    for k, values in enumerate(turns):
        outputs = {key: v.copy() for key, v in function(**values, **direct).items()}
        true &= agree({key: v[k] for key, v in made.outputs.items()}, outputs)
    return true and agree(state, direct)
