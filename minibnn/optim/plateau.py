"""Plateau: the ELBO no longer rises by more than its own noise.

What a run does after one, with the rest of its schedule, is `stopping.Rule`.
"""

from typing import Any

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
    z : float > 0
        How many standard errors a rise must exceed to count as progress.

    Examples
    --------
    >>> import minibnn as mb
    >>> rule, weights = mb.Plateau(window=3), [1.0] * 6
    >>> rule({"loss": [9.0, 8.0, 7.0, 4.0, 3.0, 2.0], "kl_weight": weights})
    False
    >>> rule({"loss": [4.0, 2.0, 3.0, 2.0, 4.0, 3.0], "kl_weight": weights})
    True
    """

    def __init__(self, window: int = 200, z: float = 1.0) -> None:
        self.window = check_int("window", window, minimum=2)
        self.z = check_positive("z", z)

    def __repr__(self) -> str:
        return f"Plateau(window={self.window}, z={self.z:g})"

    def __call__(self, history: dict[str, list[Any]]) -> bool:
        """Whether to stop; looks once per window.

        Parameters
        ----------
        history : dict of lists
            "loss" and "kl_weight" of every step so far; with replicas losses are arrays
            (R,), and all of them must have come to rest.
        """
        loss, n = history["loss"], self.window
        if len(loss) < 2 * n or len(loss) % n or np.ptp(history["kl_weight"][-2 * n :]):
            return False
        first, last = np.array(loss[-2 * n : -n]), np.array(loss[-n:])
        se = np.sqrt((first.var(0, ddof=1) + last.var(0, ddof=1)) / n)
        return bool(np.all(first.mean(0) - last.mean(0) <= self.z * se))

    def _next_look(self, step: int) -> int:
        """The first look after so many steps."""
        return step + self.window - step % self.window

    def _end(self, seen: int) -> int:
        """How many steps there are in all, after a plateau after so many."""
        return 2 * seen + WINDOWS * self.window
