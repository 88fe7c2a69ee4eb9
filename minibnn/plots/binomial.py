"""How far an observed frequency may be off by chance alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import bdtrik

from minibnn.types import FloatArray, IntArray

TAILS = 0.025, 0.975


def binomial_band(
    p: FloatArray, n: int | IntArray
) -> tuple[FloatArray, FloatArray]:
    """Frequencies (low, high) between which 95 % of counts of Binomial(n, p) over n lie.

    The quantiles at 2.5 % and 97.5 %; p (k,), n a number or (k,).
    """
    low, high = (_quantile(tail, p, n) / n for tail in TAILS)
    return low, high


def _quantile(q: float, p: Any, n: Any) -> Any:
    """The least count k with P(count <= k) >= q."""
    inside = np.clip(p, 1e-12, 1 - 1e-12)  # at the ends the count is certain
    return np.clip(np.ceil(bdtrik(q, n, inside)), 0, n)
