"""The log joint that chains climb: its value in double precision, and the force."""

import numpy as np

from minibnn.svi.replicas import is_ours
from minibnn.tape import Repeated

CACHE = 320_000  # bytes an activation may take before chains are evaluated in turn
TELLING = 0.01  # nats of energy on a path of unit length, by the error of a force


class LogJoint:
    """``f(w (C, P)) -> log joint (C,), force (C, P)``.

    The force is what moves the momentum: the gradient of the log joint. ``f.force(w)``
    is the force alone, which is all that the middle of a path needs: recorded once and
    replayed. It holds until the next call. Values are those of the kernels.

    For models of this package the force is computed in single precision, at half the
    cost. The chains stay exact: with any function of w for a force a leapfrog step
    undoes itself and keeps volume, and what is accepted goes by values in double
    precision. Only acceptance could suffer; ``settle`` sees that it does not. A force
    that cannot be recorded, or is not of this package, is computed in double precision.
    """

    def __init__(self, model, A, y):
        def value(w):
            return model.weight_prior.log_prob(w)[0] - model.nll(w, A, y)[0]

        def gradient(w):
            return model.log_joint_kernel(w, A, y)[1]

        numbers = A.shape[-2] * max(model.net.sizes)
        self.value = InTurn(value, CACHE // (8 * numbers), repeats=False)
        self.double = InTurn(gradient, CACHE // (8 * numbers))
        self.single = None
        with np.errstate(over="ignore"):
            small = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in (A, y)]
        ours = all(map(is_ours, (model, model.net, model.likelihood, model.prior)))
        if ours and all(np.isfinite(a).all() for a in small):
            self.single = InTurn(
                lambda w: model.log_joint_kernel(w, *small)[1], CACHE // (4 * numbers)
            )

    def __call__(self, w):
        return self.value(w), self.force(w).astype(np.float64)

    def force(self, w):
        """The force on every chain, (C, P)."""
        if self.single is None:
            return self.double(w)
        return self.single(w.astype(np.float32))

    @np.errstate(all="ignore")
    def settle(self, w, scale):
        """Give single precision up for good if its error would tell on paths from w.

        Whether it was given up; forces found before are then out of date.
        """
        if self.single is None:
            return False
        error = scale * (self.force(w) - self.double(w))
        if np.all(np.sqrt((error * error).sum(-1)) <= TELLING):
            return False
        self.single = None
        return True


class InTurn:
    """``function(w (C, P))`` for as many chains at once as fit in cache, replayed.

    Arrays that do are several times quicker than one large batch.
    """

    def __init__(self, function, most, repeats=True):
        self.most = max(1, most)
        self.replayed = Repeated(function, repeats)

    def __call__(self, w):
        turns = -(-len(w) // self.most)
        if turns == 1:
            return self.replayed(w)
        size = -(-len(w) // turns)
        starts = range(0, len(w), size)
        return np.concatenate([self.replayed(w[i : i + size]).copy() for i in starts])
