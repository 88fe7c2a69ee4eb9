"""Momentum: a running sum of gradients."""

import numpy as np

from minibnn.equations import equation
from minibnn.optim.base import Optimizer
from minibnn.optim.schedules import learning_rate
from minibnn.validation.arguments import check_fraction


class Momentum(Optimizer):
    """Gradient descent with a running sum of gradients (heavy ball)."""

    def __init__(self, lr, beta=0.9):
        self.lr = learning_rate("lr", lr)
        self.beta = check_fraction("beta", beta)
        if self.beta == 1.0:
            raise ValueError(
                "beta must be below 1, got 1: the velocity would never fade"
            )

    def __repr__(self):
        return f"Momentum({self.lr!r}, beta={self.beta:g})"

    def init(self, theta):
        """Velocity zero."""
        return {"velocity": np.zeros_like(theta)}

    @equation("E72")
    def update(self, theta, g, state, lr):
        """One step along the velocity.

        (E72)  v <- beta v + g,   theta <- theta - a_t v
        Derivation.  Unrolled, v_t = Σ_k beta^k g_{t-k}: steady gradients add up to
            1 / (1 - beta) times one step, alternating ones cancel.
        Source.  Polyak 1964.
        """
        v = state["velocity"]
        np.add(self.beta * v, g, out=v)
        theta -= lr * v
