"""Several independent runs of one problem: together where that is quicker, else in turn.

On a small network a step is mostly the making of calls, and the calls for a few runs
side by side cost little more than those for one: steps 1.3 to 5 times quicker, the
numbers equal up to rounding. Where the numbers outweigh the calls nothing is gained, and
the memory of one run is enough.
"""

from copy import copy

import numpy as np

from minibnn.svi.failure import FitError
from minibnn.svi.flat import Flat
from minibnn.svi.history import history_of

# Of one step of one run; from about twice as many on nothing is gained.
MOST_NUMBERS = 2**14
# Runs; each has a block of noise, and all begin anew if one diverges.
MOST_TOGETHER = 32
PACKAGE = __name__.partition(".")[0]


def runs_of(run_class, arguments):
    """Every run, either gone to its end or still to ``go``, up to an interrupted one.

    ``arguments`` are those of ``run_class`` for each run, which differ in the seed
    alone; the class is an argument because runs may ask for runs to start from.
    """
    for first in range(0, len(arguments), MOST_TOGETHER):
        group = arguments[first : first + MOST_TOGETHER]
        ended = []
        if len(group) > 1 and can_go_together(*group[0][:6]):
            ended = gone_together(run_class, group)
        for run in ended or in_turn(run_class, group):
            yield run
        if run.stop_reason == "interrupted":
            return


def in_turn(run_class, arguments):
    """Every run, still to ``go``; after an interrupted one no other begins."""
    for own in arguments:
        run = run_class(*own)
        yield run
        if run.stop_reason == "interrupted":
            return


def can_go_together(model, family, estimator, A, y, options):
    """Whether a few runs give the same as replicas, and sooner."""
    parts = model.net, model.likelihood, model.prior, family, estimator
    alone = (
        options.needs_one_run,
        family.tasks,
        family.literal,  # guarded step by step
        options.optimizer.moves_params,
        # a part of somebody's own may know no replicas, or mix them
        not all(is_ours(part) for part in (*parts, options.optimizer)),
    )
    if any(alone):
        return False
    return numbers_of_a_step(model, family, len(A), options) <= MOST_NUMBERS


def is_ours(part):
    """Whether an object is of a class of this package."""
    return type(part).__module__.partition(".")[0] == PACKAGE


def numbers_of_a_step(model, family, n_rows, options):
    """How many numbers a step of one run makes: activations, noise, parameters."""
    rows = min(options.batch_size or n_rows, n_rows)
    sample = rows * sum(model.net.sizes) + model.n_weights
    n_params = sum(shape[-1] for shape in family.shapes(model).values())
    return options.n_samples * sample + n_params


def gone_together(run_class, arguments):
    """The runs as replicas of one, each by itself again; none where one has failed."""
    *problem, options = arguments[0][:6]
    seeds = [seed for own in arguments for seed in own[6]]
    joint = run_class(*problem, options.for_replicas(len(seeds)), seeds)
    try:
        return apart(joint.go())
    except FitError:  # by themselves the others need not fail
        return []
    except KeyboardInterrupt:  # in a later start: there are the starts so far
        if not joint.starts:
            raise
        pairs = zip(arguments, joint.starts, strict=False)
        return [ended_at(run_class(*own), start) for own, start in pairs]


def ended_at(run, start):
    """A run that has been interrupted before its first step."""
    run.flat, run.stop_reason = Flat(start, run.dtype), "interrupted"
    return run


def apart(joint):
    """The replicas of a run, each as if it had gone by itself."""
    history = {name: np.asarray(values) for name, values in joint.history.items()}
    return [replica(joint, r, history) for r in range(len(joint.streams))]


def replica(joint, r, history):
    """Replica r of a run; ``history`` holds arrays (steps,) or (steps, R)."""
    one = copy(joint)
    one.lead, one.streams = (), [joint.streams[r]]
    one.flat = Flat({key: part[r] for key, part in joint.flat.params.items()})
    one.begin = joint.begin if joint.begin is None else joint.begin[r]
    one.history = history_of(history, r)
    return one
