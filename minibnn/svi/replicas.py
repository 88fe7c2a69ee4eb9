"""Runs from their beginning to their end: together where that is quicker, else in turn.

On a small network a step is mostly the making of calls, and the calls for a few runs
side by side cost little more than those for one: steps 1.3 to 5 times quicker, the
numbers equal up to rounding. Where the numbers outweigh the calls nothing is gained, and
the memory of one run is enough. What runs of a simpler family end at is where those of a
richer one begin.
"""

from dataclasses import replace

import numpy as np

from minibnn.likelihoods.weighted import unweighted
from minibnn.rng import Streams
from minibnn.svi.begin import Beginning
from minibnn.svi.compare import Outcome, settle
from minibnn.svi.elbo import default_estimator
from minibnn.svi.failure import FitError
from minibnn.svi.job import Job
from minibnn.svi.run import Run
from minibnn.svi.state import State

# Of one step of one run; from about twice as many on nothing is gained.
MOST_NUMBERS = 2**14
# Runs; each has a block of noise, and all begin anew if one diverges.
MOST_TOGETHER = 32
FIRST_FITS = 2  # of the simpler family; the basin they end in is seldom left again
FEW_WEIGHTS = 150  # with more, one basin is nearly as good as another, and dear
PACKAGE = __name__.partition(".")[0]


def ends_of(jobs):
    """What becomes of each job, up to an interrupted one: its last state, or a FitError.

    The jobs differ in the seed alone.
    """
    for first in range(0, len(jobs), MOST_TOGETHER):
        group = jobs[first : first + MOST_TOGETHER]
        states = []
        if len(group) > 1 and can_go_together(group[0]):
            states = gone_together(group)
        for end in states or one_by_one(group):
            yield end
        if is_interrupted(end):
            return


def one_by_one(jobs):
    """The same one after the other; after an interrupted one no other begins."""
    for job in jobs:
        try:
            end = Run(job, begun(Beginning(job))).go()
        except FitError as error:
            end = error
        yield end
        if is_interrupted(end):
            return


def is_interrupted(end):
    """Whether Ctrl-C has ended it."""
    return isinstance(end, State) and end.stop_reason == "interrupted"


def begun(beginning):
    """The state a job begins in: a new one, or that of a checkpoint."""
    job = beginning.job
    saved = job.options.checkpoint and job.options.checkpoint.load(job)
    if saved:
        return saved
    with np.errstate(all="ignore"):  # what is not finite is no start
        for i in range(len(job.seeds)):
            simple = job.options.kind == "first fit" and not beginning.interrupted
            seed = beginning.streams[i].seed
            beginning.add(first_fits(job, i, seed) if simple else ())
        return beginning.state()


def first_fits(job, i, seed):
    """Params of the simpler family for replica i to start from, one for each basin."""
    model, family = job.model, job.family.first_fit
    options = job.options.for_first_fit(model, job.n_rows)
    problem = model, family, default_estimator(model, family), *job.data_of(i)
    kinds = replace(options, start="auto").kinds(model, family, job.n_rows, False)
    basins = FIRST_FITS if model.n_weights <= FEW_WEIGHTS else 1
    seeds, found = seed.spawn(basins), []
    for kind in kinds:
        own = options.of_kind(kind, [kind])
        said = {"title": "mean-field fit: ", "kind_of_run": "mean-field fit"}
        jobs = [Job(*problem, own, [seed], **said) for seed in seeds]
        ends = list(ends_of(jobs))
        for end in ends:
            if isinstance(end, FitError):
                raise end
        if is_interrupted(ends[-1]):
            raise KeyboardInterrupt
        found.append(zip(jobs, ends, strict=True))
    return [best_params(alike) for alike in zip(*found, strict=True)]


def best_params(pairs):
    """The params of the (job, state) that ends with the best ELBO, as it is returned."""
    for job, state in pairs:
        settle(job, state, Outcome())
    elbo = [np.mean(state.history["elbo"][-100:]) for _, state in pairs]
    return pairs[int(np.argmax(elbo))][1].params()


def can_go_together(job):
    """Whether a few such runs give the same as replicas, and sooner."""
    model, family, options = job.model, job.family, job.options
    parts = model.net, model.likelihood, model.prior, family, job.estimator
    alone = (
        options.needs_one_run,
        family.tasks,
        family.literal,  # guarded step by step
        options.moves_params,
        # a part of somebody's own may know no replicas, or mix them
        not all(is_ours(part) for part in (*parts, options.optimizer)),
    )
    return not any(alone) and numbers_of_a_step(job) <= MOST_NUMBERS


def is_ours(part):
    """Whether an object is of a class of this package."""
    part = unweighted(part)
    return type(part).__module__.partition(".")[0] == PACKAGE


def numbers_of_a_step(job):
    """How many numbers a step of one run makes: activations, noise, parameters."""
    model = job.model
    sample = job.rows_a_step * sum(model.net.sizes) + model.n_weights
    n_params = sum(shape[-1] for shape in job.family.shapes(model).values())
    return job.options.n_samples * sample + n_params


def gone_together(jobs):
    """The last states of runs that go as replicas of one; none where one has failed."""
    options = jobs[0].options.for_replicas(len(jobs))
    seeds = [seed for job in jobs for seed in job.seeds]
    title = f"{len(jobs)} {jobs[0].kind_of_run}s: "
    joint = replace(jobs[0], options=options, seeds=seeds, given_seeds=None, title=title)
    beginning = Beginning(joint)
    try:
        return Run(joint, begun(beginning)).go().replicas()
    except FitError:  # by themselves the others need not fail
        return []
    except KeyboardInterrupt:  # in a later start: there are the starts so far
        if not beginning.found:
            raise
        streams = [[Streams(job.seeds[0])] for job in jobs]
        starts = zip(jobs, beginning.found, streams, strict=False)
        return [State.at(*start, "interrupted") for start in starts]
