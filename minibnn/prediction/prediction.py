"""The posterior predictive: what a mixture of sampled networks says, and how sure it is.

Rows are taken in chunks; for each chunk all S weight samples pass, in chunks of their
own, so memory is bounded and every summary sees all samples of its rows at once.
"""

import numpy as np

from minibnn.inputs import named_data
from minibnn.prediction.predictive import log_mean_exp
from minibnn.prediction.summaries import Piece, information, mean, quantiles, variances
from minibnn.progress import SILENT, Progress
from minibnn.tape import Repeated
from minibnn.validation.arguments import (
    as_float_array,
    check_all,
    check_bool,
    check_int,
    check_not_empty,
    check_number,
    check_range,
)
from minibnn.validation.describe import largest
from minibnn.validation.own import kept

MOST_SAMPLES = 10_000_000  # one row's outputs must fit in memory
OUTPUTS = 4_000_000  # S x rows x C of one chunk of rows
PIECE = 2**15  # S x rows x C that are summarised together; their arrays fit in cache
ACTIVATIONS = 100_000  # samples x rows x units of one forward pass; fits in cache
LEVEL = 0.95  # of the interval that is kept
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

    Where S x N x C is at most 4e6 all outputs are kept: the networks run once, and what
    is asked for is computed from them. Beyond that one pass of the networks makes mean,
    standard deviation, its parts and the 95 % interval of all rows, which are kept;
    ``samples``, ``log_prob``, ``quantile`` and other levels take a pass each. Beside a
    small network quantiles and entropies take most of that pass: who wants nothing but
    the mean of very many rows asks for it a few thousand rows at a time.

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
        self._verbose = verbose
        self._weight_chunks, self._seed = weight_chunks, seed
        self._kept, self._made = None, {}  # the outputs, if one chunk; the summaries
        one_chunk = len(A) <= self._rows_at_once
        self._make(["mean"] if one_chunk else self._summaries())

    def __repr__(self):
        return f"Prediction of {self._A.shape[0]} rows by {self._n_samples} samples"

    @property
    def mean(self):
        """E[y]; for classification the probability of label 1, or of every class."""
        (mean,) = self._told("mean")
        return mean

    @property
    def std(self):
        """Standard deviation of y, or of the probability over weight samples."""
        within, between = self._told("variances")
        return np.sqrt(within + between)

    @property
    def aleatoric(self):
        """What more data would not remove: noise variance, or mean entropy."""
        return self._told("parts")[0]

    @property
    def epistemic(self):
        """What more data would remove: variance of the mean, or mutual information."""
        return self._told("parts")[1]

    @property
    def samples(self):
        """E[y | w_s] for every weight sample, (S, N) or (S, N, C)."""
        ((samples,),) = self._over_rows([lambda piece: (piece.means,)], axis=1)
        return samples

    def log_prob(self, y):
        """Log predictive density of targets y, one per row: log mean_s p(y | w_s)."""
        likelihood = self._model.likelihood
        y = likelihood.targets(y, (len(self._A), self._model.net.n_outputs))
        check_range("y", y, self._A.dtype)

        def density(piece):
            nll = likelihood.row_nll(piece.F, y[piece.rows], piece.v)
            return (log_mean_exp(-nll),)

        ((log_prob,),) = self._over_rows([density])
        return log_prob

    def interval(self, level=LEVEL):
        """Central interval (lower, upper) that holds ``level`` of the probability.

        Regression: of y, from one draw per weight sample, noise included.
        Classification: of the probability itself.
        """
        level = check_number("level", level, 0.0, 1.0, strict=True)
        if level == LEVEL:
            return self._told("interval")
        return self._over_rows([self._quantiles(tails(level))])[0]

    def quantile(self, q):
        """Quantiles of what :meth:`interval` speaks of, and from the same draws.

        q in (0, 1): a number gives (N,) or (N, C), k of them (k, N) or (k, N, C).
        """
        q = as_float_array("q", q, ndim=(0, 1), dtype=np.float64)
        check_all("q", check_not_empty("q", q), (q > 0) & (q < 1), "in (0, 1)")
        (found,) = self._over_rows([self._quantiles(np.atleast_1d(q))])
        return np.stack(found) if q.ndim else found[0]

    def _summaries(self):
        """What is kept, by name: functions of a piece of rows."""
        regression = self._model.likelihood.kind == "regression"
        return {
            "mean": mean,
            "variances": variances,
            "interval": self._quantiles(tails(LEVEL)),
        } | ({} if regression else {"parts": information})

    def _quantiles(self, q):
        """A summary: quantiles of draws, whose noise begins anew with every pass."""
        rng = np.random.default_rng([*_words(self._seed), 1])  # beside the weights' own
        return lambda piece: quantiles(piece.draws(rng), q)

    def _told(self, name):
        """Copies of a kept summary: what is handed out is not what is kept."""
        if name == "parts" and self._model.likelihood.kind == "regression":
            name = "variances"
        if name not in self._made:
            self._make([name])
        return tuple(array.copy() for array in self._made[name])

    def _make(self, names):
        """Make summaries in one pass over the networks, and keep them."""
        summaries, names = self._summaries(), list(names)
        found = self._over_rows([summaries[name] for name in names])
        self._made.update(zip(names, found, strict=True))

    def _over_rows(self, summaries, axis=0):
        """For each summary its arrays for all rows, single outputs squeezed: one pass."""
        with np.errstate(over="ignore"):  # a rate or a variance of inf is an answer
            found = [[summary(p) for summary in summaries] for p in self._pieces()]
        return [_joined(pieces, axis) for pieces in zip(*found, strict=True)]

    @property
    def _rows_at_once(self):
        return max(1, OUTPUTS // (self._n_samples * self._model.net.n_outputs))

    def _pieces(self):
        """Yield all rows, a few at a time, under all networks."""
        n_rows, size = len(self._A), self._rows_at_once
        few = max(1, PIECE // (self._n_samples * self._model.net.n_outputs))
        if n_rows <= size:  # then the samples are the work
            with Progress(self._verbose, "predict", self._n_samples, "samples") as progress:
                F, v = self._kept = self._kept or self._outputs(self._A, progress)
            yield from self._split(F, v, 0, few)
            return
        with Progress(self._verbose, "predict", n_rows, "rows") as progress:
            for start in range(0, n_rows, size):
                F, v = self._outputs(self._A[start : start + size])
                yield from self._split(F, v, start, few)
                progress(start + F.shape[1])

    def _split(self, F, v, start, few):
        """The outputs of rows from ``start`` on, a few rows at a time."""
        for i in range(0, max(F.shape[1], 1), few):  # no rows are a piece as well
            rows = slice(start + i, start + min(i + few, F.shape[1]))
            yield Piece(self._model.likelihood, F[:, i : i + few], v, rows)

    def _outputs(self, A, progress=SILENT):
        """Network outputs F (S, n, C) and the likelihood's own weights (S, k)."""
        net = self._model.net
        size = max(1, ACTIVATIONS // (max(1, len(A)) * max(net.sizes)))
        done = 0
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
                progress(done)
        good, wanted = np.isfinite(F), "finite; X or a weight is too large"
        check_all("outputs", F, good, wanted, lambda: f"; {largest(named_data(A))}")
        return F, v


def tails(level):
    """The two quantiles that hold ``level`` between them."""
    return np.array([0.5 - level / 2, 0.5 + level / 2])


def _joined(pieces, axis):
    """The arrays of a summary from those of its pieces, single outputs squeezed."""
    arrays = [np.concatenate(parts, axis) for parts in zip(*pieces, strict=True)]
    wide = axis + 2
    return tuple(
        a[..., 0] if a.ndim == wide and a.shape[-1] == 1 else a for a in arrays
    )


def _words(seed):
    """The integers that identify a SeedSequence."""
    return [int(word) for word in seed.generate_state(4)]
