"""Elementwise functions that keep every digit, and two decorators; no Bayes in here.

A formula is written with these and stands as in a book. An ``overloadable`` one asks
its arguments first, as NumPy's own functions do: an array type of another kind may
answer in its own way.

Every function keeps the dtype it is given and stays analytic: a complex argument
x + ih gives f(x) + ih f'(x) for tiny h, which is how the tests differentiate. Where a
formula needs a case, the case is chosen on the real part. No finite real argument
raises a NumPy warning; a result too large for its dtype is inf.
"""

import functools
import math

import numpy as np

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
# 1/(2k + 1), highest k first: z^2 <= 1/9 gains 3 bits a term, of a mantissa of 24 or 53
_SERIES = {n: [1 / (2 * k + 1) for k in range(n // 3, 0, -1)] for n in (24, 53)}
_BLOCK = 16384  # numbers a piece: temporaries stay in cache, 4 times quicker
# Below this sigma, log softplus(rho) = rho and sigmoid/softplus = 1 to the last digit.
TINY_SIGMA = 1e-17
_FAR_LEFT = -37.0
# log 2 and rho1 = log(e - 1), where softplus is 1: a float32, the rest of it, and what
# rounding left of that, which counts at the floats next to it
LN2 = (0.6931471824645996, -1.904654299957768e-09, 1.667085920830552e-25)
_RHO_ONE = (0.5413248538970947, 7.158233824158563e-10, 2.253486020137732e-26)
_TAIL, _TERMS = -3.0, 60  # left of it the moments of E67 come from so many ratios
# the logarithm of the largest float, rounded down
LOG_MAX = {np.float32: np.float32(88.72), np.float64: 709.78}


def overloadable(function):
    """Let the arrays it is given answer for a function, where they know better (NEP 18)."""

    @functools.wraps(function)
    def call(*args):
        for a in args:
            answer = getattr(type(a), "__array_function__", None)
            if answer is not None and answer is not np.ndarray.__array_function__:
                return answer(a, call, (type(a),), args, {})
        return function(*args)

    return call


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


def sigmoid(x):
    """1 / (1 + e^-x), accurate down to the smallest representable result."""
    e = largest_exp(np.asanyarray(x))
    return e / (1 + e)


@overloadable
def log_sigma(rho, sigma):
    """log softplus(rho) where sigma = softplus(rho) is at hand.

    As accurate near its zero and where sigma underflows as elsewhere.
    """
    out = np.asanyarray(np.log(np.maximum(sigma, TINY_SIGMA)))
    far, near = rho.real < _FAR_LEFT, np.abs(rho.real - _RHO_ONE[0]) < 0.7
    if np.count_nonzero(far | near):
        # boolean indices, because np.where is slow on large arrays
        out[far] = rho[far]  # log softplus(rho) = rho - e^rho/2 + ...
        # with e^rho1 = e - 1: sigma = 1 + log(1 + (1 - 1/e)(e^(rho - rho1) - 1))
        step = np.expm1(from_point(rho[near], _RHO_ONE))
        out[near] = log1p(log1p((1 - math.exp(-1)) * step))
    return out[()]


def log_slope(sigma):
    """sigmoid / softplus = (1 - e^-sigma) / sigma, which is 1 near sigma = 0."""
    sigma = np.maximum(sigma, TINY_SIGMA)
    return np.expm1(-sigma) / -sigma


@overloadable
def scale_divergence(s, log_s, s0):
    """(r - 1 - log r)/2 and r - 1 for r = (s/s0)^2, both with small relative error.

    With e = (s - s0)/s0, r = (1 + e)^2: the second is e (s + s0)/s0 and the first
    e^2/2 + (e - log(1 + e)), two parts >= 0; only the bracket cancels, see `_log_gap`.
    Both are even in s.
    """
    s = magnitude(s)
    e = (s - s0) / s0
    return 0.5 * e * e + _log_gap(e, s, log_s, s0), e * ((s + s0) / s0)


def _log_gap(e, s, log_s, s0):
    """e - log(1 + e) at e = s/s0 - 1, with small relative error for every s and s0.

    Between s0/2 and 2 s0 the difference would cancel. There put z = e/(2 + e): then
    log(1 + e) = 2 artanh z = 2z (1 + z^2/3 + z^4/5 + ...) and e - 2z = z e, so the gap
    is z (e - 2 (z^2/3 + z^4/5 + ...)), whose second part is small.
    """
    gap = np.asanyarray(e - _log_ratio(s, log_s, s0))
    band = (e.real > -0.5) & (e.real < 1)
    if np.count_nonzero(band):
        e = np.asanyarray(e)[band]
        z = e / (2 + e)
        zz, tail = z * z, np.zeros_like(z)
        for coefficient in _SERIES[np.finfo(z.dtype).nmant + 1]:
            tail += coefficient
            tail *= zz
        gap[band] = z * (e - 2 * tail)
    return gap[()]


def _log_ratio(s, log_s, s0):
    """log(s/s0); from the logarithms where the quotient is no normal float."""
    ratio = s / s0
    limits = np.finfo(ratio.dtype)
    outside = (ratio.real < limits.tiny) | (ratio.real > limits.max)
    if not np.count_nonzero(outside):
        return np.log(ratio)
    return np.where(outside, log_s - np.log(s0), np.log(np.where(outside, 1, ratio)))


def in_blocks(kernel):
    """Make an elementwise kernel walk large arrays in pieces of their last axis."""

    @functools.wraps(kernel)
    def walk(*args):
        shape = np.shape(args[0])
        if not shape or shape[-1] <= _BLOCK or type(args[0]) is not np.ndarray:
            return kernel(*args)
        args, outputs = [np.asanyarray(a) for a in args], None
        for start in range(0, shape[-1], _BLOCK):
            cut = (..., slice(start, start + _BLOCK))
            piece = kernel(*(a[cut] if a.shape[-1:] == shape[-1:] else a for a in args))
            outputs = outputs or [np.empty(shape, a.dtype) for a in piece]
            for whole, part in zip(outputs, piece, strict=True):
                whole[cut] = part
        return tuple(outputs)

    return walk


def constant_like(reference, constant):
    """A real constant in the real dtype of the reference, so that float32 stays so."""
    return np.asanyarray(constant, dtype=np.asanyarray(reference).real.dtype)


@overloadable
def log_one_plus(one_plus, e):
    """log(1 + e), also of a small e; whoever may be shorter finds 1 + e at hand."""
    return log1p(e)


def difference(a, b):
    """a - b and its rounding error (Knuth), for exponents whose last digit matters."""
    d = a - b
    v = d - a
    return d, (a - (d - v)) - (b + v)


def tail_integrals(u):
    """J_0, J_1, J_2 of E67 for u >= 3, by their ratios r_n = J_n / J_(n-1), last first."""
    r = 1.0 / (u + math.sqrt(_TERMS))
    for n in range(_TERMS, 2, -1):
        r = 1.0 / (u + n * r)
    r2 = r
    r1 = 1.0 / (u + 2.0 * r2)
    J0 = 1.0 / (u + r1)
    return J0, r1 * J0, r2 * r1 * J0


def rectified_near(m, s, x, above, below, bell):
    """E and Var/v of E67; to the left of _TAIL the digits that cancel are missing."""
    mean = m * above + s * bell
    shape = above + x * (x * above * below + bell * (below - above)) - bell * bell
    return np.maximum(mean, 0), np.maximum(shape, 0)


@overloadable
def rectified(m, s, x, above, below, bell):
    """The same to the last digits: both are > 0 wherever the density at 0 is."""
    mean, shape = rectified_near(m, s, x, above, below, bell)
    far = x.real < _TAIL
    if not np.any(far):
        return mean, shape
    _, J1, J2 = tail_integrals(np.where(far, -x, -_TAIL))
    shape = np.where(far, bell * (2.0 * J2 - bell * J1 * J1), shape)
    return np.where(far, s * bell * J1, mean), shape
