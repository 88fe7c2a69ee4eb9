"""Likelihoods and priors against scipy.stats, and from fit to prediction."""

import numpy as np
import pytest
from scipy import stats

import minibnn as mb

NONE = np.zeros((3, 0))


def outputs(width=1):
    """Outputs (S, B, C) and uniform numbers of the same shape."""
    rng = np.random.default_rng(0)
    shape = (3, 5, width)
    return rng.normal(size=shape), rng.uniform(size=shape)


def test_student_t_is_scipy_t():
    F, u = outputs()
    for df in (0.7, 2.0, 3.5, 40.0):
        like, truth = mb.StudentT(df, 0.8), stats.t(df, F, 0.8)
        np.testing.assert_allclose(like.sample(F, NONE, u), truth.ppf(u), rtol=1e-9)
        y = np.linspace(-2, 2, 5)[:, None]
        want = -truth.logpdf(y).sum((1, 2))
        np.testing.assert_allclose(like(F, y, NONE)[0], want, rtol=1e-12)
        rows = -truth.logpdf(y)[..., 0]
        np.testing.assert_allclose(like.row_nll(F, y, NONE), rows, rtol=1e-12)
        variance = like.variance(F, NONE)
        want = 0.64 * stats.t(df).var() if df > 2 else np.inf
        np.testing.assert_allclose(variance, np.full(F.shape, want))
    np.testing.assert_array_equal(like.mean(F, NONE), F)


def test_poisson_is_scipy_poisson():
    F, u = outputs()
    F = 2 * F
    like, truth = mb.Poisson(), stats.poisson(np.exp(F))
    np.testing.assert_array_equal(like.sample(F, NONE, u), truth.ppf(u))
    at_steps = truth.cdf(np.floor(np.exp(F)))  # exactly on a step of the distribution
    np.testing.assert_array_equal(like.sample(F, NONE, at_steps), np.floor(np.exp(F)))
    np.testing.assert_allclose(like.mean(F, NONE), truth.mean())
    np.testing.assert_allclose(like.variance(F, NONE), truth.var())
    y = np.arange(5.0)[:, None]
    want = -truth.logpmf(y).sum((1, 2))
    np.testing.assert_allclose(like(F, y, NONE)[0], want, rtol=1e-12)


def test_large_counts_are_those_of_scipy_too():
    """Exact up to a rate of 1e5; above within one count, and right on average."""
    like, u = mb.Poisson(), np.linspace(0.001, 0.999, 400)[None, :, None]
    for rate in (150.0, 3e3, 9e4, 2e5, 1e7):
        F = np.full_like(u, np.log(rate))
        gap = like.sample(F, NONE, u) - stats.poisson(np.exp(F)).ppf(u)
        if rate < 1e5:
            np.testing.assert_array_equal(gap, 0)
        assert np.abs(gap).max() <= 1
        assert abs(gap.mean()) < 0.2


def test_labels_are_drawn_by_their_probability():
    """p = 1/4: 1 below it. Classes of 0.2, 0.3, 0.5: the interval that holds u."""
    u = np.array([0.2, 0.24, 0.26, 0.9])[:, None, None]
    F = np.full(u.shape, np.log(1 / 3))
    assert mb.Bernoulli().sample(F, NONE, u).ravel().tolist() == [1, 1, 0, 0]
    F = np.log([0.2, 0.3, 0.5]) + np.zeros((4, 1, 3))
    u = np.array([[0.1, 0.9, 0.9], [0.3, 0, 0], [0.49, 0.9, 0], [0.6, 0, 0]])[:, None]
    found = mb.Categorical(3).sample(F, NONE, u)
    assert found[:, 0, 0].tolist() == [0, 1, 1, 2]
    want = [0.2 * 0.8, 0.3 * 0.7, 0.25]
    got = mb.Categorical(3).variance(F, NONE)[0, 0]
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize(
    ("labels", "cure"), [((1, 2), r"use y - 1$"), ((-1, 1), r"use \(y \+ 1\) / 2$")]
)
def test_two_usual_codes_of_labels_are_told_their_way_to_0_and_1(labels, cure):
    with pytest.raises(ValueError, match=cure):
        mb.Bernoulli().targets(np.array(labels), (2, 1))


