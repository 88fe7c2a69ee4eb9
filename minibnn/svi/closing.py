"""The closing of a run: which state is returned, and its ELBO from fresh noise."""

import numpy as np

from minibnn.optim.stopping import in_words
from minibnn.progress import Progress, report
from minibnn.svi.compare import Outcome, last_rise, settle
from minibnn.svi.estimate import estimate_elbo, exact_elbo
from minibnn.svi.interrupt import Interrupted
from minibnn.svi.result import FitResult


def finish(job, state):
    """The result of a run that has ended, its ELBO from noise it has never seen.

    Ctrl-C raises ``Interrupted`` with the result that lacks the rest of the estimate.
    """
    interrupted, outcome, pair = False, Outcome(), unknown(job)
    say = report if job.options.verbose else lambda text: None
    try:
        outcome = Outcome(*last_rise(job, state))
        outcome = settle(job, state, outcome)
        say(job.title + in_words(outcome.converged, outcome.rise, outcome.rise_se))
        if estimated(job):
            say(f"{job.title}estimating the ELBO from fresh noise")
            pair = fresh_elbo(job, state)
    except KeyboardInterrupt as interrupt:
        interrupted, pair = True, getattr(interrupt, "so_far", pair)
    result = result_of(job, state, outcome, *pair)
    if interrupted:
        result.stop_reason = "interrupted"
        raise Interrupted(result)
    return result


def not_begun(beginning):
    """The result of a job that Ctrl-C has kept from its start and its steps."""
    for _ in beginning.job.seeds:
        beginning.add()
    job, state = beginning.job, beginning.state()
    return result_of(job, state, settle(job, state, Outcome()), *unknown(job))


def result_of(job, state, outcome, elbo, elbo_se):
    """What is known of a run."""
    history = {name: np.asarray(values) for name, values in state.history.items()}
    fitted = job.model, job.family, state.params(), history, elbo, elbo_se
    seed, units = state.streams[0].prediction_seed, job.options.standardise
    said = vars(outcome) | {"standardiser": units, "n_rows": job.n_rows}
    return FitResult(*fitted, state.stop_reason, seed, **said)


def estimated(job):
    """Whether the result has an ELBO: a point has none, and it may be left out."""
    return job.family.has_elbo and job.options.elbo_samples != 0


def unknown(job):
    """(nan, nan) in the shapes of an ELBO and its standard error, or (None, None)."""
    if not estimated(job):
        return None, None
    shape = job.lead + job.family.tasks
    return (np.full(shape, np.nan),) * 2 if shape else (np.nan, np.nan)


def fresh_elbo(job, state):
    """(ELBO, standard error): two floats, or two arrays over replicas.

    Ctrl-C raises ``Interrupted`` with what has been estimated, nan for the rest.
    """
    values = np.stack(unknown(job))
    params, interrupted = state.params(), False
    for i in range(len(state.streams)):
        where = (slice(None), i) if job.lead else ...
        own = {key: value[i] for key, value in params.items()} if job.lead else params
        try:
            values[where] = elbo_of(job, state, i, own)
        except Interrupted as interrupt:
            values[where] = interrupt.so_far or np.nan
            interrupted = True
            break
    pair = tuple(values) if values.ndim > 1 else tuple(values.tolist())
    if interrupted:
        raise Interrupted(pair)
    return pair


def elbo_of(job, state, i, params):
    """(ELBO, standard error) of replica i, for a tenth of what the steps have cost."""
    problem = job.model, job.family, params, *job.data_of(i)
    rows = state.step * job.options.n_samples * job.rows_a_step
    with np.errstate(all="ignore"):  # an ELBO of -inf is an answer
        if job.estimator.exact:
            return exact_elbo(*problem, job.estimator)
        rng, samples = state.streams[i].validation, job.options.elbo_samples
        with Progress(job.options.verbose, f"{job.title}ELBO", unit="draws") as progress:
            return estimate_elbo(*problem, rng, samples, rows // 10, progress)
