"""Densities and divergences of priors: slope, value, range, large arrays."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats
from support.elementwise import checks_of

from minibnn.families.mean_field import neg_entropy
from minibnn.priors.gaussian import gaussian_log_density
from minibnn.priors.gaussian_kl import gaussian_kl
from minibnn.priors.laplace import laplace_kl, laplace_log_density
from minibnn.priors.scale_mixture import scale_mixture_log_density

N = 24
RNG = np.random.default_rng(7)
M, LOG_S, M0 = RNG.normal(size=(3, N))
S0 = RNG.uniform(0.3, 2.0, N)
LOG_S[:8] = np.log(S0[:8]) + 0.3 * RNG.normal(size=8)  # some in the series of E41
HUGE = np.array([-1e160, -1e100, 0.0, 1e100, 1e160])
WIDE = np.array([1e-300, 1e-160, 1.0, 1e160, 1e300])


def with_scale(kernel, *constants):
    """A KL as a function of m and log s."""
    return lambda m, log_s: kernel(m, np.exp(log_s), log_s, *constants)


KERNELS = {  # name -> (function of arrays (N,) -> value, a gradient each), the arrays
    "E41": (with_scale(gaussian_kl, M0, S0), [M, LOG_S]),
    "E42": (lambda w: gaussian_log_density(w, M0, S0), [M]),
    "E43": (neg_entropy, [LOG_S]),
    "E45": (lambda w: scale_mixture_log_density(w, 0.3, 0.2, 1.4), [M]),
    "E46": (with_scale(laplace_kl, S0), [M, LOG_S]),
    "E47": (lambda w: laplace_log_density(w, S0), [M]),
}


def mixture_density(w):
    return np.log(0.3 * stats.norm.pdf(w, 0, 0.2) + 0.7 * stats.norm.pdf(w, 0, 1.4))


def kl_by_quadrature(log_prior):
    """The divergence as an integral over w, one weight at a time."""

    def divergence(m, log_s):
        return [one(i, m[i], np.exp(log_s[i])) for i in range(N)]

    def one(i, m, s):
        def gap(w):
            log_q = stats.norm.logpdf(w, m, s)
            return np.exp(log_q) * (log_q - log_prior(w, i))

        ends = sorted([m - 12 * s, min(max(0.0, m - 12 * s), m + 12 * s), m + 12 * s])
        # the Laplace prior has a kink at 0
        return sum(
            integrate.quad(gap, a, b, epsabs=1e-12)[0] for a, b in pairwise(ends)
        )

    return divergence


VALUES = {  # the same quantity from somewhere else
    "E41": kl_by_quadrature(lambda w, i: stats.norm.logpdf(w, M0[i], S0[i])),
    "E42": lambda w: stats.norm.logpdf(w, M0, S0),
    "E43": lambda log_s: -stats.norm.entropy(0, np.exp(log_s)),
    "E45": mixture_density,
    "E46": kl_by_quadrature(lambda w, i: stats.laplace.logpdf(w, 0, S0[i])),
    "E47": lambda w: stats.laplace.logpdf(w, 0, S0),
}

test_slope_and_float32, test_value_against_an_independent_source = checks_of(
    KERNELS, VALUES
)


@pytest.mark.parametrize("kernel", [gaussian_kl, laplace_kl])
def test_large_arrays_in_pieces(kernel):
    """Pieces of the last axis give what each weight gives alone."""
    rng = np.random.default_rng(4)
    m, log_s = rng.normal(size=(2, 2, 40001))
    s0 = rng.uniform(0.3, 2.0, 40001)
    prior = (0.3, s0) if kernel is gaussian_kl else (s0,)
    whole = kernel(m, np.exp(log_s), log_s, *prior)
    some = np.r_[0:5, 16380:16390, 39990:40001]
    s = np.exp(log_s)[:, some]
    alone = kernel(
        m[:, some], s, log_s[:, some], *(np.r_[p] for p in prior[:-1]), s0[some]
    )
    for a, b in zip(whole, alone, strict=True):
        np.testing.assert_allclose(a[:, some], b, rtol=1e-14)


FINITE = {  # every output stays finite
    "laplace": lambda: laplace_kl(HUGE, np.exp(HUGE / 1e160), HUGE / 1e160, 0.5),
    "laplace density": lambda: laplace_log_density(HUGE, 0.5),
}


OVERFLOWING = {  # too large a value is inf, never NaN
    "gaussian_kl": lambda: gaussian_kl(HUGE, WIDE, np.log(WIDE), 0.0, WIDE[::-1]),
    "scale mixture": lambda: scale_mixture_log_density(HUGE, 0.5, 0.1, 2.0),
}


@pytest.mark.parametrize("name", FINITE)
def test_finite_at_the_ends_of_the_range(name):
    assert all(np.all(np.isfinite(out)) for out in FINITE[name]())


@pytest.mark.parametrize("name", OVERFLOWING)
def test_overflow_is_infinity_and_never_nan(name):
    outputs = OVERFLOWING[name]()
    assert not any(np.any(np.isnan(out)) for out in outputs)
    assert any(np.any(np.isinf(out)) for out in outputs)


def test_single_number_gives_single_number():
    assert np.ndim(gaussian_kl(0.1, 0.2, np.log(0.2), 0.0, 1.0)[0]) == 0
