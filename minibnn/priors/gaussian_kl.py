"""The KL divergence of two Gaussians, for each weight by itself."""

import numpy as np

from minibnn.equations import equation
from minibnn.numerics import constant_like, in_blocks, scale_divergence


@equation("E41")
@in_blocks
def gaussian_kl(m, s, log_s, m0, s0):
    """Kullback-Leibler divergence KL(N(m, s^2) || N(m0, s0^2)) of each weight.

    (E41)  KL = ((m - m0)/s0)^2 / 2 + (r - 1 - log r) / 2,   r = (s/s0)^2
           dKL/dm = (m - m0)/s0^2,   dKL/dlog s = r - 1

    Derivation.  log q(w) - log p(w) = log(s0/s) - (w - m)^2/(2 s^2) +
    (w - m0)^2/(2 s0^2). Under q, E(w - m)^2 = s^2 and E(w - m0)^2 = s^2 + (m - m0)^2;
    inserting both gives E41. In m only the first term varies; in log s,
    dr/dlog s = 2r and d(log r)/dlog s = 2, so the slope is r - 1. How the second term
    and the slope keep their digits near r = 1 says `scale_divergence`.

    Shapes.  m, s, log_s (...,), m0, s0 broadcast  ->  value, g_m, g_log_s (...,).
    log_s is asked for because s underflows to 0 long before log s is large. Values
    beyond the largest float are inf; complex arguments need |m - m0|, s < 1e150 s0.
    """
    m0, s0 = constant_like(m, m0), constant_like(m, s0)
    with np.errstate(over="ignore"):
        a = (m - m0) / s0
        spread, slope = scale_divergence(np.asanyarray(s), log_s, s0)
        return 0.5 * a * a + spread, a / s0, slope
