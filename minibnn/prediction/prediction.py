"""The posterior predictive: what a mixture of sampled networks says, and how sure it is.

Rows are taken in chunks; for each chunk all S weight samples pass, in chunks of their
own, so memory is bounded and every summary sees all samples of its rows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from minibnn.inputs import named_data
from minibnn.model import unweighted_model
from minibnn.prediction.crps import crps
from minibnn.prediction.predictive import log_mean_exp
from minibnn.prediction.summaries import Piece, information, mean, quantiles, variances
from minibnn.progress import SILENT, Progress
from minibnn.rng import seed_sequence
from minibnn.tape import Repeated
from minibnn.types import Array, ArrayLike, FloatArray, Rng
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
FEWEST = 2  # draws that have a spread
MANY = 8  # passes of one size, from which on recording them pays


WeightChunks = Callable[[np.random.SeedSequence, int, int], Iterator[FloatArray]]
Piecewise = Callable[[Piece], tuple[Array, ...]]  # a summary of some rows


def predict(
    model: Any,
    weight_chunks: WeightChunks,
    X: FloatArray,
    n_samples: int,
    seed: np.random.SeedSequence,
    verbose: bool = False,
    n_draws: int | None = None,
) -> Prediction:
    """The :class:`Prediction` of weight samples at checked inputs X.

    ``weight_chunks(seed, n_samples, size)`` yields arrays (s, P) with s <= size, the
    same ones on every call; each holds until the next. ``n_draws``: of a target, where
    that is not one for each sample.
    """
    n_samples = check_int("n_samples", n_samples, maximum=MOST_SAMPLES)
    verbose = check_bool("verbose", verbose)
    model, A = unweighted_model(model), kept_features(model, X)
    return Prediction(model, weight_chunks, A, n_samples, seed, verbose, n_draws)


def kept_features(model: Any, X: FloatArray) -> FloatArray:
    """Features that stay as they are whatever becomes of X; without a bias they are X."""
    A = model.features(X)
    return kept(A) if np.may_share_memory(A, X) else A


class Prediction:
    """Posterior predictive at N inputs, from S weight samples.

    Made by ``result.predict(X)``, and by ``predict`` of chains and of the Laplace
    approximation. Means, intervals and draws are in the units of y; probabilities have
    none; densities and entropies are in nats.

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

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 0.9, 2.1]
    >>> result = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=50)
    >>> pred = result.predict(X, n_samples=500)
    >>> pred
    Prediction of 3 rows by 500 samples
    >>> pred.mean.shape, pred.samples.shape
    ((3,), (500, 3))
    >>> variance = pred.aleatoric + pred.epistemic
    >>> bool(abs(pred.std**2 - variance).max() < 1e-12)
    True
    """

    def __init__(
        self,
        _model: Any,
        _weight_chunks: WeightChunks,
        _A: FloatArray,
        _n_samples: int,
        _seed: np.random.SeedSequence,
        _verbose: bool = False,
        _n_draws: int | None = None,
    ) -> None:
        self._model, self._A, self._n_samples = _model, _A, _n_samples
        self._n_draws = _n_samples if _n_draws is None else _n_draws
        self._verbose = _verbose
        self._weight_chunks, self._seed = _weight_chunks, _seed
        self._kept: Any = None  # the outputs, if one chunk
        self._made: dict[str, tuple[Array, ...]] = {}  # the summaries
        one_chunk = len(_A) <= self._rows_at_once
        self._make(["mean"] if one_chunk else self._summaries())

    def __repr__(self) -> str:
        rows, samples = self._A.shape[0], self._n_samples
        return (
            f"Prediction of {rows} row{'s' * (rows != 1)} "
            f"by {samples} sample{'s' * (samples != 1)}"
        )

    @property
    def mean(self) -> FloatArray:
        """E[y]; for classification the probability of label 1, or of every class."""
        (mean,) = self._told("mean")
        return mean

    @property
    def std(self) -> FloatArray:
        """Standard deviation of y, or of the probability over weight samples."""
        within, between = self._told("variances")
        return np.sqrt(within + between)

    @property
    def aleatoric(self) -> FloatArray:
        """What more data would not remove: noise variance, or mean entropy."""
        return self._told("parts")[0]

    @property
    def epistemic(self) -> FloatArray:
        """What more data would remove: variance of the mean, or mutual information."""
        return self._told("parts")[1]

    @property
    def samples(self) -> FloatArray:
        """E[y | w_s] for every weight sample, (S, N) or (S, N, C)."""
        ((samples,),) = self._over_rows([lambda piece: (piece.means,)], axis=1)
        return samples

    def log_prob(self, y: ArrayLike) -> FloatArray:
        """Log predictive density of targets, one per row: log mean_s p(y | w_s).

        Parameters
        ----------
        y : array (N,) or (N, K)
            What was observed at the N inputs, in the units of the y of the fit.

        Returns
        -------
        array (N,)
            In nats; of labels and counts log probabilities. Several targets of a row are
            taken together.

        Raises
        ------
        ValueError
            y has another length, is not finite, or cannot be under the likelihood.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 0.9, 2.1]
        >>> result = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=50)
        >>> pred = result.predict(X)
        >>> surprised = pred.log_prob([0.1, 0.9, 5.0])
        >>> surprised.shape, bool(surprised[2] < surprised[1])
        ((3,), True)
        """
        likelihood, y = self._model.likelihood, self._targets(y)

        def density(piece: Piece) -> tuple[Array, ...]:
            nll = likelihood.row_nll(piece.F, y[piece.rows], piece.v)
            return (log_mean_exp(-nll),)

        ((log_prob,),) = self._over_rows([density])
        return log_prob

    def interval(self, level: float = LEVEL) -> tuple[FloatArray, FloatArray]:
        """Central interval that holds ``level`` of the probability.

        Regression: of y, from one draw per weight sample, noise included.
        Classification: of the probability itself. A point has one set of weights, from
        which ``n_samples`` targets are drawn; of its probabilities the width is 0.

        Parameters
        ----------
        level : float
            In (0, 1).

        Returns
        -------
        (lower, upper) : arrays (N,) or (N, C)

        Raises
        ------
        ValueError
            ``level`` is not in (0, 1).

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 0.9, 2.1]
        >>> result = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=50)
        >>> pred = result.predict(X)
        >>> lower, upper = pred.interval(0.9)
        >>> bool((lower < pred.mean).all() and (pred.mean < upper).all())
        True
        """
        level = check_number("level", level, 0.0, 1.0, strict=True)
        if level == LEVEL:
            lower, upper = self._told("interval")
            return lower, upper
        lower, upper = self._over_rows([self._quantiles(tails(level))])[0]
        return lower, upper

    def quantile(self, q: ArrayLike) -> FloatArray:
        """Quantiles of what :meth:`interval` speaks of, and from the same draws.

        Parameters
        ----------
        q : float or array (k,)
            In (0, 1).

        Returns
        -------
        array (N,) or (N, C); (k, N) or (k, N, C) for k of them

        Raises
        ------
        ValueError
            A q outside (0, 1), or none.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 0.9, 2.1]
        >>> result = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=50)
        >>> pred = result.predict(X)
        >>> pred.quantile(0.5).shape, pred.quantile([0.25, 0.5, 0.75]).shape
        ((3,), (3, 3))
        """
        q = as_float_array("q", q, ndim=(0, 1), dtype=np.float64)
        check_all("q", check_not_empty("q", q), (q > 0) & (q < 1), "in (0, 1)")
        (found,) = self._over_rows([self._quantiles(np.atleast_1d(q))])
        return np.stack(found) if q.ndim else found[0]

    def sample(self, n: int, rng: Rng = None) -> Array:
        """Draw new targets, noise included: data sets as the fitted model would make them.

        Draw i comes from network i mod S at all inputs, so its rows belong together.

        Parameters
        ----------
        n : int
            How many targets for each input. More than S use networks again.
        rng : int, SeedSequence, Generator or None
            None begins a stream of the prediction's own anew: equal calls, equal draws.

        Returns
        -------
        array (n, N) or (n, N, K)
            In the units of y; labels are integers.

        Raises
        ------
        ValueError
            ``n`` is no positive whole number.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 0.9, 2.1]
        >>> result = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=50)
        >>> pred = result.predict(X)
        >>> pred.sample(20, rng=1).shape
        (20, 3)
        """
        n = check_int("n", n, maximum=MOST_SAMPLES)
        seed = [*_words(self._seed), 2] if rng is None else seed_sequence(rng)
        draws, labels = np.random.default_rng(seed), self._model.likelihood.kind

        def targets(piece: Piece) -> tuple[Array, ...]:
            y = piece.targets(draws, n)
            return (y.astype(np.intp) if labels == "classification" else y,)

        ((y,),) = self._over_rows([targets], axis=1, n_draws=n)
        return y

    def crps(self, y: ArrayLike) -> FloatArray:
        """Continuous ranked probability score of targets, one per row (E88).

        ∫ (F(x) - [x ≥ y])² dx for the predictive distribution function F: the absolute
        error of a forecast without doubt, made milder by a doubt that is owned up to.
        Lower is better. It is estimated without bias from the draws that
        :meth:`interval` is read off. The standard error of a row is at most about
        2 std/√S: of a normal predictive and S = 1000 it is 0.007 std where y is the
        mean, and 0.03 std where y is far off.

        Parameters
        ----------
        y : array (N,) or (N, K)
            Numbers or counts, in the units of the y of the fit.

        Returns
        -------
        array (N,) or (N, K)
            In the units of y.

        Raises
        ------
        ValueError
            The targets are labels, which have no order (``metrics.brier`` scores those);
            y does not fit; or the prediction has a single draw.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 0.9, 2.1]
        >>> result = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=50)
        >>> pred = result.predict(X)
        >>> score = pred.crps([0.1, 0.9, 5.0])
        >>> score.shape, bool(score[2] > score[1])
        ((3,), True)
        """
        if self._model.likelihood.kind == "classification":
            raise ValueError(
                "crps is for numbers and counts, and y of this model is a label: use "
                "metrics.brier(y, pred.mean), or log_prob"
            )
        if self._n_draws < FEWEST:
            raise ValueError(
                "crps needs two draws at least: predict with n_samples of 2 or more"
            )
        y, rng = self._targets(y), self._noise()

        def score(piece: Piece) -> tuple[Array, ...]:
            return (crps(piece.targets(rng, self._n_draws), y[piece.rows]),)

        ((scores,),) = self._over_rows([score])
        return scores

    def _targets(self, y: ArrayLike) -> Array:
        """Checked targets (N, K), or labels (N,)."""
        shape = len(self._A), self._model.net.n_outputs
        targets: Array = self._model.likelihood.targets(y, shape)
        return check_range("y", targets, self._A.dtype)

    def _summaries(self) -> dict[str, Piecewise]:
        """What is kept, by name: functions of a piece of rows."""
        regression = self._model.likelihood.kind == "regression"
        return {
            "mean": mean,
            "variances": variances,
            "interval": self._quantiles(tails(LEVEL)),
        } | ({} if regression else {"parts": information})

    def _noise(self) -> np.random.Generator:
        """The noise of draws, beside the weights' own; it begins anew with every pass."""
        return np.random.default_rng([*_words(self._seed), 1])

    def _quantiles(self, q: FloatArray) -> Piecewise:
        """A summary: quantiles of draws."""
        rng = self._noise()
        return lambda piece: tuple(quantiles(piece.draws(rng, self._n_draws), q))

    def _told(self, name: str) -> tuple[Array, ...]:
        """Copies of a kept summary: what is handed out is not what is kept."""
        if name == "parts" and self._model.likelihood.kind == "regression":
            name = "variances"
        if name not in self._made:
            self._make([name])
        return tuple(array.copy() for array in self._made[name])

    def _make(self, names: Iterable[str]) -> None:
        """Make summaries in one pass over the networks, and keep them."""
        summaries, names = self._summaries(), list(names)
        found = self._over_rows([summaries[name] for name in names])
        self._made.update(zip(names, found, strict=True))

    def _over_rows(
        self, summaries: Sequence[Piecewise], axis: int = 0, n_draws: int | None = None
    ) -> list[tuple[Array, ...]]:
        """For each summary its arrays for all rows, single outputs squeezed: one pass."""
        most = max(self._n_samples, n_draws or self._n_draws)
        with np.errstate(over="ignore"):  # a rate or a variance of inf is an answer
            pieces = self._pieces(most)
            found = [[summary(piece) for summary in summaries] for piece in pieces]
        return [_joined(pieces, axis) for pieces in zip(*found, strict=True)]

    @property
    def _rows_at_once(self) -> int:
        return max(1, OUTPUTS // (self._n_samples * self._model.net.n_outputs))

    def _pieces(self, most: int) -> Iterator[Piece]:
        """Yield all rows, a few at a time, under all networks; ``most`` numbers a row."""
        n_rows, size = len(self._A), self._rows_at_once
        few = max(1, PIECE // (most * self._model.net.n_outputs))
        if n_rows <= size:  # then the samples are the work
            if self._kept is None:
                show = self._verbose, "predict", self._n_samples, "samples"
                with Progress(*show) as progress:
                    self._kept = self._outputs(self._A, progress)
            F, v = self._kept
            yield from self._split(F, v, 0, few)
            return
        with Progress(self._verbose, "predict", n_rows, "rows") as progress:
            for start in range(0, n_rows, size):
                F, v = self._outputs(self._A[start : start + size])
                yield from self._split(F, v, start, few)
                progress(start + F.shape[1])

    def _split(
        self, F: FloatArray, v: FloatArray, start: int, few: int
    ) -> Iterator[Piece]:
        """The outputs of rows from ``start`` on, a few rows at a time."""
        for i in range(0, max(F.shape[1], 1), few):  # no rows are a piece as well
            rows = slice(start + i, start + min(i + few, F.shape[1]))
            yield Piece(self._model.likelihood, F[:, i : i + few], v, rows)

    def _outputs(
        self, A: FloatArray, progress: Any = SILENT
    ) -> tuple[FloatArray, FloatArray]:
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


def tails(level: float) -> FloatArray:
    """The two quantiles that hold ``level`` between them."""
    return np.array([0.5 - level / 2, 0.5 + level / 2])


def _joined(pieces: Iterable[tuple[Array, ...]], axis: int) -> tuple[Array, ...]:
    """The arrays of a summary from those of its pieces, single outputs squeezed."""
    arrays = [np.concatenate(parts, axis) for parts in zip(*pieces, strict=True)]
    wide = axis + 2
    return tuple(
        a[..., 0] if a.ndim == wide and a.shape[-1] == 1 else a for a in arrays
    )


def _words(seed: np.random.SeedSequence) -> list[int]:
    """The integers that identify a SeedSequence."""
    return [int(word) for word in seed.generate_state(4)]
