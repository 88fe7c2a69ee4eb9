"""Elementwise kernels: analytic, right in value, faithful to dtype and layout."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from minibnn.families.mean_field import neg_entropy
from minibnn.families.scales import (
    SCALES,
    exp_scale,
    identity_scale,
    inverse_softplus,
    softplus_scale,
)
from minibnn.nn.activations import ACTIVATIONS
from minibnn.numerics import log1p, sigmoid, softplus
from minibnn.priors.gaussian import gaussian_log_density
from minibnn.priors.gaussian_kl import gaussian_kl
from minibnn.priors.laplace import laplace_kl, laplace_log_density
from minibnn.priors.scale_mixture import scale_mixture_log_density

STEP = 1e-20
N = 24
RNG = np.random.default_rng(7)
F = 2.0 * RNG.normal(size=N)
M, LOG_S, M0 = RNG.normal(size=(3, N))
S0 = RNG.uniform(0.3, 2.0, N)
LOG_S[:8] = np.log(S0[:8]) + 0.3 * RNG.normal(size=8)  # some in the series of E41


def through_sigma(scale, rho):
    (sigma, _), pull = scale(rho)
    return sigma, pull(np.ones_like(sigma), None)


def through_log_sigma(scale, rho):
    (_, log_sigma), pull = scale(rho)
    return log_sigma, pull(None, np.ones_like(log_sigma))


def activation(name, Z):
    act = ACTIVATIONS[name]
    A = act.forward(Z.copy())
    return A, act.slope(A, np.ones_like(A))


def with_scale(kernel, *constants):
    """A KL as a function of m and log s."""
    return lambda m, log_s: kernel(m, np.exp(log_s), log_s, *constants)


KERNELS = {  # name -> (function of arrays (N,) -> value, a gradient each), the arrays
    "E11 sigma": (partial(through_sigma, softplus_scale), [4 * M]),
    "E11 log sigma": (partial(through_log_sigma, softplus_scale), [4 * M]),
    "E11 far left": (partial(through_log_sigma, softplus_scale), [40 * M - 40]),
    "E12 sigma": (partial(through_sigma, exp_scale), [M]),
    "E12 log sigma": (partial(through_log_sigma, exp_scale), [M]),
    "E13 sigma": (partial(through_sigma, identity_scale), [M]),
    "E13 log sigma": (partial(through_log_sigma, identity_scale), [M]),
    "E22": (partial(activation, "tanh"), [F]),
    "E23": (partial(activation, "relu"), [F]),
    "E24": (partial(activation, "softplus"), [F]),
    "identity": (partial(activation, "identity"), [F]),
    "E41": (with_scale(gaussian_kl, M0, S0), [M, LOG_S]),
    "E42": (lambda w: gaussian_log_density(w, M0, S0), [M]),
    "E43": (neg_entropy, [LOG_S]),
    "E45": (lambda w: scale_mixture_log_density(w, 0.3, 0.2, 1.4), [M]),
    "E46": (with_scale(laplace_kl, S0), [M, LOG_S]),
    "E47": (lambda w: laplace_log_density(w, S0), [M]),
}


@pytest.mark.parametrize("name", KERNELS)
def test_gradient_is_the_complex_step_of_the_value(name):
    f, x = KERNELS[name]
    value, *gradients = f(*x)
    assert len(gradients) == len(x)
    for i, gradient in enumerate(gradients):
        moved = [a + 1j * STEP * (i == j) for j, a in enumerate(x)]
        slope = f(*moved)[0]
        np.testing.assert_allclose(slope.imag / STEP, gradient, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(slope.real, value, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", KERNELS)
def test_float32_stays_float32(name):
    f, x = KERNELS[name]
    single = [a.astype(np.float32) for a in x]
    for short, long in zip(f(*single), f(*map(np.float64, single)), strict=True):
        assert short.dtype == np.float32
        np.testing.assert_allclose(short, long, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("f", [softplus, inverse_softplus, sigmoid])
def test_maps_are_analytic_and_keep_float32(f):
    x = np.abs(F) + 0.05 if f is inverse_softplus else 3 * F
    central = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5
    np.testing.assert_allclose(f(x + 1j * STEP).imag / STEP, central, rtol=1e-7)
    assert f(x.astype(np.float32)).dtype == np.float32


def test_log1p_of_complex_numbers():
    z = np.array([1e-18 + 1e-19j, 0.3 - 0.8j, -0.7 + 2j, 1e5 + 1e5j])
    np.testing.assert_allclose(np.expm1(log1p(z)), z, rtol=1e-14)


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
    "E11 sigma": lambda rho: np.log(1 + np.exp(rho)),
    "E11 log sigma": lambda rho: np.log(np.log(1 + np.exp(rho))),
    "E12 sigma": np.exp,
    "E13 log sigma": lambda rho: np.log(np.abs(rho)),
    "E22": np.tanh,
    "E23": lambda z: [max(a, 0) for a in z],
    "E24": lambda z: np.log(1 + np.exp(z)),
    "E41": kl_by_quadrature(lambda w, i: stats.norm.logpdf(w, M0[i], S0[i])),
    "E42": lambda w: stats.norm.logpdf(w, M0, S0),
    "E43": lambda log_s: -stats.norm.entropy(0, np.exp(log_s)),
    "E45": mixture_density,
    "E46": kl_by_quadrature(lambda w, i: stats.laplace.logpdf(w, 0, S0[i])),
    "E47": lambda w: stats.laplace.logpdf(w, 0, S0),
}


@pytest.mark.parametrize("name", VALUES)
def test_value_against_an_independent_source(name):
    f, x = KERNELS[name]
    np.testing.assert_allclose(f(*x)[0], VALUES[name](*x), rtol=1e-10, atol=1e-10)


def test_single_number_gives_single_number():
    assert [np.ndim(f(0.7)) for f in (softplus, sigmoid)] == [0, 0]
    assert inverse_softplus(0.05) == pytest.approx(np.log(np.expm1(0.05)))
    assert np.ndim(gaussian_kl(0.1, 0.2, np.log(0.2), 0.0, 1.0)[0]) == 0
    (sigma, log_sigma), pull = softplus_scale(-50.0)
    assert np.ndim(sigma) == np.ndim(log_sigma) == np.ndim(pull(1.0, 1.0)) == 0


@pytest.mark.parametrize("name", SCALES)
def test_scale_inverse_and_missing_cotangents(name):
    scale = SCALES[name]
    sigma = np.array([1e-8, 0.05, 1.0, 30.0])
    (again, log_sigma), pull = scale.forward(scale.inverse(sigma))
    np.testing.assert_allclose(again, sigma, rtol=1e-14)
    np.testing.assert_allclose(log_sigma, np.log(sigma), rtol=1e-14, atol=1e-15)
    both = pull(sigma, log_sigma)
    np.testing.assert_allclose(both, pull(sigma, None) + pull(None, log_sigma))
    assert np.array_equal(pull(None, None), np.zeros(4))


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("sigma", [0.0, -1.0])
def test_scale_inverse_refuses(name, sigma):
    with pytest.raises(ValueError, match="sigma must be positive"):
        SCALES[name].inverse(sigma)


def test_identity_scale_refuses_zero():
    with pytest.raises(ValueError, match="rho is sigma"):
        identity_scale(np.array([0.3, 0.0]))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_work_in_place_on_views(name):
    act = ACTIVATIONS[name]
    buffer = np.linspace(-2, 2, 12).reshape(3, 4)
    Z, g = buffer[:2], np.full((2, 4), 3.0)
    expected = act.forward(Z.copy())
    assert act.forward(Z) is Z
    assert act.slope(Z, g) is g
    np.testing.assert_array_equal(Z, expected)
    np.testing.assert_array_equal(buffer[2], np.linspace(-2, 2, 12)[8:])


def test_relu_takes_slope_zero_at_the_kink():
    Z = np.array([0.0, -0.0, 1.0]) + 1j * STEP
    A = ACTIVATIONS["relu"].forward(Z)
    assert np.array_equal(A.imag / STEP, [0, 0, 1])
    slope = ACTIVATIONS["relu"].slope(A.real, np.ones(3))
    assert np.array_equal(slope, [0, 0, 1])


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
