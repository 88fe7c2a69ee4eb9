"""Step-size schedules: any function of (step, max_steps); a number is a constant one."""

from collections.abc import Callable
from typing import TypeAlias

from minibnn.validation.arguments import check_positive
from minibnn.validation.describe import ArgumentTypeError, describe

Schedule: TypeAlias = Callable[[int, int], float]


class Constant:
    """The same step size throughout."""

    def __init__(self, lr: float) -> None:
        self.lr = check_positive("lr", lr)

    def __repr__(self) -> str:
        return f"{self.lr:g}"

    def __call__(self, step: int, max_steps: int) -> float:
        """Step size at ``step``."""
        return self.lr


def learning_rate(name: str, lr: float | Schedule) -> Schedule:
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
