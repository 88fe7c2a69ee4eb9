"""SGD: the literal step of the lessons."""

from minibnn.equations import equation
from minibnn.optim.base import Optimizer
from minibnn.optim.schedules import Schedule, learning_rate
from minibnn.types import FloatArray


class SGD(Optimizer):
    """Stochastic gradient descent, the literal step of the lessons.

    Parameters
    ----------
    lr : float > 0, or function (step, max_steps) -> float
        Step size a_t.

    Examples
    --------
    >>> import minibnn as mb, numpy as np
    >>> theta = np.array([2.0, -1.0])
    >>> mb.SGD(0.1).move(theta, np.array([1.0, -4.0]), {}, 0, 10)
    >>> theta.round(6)
    array([ 1.9, -0.6])
    """

    def __init__(self, lr: float | Schedule) -> None:
        self.lr = learning_rate("lr", lr)

    def __repr__(self) -> str:
        return f"SGD({self.lr!r})"

    @equation("E71")
    def update(
        self, theta: FloatArray, g: FloatArray, state: dict[str, FloatArray], lr: float
    ) -> None:
        """One step against the gradient.

        (E71)  theta <- theta - a_t g
        Derivation.  loss(theta + d) ≈ loss + gᵀd falls fastest, for a given length of d,
            along d = -g; for sigma = theta it is the literal sigma <- sigma - a dsigma.
        """
        theta -= lr * g

    def init(self, theta: FloatArray) -> dict[str, FloatArray]:
        """No memory."""
        return {}
