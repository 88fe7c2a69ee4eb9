"""Likelihoods: how a network's output becomes a density over targets.

Protocol, all shapes counted from the right: ``(F, y, v) -> nll (..., S), g_F, g_v`` with
outputs F (..., S, B, C), targets y (..., B, K) and the likelihood's own weights
v (..., S, n_weights). For prediction: ``mean``, ``variance``, ``sample`` (uniform noise
is an argument) and ``row_nll``. ``examples()`` lists what is worth testing: a likelihood
and its network outputs for one target each; ``example_targets`` go with them.
"""

import numpy as np
from scipy.special import ndtri

from minibnn.validation.arguments import as_float_array
from minibnn.validation.shapes import of_targets


class Likelihood:
    """What all likelihoods share; a concrete one overrides what differs."""

    label = "E31"  # of its equation; where there is none, of the one it resembles most
    n_weights = 0  # weights of its own, at the end of w
    own_prior = None  # the prior over them
    own_information = None  # E[second derivative] by each of them, of one observation
    kind = "regression"
    support = "reals"  # where targets live: reals, counts, or labels 0 .. n_labels - 1
    n_labels = 2
    exclusive = False  # whether the outputs are the classes of one label
    canonical = False  # whether dnll/dF is the mean of y less y
    location_scale = False  # whether y in other units changes only the units of F, scale
    df = np.inf  # degrees of freedom of the noise: normal noise has infinitely many
    # Closed forms that some have, and others have not:
    expected_nll = None  # mean of the nll under uncertain outputs
    hessian_root = None  # (F (B, C), v (n,)) -> T (B, C, C), TᵀT = E[Hessian by outputs]
    in_scipy = None  # (F, v) -> the same in scipy.stats: its name there, and arguments
    argument_kinds = ()  # of the constructor, in order, for tests of bad ones

    def example_targets(self, uniform):
        """A target for each number in (0, 1): any that can be, no draw of the model."""
        if self.support == "reals":
            return 1.5 * ndtri(uniform)
        if self.support == "counts":
            return np.floor(6.0 * uniform * uniform)
        return np.floor(self.n_labels * uniform)

    def initial_weights(self):
        """Where its own weights start."""
        return np.zeros(self.n_weights)

    def log_scale(self, v):
        """log of the one noise scale for all, with axes for rows and outputs, or None."""
        return None

    def log_scale_outputs(self, n_outputs):
        """Which network outputs are log scales, a slice; a new network has 0 there."""
        return slice(0)

    def check_width(self, n_outputs):
        """Raise ValueError unless it can read that many network outputs."""

    def target_shape(self, shape):
        """Shape of canonical targets for outputs (..., B, C)."""
        return shape

    def targets(self, y, shape):
        """Check y against outputs of ``shape`` (..., B, C); (n,) equals (n, 1)."""
        shape = self.target_shape(shape)
        y = as_float_array("y", y, allow_bool=self.kind == "classification")
        one_column = shape[-1] == 1 and y.shape == shape[:-1]
        if y.shape != shape and not one_column:
            wanted = f"{shape}" + (f" or {shape[:-1]}" if shape[-1] == 1 else "")
            hint = self.shape_hint(y.shape, shape)
            if not hint and shape[-1] == 1 and y.size == np.prod(shape):
                hint = f"; use np.reshape(y, {shape})"
            hint = hint or of_targets(y.shape, shape)
            raise ValueError(
                f"y must have shape {wanted} to go with X, got {y.shape}{hint}"
            )
        y = self.check_values(y)  # as it was given, so that an index means something
        return y[..., None] if one_column else y

    def shape_hint(self, got, wanted):
        """What a wrong shape of y may mean, as the end of a sentence."""
        return ""

    def check_values(self, y):
        """Raise ValueError unless every target is possible."""
        return y

    def row_nll(self, F, y, v):
        """Negative log density of every row alone: (S, B, C), (B, K), (S, n) -> (S, B).

        The kernel itself, with rows moved to where replicas stand.
        """
        rows, _, _ = self(F.swapaxes(0, 1)[:, :, None, :], y[:, None, ...], v)
        return rows.T


def targets_of(F, y):
    """Targets in the real dtype of F, with a sample axis: (..., 1, B, C)."""
    return np.asanyarray(y, dtype=F.real.dtype)[..., None, :, :]


def times(F, y):
    """y F, for y of shape (..., B, C) or its like, in memory that lies as F does.

    Outputs of a network are a transposed view. What NumPy makes of it and of an array
    that lies otherwise lies otherwise too, and whatever is made of that with F walks
    through one of the two crosswise.
    """
    return np.multiply(y, F, out=np.empty_like(F))


def residual(F, y):
    """F - y in memory that lies as F does, as in `times`."""
    return np.subtract(F, targets_of(F, y), out=np.empty_like(F))


def log_scale_of(F, t):
    """A real log scale in the real dtype of F; a complex one as it is."""
    t = np.asanyarray(t)
    return t if t.dtype.kind == "c" else t.astype(F.real.dtype, copy=False)


def total_of(elementwise):
    """Sum over observations B and outputs C: (..., S, B, C) -> (..., S)."""
    return elementwise.sum(axis=(-2, -1))
