"""The truth in small cases: Bayesian linear regression in closed form.

One QR gives the posterior without XᵀX, whose condition number is the square of X's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import ndtri

from minibnn.equations import equation
from minibnn.families.normal import Normal
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.numerics import HALF_LOG_2PI
from minibnn.prediction.inference_dict import of_independent_draws
from minibnn.prediction.prediction import MOST_SAMPLES
from minibnn.priors.gaussian import GaussianPrior
from minibnn.types import ArrayLike, FloatArray, Rng
from minibnn.validation.arguments import (
    as_float_array,
    as_rng,
    check_all,
    check_fraction,
    check_instance,
    check_int,
    check_not_empty,
    check_shape,
)
from minibnn.validation.doors import door
from minibnn.validation.own import keep_arrays, kept


@equation("E91")
def stacked_qr(
    Phi: FloatArray, z: FloatArray, prior_mean: FloatArray, prior_scale: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
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
    R = np.asarray(np.linalg.qr(stacked, mode="r"))
    R *= np.where(np.diag(R) < 0, -1.0, 1.0)[:, None]
    return R[:-1, :-1], R[:-1, -1], R[-1, -1]


@equation("E92")
def log_evidence(
    R: FloatArray, r: FloatArray, prior_scale: FloatArray, n: int
) -> float:
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


@equation("E04")
class Decomposition(NamedTuple):
    """The log evidence as ELBO plus KL, every term on its own, in nats.

    (E04)  log p(D) = E_q[log p(D|w)] - KL(q || p) + KL(q || p(·|D)) = ELBO + KL
    Derivation.  By Bayes' rule log p(D) = log p(D|w) + log p(w) - log p(w|D) at every w.
        Add and take away log q(w), and take the mean under q: the left side is a number,
        E_q[log p(w) - log q(w)] is -KL(q || p), E_q[log q(w) - log p(w|D)] is the last
        KL. It is never negative (Jensen), so the ELBO is a lower bound.
    Source.  Jordan et al. 1999.

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(1.0), mb.GaussianPrior())
    >>> X, y = [[-1.0], [0.0], [1.0]], [0.0, 1.0, 5.0]
    >>> q = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=20).q
    >>> terms = mb.exact_posterior(model, X, y).decompose(q)
    >>> terms.kl_posterior > 0.0, abs(terms.residual) < 1e-9
    (True, True)
    """

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
    def elbo(self) -> float:
        """E_q[log p(D | w)] + E_q[log p(w)] + H(q)."""
        return self.expected_log_likelihood + self.expected_log_prior + self.entropy

    @property
    def residual(self) -> float:
        """log p(D) - ELBO - KL: zero up to rounding."""
        return self.log_evidence - self.elbo - self.kl_posterior


def prior_moments(prior: Any, n_weights: int) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each weight under a Gaussian prior, (P,)."""
    check_instance("model.prior", prior, GaussianPrior, "a GaussianPrior")
    return prior.mean_and_sd(n_weights)


@door
def exact_posterior(model: Model, X: ArrayLike, y: ArrayLike) -> ExactPosterior:
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

    Examples
    --------
    >>> import minibnn as mb
    >>> line = mb.MLP([1, 1], bias=False)
    >>> model = mb.Model(line, mb.Gaussian(1.0), mb.GaussianPrior())
    >>> posterior = mb.exact_posterior(model, [[1.0], [2.0]], [2.0, 5.0])
    >>> posterior.mean.round(6), posterior.precision.round(6)  # 12 / (1 + 1 + 4)
    (array([2.]), array([[6.]]))
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


def check_conjugate(model: Model) -> None:
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


def _design(model: Model, A: FloatArray) -> FloatArray:
    """Phi (N C, P) with F.ravel() = Phi w: each output has weights of its own."""
    return np.kron(A, np.eye(model.net.n_outputs))


