"""Step 6: when has the ELBO converged, and how does a schedule end before its time?"""

import numpy as np

from minibnn.kernels.doors import outside
from minibnn.kernels.equations import equation
from minibnn.kernels.validate import check_int, check_positive

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


class Rule:
    """The rule of one run, and the step sizes, which a plateau may hasten.

    A schedule that is spread over the run is brought to its end after a plateau: in as
    many steps again and 20 windows, but within ``max_steps``.
    """

    def __init__(self, options):
        self.options, self.stop = options, options.stop
        self.seen = None  # the step after which such a plateau was seen

    def reason(self, step, history):
        """Why to stop after so many steps, or None."""
        if self.seen is not None:
            return "plateau" if step >= self.end else None
        if self.stop is None or not self.asked(history):
            return None
        if not isinstance(self.stop, Plateau):
            return "stop"
        if not knows_its_end(self.options):
            return "plateau"
        self.seen = step
        return None

    def asked(self, history):
        """What the rule says; one of the caller's own runs by his rules."""
        with outside():
            return self.stop(history)

    @property
    def end(self):
        """How many steps there are in all, after a plateau has been seen."""
        return 2 * self.seen + WINDOWS * self.stop.window

    def steps_ahead(self, step):
        """How many steps there are whose sizes no answer can change."""
        left = self.options.max_steps - step
        if self.seen is not None:
            return min(left, self.end - step)
        if isinstance(self.stop, Plateau):
            return min(left, self.stop.window - step % self.stop.window)
        return left

    def rate_at(self, step):
        """The step size of the schedule as it is, or on its way to an early end."""
        most = self.options.max_steps
        if self.seen is not None:
            steps = min(self.end, most) - self.seen
            step = self.seen + (step - self.seen) * (most - self.seen) // steps
        return self.options.rate_at(step)


def knows_its_end(options):
    """Whether the last step size would be another one in a longer run."""
    lr, most = options.optimizer.lr, options.max_steps
    return lr(most - 1, most) != lr(most - 1, 2 * most)
