"""The pathwise estimator: sampled weights, differentiated."""

from __future__ import annotations

import numpy as np

from minibnn.equations import equation
from minibnn.estimators.base import (
    Estimate,
    Estimator,
    closed_kl,
    needs_samples,
    sampled_kl,
)
from minibnn.families.base import Family
from minibnn.families.normal import Normal
from minibnn.model import Model
from minibnn.types import Array, FloatArray
from minibnn.validation.arguments import check_bool


@equation("E68")
def mirrored(noise: FloatArray) -> FloatArray:
    """Antithetic noise: every draw with its mirror image, (..., S/2, M) -> (..., S, M).

    (E68)  E[ℓ] ≈ (ℓ(eps) + ℓ(-eps)) / 2,   its variance Var(even part of ℓ)
    Derivation.  -eps has the same law as eps, so the mean stays what it is. Write ℓ as
        even + odd part in eps; the odd part cancels in each pair. Two independent draws
        would leave (Var even + Var odd)/2: a gain where odd (linear) parts dominate, as
        for ∂/∂mu, a loss where even ones do, as for ∂/∂sigma.
    Source.  Hammersley & Morton 1956.
    """
    return np.concatenate([noise, -noise], axis=-2)


class Pathwise(Estimator):
    """Each weight sample serves all rows of a batch: the reparameterization estimator.

    Every family, likelihood and prior combine with it.

    Parameters
    ----------
    antithetic : bool
        Use every noise twice, as eps and as -eps (E68): S (rounded up to even) weight
        samples from S / 2 rows of noise.

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), mb.GaussianPrior())
    >>> mb.Pathwise(antithetic=True).noise_shape(model, mb.MeanField(), 4, 50)
    (2, 13)
    """

    label = "E61"

    @equation("E61")
    def __call__(
        self,
        model: Model,
        family: Family,
        q: Normal,
        noise: FloatArray,
        A: FloatArray,
        y: Array,
    ) -> Estimate:
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

        def pull(c: float | FloatArray) -> Normal:
            return pull_w(pull_nll(c))

        if needs_samples(model, family):
            return nll, pull, sampled_kl(model, family, q, w, pull_w)
        return nll, pull, closed_kl(model, family, q)

    def __init__(self, antithetic: bool = False) -> None:
        self.antithetic = check_bool("antithetic", antithetic)

    def __repr__(self) -> str:
        return f"Pathwise({'antithetic=True' if self.antithetic else ''})"

    def noise_shape(
        self, model: Model, family: Family, n_samples: int, n_rows: int
    ) -> tuple[int, int]:
        """(S, P), antithetic half the rows; a point needs one sample and no noise."""
        size = family.noise_size(model)
        rows = -(-n_samples // 2) if self.antithetic else n_samples
        return (rows if size else 1, size)

    @classmethod
    def examples(cls) -> list[tuple[Estimator, tuple[int, ...], str]]:
        """Independent noises, and noises with their mirror images."""
        return [(cls(), (3,), "tanh"), (cls(antithetic=True), (3,), "tanh")]
