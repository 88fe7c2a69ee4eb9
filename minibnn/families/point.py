"""A point: maximum a posteriori, or maximum likelihood."""

import numpy as np

from minibnn.families.base import Gaussian
from minibnn.validation.arguments import as_rng, check_protocol


class Point:
    """A single weight vector: maximum a posteriori, or maximum likelihood at KL weight 0.

    A point has no KL and no ELBO. What stands in their place is the penalty
    -log p(w): ``loss = nll - kl_weight * log p(w)``.

    ``params``: {"mu": (P,)}, any leading replica axes.
    """

    has_moments = False
    has_elbo = False
    fixed_noise_start = False
    tasks = ()
    first_fit = None

    def __repr__(self):
        return "Point()"

    def shapes(self, model):
        """Shape of every array in ``params``."""
        return {"mu": (model.n_weights,)}

    def init(self, model, rng=None):
        """A new network's weights."""
        check_protocol("model", model, "log_joint")
        return {"mu": model.initial_weights(as_rng(rng))}

    def check_params(self, params):
        """Every real vector is a point."""

    def keep_valid(self, params, clip=None):
        """Nothing can leave its range."""

    def noise_size(self, model):
        """A point needs no noise."""
        return 0

    def natural(self, params):
        """params -> q (a mean without spread) and the way back."""
        return Gaussian(params["mu"]), lambda c: {"mu": c.mean}

    def sample(self, q, eps):
        """The weights themselves, once per sample."""
        copies = eps.shape[-2]
        w = np.broadcast_to(
            q.mean[..., None, :], q.mean.shape[:-1] + (copies, q.mean.shape[-1])
        )
        return w, lambda g_w: Gaussian(mean=g_w.sum(-2))

    def kl(self, q, prior):
        """The penalty -log p(w), one value per replica, and its cotangent."""
        value, gradient = prior.log_prob(q.mean)
        return -value, Gaussian(mean=-gradient)
