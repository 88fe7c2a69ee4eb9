"""The Poisson likelihood: counts."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.special import gammaln, ndtri, pdtr, pdtrik

from minibnn.equations import equation
from minibnn.likelihoods.base import Likelihood, targets_of, times, total_of
from minibnn.types import Array, FloatArray
from minibnn.validation.arguments import check_all


@equation("E35")
@np.errstate(over="ignore")
def poisson_nll(F, y):
    """Count y = 0, 1, ... with log rate F.

    (E35)  nll = e^F - y F + log y!,   dnll/dF = e^F - y

    Derivation.  -log of rate^y e^-rate / y! with rate = e^F.

    Shapes.  F (...,S,B,C), y (...,B,C)  ->  nll (...,S), g_F (...,S,B,C).
    """
    y = targets_of(F, y)
    rate = np.exp(F)
    nll = rate - times(F, y) + gammaln(y + 1)
    return total_of(nll), np.subtract(rate, y, out=rate)


MANY = 1e5  # a rate from which on Cornish and Fisher are right to less than a count


class Poisson(Likelihood):
    """Counts 0, 1, 2, ... with log rate f (E35).

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> likelihood, none = mb.Poisson(), np.zeros((1, 0))
    >>> F = np.log(np.full((1, 4, 1), 3.0))  # a rate of 3 at four rows
    >>> median = likelihood.sample(F, none, np.full((1, 4, 1), 0.5))
    >>> float(median[0, 0, 0])
    3.0
    """

    label, support, canonical = "E35", "counts", True

    def __repr__(self) -> str:
        return "Poisson()"

    @classmethod
    def examples(cls) -> list[tuple[Self, int]]:
        """The one there is, and its one output: the log rate."""
        return [(cls(), 1)]

    def in_scipy(self, F: Array, v: Array) -> tuple[Any, ...]:
        """poisson(e^f)."""
        return "poisson", np.exp(F)

    def check_values(self, y: FloatArray) -> FloatArray:
        """Counts are whole and not negative."""
        good, wanted = (y >= 0) & (y == np.floor(y)), "a count 0, 1, 2, ..."
        return check_all("y", y, good, wanted, lambda: "; a measured y wants Gaussian()")

    def __call__(
        self, F: FloatArray, y: Array, v: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Negative log-likelihood and gradient for the log rates."""
        return *poisson_nll(F, y), None

    def mean(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """The rate."""
        with np.errstate(over="ignore"):
            return np.exp(F)

    def variance(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """The rate again."""
        return self.mean(F, v)

    def sample(self, F: FloatArray, v: FloatArray, uniform: FloatArray) -> FloatArray:
        """The smallest count whose cumulated probability reaches the number."""
        rate = self.mean(F, v)
        capped = np.minimum(rate, MANY)
        count = np.ceil(pdtrik(uniform, capped))
        below = np.maximum(count - 1.0, 0.0)  # pdtrik may err by a rounding upwards
        count = np.where(pdtr(below, capped) >= uniform, below, count)
        z = ndtri(uniform)  # Cornish and Fisher with the skewness: z + (z² - 1)/6 - 1/2
        spread = np.sqrt(np.minimum(rate, 1e30))  # a rate of inf stays inf
        large = np.ceil(rate + spread * z + (z * z - 4.0) / 6.0)
        return np.where(rate > MANY, large, count).astype(F.dtype)
