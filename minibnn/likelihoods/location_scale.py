"""Location and scale: what Gaussian and Student-t observations share."""

from __future__ import annotations

from typing import Any

import numpy as np

from minibnn.equations import equation
from minibnn.likelihoods.base import Likelihood
from minibnn.priors.gaussian import GaussianPrior
from minibnn.types import Array, FloatArray
from minibnn.validation.arguments import check_number, check_positive
from minibnn.validation.describe import describe
from minibnn.validation.own import kept


@equation("E38")
def location_scale_information(df):
    """What one observation tells of its location F and of its log scale t.

    (E38)  E[∂²nll/∂F²] = e^-2t (1 + 1/df)/(1 + 3/df),   E[∂²nll/∂F∂t] = 0,
           E[∂²nll/∂t²] = 2/(1 + 3/df);   normal noise is df = inf: e^-2t, 0 and 2

    Derivation.  The mean of a second derivative over y ~ p(y | F, t) is the mean product
    of first derivatives, those of E36. With a from there u = a^2/(1 + a^2) has the
    Beta(1/2, df/2) distribution: mean 1/(df + 1), E[u(1 - u)] = df/((df + 1)(df + 3)),
    variance 2 df/((df + 1)^2 (df + 3)). Now dnll/dt = 1 - (df + 1) u, and the square of
    dnll/dF is (df + 1)^2/df e^-2t u(1 - u). dnll/dF is odd in y - F and dnll/dt even, so
    their product averages to 0.

    Shapes.  df a number > 0 or inf  ->  (e^2t times the first, the last), two floats.
    """
    return (1 + 1 / df) / (1 + 3 / df), 2 / (1 + 3 / df)


class LocationScale(Likelihood):
    """Outputs are locations; one scale s for all, known or learned as t = log s."""

    location_scale = True
    argument_kinds: tuple[str, ...] = ("scale", "pair")
    own_prior: GaussianPrior | Any = None

    def __init__(
        self,
        scale: float | str = 1.0,
        log_scale_prior: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self.learned = isinstance(scale, str) and scale == "learned"
        if isinstance(scale, str) and not self.learned:
            raise ValueError(f'scale must be a number > 0 or "learned", got {scale!r}')
        self.scale = scale if self.learned else check_positive("scale", scale)
        self.n_weights = int(self.learned)
        self.log_scale_prior = kept(log_scale_prior)
        if self.learned:
            self.own_prior = log_scale_prior_of(self.log_scale_prior)

    def kernel(
        self, F: FloatArray, y: Array, t: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The formula: nll (..., S) and its elementwise slopes in F and in t = log s.

        Parameters
        ----------
        F, y : arrays
            As in ``__call__``.
        t : array
            Broadcasts to F.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}(scale={self.scale!r})"

    def initial_weights(self) -> FloatArray:
        """log s starts at its prior mean."""
        return np.broadcast_to(self.own_prior.mean, 1) if self.learned else np.zeros(0)

    def log_scale(self, v: FloatArray) -> FloatArray:
        """log s with axes for rows and outputs."""
        return v[..., None] if self.learned else np.log(self.scale)

    def __call__(
        self, F: FloatArray, y: Array, v: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Negative log-likelihood, gradients for F and for log s."""
        nll, g_F, g_t = self.kernel(F, y, self.log_scale(v))
        return nll, g_F, g_t.sum((-1, -2))[..., None] if self.learned else None

    def mean(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """The location of y."""
        return F

    def hessian_root(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """I/s times the root of E38: where the Hessian depends on y, its mean over y.

        Parameters
        ----------
        F : array (..., C)
        v : array (1,), or (0,) for a known scale
        """
        scale = np.exp(v[0]) if self.learned else self.scale
        of_outputs, _ = location_scale_information(self.df)
        T = np.sqrt(of_outputs) * np.eye(F.shape[-1]) / scale
        return np.broadcast_to(T, F.shape + F.shape[-1:])

    @property
    def own_information(self) -> float:
        """What an observation tells of log s (E38); no information shared with F."""
        return location_scale_information(self.df)[1]


def log_scale_prior_of(value: Any) -> GaussianPrior:
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != 2:
        raise ValueError(
            f"log_scale_prior must be (mean, sd) of log s, got {describe(value)}"
        )
    mean, sd = value
    mean = check_number("log_scale_prior[0]", mean)
    return GaussianPrior(mean, check_positive("log_scale_prior[1]", sd))
