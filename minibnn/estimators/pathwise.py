"""The pathwise estimator: sampled weights, differentiated."""

import numpy as np

from minibnn.equations import equation
from minibnn.estimators.base import Estimator, closed_kl, needs_samples, sampled_kl
from minibnn.validation.arguments import check_bool


class Pathwise(Estimator):
    """Each weight sample serves all rows of a batch: the reparameterization estimator.

    Every family, likelihood and prior combine with it.

    Parameters
    ----------
    antithetic : bool
        Use every noise twice, as eps and as -eps (E68): S (rounded up to even) weight
        samples from S / 2 rows of noise.
    """

    label = "E61"

    def __init__(self, antithetic=False):
        self.antithetic = check_bool("antithetic", antithetic)

    def __repr__(self):
        return f"Pathwise({'antithetic=True' if self.antithetic else ''})"

    def noise_shape(self, model, family, n_samples, n_rows):
        """(S, P), antithetic half the rows; a point needs one sample and no noise."""
        size = family.noise_size(model)
        rows = -(-n_samples // 2) if self.antithetic else n_samples
        return (rows if size else 1, size)

    @equation("E61")
    def __call__(self, model, family, q, noise, A, y):
        """Unbiased gradients by moving the expectation onto noise that has no parameters.

        (E61)  ∇ E_q[ℓ(w)] = E_eps[∇ ℓ(w(eps))]
        Derivation.  With w = mu + sigma ∘ eps the density of eps does not depend on the
            parameters, so the derivative passes under the integral (ℓ is Lipschitz on
            bounded sets and grows slower than the Gaussian decays) and the chain rule
            through (E14) finishes it. A prior without closed KL is sampled by the same
            w: KL = E_q[log q] - E_eps[log p(w(eps))], its entropy still analytic.
        Source.  Kingma & Welling 2014, sec. 2.4; Blundell et al. 2015, Proposition 1.
        """
        w, pull_w = family.sample(q, mirrored(noise) if self.antithetic else noise)
        nll, pull_nll = model.nll(w, A, y)

        def pull(c):
            return pull_w(pull_nll(c))

        if needs_samples(model, family):
            return nll, pull, sampled_kl(model, family, q, w, pull_w)
        return nll, pull, closed_kl(model, family, q)

    @classmethod
    def examples(cls):
        """Independent noises, and noises with their mirror images."""
        return [(cls(), (3,), "tanh"), (cls(antithetic=True), (3,), "tanh")]


@equation("E68")
def mirrored(noise):
    """Antithetic noise: every draw with its mirror image, (..., S/2, M) -> (..., S, M).

    (E68)  E[ℓ] ≈ (ℓ(eps) + ℓ(-eps)) / 2,   its variance Var(even part of ℓ)
    Derivation.  -eps has the same law as eps, so the mean stays what it is. Write ℓ as
        even + odd part in eps; the odd part cancels in each pair. Two independent draws
        would leave (Var even + Var odd)/2: a gain where odd (linear) parts dominate, as
        for ∂/∂mu, a loss where even ones do, as for ∂/∂sigma.
    Source.  Hammersley & Morton 1956.
    """
    return np.concatenate([noise, -noise], axis=-2)
