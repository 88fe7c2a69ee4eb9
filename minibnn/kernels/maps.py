"""Elementwise maps and their derivatives: positive scales and activations.

Every function keeps the dtype it is given and stays analytic: a complex argument
x + ih gives f(x) + ih f'(x) for tiny h, which is how the tests differentiate. Where a
formula needs a case, the case is chosen on the real part. No finite real argument
raises a NumPy warning; a result too large for its dtype is inf.
"""

import math
from collections import namedtuple

import numpy as np

from minibnn.kernels.equations import equation
from minibnn.plan.tape import short_on_tape

# Below this sigma, log softplus(rho) = rho and sigmoid/softplus = 1 to the last digit.
_TINY_SIGMA = 1e-17
_FAR_LEFT = -37.0
# log 2 and rho1 = log(e - 1), where softplus is 1: a float32, the rest of it, and what
# rounding left of that, which counts at the floats next to it
_LN2 = (0.6931471824645996, -1.904654299957768e-09, 1.667085920830552e-25)
_RHO_ONE = (0.5413248538970947, 7.158233824158563e-10, 2.253486020137732e-26)

# the logarithm of the largest float, rounded down
LOG_MAX = {np.float32: np.float32(88.72), np.float64: 709.78}

Scale = namedtuple("Scale", "forward inverse")
Activation = namedtuple("Activation", "forward slope")


def log1p(z):
    """log(1 + z) for Re z > -1, accurate in both parts (NumPy loses the real one)."""
    if z.dtype.kind != "c":
        return np.log1p(z)
    ratio = z.imag / (1 + z.real)
    out = np.empty_like(z)
    out.real = np.log1p(z.real) + 0.5 * np.log1p(ratio**2)
    out.imag = np.arctan(ratio)
    return out


def magnitude(x):
    """|x| for real x; for complex x its analytic continuation, x or -x."""
    return np.where(x.real < 0, -x, x) if x.dtype.kind == "c" else np.abs(x)


def from_point(x, point):
    """x minus a number given in three parts, to the last digit wherever they are near."""
    first, rest, last = point
    return ((x - first) - rest) - last


def largest_exp(t):
    """e^t, or the largest float: finite, so that times 0 it is 0 and over itself 1."""
    return np.exp(np.minimum(t, LOG_MAX.get(t.real.dtype.type, 709.78)))


