"""Positive scales: the standard deviation of a weight from an unbounded number."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable

import numpy as np

from minibnn.equations import equation
from minibnn.families.base import Family
from minibnn.families.normal import Normal
from minibnn.model import Model
from minibnn.numerics import (
    LN2,
    from_point,
    log1p,
    log_sigma,
    log_slope,
    magnitude,
    softplus,
)
from minibnn.types import Array, ArrayLike, FloatArray, Params, Rng
from minibnn.validation.arguments import (
    as_rng,
    check_all,
    check_choice,
    check_positive,
    check_protocol,
)

Scale = namedtuple("Scale", "forward inverse")


@equation("E11")
def softplus_scale(rho):
    """Standard deviation sigma = softplus(rho), positive for every rho.

    (E11)  sigma = log(1 + e^rho),   g_rho = r (sigma g_sigma + g_logsigma),
           r = sigmoid(rho) / sigma

    Derivation.  d sigma/d rho = e^rho / (1 + e^rho) = sigmoid(rho), and
    e^-sigma = 1 / (1 + e^rho) gives sigmoid(rho) = 1 - e^-sigma. Therefore
    d log sigma/d rho = sigmoid(rho) / sigma = (1 - e^-sigma) / sigma = r, and
    d sigma/d rho = r sigma. The data term depends on sigma, the KL on log sigma; the
    sum of both paths is g_rho. As rho -> -inf, r -> 1: every factor stays finite
    even where sigma underflows to 0.

    Shapes.  rho (...,)  ->  (sigma, log_sigma) (...,), pull(g_sigma, g_log_sigma);
    either cotangent may be None, meaning zero.
    """
    rho = np.asanyarray(rho)
    sigma = softplus(rho)

    def pull(g_sigma, g_log_sigma):
        return log_slope(sigma) * _along_log_sigma(sigma, g_sigma, g_log_sigma)

    return (sigma, log_sigma(rho, sigma)), pull


@equation("E12")
def exp_scale(rho):
    """Standard deviation sigma = e^rho: rho is the log standard deviation itself.

    (E12)  sigma = e^rho,   g_rho = sigma g_sigma + g_logsigma

    Derivation.  log sigma = rho, so d log sigma/d rho = 1 and d sigma/d rho = e^rho =
    sigma; the chain rule adds the path through sigma and the one through log sigma.

    Shapes.  rho (...,)  ->  (sigma, log_sigma) (...,), pull as in E11.
    """
    rho = np.asanyarray(rho)
    with np.errstate(over="ignore"):
        sigma = np.exp(rho)
    return (sigma, rho), lambda g_sigma, g_log_sigma: _along_log_sigma(
        sigma, g_sigma, g_log_sigma
    )


@equation("E13")
def identity_scale(rho):
    """Standard deviation sigma = rho, the literal update of sigma.

    (E13)  sigma = rho,   g_rho = g_sigma + g_logsigma / rho

    Derivation.  d sigma/d rho = 1 and log sigma = log |rho| = log(rho^2) / 2, so
    d log sigma/d rho = 1 / rho for either sign. A step may carry rho below 0; the
    weight mu + rho eps then has the same distribution as with |rho|, because eps is
    symmetric, hence the modulus. At rho = 0 the KL is infinite: ValueError.

    Shapes.  rho (...,)  ->  (sigma, log_sigma) (...,), pull as in E11.
    """
    rho = np.asanyarray(rho)
    if not np.all(rho.real):
        raise ValueError("with scale='identity' rho is sigma and must not be 0")

    def pull(g_sigma, g_log_sigma):
        g_sigma = 0 if g_sigma is None else g_sigma
        return g_sigma + (0 if g_log_sigma is None else g_log_sigma) / rho

    return (rho, np.log(magnitude(rho))), pull


def _along_log_sigma(sigma, g_sigma, g_log_sigma):
    """sigma g_sigma + g_log_sigma, where None is zero."""
    if g_sigma is None:
        return np.zeros_like(sigma) if g_log_sigma is None else g_log_sigma
    return sigma * g_sigma if g_log_sigma is None else sigma * g_sigma + g_log_sigma


def _positive(sigma):
    """Return sigma as an array, or say that a standard deviation must be positive."""
    sigma = np.asanyarray(sigma)
    if not np.all(sigma.real > 0):
        raise ValueError(f"sigma must be positive, got a minimum of {sigma.real.min()}")
    return sigma


def inverse_softplus(y):
    """The x with softplus(x) = y, for y > 0: log(e^y - 1) without overflow.

    Near the zero at y = log 2, e^y - 1 = 1 + 2 (e^(y - log 2) - 1) keeps all digits.
    Three roundings in a row would cost two units in the last place; the widest float
    of the machine hides them.
    """
    dtype = _positive(y).dtype
    y = np.asanyarray(y).astype(np.result_type(dtype, np.longdouble))
    small, near = y.real < 0.4, np.abs(y.real - 0.7) <= 0.3
    left = np.log(np.expm1(np.where(small, y, 1)))
    middle = log1p(2 * np.expm1(np.where(near, from_point(y, LN2), 0)))
    right = y + log1p(-np.exp(-np.where(small, 1, y)))
    return np.where(small, left, np.where(near, middle, right)).astype(dtype)[()]


SCALES = {
    "softplus": Scale(softplus_scale, inverse_softplus),
    "exp": Scale(exp_scale, lambda sigma: np.log(_positive(sigma))),
    "identity": Scale(identity_scale, _positive),
}


class ScaledFamily(Family):
    """What families with a mean mu and a raw scale rho share: sigma = scale(rho)."""

    def __init__(self, scale: str = "softplus", sigma: float = 0.05) -> None:
        self.scale = check_choice("scale", scale, sorted(SCALES))
        self.sigma = check_positive("sigma", sigma)
        self.literal = scale == "identity"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(scale={self.scale!r}, sigma={self.sigma:g})"

    def start(self, model: Model, rng: Rng) -> Params:
        """Step 1 of the algorithm: means like a new network's, all sigmas equal.

        Parameters
        ----------
        model : Model
        rng : int, SeedSequence, Generator or None

        Returns
        -------
        {"mu": (P,), "rho": (P,)}
        """
        mu = check_protocol("model", model, "log_joint").initial_weights(as_rng(rng))
        return {"mu": mu, "rho": np.full_like(mu, self.raw(self.sigma))}

    def raw(self, sigma: ArrayLike) -> Array:
        """The rho of a sigma.

        Parameters
        ----------
        sigma : float or array, > 0

        Raises
        ------
        ValueError
            Where sigma is not positive.
        """
        return SCALES[self.scale].inverse(sigma)

    def spread(
        self, mu: FloatArray, rho: FloatArray
    ) -> tuple[Normal, Callable[[Normal], Params]]:
        """q of independent weights, and the way back.

        Parameters
        ----------
        mu, rho : arrays (..., P)

        Returns
        -------
        q : Normal
        pull : function
            Cotangent of q -> {"mu": (..., P), "rho": (..., P)}.
        """
        (sigma, log_sigma), pull_scale = SCALES[self.scale].forward(rho)

        def pull(c):
            return {"mu": c.mean, "rho": pull_scale(c.sigma, c.log_sigma)}

        return Normal(mu, sigma, log_sigma), pull

    def check_params(self, params: Params) -> None:
        """Raise ValueError naming the first sigma outside (0, inf), if there is one."""
        if self.literal:
            rho = params["rho"]
            check_all("params['rho'] (sigma itself)", rho, rho.real > 0, "> 0")

    def keep_valid(self, params: Params, clip: float | None = None) -> None:
        """After a step: lift sigma to ``clip`` if asked; raise if one left (0, inf)."""
        if self.literal:
            if clip is not None:
                np.maximum(params["rho"], clip, out=params["rho"])
            self.check_params(params)
