"""Detective work on the stored rows: displaced labels and swapped column names.

Neither finding needs a test row. The names are judged by a physical bound and need no
label; the repeated labels need no input; the fitted model connects the two and tells
how far the displacement reaches.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minibnn.datasets.rupture_data import (
    PUBLISHED_NAMES,
    ColumnCheck,
    RepeatedRun,
    check_column_names,
    longest_repeated_label_run,
)
from minibnn.families.point import Point
from minibnn.rupture.models import model
from minibnn.svi.fit import fit
from minibnn.types import FloatArray

SUSPICIOUS = 1e-6  # chance of a repeated run below which it is looked into
FOLDS = 5
MEMBERS = 3  # MAP networks of the ensembles that judge labels
LAGS = 150  # displacements that are tried


@dataclass
class Detection:
    """What the stored rows show.

    run: the longest repeated run of labels. columns: the check of the names. block:
    (first, end) of the rows whose labels are found ``run.lag`` rows further down, None
    if nothing is displaced; lost: the rows after them whose labels are nowhere.
    """

    run: RepeatedRun
    columns: ColumnCheck
    block: tuple[int, int] | None = None
    lost: tuple[int, int] | None = None
    scores: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, FloatArray] = field(default_factory=dict, repr=False)


def detect(raw, X, y, rng):
    """Look at stored inputs (physical and standardised) and labels, in file order."""
    run = longest_repeated_label_run(y)
    found = Detection(run, check_column_names(raw, PUBLISHED_NAMES))
    if run.chance > SUSPICIOUS:
        return found
    fold_rng, other_rng = rng.spawn(2)
    both = cross_fitted(X, y, fold_rng)
    end = block_end(both, y, run)
    found.block, found.lost = (run.start, end), (end, end + run.lag)
    own, shifted = own_and_shifted(both, y, run.lag)
    found.curves = {"own": own, "shifted": shifted}
    judge_block(found, X, y, other_rng)
    return found


def log_probs(X, y, X_new, rng):
    """Log probability of both labels at X_new by a small MAP ensemble, (n, 2)."""
    ensemble = fit(
        model(), Point(), X, y, rng=rng, replicas=MEMBERS, start="lbfgs", max_steps=100
    )
    prediction = ensemble.predict(X_new)
    n = len(X_new)
    return np.column_stack([prediction.log_prob(np.full(n, k)) for k in (0, 1)])


def cross_fitted(X, y, rng):
    """Log probability of both labels of a row by networks that never saw the row."""
    fold, out = np.arange(len(y)) % FOLDS, np.empty((len(y), 2))
    for k, own in enumerate(rng.spawn(FOLDS)):
        away = fold == k
        out[away] = log_probs(X[~away], y[~away], X[away], own)
    return out


def own_and_shifted(both, y, lag):
    """Log probability of every row's own label and of the one ``lag`` rows below."""
    rows = np.arange(len(y) - lag)
    return both[rows, y[rows]], both[rows, y[rows + lag]]


def block_end(both, y, run):
    """First row after the block whose labels are found ``run.lag`` rows further down.

    The block starts where the copied labels do. For an end e the labels of rows up to e
    are taken from below, those of the next ``lag`` rows belong to no row and are worth
    what a guess by the base rate is, and later rows have their own: the e with the
    largest total log probability.
    """
    _, shifted = own_and_shifted(both, y, run.lag)
    rate = np.array([1 - y.mean(), y.mean()])
    guess, own_all = np.log(rate[y]), both[np.arange(len(y)), y]
    below, base, above = (
        np.concatenate([[0.0], np.cumsum(v)]) for v in (shifted, guess, own_all)
    )
    ends = np.arange(run.start, len(y) - run.lag + 1)
    after = ends + run.lag
    total = below[ends] + base[after] - base[ends] - above[after]
    return int(ends[np.argmax(total)])


def judge_block(found, X, y, rng):
    """Score the block's labels with networks fitted on all rows outside it."""
    (start, end), lag = found.block, found.run.lag
    rows = np.arange(start, end)
    outside = np.ones(len(y), bool)
    outside[start : found.lost[1]] = False
    both = log_probs(X[outside], y[outside], X[rows], rng)
    lags = np.arange(min(LAGS, len(y) - end))
    by_lag = np.array([both[rows - start, y[rows + k]].sum() for k in lags])
    predicted = both[:, 1] > both[:, 0]
    order = np.argsort(-by_lag)
    found.curves |= {"lags": lags, "by_lag": by_lag}
    found.scores = {
        "rows": len(rows),
        "accuracy_own": float(np.mean(predicted == y[rows])),
        "accuracy_shifted": float(np.mean(predicted == y[rows + lag])),
        "log_likelihood_own": float(by_lag[0]),
        "log_likelihood_shifted": float(by_lag[lag]),
        "best_lag": int(lags[order[0]]),
        "runner_up": float(by_lag[order[1]]),
        "wrong_labels": int(np.sum(y[rows] != y[rows + lag])),
    }


def facts(found):
    """The finding as plain numbers."""
    return {
        "longest_repeated_run": found.run._asdict(),
        "displaced": found.block is not None, "block": found.block, "lost": found.lost,
        "model_on_other_rows": found.scores, "columns": found.columns._asdict(),
    }


def sentences(found):
    """The finding in words, one string for each point."""
    run, columns = found.run, found.columns
    lines = [
        f"Labels: the {run.length} labels from row {run.start} on repeat those "
        f"{run.lag} rows above; the chance of so long a repeat is {run.chance:.1g}."
    ]
    if found.block:
        lines += block_sentences(found)
    else:
        lines.append("Such a repeat is no sign of a displacement.")
    bounds = [f"{low:.2f} to {high:.2f}" for low, high in columns[1:]]
    lines.append(
        'Columns: with the names in the published order ("sdrop", then "mud") the '
        f"relative stress u = (sxy/|syy| - mud)/drop runs from {bounds[0]}; with the "
        f"two swapped from {bounds[1]}. Physics wants [0, 1]. Verdict: "
        f"{columns.verdict}."
    )
    return lines


def block_sentences(found):
    """How far the displacement reaches, and what a model thinks of it."""
    (start, end), lag, s = found.block, found.run.lag, found.scores
    return [
        f"Networks fitted on the other rows place the displacement at rows {start} to "
        f"{end - 1} (0-based): there a label belongs to the row {lag} rows further up. "
        f"Accuracy {s['accuracy_own']:.3f} with the stored labels, "
        f"{s['accuracy_shifted']:.3f} with those from {lag} rows below; log-likelihood "
        f"{s['log_likelihood_own']:.0f} against {s['log_likelihood_shifted']:.0f}, "
        f"next best shift {s['runner_up']:.0f}. {s['wrong_labels']} of these "
        f"{s['rows']} labels are wrong.",
        f"The labels of rows {found.lost[0]} to {found.lost[1] - 1} are overwritten "
        "and stored nowhere.",
    ]
