"""Kernels at the ends of their range: no NaN, no warning, inf only where it is true."""

import numpy as np
import pytest

from minibnn.families.scales import exp_scale, inverse_softplus, softplus_scale
from minibnn.nn.activations import ACTIVATIONS
from minibnn.numerics import sigmoid, softplus
from minibnn.priors.gaussian_kl import gaussian_kl
from minibnn.priors.laplace import laplace_kl, laplace_log_density
from minibnn.priors.scale_mixture import scale_mixture_log_density

HUGE = np.array([-1e160, -1e100, 0.0, 1e100, 1e160])
ANY = np.array([-1e308, -5000.0, -1.0, 0.0, 1.0, 5000.0, 1e308])
WIDE = np.array([1e-300, 1e-160, 1.0, 1e160, 1e300])


FINITE = {  # every output stays finite
    "softplus": lambda: [softplus(ANY), sigmoid(ANY)],
    "scale": lambda: [
        *softplus_scale(ANY)[0],
        softplus_scale(ANY)[1](1.0, 1.0),
        softplus_scale(ANY)[1](None, 1.0),
        inverse_softplus(np.array([1e-308, 1.0, 1e308])),
    ],
    "activations": lambda: [
        act.slope(act.forward(ANY.copy()), np.ones_like(ANY))
        for act in ACTIVATIONS.values()
    ],
    "laplace": lambda: laplace_kl(HUGE, np.exp(HUGE / 1e160), HUGE / 1e160, 0.5),
    "laplace density": lambda: laplace_log_density(HUGE, 0.5),
}
OVERFLOWING = {  # too large a value is inf, never NaN
    "exp scale": lambda: exp_scale(ANY)[0],
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
