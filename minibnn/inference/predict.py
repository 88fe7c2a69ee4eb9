"""The posterior predictive: what a mixture of sampled networks says, and how sure it is.

Rows are taken in chunks; for each chunk all S weight samples pass, in chunks of their
own, so memory is bounded and every summary sees all samples of its rows at once.
"""

import sys
from functools import cached_property

import numpy as np

from minibnn.inference.autopsy import largest, named_data
from minibnn.kernels.keep import kept
from minibnn.kernels.predictive import (
    bernoulli_entropy,
    bernoulli_mutual_information,
    categorical_entropy,
    log_mean_exp,
    mutual_information,
    predictive_mean,
    predictive_variance,
)
from minibnn.kernels.validate import (
    check_all,
    check_bool,
    check_int,
    check_number,
    check_range,
)
from minibnn.plan.repeated import Repeated

MOST_SAMPLES = 10_000_000  # one row's outputs must fit in memory
OUTPUTS = 4_000_000  # S x rows x C of one chunk of rows
PIECE = 2**15  # S x rows x C that are summarised together; their arrays fit in cache
ACTIVATIONS = 100_000  # samples x rows x units of one forward pass; fits in cache
MANY = 8  # passes of one size, from which on recording them pays


def predict(model, weight_chunks, X, n_samples, seed, verbose=False):
    """The :class:`Prediction` of weight samples at checked inputs X.

    ``weight_chunks(seed, n_samples, size)`` yields arrays (s, P) with s <= size, the
    same ones on every call; each holds until the next.
    """
    n_samples = check_int("n_samples", n_samples, maximum=MOST_SAMPLES)
    verbose = check_bool("verbose", verbose)
    A = kept_features(model, X)
    return Prediction(model, weight_chunks, A, n_samples, seed, verbose)


def kept_features(model, X):
    """Features that stay as they are whatever becomes of X; without a bias they are X."""
    A = model.features(X)
    return kept(A) if np.may_share_memory(A, X) else A


