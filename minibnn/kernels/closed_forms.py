"""Expectations under Gaussians that need no sample, with their derivatives.

Elementwise; complex arguments stay analytic.
"""

import math

import numpy as np
from scipy.special import erfc

from minibnn.kernels.equations import equation
from minibnn.kernels.gaussian_kl import HALF_LOG_2PI
from minibnn.plan.tape import short_on_tape

_TAIL, _TERMS = -3.0, 60  # left of it the moments of E67 come from so many ratios
_FAR = 40.0  # standard deviations beyond which a Gaussian's tail is zero in any float


@equation("E66")
def expected_gaussian_nll(m, v, c, y, t, var_t):
    """Mean negative log density of y under N(f, e^2t), with f uncertain and t Gaussian.

    (E66)  E[nll] = t + h ((m - 2c - y)² + v)/2 + log(2 pi)/2,   h = e^(2 var_t - 2t)
    Derivation.  E[(f - y)² e^-2t] with mean m, variance v of f, mean t, variance var_t
        of the log scale, c their covariance. Completing the square in the exponent,
        e^-2t times the joint Gaussian density is e^(2 var_t - 2t) times a Gaussian
        whose means are shifted by -2 times the covariance with t: that of f to m - 2c,
        its variance unchanged. If c = 0 and t is independent of f, only the mean and
        the variance of f matter, and f need not be Gaussian. The slopes, with r = m -
        2c - y and e = h (r² + v): h r in m, h/2 in v, -2 h r in c, 1 - e in t, e in
        var_t.
    Shapes.  m, v, c (..., B, C), y (..., B, C), t, var_t broadcast
        -> value (...), elementwise g_m, g_v, g_c, g_t; g_var_t = 1 - g_t
    """
    h = np.exp(2.0 * var_t - 2.0 * t)
    r = m - 2.0 * c - np.asarray(y, m.real.dtype)
    e = h * (r * r + v)
    value = (t + 0.5 * e + HALF_LOG_2PI).sum((-1, -2))
    return value, h * r, 0.5 * h + 0.0 * r, -2.0 * h * r, 1.0 - e


def _short_moments(m, s, x, above, below, bell):
    """E and Var/v of E67; to the left of _TAIL the digits that cancel are missing."""
    mean = m * above + s * bell
    shape = above + x * (x * above * below + bell * (below - above)) - bell * bell
    return np.maximum(mean, 0), np.maximum(shape, 0)


@short_on_tape(_short_moments)
def _moments(m, s, x, above, below, bell):
    """The same to the last digits: both are > 0 wherever the density at 0 is."""
    mean, shape = _short_moments(m, s, x, above, below, bell)
    far = x.real < _TAIL
    if not np.any(far):
        return mean, shape
    _, J1, J2 = _tail_integrals(np.where(far, -x, -_TAIL))
    shape = np.where(far, bell * (2.0 * J2 - bell * J1 * J1), shape)
    return np.where(far, s * bell * J1, mean), shape


def _tail_integrals(u):
    """J_0, J_1, J_2 of E67 for u >= 3, by their ratios r_n = J_n / J_(n-1), last first."""
    r = 1.0 / (u + math.sqrt(_TERMS))
    for n in range(_TERMS, 2, -1):
        r = 1.0 / (u + n * r)
    r2 = r
    r1 = 1.0 / (u + 2.0 * r2)
    J0 = 1.0 / (u + r1)
    return J0, r1 * J0, r2 * r1 * J0


@equation("E67")
def rectified_moments(m, v):
    """Mean and variance of max(z, 0) for z ~ N(m, v), and the way back.

    (E67)  E = m Φ + s φ,   Var = v (Φ + x² Φ Φ̄ + x φ (Φ̄ - Φ) - φ²),   x = m/s, s = √v
           ∂E/∂m = Φ,  ∂E/∂v = φ/(2s),  ∂Var/∂m = 2 E Φ̄,  ∂Var/∂v = Φ - E φ/s
    Derivation.  With z = m + s eps, z > 0 where eps > -x. ∫_{-x}^∞ φ = Φ(x),
        ∫ eps φ = φ(x) and ∫ eps² φ = Φ - x φ give E and E[z²; z > 0] = (m² + v) Φ + m s
        φ; subtracting E² with Φ̄ = 1 - Φ leaves Var, where nothing of size m² is left
        to cancel. By Stein's lemma ∂E/∂v = E[δ(z)]/2 = φ/(2s), ∂E[z₊²]/∂v = P(z > 0) =
        Φ, and ∂E[z₊²]/∂m = 2E.
        Far to the left both are differences of nearly equal numbers; there, with
        u = -x and J_n = ∫_0^∞ t^n/n! e^(-t²/2 - ut) dt, E = s φ J_1 and E[z²; z > 0] =
        2 v φ J_2. Integration by parts gives J_(n-1) = u J_n + (n+1) J_(n+1), where
        nothing is subtracted (and J_(-1) = 1).
    Source.  Frey & Hinton 1999; Hernandez-Lobato & Adams 2015, sec. 3.2.
    Shapes.  any, elementwise; pull: (g_E, g_Var) -> (g_m, g_v)
    """
    floor = np.sqrt(np.finfo(v.real.dtype).tiny)
    s = np.where(v.real > floor**2, np.sqrt(v), floor)
    x = m / s
    x = np.where(np.abs(x.real) > _FAR, np.copysign(_FAR, x.real), x)
    above, below = 0.5 * erfc(-x / math.sqrt(2)), 0.5 * erfc(x / math.sqrt(2))
    bell = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    mean, shape = _moments(m, s, x, above, below, bell)

    def pull(g_mean, g_var):
        g_m = g_mean * above + g_var * 2.0 * mean * below
        slope = bell / s
        return g_m, 0.5 * g_mean * slope + g_var * (above - mean * slope)

    return mean, v * shape, pull