@door
@dataclass(frozen=True)
class ExactPosterior:
    """p(w | D) = N(mean, root rootᵀ), exact up to rounding.

    Attributes
    ----------
    model : Model
        Whose posterior it is.
    mean : array (P,)
    root : array (P, P)
        Upper triangular R⁻¹: w = mean + root z with z ~ N(0, I) is a posterior draw.
    factor : array (P, P)
        R, upper triangular: the precision is RᵀR.
    log_evidence : float
        log p(y | X) in nats.

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(1.0), mb.GaussianPrior())
    >>> X, y = [[-1.0], [0.0], [1.0]], [0.0, 1.0, 5.0]
    >>> posterior = mb.exact_posterior(model, X, y)
    >>> posterior.predict([[0.0], [10.0]]).std.round(2)  # far away it knows less
    array([1.12, 5.88])
    """

    model: Model
    mean: FloatArray
    root: FloatArray = field(repr=False)
    factor: FloatArray = field(repr=False)
    log_evidence: float
    _A: FloatArray = field(repr=False)
    _y: FloatArray = field(repr=False)

    def __post_init__(self) -> None:
        keep_arrays(self)

    def __repr__(self) -> str:
        n, evidence = len(self.mean), self.log_evidence
        return f"ExactPosterior({n} weights, log evidence {evidence:.6g} nats)"

    @property
    def variances(self) -> FloatArray:
        """Marginal posterior variances, (P,)."""
        return (self.root**2).sum(1)

    @property
    def cov(self) -> FloatArray:
        """Posterior covariance, (P, P)."""
        return self.root @ self.root.T

    @property
    def precision(self) -> FloatArray:
        """Inverse posterior covariance, (P, P)."""
        return self.factor.T @ self.factor

    def sample_weights(self, n_samples: int, rng: Rng = None) -> FloatArray:
        """Independent posterior draws.

        Parameters
        ----------
        n_samples : int
            S.
        rng : int, SeedSequence, Generator or None
            None draws others at every call.

        Returns
        -------
        array (S, P)
        """
        shape = (
            check_int("n_samples", n_samples, maximum=MOST_SAMPLES),
            len(self.mean),
        )
        return self.mean + as_rng(rng).standard_normal(shape) @ self.root.T

    def predict(self, X: ArrayLike) -> GaussianPrediction:
        """The Gaussian predictive.

        Parameters
        ----------
        X : array (N, D)
        """
        A = self.model.features(X, ndim=2, dtype=np.float64)
        Phi, shape = _design(self.model, A), (len(A), self.model.net.n_outputs)
        with np.errstate(over="ignore"):  # a variance of inf is an answer
            epistemic = ((Phi @ self.root) ** 2).sum(1).reshape(shape)
        aleatoric = np.full(shape, self.model.likelihood.scale**2)
        parts = [(Phi @ self.mean).reshape(shape), aleatoric, epistemic]
        parts = [a[:, 0] if a.shape[1] == 1 else a for a in parts]
        return GaussianPrediction(*kept(parts))

    def to_inference_dict(
        self,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        n_samples: int = 1000,
        rng: Rng = None,
    ) -> dict[str, dict[str, Any]]:
        """Draws with names, and what they say of data: the dict that ArviZ reads.

        See :meth:`minibnn.FitResult.to_inference_dict`.

        Parameters
        ----------
        X, y : arrays (N, D) and (N,) or (N, C), optional
            The data again, both or neither.
        n_samples : int
            Independent draws, of one chain.
        rng : int, SeedSequence, Generator or None
            None: other draws at every call.

        Returns
        -------
        dict of dicts of arrays (1, draw, ...)

        Raises
        ------
        ValueError, TypeError
            If X or y is alone, or does not fit the model.

        Examples
        --------
        >>> import minibnn as mb
        >>> data = mb.datasets.linear(rng=0)
        >>> model = mb.Model(mb.MLP([3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> posterior = mb.exact_posterior(model, data.X, data.y)
        >>> found = posterior.to_inference_dict(data.X, data.y, n_samples=50, rng=0)
        >>> found["posterior"]["W1"].shape
        (1, 50, 3, 1)
        """
        draw = partial(self.sample_weights, n_samples)
        return of_independent_draws(self.model, draw, X, y, rng)

    def decompose(self, q: Normal) -> Decomposition:
        """log p(D) = ELBO + KL term by term, for a Gaussian q over the weights.

        Parameters
        ----------
        q : Normal
            Without replica axis, such as ``result.q`` of a fit.
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

    def kl_from(self, q: Normal) -> float:
        """KL(q || posterior) of a Gaussian q = N(m, L Lᵀ), in nats.

        (|R L|² + |R d|² - P)/2 - log det(R L), d the difference of the means.

        Parameters
        ----------
        q : Normal
            Without replica axis, such as ``result.q`` of a fit.
        """
        mean, L, log_det = gaussian_factor(q, len(self.mean))
        shift, spread = self.factor @ (mean - self.mean), self.factor @ L
        squares = (spread**2).sum() - len(mean) + (shift**2).sum()
        return float(0.5 * squares - np.log(np.diag(self.factor)).sum() - log_det)


@door
class GaussianPrediction(NamedTuple):
    """Exact predictive N(mean, aleatoric + epistemic) at every row.

    Attributes
    ----------
    mean : array (N,) or (N, C)
        In units of y.
    aleatoric, epistemic : arrays of the same shape
        Variances, of the noise and of the mean: what more data leave, and what they take.

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> posterior = mb.exact_posterior(model, [[0.0], [1.0]], [0.0, 1.0])
    >>> prediction = posterior.predict([[0.0], [3.0]])
    >>> prediction.aleatoric, prediction.epistemic.round(2)
    (array([0.25, 0.25]), array([0.17, 2.14]))
    >>> prediction.interval(0.9)[1].round(2)
    array([1.21, 4.75])
    """

    mean: FloatArray
    aleatoric: FloatArray
    epistemic: FloatArray

    def __repr__(self) -> str:
        return f"GaussianPrediction of {len(self.mean)} rows"

    @property
    def std(self) -> FloatArray:
        """Predictive standard deviation, noise included."""
        return np.sqrt(self.aleatoric + self.epistemic)

    def interval(self, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Central interval (lower, upper).

        Parameters
        ----------
        level : float in (0, 1)
            The probability that it holds.
        """
        half = ndtri(0.5 + 0.5 * check_fraction("level", level, strict=True)) * self.std
        return self.mean - half, self.mean + half

    def quantile(self, q: ArrayLike) -> FloatArray:
        """Quantiles of y.

        Parameters
        ----------
        q : float or array (k,) in (0, 1)

        Returns
        -------
        array of the shape of ``mean``, with k before it for k of them

        Raises
        ------
        ValueError
            For a q that is not in (0, 1).
        """
        q = as_float_array("q", q, ndim=(0, 1), dtype=np.float64)
        check_all("q", check_not_empty("q", q), (q > 0) & (q < 1), "in (0, 1)")
        z = ndtri(q).reshape(q.shape + (1,) * self.mean.ndim)
        return self.mean + z * self.std

    def log_prob(self, y: ArrayLike) -> FloatArray:
        """Log predictive density of each target alone, in nats.

        Parameters
        ----------
        y : array of the shape of ``mean``
        """
        y = as_float_array("y", y)
        check_shape("y", y, self.mean.shape)
        with np.errstate(over="ignore"):  # log 0 = -inf is an answer
            z = (y - self.mean) / self.std
            return -0.5 * z * z - np.log(self.std) - HALF_LOG_2PI


