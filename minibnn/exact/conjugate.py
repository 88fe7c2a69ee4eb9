"""The truth in small cases: Bayesian linear regression in closed form.

A network without hidden layer, Gaussian noise of known scale and a Gaussian prior have
a Gaussian posterior. One QR factorisation gives its moments, its predictive and the log
evidence without ever forming XᵀX, whose condition number is the square of X's.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import ndtri

from minibnn.equations import equation
from minibnn.families.normal import Normal
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.numerics import HALF_LOG_2PI
from minibnn.prediction.prediction import MOST_SAMPLES
from minibnn.priors.gaussian import GaussianPrior
from minibnn.validation.arguments import (
    as_float_array,
    as_rng,
    check_all,
    check_fraction,
    check_instance,
    check_int,
    check_shape,
)
from minibnn.validation.doors import door
from minibnn.validation.own import keep_arrays, kept


@equation("E91")
def stacked_qr(Phi, z, prior_mean, prior_scale):
    """Posterior of w for z ~ N(Phi w, I) and w ~ N(m0, diag(s0²)), from one QR.

    (E91)  [Phi z; diag(1/s0) m0/s0] = Q [R c; 0 r],   mean = R⁻¹ c,  cov = R⁻¹ R⁻ᵀ
    Derivation.  -2 log p(w | z) = |Phi w - z|² + |(w - m0)/s0|² + const is one sum of
        squares |B w - d|² with B = [Phi; diag(1/s0)], d = [z; m0/s0]. Orthogonal Qᵀ
        leaves lengths alone: |B w - d|² = |R w - c|² + r². So p(w | z) ∝
        exp(-|R (w - R⁻¹ c)|²/2): precision RᵀR = PhiᵀPhi + diag(1/s0²), mean R⁻¹ c.
        Nothing is squared before it is factored, hence rounding grows with the
        condition of B and not with its square.
    Source.  Bishop 2006, eqs. 3.49-3.51; Golub & Van Loan 2013, sec. 5.3.
    Shapes.  Phi (n, P), z (n,), m0, s0 (P,) -> R (P, P) with a diagonal > 0, c (P,), r
    """
    below = np.column_stack([np.diag(1 / prior_scale), prior_mean / prior_scale])
    stacked = np.vstack([np.column_stack([Phi, z]), below])
    R = np.linalg.qr(stacked, mode="r")
    R *= np.where(np.diag(R) < 0, -1.0, 1.0)[:, None]
    return R[:-1, :-1], R[:-1, -1], R[-1, -1]


@equation("E92")
def log_evidence(R, r, prior_scale, n):
    """Log evidence of the whitened data z of E91.

    (E92)  log p(z) = -n/2 log 2π - Σ_i log s0_i - Σ_i log R_ii - r²/2
    Derivation.  p(z) = ∫ p(z | w) p(w) dw, the integrand being (2π)^(-(n+P)/2)
        Π 1/s0_i exp(-|R w - c|²/2 - r²/2) by E91. The Gaussian integral over w is
        (2π)^(P/2) / det R, and det R = Π R_ii.
    Source.  Bishop 2006, eq. 3.86.
    Shapes.  R (P, P), r, s0 (P,), n -> float
    """
    logs = np.log(prior_scale) + np.log(np.diag(R))
    return float(-n * HALF_LOG_2PI - logs.sum() - 0.5 * r * r)


MOST = 1e150  # above which squares overflow


class Decomposition(NamedTuple):
    """log p(D) = ELBO(q) + KL(q || posterior), every term on its own, in nats."""

    expected_log_likelihood: float
    expected_log_prior: float
    entropy: float
    kl_posterior: float
    log_evidence: float

    def __repr__(self) -> str:
        return (
            f"Decomposition(log evidence {self.log_evidence:.6g} = ELBO {self.elbo:.6g} "
            f"+ KL {self.kl_posterior:.6g} nats, but for {self.residual:.1e})"
        )

    @property
    def elbo(self):
        """E_q[log p(D | w)] + E_q[log p(w)] + H(q)."""
        return self.expected_log_likelihood + self.expected_log_prior + self.entropy

    @property
    def residual(self):
        """log p(D) - ELBO - KL: zero up to rounding."""
        return self.log_evidence - self.elbo - self.kl_posterior


def prior_moments(prior, n_weights):
    """Mean and standard deviation of each weight under a Gaussian prior, (P,)."""
    check_instance("model.prior", prior, GaussianPrior, "a GaussianPrior")
    return prior.mean_and_sd(n_weights)


@door
def exact_posterior(model, X, y):
    """The exact posterior of a linear model with known Gaussian noise (E91, E92).

    Parameters
    ----------
    model : Model
        A network without hidden layer, ``Gaussian(scale=<number>)``, ``GaussianPrior``.
    X, y : arrays (N, D) and (N,) or (N, C)

    Returns
    -------
    ExactPosterior

    Raises
    ------
    ValueError, TypeError
        If the model is not conjugate or the data do not fit it.
    """
    check_conjugate(model)
    A, y = model.batch(X, y, ndim=2, dtype=np.float64)
    noise, y = model.likelihood.scale, y.astype(np.float64, copy=False)
    m0, s0 = prior_moments(model.prior, model.n_weights)
    with np.errstate(all="ignore"):  # what is too large is told below
        design, z = _design(model, A) / noise, y.ravel() / noise
    for name, value in (("X", design), ("y", z)):
        good = np.abs(value) < MOST
        check_all(f"{name} / noise scale", value, good, "of moderate size")
    R, c, r = stacked_qr(design, z, m0, s0)
    evidence = log_evidence(R, r, s0, y.size) - y.size * np.log(noise)
    root = solve_triangular(R, np.eye(len(R)))
    mean = solve_triangular(R, c)
    return ExactPosterior(model, mean, root, R, float(evidence), A, y)


def check_conjugate(model):
    """Raise unless the posterior has the closed form of E91."""
    check_instance("model", model, Model)
    check_instance("model.prior", model.prior, GaussianPrior, "a GaussianPrior")
    likelihood = check_instance(
        "model.likelihood", model.likelihood, Gaussian, "Gaussian(scale=<number>)"
    )
    if likelihood.learned:
        raise ValueError(
            'model.likelihood must have a known noise scale, got scale="learned"'
        )
    if len(model.net.sizes) != 2:
        raise ValueError(
            f"model.net must have no hidden layer, like MLP([8, 1]), got {model.net!r}"
        )


def _design(model, A):
    """Phi (N C, P) with F.ravel() = Phi w: each output has weights of its own."""
    return np.kron(A, np.eye(model.net.n_outputs))


@door
@dataclass(frozen=True)
class ExactPosterior:
    """p(w | D) = N(mean, root rootᵀ), exact up to rounding.

    Attributes
    ----------
    mean : (P,)
    root : (P, P)
        Upper triangular R⁻¹: w = mean + root z with z ~ N(0, I) is a posterior draw.
    factor : (P, P)
        R, upper triangular: the precision is RᵀR.
    log_evidence : float
        log p(y | X) in nats.
    """

    model: Any
    mean: np.ndarray
    root: np.ndarray = field(repr=False)
    factor: np.ndarray = field(repr=False)
    log_evidence: float
    _A: np.ndarray = field(repr=False)
    _y: np.ndarray = field(repr=False)

    __post_init__ = keep_arrays

    def __repr__(self) -> str:
        n, evidence = len(self.mean), self.log_evidence
        return f"ExactPosterior({n} weights, log evidence {evidence:.6g} nats)"

    @property
    def variances(self):
        """Marginal posterior variances, (P,)."""
        return (self.root**2).sum(1)

    @property
    def cov(self):
        """Posterior covariance, (P, P)."""
        return self.root @ self.root.T

    @property
    def precision(self):
        """Inverse posterior covariance, (P, P)."""
        return self.factor.T @ self.factor

    def sample_weights(self, n_samples, rng=None):
        """Independent posterior draws, (S, P)."""
        shape = (
            check_int("n_samples", n_samples, maximum=MOST_SAMPLES),
            len(self.mean),
        )
        return self.mean + as_rng(rng).standard_normal(shape) @ self.root.T

    def predict(self, X):
        """The Gaussian predictive at X (N, D); see :class:`GaussianPrediction`."""
        A = self.model.features(X, ndim=2, dtype=np.float64)
        Phi, shape = _design(self.model, A), (len(A), self.model.net.n_outputs)
        with np.errstate(over="ignore"):  # a variance of inf is an answer
            epistemic = ((Phi @ self.root) ** 2).sum(1).reshape(shape)
        aleatoric = np.full(shape, self.model.likelihood.scale**2)
        parts = ((Phi @ self.mean).reshape(shape), aleatoric, epistemic)
        parts = [a[:, 0] if a.shape[1] == 1 else a for a in parts]
        return GaussianPrediction(*kept(parts))

    def decompose(self, q):
        """log p(D) = ELBO + KL term by term, for a Gaussian q over the weights.

        ``q`` has ``mean``, ``sigma``, ``log_sigma`` and maybe ``low``, all without
        replica axis; ``result.q`` of a fit is one. Returns a :class:`Decomposition`.
        """
        mean, L, log_det = gaussian_factor(q, len(self.mean))
        s = self.model.likelihood.scale
        Phi = _design(self.model, self._A) / s
        residual = self._y.ravel() / s - Phi @ mean
        likelihood = -self._y.size * (HALF_LOG_2PI + np.log(s))
        likelihood -= 0.5 * ((residual**2).sum() + ((Phi @ L) ** 2).sum())
        m0, s0 = prior_moments(self.model.prior, len(mean))
        prior = -(np.log(s0) + HALF_LOG_2PI).sum()
        prior -= 0.5 * (((mean - m0) / s0) ** 2 + ((L / s0[:, None]) ** 2).sum(1)).sum()
        entropy = log_det + len(mean) * (HALF_LOG_2PI + 0.5)
        kl = self.kl_from(q)
        terms = (likelihood, prior, entropy, kl, self.log_evidence)
        return Decomposition(*map(float, terms))

    def kl_from(self, q):
        """KL(q || posterior) of a Gaussian q = N(m, L Lᵀ), in nats.

        (|R L|² + |R d|² - P)/2 - log det(R L), d the difference of the means.
        """
        mean, L, log_det = gaussian_factor(q, len(self.mean))
        shift, spread = self.factor @ (mean - self.mean), self.factor @ L
        squares = (spread**2).sum() - len(mean) + (shift**2).sum()
        return float(0.5 * squares - np.log(np.diag(self.factor)).sum() - log_det)


@door
class GaussianPrediction(NamedTuple):
    """Exact predictive N(mean, aleatoric + epistemic) at every row, (N,) or (N, C)."""

    mean: np.ndarray
    aleatoric: np.ndarray
    epistemic: np.ndarray

    def __repr__(self) -> str:
        return f"GaussianPrediction of {len(self.mean)} rows"

    @property
    def std(self):
        """Predictive standard deviation, noise included."""
        return np.sqrt(self.aleatoric + self.epistemic)

    def interval(self, level=0.95):
        """Central interval (lower, upper) that holds ``level`` of the probability."""
        half = ndtri(0.5 + 0.5 * check_fraction("level", level, strict=True)) * self.std
        return self.mean - half, self.mean + half

    def log_prob(self, y):
        """Log predictive density of each target alone, the shape of ``mean``."""
        y = as_float_array("y", y)
        check_shape("y", y, self.mean.shape)
        with np.errstate(over="ignore"):  # log 0 = -inf is an answer
            z = (y - self.mean) / self.std
            return -0.5 * z * z - np.log(self.std) - HALF_LOG_2PI


def gaussian_factor(q, n_weights):
    """mean (P,), L (P, P) and log det L of a Gaussian q, L = diag(sigma) (I + low)."""
    check_instance("q", q, Normal, "a Normal(mean, sigma, log_sigma[, low])")
    mean = as_float_array("q.mean", q.mean, shape=(n_weights,), dtype=np.float64)
    sigma = as_float_array("q.sigma", q.sigma, shape=(n_weights,), dtype=np.float64)
    unit = np.eye(n_weights)
    if q.low is not None:
        unit = unit + unpacked_low(q.low, n_weights)
    return mean, sigma[:, None] * unit, float(np.sum(q.log_sigma))


def unpacked_low(low, n_weights):
    """Strictly lower (P, P) matrix from (P, P) or from its P(P-1)/2 entries by row."""
    low = as_float_array("q.low", low, dtype=np.float64)
    if low.ndim == 2:
        return check_shape("q.low", np.tril(low, -1), (n_weights, n_weights))
    check_shape("q.low", low, (n_weights * (n_weights - 1) // 2,))
    matrix = np.zeros((n_weights, n_weights))
    matrix[np.tril_indices(n_weights, -1)] = low
    return matrix
