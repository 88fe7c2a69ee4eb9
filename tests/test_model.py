"""Network, likelihood and prior joined: the log joint, and weights of the likelihood."""

import numpy as np
import pytest
from scipy import stats
from support import core_oracles as oracle
from support.likelihoods import LIKELIHOODS, log_density, targets_of

import minibnn as mb

MEAN, SCALE = np.array([0.3, -1.0, 2.0]), np.array([0.5, 1.7, 3.0])


def test_a_learned_noise_scale_has_a_prior_of_its_own():
    likelihood = mb.Gaussian("learned", log_scale_prior=(-0.4, 0.6))
    model = mb.Model(mb.MLP([2, 1]), likelihood, mb.GaussianPrior(MEAN, SCALE))
    w = np.array([0.1, -4.0, 2.0, 0.9])
    value, _ = model.weight_prior.log_prob(w)
    want = stats.norm.logpdf(w[:3], MEAN, SCALE).sum() + stats.norm.logpdf(
        0.9, -0.4, 0.6
    )
    assert value == pytest.approx(want, rel=1e-13)
    kl, _, _ = model.weight_prior.kl(w, np.full(4, 0.3), np.log(np.full(4, 0.3)))
    want = oracle.loop_kl(w[:3], 0.3, MEAN, SCALE) + oracle.loop_kl(0.9, 0.3, -0.4, 0.6)
    assert kl.sum() == pytest.approx(want, rel=1e-13)


def test_a_learned_noise_scale_starts_at_its_prior_mean():
    likelihood = mb.Gaussian("learned", log_scale_prior=(-0.4, 0.6))
    model = mb.Model(mb.MLP([2, 1]), likelihood, mb.GaussianPrior())
    for family in (mb.MeanField(), mb.Point()):
        assert family.init(model, rng=0)["mu"][-1] == -0.4


def settings():
    rng = np.random.default_rng(3)
    for name, (likelihood, width) in LIKELIHOODS.items():
        net = mb.MLP([2, 3, width], "tanh")
        n = net.n_weights
        m0, s0 = 0.3 * rng.normal(size=n), rng.uniform(0.5, 2, n)
        model = mb.Model(net, likelihood, mb.GaussianPrior(m0, s0))
        X, y = rng.normal(size=(7, 2)), targets_of(likelihood, (7, width), rng)
        yield pytest.param(model, X, y, m0, s0, id=name)


@pytest.mark.parametrize(("model", "X", "y", "m0", "s0"), list(settings()))
def test_log_joint(model, X, y, m0, s0):
    """log p(y | X, w) + log p(w): value by loops and scipy, gradient by values."""
    w = np.random.default_rng(4).normal(size=(2, model.n_weights))
    value, gradient = model.log_joint(w, X, y)
    n = model.net.n_weights
    for i in range(2):
        density = log_density(model.likelihood)
        want = -oracle.loop_nll(model.net, density, w[i], X, y)
        want += stats.norm.logpdf(w[i, :n], m0, s0).sum()
        want += stats.norm.logpdf(w[i, n:], -0.3, 0.8).sum()
        assert value[i] == pytest.approx(want, rel=1e-13)
        single = model.log_joint(w[i], X, y)
        assert single[0] == pytest.approx(value[i], rel=1e-14)
        np.testing.assert_allclose(single[1], gradient[i], rtol=1e-12, atol=1e-12)
    slope, error = oracle.romberg(
        lambda x: model.log_joint(x["w"], X, y)[0], {"w": w[0]}
    )
    assert np.all(np.abs(gradient[0] - slope["w"]) <= 4 * error["w"])
    batch = model.batch(X, y)
    complex_slope = oracle.complex_step(
        lambda x: model.log_joint_kernel(x["w"][None], *batch)[0][0], {"w": w[0]}
    )
    np.testing.assert_allclose(gradient[0], complex_slope["w"], rtol=1e-11, atol=1e-11)
