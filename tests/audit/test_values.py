"""Values of priors and networks against scipy, quadrature and loops."""

import numpy as np
import pytest
from scipy import integrate, special, stats
from support import core_oracles as oracle
from support.likelihoods import LIKELIHOODS, targets_of

import minibnn as mb
from minibnn.families.normal import Normal as Q

# --- priors --------------------------------------------------------------------------

MEAN, SCALE = np.array([0.3, -1.0, 2.0]), np.array([0.5, 1.7, 3.0])


def test_gaussian_prior_density_against_scipy():
    w = np.array([[0.1, -4.0, 2.0], [1.0, 0.0, 30.0]])
    value, gradient = mb.GaussianPrior(MEAN, SCALE).log_prob(w)
    np.testing.assert_allclose(
        value, stats.norm.logpdf(w, MEAN, SCALE).sum(-1), rtol=1e-13
    )
    np.testing.assert_allclose(gradient, -(w - MEAN) / SCALE**2, rtol=1e-13)
    shared = mb.GaussianPrior(0.4, 2.0).log_prob(w)[0]
    np.testing.assert_allclose(
        shared, stats.norm.logpdf(w, 0.4, 2.0).sum(-1), rtol=1e-13
    )


@pytest.mark.parametrize("m", [-2.0, 0.3, 5.0])
@pytest.mark.parametrize("s", [0.05, 0.5, 4.0])
def test_gaussian_prior_kl_by_quadrature(m, s):
    """KL(q || p) = the integral of q log(q/p): direction, sign, arguments."""
    q, p = stats.norm(m, s), stats.norm(0.3, 0.5)

    def integrand(w):
        return q.pdf(w) * (q.logpdf(w) - p.logpdf(w))

    want, _ = integrate.quad(integrand, m - 12 * s, m + 12 * s, epsabs=1e-13)
    value, _, _ = mb.GaussianPrior(0.3, 0.5).kl(*map(np.array, (m, s, np.log(s))))
    assert value == pytest.approx(want, rel=1e-10, abs=1e-12)


def test_kl_is_zero_at_the_prior_and_there_only():
    prior = mb.GaussianPrior(MEAN, SCALE)
    value, g_m, g_log_s = prior.kl(MEAN, SCALE, np.log(SCALE))
    for array in (value, g_m, g_log_s):
        np.testing.assert_array_equal(array, 0)
    off, _, _ = prior.kl(MEAN, SCALE * (1 + 1e-7), np.log(SCALE * (1 + 1e-7)))
    assert np.all(off > 0)


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


def test_penalty_of_a_point_is_minus_the_prior_density():
    w = np.array([0.1, -4.0, 2.0])
    value, cotangent = mb.Point().kl(Q(w), mb.GaussianPrior(MEAN, SCALE))
    assert value == pytest.approx(-stats.norm.logpdf(w, MEAN, SCALE).sum(), rel=1e-13)
    np.testing.assert_allclose(cotangent.mean, (w - MEAN) / SCALE**2)


@pytest.mark.parametrize("scale", ["softplus", "exp", "identity"])
def test_mean_field_is_the_gaussian_it_says(scale):
    """init, natural and sample agree with the definition of q."""
    model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), mb.GaussianPrior())
    family = mb.MeanField(scale, sigma=0.2)
    params = family.init(model, rng=0)
    q, _ = family.natural(params)
    np.testing.assert_allclose(q.sigma, 0.2, rtol=1e-14)
    np.testing.assert_allclose(np.exp(q.log_sigma), q.sigma, rtol=1e-14)
    np.testing.assert_array_equal(q.mean, params["mu"])
    eps = np.random.default_rng(1).normal(size=(5, 13))
    np.testing.assert_allclose(family.sample(q, eps)[0], q.mean + 0.2 * eps, rtol=1e-14)
    value, _ = family.neg_entropy(q)
    assert value == pytest.approx(-stats.norm(0, 0.2).entropy() * 13, rel=1e-13)
    mean, var, _ = family.moments(q)
    np.testing.assert_array_equal(mean, q.mean)
    np.testing.assert_allclose(var, 0.04, rtol=1e-13)


# --- networks and models -------------------------------------------------------------


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


def settings():
    rng = np.random.default_rng(3)
    for name, (likelihood, width) in LIKELIHOODS.items():
        net = mb.MLP([2, 3, width], "tanh")
        n = net.n_weights
        m0, s0 = 0.3 * rng.normal(size=n), rng.uniform(0.5, 2, n)
        model = mb.Model(net, likelihood, mb.GaussianPrior(m0, s0))
        X, y = rng.normal(size=(7, 2)), targets_of(likelihood, (7, width), rng)
        yield pytest.param(model, X, y, m0, s0, id=name)


def log_density(likelihood):
    """Of one row's target, by scipy: outputs (C,), targets (K,), own weights (n,)."""

    def f(outputs, y, v):
        if likelihood.exclusive:
            return np.log(special.softmax(outputs))[int(y)]
        name, *arguments = likelihood.in_scipy(outputs[None, None], v[None])
        truth = getattr(stats, name)(*arguments)
        return (truth.logpmf if likelihood.support != "reals" else truth.logpdf)(y).sum()

    return f


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
