"""The truth for any model with one or two weights: the trapezoid rule on a lattice.

For analytic integrands that vanish at both ends the trapezoid rule converges faster
than any power of the spacing; Gauss-Hermite is far worse here, because tanh and
sigmoid have poles near the real axis. Lattice points where the density is negligible
are left out, so narrow modes far from each other cost little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from minibnn.equations import equation
from minibnn.exact.conjugate import Decomposition, gaussian_factor
from minibnn.families.normal import Normal
from minibnn.model import Model
from minibnn.numerics import HALF_LOG_2PI
from minibnn.types import Array, ArrayLike, FloatArray
from minibnn.validation.arguments import (
    as_float_array,
    check_all,
    check_function,
    check_instance,
    check_positive,
    check_shape,
)
from minibnn.validation.doors import door, outside
from minibnn.validation.own import keep_arrays
from minibnn.validation.pieces import in_turn


@door
@equation("E02")
def grid_posterior(
    model: Model, X: ArrayLike, y: ArrayLike, *, tol: float = 1e-11
) -> GridPosterior:
    """Posterior moments and log evidence of a model with 1 or 2 weights by quadrature.

    (E02)  p(D) = ∫ p(D | w) p(w) dw
    Derivation.  The posterior is a density: 1 = ∫ p(w | D) dw. Insert Bayes' rule (E01)
        and take the number 1/p(D) out of the integral.
    The lattice covers all that lies within 60 nats of the highest density; its spacing
    is halved until the log evidence moves by less than ``tol``. Smooth activations
    reach 1e-11 quickly; a kink (ReLU) leaves an error of second order in the spacing,
    which ``.error`` tells.
    Source.  Trefethen & Weideman 2014, on how fast the trapezoid rule converges.

    Parameters
    ----------
    model : Model
        ``model.n_weights`` of 1 or 2; a learned noise scale counts.
    X, y : arrays (N, D) and (N,) or (N, K)
    tol : float > 0
        Change of the log evidence, in nats, at which refinement ends.

    Returns
    -------
    GridPosterior

    Raises
    ------
    ValueError, TypeError
        If the model has more weights, the data do not fit it, or its modes are
        too narrow for 150,000 lattice points.

    Examples
    --------
    >>> import minibnn as mb
    >>> slope = mb.MLP([1, 1], bias=False)
    >>> model = mb.Model(slope, mb.Bernoulli(), mb.GaussianPrior())
    >>> posterior = mb.grid_posterior(model, [[1.0], [2.0], [-1.0]], [1, 1, 1])
    >>> posterior.mean.round(4), posterior.error < 1e-11
    (array([0.4657]), True)
    """
    check_instance("model", model, Model)
    if model.n_weights not in (1, 2):
        raise ValueError(f"model must have 1 or 2 weights, got {model.n_weights}")
    tol = check_positive("tol", tol)
    A, y = model.batch(X, y, ndim=2, dtype=np.float64)

    def density(w: FloatArray) -> FloatArray:
        return log_joint(model, A, y, w)

    lattice = first_lattice(density, *prior_box(model))
    top = lattice.values[[lattice.values.argmax()]]
    check_all("log joint", top, np.abs(top) < MOST, "moderate; X or y is too large")
    error = np.inf
    while error >= tol and len(lattice.index) <= MOST_POINTS:
        previous, lattice = lattice, lattice.refined(density)
        error = np.inf
        if previous.roughness < RESOLVED:
            error = abs(lattice.log_sum - previous.log_sum)
    if not np.isfinite(error):
        raise ValueError(
            f"model needs more than {MOST_POINTS} lattice points with these data"
        )
    cell, points = float(np.prod(lattice.spacing)), lattice.points
    sums = lattice.log_sum, float(error)
    return GridPosterior(model, points, lattice.values, cell, *sums, A, y)


DROP = 60.0  # nats below the top that a point may lie and still count: e^-60 = 1e-26
FIRST = {1: 257, 2: 49}  # points per axis to begin with
MOST_POINTS = 150_000  # of a lattice that is refined once more
RESOLVED = 5.0  # nats between neighbours at the top, above which no sum is believed
MOST = 1e12  # nats from which on the fourth digit of a difference is rounding
CHUNK = 2_000_000  # numbers one activation may hold
Density: TypeAlias = Callable[[FloatArray], FloatArray]  # log p at w (n, P): (n,)


def log_joint(model: Model, A: FloatArray, y: Array, w: FloatArray) -> FloatArray:
    """log p(y, w) of each row of w, (n, P) -> (n,); -inf where it overflows."""

    def some(w):
        return model.weight_prior.log_prob(w)[0] - model.nll(w, A, y)[0]

    with np.errstate(over="ignore"):
        return in_turn(some, w, CHUNK // (len(A) * max(model.net.sizes)))


def prior_box(model: Model) -> tuple[FloatArray, FloatArray]:
    """Centre and half width (P,) of where to look first: 12 prior scales."""
    centre, sd = model.weight_prior.mean_and_sd(model.n_weights)
    return centre, 12.0 * sd


def first_lattice(density: Density, centre: FloatArray, half: FloatArray) -> Lattice:
    """A coarse lattice around ``centre``, widened until no edge has a high density."""
    n = FIRST[len(centre)]
    index = np.array(list(product(range(n), repeat=len(centre)))) - n // 2
    edge = np.abs(index) == n // 2
    for _ in range(40):
        lattice = Lattice(centre, half / (n // 2), index, density)
        high = lattice.values > lattice.values.max() - DROP
        open_axes = (edge & high[:, None]).any(0)
        if not open_axes.any():
            break
        half = np.where(open_axes, 2 * half, half)
    return lattice


class Lattice:
    """Points centre + spacing * index and the log density there."""

    def __init__(
        self, centre: FloatArray, spacing: FloatArray, index: Array, density: Density
    ) -> None:
        self.centre, self.spacing, self.index = centre, spacing, index
        self.values = density(self.points)

    @property
    def points(self) -> FloatArray:
        """Coordinates (n, P)."""
        return self.centre + self.spacing * self.index

    @property
    def log_sum(self) -> float:
        """Log of the trapezoid sum: log evidence."""
        top = self.values.max()
        total = np.exp(self.values - top).sum()
        return float(top + np.log(total) + np.log(self.spacing).sum())

    @property
    def roughness(self) -> float:
        """How far the density falls from its highest point to a neighbour, in nats."""
        best = self.index[self.values.argmax()]
        near = np.abs(self.index - best).max(1) <= 1
        return float(np.ptp(self.values[near]))

    def refined(self, density: Density) -> Lattice:
        """Half the spacing, where the density is not negligible.

        A point counts within 60 nats of the best one, plus twice what that differs from
        its neighbours by: while the lattice is coarse, peaks between points are
        possible.
        """
        keep = self.values > self.values.max() - DROP - 2 * self.roughness
        around = np.array(list(product((-1, 0, 1), repeat=self.index.shape[1])))
        index = (2 * self.index[keep][:, None] + around).reshape(-1, len(self.centre))
        return Lattice(self.centre, self.spacing / 2, _unique(index), density)


def _unique(index):
    """Distinct rows of small integers, through one number per row."""
    low = index.min(0)
    width = index[:, -1].max() - low[-1] + 1
    code = np.unique((index[:, 0] - low[0]) * width + index[:, -1] - low[-1])
    if index.shape[1] == 1:
        return np.unique(index)[:, None]
    return np.stack([code // width, code % width], 1) + low


@door
@dataclass(frozen=True)
class GridPosterior:
    """A posterior over one or two weights, tabulated on a lattice.

    Attributes
    ----------
    model : Model
        Whose posterior it is.
    points : array (n, P)
        Lattice points, wherever the density is not negligible.
    log_joint : array (n,)
        log p(y, w) there.
    cell : float
        Volume that each point stands for.
    log_evidence : float
        log p(y | X) in nats.
    error : float
        How far the last refinement moved the log evidence, in nats.

    Examples
    --------
    >>> import minibnn as mb
    >>> slope = mb.MLP([1, 1], bias=False)
    >>> model = mb.Model(slope, mb.Bernoulli(), mb.GaussianPrior())
    >>> posterior = mb.grid_posterior(model, [[1.0], [2.0], [-1.0]], [1, 1, 1])
    >>> float(posterior.expect(lambda w: w[:, 0] > 0).round(3))  # of a slope above 0
    0.738
    """

    model: Model
    points: FloatArray = field(repr=False)
    log_joint: FloatArray = field(repr=False)
    cell: float
    log_evidence: float
    error: float
    _A: FloatArray = field(repr=False)
    _y: Array = field(repr=False)

    def __post_init__(self) -> None:
        keep_arrays(self)

    def __repr__(self) -> str:
        n, width = self.points.shape
        return (
            f"GridPosterior({n} points of {width} weight{'s' * (width != 1)}, log "
            f"evidence {self.log_evidence:.6g} ± {self.error:.1g} nats)"
        )

    @property
    def masses(self) -> FloatArray:
        """Posterior probability of each point's cell, (n,); sums to 1."""
        mass = np.exp(self.log_joint - self.log_evidence) * self.cell
        return mass / mass.sum()

    @equation("E01")
    def log_density(self, w: ArrayLike) -> FloatArray:
        """Normalised log posterior density: Bayes' rule.

        (E01)  p(w | D) = p(D | w) p(w) / p(D)
        Derivation.  The joint density of weights and data, taken in two orders:
            p(w, D) = p(D | w) p(w) = p(w | D) p(D). Divide by the evidence p(D), a
            number (E02).

        Parameters
        ----------
        w : array (S, P)

        Returns
        -------
        array (S,)
        """
        w = as_float_array("w", w, ndim=2, dtype=np.float64)
        check_shape("w", w, ("S", self.model.n_weights))
        return log_joint(self.model, self._A, self._y, w) - self.log_evidence

    def expect(self, f: Callable[[FloatArray], ArrayLike]) -> Any:
        """E[f(w) | D].

        Parameters
        ----------
        f : function
            ``f(w)`` of weights (n, P) gives a value or an array for each of them.

        Returns
        -------
        float or array
            The shape of one value.
        """
        check_function("f", f)
        masses = self.masses
        with outside():
            values = np.asarray(f(self.points))
        if values.shape[:1] != masses.shape:
            raise ValueError(
                f"f must return one value or array for each of {len(self.points)} rows, "
                f"got shape {values.shape}"
            )
        return np.tensordot(masses, values, 1)

    @property
    def mean(self) -> FloatArray:
        """Posterior mean, (P,)."""
        return self.expect(lambda w: w)

    @property
    def cov(self) -> FloatArray:
        """Posterior covariance, (P, P)."""
        centred = self.points - self.mean
        return (centred * self.masses[:, None]).T @ centred

    def decompose(self, q: Normal) -> Decomposition:
        """log p(D) = ELBO + KL term by term for a Gaussian q.

        Expectations under q are trapezoid sums over ±9 of its standard deviations. The
        KL is E_q[log q(w) - log p(w | D)] with the posterior normalised by this
        quadrature, so the identity tests those sums, not the evidence itself.

        Parameters
        ----------
        q : Normal
            Without replica axis, such as ``result.q`` of a fit.
        """
        mean, L, log_det = gaussian_factor(q, self.points.shape[1])
        axis, step = np.linspace(-9, 9, 145, retstep=True)
        z = np.array(list(product(axis, repeat=len(mean))))
        w = mean + z @ L.T
        log_z = -0.5 * (z**2).sum(1) - len(mean) * HALF_LOG_2PI
        mass, log_q = np.exp(log_z) * step ** len(mean), log_z - log_det
        log_prior = self.model.weight_prior.log_prob(w)[0]
        log_posterior = self.log_density(w)
        log_likelihood = log_posterior + self.log_evidence - log_prior
        terms = (log_likelihood, log_prior, -log_q, log_q - log_posterior)
        means = (*(float(mass @ t) for t in terms), self.log_evidence)
        return Decomposition(*means)
