"""Predictions in raw units, of a network that was fitted to standardised data (E87)."""

from copy import copy

import numpy as np

from minibnn.equations import equation
from minibnn.likelihoods.weighted import unweighted
from minibnn.validation.arguments import as_inputs


class RawUnits:
    """The likelihood of y = mean + sd z, where ``likelihood`` is that of z (E87).

    It has what a prediction asks of a likelihood. mean, sd: (K,), or (R, K) where weight
    sample i belongs to replica i mod R, which has units of its own. Everything is
    computed in double precision, because a large mean leaves a float32 few digits.
    """

    kind = "regression"
    exclusive = False

    def __init__(self, likelihood, mean, sd):
        self.likelihood, self.units = likelihood, (mean, sd)

    @equation("E87")
    def row_nll(self, F, y, v):
        """Negative log density of every row alone, in the units of y.

        (E87)  -log p(y | F) = -log p(z | F) + Σ_k log sd_k,   z = (y - mean) / sd

        Derivation.  p(y) dy = p(z) dz: the same probability in either unit. dz/dy is the
                     diagonal of 1/sd_k, and its determinant, the Jacobian of the change
                     of units, is Π_k 1/sd_k; the negative logarithm of it is added.
        Shapes.      F (S, B, C), y (B, K), v (S, n)  →  (S, B)
        """
        mean, sd = (np.atleast_2d(unit) for unit in self.units)
        nll = np.empty(F.shape[:2])
        for r, log_volume in enumerate(np.log(sd).sum(1)):
            own = slice(r, None, len(sd))
            z = (y - mean[r]) / sd[r]
            nll[own] = self.likelihood.row_nll(F[own], z, v[own]) + log_volume
        return nll

    def targets(self, y, shape):
        """Checked targets (..., B, K), in raw units still."""
        return self.likelihood.targets(y, shape)

    def mean(self, F, v):
        """E[y | F], (S, B, K)."""
        mean, sd = self._of_samples(len(F))
        return mean + sd * self.likelihood.mean(F, v)

    def variance(self, F, v):
        """Var[y | F], (S, B, K)."""
        _, sd = self._of_samples(len(F))
        return sd**2 * self.likelihood.variance(F, v)

    def sample(self, F, v, uniform):
        """A draw of y for each uniform number."""
        mean, sd = self._of_samples(len(F))
        return mean + sd * self.likelihood.sample(F, v, uniform)

    def _of_samples(self, n_samples):
        """Mean and sd with axes for samples and rows."""
        units = (np.atleast_2d(unit) for unit in self.units)
        return (u[np.arange(n_samples) % len(u), None] for u in units)


class OwnInputs:
    """A network in the place of one, for replicas whose inputs have units of their own.

    Weight sample i belongs to replica i mod R. Features are (n, R, D+1): the same rows in
    the units of every replica.
    """

    def __init__(self, net, units, dtype):
        self.net, self.units, self.dtype = net, units, dtype
        self.sizes, self.n_weights = net.sizes, net.n_weights
        self.n_inputs, self.n_outputs = net.n_inputs, net.n_outputs

    def features(self, X):
        """Raw X (n, D) in all units."""
        Z = self.units.inputs(X).astype(self.dtype, copy=False)
        return np.moveaxis(self.net.features(Z), 0, 1)

    def apply(self, w, A):
        """Outputs (S, n, C) of weights (S, P), the replicas taken in turn."""
        R = A.shape[1]
        F = np.empty((len(w), len(A), self.n_outputs), w.dtype)
        for r in range(R):
            F[r::R] = self.net.apply(w[r::R], A[:, r])[0]
        return F, None


def in_raw_units(units, model, X, dtype):
    """(model, X) for a prediction that takes and gives raw units; X (n, D) is checked.

    The model computes in ``dtype``, but differences of raw numbers are taken before.
    """
    if units is None:
        return model, as_inputs(X, dtype=dtype)
    model = copy(model)
    if units.y_mean is not None:
        likelihood = unweighted(model.likelihood)
        model.likelihood = RawUnits(likelihood, units.y_mean, units.y_sd)
    if not units.own:
        return model, as_inputs(units.inputs(X), dtype=dtype)
    model.net = OwnInputs(model.net, units, dtype)
    return model, X
