"""Priors beyond the Gaussian: log densities, and the KL to a Laplace prior.

Elementwise, one value per weight, as in `gaussian_kl`.
"""

import math

import numpy as np
from scipy.special import erf

from minibnn.kernels.equations import equation
from minibnn.kernels.gaussian_kl import HALF_LOG_2PI, constant_like, in_blocks
from minibnn.kernels.maps import magnitude, sigmoid, softplus


@equation("E45")
@in_blocks
@np.errstate(over="ignore")
def scale_mixture_log_density(w, pi, s1, s2):
    """Log density of pi N(0, s1^2) + (1 - pi) N(0, s2^2) at each weight.

    (E45)  log p(w) = log n_1(w) + softplus(D),   D = log n_2(w) - log n_1(w)
           dlog p/dw = -w ((1 - r)/s1^2 + r/s2^2),   r = sigmoid(D)
           n_k(w) = pi_k N(w; 0, s_k^2)

    Derivation.  log(n_1 + n_2) = log n_1 + log(1 + n_2/n_1). r = n_2/(n_1 + n_2) is the
    posterior probability of component 2; dlog p/dw is the mean of dlog n_k/dw =
    -w/s_k^2 under it. With component 1 the wider one, D falls with |w| and
    D = log(n_2/n_1)(0) - w^2 (1/s2^2 - 1/s1^2)/2 never meets inf - inf.

    Shapes.  w (...,); pi in (0, 1), s1, s2 > 0 are numbers  ->  value, g_w (...,).
    Source.  Blundell et al. 2015, Weight Uncertainty in Neural Networks, eq. 7.
    """
    s1, s2, log_1, log_2 = float(s1), float(s2), math.log(pi), math.log1p(-pi)
    if s1 < s2:
        s1, s2, log_1, log_2 = s2, s1, log_2, log_1
    half_ww = 0.5 * w * w
    excess = (s1 - s2) / s1 / s2 * ((s1 + s2) / s1 / s2)  # 1/s2^2 - 1/s1^2
    D = log_2 - log_1 + math.log(s1 / s2) - half_ww * excess
    wide = log_1 - math.log(s1) - HALF_LOG_2PI - half_ww / s1**2
    return wide + softplus(D), -w * (1 / s1**2 + sigmoid(D) * excess)


@equation("E46")
@in_blocks
def laplace_kl(m, s, log_s, b):
    """KL(N(m, s^2) || Laplace(0, b)) of each weight, in closed form.

    (E46)  KL = E|w|/b + log(2b) - log s - log(2 pi e)/2
           E|w| = m erf(u) + s sqrt(2/pi) e^(-u^2),   u = m/(s sqrt 2)
           dKL/dm = erf(u)/b,   dKL/dlog s = s sqrt(2/pi) e^(-u^2)/b - 1

    Derivation.  KL = E log q - E log p with E log q from E43 and
    -log p(w) = |w|/b + log(2b). E|w| is the mean of the folded normal: the integral of
    |m + s eps| over eps split at -m/s. Differentiating it, the two boundary terms
    2m e^(-u^2) du/sqrt(pi) and -2u s sqrt(2/pi) e^(-u^2) du cancel because
    m = u s sqrt 2: dE|w|/dm = erf(u), dE|w|/ds = sqrt(2/pi) e^(-u^2).

    Shapes.  m, s, log_s (...,), b broadcasts  ->  value, g_m, g_log_s (...,).
    s may have underflowed to 0; log_s carries the entropy.
    """
    b = constant_like(m, b)
    size = magnitude(np.asanyarray(s))
    # beyond |u| = 30 nothing changes: erf = 1 and the bell has vanished
    floor = np.maximum(magnitude(np.asanyarray(m)) / 30, np.finfo(b.dtype).tiny)
    u = m / np.maximum(math.sqrt(2) * size, floor)
    sign = erf(u)
    bell = size * (math.sqrt(2 / math.pi) * np.exp(-u * u))
    entropy = log_s + (HALF_LOG_2PI + 0.5)
    return (m * sign + bell) / b + np.log(2 * b) - entropy, sign / b, bell / b - 1


@equation("E47")
def laplace_log_density(w, b):
    """Log density of Laplace(0, b) at each weight.

    (E47)  log p(w) = -|w|/b - log(2b),   dlog p/dw = -sign(w)/b

    Derivation.  The logarithm of e^(-|w|/b) / (2b); |w| has slope sign(w), and at the
    kink w = 0 the subgradient 0 is taken.

    Shapes.  w (...,), b broadcasts  ->  value, g_w (...,).
    """
    w, b = np.asanyarray(w), constant_like(w, b)
    return -magnitude(w) / b - np.log(2 * b), -np.sign(w.real) / b
