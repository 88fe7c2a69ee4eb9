"""Folds of unequal length: replicas whose data sets have not equally many rows.

Data sets of one length are advanced together, one length after the other. So every fold is
what it would be among folds of its own length, with the seed it has among all of them, and
nothing is padded but the history.
"""

from dataclasses import replace

import numpy as np

from minibnn.likelihoods.weighted import checked_weights
from minibnn.model import checked_data
from minibnn.rng import run_seeds
from minibnn.standardise import Standardiser, of_replica, side_by_side
from minibnn.svi.checkpoint import Checkpoint
from minibnn.svi.history import padded
from minibnn.svi.interrupt import was_interrupted
from minibnn.validation.describe import describe

TOGETHER = "elbo elbo_se converged diverged returned rise rise_se".split()


def are_unequal(X):
    """Whether X lists tables (n, D) of which not all have equally many rows."""
    return (
        is_list(X)
        and len(X) > 1
        and all(map(is_table, X))
        and len({len(table) for table in X}) > 1
    )


def is_list(value):
    """Whether a value lists objects: a list, a tuple, or an array of objects."""
    objects = isinstance(value, np.ndarray) and value.dtype == object
    return isinstance(value, list | tuple) or (objects and value.ndim == 1)


def is_table(value):
    """Whether a value has rows of numbers: an array, a frame, or a list of lists."""
    try:
        return len(getattr(value, "shape", None) or np.shape(value)) == 2
    except (ValueError, TypeError):  # ragged, or no array at all
        return False


def checked_sets(model, X, y, replicas):
    """[(X (n, D), y)] of data sets of unequal length, all in one precision."""
    rows = ", ".join(str(len(table)) for table in X[:4]) + ", ..." * (len(X) > 4)
    said = f"X lists {len(X)} data sets of unequal length ({rows} rows)"
    if replicas != len(X) or isinstance(replicas, bool):
        raise ValueError(f"{said}: give replicas={len(X)}, got {describe(replicas)}")
    if not is_list(y) or len(y) != len(X):
        raise ValueError(
            f"{said}: y must be a list of {len(X)} arrays, one for each, "
            f"got {describe(y)}"
        )
    sets = [checked_set(i, model, *pair) for i, pair in enumerate(zip(X, y, strict=True))]
    dtype = np.result_type(*(X.dtype for X, _ in sets))
    return [(X.astype(dtype, copy=False), y) for X, y in sets]


def checked_set(i, model, X, y):
    """Checked inputs and targets of one data set, or an error that says which it is."""
    try:
        A, y = checked_data(model, X, y, ndim=2)
    except ValueError as error:
        raise type(error)(f"data set {i}: {error}") from error
    return A.X, y


def checked_lists(sets, sample_weight):
    """Weights of the rows of each data set, or None."""
    if sample_weight is None:
        return None
    if not is_list(sample_weight) or len(sample_weight) != len(sets):
        raise ValueError(
            f"sample_weight must be a list of {len(sets)} arrays, as X is, "
            f"got {describe(sample_weight)}"
        )
    return [
        checked_weights(f"sample_weight[{i}]", own, (len(X),))
        for i, (own, (X, _)) in enumerate(zip(sample_weight, sets, strict=True))
    ]


def fit_folds(fit_one, model, X, y, rng, given):
    """(result, what is to be said of it) of replicas with data sets of unequal length.

    ``fit_one(X, y, rng, given, seeds, begin)`` gives both for those of one length; where
    ``begin`` is False they take no step, after Ctrl-C in an earlier group.
    """
    sets = checked_sets(model, X, y, given["replicas"])
    given = given | {"sample_weight": checked_lists(sets, given["sample_weight"])}
    lengths = [len(X) for X, _ in sets]
    groups = [np.flatnonzero(np.equal(lengths, n)) for n in dict.fromkeys(lengths)]
    seeds, results, said = run_seeds(rng, len(sets)), [], {}
    for k, group in enumerate(groups):
        data = [np.stack(arrays) for arrays in zip(*(sets[i] for i in group), strict=True)]
        own = *data, rng, part_of(given, group, k), [seeds[i] for i in group]
        begin = not any(map(was_interrupted, results))
        try:
            result, found = fit_one(*own, begin)
        except KeyboardInterrupt:  # in a start
            if not results:
                raise
            result, found = fit_one(*own, False)
        results.append(result)
        for text in found:  # raw columns are told once, with one group's numbers
            said.setdefault(text.partition(":")[0], text)
    return in_order(results, np.argsort(np.concatenate(groups))), list(said.values())


def part_of(given, group, k):
    """The arguments of ``fit`` for some of the replicas, the k-th group."""
    own, R = given | {"replicas": len(group)}, given["replicas"]
    start, checkpoint, units = (given[k] for k in ("start", "checkpoint", "standardise"))
    if given["sample_weight"] is not None:
        own["sample_weight"] = np.stack([given["sample_weight"][i] for i in group])
    if isinstance(start, dict):
        own["start"] = {
            key: np.asarray(v)[group] if np.shape(v)[:-1] == (R,) else v
            for key, v in start.items()
        }
    if checkpoint is not None:
        whole = isinstance(checkpoint, Checkpoint)
        own["checkpoint"] = checkpoint if whole else Checkpoint(checkpoint)
        own["checkpoint"] = own["checkpoint"].for_restart(k)
    if isinstance(units, Standardiser) and units.own and len(units.X_mean) == R:
        own["standardise"] = of_replica(units, group)
    return own


def in_order(results, order):
    """One result of the replicas that ``order`` picks from those of all groups."""

    def together(name):
        values = [getattr(result, name) for result in results]
        if all(value is None for value in values):
            return None
        values = [np.nan if value is None else value for value in values]
        parts = map(np.broadcast_to, values, sizes)
        return np.concatenate(list(parts))[order]

    sizes = [len(result.converged) for result in results]
    reasons, rows = together("stop_reason"), together("n_rows")
    return replace(
        results[0],
        params={
            key: np.concatenate([result.params[key] for result in results])[order]
            for key in results[0].params
        },
        history=padded([result.history for result in results], sizes, order),
        stop_reason=str(reasons[0]) if len(set(reasons)) == 1 else reasons,
        n_rows=int(rows[0]) if len(set(rows)) == 1 else rows,
        standardiser=side_by_side([result.standardiser for result in results], order),
        **{name: together(name) for name in TOGETHER},
    )
