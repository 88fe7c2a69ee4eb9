"""The truth for any model with one or two weights: the trapezoid rule on a grid.

For analytic integrands that vanish at both ends the trapezoid rule converges faster
than any power of the spacing; Gauss-Hermite is far worse here, because tanh and
sigmoid have poles near the real axis.
"""

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from minibnn.inference.exact import Decomposition, gaussian_factor
from minibnn.kernels.gaussian_kl import HALF_LOG_2PI
from minibnn.kernels.model import Model
from minibnn.kernels.validate import as_float_array, check_instance, check_positive

DROP = 60.0  # nats below the top that a cell may lie and still count: e^-60 = 1e-26
SEARCH = {1: 257, 2: 49}  # points per axis while looking for the posterior
FIRST, LAST = {1: 129, 2: 49}, {1: 2**15 + 1, 2: 769}  # and while integrating
CHUNK = 2_000_000  # numbers one activation may hold


def grid_posterior(model, X, y, *, tol=1e-11):
    """Posterior moments and log evidence of a model with 1 or 2 weights by quadrature.

    The grid covers all that lies within 60 nats of the highest density and is refined
    until the log evidence moves by less than ``tol``. Smooth activations reach 1e-11
    quickly; a kink (ReLU) leaves an error of second order in the spacing, which
    ``.error`` tells.

    Parameters
    ----------
    model : Model
        ``model.n_weights`` of 1 or 2; a learned noise scale counts.
    X, y : arrays (N, D) and (N,) or (N, K)
    tol : float
        Change of the log evidence, in nats, at which refinement ends.

    Returns
    -------
    GridPosterior

    Raises
    ------
    ValueError, TypeError
        If the model has more weights, or the data do not fit it.
    """
    check_instance("model", model, Model)
    if model.n_weights not in (1, 2):
        raise ValueError(f"model must have 1 or 2 weights, got {model.n_weights}")
    tol = check_positive("tol", tol)
    A, y = model.batch(as_float_array("X", X, ndim=2, dtype=np.float64), y)

    def log_joint(axes):
        return _on_grid(model, A, y, axes)

    box = find_box(log_joint, _prior_box(model))
    n, last, previous = FIRST[len(box)], LAST[len(box)], np.inf
    while True:
        axes = [np.linspace(low, high, n) for low, high in box]
        values = log_joint(axes)
        log_cell = sum(np.log(axis[1] - axis[0]) for axis in axes)
        top = values.max()
        evidence = float(top + np.log(np.exp(values - top).sum()) + log_cell)
        error = abs(evidence - previous)
        if error < tol or n >= last:
            break
        n, previous = 2 * n - 1, evidence
    density = np.exp(values - evidence)
    return GridPosterior(model, tuple(axes), density, values, evidence, error)


def _prior_box(model):
    """Where to look first: the prior's mean ± 12 standard deviations."""
    parts = getattr(model.weight_prior, "parts", ((model.weight_prior, None),))
    edges = []
    for prior, _ in parts:
        mean, scale = getattr(prior, "mean", 0.0), getattr(prior, "scale", 1.0)
        count = model.likelihood if prior is model.likelihood.own_prior else model.net
        moments = np.broadcast_arrays(mean, scale, np.zeros(count.n_weights))
        edges += [(m - 12 * s, m + 12 * s) for m, s, _ in zip(*moments, strict=True)]
    return edges


def find_box(log_joint, box):
    """The interval of each axis outside which the density is negligible.

    A cell counts if it is within 60 nats of the best one, plus twice what the best one
    differs from its neighbours by: as long as the grid is coarse, peaks between its
    points are possible. An edge moves out if the 60 nats alone are not reached there.
    """
    for _ in range(60):
        axes = [np.linspace(low, high, SEARCH[len(box)]) for low, high in box]
        values = log_joint(axes)
        best = np.unravel_index(values.argmax(), values.shape)
        near = values[tuple(slice(max(i - 1, 0), i + 2) for i in best)]
        keep, high = (values > values.max() - DROP - d for d in (2 * np.ptp(near), 0))
        new = [_interval(axis, keep, high, i) for i, axis in enumerate(axes)]
        shrunk = [(b - a) / (d - c) for (a, b), (c, d) in zip(new, box, strict=True)]
        box = new
        if all(0.8 < ratio <= 1 for ratio in shrunk):
            break
    return box


