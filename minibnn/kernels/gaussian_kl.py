"""Kullback-Leibler divergence, density and entropy of univariate Gaussians.

Elementwise over any shape, one value per weight; sums are the caller's. The naive
forms lose every digit where a posterior is close to its prior or far from it; these
keep all but the last few, and the KL is never negative.
"""

import functools
import math

import numpy as np

from minibnn.kernels.equations import equation
from minibnn.kernels.maps import magnitude
from minibnn.plan.tape import recording, short_on_tape

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
# 1/(2k + 1), highest k first: z^2 <= 1/9 gains 3 bits a term, of a mantissa of 24 or 53
_SERIES = {n: [1 / (2 * k + 1) for k in range(n // 3, 0, -1)] for n in (24, 53)}
_BLOCK = 16384  # numbers a piece: temporaries stay in cache, 4 times quicker


def in_blocks(kernel):
    """Make an elementwise kernel walk large arrays in pieces of their last axis."""

    @functools.wraps(kernel)
    def walk(*args):
        shape = np.shape(args[0])
        if not shape or shape[-1] <= _BLOCK or recording():
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


def _short_gaussian_kl(m, s, log_s, m0, s0):
    """E41 as it stands: few passes, and a small absolute error of value and slope."""
    a, ratio = (m - m0) / s0, s / s0
    slope = ratio * ratio - 1  # r - 1
    value = 0.5 * a * a + (0.5 * slope - (log_s - np.log(s0)))
    return value, a / s0, slope


@equation("E41")
@in_blocks
@short_on_tape(_short_gaussian_kl, only=np.float32)
def gaussian_kl(m, s, log_s, m0, s0):
    """Kullback-Leibler divergence KL(N(m, s^2) || N(m0, s0^2)) of each weight.

    (E41)  KL = ((m - m0)/s0)^2 / 2 + (r - 1 - log r) / 2,   r = (s/s0)^2
           dKL/dm = (m - m0)/s0^2,   dKL/dlog s = r - 1

    Derivation.  log q(w) - log p(w) = log(s0/s) - (w - m)^2/(2 s^2) +
    (w - m0)^2/(2 s0^2). Under q, E(w - m)^2 = s^2 and E(w - m0)^2 = s^2 + (m - m0)^2;
    inserting both gives E41. In m only the first term varies; in log s,
    dr/dlog s = 2r and d(log r)/dlog s = 2, so the slope is r - 1. Through a raw scale:
    dKL/drho = (r - 1) d(log s)/drho. With e = (s - s0)/s0, r = (1 + e)^2: the slope is
    e (s + s0)/s0 and the second term e^2/2 + (e - log(1 + e)), two parts >= 0; only the
    bracket cancels, see `_log_gap`.

    Shapes.  m, s, log_s (...,), m0, s0 broadcast  ->  value, g_m, g_log_s (...,).
    log_s is asked for because s underflows to 0 long before log s is large. Values
    beyond the largest float are inf; complex arguments need |m - m0|, s < 1e150 s0.
    """
    m0, s0 = constant_like(m, m0), constant_like(m, s0)
    size = magnitude(np.asanyarray(s))
    with np.errstate(over="ignore"):
        a = (m - m0) / s0
        e = (size - s0) / s0
        spread = 0.5 * e * e + _log_gap(e, size, log_s, s0)
        return 0.5 * a * a + spread, a / s0, e * ((size + s0) / s0)


def _short_log_gap(e, s, log_s, s0):
    """The same with a small absolute error, which is all that a sum over weights shows."""
    return e - (log_s - np.log(s0))


@short_on_tape(_short_log_gap)
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


@equation("E42")
def gaussian_log_density(w, m0, s0):
    """Log density of N(m0, s0^2) at each weight.

    (E42)  log p(w) = -((w - m0)/s0)^2 / 2 - log s0 - log(2 pi)/2
           dlog p/dw = -(w - m0)/s0^2

    Derivation.  The logarithm of exp(-z^2/2) / (s0 sqrt(2 pi)) with z = (w - m0)/s0;
    dlog p/dw = -z dz/dw = -z/s0.

    Shapes.  w (...,), m0, s0 broadcast  ->  value, g_w (...,).
    """
    m0, s0 = constant_like(w, m0), constant_like(w, s0)
    z = (w - m0) / s0
    with np.errstate(over="ignore"):
        return -0.5 * z * z - np.log(s0) - HALF_LOG_2PI, -z / s0


@equation("E43")
def neg_entropy(log_s):
    """Negative differential entropy E_q[log q] of N(m, s^2), each weight.

    (E43)  -H = -log s - log(2 pi e)/2,   d(-H)/dlog s = -1

    Derivation.  E log q = -E(w - m)^2/(2 s^2) - log s - log(2 pi)/2 with
    E(w - m)^2 = s^2. Shifting a density does not change its entropy: no m.

    Shapes.  log_s (...,)  ->  value, g_log_s (...,).
    """
    return -log_s - (HALF_LOG_2PI + 0.5), -np.ones_like(log_s)


def constant_like(reference, constant):
    """A real constant in the real dtype of the reference, so that float32 stays so."""
    return np.asanyarray(constant, dtype=np.asanyarray(reference).real.dtype)
