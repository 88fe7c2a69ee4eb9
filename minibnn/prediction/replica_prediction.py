"""Rows that belong to one replica each: fold i predicts its own held-out rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from minibnn.prediction.prediction import Prediction
from minibnn.rng import seed_sequence
from minibnn.types import Array, ArrayLike, FloatArray, Rng
from minibnn.validation.arguments import as_inputs, check_shape


class ReplicaPrediction(Prediction):
    """Posterior predictive of block i of the rows by replica i alone.

    What a `Prediction` gives, with (R, n) in place of its N: ``mean`` is (R, n) or
    (R, n, C), ``log_prob`` takes y (R, n), ``samples`` is (S, R, n) or (S, R, n, C). Entry
    i is that of ``result.replica(i).predict(X[i])``.
    """

    def __init__(self, _predictions: list[Prediction]) -> None:
        self._each, self._model = _predictions, _predictions[0]._model

    def __repr__(self) -> str:
        return f"Prediction by each of {len(self._each)} replicas: {self._each[0]!r}"

    @property
    def samples(self) -> FloatArray:
        """E[y | w_s] of the samples of each replica, (S, R, n) or (S, R, n, C)."""
        return np.stack([one.samples for one in self._each], axis=1)

    def log_prob(self, y: ArrayLike) -> FloatArray:
        """Log predictive density of targets y (R, n) or (R, n, K), (R, n)."""
        return np.stack([one.log_prob(own) for one, own in self._pairs(y)])

    def crps(self, y: ArrayLike) -> FloatArray:
        """Score of targets y (R, n) or (R, n, K), as many numbers (E88)."""
        return np.stack([one.crps(own) for one, own in self._pairs(y)])

    def sample(self, n: int, rng: Rng = None) -> Array:
        """New targets, (n, R, rows) or (n, R, rows, K); replicas have the same noise."""
        seed = None if rng is None else seed_sequence(rng)
        return np.stack([one.sample(n, seed) for one in self._each], axis=1)

    def _pairs(self, y: ArrayLike) -> Iterator[tuple[Prediction, Array]]:
        """Each prediction with its own targets."""
        shape = (len(self._each), len(self._each[0]._A), self._model.net.n_outputs)
        targets: Array = self._model.likelihood.targets(y, shape)
        return zip(self._each, targets, strict=True)

    def interval(self, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Central interval (lower, upper), (R, n) or (R, n, C) each."""
        lower, upper = _stacked(one.interval(level) for one in self._each)
        return lower, upper

    def quantile(self, q: ArrayLike) -> FloatArray:
        """Quantiles, (R, n) or (R, n, C); (k, R, n) or (k, R, n, C) for k of them."""
        found = [one.quantile(q) for one in self._each]
        return np.stack(found, axis=np.ndim(q))

    def _told(self, name: str) -> tuple[Array, ...]:
        return _stacked(one._told(name) for one in self._each)


def _stacked(answers: Iterable[tuple[Array, ...]]) -> tuple[Array, ...]:
    """Tuples of arrays, one of each replica -> a tuple of arrays (R, ...)."""
    return tuple(np.stack(parts) for parts in zip(*answers, strict=True))


def rows_for(X: ArrayLike, lead: tuple[int, ...], n_inputs: int) -> FloatArray:
    """Checked X: rows for all replicas, (N, D), or a block for each, (R, n, D)."""
    if not lead:
        return as_inputs(X)
    blocks = X if isinstance(X, list | tuple) else []
    lengths = [len(block) for block in blocks if getattr(block, "ndim", 0) == 2]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"X must have blocks of equal length, got {lengths} rows; where they "
            "differ call result.replica(i).predict(X[i]) for each"
        )
    rows = as_inputs(X, ndim=(2, 3))
    if rows.ndim == 3:  # a block of rows for each replica
        check_shape("X", rows, (lead[0], "n", n_inputs))
    return rows
