"""The likelihoods as tests take them: from the room's door, with its example inputs."""

import numpy as np
from scipy import special, stats

from minibnn.audit.problems import example_targets
from minibnn.likelihoods import ALL

EXAMPLES = [example for cls in ALL for example in cls.examples()]  # likelihood, outputs


def name_of(like):
    """Class, and whether a weight of its own is learned."""
    return type(like).__name__ + " learned" * bool(like.n_weights)


LIKELIHOODS = {name_of(like): (like, width) for like, width in EXAMPLES}


def targets_of(like, shape, rng):
    """Possible targets for outputs of ``shape`` (..., B, C), as a user gives them."""
    y = example_targets(like, np.random.default_rng(rng), shape)
    return y[..., 0] if like.exclusive else y


def log_density(likelihood):
    """Of one row's target, by scipy: outputs (C,), targets (K,), own weights (n,)."""

    def f(outputs, y, v):
        if likelihood.exclusive:
            return np.log(special.softmax(outputs))[int(np.ravel(y)[0])]
        name, *arguments = likelihood.in_scipy(outputs[None, None], v[None])
        truth = getattr(stats, name)(*arguments)
        return (truth.logpmf if likelihood.support != "reals" else truth.logpdf)(y).sum()

    return f
