"""The full-covariance Gaussian family: weights that know of each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Self

import numpy as np
from scipy.linalg import solve_triangular

from minibnn.equations import equation
from minibnn.families.mean_field import MeanField
from minibnn.families.normal import Normal, log_normal
from minibnn.families.scales import ScaledFamily
from minibnn.model import Model
from minibnn.numerics import log1p
from minibnn.priors.base import Prior
from minibnn.types import FloatArray, IntArray, Params, Rng

RATE = 0.01  # of Adam, times P


@equation("E15")
def correlated_weights(q, eps):
    """The reparameterization with a Cholesky factor: noise is mixed, then scaled.

    (E15)  w = mu + sigma ∘ z,   z = eps + low eps,   eps ~ N(0, I)
    Derivation.  L eps has covariance L Lᵀ. ∂w_i/∂mu_i = 1, ∂w_i/∂sigma_i = z_i and
        ∂w_i/∂low_ij = sigma_i eps_j, so a cotangent g of w gives
        ∂/∂mu = Σ_s g_s,  ∂/∂sigma = Σ_s g_s ∘ z_s,  ∂/∂low = Σ_s (sigma ∘ g_s)
        eps_sᵀ.
    Shapes.  low (..., P, P), eps (..., S, P) -> w (..., S, P); pull: g_w -> q
    """
    sigma = q.sigma[..., None, :]
    z = eps + eps @ q.low.swapaxes(-1, -2)

    def pull(g):
        g_low = (sigma * g).swapaxes(-1, -2) @ eps
        return Normal(mean=g.sum(-2), sigma=(g * z).sum(-2), low=g_low)

    return q.mean[..., None, :] + sigma * z, pull


@equation("E44")
def correlated_kl(q, prior):
    """KL to a factorised prior: the KLs of the marginals and the total correlation.

    (E44)  KL(q || p) = Σ_i KL(q_i || p_i) + TC,   TC = Σ_i h_i,
           h_i = log(1 + r_i)/2,   r_i = Σ_{j<i} low_ij²
           ∂KL/∂log sigma_i = g_i,   ∂KL/∂low_ij = (1 + g_i) low_ij / (1 + r_i)

    Derivation.  log q/p = log q/Π q_i + Σ log q_i/p_i, and its mean is TC plus the
        marginal KLs, because p factorises. The marginal variance s_i² is the
        squared length of row i of L, sigma_i² (1 + r_i), so log s_i = log sigma_i +
        h_i. TC = Σ log s_i - log det L, and log det L = Σ log sigma_i: what is left
        is Σ h_i, with log1p exact for nearly independent weights. g_i is the
        marginal KL's slope in log s_i; ∂h_i/∂low_ij = low_ij/(1 + r_i) finishes it.
    Shapes.  value (...), cotangent of q.
    """
    r = (q.low * q.low).sum(-1)
    h = 0.5 * log1p(r)
    kl, g_mean, g = prior.kl(q.mean, q.sigma * np.sqrt(1.0 + r), q.log_sigma + h)
    g_low = ((1.0 + g) / (1.0 + r))[..., None] * q.low
    value = kl.sum(-1) + h.sum(-1)
    return value, Normal(mean=g_mean, log_sigma=g, low=g_low)


@equation("E78")
def full_covariance_step(q, g_mu, g_log_sigma, g_low, a):
    """A step of size a in the natural parameters of N(mu, Σ); new (mu, sigma, low).

    (E78)  Λ <- Λ + 2a ∂loss/∂Σ,   mu <- mu - a Λ_new⁻¹ ∂loss/∂mu,   Λ = Σ⁻¹

    Derivation.  In an exponential family the natural gradient for the natural
        parameters (Λmu, -Λ/2) is the plain gradient for the expectations (mu, Σ + mu
        muᵀ), namely (g_mu - 2 G mu, G) with G = ∂loss/∂Σ. So -Λ/2 <- -Λ/2 - a G, and
        Λ_new mu_new = Λ mu - a (g_mu - 2 G mu) = Λ_new mu - a g_mu. On a conjugate
        model 2G = Λ_post - Λ: a = 1 lands on the posterior in one step.
        From the factor: Σ = L Lᵀ gives LᵀGL = (B + Bᵀ)/2, B the lower triangle of
        Lᵀ ∂loss/∂L with its diagonal halved, so Λ_new = L⁻ᵀ M L⁻¹, M = I + a (B + Bᵀ).
        With M = U Uᵀ, U upper triangular, L_new = L U⁻ᵀ is lower triangular again.
        L = diag(sigma) T, T = I + low: row i of sigma ∂loss/∂L is g_low off the
        diagonal and g_log_sigma - Σ_j low_ij g_low_ij on it.
    Source.  Khan & Rue 2023, eq. 11; Murray 2016 (Cholesky derivative).
    Shapes.  g_mu, g_log_sigma (..., P), g_low (..., P, P) strictly lower.

    Raises ValueError where M is not positive definite: the step is too long.
    """
    eye = np.eye(q.mean.shape[-1], dtype=q.mean.dtype)
    T = eye + q.low
    diagonal = g_log_sigma - (q.low * g_low).sum(-1)
    B = np.tril(T.swapaxes(-1, -2) @ (g_low + eye * diagonal[..., None, :]))
    M = eye + a * (B + B.swapaxes(-1, -2)) * (1.0 - 0.5 * eye)
    return with_precision(q, M, g_mu, a)


@equation("E79")
def curvature_step(q, G, d, g_mu, a):
    """A step of size a with the curvature of the model; new (mu, sigma, low).

    (E79)  Λ <- (1 - a) Λ + a (GᵀG + diag(d)),   mu <- mu - a Λ_new⁻¹ ∂loss/∂mu

    Derivation.  E78 with 2 ∂loss/∂Σ = E_q[∇² nll] + diag(d) - Λ: for a Gaussian q the
        slope of an expectation in Σ is half the mean second derivative (Price), the
        prior is independent in the weights, and the entropy gives -Λ. A network's
        second derivatives can be indefinite; their mean over targets y drawn from the
        model itself cannot: from ∫ p(y|w) dy = 1, differentiated twice,
        E_y[∇² nll] = E_y[∇nll ∇nllᵀ] (Fisher). Rows are independent and their slopes
        have mean zero, so N/R times the outer products of R rows' slopes, each at its own
        w ~ q and y ~ p(y|w), has that mean: GᵀG with the slopes times √(N/R) as rows.
        Then Λ_new >= (1 - a) Λ: no step a < 1 is too long to have a covariance.
        With Z = G L, M = Lᵀ Λ_new L = (1 - a) I + a (ZᵀZ + Lᵀ diag(d) L).
    Source.  Martens 2020, sec. 9; Khan et al. 2018 (VOGN), here with all P² entries.
    Shapes.  G (..., R, P), d and g_mu (..., P).

    Raises ValueError where G is so large that M has no Cholesky factor.
    """
    eye = np.eye(q.mean.shape[-1], dtype=q.mean.dtype)
    L = q.sigma[..., None] * (eye + q.low)
    Z = np.concatenate([G @ L, np.sqrt(d)[..., None] * L], axis=-2)
    M = (1.0 - a) * eye + a * (Z.swapaxes(-1, -2) @ Z)
    return with_precision(q, M, g_mu, a)


def with_precision(q, M, g_mu, a):
    """(mu, sigma, low) of precision L⁻ᵀ M L⁻¹ after a step of size a of the mean."""
    T = np.eye(q.mean.shape[-1], dtype=q.mean.dtype) + q.low
    try:
        U = np.linalg.cholesky(M[..., ::-1, ::-1])[..., ::-1, ::-1]
    except np.linalg.LinAlgError:
        raise ValueError(
            f"a natural-gradient step of size {a:g} makes the precision indefinite; "
            "take a smaller one"
        ) from None
    pivots = np.diagonal(U, axis1=-2, axis2=-1)
    TK = upper_solve(U, T.swapaxes(-1, -2)).swapaxes(-1, -2)
    sigma, T = q.sigma / pivots, np.tril(TK * pivots[..., None])
    through = (T.swapaxes(-1, -2) @ (sigma * g_mu)[..., None])[..., 0]
    mu = q.mean - a * sigma * (T @ through[..., None])[..., 0]
    return mu, sigma, np.tril(T, -1)


upper_solve = np.vectorize(solve_triangular, signature="(n,n),(n,m)->(n,m)")


@lru_cache
def lower_indices(n: int) -> tuple[IntArray, IntArray]:
    """Rows and columns of a strictly lower triangle, row by row."""
    return np.tril_indices(n, -1)


class FullCovariance(ScaledFamily):
    """One Gaussian over all weights: q(w) = N(mu, L Lᵀ), L = diag(sigma) (I + low).

    The Cholesky factor's diagonal sigma = scale(rho) is positive; ``low`` is strictly
    lower triangular and free, so every covariance matrix has exactly one set of
    numbers. P (P + 3) / 2 of them: meant for P up to two thousand.

    ``fit`` starts it from a mean-field solution (of small networks from two), brought to
    the curvature of the model by natural-gradient steps (E79). Adam's steps from there
    are small, 0.01 / P, unless the caller gives an optimiser of his own.

    ``params``: {"mu": (P,), "rho": (P,), "low": (P(P-1)/2,)}, row by row, any leading
    replica axes.

    Parameters
    ----------
    scale, sigma : str, float
        As for :class:`MeanField`.

    Raises
    ------
    ValueError, TypeError
        If the scale is unknown or sigma not a number > 0.

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([1, 4, 1]), mb.Gaussian(0.1), mb.GaussianPrior())
    >>> params = mb.FullCovariance().init(model, rng=0)
    >>> {name: array.shape for name, array in params.items()}
    {'mu': (13,), 'rho': (13,), 'low': (78,)}
    """

    has_natural_step = has_curvature_step = True
    labels = (("sample", "E15"), ("kl", "E44"))

    neg_entropy = MeanField.neg_entropy  # det(I + low) = 1

    @classmethod
    def examples(cls, n_weights: int) -> list[Self]:
        """Both scales that keep sigma positive."""
        return [cls("softplus"), cls("exp", sigma=0.2)]

    def rate(self, model: Model) -> float:
        """Step size of Adam from a good start.

        A step moves all P² / 2 correlations by about it, most of them by noise: each
        marginal variance by P times its square. So it falls with P.
        """
        return RATE / model.n_weights

    @property
    def first_fit(self) -> MeanField:
        """The family whose solution is the start."""
        return MeanField(self.scale, self.sigma)

    def shapes(self, model: Model) -> dict[str, tuple[int, ...]]:
        """Shape of every array in ``params``."""
        n = model.n_weights
        return {"mu": (n,), "rho": (n,), "low": (n * (n - 1) // 2,)}

    def init(self, model: Model, rng: Rng = None) -> Params:
        """Independent weights, as mean field starts."""
        return self.embed(self.start(model, rng))

    def embed(self, params: Params) -> Params:
        """Mean-field params as params of this family: the same q, ``low`` = 0.

        Parameters
        ----------
        params : {"mu": (..., P), "rho": (..., P)}
        """
        mu, n = params["mu"], params["mu"].shape[-1]
        low = np.zeros(mu.shape[:-1] + (n * (n - 1) // 2,), mu.dtype)
        return {**params, "low": low}

    def natural(self, params: Params) -> tuple[Normal, Callable[[Normal], Params]]:
        """params -> q with ``low`` as a matrix, and the way back."""
        flat, n = params["low"], params["mu"].shape[-1]
        rows, columns = lower_indices(n)
        low = np.zeros(flat.shape[:-1] + (n, n), flat.dtype)
        low[..., rows, columns] = flat
        q, pull_mean_field = self.spread(params["mu"], params["rho"])

        def pull(c):
            return {**pull_mean_field(c), "low": c.low[..., rows, columns]}

        return q._replace(low=low), pull

    def sample(
        self, q: Normal, eps: FloatArray
    ) -> tuple[FloatArray, Callable[[FloatArray], Normal]]:
        """Weights (..., S, P) for standard normals, and the way back to q (E15)."""
        return correlated_weights(q, eps)

    def marginals(self, q: Normal) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of every weight by itself."""
        return q.mean, q.sigma**2 * (1.0 + (q.low * q.low).sum(-1))

    def kl(self, q: Normal, prior: Prior) -> tuple[FloatArray, Normal]:
        """KL(q || prior), one value per replica, and its cotangent (E44)."""
        return correlated_kl(q, prior)

    def density(
        self, q: Normal, eps: FloatArray
    ) -> tuple[FloatArray, FloatArray, Callable[[FloatArray], Normal]]:
        """log q(w) at w = mu + L eps, its slope in w, and its score.

        log q = -|e|²/2 - Σ log sigma - P log(2 pi)/2 with e = T⁻¹ x, x = (w -
        mu)/sigma, T = I + low. With u = T⁻ᵀ e: ∂/∂w = -u/sigma; at fixed w, de = T⁻¹
        (dx - dlow e) and dx = -dmu/sigma - x dlog sigma, so -e·de gives ∂/∂mu =
        u/sigma, ∂/∂log sigma = u ∘ x - 1 and ∂/∂low = u eᵀ.

        Parameters
        ----------
        q : Normal
        eps : array (..., S, P)

        Returns
        -------
        log_q, slope, score : as of :class:`MeanField`
        """
        low_T = q.low.swapaxes(-1, -2)
        T_T = np.eye(low_T.shape[-1], dtype=low_T.dtype) + low_T
        x, u = eps + eps @ low_T, np.linalg.solve(T_T, eps.swapaxes(-1, -2))
        u = u.swapaxes(-1, -2)
        slope = -u / q.sigma[..., None, :]

        def score(c):
            c = c[..., None]
            g_low = (c * u).swapaxes(-1, -2) @ eps
            g_log_sigma = (c * (u * x - 1.0)).sum(-2)
            return Normal(-(c * slope).sum(-2), log_sigma=g_log_sigma, low=g_low)

        return log_normal(q, eps), slope, score

    def natural_step(self, params: Params, grads: Params, a: float) -> None:
        """One step in natural parameters, in place (E78).

        Parameters
        ----------
        params, grads : dicts of arrays
        a : float
            Step size, > 0.

        Raises
        ------
        ValueError
            If the step is so long that no covariance is left.
        """
        q, pull = self.natural(params)
        ones = Normal(log_sigma=np.ones_like(q.mean), low=q.low)
        rows, columns = lower_indices(q.mean.shape[-1])
        g_low = np.zeros_like(q.low)
        g_low[..., rows, columns] = grads["low"]
        g_log_sigma = grads["rho"] / pull(ones)["rho"]
        new = full_covariance_step(q, grads["mu"], g_log_sigma, g_low, a)
        self._move_to(params, *new)

    def curvature_step(
        self, params: Params, G: FloatArray, prior: Prior, g_mu: FloatArray, a: float
    ) -> None:
        """One step with slopes of single rows and a prior's KL, in place (E79).

        Parameters
        ----------
        params : dict of arrays
        G : array (..., R, P)
            Slopes of R rows at targets of the model's own, times √(N/R).
        prior : Prior
            One with a closed KL.
        g_mu : array (..., P)
            Gradient of the loss by mu.
        a : float
            Step size in (0, 1).

        Raises
        ------
        ValueError
            If G is too large.
        """
        q, _ = self.natural(params)
        _, g = self.kl(q, prior)  # its slope in log s is s² d - 1, d in E79
        d = np.maximum(1.0 + g.log_sigma, 0.0) / self.marginals(q)[1]
        self._move_to(params, *curvature_step(q, G, d, g_mu, a))

    def _move_to(
        self, params: Params, mu: FloatArray, sigma: FloatArray, low: FloatArray
    ) -> None:
        """Write a Gaussian into params."""
        rows, columns = lower_indices(mu.shape[-1])
        params["mu"][...] = mu
        params["rho"][...] = self.raw(sigma)
        params["low"][...] = low[..., rows, columns]
