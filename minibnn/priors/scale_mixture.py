"""The scale mixture prior: a spike and a slab."""

from __future__ import annotations

import math
from typing import Self

import numpy as np

from minibnn.equations import equation
from minibnn.numerics import HALF_LOG_2PI, in_blocks, sigmoid, softplus
from minibnn.priors.base import Prior
from minibnn.types import FloatArray
from minibnn.validation.arguments import check_fraction, check_number


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


SCALES = (1e-100, 1e100)  # squares of scales, and of their quotient, are floats


class ScaleMixturePrior(Prior):
    """pi N(0, s1²) + (1 - pi) N(0, s2²) for every weight: a spike and a slab (E45).

    Its KL has no closed form, so it is sampled with the weights.

    Parameters
    ----------
    pi : float in (0, 1)
        Share of the first component.
    s1, s2 : float
        The two standard deviations, between 1e-100 and 1e100.

    Raises
    ------
    ValueError, TypeError
        Naming the argument outside its range.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> prior = mb.ScaleMixturePrior(0.3, 1.0, 0.0025)
    >>> w = prior.draw((1000,), np.random.default_rng(0))
    >>> round(float(np.mean(np.abs(w) < 0.01)), 1)  # the spike
    0.7
    """

    labels = (("log_prob", "E45"),)

    def __init__(self, pi: float = 0.5, s1: float = 1.0, s2: float = 0.0025) -> None:
        self.s1 = check_number("s1", s1, *SCALES)
        self.s2 = check_number("s2", s2, *SCALES)
        self.pi = check_fraction("pi", pi)
        if self.pi in (0.0, 1.0):
            only = self.s1 if self.pi else self.s2
            raise ValueError(
                f"pi must be a number > 0 and < 1, got {self.pi}: one component alone "
                f"is GaussianPrior(0.0, {only:g})"
            )

    def __repr__(self) -> str:
        return f"ScaleMixturePrior({self.pi:g}, {self.s1:g}, {self.s2:g})"

    def log_prob(self, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log density summed over weights, and its gradient (E45)."""
        value, gradient = scale_mixture_log_density(w, self.pi, self.s1, self.s2)
        return value.sum(-1), gradient

    def mean_and_sd(self, n_weights: int) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of each weight, (P,)."""
        a, b = math.sqrt(self.pi) * self.s1, math.sqrt(1 - self.pi) * self.s2
        return np.zeros(n_weights), np.full(n_weights, math.hypot(a, b))

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Weights (..., P) of this shape from the prior."""
        scale = np.where(rng.random(shape) < self.pi, self.s1, self.s2)
        return scale * rng.standard_normal(shape)

    @classmethod
    def examples(cls, n_weights: int) -> list[Self]:
        """Scales that differ little, so that no weight is sure of its component."""
        return [cls(0.3, 1.3, 0.4)]
