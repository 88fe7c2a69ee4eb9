"""Natural-gradient steps as an optimiser: the Bayesian learning rule."""

from typing import Any

from minibnn.optim.base import Optimizer
from minibnn.optim.schedules import Schedule, learning_rate
from minibnn.types import FloatArray, Params
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
    lr : float > 0, or function (step, max_steps) -> float
        Step size; 1 is the whole way on a conjugate model.

    Examples
    --------
    >>> import minibnn as mb, numpy as np
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> data = [[-1.0], [0.0], [2.0]], [0.5, 1.0, 3.0]
    >>> once = dict(optimizer=mb.NaturalGradient(1.0), max_steps=1, start=None)
    >>> q = mb.fit(model, mb.FullCovariance(), *data, estimator=mb.Exact(), **once).q
    >>> np.allclose(q.mean, mb.exact_posterior(model, *data).mean)
    True
    """

    moves_params = True

    def __init__(self, lr: float | Schedule) -> None:
        self.lr = learning_rate("lr", lr)

    def __repr__(self) -> str:
        return f"NaturalGradient({self.lr!r})"

    def check_family(self, family: Any) -> None:
        """Raise ValueError for a family without natural parameters."""
        if not family.has_natural_step:
            raise ValueError(
                "optimizer NaturalGradient needs a family with a natural-gradient step "
                f"(MeanField or FullCovariance), {family!r} has none: use Adam()"
            )

    def init(self, theta: FloatArray) -> dict[str, FloatArray]:
        """No memory."""
        return {}

    def update(
        self, theta: FloatArray, g: FloatArray, state: dict[str, FloatArray], lr: float
    ) -> None:
        """Not for bare numbers: see :meth:`update_params`."""
        raise ArgumentTypeError(
            "NaturalGradient moves a family's params, not a flat vector"
        )

    def update_params(
        self,
        family: Any,  # a Family: they stand on a floor above
        params: Params,
        grads: Params,
        lr: float,
    ) -> None:
        """One step on params, in place.

        Parameters
        ----------
        family : MeanField or FullCovariance
        params, grads : dict of arrays
            The parameters, which move, and the gradient of the loss.
        lr : float
        """
        family.natural_step(params, grads, lr)
