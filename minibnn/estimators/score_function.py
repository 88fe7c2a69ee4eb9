"""The score function estimator: no derivative of the likelihood."""

from __future__ import annotations

from minibnn.equations import equation
from minibnn.estimators.base import (
    Estimate,
    Estimator,
    check_density,
    closed_kl,
    needs_samples,
)
from minibnn.families.base import Family
from minibnn.families.normal import Normal, add
from minibnn.model import Model
from minibnn.types import Array, FloatArray


class ScoreFunction(Estimator):
    """The gradient of log q instead of the gradient of the loss (E64).

    Needs only values of the likelihood, and pays with variance: the estimator to reach
    for when nothing can be differentiated, and here to compare with.

    Examples
    --------
    >>> import minibnn as mb, numpy as np
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Bernoulli(), mb.GaussianPrior())
    >>> family, rng = mb.MeanField(), np.random.default_rng(0)
    >>> params, noise = family.init(model, rng), rng.normal(size=(9999, 2))
    >>> problem = model, family, params, noise, [[1.0], [2.0]], [0, 1]
    >>> def slope(kind):
    ...     return mb.neg_elbo(*problem, estimator=kind)[1]["mu"]
    >>> np.allclose(slope(mb.ScoreFunction()), slope(mb.Pathwise()), atol=0.1)
    True
    """

    label, of_value = "E64", False

    @equation("E64")
    def __call__(
        self,
        model: Model,
        family: Family,
        q: Normal,
        noise: FloatArray,
        A: FloatArray,
        y: Array,
    ) -> Estimate:
        """Unbiased gradients from values alone, with a leave-one-out baseline.

        (E64)  ∇ E_q[ℓ] ≈ (1/S) Σ_s (ℓ_s - b_s) ∇ log q(w_s),  b_s = Σ_{r≠s} ℓ_r / (S-1)
        Derivation.  ∇ ∫ q ℓ = ∫ ℓ ∇q = E_q[ℓ ∇ log q]. A number b that does not depend
            on w_s changes nothing, for E_q[∇ log q] = ∇ ∫ q = 0; the mean of the
            *other* samples is such a number, and ℓ_s - b_s = (ℓ_s - mean ℓ) S/(S-1).
            With S = 1 there is no other, b = 0. A prior without closed KL is treated
            like ℓ.
        Source.  Williams 1992; Kool, van Hoof & Welling 2019 (leave one out).
        """
        w, _ = family.sample(q, noise)
        nll, _ = model.nll(w, A, y)
        _, _, score = family.density(q, noise)

        def pull(c: float | FloatArray) -> Normal:
            return score(c * advantage(nll))

        if not needs_samples(model, family):
            return nll, pull, closed_kl(model, family, q)
        value, cotangent = family.neg_entropy(q)
        log_prior, _ = model.weight_prior.log_prob(w)
        through_q = score(advantage(-log_prior) / log_prior.shape[-1])
        return nll, pull, (value - log_prior.mean(-1), add(cotangent, through_q))

    def check(self, model: Model, family: Family) -> None:
        """Raise ValueError naming what is missing."""
        check_density(self, family)


def advantage(values: FloatArray) -> FloatArray:
    """Each sample's value less the mean of the others', (..., S)."""
    count = values.shape[-1]
    if count == 1:
        return values
    return (values - values.mean(-1, keepdims=True)) * (count / (count - 1))
