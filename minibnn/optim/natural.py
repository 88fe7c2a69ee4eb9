"""Natural-gradient steps as an optimiser: the Bayesian learning rule."""

from minibnn.optim.base import Optimizer
from minibnn.optim.schedules import learning_rate
from minibnn.validation.describe import ArgumentTypeError


class NaturalGradient(Optimizer):
    """Steps along the natural gradient, which knows what its numbers describe.

    For :class:`MeanField` E77 (mean and log standard deviation), for
    :class:`FullCovariance` E78 (natural parameters). On a conjugate model with
    ``Exact()`` a full-covariance step of size 1 is the posterior. It may diverge: mean
    field with step 1 is a Jacobi iteration on the means, and where the loss is not
    convex a long full-covariance step has no positive definite precision (FitError).

    Parameters
    ----------
    lr : float or schedule
        Step size; 1 is the whole way on a conjugate model.
    """

    moves_params = True

    def __init__(self, lr):
        self.lr = learning_rate("lr", lr)

    def __repr__(self):
        return f"NaturalGradient({self.lr!r})"

    def check_family(self, family):
        """Raise ValueError for a family without natural parameters."""
        if not family.has_natural_step:
            raise ValueError(
                "optimizer NaturalGradient needs a family with a natural-gradient step "
                f"(MeanField or FullCovariance), {family!r} has none: use Adam()"
            )

    def init(self, theta):
        """No memory."""
        return {}

    def update(self, theta, g, state, lr):
        """Not for bare numbers: see :meth:`update_params`."""
        raise ArgumentTypeError(
            "NaturalGradient moves a family's params, not a flat vector"
        )

    def update_params(self, family, params, grads, lr):
        """One step on params, in place."""
        family.natural_step(params, grads, lr)
