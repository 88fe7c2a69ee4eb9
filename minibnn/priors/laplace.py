"""The Laplace prior: its density, and its KL in closed form."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from scipy.special import erf

from minibnn.equations import equation
from minibnn.numerics import HALF_LOG_2PI, constant_like, in_blocks, magnitude
from minibnn.priors.base import Prior
from minibnn.types import ArrayLike, FloatArray
from minibnn.validation.arguments import as_float_array, check_all, check_not_empty
from minibnn.validation.own import kept


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


class LaplacePrior(Prior):
    """Independent Laplace densities e^(-|w|/b) / (2b): the prior behind the L1 penalty.

    Its KL from a Gaussian is closed (E46).

    Parameters
    ----------
    b : float or array (P,)
        Mean of |w|, > 0; the standard deviation is b √2.

    Raises
    ------
    ValueError, TypeError
        If b is not positive or not finite.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> prior = mb.LaplacePrior(0.5)
    >>> value, slope = prior.log_prob(np.array([-0.01, 3.0]))
    >>> slope  # the same pull to 0 from near and far
    array([ 2., -2.])
    """

    b: FloatArray
    has_closed_kl, is_gaussian = True, False
    labels = (("kl", "E46"), ("log_prob", "E47"))

    def __init__(self, b: ArrayLike = 1.0) -> None:
        b = as_float_array("b", b, ndim=(0, 1), dtype=np.float64)
        check_not_empty("b", b)
        self.b = kept(check_all("b", b, b > 0, "a scale > 0"))

    def __repr__(self) -> str:
        return (
            f"LaplacePrior({f'{self.b:g}' if self.b.ndim == 0 else f'<{len(self.b)}>'})"
        )

    @property
    def length(self) -> int | None:
        """Number of weights it is made for, or None if one number serves all."""
        return len(self.b) if self.b.ndim else None

    def kl(
        self, m: FloatArray, s: FloatArray, log_s: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """KL(N(m, s²) || prior) per weight, with gradients for m and log s (E46)."""
        return laplace_kl(m, s, log_s, self.b)

    def log_prob(self, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log density summed over weights, and its gradient (E47)."""
        value, gradient = laplace_log_density(w, self.b)
        return value.sum(-1), gradient

    def mean_and_sd(self, n_weights: int) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of each weight, (P,)."""
        return np.zeros(n_weights), np.broadcast_to(math.sqrt(2) * self.b, n_weights)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Weights (..., P) of this shape from the prior."""
        return rng.laplace(0.0, self.b, shape)

    @classmethod
    def examples(cls, n_weights: int) -> list[Self]:
        """One number for all weights, and one per weight."""
        return [cls(0.6), cls(0.8 + 0.5 * np.sin(np.arange(n_weights)))]