def softplus(x):
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), which never overflows."""
    x = np.asanyarray(x)
    p = np.maximum(x, 0)  # complex numbers are ordered by their real part first
    return p + log1p(np.exp(x - p - p))  # x - p - p = -|x|


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
    middle = log1p(2 * np.expm1(np.where(near, from_point(y, _LN2), 0)))
    right = y + log1p(-np.exp(-np.where(small, 1, y)))
    return np.where(small, left, np.where(near, middle, right)).astype(dtype)[()]


def sigmoid(x):
    """1 / (1 + e^-x), accurate down to the smallest representable result."""
    e = largest_exp(np.asanyarray(x))
    return e / (1 + e)


def log_softplus(rho):
    """log softplus(rho), the log standard deviation; accurate for any finite rho."""
    return _log_sigma(np.asanyarray(rho), softplus(rho))


def softplus_log_slope(rho):
    """d log softplus(rho) / d rho = sigmoid(rho) / softplus(rho), in (0, 1]."""
    return _log_slope(softplus(rho))


def _short_log_sigma(rho, sigma):
    """log sigma, exact but for its last digits near sigma = 1; log sigma <= rho always."""
    return np.minimum(np.log(np.maximum(sigma, _TINY_SIGMA)), rho)


@short_on_tape(_short_log_sigma)
def _log_sigma(rho, sigma):
    """log sigma; as accurate near its zero and where sigma underflows as elsewhere."""
    log_sigma = np.asanyarray(np.log(np.maximum(sigma, _TINY_SIGMA)))
    far, near = rho.real < _FAR_LEFT, np.abs(rho.real - _RHO_ONE[0]) < 0.7
    if np.count_nonzero(far | near):
        # boolean indices, because np.where is slow on large arrays
        log_sigma[far] = rho[far]  # log softplus(rho) = rho - e^rho/2 + ...
        # with e^rho1 = e - 1: sigma = 1 + log(1 + (1 - 1/e)(e^(rho - rho1) - 1))
        step = np.expm1(from_point(rho[near], _RHO_ONE))
        log_sigma[near] = log1p(log1p((1 - math.exp(-1)) * step))
    return log_sigma[()]


def _log_slope(sigma):
    """sigmoid / softplus = (1 - e^-sigma) / sigma, which is 1 near sigma = 0."""
    sigma = np.maximum(sigma, _TINY_SIGMA)
    return np.expm1(-sigma) / -sigma


def _positive(sigma):
    """Return sigma as an array, or say that a standard deviation must be positive."""
    sigma = np.asanyarray(sigma)
    if not np.all(sigma.real > 0):
        raise ValueError(f"sigma must be positive, got a minimum of {sigma.real.min()}")
    return sigma


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
        return _log_slope(sigma) * _along_log_sigma(sigma, g_sigma, g_log_sigma)

    return (sigma, _log_sigma(rho, sigma)), pull


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


SCALES = {
    "softplus": Scale(softplus_scale, inverse_softplus),
    "exp": Scale(exp_scale, lambda sigma: np.log(_positive(sigma))),
    "identity": Scale(identity_scale, _positive),
}


# Activations overwrite an array that the caller owns. Their slopes are functions of
# the output, so the way back needs no memory of the input.


def tanh(Z):
    """Overwrite Z with tanh Z; the derivative is E22."""
    return np.tanh(Z, out=Z)


@equation("E22")
def tanh_slope(A, g):
    """Multiply g in place by the derivative of A = tanh Z.

    (E22)  dA/dZ = 1 - A^2

    Derivation.  With tanh = sinh / cosh the quotient rule gives
    (cosh^2 - sinh^2) / cosh^2 = 1 - tanh^2.

    Shapes.  A, g (...,)  ->  g (...,).
    """
    slope = A * A
    return np.multiply(g, np.subtract(1, slope, out=slope), out=g)


def relu(Z):
    """Overwrite Z with max(Z, 0); the derivative is E23."""
    if Z.dtype.kind == "c":  # at a real part of 0 the imaginary one must not decide
        return np.multiply(Z, Z.real > 0, out=Z)
    return np.maximum(Z, 0, out=Z)


@equation("E23")
def relu_slope(A, g):
    """Multiply g in place by the derivative of A = max(Z, 0).

    (E23)  dA/dZ = 1 where A > 0, else 0

    Derivation.  A = Z where Z > 0 and A = 0 where Z < 0, so the slopes are 1 and 0,
    and A > 0 exactly where Z > 0. At the kink Z = 0 any value between the one-sided
    slopes 0 and 1 is a subgradient; 0 is taken, as is the custom.

    Shapes.  A, g (...,)  ->  g (...,).
    """
    return np.multiply(g, A.real > 0, out=g)


def softplus_activation(Z):
    """Overwrite Z with log(1 + e^Z); the derivative is E24."""
    Z[...] = softplus(Z)
    return Z


@equation("E24")
def softplus_slope(A, g):
    """Multiply g in place by the derivative of A = softplus Z.

    (E24)  dA/dZ = 1 - e^-A

    Derivation.  A = log(1 + e^Z) gives e^-A = 1 / (1 + e^Z), and
    dA/dZ = e^Z / (1 + e^Z) = 1 - 1 / (1 + e^Z) = 1 - e^-A.

    Shapes.  A, g (...,)  ->  g (...,).
    """
    slope = np.expm1(-A)
    return np.multiply(g, np.negative(slope, out=slope), out=g)


def identity(Z):
    """Leave Z as it is: a linear layer."""
    return Z


def identity_slope(A, g):
    """Leave g as it is: the derivative of the identity is 1."""
    return g


ACTIVATIONS = {
    "tanh": Activation(tanh, tanh_slope),
    "relu": Activation(relu, relu_slope),
    "softplus": Activation(softplus_activation, softplus_slope),
    "identity": Activation(identity, identity_slope),
}
