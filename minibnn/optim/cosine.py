"""Step sizes along half a cosine: long at first, small at last."""

import math

from minibnn.equations import equation
from minibnn.validation.arguments import check_int, check_number, check_positive


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
