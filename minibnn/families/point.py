"""A point: maximum a posteriori, or maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np

from minibnn.families.base import Family
from minibnn.families.normal import Normal
from minibnn.model import Model
from minibnn.priors.base import Prior
from minibnn.types import FloatArray, Params, Rng
from minibnn.validation.arguments import as_rng, check_protocol


class Point(Family):
    """A single weight vector: maximum a posteriori, or maximum likelihood at KL weight 0.

    A point has no KL and no ELBO. What stands in their place is the penalty
    -log p(w): ``loss = nll - kl_weight * log p(w)``.

    ``params``: {"mu": (P,)}, any leading replica axes.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> q, _ = mb.Point().natural({"mu": np.array([0.0, 3.0])})
    >>> penalty, g = mb.Point().kl(q, mb.GaussianPrior(0.0, 1.0))
    >>> round(float(penalty), 4)  # log(2 pi) + 3²/2
    6.3379
    >>> g.mean  # weight decay
    array([0., 3.])
    """

    has_elbo = False

    @classmethod
    def examples(cls, n_weights: int) -> list[Self]:
        """The one there is."""
        return [cls()]

    def __repr__(self) -> str:
        return "Point()"

    def shapes(self, model: Model) -> dict[str, tuple[int, ...]]:
        """Shape of every array in ``params``."""
        return {"mu": (model.n_weights,)}

    def init(self, model: Model, rng: Rng = None) -> Params:
        """A new network's weights."""
        check_protocol("model", model, "log_joint")
        return {"mu": model.initial_weights(as_rng(rng))}

    def noise_size(self, model: Model) -> int:
        """A point needs no noise."""
        return 0

    def natural(self, params: Params) -> tuple[Normal, Callable[[Normal], Params]]:
        """params -> q (a mean without spread) and the way back."""
        return Normal(params["mu"]), lambda c: {"mu": c.mean}

    def sample(
        self, q: Normal, eps: FloatArray
    ) -> tuple[FloatArray, Callable[[FloatArray], Normal]]:
        """The weights themselves, once per sample."""
        shape = q.mean.shape[:-1] + (eps.shape[-2], q.mean.shape[-1])
        w = np.broadcast_to(q.mean[..., None, :], shape)
        return w, lambda g_w: Normal(mean=g_w.sum(-2))

    def kl(self, q: Normal, prior: Prior) -> tuple[FloatArray, Normal]:
        """The penalty -log p(w), one value per replica, and its cotangent."""
        value, gradient = prior.log_prob(q.mean)
        return -value, Normal(mean=-gradient)
