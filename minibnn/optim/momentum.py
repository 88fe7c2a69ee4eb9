"""Momentum: a running sum of gradients."""

import numpy as np

from minibnn.equations import equation
from minibnn.optim.base import Optimizer
from minibnn.optim.schedules import Schedule, learning_rate
from minibnn.types import FloatArray
from minibnn.validation.arguments import check_fraction


class Momentum(Optimizer):
    """Gradient descent with a running sum of gradients (heavy ball).

    Parameters
    ----------
    lr : float > 0, or function (step, max_steps) -> float
        Step size a_t. A steady gradient moves 1 / (1 - beta) times as far.
    beta : float in [0, 1)
        What the sum keeps of itself at each step.

    Examples
    --------
    >>> import minibnn as mb, numpy as np
    >>> ball, theta = mb.Momentum(0.1, beta=0.9), np.zeros(1)
    >>> state = ball.init(theta)
    >>> for step in range(100):
    ...     ball.move(theta, np.ones(1), state, step, 100)
    >>> state["velocity"].round(2)
    array([10.])
    """

    @equation("E72")
    def update(
        self, theta: FloatArray, g: FloatArray, state: dict[str, FloatArray], lr: float
    ) -> None:
        """One step along the velocity.

        (E72)  v <- beta v + g,   theta <- theta - a_t v
        Derivation.  Unrolled, v_t = Σ_k beta^k g_{t-k}: steady gradients add up to
            1 / (1 - beta) times one step, alternating ones cancel.
        Source.  Polyak 1964.
        """
        v = state["velocity"]
        np.add(self.beta * v, g, out=v)
        theta -= lr * v

    def __init__(self, lr: float | Schedule, beta: float = 0.9) -> None:
        self.lr = learning_rate("lr", lr)
        self.beta = check_fraction("beta", beta)
        if self.beta == 1.0:
            raise ValueError(
                "beta must be below 1, got 1: the velocity would never fade"
            )

    def __repr__(self) -> str:
        return f"Momentum({self.lr!r}, beta={self.beta:g})"

    def init(self, theta: FloatArray) -> dict[str, FloatArray]:
        """Velocity zero."""
        return {"velocity": np.zeros_like(theta)}
