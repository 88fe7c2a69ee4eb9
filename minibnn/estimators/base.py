"""Estimators: how E_q[negative log-likelihood] and the KL become numbers and gradients.

The noise is an argument, so at fixed noise everything here is an ordinary function of q
that can be differenced. The KL is the estimator's too: some sample it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

from minibnn.families.base import Family
from minibnn.families.normal import Normal, add
from minibnn.model import Model
from minibnn.types import Array, FloatArray

KL: TypeAlias = tuple[FloatArray, Normal]  # the value (...) and its cotangent
Estimate: TypeAlias = tuple[FloatArray, Callable[[float | FloatArray], Normal], KL]


def closed_kl(model: Model, family: Family, q: Normal) -> KL:
    """The analytic KL (for a point: the penalty) and its cotangent."""
    return family.kl(q, model.weight_prior)


def needs_samples(model: Model, family: Family) -> bool:
    """Whether the prior has no closed form under this family."""
    return family.has_elbo and not model.weight_prior.has_closed_kl


def check_independent(estimator: Estimator, family: Family) -> None:
    """Raise ValueError unless the family's weights are independent."""
    if not family.has_moments:
        raise ValueError(
            f"estimator {estimator!r} needs a family with independent weights "
            f"(mean and variance of each), {family!r} has none: use Pathwise()"
        )


def check_density(estimator: Estimator, family: Family) -> None:
    """Raise ValueError unless q has a density."""
    if not family.has_elbo:
        raise ValueError(
            f"estimator {estimator!r} needs a family with a density, "
            f"{family!r} has none: use Pathwise()"
        )


def check_closed_kl(estimator: Estimator, model: Model, family: Family) -> None:
    """Raise ValueError where the KL would have to be sampled."""
    if needs_samples(model, family):
        raise ValueError(
            f"estimator {estimator!r} draws no weights, so prior {model.prior!r} "
            f"needs a closed-form KL and has none: use Pathwise()"
        )


class Estimator(ABC):
    """What is asked of an estimator: which noise it takes, and values and slopes at it."""

    label: str | None = None  # of its equation
    exact: bool = False  # no noise is left
    of_value: bool = True  # whether the gradient is that of the value at the same noise

    @classmethod
    def examples(cls) -> list[tuple[Estimator, tuple[int, ...], str]]:
        """(estimator, hidden layers, activation) of networks that it serves."""
        return [(cls(), (3,), "tanh")]

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def check(self, model: Model, family: Family) -> None:
        """Raise ValueError naming what is missing; by default nothing can be.

        Parameters
        ----------
        model : Model
        family : Family
        """
        return None

    def noise_shape(
        self, model: Model, family: Family, n_samples: int, n_rows: int
    ) -> tuple[int, int]:
        """(S, M), by default (S, P): one standard normal per weight.

        Parameters
        ----------
        model : Model
        family : Family
        n_samples : int
            S.
        n_rows : int
            B, the rows of the batch.
        """
        return n_samples, family.noise_size(model)

    @abstractmethod
    def __call__(
        self,
        model: Model,
        family: Family,
        q: Normal,
        noise: FloatArray,
        A: FloatArray,
        y: Array,
    ) -> Estimate:
        """Values and slopes at a noise; arguments are not checked.

        Parameters
        ----------
        model : Model
        family : Family
        q : Normal
            From ``family.natural``; leading axes (...) are replicas.
        noise : array (S, M) or (..., S, M)
            Standard normals, as many as ``noise_shape`` says.
        A : array (B, D+1) or (..., B, D+1)
            Features: the inputs, and a column of ones where the network has biases.
        y : array
            Targets as ``model.targets`` makes them.

        Returns
        -------
        nll : array (..., S)
            Negative log-likelihood of the B rows, in nats.
        pull : function
            ``pull(c)`` is the cotangent, by q, of Σ_s c nll_s.
        (kl, g_kl) : array (...) and Normal
            The KL and its cotangent; for a point the penalty -log p(w).
        """


def sampled_kl(
    model: Model,
    family: Family,
    q: Normal,
    w: FloatArray,
    pull_w: Callable[[FloatArray], Normal],
) -> KL:
    """KL = E_q[log q] - mean_s log p(w_s), its cotangent through the same samples."""
    value, cotangent = family.neg_entropy(q)
    log_prior, g_prior = model.weight_prior.log_prob(w)
    n_samples = log_prior.shape[-1]
    through_w = pull_w(-g_prior / n_samples)
    return value - log_prior.mean(-1), add(cotangent, through_w)
