"""The continuous ranked probability score of draws: how far from y a predictive lies."""

from __future__ import annotations

import numpy as np

from minibnn.equations import equation
from minibnn.types import FloatArray


@equation("E88")
def crps(draws: FloatArray, y: FloatArray) -> FloatArray:
    """CRPS of the distribution that S independent draws x_s come from, in units of y.

    (E88)  CRPS ≈ 1/S Σ_s |x_s - y| - 1/(S (S-1)) Σ_i (2 i - S - 1) x_(i),
           x_(1) ≤ ... ≤ x_(S) the draws in order

    Derivation.  ∫ (F(x) - [x ≥ y])² dx = E|X - y| - E|X - X'|/2 for independent draws
                 X, X' of F. The mean over all pairs s ≠ t estimates E|X - X'| without
                 bias. In a sum over pairs, x_(i) is the larger of i - 1 and the smaller
                 of S - i, so Σ_{s<t} |x_s - x_t| = Σ_i (2 i - S - 1) x_(i): S log S
                 operations in the place of S². Only differences enter; the terms i and
                 S + 1 - i are (S + 1 - 2 i) (x_(S+1-i) - x_(i)) ≥ 0 together.
    Error.       To first order that of a mean of g(x_s), g(x) = |x - y| - E|x - X'|,
                 whose slope lies within ±2: at most 2 sd(X)/√S. Of a normal X it is 0.23
                 of sd(X)/√S where y is the mean, and near 1 where y is far off.
    Source.      Gneiting & Raftery 2007, eq. 21; pairs s ≠ t: Ferro 2014.
    Shapes.      draws (S, ...), S ≥ 2, y (...)  →  (...), computed in double precision
    """
    d = np.sort(np.subtract(draws, y, dtype=np.float64), axis=0)
    S, half = len(d), len(d) // 2
    weights = (S + 1.0 - 2.0 * np.arange(1, half + 1)) / (S * (S - 1.0))
    with np.errstate(invalid="ignore"):  # an infinite draw is told below
        apart = np.tensordot(weights, d[::-1][:half] - d[:half], 1)
        score = np.abs(d).mean(axis=0) - apart
    return np.where(np.isinf(d).any(axis=0), np.inf, score)
