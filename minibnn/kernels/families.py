"""Variational families: free numbers -> a Gaussian over the weights, and back.

``params`` is a dict of arrays. ``natural`` turns it into a :class:`Gaussian` q and a
pullback from cotangents of q to gradients of ``params``; ``sample``, ``moments``,
``density`` and ``kl`` speak only of q. A cotangent is a :class:`Gaussian` too, None
meaning zero. ``tasks`` is the leading shape of q that ``params`` does not have (one
posterior per data set); ``first_fit`` a simpler family whose solution is the start.
"""

from typing import NamedTuple

import numpy as np

from minibnn.kernels.equations import equation
from minibnn.kernels.gaussian_kl import HALF_LOG_2PI, neg_entropy
from minibnn.kernels.maps import SCALES
from minibnn.kernels.model import check_protocol
from minibnn.kernels.natural_steps import mean_field_step
from minibnn.kernels.validate import as_rng, check_all, check_choice, check_positive


class Gaussian(NamedTuple):
    """q(w) = N(mean, L Lᵀ), L = diag(sigma) (I + low); also its cotangent.

    ``low`` (..., P, P) is strictly lower triangular, or None where weights are
    independent.

    The data term sends its gradient through ``sigma``, the KL through ``log_sigma``:
    each stays finite where their product would be inf * 0.
    """

    mean: np.ndarray | None = None
    sigma: np.ndarray | None = None
    log_sigma: np.ndarray | None = None
    low: np.ndarray | None = None


def add(a, b):
    """Sum of two cotangents."""
    pairs = zip(a, b, strict=True)
    return Gaussian(*(y if x is None else x if y is None else x + y for x, y in pairs))


def scaled(factor, a):
    """A cotangent times a number."""
    return Gaussian(*(None if x is None else factor * x for x in a))


class MeanField:
    """Independent Gaussians: q(w) = Π_i N(w_i; mu_i, sigma_i²), sigma = scale(rho).

    Parameters
    ----------
    scale : {"softplus", "exp", "identity"}
        How the free number rho becomes a standard deviation. "identity" is the literal
        update of sigma itself: a step may leave (0, inf), and then training says so.
    sigma : float
        Standard deviation every weight starts with.

    ``params``: {"mu": (P,), "rho": (P,)}, any leading replica axes.
    """

    has_moments = True
    has_elbo = True
    fixed_noise_start = True  # L-BFGS at fixed noise is a good start
    tasks = ()
    first_fit = None

    def __init__(self, scale="softplus", sigma=0.05):
        self.scale = check_choice("scale", scale, sorted(SCALES))
        self.sigma = check_positive("sigma", sigma)

    def __repr__(self):
        return f"MeanField(scale={self.scale!r}, sigma={self.sigma:g})"

    def shapes(self, model):
        """Shape of every array in ``params``."""
        return {"mu": (model.n_weights,), "rho": (model.n_weights,)}

    def init(self, model, rng=None):
        """Step 1 of the algorithm: means like a new network's, all sigmas equal."""
        mu = check_protocol("model", model, "log_joint").initial_weights(as_rng(rng))
        return {
            "mu": mu,
            "rho": np.full_like(mu, SCALES[self.scale].inverse(self.sigma)),
        }

    def check_params(self, params):
        """Raise ValueError naming the first sigma outside (0, inf), if there is one."""
        if self.scale == "identity":
            rho = params["rho"]
            check_all("params['rho'] (sigma itself)", rho, rho.real > 0, "> 0")

    def keep_valid(self, params, clip=None):
        """After a step: lift sigma to ``clip`` if asked; raise if one left (0, inf)."""
        if self.scale == "identity":
            if clip is not None:
                np.maximum(params["rho"], clip, out=params["rho"])
            self.check_params(params)

    def noise_size(self, model):
        """Standard normals one weight sample needs."""
        return model.n_weights

    def natural(self, params):
        """params -> q and ``pull(cotangent of q) -> gradients of params``."""
        (sigma, log_sigma), pull_scale = SCALES[self.scale].forward(params["rho"])

        def pull(c):
            return {"mu": c.mean, "rho": pull_scale(c.sigma, c.log_sigma)}

        return Gaussian(params["mu"], sigma, log_sigma), pull

    @equation("E14")
    def sample(self, q, eps):
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
            return Gaussian(mean=g_w.sum(-2), sigma=(g_w * eps).sum(-2))

        return w, pull

    def kl(self, q, prior):
        """KL(q || prior), one value per replica, and its cotangent."""
        value, g_mean, g_log_sigma = prior.kl(q.mean, q.sigma, q.log_sigma)
        return value.sum(-1), Gaussian(mean=g_mean, log_sigma=g_log_sigma)

    def moments(self, q):
        """Mean and variance of every weight, and the way back; for local sampling."""

        def pull(g_mean, g_var):
            return Gaussian(mean=g_mean, sigma=2.0 * q.sigma * g_var)

        return q.mean, q.sigma * q.sigma, pull

    def neg_entropy(self, q):
        """E_q[log q], one value per replica, and its cotangent."""
        value, g_log_sigma = neg_entropy(q.log_sigma)
        return value.sum(-1), Gaussian(log_sigma=g_log_sigma)

    def marginals(self, q):
        """Mean and variance of every weight by itself."""
        return q.mean, q.sigma * q.sigma

    def density(self, q, eps):
        """log q(w) at w = mu + sigma ∘ eps, its slope in w, and its score.

        log q = -|eps|²/2 - Σ log sigma - P log(2 pi)/2 with eps = (w - mu)/sigma. At
        fixed mu, sigma: ∂/∂w = -eps/sigma. At fixed w: ∂/∂mu = eps/sigma and, since
        ∂eps/∂log sigma = -eps, ∂/∂log sigma = eps² - 1.
        Shapes.  eps (..., S, P) -> (..., S), (..., S, P), pull: c (..., S) -> Σ_s c_s
        times the score, a cotangent of q.
        """
        slope = -eps / q.sigma[..., None, :]

        def score(c):
            c = c[..., None]
            return Gaussian(
                mean=-(c * slope).sum(-2), log_sigma=(c * (eps * eps - 1.0)).sum(-2)
            )

        return log_normal(q, eps), slope, score

    def natural_step(self, params, grads, a):
        """One natural-gradient step of size a on params, in place (E77)."""
        q, pull = self.natural(params)
        slope = pull(Gaussian(q.mean, log_sigma=np.ones_like(q.mean)))["rho"]
        mu, log_sigma = mean_field_step(q, grads["mu"], grads["rho"] / slope, a)
        params["mu"][...] = mu
        params["rho"][...] = SCALES[self.scale].inverse(np.exp(log_sigma))


