"""When HMC has drawn enough, as seen by what the network says about some rows."""

import numpy as np

from minibnn.mcmc.chains import outputs
from minibnn.mcmc.ess import ess
from minibnn.mcmc.r_hat import LEAST_DRAWS, r_hat

ESS, R_HAT = 400, 1.02
ROWS = 2000  # of the training data that are watched at most
FIRST = 100  # draws of a chain before it is asked for the first time
LEAST, MOST = 1.15, 1.6  # how much longer the chains are when it is asked again
NUMBERS = 4_000_000  # outputs held at a time


def evenly(A, most=ROWS):
    """At most so many rows, evenly spaced."""
    return A[np.arange(min(len(A), most)) * len(A) // min(len(A), most)]


class Enough:
    """Whether every watched number has a bulk ESS of 400 and an R-hat of 1.02 at most.

    Watched are all outputs of the network at the rows of A, and what weights of its own
    the likelihood has. The question is put seldom, when the chains have grown by what
    the slowest number still lacked, a seventh at least. So it costs little, and
    there are few chances to say yes by luck; whatever says yes is true of the draws
    that are returned.
    """

    def __init__(self, model, A):
        self.model, self.A, self.due = model, A, FIRST
        self.said = ""

    def __call__(self, rows, most):
        """Asked after every draw; ``rows`` are the weights (C, P) of each."""
        n = len(rows)
        if n < min(self.due, most):
            return False
        size, ratio = self.slowest(np.stack(rows, 1))
        self.said = f"slowest ESS {size:.0f}, R-hat {ratio:.3f}"
        growth = np.clip(1.1 * ESS / max(size, 1.0), LEAST, MOST)
        self.due = int(np.ceil(n * growth))
        return bool(size >= ESS and ratio <= R_HAT)

    def slowest(self, weights):
        """The smallest ESS and the largest R-hat of all watched numbers."""
        if weights.shape[1] < LEAST_DRAWS:
            return 0.0, np.inf
        each = weights.shape[0] * weights.shape[1] * self.model.net.n_outputs
        blocks = -(-len(self.A) * each // NUMBERS)
        found = [(np.inf, 0.0)]
        for values in self.watched(weights, np.array_split(self.A, blocks)):
            if not np.isfinite(values).all():
                return 0.0, np.inf
            found.append((ess(values).min(), r_hat(values).max()))
        sizes, ratios = zip(*found, strict=True)
        return min(sizes), max(ratios)

    def watched(self, weights, blocks):
        """The watched numbers (C, n, ...), a block of rows at a time."""
        for A in blocks:
            yield outputs(self.model, weights, A)
        if self.model.likelihood.n_weights:
            yield weights[..., self.model.net.n_weights :]
