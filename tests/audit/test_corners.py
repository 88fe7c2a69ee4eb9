"""Gradients where the example inputs of the labels do not go."""

import numpy as np

import minibnn as mb
from minibnn.diagnosis import points
from minibnn.families.scales import identity_scale


def test_hidden_layers_of_equal_width():
    rng = np.random.default_rng(1)
    net = mb.MLP([3, 4, 4, 4, 2], activation="tanh")
    model = mb.Model(net, mb.Bernoulli(), mb.GaussianPrior(0.2, 0.7))
    for estimator in (mb.Pathwise(), mb.LocalReparam()):
        case = points.generic(model, mb.MeanField(), estimator, rng)
        gradient = case.gradient()
        for key, array in case.params.items():
            for i in range(array.size):
                x = {k: a.astype(complex) for k, a in case.params.items()}
                x[key][i] += 1e-30j
                slope = case.loss(x).imag / 1e-30
                assert abs(gradient[key][i] - slope) <= 1e-11 * (1 + abs(slope))


def test_a_literal_sigma_below_zero():
    rho = np.array([-1.3, -0.2, 0.4, 2.1])
    u, v = np.random.default_rng(2).normal(size=(2, 4))
    _, pull = identity_scale(rho)
    (sigma, log_sigma), _ = identity_scale(rho + 1e-30j)
    slope = (u * sigma + v * log_sigma).imag / 1e-30
    np.testing.assert_allclose(pull(u, v), slope, rtol=1e-13)
