"""Kernels at the ends of their range: no NaN, no warning, inf only where it is true."""

import numpy as np
import pytest

from minibnn.kernels import likelihood_kernels as nll
from minibnn.kernels import maps
from minibnn.kernels.gaussian_kl import gaussian_kl
from minibnn.kernels.prior_kernels import (
    laplace_kl,
    laplace_log_density,
    scale_mixture_log_density,
)

TARGET = np.zeros((1, 1))  # y of one observation
BIG = np.array([-1e4, -750.0, -40.0, 0.0, 40.0, 750.0, 1e4])
HUGE = np.array([-1e160, -1e100, 0.0, 1e100, 1e160])
ANY = np.array([-1e308, -5000.0, -1.0, 0.0, 1.0, 5000.0, 1e308])
WIDE = np.array([1e-300, 1e-160, 1.0, 1e160, 1e300])
THREE = np.stack([BIG, BIG[::-1], 0 * BIG], -1)[:, None, :]  # three logits each


def column(x):
    """Outputs of shape (S, 1, 1)."""
    return x[:, None, None]


FINITE = {  # every output stays finite
    "softplus": lambda: [maps.softplus(ANY), maps.sigmoid(ANY)],
    "scale": lambda: [
        *maps.softplus_scale(ANY)[0],
        maps.softplus_scale(ANY)[1](1.0, 1.0),
        maps.log_softplus(ANY),
        maps.softplus_log_slope(ANY),
        maps.inverse_softplus(np.array([1e-308, 1.0, 1e308])),
    ],
    "activations": lambda: [
        act.slope(act.forward(ANY.copy()), np.ones_like(ANY))
        for act in maps.ACTIVATIONS.values()
    ],
    "bernoulli": lambda: nll.bernoulli_nll(column(BIG), TARGET),
    "categorical": lambda: nll.categorical_nll(THREE, np.array([0])),
    "sigmoid gaussian": lambda: nll.sigmoid_gaussian_nll(column(BIG), TARGET, 0.0),
    "student t": lambda: nll.student_t_nll(column(HUGE), TARGET, 0.0, 3.0),
    "laplace": lambda: laplace_kl(HUGE, np.exp(HUGE / 1e160), HUGE / 1e160, 0.5),
    "laplace density": lambda: laplace_log_density(HUGE, 0.5),
}
OVERFLOWING = {  # too large a value is inf, never NaN
    "exp scale": lambda: maps.exp_scale(ANY)[0],
    "gaussian": lambda: nll.gaussian_nll(column(HUGE), TARGET, 0.0),
    "poisson": lambda: nll.poisson_nll(column(BIG), TARGET),
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
