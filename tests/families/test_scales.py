"""Positive scales: slope, value, inverse, range."""

from functools import partial

import numpy as np
import pytest
from support.elementwise import checks_of

from minibnn.families.scales import (
    SCALES,
    exp_scale,
    identity_scale,
    inverse_softplus,
    softplus_scale,
)
from minibnn.numerics import sigmoid, softplus

M = np.random.default_rng(7).normal(size=24)
ANY = np.array([-1e308, -5000.0, -1.0, 0.0, 1.0, 5000.0, 1e308])


def through_sigma(scale, rho):
    (sigma, _), pull = scale(rho)
    return sigma, pull(np.ones_like(sigma), None)


def through_log_sigma(scale, rho):
    (_, log_sigma), pull = scale(rho)
    return log_sigma, pull(None, np.ones_like(log_sigma))


KERNELS = {  # name -> (function of arrays (N,) -> value, a gradient each), the arrays
    "E11 sigma": (partial(through_sigma, softplus_scale), [4 * M]),
    "E11 log sigma": (partial(through_log_sigma, softplus_scale), [4 * M]),
    "E11 far left": (partial(through_log_sigma, softplus_scale), [40 * M - 40]),
    "E12 sigma": (partial(through_sigma, exp_scale), [M]),
    "E12 log sigma": (partial(through_log_sigma, exp_scale), [M]),
    "E13 sigma": (partial(through_sigma, identity_scale), [M]),
    "E13 log sigma": (partial(through_log_sigma, identity_scale), [M]),
}


VALUES = {  # the same quantity from somewhere else
    "E11 sigma": lambda rho: np.log(1 + np.exp(rho)),
    "E11 log sigma": lambda rho: np.log(np.log(1 + np.exp(rho))),
    "E12 sigma": np.exp,
    "E13 log sigma": lambda rho: np.log(np.abs(rho)),
}

test_slope_and_float32, test_value_against_an_independent_source = checks_of(
    KERNELS, VALUES
)


@pytest.mark.parametrize("f", [softplus, inverse_softplus, sigmoid])
def test_maps_are_analytic_and_keep_float32(f):
    x = np.abs(M) + 0.05 if f is inverse_softplus else 3 * M
    central = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5
    np.testing.assert_allclose(f(x + 1j * 1e-20).imag / 1e-20, central, rtol=1e-7)
    assert f(x.astype(np.float32)).dtype == np.float32


def test_single_number_gives_single_number():
    assert inverse_softplus(0.05) == pytest.approx(np.log(np.expm1(0.05)))
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


def test_a_literal_sigma_below_zero():
    rho = np.array([-1.3, -0.2, 0.4, 2.1])
    u, v = np.random.default_rng(2).normal(size=(2, 4))
    _, pull = identity_scale(rho)
    (sigma, log_sigma), _ = identity_scale(rho + 1e-30j)
    slope = (u * sigma + v * log_sigma).imag / 1e-30
    np.testing.assert_allclose(pull(u, v), slope, rtol=1e-13)


FINITE = {  # every output stays finite
    "softplus": lambda: [softplus(ANY), sigmoid(ANY)],
    "scale": lambda: [
        *softplus_scale(ANY)[0],
        softplus_scale(ANY)[1](1.0, 1.0),
        softplus_scale(ANY)[1](None, 1.0),
        inverse_softplus(np.array([1e-308, 1.0, 1e308])),
    ],
}


@pytest.mark.parametrize("name", FINITE)
def test_finite_at_the_ends_of_the_range(name):
    assert all(np.all(np.isfinite(out)) for out in FINITE[name]())


def test_overflow_is_infinity_and_never_nan():
    sigma, log_sigma = exp_scale(ANY)[0]
    assert not np.isnan([sigma, log_sigma]).any()
    assert np.isinf(sigma).any()