def gaussian_factor(q: Normal, n_weights: int) -> tuple[FloatArray, FloatArray, float]:
    """mean (P,), L (P, P) and log det L of a Gaussian q, L = diag(sigma) (I + low)."""
    check_instance("q", q, Normal, "a Normal(mean, sigma, log_sigma[, low])")
    mean = as_float_array("q.mean", q.mean, shape=(n_weights,), dtype=np.float64)
    sigma = as_float_array("q.sigma", q.sigma, shape=(n_weights,), dtype=np.float64)
    unit = np.eye(n_weights)
    if q.low is not None:
        unit = unit + unpacked_low(q.low, n_weights)
    return mean, sigma[:, None] * unit, float(np.sum(q.log_sigma))


def unpacked_low(low: ArrayLike, n_weights: int) -> FloatArray:
    """Strictly lower (P, P) matrix from (P, P) or from its P(P-1)/2 entries by row."""
    low = as_float_array("q.low", low, dtype=np.float64)
    if low.ndim == 2:
        return check_shape("q.low", np.tril(low, -1), (n_weights, n_weights))
    check_shape("q.low", low, (n_weights * (n_weights - 1) // 2,))
    matrix = np.zeros((n_weights, n_weights))
    matrix[np.tril_indices(n_weights, -1)] = low
    return matrix
