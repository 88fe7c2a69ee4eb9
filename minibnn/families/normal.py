"""q, the normal distribution that every family speaks of, and its cotangents."""

from typing import NamedTuple

import numpy as np

from minibnn.numerics import HALF_LOG_2PI


class Normal(NamedTuple):
    """q(w) = N(mean, L Lᵀ), L = diag(sigma) (I + low); also its cotangent.

    ``low`` (..., P, P) is strictly lower triangular, or None where weights are
    independent. In a cotangent None means zero.

    The data term sends its gradient through ``sigma``, the KL through ``log_sigma``:
    each stays finite where their product would be inf * 0.
    """

    mean: np.ndarray | None = None
    sigma: np.ndarray | None = None
    log_sigma: np.ndarray | None = None
    low: np.ndarray | None = None


def add(a, b):
    """Sum of two cotangents."""
    pairs = zip(a, b, strict=True)
    return Normal(*(y if x is None else x if y is None else x + y for x, y in pairs))


def scaled(factor, a):
    """A cotangent times a number."""
    return Normal(*(None if x is None else factor * x for x in a))


def log_normal(q, eps):
    """log q at the weights that standard normals eps (..., S, P) make, (..., S)."""
    log_det = (q.log_sigma + HALF_LOG_2PI).sum(-1)[..., None]
    return -0.5 * (eps * eps).sum(-1) - log_det
