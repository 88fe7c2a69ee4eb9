"""q, the normal distribution that every family speaks of, and its cotangents."""

from __future__ import annotations

from typing import Any, NamedTuple

from minibnn.numerics import HALF_LOG_2PI
from minibnn.types import FloatArray


class Normal(NamedTuple):
    """q(w) = N(mean, L Lᵀ), L = diag(sigma) (I + low); also its cotangent.

    ``mean``, ``sigma``, ``log_sigma`` are (..., P); a point has a mean alone. ``low``
    (..., P, P) is strictly lower triangular, or None where weights are independent. In a
    cotangent None means zero.

    The data term sends its gradient through ``sigma``, the KL through ``log_sigma``:
    each stays finite where their product would be inf * 0.
    """

    mean: FloatArray | Any = None
    sigma: FloatArray | Any = None
    log_sigma: FloatArray | Any = None
    low: FloatArray | Any = None

    def __repr__(self) -> str:
        known = [f"{k} {v.shape}" for k, v in self._asdict().items() if v is not None]
        return f"Normal({', '.join(known)})"


def add(a: Normal, b: Normal) -> Normal:
    """Sum of two cotangents."""
    pairs = zip(a, b, strict=True)
    return Normal(*(y if x is None else x if y is None else x + y for x, y in pairs))


def scaled(factor: float, a: Normal) -> Normal:
    """A cotangent times a number."""
    return Normal(*(None if x is None else factor * x for x in a))


def log_normal(q: Normal, eps: FloatArray) -> FloatArray:
    """log q at the weights that standard normals eps (..., S, P) make, (..., S)."""
    log_det = (q.log_sigma + HALF_LOG_2PI).sum(-1)[..., None]
    return -0.5 * (eps * eps).sum(-1) - log_det
