"""Rows that belong to one replica each: fold i predicts its own held-out rows."""

import numpy as np

from minibnn.prediction.prediction import Prediction


class ReplicaPrediction(Prediction):
    """Posterior predictive of block i of the rows by replica i alone.

    What a `Prediction` gives, with (R, n) in place of its N: ``mean`` is (R, n) or
    (R, n, C), ``log_prob`` takes y (R, n), ``samples`` is (S, R, n) or (S, R, n, C). Entry
    i is that of ``result.replica(i).predict(X[i])``.
    """

    def __init__(self, predictions):
        self._each, self._model = predictions, predictions[0]._model

    def __repr__(self):
        return f"Prediction by each of {len(self._each)} replicas: {self._each[0]!r}"

    @property
    def samples(self):
        """E[y | w_s] of the samples of each replica, (S, R, n) or (S, R, n, C)."""
        return np.stack([one.samples for one in self._each], axis=1)

    def log_prob(self, y):
        """Log predictive density of targets y (R, n) or (R, n, K), (R, n)."""
        shape = (len(self._each), len(self._each[0]._A), self._model.net.n_outputs)
        y = self._model.likelihood.targets(y, shape)
        pairs = zip(self._each, y, strict=True)
        return np.stack([one.log_prob(own) for one, own in pairs])

    def interval(self, level=0.95):
        """Central interval (lower, upper), (R, n) or (R, n, C) each."""
        return _stacked(one.interval(level) for one in self._each)

    def quantile(self, q):
        """Quantiles, (R, n) or (R, n, C); (k, R, n) or (k, R, n, C) for k of them."""
        found = [one.quantile(q) for one in self._each]
        return np.stack(found, axis=np.ndim(q))

    def _told(self, name):
        return _stacked(one._told(name) for one in self._each)


def _stacked(answers):
    """Tuples of arrays, one of each replica -> a tuple of arrays (R, ...)."""
    return tuple(np.stack(parts) for parts in zip(*answers, strict=True))
