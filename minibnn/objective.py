"""The page: the negative ELBO and its gradient, every sign and weight in one place.

Data's way:  params -> q -> (noise) weights -> outputs -> nll,  q and prior -> KL,
and back by the same doors. N/B, the KL weight and the mean over samples of the nll
stand here and nowhere else; no family, likelihood or prior is named.
"""

from __future__ import annotations

from collections.abc import Callable

from minibnn.equations import equation
from minibnn.estimators.base import Estimator
from minibnn.families.base import Family
from minibnn.families.normal import add, scaled
from minibnn.model import Model
from minibnn.types import Array, FloatArray, Params


@equation("E51", "E52", "E53", "E54", "E55")
def objective(
    model: Model,
    family: Family,
    params: Params,
    noise: FloatArray,
    A: FloatArray,
    y: Array,
    n_data: int,
    kl_weight: float,
    estimator: Estimator,
) -> tuple[FloatArray, Callable[[], Params], Params]:
    """Negative ELBO on a minibatch and its gradient; arguments are not checked.

    (E51)  loss = (N/B) (1/S) Σ_s nll_s + beta KL(q || p),  beta = kl_weight
           (= -ELBO at beta = 1)
    (E52)  ∂loss/∂mu  = (N/B) (1/S) Σ_s g_s          + beta ∂KL/∂mu
    (E53)  ∂loss/∂rho = (N/B) (1/S) Σ_s g_s ∘ eps_s ∘ ∂sigma/∂rho
                        + beta ∂KL/∂(log sigma) ∘ ∂(log sigma)/∂rho
    (E54)  least over all q where q(w) ∝ p(w) p(D|w)^(1/beta)
    (E55)  mean over batches of (N/B) Σ_(k in batch) nll_k = Σ_(k=1)^N nll_k
    Derivation.  -ELBO = E_q[-log p(D|w)] + KL(q || p). A batch of B rows drawn without
        preference holds row k with probability B/N: its nll is on average B/N of the
        whole, and N/B makes it unbiased, its gradient too (E55). Divided by beta the
        loss is E_q[log q - log p(w) - log p(D|w) / beta], the KL of q from that density
        up to its constant, so it is least where they are equal (E54). The estimator
        replaces E_q by the mean over S noises; with g_s = ∂nll_s/∂w_s its pullback
        gives cotangents of q, the KL gives its own, they add up because the loss is a
        sum, and the family's pullback is the last link of the chain rule. The two
        slopes are written out for independent weights w_s = mu + sigma ∘ eps_s.
    Source.  Hoffman et al. 2013, sec. 2; Blundell et al. 2015, eq. 8.
    Shapes.  loss (...), gradient() -> dict like params, parts {"nll": (...), "kl": (...)}
    """
    q, pull_params = family.natural(params)
    nll, pull_q, (kl, g_kl) = estimator(model, family, q, noise, A, y)
    n_over_b = n_data / A.shape[-2]
    parts = {"nll": n_over_b * nll.mean(-1), "kl": kl}
    loss = parts["nll"] + kl_weight * parts["kl"]

    def gradient() -> Params:
        g_nll = pull_q(n_over_b / nll.shape[-1])
        return pull_params(add(g_nll, scaled(kl_weight, g_kl)))

    return loss, gradient, parts
