"""Sticking the landing: the score of q left out of the gradient."""

from minibnn.equations import equation
from minibnn.estimators.base import Estimator, check_density


class StickTheLanding(Estimator):
    """Pathwise, with the KL sampled along the path and the score left out (E65).

    Its noise vanishes where q is the posterior. ``parts["kl"]`` is the mean over
    samples of log q - log p, and the gradient is deliberately not that value's
    derivative.
    """

    label, of_value = "E65", False

    def check(self, model, family):
        """Raise ValueError naming what is missing."""
        check_density(self, family)

    @equation("E65")
    def __call__(self, model, family, q, noise, A, y):
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

        def pull(c):
            return pull_w(pull_nll(c))

        return nll, pull, ((log_q - log_prior).mean(-1), g_kl)
