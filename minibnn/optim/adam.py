"""Adam: steps in units of each coordinate's root mean square gradient."""

import math

import numpy as np

from minibnn.equations import equation
from minibnn.optim.base import Optimizer
from minibnn.optim.schedules import Schedule, learning_rate
from minibnn.types import FloatArray
from minibnn.validation.arguments import check_fraction, check_positive


class Adam(Optimizer):
    """Steps in units of each coordinate's root mean square gradient (E73).

    Parameters
    ----------
    lr : float > 0, or function (step, max_steps) -> float
        Step size a_t.
    beta1, beta2 : float in [0, 1)
        What the running means of g and of g² keep of the past at each step.
    eps : float > 0
        Added to the root mean square, so that a step is finite where g is 0.

    Examples
    --------
    >>> import minibnn as mb, numpy as np
    >>> adam, theta = mb.Adam(0.1), np.zeros(2)
    >>> adam.move(theta, np.array([0.01, -500.0]), adam.init(theta), 0, 10)
    >>> theta.round(4)  # the first step is lr, however large the gradient
    array([-0.1,  0.1])
    """

    @equation("E73")
    def update(
        self,
        theta: FloatArray,
        g: FloatArray,
        state: dict[str, FloatArray],
        lr_sums: float,
        eps_sums: float,
    ) -> None:
        """One step along the mean gradient in units of its root mean square.

        (E73)  M <- b1 M + g,   V <- b2 V + g²,
               theta <- theta - a_t m̂ / (√v̂ + eps),
               m̂ = M (1-b1)/(1-b1^t),   v̂ = V (1-b2)/(1-b2^t)
        Derivation.  Started at zero, M_t = Σ_k b1^k g_{t-k} has weights that sum to
            (1 - b1^t)/(1 - b1); dividing by that makes it a mean. The same for V. With
            c = √(v̂/V) the step is (a_t m̂/(M c)) M / (√V + eps/c): two numbers a step
            that have no coordinates, and nothing else is left of the four factors.
        Source.  Kingma & Ba 2015, algorithm 1, whose m = (1-b1) M and v = (1-b2) V.

        Parameters
        ----------
        lr_sums, eps_sums : float
            Step size and eps in the units of the two sums, from ``rates``.
        """
        M, V = state["sum_g"], state["sum_gg"]
        np.add(self.beta1 * M, g, out=M)
        np.add(self.beta2 * V, g * g, out=V)
        theta -= lr_sums * (M / (np.sqrt(V) + eps_sums))

    def __init__(
        self,
        lr: float | Schedule = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
    ) -> None:
        self.lr = learning_rate("lr", lr)
        self.beta1 = check_fraction("beta1", beta1)
        self.beta2 = check_fraction("beta2", beta2)
        if 1.0 in (self.beta1, self.beta2):
            raise ValueError("beta1 and beta2 must be below 1, got 1")
        self.eps = check_positive("eps", eps)

    def __repr__(self) -> str:
        return f"Adam({self.lr!r})"

    def init(self, theta: FloatArray) -> dict[str, FloatArray]:
        """Both running sums start at zero."""
        return {"sum_g": np.zeros_like(theta), "sum_gg": np.zeros_like(theta)}

    def rates(self, lr: float, step: int) -> tuple[float, ...]:
        """Step size and eps, both in the units of the two sums."""
        mean = (1.0 - self.beta1) / (1.0 - self.beta1 ** (step + 1))
        root = math.sqrt((1.0 - self.beta2) / (1.0 - self.beta2 ** (step + 1)))
        return lr * mean / root, self.eps / root
