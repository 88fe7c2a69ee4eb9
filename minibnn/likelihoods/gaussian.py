"""The Gaussian likelihood: real targets with normal noise of one scale."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.special import ndtri

from minibnn.equations import equation
from minibnn.likelihoods.base import log_scale_of, residual, total_of
from minibnn.likelihoods.location_scale import LocationScale
from minibnn.numerics import HALF_LOG_2PI, largest_exp
from minibnn.types import Array, FloatArray


@equation("E31")
@np.errstate(over="ignore")
def gaussian_nll(
    F: FloatArray, y: Array, t: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gaussian observation with mean F and log standard deviation t.

    (E31)  nll = t + (r e^-t)^2/2 + log(2 pi)/2,   r = F - y
           dnll/dF = r e^-2t,   dnll/dt = 1 - (r e^-t)^2

    Derivation.  -log of exp(-r^2/(2 s^2)) / (s sqrt(2 pi)) with s = e^t. With
    v = r e^-t: dv/dF = e^-t and dv/dt = -v, so dnll/dF = v e^-t and
    dnll/dt = 1 + v dv/dt = 1 - v^2.

    Shapes.  F (...,S,B,C), y (...,B,C), t broadcasts to F  ->  nll (...,S), g_F and
    elementwise g_t of the shape of F; the caller sums g_t to the shape of t.
    """
    t = log_scale_of(F, t)
    precision = largest_exp(-t)
    v = residual(F, y) * precision
    return total_of(t + (0.5 * v) * v + HALF_LOG_2PI), v * precision, 1 - v * v


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


class Gaussian(LocationScale):
    """Normal noise of one standard deviation (E31).

    Parameters
    ----------
    scale : float or "learned"
        The noise standard deviation. "learned": t = log s is one more uncertain weight,
        the last of w, with the prior N(*log_scale_prior); meant for standardised
        targets.
    log_scale_prior : (float, float)
        Mean and standard deviation of the normal prior over log s, by default 0 and 1.

    Raises
    ------
    ValueError, TypeError
        If the scale, or the prior's standard deviation, is not a number > 0.

    Examples
    --------
    >>> import minibnn as mb
    >>> net, prior = mb.MLP([1, 8, 1], "tanh"), mb.GaussianPrior()
    >>> mb.Model(net, mb.Gaussian(0.1), prior).n_weights
    25
    >>> mb.Model(net, mb.Gaussian("learned"), prior).n_weights  # and log s
    26
    """

    label = "E31"
    kernel = staticmethod(gaussian_nll)

    @classmethod
    def examples(cls) -> list[tuple[Self, int]]:
        """A known and a learned scale."""
        return [(cls(0.6), 1), (cls("learned", (-0.3, 0.8)), 1)]

    def in_scipy(self, F: Array, v: Array) -> tuple[Any, ...]:
        """norm(f, s)."""
        return "norm", F, np.exp(self.log_scale(v))

    def variance(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """Var[y | F], one value per output."""
        variance = np.exp(2.0 * self.log_scale(v)).astype(F.dtype)
        return np.broadcast_to(variance, F.shape)

    def sample(self, F: FloatArray, v: FloatArray, uniform: FloatArray) -> FloatArray:
        """A draw of y for each uniform number."""
        noise = np.exp(self.log_scale(v)) * ndtri(uniform)
        return F + noise.astype(F.dtype, copy=False)

    def expected_nll(
        self,
        m: FloatArray,
        v: FloatArray,
        c: FloatArray | float,
        y: FloatArray,
        t: FloatArray,
        var_t: FloatArray,
    ) -> tuple[FloatArray, ...]:
        """E[nll] for uncertain outputs and log s, and its slope in each argument but y.

        Parameters
        ----------
        m, v, c : arrays (..., B, C)
            Mean and variance of the outputs, their covariance with log s (E66).
        y : array (..., B, C)
        t, var_t : arrays (..., 1), or (..., 0) for a known scale
            Mean and variance of log s.

        Returns
        -------
        value : array (...)
        g_m, g_v, g_c, g_t, g_var_t : arrays
        """
        spread: FloatArray | float = 0.0  # of a known scale
        if self.learned:
            t, spread = t[..., None], var_t[..., None]
        else:
            t = np.asarray(np.log(self.scale), m.real.dtype)
        value, g_m, g_v, g_c, g_t = expected_gaussian_nll(m, v, c, y, t, spread)
        g_t, g_var_t = (g.sum((-1, -2))[..., None] for g in (g_t, 1.0 - g_t))
        return value, g_m, g_v, g_c, g_t, g_var_t
