"""The warning of a fit: data it was not made for, or a bad result of its own.

Raw data are told whoever chose the steps; a bad result only where start and steps were
left to the package.
"""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import scipy

from minibnn.likelihoods.weighted import split_weights
from minibnn.prediction.prediction import OUTPUTS
from minibnn.standardise import mean_and_sd
from minibnn.validation.doors import callers_level

DRAWS = 256  # of the weights, for the density of the training rows
MOST_ROWS = 1000  # that are looked at
LOST = 0.01  # nats a row, which so few draws may lose
# By trial, what makes the error of a default fit larger by a half or more:
LARGE, SMALL = 10.0, 0.1  # standard deviations above and below
AWAY = {"X": 3.0, "y": 10.0}  # means of so many standard deviations, and of so many units
MOST_LOOKED_AT = 2_000  # rows, for means and spreads
MOST_NAMED = 4
SURE = 2.0  # standard errors of a rise
SMALLER = (
    "Try a smaller network, a smaller prior scale or more rows; max_steps, start and "
    "optimizer change how it is fitted"
)


class FitWarning(UserWarning):
    """Raw data, or a result of our own choices not to be trusted; with the remedy.

    Attributes
    ----------
    result : FitResult
        What ``fit`` returns. Where a filter turns the warning into an error it is here.

    Examples
    --------
    >>> import warnings
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> raw = [[1970.0], [1985.0], [2001.0]], [0.1, 0.5, 0.9]
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     result = mb.fit(model, mb.MeanField(), *raw, rng=0, max_steps=9)
    >>> print(said[0].message)
    Far from mean 0 and standard deviation 1: X[:, 0] (mean 2e+03, sd 13). Priors...
    >>> said[0].message.result is result
    True
    """

    def __init__(self, text: str, result: Any = None) -> None:
        super().__init__(text)
        self.result = result


def tell(result, found):
    """One warning of what has been found, if there is anything to warn of."""
    if found:
        warning = FitWarning(". ".join(found) + ".", result)
        warnings.warn(warning, stacklevel=callers_level())


def doubts(result, X, y, ours):
    """What is bad or will be, and what to do, in sentences; none if all is well.

    X and y as the steps have seen them; ``ours``: start and steps were left to the package.
    """
    raw = raw_columns(result.model, X, y)
    return [*(bad_result(result, X, y, raw) if ours else []), *raw]


def bad_result(result, X, y, raw):
    """What is bad about a result whose start and steps were ours."""
    if np.any(result.diverged):
        state = "the start" if np.any(result.returned == "start") else "the last state"
        return [
            f"the steps diverged{share(result.diverged)}: {state} is returned",
            "Take a smaller learning rate",
        ]
    gain = gain_over_constant(result, X, y)
    worse, no_better = gain < -1.0, gain < 1.0
    if np.any(worse):
        how = f"the fit predicts its own rows{share(worse)} worse than a constant would"
        return [how] if raw else [how, SMALLER]
    if raw and np.any(no_better):
        return [
            f"the fit predicts its own rows{share(no_better)} no better than a constant"
        ]
    return still_rising(result)


def still_rising(result):
    """That the steps were too few, where they surely were; a plateau says nothing."""
    rising = np.equal(result.stop_reason, "max_steps") & ~np.asarray(result.converged)
    if result.rise is not None:  # of noisy steps little is sure
        rising &= np.greater(result.rise, SURE * np.asarray(result.rise_se))
    if result.rise is None or not np.any(rising):
        return []
    where, rise = share(rising), np.max(np.where(rising, result.rise, -np.inf))
    return [
        f"the ELBO was still rising{where}, by {rise:.3g} nats in an eighth of the steps",
        f"Give more of them, max_steps={4 * len(result.history['loss'])}",
    ]


def share(flags):
    """How many of the replicas, as words."""
    return f" in {np.sum(flags)} of {np.size(flags)} replicas" if np.ndim(flags) else ""


