"""What a recording may say more shortly: of these numbers only a sum is followed."""

import numpy as np

from minibnn import numerics


def log_sigma(rho, sigma):
    """Exact but for the last digits near sigma = 1; log sigma <= rho always."""
    return np.minimum(np.log(np.maximum(sigma, numerics.TINY_SIGMA)), rho)


def scale_divergence(s, log_s, s0):
    """With a small absolute error of the value, in float32 also of the slope.

    Both are even in s, so it does not matter here which sign s has.
    """
    if s.dtype == np.float32:
        ratio = s / s0
        slope = ratio * ratio - 1
        return 0.5 * slope - (log_s - np.log(s0)), slope
    e = (s - s0) / s0
    return 0.5 * e * e + (e - (log_s - np.log(s0))), e * ((s + s0) / s0)


SHORT = {
    numerics.log_sigma: log_sigma,
    numerics.scale_divergence: scale_divergence,
    numerics.log_one_plus: lambda one_plus, e: np.log(one_plus),
    numerics.rectified: numerics.rectified_near,
}
