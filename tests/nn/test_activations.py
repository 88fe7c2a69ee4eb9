"""Activations: value, slope, work in place, range."""

from functools import partial

import numpy as np
import pytest
from support.elementwise import checks_of

from minibnn.nn.activations import ACTIVATIONS

F = 2.0 * np.random.default_rng(7).normal(size=24)
ANY = np.array([-1e308, -5000.0, -1.0, 0.0, 1.0, 5000.0, 1e308])


def activation(name, Z):
    act = ACTIVATIONS[name]
    A = act.forward(Z.copy())
    return A, act.slope(A, np.ones_like(A))


KERNELS = {  # name -> (function of arrays (N,) -> value, a gradient each), the arrays
    "E22": (partial(activation, "tanh"), [F]),
    "E23": (partial(activation, "relu"), [F]),
    "E24": (partial(activation, "softplus"), [F]),
    "identity": (partial(activation, "identity"), [F]),
}


VALUES = {  # the same quantity from somewhere else
    "E22": np.tanh,
    "E23": lambda z: [max(a, 0) for a in z],
    "E24": lambda z: np.log(1 + np.exp(z)),
}

test_slope_and_float32, test_value_against_an_independent_source = checks_of(
    KERNELS, VALUES
)


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
    Z = np.array([0.0, -0.0, 1.0]) + 1j * 1e-20
    A = ACTIVATIONS["relu"].forward(Z)
    assert np.array_equal(A.imag / 1e-20, [0, 0, 1])
    slope = ACTIVATIONS["relu"].slope(A.real, np.ones(3))
    assert np.array_equal(slope, [0, 0, 1])


@pytest.mark.parametrize("act", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_finite_at_the_ends_of_the_range(act):
    assert np.isfinite(act.slope(act.forward(ANY.copy()), np.ones_like(ANY))).all()
