"""What a recording may say more shortly: only the sum of it is followed."""

import numpy as np

from minibnn import numerics


def log_sigma(rho, sigma):
    """Exact but for the last digits near sigma = 1; log sigma <= rho always."""
    return np.minimum(np.log(np.maximum(sigma, numerics.TINY_SIGMA)), rho)


def log_gap(e, s, log_s, s0):
    """With a small absolute error, which is all that a sum over weights shows."""
    return e - (log_s - np.log(s0))


def scale_divergence(s, log_s, s0):
    """Float32: as it stands, with a small absolute error of value and slope."""
    if s.dtype != np.float32:
        return numerics.scale_divergence.__wrapped__(s, log_s, s0)
    ratio = s / s0
    slope = ratio * ratio - 1
    return 0.5 * slope - (log_s - np.log(s0)), slope


SHORT = {
    numerics.log_sigma: log_sigma,
    numerics.log_gap: log_gap,
    numerics.scale_divergence: scale_divergence,
    numerics.log_one_plus: lambda one_plus, e: np.log(one_plus),
    numerics.rectified: numerics.rectified_near,
}