def log_normal(q, eps):
    """log q at the weights that standard normals eps (..., S, P) make, (..., S)."""
    log_det = (q.log_sigma + HALF_LOG_2PI).sum(-1)[..., None]
    return -0.5 * (eps * eps).sum(-1) - log_det


class Point:
    """A single weight vector: maximum a posteriori, or maximum likelihood at KL weight 0.

    A point has no KL and no ELBO. What stands in their place is the penalty
    -log p(w): ``loss = nll - kl_weight * log p(w)``.

    ``params``: {"mu": (P,)}, any leading replica axes.
    """

    has_moments = False
    has_elbo = False
    fixed_noise_start = False
    tasks = ()
    first_fit = None

    def __repr__(self):
        return "Point()"

    def shapes(self, model):
        """Shape of every array in ``params``."""
        return {"mu": (model.n_weights,)}

    def init(self, model, rng=None):
        """A new network's weights."""
        check_protocol("model", model, "log_joint")
        return {"mu": model.initial_weights(as_rng(rng))}

    def check_params(self, params):
        """Every real vector is a point."""

    def keep_valid(self, params, clip=None):
        """Nothing can leave its range."""

    def noise_size(self, model):
        """A point needs no noise."""
        return 0

    def natural(self, params):
        """params -> q (a mean without spread) and the way back."""
        return Gaussian(params["mu"]), lambda c: {"mu": c.mean}

    def sample(self, q, eps):
        """The weights themselves, once per sample."""
        copies = eps.shape[-2]
        w = np.broadcast_to(
            q.mean[..., None, :], q.mean.shape[:-1] + (copies, q.mean.shape[-1])
        )
        return w, lambda g_w: Gaussian(mean=g_w.sum(-2))

    def kl(self, q, prior):
        """The penalty -log p(w), one value per replica, and its cotangent."""
        value, gradient = prior.log_prob(q.mean)
        return -value, Gaussian(mean=-gradient)
