"""What is true of every function of single numbers: slope, value, float32."""

import numpy as np
import pytest

STEP = 1e-20


def check_slope(f, *x):
    """Each gradient is the complex step of the value."""
    value, *gradients = f(*x)
    assert len(gradients) == len(x)
    for i, gradient in enumerate(gradients):
        moved = [a + 1j * STEP * (i == j) for j, a in enumerate(x)]
        slope = f(*moved)[0]
        np.testing.assert_allclose(slope.imag / STEP, gradient, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(slope.real, value, rtol=1e-13, atol=1e-14)


def check_float32(f, *x):
    """Single precision stays single."""
    single = [a.astype(np.float32) for a in x]
    for short, long in zip(f(*single), f(*map(np.float64, single)), strict=True):
        assert short.dtype == np.float32
        np.testing.assert_allclose(short, long, rtol=1e-5, atol=1e-5)


def check_value(f, other, *x):
    """The value is what another source says."""
    np.testing.assert_allclose(f(*x)[0], other(*x), rtol=1e-10, atol=1e-10)


def checks_of(kernels, values):
    """Two tests of ``kernels`` {name: (f, arguments)}; ``values`` {name: other source}."""

    @pytest.mark.parametrize("name", kernels)
    def test_slope_and_float32(name):
        f, x = kernels[name]
        check_slope(f, *x)
        check_float32(f, *x)

    @pytest.mark.parametrize("name", values)
    def test_value_against_an_independent_source(name):
        f, x = kernels[name]
        check_value(f, values[name], *x)

    return test_slope_and_float32, test_value_against_an_independent_source
