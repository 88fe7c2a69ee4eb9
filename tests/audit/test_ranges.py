"""Kernels at the ends of their range: no NaN, no warning, inf only where it is true."""

import numpy as np
import pytest

from minibnn.families.scales import exp_scale, inverse_softplus, softplus_scale
from minibnn.likelihoods.bernoulli import bernoulli_nll
from minibnn.likelihoods.categorical import categorical_nll
from minibnn.likelihoods.gaussian import gaussian_nll
from minibnn.likelihoods.poisson import poisson_nll
from minibnn.likelihoods.student_t import student_t_nll
from minibnn.nn.activations import ACTIVATIONS
from minibnn.numerics import log_softplus, sigmoid, softplus, softplus_log_slope
from minibnn.priors.gaussian_kl import gaussian_kl
from minibnn.priors.laplace import laplace_kl, laplace_log_density
from minibnn.priors.scale_mixture import scale_mixture_log_density
from minibnn.rupture.sigmoid_gaussian import sigmoid_gaussian_nll

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
    "softplus": lambda: [softplus(ANY), sigmoid(ANY)],
    "scale": lambda: [
        *softplus_scale(ANY)[0],
        softplus_scale(ANY)[1](1.0, 1.0),
        log_softplus(ANY),
        softplus_log_slope(ANY),
        inverse_softplus(np.array([1e-308, 1.0, 1e308])),
    ],
    "activations": lambda: [
        act.slope(act.forward(ANY.copy()), np.ones_like(ANY))
        for act in ACTIVATIONS.values()
    ],
    "bernoulli": lambda: bernoulli_nll(column(BIG), TARGET),
    "categorical": lambda: categorical_nll(THREE, np.array([0])),
    "sigmoid gaussian": lambda: sigmoid_gaussian_nll(column(BIG), TARGET, 0.0),
    "student t": lambda: student_t_nll(column(HUGE), TARGET, 0.0, 3.0),
    "laplace": lambda: laplace_kl(HUGE, np.exp(HUGE / 1e160), HUGE / 1e160, 0.5),
    "laplace density": lambda: laplace_log_density(HUGE, 0.5),
}
OVERFLOWING = {  # too large a value is inf, never NaN
    "exp scale": lambda: exp_scale(ANY)[0],
    "gaussian": lambda: gaussian_nll(column(HUGE), TARGET, 0.0),
    "poisson": lambda: poisson_nll(column(BIG), TARGET),
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