class Prediction:
    """Posterior predictive at N inputs, from S weight samples.

    Attributes
    ----------
    mean : (N,) or (N, C)
        E[y]; for classification the probability of label 1, or of every class.
    std : (N,) or (N, C)
        Regression: standard deviation of y, noise included. Classification: standard
        deviation of the probability over weight samples.
    aleatoric, epistemic : (N,) or (N, C)
        Regression: the two parts of the variance, std² = aleatoric + epistemic.
        Classification: mean entropy and mutual information in nats; their sum is the
        entropy of ``mean``. (N,), or (N, C) for several yes/no outputs.
    samples : (S, N) or (S, N, C)
        E[y | w_s] of every sample; computed when asked for.
    """

    def __init__(self, model, weight_chunks, A, n_samples, seed, verbose=False):
        self._model, self._A, self._n_samples = model, A, n_samples
        self._verbose, self._tenth = verbose, 0
        self._weight_chunks, self._seed = weight_chunks, seed
        self._kept = None  # the outputs, where they are one chunk
        mean = model.likelihood.mean
        (mean,) = self._over_rows(lambda F, v, rows: (predictive_mean(mean(F, v)),))
        self._mean = mean

    def __repr__(self):
        return f"Prediction of {self._A.shape[0]} rows by {self._n_samples} samples"

    @property
    def mean(self):
        """E[y]; for classification the probability of label 1, or of every class."""
        return self._mean.copy()  # what is handed out is not what is kept

    @property
    def std(self):
        """Standard deviation of y, or of the probability over weight samples."""
        within, between = self._variances
        regression = self._model.likelihood.kind == "regression"
        return np.sqrt(within + between if regression else between)

    @property
    def aleatoric(self):
        """What more data would not remove: noise variance, or mean entropy."""
        return self._parts[0].copy()

    @property
    def epistemic(self):
        """What more data would remove: variance of the mean, or mutual information."""
        return self._parts[1].copy()

    @property
    def samples(self):
        """E[y | w_s] for every weight sample, (S, N) or (S, N, C)."""
        mean = self._model.likelihood.mean
        (samples,) = self._over_rows(lambda F, v, rows: (mean(F, v),), axis=1)
        return samples

    def log_prob(self, y):
        """Log predictive density of targets y, one per row: log mean_s p(y | w_s)."""
        likelihood = self._model.likelihood
        y = likelihood.targets(y, (len(self._A), self._model.net.n_outputs))
        check_range("y", y, self._A.dtype)

        def one(F, v, rows):
            return (log_mean_exp(-likelihood.row_nll(F, y[rows], v)),)

        return self._over_rows(one)[0]

    def interval(self, level=0.95):
        """Central interval (lower, upper) that holds ``level`` of the probability.

        Regression: of y, from one draw per weight sample, noise included.
        Classification: of the probability itself.
        """
        level = check_number("level", level, 0.0, 1.0, strict=True)
        tails = [0.5 - level / 2, 0.5 + level / 2]
        likelihood = self._model.likelihood
        rng = np.random.default_rng([*_words(self._seed), 1])  # beside the weights' own

        def one(F, v, rows):
            draws = likelihood.mean(F, v)
            if likelihood.kind == "regression":
                draws = likelihood.sample(F, v, _open_uniform(rng, F.shape))
            return tuple(_quantiles(draws, tails).astype(draws.dtype))

        return self._over_rows(one)

    @cached_property
    def _variances(self):
        """Mean variance within a weight sample, variance of the mean between them."""
        likelihood = self._model.likelihood

        def two(F, v, rows):
            return predictive_variance(likelihood.mean(F, v), likelihood.variance(F, v))

        return self._over_rows(two)

    @cached_property
    def _parts(self):
        likelihood = self._model.likelihood
        if likelihood.kind == "regression":
            return self._variances
        return self._over_rows(lambda F, v, rows: _information(F, likelihood.exclusive))

    def _over_rows(self, summarise, axis=0):
        """Arrays of ``summarise(F, v, rows)`` for all rows, single outputs squeezed."""
        n_rows, width = len(self._A), self._model.net.n_outputs
        size = max(1, OUTPUTS // (self._n_samples * width))
        parts = []
        for start in range(0, max(n_rows, 1), size):  # no rows are a chunk as well
            rows = slice(start, start + size)
            if size < n_rows:
                self._report(start, n_rows, "rows")
            F, v = self._outputs(self._A[rows])
            few = max(1, PIECE // (self._n_samples * width))
            with np.errstate(over="ignore"):  # a rate or a variance of inf is an answer
                for i in range(0, max(F.shape[1], 1), few):
                    piece = slice(start + i, start + min(i + few, F.shape[1]))
                    parts.append(summarise(F[:, i : i + few], v, piece))
        arrays = [np.concatenate(part, axis) for part in zip(*parts, strict=True)]
        wide = axis + 2
        return tuple(
            a[..., 0] if a.ndim == wide and a.shape[-1] == 1 else a for a in arrays
        )

    def _report(self, done, total, unit):
        """A line on standard error for every tenth of the work, where that is asked for."""
        before, self._tenth = self._tenth, 10 * done // total
        if self._verbose and self._tenth > before:
            print(f"predict: {done} of {total} {unit}", file=sys.stderr, flush=True)

    def _outputs(self, A):
        """Network outputs F (S, n, C) and the likelihood's own weights (S, k)."""
        if self._kept is not None:
            return self._kept
        net = self._model.net
        size = max(1, ACTIVATIONS // (max(1, len(A)) * max(net.sizes)))
        done, one_chunk = 0, len(A) == len(self._A)
        many = self._n_samples // size >= MANY
        forward = Repeated(lambda w: net.apply(w, A)[0], many)
        with np.errstate(all="ignore"):  # an overflow is told below
            for w in self._weight_chunks(self._seed, self._n_samples, size):
                f, own = forward(w[:, : net.n_weights]), w[:, net.n_weights :]
                if not done:
                    F = np.empty((self._n_samples, *f.shape[1:]), f.dtype)
                    v = np.empty((self._n_samples, own.shape[1]), own.dtype)
                F[done : done + len(w)], v[done : done + len(w)] = f, own
                done += len(w)
                if one_chunk:  # then its samples are the work
                    self._report(done, self._n_samples, "samples")
        good, wanted = np.isfinite(F), "finite; X or a weight is too large"
        check_all("outputs", F, good, wanted, lambda: f"; {largest(named_data(A))}")
        if one_chunk:
            self._kept = F, v
        return F, v


def _information(F, exclusive):
    """Mean entropy and mutual information from logits (S, n, C): of classes or yes/no."""
    if exclusive:
        return predictive_mean(categorical_entropy(F)), mutual_information(F)
    return predictive_mean(bernoulli_entropy(F)), bernoulli_mutual_information(F)


def _quantiles(draws, tails):
    """Quantiles over axis 0; next to an infinite draw there is nothing between."""
    with np.errstate(invalid="ignore"):
        between = np.quantile(draws, tails, axis=0)
    if not np.isnan(between).any():
        return between
    nearest = np.quantile(draws, tails, axis=0, method="nearest")
    return np.where(np.isnan(between), nearest, between)


def _open_uniform(rng, shape):
    """Uniform numbers in (0, 1) for F (S, n, C), drawn row after row of X.

    The ends are excluded, so quantiles of the noise stay finite.
    """
    samples, rows, width = shape
    return rng.uniform(2.0**-53, 1.0, (rows, samples, width)).swapaxes(0, 1)


def _words(seed):
    """The integers that identify a SeedSequence."""
    return [int(word) for word in seed.generate_state(4)]
