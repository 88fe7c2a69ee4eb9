"""Step 6: when has the ELBO converged, and how does a schedule end before its time?"""

import numpy as np

from minibnn.optim.plateau import Plateau
from minibnn.optim.slowing import Slowing, rise_of
from minibnn.validation.doors import outside


class Rule:
    """The rule of one run, and the step sizes, which a plateau may hasten.

    A schedule that is spread over the run is brought to its end after a plateau: in as
    many steps again (and 20 windows of a ``Plateau``), but within ``max_steps``.
    """

    def __init__(self, options, seen=None):
        self.options, self.stop = options, options.stop
        self.seen = seen  # the step after which such a plateau was seen

    def reason(self, step, history):
        """Why to stop after so many steps, or None."""
        if self.seen is not None:
            return "plateau" if step >= self.end else None
        if self.stop is None:
            return None
        if self.looks_seldom and step != self.next_look(step - 1):
            return None
        if not self.asked(history):
            return "overtaken" if self.is_hopeless(history) else None
        if not self.looks_seldom:
            return "stop"
        if not knows_its_end(self.options):
            return "plateau"
        self.seen = step
        return None

    def asked(self, history):
        """What the rule says; one of the caller's own runs by his rules."""
        with outside():
            return self.stop(history)

    def is_hopeless(self, history):
        """Whether, rising as it does, a quarter more steps would not meet the rival."""
        rival = self.options.rival
        if rival is None or not isinstance(self.stop, Slowing):
            return False
        rise, _, last = rise_of(history, len(history["elbo"]))
        return bool(np.all(last + np.maximum(rise, 0.0) < rival))

    @property
    def looks_seldom(self):
        """Whether it is known beforehand after which steps the rule looks."""
        return isinstance(self.stop, Plateau | Slowing)

    def next_look(self, step):
        """The first step after this one at which it does."""
        return self.stop._next_look(step)

    @property
    def end(self):
        """How many steps there are in all, after a plateau has been seen."""
        return self.stop._end(self.seen)

    def steps_ahead(self, step):
        """How many steps there are whose sizes no answer can change."""
        left = self.options.max_steps - step
        if self.seen is not None:
            return min(left, self.end - step)
        if self.looks_seldom:
            return min(left, self.next_look(step) - step)
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


def in_words(converged, rise, se):
    """Whether the ELBO has come to rest, for one run or for replicas."""
    if np.size(converged) > 1:
        return f"{np.sum(converged)} of {np.size(converged)} converged"
    if rise is None:
        return "converged" if np.all(converged) else "not known to have converged"
    states = "still rising" if np.sum(rise) > np.sum(se) else "not converged"
    state = "converged" if np.all(converged) else states
    return f"{state}, {np.sum(rise):+.2g} ± {np.sum(se):.1g} nats at last"
