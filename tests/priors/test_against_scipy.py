"""Priors against scipy.stats, and the scales that networks give them."""

import numpy as np
from scipy import stats

import minibnn as mb


def test_laplace_and_mixture_priors_are_scipy_densities():
    w = np.random.default_rng(2).normal(size=(2, 4))
    want = stats.laplace(0, 0.7).logpdf(w).sum(-1)
    np.testing.assert_allclose(mb.LaplacePrior(0.7).log_prob(w)[0], want, rtol=1e-13)
    scales = np.array([0.5, 1.0, 2.0, 0.1])
    want = stats.laplace(0, scales).logpdf(w).sum(-1)
    np.testing.assert_allclose(mb.LaplacePrior(scales).log_prob(w)[0], want, rtol=1e-13)
    mixture = 0.3 * stats.norm(0, 1.3).pdf(w) + 0.7 * stats.norm(0, 0.4).pdf(w)
    got = mb.ScaleMixturePrior(0.3, 1.3, 0.4).log_prob(w)[0]
    np.testing.assert_allclose(got, np.log(mixture).sum(-1), rtol=1e-13)


def test_fan_in_and_per_layer_scales():
    net = mb.MLP([4, 3, 2])
    scale = mb.GaussianPrior.fan_in(net, 2.0, bias_scale=0.5).scale
    layers = net.unpack(scale)
    np.testing.assert_allclose(layers[0][0], 2 / np.sqrt(4))
    np.testing.assert_allclose(layers[1][0], 2 / np.sqrt(3))
    np.testing.assert_array_equal([*layers[0][1], *layers[1][1]], 0.5)
    layers = net.unpack(mb.GaussianPrior.per_layer(net, [0.3, 1.2]).scale)
    for (W, b), want in zip(layers, (0.3, 1.2), strict=True):
        np.testing.assert_array_equal([*W.ravel(), *b], want)
