"""Buffers with separate lives in the same memory.

A buffer lives from its first to its last mention. Walking along the steps, memory whose
buffer has died is handed to the next buffer of the same size; an elementwise step may
even overwrite an operand that dies in it.
"""

import numpy as np

from minibnn.tape.memory import offset, owner, same_layout

CHEAP = 2**14  # bytes; a smaller array is quicker to fill than to overwrite


def share_memory(steps, fixed):
    """The steps in shared memory; owners whose ids are in ``fixed`` stay."""
    born = {step.writes for step in steps} - fixed
    last = {key: i for i, step in enumerate(steps) for key in step.touches}
    places, free, done = {}, {}, []
    for i, step in enumerate(steps):
        new = owner(step.out)
        dying = dying_operands(step, last, i, places)
        if id(new) in born and id(new) not in places:
            if overwrites(step, dying):
                places[id(new)] = places[id(dying.pop(0))]
            else:
                spare = free.get(new.nbytes) or [np.empty(new.nbytes, np.uint8)]
                places[id(new)] = spare.pop(), 0
        done.append(step.moved(places))
        for array in dying:
            free.setdefault(array.nbytes, []).append(places[id(array)][0])
    return done


def dying_operands(step, last, i, places):
    """Owners of this step's operands, among those placed, that no later step mentions."""
    own = {id(base): base for base in map(owner, step.operands)}
    return [
        base
        for key, base in own.items()
        if last[key] == i and key in places and key != step.writes
    ]


def overwrites(step, dying):
    """Whether an elementwise step may write its result over its first dying operand."""
    if not dying or not step.is_elementwise() or step.out.nbytes < CHEAP:
        return False
    old, out = dying[0], step.out
    views = [a for a in step.operands if owner(a) is old]
    return owner(out).nbytes == old.nbytes and all(
        same_layout(a, out) and offset(a) == offset(out) for a in views
    )
