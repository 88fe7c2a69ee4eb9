"""Several kinds of start: every run goes once from each, and the best end is kept.

No start is the best everywhere, and the ELBO says at the end which one was. Later kinds
know what the first has reached, and give up where they cannot meet it.
"""

from dataclasses import replace

import numpy as np

from minibnn.inference.history import padded

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
    return side_by_side([results[k].replica(i) for i, k in enumerate(best)], results[0])


def side_by_side(singles, like):
    """Results of single replicas as one result of all of them."""

    def together(name):
        values = [getattr(result, name) for result in singles]
        return None if values[0] is None else np.array(values)

    reasons = together("stop_reason")
    histories = [result.history for result in singles]
    order = np.arange(len(singles))
    return replace(
        like,
        params={k: np.stack([one.params[k] for one in singles]) for k in like.params},
        history=padded(histories, [1] * len(singles), order),
        stop_reason=str(reasons[0]) if len(set(reasons)) == 1 else reasons,
        **{name: together(name) for name in TOGETHER},
    )


TOGETHER = "elbo elbo_se converged diverged returned rise rise_se".split()
