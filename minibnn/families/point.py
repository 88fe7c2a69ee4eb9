"""A point: maximum a posteriori, or maximum likelihood."""

import numpy as np

from minibnn.families.base import Family
from minibnn.families.normal import Normal
from minibnn.validation.arguments import as_rng, check_protocol


class Point(Family):
    """A single weight vector: maximum a posteriori, or maximum likelihood at KL weight 0.

    A point has no KL and no ELBO. What stands in their place is the penalty
    -log p(w): ``loss = nll - kl_weight * log p(w)``.

    ``params``: {"mu": (P,)}, any leading replica axes.
    """

    has_elbo = False

    @classmethod
    def examples(cls, n_weights):
        """The one there is."""
        return [cls()]

    def __repr__(self):
        return "Point()"

    def shapes(self, model):
        """Shape of every array in ``params``."""
        return {"mu": (model.n_weights,)}

    def init(self, model, rng=None):
        """A new network's weights."""
        check_protocol("model", model, "log_joint")
        return {"mu": model.initial_weights(as_rng(rng))}

    def noise_size(self, model):
        """A point needs no noise."""
        return 0

    def natural(self, params):
        """params -> q (a mean without spread) and the way back."""
        return Normal(params["mu"]), lambda c: {"mu": c.mean}

    def sample(self, q, eps):
        """The weights themselves, once per sample."""
        shape = q.mean.shape[:-1] + (eps.shape[-2], q.mean.shape[-1])
        w = np.broadcast_to(q.mean[..., None, :], shape)
        return w, lambda g_w: Normal(mean=g_w.sum(-2))

    def kl(self, q, prior):
        """The penalty -log p(w), one value per replica, and its cotangent."""
        value, gradient = prior.log_prob(q.mean)
        return -value, Normal(mean=-gradient)
