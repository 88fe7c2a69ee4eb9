"""Several kinds of start: every run goes once from each, and the best end is kept.

No start is the best everywhere, and the ELBO says at the end which one was. Later kinds
know what the first has reached, and give up where they cannot meet it.
"""

from dataclasses import replace

import numpy as np

from minibnn.svi.closing import finish
from minibnn.svi.failure import FitError
from minibnn.svi.folds import in_order
from minibnn.svi.interrupt import was_interrupted
from minibnn.svi.replicas import ends_of

LAST_STEPS = 100  # whose ELBOs runs are compared by, where the closing one is left out


def scores(result):
    """What results are compared by: the ELBO; for points, minus the last loss.

    Where the ELBO is left out: the mean over the last hundred steps. A float, or one for
    each replica; -inf where there is nothing to go by.
    """
    steps = len(result.history["loss"])
    if result.elbo is not None:
        value = result.elbo
    elif not steps:
        value = np.nan
    elif result.family.has_elbo:
        value = result.history["elbo"][-LAST_STEPS:].mean(0)
    else:
        value = -result.history["loss"][-1]
    value = np.asarray(value, float)
    if result.family.tasks:
        value = value.sum()
    return np.nan_to_num(value, nan=-np.inf, posinf=-np.inf, neginf=-np.inf)


def best_of(results):
    """The best of results of one run that differ in their start, or of each replica."""
    if len(results) == 1:
        return results[0]
    values = np.array([scores(result) for result in results])
    best = values.argmax(0)
    if best.ndim == 0 or (best == best[0]).all():
        return results[int(best.flat[0])]
    return in_order(results, best * len(best) + np.arange(len(best)))


def best_starts(jobs):
    """A result for each of jobs that differ in the seed: the best of its kinds of start.

    One run may fail, all of them may not; Ctrl-C is the end of all.
    """
    first, found, failure, interrupted = jobs[0], {}, KeyboardInterrupt(), False
    options, exact = first.options, first.estimator.exact
    kinds = options.kinds(first.model, first.family, first.n_rows, exact)
    for kind in kinds:
        own = options.of_kind(kind, kinds, rival_of(found))
        results, failed, interrupted = carry_out(
            [
                replace(job, options=own.for_restart(k), title=title_of(k, len(jobs)))
                for k, job in enumerate(jobs)
            ]
        )
        failure = failed or failure
        for k, result in results:
            found.setdefault(k, []).append(result)
        if interrupted or any(result.stop_reason == "callback" for _, result in results):
            break
    found = {k: tried for k in found if (tried := in_earnest(found[k], interrupted))}
    if not found:
        raise failure
    best = [best_of(found[k]) for k in sorted(found)]
    if interrupted:
        best = [replace(result, stop_reason="interrupted") for result in best]
    return best


def title_of(k, count):
    """What progress calls the run of a restart."""
    return f"restart {k + 1} of {count}: " if count > 1 else ""


def in_earnest(results, interrupted):
    """The results that have gone to their end; a start given up is none."""
    done = [r for r in results if not np.array_equal(r.stop_reason, "overtaken")]
    return done or (results if interrupted else [])


def rival_of(found):
    """The best ELBO so far, of any restart; or that of every replica."""
    values = [scores(result) for tried in found.values() for result in tried]
    return np.max(values, axis=0) if values else None


def carry_out(jobs):
    """([(k, result of job k)], the last failure if any, whether Ctrl-C was the end)."""
    results, failure, k = [], None, 0
    try:
        for k, end in enumerate(ends_of(jobs)):
            if isinstance(end, FitError):
                failure = end
            else:
                results.append((k, finish(jobs[k], end)))
    except KeyboardInterrupt as interrupt:
        last = getattr(interrupt, "so_far", None)  # none from within a start
        return results + [(k, last)] * (last is not None), failure, True
    interrupted = any(was_interrupted(result) for _, result in results)
    return results, failure, interrupted


def without_elbo(result):
    """Whether nothing is known of an ELBO that was to be estimated."""
    return result.elbo is not None and np.isnan(result.elbo).all()


def choose(results):
    """The best restart, by its ELBO."""
    begun = [r for r in results if len(r.history["loss"]) and not without_elbo(r)]
    results = begun or results
    best = results[int(np.argmax([scores(result).sum() for result in results]))]
    if len(results) > 1:
        best.restarts = [(r.elbo, r.elbo_se) for r in results]
    return best