def gain_over_constant(result, X, y):
    """Log density of the training rows above that of the best constant output.

    In units of what may be chance: a nat for each number of the constant, and what few
    draws may lose. A number, or an array (R,) with replicas.
    """
    if result.family.tasks:
        return np.inf
    result = replace(result, standardiser=None)  # X and y are what its steps have seen
    if not result.q.mean.shape[:-1]:
        return gain(result, X, y)
    own, runs = np.ndim(X) == 3, range(len(result.q.mean))
    data = [(X[i], y[i]) if own else (X, y) for i in runs]
    return np.array([gain(result.replica(i), *data[i]) for i in runs])


def gain(result, X, y):
    """The same for one run and its rows, or a thousand of them."""
    likelihood, n_outputs = result.model.likelihood, result.model.net.n_outputs
    rows = np.linspace(0, len(X) - 1, min(len(X), MOST_ROWS)).astype(int)
    X, y = X[rows], y[rows]
    plain, weights = split_weights(likelihood, y)
    weights = np.ones(len(y), int) if weights is None else weights
    try:
        with np.errstate(all="ignore"):
            fitted = log_density(result, X, plain, weights)
    except ValueError:  # outputs that are not finite
        return -np.inf
    y = likelihood.targets(y, (len(y), n_outputs))
    best, numbers = best_constant(likelihood, y, n_outputs)
    return float(fitted - best) / (numbers + LOST * weights.sum())


def log_density(result, X, y, weights):
    """Log predictive density of all rows, by predictions small enough to run once."""
    few = max(1, OUTPUTS // (DRAWS * result.model.net.n_outputs))
    parts = [slice(i, i + few) for i in range(0, len(X), few)]
    densities = (result.predict(X[i], DRAWS).log_prob(y[i]) for i in parts)
    return sum((weights[i] * d).sum() for i, d in zip(parts, densities, strict=True))


def best_constant(likelihood, y, n_outputs):
    """The log density of y (B, ...) under the best constant output, and its numbers."""

    def nll(c):
        outputs = np.broadcast_to(c[:n_outputs], (1, len(y), n_outputs))
        value, g_F, g_v = likelihood(outputs, y, c[None, n_outputs:])
        g_v = np.zeros(0) if g_v is None else g_v[0]
        return float(value[0]), np.concatenate([g_F[0].sum(0), g_v])

    first = np.concatenate([np.zeros(n_outputs), likelihood.initial_weights()])
    with np.errstate(all="ignore"):
        found = scipy.optimize.minimize(nll, first, jac=True, method="L-BFGS-B")
    return -found.fun, len(first)


def raw_columns(model, X, y):
    """Which columns are far from mean 0 and spread 1, and the remedy: a list.

    Of y only where the noise has a scale of its own, which counts and labels have not.
    """
    y, weights = split_weights(model.likelihood, y)
    arrays = {"X": X} | ({"y": y} if model.likelihood.location_scale else {})
    found = [
        f"{name}[:, {k}] (mean {mean:.2g}, sd {sd:.2g})"
        for name, array in arrays.items()
        for k, mean, sd in far_columns(array, AWAY[name], weights)
    ]
    if not found:
        return []
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return [
        f"Far from mean 0 and standard deviation 1: {', '.join(found[:MOST_NAMED])}{more}",
        "Priors, initial weights and steps are made for these: use fit(..., "
        "standardise=True), which predicts in raw units all the same",
    ]


def far_columns(array, most, weights=None):
    """(number, mean, sd) of the columns that are far, seen on some rows of (..., N, D).

    Those of weight 0 are not looked at. ``most`` is for means. A small spread is none
    where most rows have one value (a rare category, a pixel at the edge), nor where there
    are so many such columns that together they are of unit size.
    """
    step = max(1, array.shape[-2] // MOST_LOOKED_AT)
    rows = np.asarray(array[..., ::step, :], np.float64).reshape(-1, array.shape[-1])
    if weights is not None:
        rows = rows[weights[..., ::step].ravel() > 0]
    if not len(rows):
        return []
    mean, sd = mean_and_sd(rows)
    away = np.abs(mean) / most > np.maximum(sd, 1.0)
    sd = np.where((rows == rows[0]).all(0), 0.0, sd)
    varies = np.mean(rows == np.median(rows, 0), 0) < 0.5
    small = varies & (sd < SMALL)
    small &= np.sum(sd[small] ** 2) < 0.5
    far = away | (sd > LARGE) | small
    return [(k, mean[k], sd[k]) for k in np.flatnonzero(far)]
