"""The network against loops over neurons, and the order of its weights."""

import numpy as np
import pytest
from support import core_oracles as oracle

import minibnn as mb


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
@pytest.mark.parametrize("sizes", [[3, 2], [2, 4, 1], [3, 4, 5, 2]], ids=str)
def test_network_by_loops(sizes, activation, bias):
    rng = np.random.default_rng(0)
    net = mb.MLP(sizes, activation, bias)
    w, X = rng.normal(size=(2, net.n_weights)), rng.normal(size=(6, sizes[0]))
    want = oracle.loop_outputs(net, w, X)
    np.testing.assert_allclose(net(w, X), want, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(net(w[0], X), want[0], rtol=1e-12, atol=1e-13)


def test_one_weight_by_the_slopes_on_its_path():
    """(E06) in words: slopes multiply from the end, for both weights of a chain."""
    net = mb.MLP([1, 1, 1], "softplus", bias=False)
    w, W, x, d_f = 0.9, -1.4, 0.3, 2.5
    Z = w * x
    d_A = d_f * W
    want = [d_A * np.exp(Z) / (1 + np.exp(Z)) * x, d_f * np.log(1 + np.exp(Z))]
    F, pull = net.apply(np.array([[w, W]]), np.array([[x]]))
    np.testing.assert_allclose(F, [[[W * np.log(1 + np.exp(Z))]]], rtol=1e-14)
    np.testing.assert_allclose(pull(np.array([[[d_f]]])), [want], rtol=1e-14)


def test_flat_weights_are_w_row_by_row_then_b():
    net = mb.MLP([2, 3, 1])
    (W1, b1), (W2, b2) = net.unpack(np.arange(13.0))
    np.testing.assert_array_equal(W1, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(b1, [6, 7, 8])
    np.testing.assert_array_equal(W2, [[9], [10], [11]])
    np.testing.assert_array_equal(b2, [12])
    assert net.n_weights == 13
    assert mb.MLP([8, 12, 1]).n_weights == 121


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
@pytest.mark.parametrize("lead", [(), (4,), (2, 3)], ids=str)
def test_pack_undoes_unpack(lead, bias):
    net = mb.MLP([2, 3, 1], bias=bias)
    w = np.random.default_rng(0).normal(size=(*lead, net.n_weights))
    np.testing.assert_array_equal(net.pack(net.unpack(w)), w)


def test_fan_in_and_biases_of_every_weight():
    net = mb.MLP([2, 3, 1])
    assert net.fan_in.tolist() == [2] * 9 + [3] * 4
    assert np.flatnonzero(net.is_bias).tolist() == [6, 7, 8, 12]
    bare = mb.MLP([2, 3, 1], bias=False)
    assert bare.fan_in.tolist() == [2] * 6 + [3] * 3
    assert not bare.is_bias.any()


def test_new_weights_have_variance_two_over_fan_in():
    net = mb.MLP([50, 400, 1])
    model = mb.Model(net, mb.Bernoulli(), mb.GaussianPrior())
    (W, b), _ = net.unpack(mb.Point().init(model, rng=0)["mu"])
    assert np.all(b == 0)
    # the variance of 20 000 draws has a relative standard error of 0.01
    assert W.var() == pytest.approx(2 / 50, rel=0.06)
