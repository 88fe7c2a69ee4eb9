"""The Student-t likelihood: real targets with outliers."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from scipy.special import stdtrit

from minibnn.equations import equation
from minibnn.likelihoods.base import log_scale_of, residual, total_of
from minibnn.likelihoods.location_scale import LocationScale
from minibnn.numerics import HALF_LOG_2PI, largest_exp, log1p, magnitude
from minibnn.types import Array, FloatArray
from minibnn.validation.arguments import check_positive


@equation("E36")
@np.errstate(over="ignore")
def student_t_nll(F, y, t, df):
    """Student-t observation with location F, log scale t and df degrees of freedom.

    (E36)  nll = t + (df + 1)/2 log(1 + a^2) + c(df),   a = (F - y) e^-t / sqrt(df)
           dnll/dF = (df + 1)/sqrt(df) e^-t a/(1 + a^2)
           dnll/dt = 1 - (df + 1) a^2/(1 + a^2)

    Derivation.  -log of the density Gamma((df+1)/2) / (Gamma(df/2) sqrt(df pi) e^t)
    (1 + a^2)^(-(df+1)/2); c(df) is `_student_t_constant`. The slope of
    log(1 + a^2)/2 is a/(1 + a^2), da/dF = e^-t/sqrt(df), da/dt = -a. To keep a^2 from
    overflowing put b = max(|a|, 1), k = a/b, c = k/b: then c^2 = min(a^2, 1/a^2) and
    log(1 + a^2) = 2 log b + log1p(c^2), a/(1 + a^2) = c/(1 + c^2),
    a^2/(1 + a^2) = k^2/(1 + c^2).

    Shapes.  As E31; df is one real number > 0.
    """
    t = log_scale_of(F, t)
    precision = largest_exp(-t) / math.sqrt(df)
    a = residual(F, y) * precision
    b = np.maximum(magnitude(a), 1)
    k = a / b
    c = k / b
    weight = (df + 1) / (1 + c * c)
    log_kernel = (df + 1) * (np.log(b) + 0.5 * log1p(c * c))
    nll = t + log_kernel + _student_t_constant(float(df))
    return total_of(nll), weight * c * precision, 1 - weight * k * k


class StudentT(LocationScale):
    """Student-t noise: outliers cost a logarithm, not a square (E36).

    Parameters
    ----------
    df : float
        Degrees of freedom > 0, fixed; infinitely many make a :class:`Gaussian`. Up to 2
        the variance of y is infinite (and so are predictive standard deviations);
        quantiles always exist.
    scale, log_scale_prior : float or "learned", (float, float)
        As for :class:`Gaussian`; scale is not the standard deviation, which is
        scale √(df / (df - 2)).

    Raises
    ------
    ValueError, TypeError
        If df is not finite and > 0, or the others do not fit.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> F, y, none = np.zeros((1, 2, 1)), np.array([[1.0], [100.0]]), np.zeros((1, 0))
    >>> mb.Gaussian()(F, y, none)[1].ravel()  # an outlier pulls a hundred times
    array([  -1., -100.])
    >>> mb.StudentT(3.0)(F, y, none)[1].ravel().round(2)  # here it does not
    array([-1.  , -0.04])
    """

    label = "E36"
    argument_kinds = ("positive", *LocationScale.argument_kinds)

    def __init__(
        self,
        df: float,
        scale: float | str = 1.0,
        log_scale_prior: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        super().__init__(scale, log_scale_prior)
        as_number: Any = df  # it may be anything
        if isinstance(as_number, float | np.floating) and df == np.inf:
            raise ValueError("df must be finite, got inf: then it is Gaussian(scale)")
        self.df = check_positive("df", df)

    def __repr__(self) -> str:
        return f"StudentT({self.df:g}, scale={self.scale!r})"

    @classmethod
    def examples(cls) -> list[tuple[Self, int]]:
        """A known and a learned scale; with 1.8 degrees of freedom no variance."""
        learned = cls(4.0, "learned", (-0.3, 0.8))
        return [(cls(1.8, 0.5), 1), (cls(4.0, 0.7), 1), (learned, 1)]

    def in_scipy(self, F: Array, v: Array) -> tuple[Any, ...]:
        """t(df, f, s)."""
        return "t", self.df, F, np.exp(self.log_scale(v))

    def kernel(
        self, F: FloatArray, y: Array, t: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """E36 at these degrees of freedom."""
        return student_t_nll(F, y, t, self.df)

    def variance(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """Var[y | F] = s² df / (df - 2), infinite up to df = 2."""
        factor = self.df / (self.df - 2.0) if self.df > 2 else np.inf
        variance = (factor * np.exp(2.0 * self.log_scale(v))).astype(F.dtype)
        return np.broadcast_to(variance, F.shape)

    def sample(self, F: FloatArray, v: FloatArray, uniform: FloatArray) -> FloatArray:
        """A draw of y for each uniform number."""
        noise = np.exp(self.log_scale(v)) * stdtrit(self.df, uniform)
        return F + noise.astype(F.dtype, copy=False)


def _student_t_constant(df):
    """log Gamma(x) - log Gamma(x + 1/2) + log(2 x pi)/2 at x = df/2.

    A difference of two log Gammas cancels for large df. Stirling's series of the
    difference holds from x = 16 on; below, Gamma(x + 1) = x Gamma(x) leads up to there.
    """
    x = df / 2
    n = max(0, math.ceil(16 - x))
    steps = [math.log1p(0.5 / (x + i)) for i in range(n)]
    z = x + n
    terms = (1 / 8, -1 / 192, 1 / 640, -17 / 14336, 31 / 18432, -691 / 180224)
    series = sum(c * (1 / z) ** (2 * i + 1) for i, c in enumerate(terms))
    return math.fsum([HALF_LOG_2PI, series, *steps, -0.5 * math.log(z / x)])
