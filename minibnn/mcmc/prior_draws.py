"""Draws from the priors, each of whom knows only its density."""

import numpy as np

from minibnn.priors.gaussian import GaussianPrior
from minibnn.priors.joint import JointPrior
from minibnn.priors.laplace import LaplacePrior
from minibnn.priors.scale_mixture import ScaleMixturePrior


def prior_draws(prior, shape, rng):
    """Weights (..., P) from a prior over them; ``model.weight_prior`` is one.

    Raises ValueError for a prior of an unknown kind.
    """
    if isinstance(prior, JointPrior):
        ((net, part), (own, _)) = prior.parts
        first = prior_draws(net, (*shape[:-1], part.stop), rng)
        return np.concatenate(
            [first, prior_draws(own, (*shape[:-1], shape[-1] - part.stop), rng)], -1
        )
    if isinstance(prior, GaussianPrior):
        return prior.mean + prior.scale * rng.standard_normal(shape)
    if isinstance(prior, LaplacePrior):
        return rng.laplace(0.0, prior.b, shape)
    if isinstance(prior, ScaleMixturePrior):
        scale = np.where(rng.random(shape) < prior.pi, prior.s1, prior.s2)
        return scale * rng.standard_normal(shape)
    raise ValueError(f"model.prior must be a prior of this package, got {prior!r}")
