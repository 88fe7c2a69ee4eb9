"""A likelihood is not a density over parameters: the normal sample, worked out.

L(mu, sigma | x) integrates to one over data x, for every mu and sigma. Over mu and
sigma it integrates to some other number, which changes with the unit of x and with the
choice of sigma or log sigma as the parameter.
"""

from typing import Any

import numpy as np

from minibnn.equations import equation
from minibnn.numerics import HALF_LOG_2PI
from minibnn.types import ArrayLike
from minibnn.validation.arguments import (
    as_numbers,
    as_vector,
    check_bool,
    check_int,
    check_not_empty,
    check_positive,
)
from minibnn.validation.doors import door

REACH = 9.0  # standard deviations on either side; e^(-81/2) = 3e-18
POINTS = 65


@door
@equation("E93")
def normal_log_likelihood(
    x: ArrayLike, mu: ArrayLike, sigma: ArrayLike
) -> tuple[Any, tuple[Any, Any]]:
    """Log likelihood of mu and sigma given an independent normal sample.

    (E93)  log L = -n log sigma - Σ z_i²/2 - n/2 log 2π,   z_i = (x_i - mu)/sigma
           ∂/∂mu = Σ z_i / sigma,   ∂/∂sigma = (Σ z_i² - n) / sigma
    Derivation.  L = Π_i N(x_i; mu, sigma²); take logs. ∂z_i/∂mu = -1/sigma and
        ∂z_i/∂sigma = -z_i/sigma. Both slopes vanish where Σ (x_i - mu) = 0 and
        Σ (x_i - mu)² = n sigma²: at the sample mean and the 1/n standard deviation.

    Parameters
    ----------
    x : array (..., n)
    mu, sigma : float or array (...)
        In the unit of x; sigma > 0.

    Returns
    -------
    value : float or array (...)
        In nats.
    slopes : (g_mu, g_sigma), each of the same shape

    Raises
    ------
    ValueError, TypeError
        Naming the argument that does not fit.

    Examples
    --------
    >>> import minibnn as mb
    >>> value, (g_mu, g_sigma) = mb.normal_log_likelihood([1.0, 3.0], 2.0, 1.0)
    >>> float(value.round(4)), float(g_mu), float(g_sigma)  # at its maximum
    (-2.8379, 0.0, 0.0)
    """
    mu, sigma = as_numbers("mu", mu)[..., None], as_numbers("sigma", sigma)[..., None]
    if not np.all(sigma.real > 0):
        raise ValueError(f"sigma must be > 0, got a minimum of {sigma.real.min()}")
    x = check_not_empty("x", as_numbers("x", x))
    shapes = {"x": x.shape, "mu": mu.shape[:-1], "sigma": sigma.shape[:-1]}
    if not x.ndim or not _fit(x.shape, mu.shape, sigma.shape):
        raise ValueError(f"x must be (..., n), mu and sigma (...), got shapes {shapes}")
    with np.errstate(over="ignore"):  # log 0 = -inf is an answer
        z, s, n = (x - mu) / sigma, sigma[..., 0], x.shape[-1]
        squares = (z * z).sum(-1)
        value = -n * np.log(s) - 0.5 * squares - n * HALF_LOG_2PI
        return value, (z.sum(-1) / s, (squares - n) / s)


def _fit(*shapes: tuple[int, ...]) -> bool:
    """Whether arrays of these shapes broadcast together."""
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


@door
def normal_maximum(x: ArrayLike) -> tuple[float, float]:
    """Maximum-likelihood (mu, sigma): sample mean and 1/n standard deviation."""
    x = as_vector("x", x, dtype=np.float64)
    if np.ptp(x) == 0:
        raise ValueError("x must hold at least two different values: sigma would be 0")
    return float(x.mean()), float(x.std())


@door
def integral_over_data(n: int, mu: float = 0.0, sigma: float = 1.0) -> float:
    """∫ L(mu, sigma | x) dx_1 ... dx_n by the trapezoid rule: 1 for every mu, sigma.

    The integrand is a product over x_i, so the n-fold integral is the n-th power of
    one.
    """
    n, sigma = check_int("n", n), check_positive("sigma", sigma)
    t, step = np.linspace(-REACH, REACH, POINTS, retstep=True)
    one_observation = (mu + sigma * t)[:, None]
    value, _ = normal_log_likelihood(one_observation, mu, sigma)
    return float((np.exp(value).sum() * step * sigma) ** n)


@door
def integral_over_parameters(x: ArrayLike, log_sigma: bool = False) -> float:
    """∫∫ L(mu, sigma | x) dmu dsigma, or dmu d(log sigma), by the trapezoid rule.

    Parameters
    ----------
    x : array (n,)
        At least 3 observations (2 with ``log_sigma``): else the integral is infinite.
    log_sigma : bool
        Integrate over log sigma instead of sigma.

    Returns
    -------
    float
        Not 1, and in units of x^(2 - n) (x^(1 - n) with ``log_sigma``).

    Raises
    ------
    ValueError
        For too few or all-equal observations, or if the result leaves the range of a
        float.
    """
    x = as_vector("x", x, dtype=np.float64)
    log_sigma = check_bool("log_sigma", log_sigma)
    n, least = len(x), 2 if log_sigma else 3
    if n < least:
        raise ValueError(f"x must hold at least {least} observations, got {n}")
    centre, spread = normal_maximum(x)
    decay = n - least + 1  # the integrand falls like sigma^-decay in log sigma
    u = np.arange(-3.5, 42.0 / decay, 0.2 / np.sqrt(n))
    sigma = spread * np.exp(u)[:, None]
    t, dt = np.linspace(-REACH, REACH, POINTS, retstep=True)
    value, _ = normal_log_likelihood(x, centre + sigma * t / np.sqrt(n), sigma)
    # dmu = sigma dt / sqrt(n) and dsigma = sigma d(log sigma)
    value += np.log(sigma) * (1 if log_sigma else 2)
    top = value.max()
    cell = dt * (u[1] - u[0]) / np.sqrt(n)
    log_total = top + np.log(np.exp(value - top).sum() * cell)
    if abs(log_total) > 700:
        raise ValueError(f"x gives an integral of e^{log_total:.0f}, beyond a float")
    return float(np.exp(log_total))
