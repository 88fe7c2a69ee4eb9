"""Optimisers and step-size schedules, on one flat vector, in place.

Protocol: the schedule ``lr``, any function ``lr(step, max_steps) -> float`` with step =
0, 1, ... (a number makes a constant one); ``init(theta) -> state``, a dict of arrays;
``rates(lr, step)``, the numbers that differ from step to step; and
``update(theta, g, state, *rates)``.
"""

import math

import numpy as np

from minibnn.kernels.equations import equation
from minibnn.kernels.validate import (
    ArgumentTypeError,
    check_fraction,
    check_int,
    check_number,
    check_positive,
    describe,
)


def learning_rate(name, lr):
    """Return lr as a schedule: a positive number, or a function of (step, max_steps)."""
    if callable(lr) and not isinstance(lr, type):
        return lr
    try:
        value = check_positive(name, lr)
    except TypeError:
        raise ArgumentTypeError(
            f"{name} must be a number > 0 or a schedule such as Cosine(0.02), "
            f"got {describe(lr)}"
        ) from None
    return Constant(value)


class Constant:
    """The same step size throughout."""

    def __init__(self, lr):
        self.lr = check_positive("lr", lr)

    def __repr__(self):
        return f"{self.lr:g}"

    def __call__(self, step, max_steps):
        """Step size at ``step``."""
        return self.lr


@equation("E74")
class RobbinsMonro:
    """Step sizes that go far enough and become small enough to converge.

    (E74)  a_t = lr (1 + t / delay)^(-power),  1/2 < power <= 1
    Derivation.  Σ a_t = inf (any distance can be covered) needs power <= 1; Σ a_t² < inf
        (the noise averages out) needs power > 1/2.
    Source.  Robbins & Monro 1951.
    """

    def __init__(self, lr, delay=100.0, power=0.75):
        self.lr = check_positive("lr", lr)
        self.delay = check_positive("delay", delay)
        self.power = check_number("power", power)
        if not 0.5 < self.power <= 1.0:
            raise ValueError(f"power must be in (0.5, 1], got {power!r}")

    def __repr__(self):
        return f"RobbinsMonro({self.lr:g}, delay={self.delay:g}, power={self.power:g})"

    def __call__(self, step, max_steps):
        """Step size at ``step``."""
        return self.lr * (1.0 + step / self.delay) ** -self.power


@equation("E75")
class Cosine:
    """From lr down to final along half a cosine, over ``steps`` (default: the run).

    (E75)  a_t = final + (lr - final) (1 + cos(pi t / T)) / 2
    Derivation.  Flat at both ends: long steps while far away, small ones while the
        noise has to average out. a_0 = lr, a_T = final.
    Source.  Loshchilov & Hutter 2017, eq. 5, without restarts.
    """

    def __init__(self, lr, final=0.0, steps=None):
        self.lr = check_positive("lr", lr)
        self.final = check_number("final", final, minimum=0.0)
        self.steps = None if steps is None else check_int("steps", steps)

    def __repr__(self):
        return f"Cosine({self.lr:g}, final={self.final:g})"

    def __call__(self, step, max_steps):
        """Step size at ``step``."""
        t = min(step / (self.steps or max_steps), 1.0)
        return self.final + (self.lr - self.final) * (1.0 + math.cos(math.pi * t)) / 2


class Optimizer:
    """What all optimisers share."""

    def rates(self, lr, step):
        """The numbers that differ from step to step; here the step size alone."""
        return (lr,)

    def move(self, theta, g, state, step, max_steps):
        """One whole step, schedule included, on a vector theta, in place."""
        self.update(theta, g, state, *self.rates(self.lr(step, max_steps), step))


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


class Adam(Optimizer):
    """Steps of equal size in every coordinate, by running means of g and g²."""

    def __init__(self, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr = learning_rate("lr", lr)
        self.beta1 = check_fraction("beta1", beta1)
        self.beta2 = check_fraction("beta2", beta2)
        if 1.0 in (self.beta1, self.beta2):
            raise ValueError("beta1 and beta2 must be below 1, got 1")
        self.eps = check_positive("eps", eps)

    def __repr__(self):
        return f"Adam({self.lr!r})"

    def init(self, theta):
        """Both running sums start at zero."""
        return {"sum_g": np.zeros_like(theta), "sum_gg": np.zeros_like(theta)}

    def rates(self, lr, step):
        """Step size and eps, both in the units of the two sums."""
        mean = (1.0 - self.beta1) / (1.0 - self.beta1 ** (step + 1))
        root = math.sqrt((1.0 - self.beta2) / (1.0 - self.beta2 ** (step + 1)))
        return lr * mean / root, self.eps / root

    @equation("E73")
    def update(self, theta, g, state, lr_sums, eps_sums):
        """One step along the mean gradient in units of its root mean square.

        (E73)  M <- b1 M + g,   V <- b2 V + g²,
               theta <- theta - a_t m̂ / (√v̂ + eps),
               m̂ = M (1-b1)/(1-b1^t),   v̂ = V (1-b2)/(1-b2^t)
        Derivation.  Started at zero, M_t = Σ_k b1^k g_{t-k} has weights that sum to
            (1 - b1^t)/(1 - b1); dividing by that makes it a mean. The same for V. With
            c = √(v̂/V) the step is (a_t m̂/(M c)) M / (√V + eps/c): two numbers a step
            that have no coordinates, and nothing else is left of the four factors.
        Source.  Kingma & Ba 2015, algorithm 1, whose m = (1-b1) M and v = (1-b2) V.
        """
        M, V = state["sum_g"], state["sum_gg"]
        np.add(self.beta1 * M, g, out=M)
        np.add(self.beta2 * V, g * g, out=V)
        theta -= lr_sums * (M / (np.sqrt(V) + eps_sums))
