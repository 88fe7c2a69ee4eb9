"""Sticking the landing: the score of q left out of the gradient."""

from __future__ import annotations

from minibnn.equations import equation
from minibnn.estimators.base import Estimate, Estimator, check_density
from minibnn.families.base import Family
from minibnn.families.normal import Normal
from minibnn.model import Model
from minibnn.types import Array, FloatArray


class StickTheLanding(Estimator):
    """Pathwise, with the KL sampled along the path and the score left out (E65).

    Its noise vanishes where q is the posterior. ``parts["kl"]`` is the mean over
    samples of log q - log p, and the gradient is deliberately not that value's
    derivative.

    Examples
    --------
    >>> import minibnn as mb, numpy as np
    >>> model = mb.Model(mb.MLP([1, 1], bias=False), mb.Gaussian(1.0), mb.GaussianPrior())
    >>> params = {"mu": np.array([1.0]), "rho": np.array([np.log(0.5)])}
    >>> noise, family = np.random.default_rng(0).normal(size=(1, 1)), mb.MeanField("exp")
    >>> data = [[1.0], [1.0], [1.0]], [1.0, 1.0, 2.0]  # the posterior is N(1, 1/4)
    >>> alike = model, family, params, noise, *data
    >>> _, grads, _ = mb.neg_elbo(*alike, estimator=mb.StickTheLanding())
    >>> bool(np.abs(grads["mu"]) < 1e-12)  # whatever the noise
    True
    """

    label, of_value = "E65", False

    def check(self, model: Model, family: Family) -> None:
        """Raise ValueError naming what is missing."""
        check_density(self, family)

    @equation("E65")
    def __call__(
        self,
        model: Model,
        family: Family,
        q: Normal,
        noise: FloatArray,
        A: FloatArray,
        y: Array,
    ) -> Estimate:
        """The pathwise gradient of nll + log q - log p, with q's own parameters frozen.

        (E65)  ∇ ≈ ∇_phi [nll(w) + log q_frozen(w) - log p(w)],  w = w(phi, eps)
        Derivation.  d/dphi log q_phi(w(phi)) has two parts: through w, and the score
            ∇ log q at fixed w. The score has mean zero (see E64), so leaving it out
            keeps the gradient unbiased. What is left is the path times ∂/∂w [log q(w) -
            log p(w, D)], which is zero for every w where q is the posterior.
        Source.  Roeder, Wu & Duvenaud 2017, eq. 8.
        """
        w, pull_w = family.sample(q, noise)
        nll, pull_nll = model.nll(w, A, y)
        log_q, slope, _ = family.density(q, noise)
        log_prior, g_prior = model.weight_prior.log_prob(w)
        g_kl = pull_w((slope - g_prior) / log_q.shape[-1])

        def pull(c: float | FloatArray) -> Normal:
            return pull_w(pull_nll(c))

        return nll, pull, ((log_q - log_prior).mean(-1), g_kl)
