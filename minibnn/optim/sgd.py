"""SGD: the literal step of the lessons."""

from minibnn.equations import equation
from minibnn.optim.base import Optimizer
from minibnn.optim.schedules import learning_rate


class SGD(Optimizer):
    """Stochastic gradient descent, the literal step of the lessons."""

    def __init__(self, lr):
        self.lr = learning_rate("lr", lr)

    def __repr__(self):
        return f"SGD({self.lr!r})"

    def init(self, theta):
        """No memory."""
        return {}

    @equation("E71")
    def update(self, theta, g, state, lr):
        """One step against the gradient.

        (E71)  theta <- theta - a_t g
        Derivation.  loss(theta + d) ≈ loss + gᵀd falls fastest, for a given length of d,
            along d = -g; for sigma = theta it is the literal sigma <- sigma - a dsigma.
        """
        theta -= lr * g
