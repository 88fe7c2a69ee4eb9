"""Which steps of a recording can be carried out for many turns at once.

A step is *ahead* if nothing it reads depends on the state, *late* if nothing that moves
the state depends on it, and *main* otherwise. Ahead steps run before, late ones after
all turns of the main part; memory that would be written over in between decides against.
"""

from minibnn.tape.lift import can_be_lifted


def phases(steps, inside, lasting):
    """Split steps into (ahead, main, late), each in their order.

    ``inside`` are the ids of the owners of what is new in a turn, ``lasting`` of the state.
    """
    facts = [(step, step.writes, step.reads) for step in steps]
    varying = depending(facts, lasting)
    main = moving(facts, varying, lasting)
    main = promoted(facts, varying, main, inside, lasting)
    kinds = ([], [], [])
    for i, (step, out, _) in enumerate(facts):
        kinds[0 if out not in varying else 1 if i in main else 2].append(step)
    return kinds


def depending(facts, lasting):
    """Owners that depend on the state, or cannot be made ahead for another reason."""
    varying, before = set(lasting), None
    while before != len(varying):
        before, read = len(varying), set()
        for step, out, reads in facts:
            if reads & varying or not can_be_lifted(step):
                varying.add(out)
            if out in read:  # a later part reads what an ahead step would write over
                varying.add(out)
            if out in varying:
                read |= reads
    return varying


def moving(facts, varying, lasting):
    """Numbers of the steps, not ahead, whose result reaches the state."""
    wanted, main = set(lasting), set()
    for i, (_, out, reads) in reversed(list(enumerate(facts))):
        if out in varying and out in wanted:
            main.add(i)
            wanted |= reads
    return main


def promoted(facts, varying, main, inside, lasting):
    """The main steps, and those that cannot wait until all of these are done.

    What reads the state after it has moved cannot: the next turn moves it again.
    """
    before = None
    while before != len(main):
        before = len(main)
        reads = set().union(*(facts[i][2] for i in main))
        written = lasting & {facts[i][1] for i in main}  # and by main steps below
        for i, (step, out, own) in reversed(list(enumerate(facts))):
            touched = out in reads or out in inside | lasting or own & written
            same = any(facts[j][1] == out for j in main)
            if out in varying and (touched or same or not can_be_lifted(step)):
                main.add(i)
            if i in main:
                written.add(out)
    return main