def _interval(axis, keep, high, i):
    """The kept part of an axis and a cell on either side; more beyond a high edge."""
    others = tuple(j for j in range(keep.ndim) if j != i)
    index, high = np.flatnonzero(keep.any(others)), high.any(others)
    half = (axis[-1] - axis[0]) / 2
    low = axis[0] - half if high[0] else axis[max(index[0] - 1, 0)]
    top = axis[-1] + half if high[-1] else axis[min(index[-1] + 1, len(axis) - 1)]
    return low, top


def _on_grid(model, A, y, axes):
    """log p(y, w) at every grid point, (n,) or (n, n)."""
    shape = tuple(len(axis) for axis in axes)
    w = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
    size = max(1, CHUNK // (len(A) * max(model.net.sizes)))
    values = np.empty(len(w))
    with np.errstate(over="ignore"):  # far out the density is 0, log density -inf
        for start in range(0, len(w), size):
            part = w[start : start + size]
            nll, _ = model.nll(part, A, y)
            values[start : start + size] = model.weight_prior.log_prob(part)[0] - nll
    return values.reshape(shape)


@dataclass(frozen=True)
class GridPosterior:
    """A posterior over one or two weights, tabulated.

    Attributes
    ----------
    axes : tuple of (n,)
        Grid coordinates of each weight.
    density : (n,) or (n, n)
        Normalised posterior density.
    log_evidence : float
        log p(y | X) in nats.
    error : float
        How far the last refinement moved the log evidence.
    """

    model: Any
    axes: tuple = field(repr=False)
    density: np.ndarray = field(repr=False)
    log_joint: np.ndarray = field(repr=False)
    log_evidence: float
    error: float

    @property
    def points(self):
        """Grid points (n, 1) or (n * n, 2), in the order of ``density.ravel()``."""
        return np.array(list(product(*self.axes)))

    @property
    def masses(self):
        """Posterior probability of each cell, in the order of ``points``; sums to 1."""
        mass = self.density.ravel() * np.prod([axis[1] - axis[0] for axis in self.axes])
        return mass / mass.sum()

    def expect(self, f):
        """E[f(w) | D] for ``f(w (S, P)) -> (S, ...)``."""
        return np.tensordot(self.masses, f(self.points), 1)

    @property
    def mean(self):
        """Posterior mean, (P,)."""
        return self.expect(lambda w: w)

    @property
    def cov(self):
        """Posterior covariance, (P, P)."""
        centred = self.points - self.mean
        return (centred * self.masses[:, None]).T @ centred

    def _log_prior(self, w):
        return self.model.weight_prior.log_prob(w)[0]

    def decompose(self, q):
        """log p(D) = ELBO + KL term by term for a Gaussian q, a :class:`Decomposition`.

        Every expectation under q is a sum over this grid, which must cover q: a q that
        leaves it is refused. The KL is ∫ q log(q / posterior) with the normalised
        posterior, so the identity tests grid and normalisation.
        """
        mean, L, log_det = gaussian_factor(q, len(self.axes))
        w = self.points
        z = np.linalg.solve(L, (w - mean).T).T
        log_q = -0.5 * (z**2).sum(1) - log_det - len(mean) * HALF_LOG_2PI
        cell = np.prod([axis[1] - axis[0] for axis in self.axes])
        mass = np.exp(log_q) * cell
        if abs(mass.sum() - 1) > 1e-9:
            raise ValueError(
                f"q must lie on the grid: {mass.sum():.6g} of its mass is found there"
            )
        log_joint, log_prior = self.log_joint.ravel(), self._log_prior(w)
        terms = (log_joint - log_prior, log_prior, -log_q)
        kl = mass @ (log_q - (log_joint - self.log_evidence))
        parts = (*(mass @ term for term in terms), kl, self.log_evidence)
        return Decomposition(*map(float, parts))
