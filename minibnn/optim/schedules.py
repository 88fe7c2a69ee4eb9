"""Step-size schedules: one number for each step."""

import math

from minibnn.equations import equation
from minibnn.validation.arguments import (
    check_int,
    check_number,
    check_positive,
)
from minibnn.validation.describe import ArgumentTypeError, describe


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


class Constant:
    """The same step size throughout."""

    def __init__(self, lr):
        self.lr = check_positive("lr", lr)

    def __repr__(self):
        return f"{self.lr:g}"

    def __call__(self, step, max_steps):
        """Step size at ``step``."""
        return self.lr


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
