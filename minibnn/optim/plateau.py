"""Plateau: the ELBO no longer rises by more than its own noise.

What a run does after one, with the rest of its schedule, is `stopping.Rule`.
"""

import numpy as np

from minibnn.equations import equation
from minibnn.validation.arguments import check_int, check_positive

WINDOWS = 20  # of the decay after a plateau, beside as many steps as led to it


@equation("E76")
class Plateau:
    """Stop when the ELBO's rise over a window is within its own standard error.

    (E76)  stop when  m_2 - m_1 <= z √(v_1/n + v_2/n)
    Derivation.  m_1, m_2 are the means and v_1, v_2 the variances of the last two
        windows of n step-by-step ELBO estimates. Given the parameters the estimates are
        independent, so the difference of means has variance v_1/n + v_2/n: a smaller
        rise cannot be told from noise. While the KL weight changes nothing counts. At
        another constant weight than 1 the estimates are of minus that loss.
    At a large step size such a plateau is that of the step size. A schedule spread over
    the run, such as ``Cosine(0.02)``, is then run through to its end, in as many steps
    again and 20 windows, before the run stops; how many steps ``max_steps`` would have
    allowed makes no difference.

    Parameters
    ----------
    window : int
        n, at least 2.
    z : float
        How many standard errors a rise must exceed to count as progress.
    """

    def __init__(self, window=200, z=1.0):
        self.window = check_int("window", window, minimum=2)
        self.z = check_positive("z", z)

    def __repr__(self):
        return f"Plateau(window={self.window}, z={self.z:g})"

    def __call__(self, history):
        """Whether to stop, given the history so far; looks once per window."""
        loss, n = history["loss"], self.window
        if len(loss) < 2 * n or len(loss) % n or np.ptp(history["kl_weight"][-2 * n :]):
            return False
        first, last = np.array(loss[-2 * n : -n]), np.array(loss[-n:])
        se = np.sqrt((first.var(0, ddof=1) + last.var(0, ddof=1)) / n)
        return bool(np.all(first.mean(0) - last.mean(0) <= self.z * se))

    def _next_look(self, step):
        """The first look after so many steps."""
        return step + self.window - step % self.window

    def _end(self, seen):
        """How many steps there are in all, after a plateau after so many."""
        return 2 * seen + WINDOWS * self.window
