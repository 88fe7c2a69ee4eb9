"""Mean field: independent Gaussians over the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np

from minibnn.equations import equation
from minibnn.families.base import Family
from minibnn.families.normal import Normal, log_normal
from minibnn.families.scales import ScaledFamily
from minibnn.model import Model
from minibnn.numerics import HALF_LOG_2PI
from minibnn.priors.base import Prior
from minibnn.types import FloatArray, Params, Rng


@equation("E14")
def independent_weights(q, eps):
    """The reparameterization: a weight is a smooth function of mu, sigma and noise.

    (E14)  w = mu + sigma ∘ eps,  eps ~ N(0, I)
    Derivation.  ∂w_si/∂mu_i = 1 and ∂w_si/∂sigma_i = eps_si, the same eps that made
        the sample, so a cotangent g of w gives
        ∂/∂mu_i = Σ_s g_si,   ∂/∂sigma_i = Σ_s g_si eps_si.
    Source.  Kingma & Welling 2014, sec. 2.4; Blundell et al. 2015, sec. 3.2.
    Shapes.  mu, sigma (..., P), eps (..., S, P) -> w (..., S, P); pull: g_w -> q
    """
    w = q.mean[..., None, :] + q.sigma[..., None, :] * eps

    def pull(g_w):
        return Normal(mean=g_w.sum(-2), sigma=(g_w * eps).sum(-2))

    return w, pull


@equation("E43")
def neg_entropy(log_s):
    """Negative differential entropy E_q[log q] of N(m, s^2), each weight.

    (E43)  -H = -log s - log(2 pi e)/2,   d(-H)/dlog s = -1

    Derivation.  E log q = -E(w - m)^2/(2 s^2) - log s - log(2 pi)/2 with
    E(w - m)^2 = s^2. Shifting a density does not change its entropy: no m.

    Shapes.  log_s (...,)  ->  value, g_log_s (...,).
    """
    return -log_s - (HALF_LOG_2PI + 0.5), -np.ones_like(log_s)


@equation("E77")
def mean_field_step(q, g_mu, g_log_sigma, a):
    """A natural-gradient step on independent Gaussians; new (mu, log sigma).

    (E77)  mu <- mu - a sigma² ∂loss/∂mu,
           log sigma <- log sigma - (a/2) ∂loss/∂(log sigma)

    Derivation.  The Fisher matrix is E[score scoreᵀ]. With eps = (w - mu)/sigma the
        scores are eps/sigma and eps² - 1, so its entries are E[eps²]/sigma² = 1/sigma²,
        E[(eps² - 1)²] = 3 - 2 + 1 = 2 and E[eps (eps² - 1)] = 0: inverting the diagonal
        gives E77. On a quadratic loss with Hessian Λ and sigma² = 1/Λ_ii the first line
        at a = 1 is a Jacobi iteration: it diverges where Λ is far from diagonal.
    Source.  Amari 1998; Khan & Rue 2023 (the Bayesian learning rule), sec. 3.
    Shapes.  all (..., P); a is a number.
    """
    return q.mean - a * q.sigma**2 * g_mu, q.log_sigma - 0.5 * a * g_log_sigma


class MeanField(ScaledFamily):
    """Independent Gaussians: q(w) = Π_i N(w_i; mu_i, sigma_i²), sigma = scale(rho).

    ``params``: {"mu": (P,), "rho": (P,)}, any leading replica axes.

    Parameters
    ----------
    scale : {"softplus", "exp", "identity"}
        How the free number rho becomes a standard deviation. "identity" is the literal
        update of sigma itself: a step may leave (0, inf), and then training says so.
    sigma : float
        Standard deviation every weight starts with, > 0.

    Raises
    ------
    ValueError, TypeError
        If the scale is unknown or sigma not a number > 0.

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([1, 4, 1]), mb.Gaussian(0.1), mb.GaussianPrior())
    >>> family = mb.MeanField(sigma=0.1)
    >>> params = family.init(model, rng=0)
    >>> {name: array.shape for name, array in params.items()}
    {'mu': (13,), 'rho': (13,)}
    >>> q, _ = family.natural(params)
    >>> q.sigma[:3].round(6)
    array([0.1, 0.1, 0.1])
    """

    has_moments = has_natural_step = fixed_noise_start = True
    labels = (("sample", "E14"), ("neg_entropy", "E43"))

    @classmethod
    def examples(cls, n_weights: int) -> list[Self]:
        """Every scale."""
        return [cls(scale, sigma=0.3) for scale in ("softplus", "exp", "identity")]

    def shapes(self, model: Model) -> dict[str, tuple[int, ...]]:
        """Shape of every array in ``params``."""
        return {"mu": (model.n_weights,), "rho": (model.n_weights,)}

    def init(self, model: Model, rng: Rng = None) -> Params:
        """Step 1 of the algorithm: means like a new network's, all sigmas equal."""
        return self.start(model, rng)

    def natural(self, params: Params) -> tuple[Normal, Callable[[Normal], Params]]:
        """params -> q and ``pull(cotangent of q) -> gradients of params``."""
        return self.spread(params["mu"], params["rho"])

    # Where self is any Family, others with such a q take the method from here.

    def sample(
        self: Family, q: Normal, eps: FloatArray
    ) -> tuple[FloatArray, Callable[[FloatArray], Normal]]:
        """Weights (..., S, P) for standard normals, and the way back to q (E14)."""
        return independent_weights(q, eps)

    @equation("E03")
    def kl(self: Family, q: Normal, prior: Prior) -> tuple[FloatArray, Normal]:
        """KL(q || prior), one value per replica, and its cotangent: never negative.

        (E03)  KL(q || p) = E_q[log q(w) - log p(w)] >= 0, and 0 only for q = p

        Derivation.  log u <= u - 1, the tangent at 1, with equality only there. Let u =
            p(w)/q(w): its mean under q is ∫ p = 1, so KL = E_q[u - 1 - log u], a mean
            of numbers none of which is negative. For independent weights both logs are
            sums over them, and so is the KL.
        """
        value, g_mean, g_log_sigma = prior.kl(q.mean, q.sigma, q.log_sigma)
        return value.sum(-1), Normal(mean=g_mean, log_sigma=g_log_sigma)

    def moments(
        self: Family, q: Normal
    ) -> tuple[FloatArray, FloatArray, Callable[[FloatArray, FloatArray], Normal]]:
        """Mean and variance of every weight, and the way back; for local sampling.

        Parameters
        ----------
        q : Normal

        Returns
        -------
        mean, variance : arrays (..., P)
        pull : function
            Cotangents of both -> cotangent of q.
        """

        def pull(g_mean, g_var):
            return Normal(mean=g_mean, sigma=2.0 * q.sigma * g_var)

        return q.mean, q.sigma * q.sigma, pull

    def neg_entropy(self: Family, q: Normal) -> tuple[FloatArray, Normal]:
        """E_q[log q], one value per replica, and its cotangent.

        Parameters
        ----------
        q : Normal
        """
        value, g_log_sigma = neg_entropy(q.log_sigma)
        return value.sum(-1), Normal(log_sigma=g_log_sigma)

    def marginals(self: Family, q: Normal) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of every weight by itself."""
        return self.moments(q)[:2]

    def density(
        self: Family, q: Normal, eps: FloatArray
    ) -> tuple[FloatArray, FloatArray, Callable[[FloatArray], Normal]]:
        """log q(w) at w = mu + sigma ∘ eps, its slope in w, and its score.

        log q = -|eps|²/2 - Σ log sigma - P log(2 pi)/2 with eps = (w - mu)/sigma. At
        fixed mu, sigma: ∂/∂w = -eps/sigma. At fixed w: ∂/∂mu = eps/sigma and, since
        ∂eps/∂log sigma = -eps, ∂/∂log sigma = eps² - 1.

        Parameters
        ----------
        q : Normal
        eps : array (..., S, P)

        Returns
        -------
        log_q : array (..., S)
        slope : array (..., S, P)
        score : function
            c (..., S) -> Σ_s c_s times the score, a cotangent of q.
        """
        slope = -eps / q.sigma[..., None, :]

        def score(c):
            c = c[..., None]
            g_log_sigma = (c * (eps * eps - 1.0)).sum(-2)
            return Normal(mean=-(c * slope).sum(-2), log_sigma=g_log_sigma)

        return log_normal(q, eps), slope, score

    def natural_step(self, params: Params, grads: Params, a: float) -> None:
        """One natural-gradient step on params, in place (E77).

        Parameters
        ----------
        params, grads : dicts of arrays
        a : float
            Step size, > 0.
        """
        q, pull = self.natural(params)
        slope = pull(Normal(log_sigma=np.ones_like(q.mean)))["rho"]
        mu, log_sigma = mean_field_step(q, grads["mu"], grads["rho"] / slope, a)
        params["mu"][...] = mu
        params["rho"][...] = self.raw(np.exp(log_sigma))