def test_a_learned_scale_starts_at_its_prior_mean():
    like = mb.Gaussian("learned", log_scale_prior=(-1.5, 0.3))
    assert like.initial_weights().tolist() == [-1.5]
    assert (like.own_prior.mean, like.own_prior.scale) == (-1.5, 0.3)


def test_heteroscedastic_is_scipy_norm():
    F, u = outputs(4)
    m, s = F[..., :2], np.exp(F[..., 2:])
    like, truth = mb.HeteroscedasticGaussian(), stats.norm(m, s)
    np.testing.assert_allclose(like.sample(F, NONE, u), truth.ppf(u[..., :2]))
    np.testing.assert_allclose(like.mean(F, NONE), m)
    np.testing.assert_allclose(like.variance(F, NONE), s**2)
    y = np.linspace(-1, 1, 10).reshape(5, 2)
    want = -truth.logpdf(y).sum((1, 2))
    np.testing.assert_allclose(like(F, y, NONE)[0], want, rtol=1e-12)


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "like",
    [mb.StudentT(4.0, "learned"), mb.Poisson(), mb.HeteroscedasticGaussian()],
    ids=repr,
)
def test_from_fit_to_prediction(like):
    rng = np.random.default_rng(1)
    X = rng.uniform(-2, 2, (60, 1))
    y = rng.poisson(np.exp(0.5 * X[:, 0])).astype(float)
    outputs = 2 if isinstance(like, mb.HeteroscedasticGaussian) else 1
    prior = mb.ScaleMixturePrior(0.5, 1.0, 0.3)
    model = mb.Model(mb.MLP([1, 5, outputs], "tanh"), like, prior)
    for family in (mb.MeanField(), mb.FullCovariance()):
        result = mb.fit(model, family, X, y, rng=0, max_steps=60)
        pred = result.predict(X[:7], n_samples=200, rng=2)
        assert pred.mean.shape == pred.std.shape == (7,)
        low, high = pred.interval(0.9)
        assert np.all(low <= high)
        assert np.isfinite(pred.log_prob(y[:7])).all()
        assert np.isfinite(result.elbo)


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


def test_bad_arguments_are_named():
    net = mb.MLP([2, 3])
    for make, words in (
        (lambda: mb.StudentT(0.0), "df"),
        (lambda: mb.StudentT(3.0, -1.0), "scale"),
        (lambda: mb.LaplacePrior(-1.0), "b must be"),
        (lambda: mb.LaplacePrior([[1.0]]), "b must"),
        (lambda: mb.ScaleMixturePrior(1.0, 1.0, 1.0), "pi must be"),
        (lambda: mb.ScaleMixturePrior(0.5, 0.0, 1.0), "s1"),
        (lambda: mb.GaussianPrior.per_layer(net, [1.0, 2.0]), "scales"),
        (lambda: mb.GaussianPrior.fan_in(net, -1.0), "scale"),
        (lambda: mb.Pathwise(antithetic=1), "antithetic"),
        (lambda: mb.NaturalGradient(0.0), "lr"),
        (lambda: mb.FullCovariance("log"), "scale"),
        (
            lambda: mb.Model(net, mb.HeteroscedasticGaussian(), mb.GaussianPrior()),
            "even",
        ),
        (lambda: mb.Model(net, mb.Poisson(), mb.LaplacePrior(np.ones(4))), "4 weights"),
    ):
        with pytest.raises(ValueError, match=words):
            make()
    model = mb.Model(mb.MLP([2, 1]), mb.Poisson(), mb.GaussianPrior())
    for bad in ([1.0, 0.5], [-1.0, 2.0]):
        with pytest.raises(ValueError, match="y must be a count"):
            mb.fit(model, mb.MeanField(), np.ones((2, 2)), bad)
