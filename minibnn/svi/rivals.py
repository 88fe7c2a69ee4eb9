"""Several kinds of start: every run goes once from each, and the best end is kept.

No start is the best everywhere, and the ELBO says at the end which one was. Later kinds
know what the first has reached, and give up where they cannot meet it.
"""

import numpy as np

from minibnn.svi.folds import in_order

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
