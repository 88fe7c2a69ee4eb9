"""Step sizes along half a cosine: long at first, small at last."""

import math

from minibnn.equations import equation
from minibnn.validation.arguments import check_int, check_number, check_positive


@equation("E75")
class Cosine:
    """From lr down to final along half a cosine.

    (E75)  a_t = final + (lr - final) (1 + cos(pi t / T)) / 2
    Derivation.  Flat at both ends: long steps while far away, small ones while the
        noise has to average out. a_0 = lr, a_T = final.
    Source.  Loshchilov & Hutter 2017, eq. 5, without restarts.

    Parameters
    ----------
    lr : float > 0
        Step size of the first step.
    final : float >= 0
        Step size at the end, and after it.
    steps : int, optional
        T; by default ``max_steps`` of the run.

    Examples
    --------
    >>> import minibnn as mb
    >>> rate = mb.Cosine(0.02)
    >>> [round(rate(step, 100), 4) for step in (0, 50, 99)]
    [0.02, 0.01, 0.0]
    """

    def __init__(self, lr: float, final: float = 0.0, steps: int | None = None) -> None:
        self.lr = check_positive("lr", lr)
        self.final = check_number("final", final, minimum=0.0)
        self.steps = None if steps is None else check_int("steps", steps)

    def __repr__(self) -> str:
        return f"Cosine({self.lr:g}, final={self.final:g})"

    def __call__(self, step: int, max_steps: int) -> float:
        """Step size at a step.

        Parameters
        ----------
        step, max_steps : int
            Which one, the first being 0, and how many the run may have.
        """
        t = min(step / (self.steps or max_steps), 1.0)
        return self.final + (self.lr - self.final) * (1.0 + math.cos(math.pi * t)) / 2
