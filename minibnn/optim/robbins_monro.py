"""Robbins and Monro's step sizes: they sum to infinity, their squares do not."""

from minibnn.equations import equation
from minibnn.validation.arguments import check_number, check_positive


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
