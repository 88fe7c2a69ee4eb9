"""Estimators: how E_q[negative log-likelihood] and the KL become numbers and gradients.

Protocol: ``noise_shape(model, family, n_samples, n_rows) -> (S, M)`` and
``(model, family, q, noise, A, y) -> nll (..., S), pull, (kl, g_kl)`` with
``pull(c)`` the cotangent of Σ_s c nll_s. The noise is an argument, so at fixed noise
everything here is an ordinary function of q that can be differenced. The KL is the
estimator's too: some sample it. ``check(model, family)`` names what is missing where
the three do not combine; ``exact`` says that no noise is left.
"""

from minibnn.families.normal import add


def closed_kl(model, family, q):
    """The analytic KL (for a point: the penalty) and its cotangent."""
    return family.kl(q, model.weight_prior)


def needs_samples(model, family):
    """Whether the prior has no closed form under this family."""
    return family.has_elbo and not model.weight_prior.has_closed_kl


def check_independent(estimator, family):
    """Raise ValueError unless the family's weights are independent."""
    if not family.has_moments:
        raise ValueError(
            f"estimator {estimator!r} needs a family with independent weights "
            f"(mean and variance of each), {family!r} has none: use Pathwise()"
        )


def check_density(estimator, family):
    """Raise ValueError unless q has a density."""
    if not family.has_elbo:
        raise ValueError(
            f"estimator {estimator!r} needs a family with a density, "
            f"{family!r} has none: use Pathwise()"
        )


def check_closed_kl(estimator, model, family):
    """Raise ValueError where the KL would have to be sampled."""
    if needs_samples(model, family):
        raise ValueError(
            f"estimator {estimator!r} draws no weights, so prior {model.prior!r} "
            f"needs a closed-form KL and has none: use Pathwise()"
        )


class Estimator:
    """What all estimators share."""

    label = None  # of its equation
    exact = False
    of_value = True  # whether the gradient is that of the value at the same noise

    @classmethod
    def examples(cls):
        """(estimator, hidden layers, activation) of networks that it serves."""
        return [(cls(), (3,), "tanh")]

    def __repr__(self):
        return f"{type(self).__name__}()"

    def check(self, model, family):
        """Raise ValueError naming what is missing; by default nothing can be."""

    def noise_shape(self, model, family, n_samples, n_rows):
        """(S, P): one standard normal per weight."""
        return n_samples, family.noise_size(model)


def sampled_kl(model, family, q, w, pull_w):
    """KL = E_q[log q] - mean_s log p(w_s), its cotangent through the same samples."""
    value, cotangent = family.neg_entropy(q)
    log_prior, g_prior = model.weight_prior.log_prob(w)
    n_samples = log_prior.shape[-1]
    through_w = pull_w(-g_prior / n_samples)
    return value - log_prior.mean(-1), add(cotangent, through_w)
