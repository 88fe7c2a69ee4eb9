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

    Parameters
    ----------
    lr : float > 0
        Step size of the first step.
    delay : float > 0
        Steps after which it has fallen to 2^-power of that.
    power : float in (0.5, 1]

    Examples
    --------
    >>> import minibnn as mb
    >>> rate = mb.RobbinsMonro(0.1, delay=10, power=1)
    >>> [round(rate(step, 1000), 4) for step in (0, 10, 90)]
    [0.1, 0.05, 0.01]
    """

    def __init__(self, lr: float, delay: float = 100.0, power: float = 0.75) -> None:
        self.lr = check_positive("lr", lr)
        self.delay = check_positive("delay", delay)
        self.power = check_number("power", power)
        if not 0.5 < self.power <= 1.0:
            raise ValueError(f"power must be in (0.5, 1], got {power!r}")

    def __repr__(self) -> str:
        return f"RobbinsMonro({self.lr:g}, delay={self.delay:g}, power={self.power:g})"

    def __call__(self, step: int, max_steps: int) -> float:
        """Step size at a step.

        Parameters
        ----------
        step, max_steps : int
            Which one, the first being 0, and how many the run may have.
        """
        return self.lr * (1.0 + step / self.delay) ** -self.power
