"""Special cases of general families, likelihoods and priors are the plain ones."""

import numpy as np
import pytest
from support.combination_cases import make_params
from support.oracles import covariance, log_q
from support.rooms import ESTIMATORS

import minibnn as mb
from minibnn.svi import begin, replicas


def all_values(model, family, params, noise, X, y, estimator=None):
    """Loss, parts and gradients of one call."""
    return mb.neg_elbo(
        model, family, params, noise, X, y, n_data=9, kl_weight=0.6, estimator=estimator
    )


@pytest.mark.parametrize(
    "estimator", [mb.Pathwise(), mb.StickTheLanding(), mb.ScoreFunction()], ids=repr
)
def test_full_covariance_with_a_diagonal_factor_is_mean_field(estimator):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    model = mb.Model(
        mb.MLP([2, 3, 1], "tanh"), mb.Gaussian("learned"), mb.LaplacePrior()
    )
    field, full = mb.MeanField(), mb.FullCovariance()
    params = make_params(field, model)
    noise = rng.normal(size=(4, model.n_weights))
    a = all_values(model, field, params, noise, X, y, estimator)
    b = all_values(model, full, full.embed(params), noise, X, y, estimator)
    assert a[0] == pytest.approx(b[0], rel=1e-14)
    for key in params:
        np.testing.assert_allclose(a[1][key], b[1][key], rtol=1e-12, atol=1e-13)


def test_total_correlation_of_nearly_independent_weights_keeps_its_digits():
    """TC = -log det(correlations)/2; for two weights -log(1 - c²)/2."""
    model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(), mb.GaussianPrior())
    family = mb.FullCovariance(scale="exp")
    for low in (1e-9, 1e-4, 0.3, 40.0):
        params = {
            "mu": np.zeros(2),
            "rho": np.array([0.2, -0.5]),
            "low": np.array([low]),
        }
        q = family.natural(params)[0]
        kl, _ = family.kl(q, model.prior)
        sd = np.array([q.sigma[0], q.sigma[1] * np.sqrt(1 + low**2)])
        marginal = mb.GaussianPrior().kl(q.mean, sd, np.log(sd))[0].sum()
        c2 = low**2 / (1 + low**2)
        total = -0.5 * np.log1p(-c2) if low < 1 else 0.5 * np.log(1 + low**2)
        assert kl - marginal == pytest.approx(total, rel=1e-6, abs=4e-16)
        alone = mb.FullCovariance(scale="exp").kl(
            q._replace(
                sigma=q.sigma / np.sqrt([1, 1 + low**2]),
                log_sigma=-0.5 * np.log1p([0, low**2]),
            ),
            NoPrior(),
        )[0]
        assert alone == pytest.approx(total, rel=1e-15)


class NoPrior:
    """A prior whose KL is zero: what remains is the total correlation."""

    def kl(self, m, s, log_s):
        """Zero and zero slopes."""
        return 0 * m, 0 * m, 0 * m


def test_categorical_on_two_logits_is_bernoulli_at_their_difference():
    rng = np.random.default_rng(2)
    F, y = 3 * rng.normal(size=(4, 6, 2)), rng.integers(0, 2, (6, 1)).astype(float)
    a = mb.Categorical(2)(F, y[:, 0].astype(int), np.zeros((4, 0)))
    b = mb.Bernoulli()(F[..., 1:] - F[..., :1], y, np.zeros((4, 0)))
    np.testing.assert_allclose(a[0], b[0], rtol=1e-13)
    np.testing.assert_allclose(a[1][..., 1:], b[1], rtol=1e-12)
    np.testing.assert_allclose(a[1][..., :1], -b[1], rtol=1e-12)


def test_heteroscedastic_with_a_constant_head_is_gaussian():
    rng = np.random.default_rng(3)
    F, y = rng.normal(size=(4, 6, 2)), rng.normal(size=(6, 2))
    head = np.full((4, 6, 2), np.log(0.7))
    none = np.zeros((4, 0))
    a = mb.HeteroscedasticGaussian()(np.concatenate([F, head], -1), y, none)
    b = mb.Gaussian(0.7)(F, y, none)
    np.testing.assert_allclose(a[0], b[0], rtol=1e-13)
    np.testing.assert_allclose(a[1][..., :2], b[1], rtol=1e-13)
    t = np.full((4, 1), np.log(0.7))
    slope = mb.Gaussian("learned")(F, y, t)[2]
    np.testing.assert_allclose(a[1][..., 2:].sum((1, 2)), slope[:, 0], rtol=1e-12)
    heteroscedastic = mb.HeteroscedasticGaussian()
    both = np.concatenate([F, head], -1)
    uniform = rng.uniform(size=both.shape)
    want = mb.Gaussian(0.7).sample(F, none, uniform[..., :2])
    np.testing.assert_allclose(heteroscedastic.sample(both, none, uniform), want)
    np.testing.assert_allclose(heteroscedastic.variance(both, none), 0.49)


def test_mixture_of_equal_scales_is_gaussian():
    w = np.random.default_rng(4).normal(size=(3, 7))
    a = mb.ScaleMixturePrior(0.3, 0.8, 0.8).log_prob(w)
    b = mb.GaussianPrior(0.0, 0.8).log_prob(w)
    np.testing.assert_allclose(a[0], b[0], rtol=1e-13)
    np.testing.assert_allclose(a[1], b[1], rtol=1e-13)


@pytest.mark.parametrize("df", [1e3, 1e6, 1e9, 1e12])
def test_student_t_tends_to_gaussian(df):
    """nll differs by O(1/df): (r⁴ - 2r² - 1)/4 per observation to first order."""
    rng = np.random.default_rng(5)
    F, y, none = rng.normal(size=(4, 6, 1)), rng.normal(size=(6, 1)), np.zeros((4, 0))
    a, b = mb.StudentT(df, 0.7)(F, y, none), mb.Gaussian(0.7)(F, y, none)
    r = (F - y) / 0.7
    tolerance = (np.abs(r) ** 4 + 2 * r * r + 1).sum((1, 2)) / (3 * df) + 1e-12
    assert np.all(np.abs(a[0] - b[0]) <= tolerance)
    assert np.all(
        np.abs(a[1] - b[1]) <= (np.abs(r) ** 3 + np.abs(r)) / df / 0.5 + 1e-12
    )


def test_learned_prior_scales_are_the_best_ones():
    net = mb.MLP([2, 3, 1])
    for family in (mb.MeanField(), mb.FullCovariance()):
        model = mb.Model(net, mb.Bernoulli(), mb.GaussianPrior())
        params = make_params(family, model)
        q = family.natural(params)[0]
        best = mb.learned_prior(model, family, params, mean=0.1)

        def kl(scales, family=family, q=q):
            return family.kl(q, mb.GaussianPrior.per_layer(net, scales, 0.1))[0]

        scales = best.scale[[0, -1]]
        here = kl(scales)
        for layer in (0, 1):
            for factor in (0.99, 1.01):
                moved = scales.copy()
                moved[layer] *= factor
                assert kl(moved) > here
                assert kl(moved) - here < 1e-2
    with pytest.raises(ValueError, match="no ELBO"):
        mb.learned_prior(model, mb.Point(), {"mu": np.zeros(net.n_weights)})


def test_density_of_every_family_is_its_own():
    model = mb.Model(mb.MLP([3, 1], bias=False), mb.Gaussian(), mb.GaussianPrior())
    for family in (mb.MeanField(), mb.FullCovariance()):
        q = family.natural(make_params(family, model))[0]
        eps = np.random.default_rng(8).normal(size=(5, 3))
        w, _ = family.sample(q, eps)
        np.testing.assert_allclose(family.density(q, eps)[0], log_q(q, w), rtol=1e-12)
        np.testing.assert_allclose(family.marginals(q)[1], np.diag(covariance(q)))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
@pytest.mark.parametrize("scale", [0.5, "learned"])
def test_single_precision_stays_single(estimator, scale):
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(5, 2)).astype(np.float32), rng.normal(size=5)
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(scale), mb.LaplacePrior(0.4))
    network = mb.MLP([1, 2 * model.n_weights])
    for family in (
        mb.MeanField(),
        mb.FullCovariance(),
        mb.InferenceNetwork(network, [0.7]),
    ):
        if not family.has_moments and type(estimator) in (mb.LocalReparam, mb.Flipout):
            continue
        params = {k: v.astype(np.float32) for k, v in family.init(model, 0).items()}
        shape = estimator.noise_shape(model, family, 2, 5)
        noise = rng.normal(size=shape).astype(np.float32)
        loss, grads, _ = mb.neg_elbo(
            model, family, params, noise, X, y, estimator=estimator
        )
        kinds = {np.asarray(loss).dtype, *(g.dtype for g in grads.values())}
        assert kinds == {np.dtype(np.float32)}


def test_new_families_are_saved_and_loaded(tmp_path):
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(2, 6, 2)), rng.normal(size=(2, 6))
    prior = mb.ScaleMixturePrior(0.3, 1.0, 0.2)
    model = mb.Model(mb.MLP([2, 3, 1]), mb.StudentT(4.0, "learned"), prior)
    network = mb.MLP([1, 2 * model.n_weights])
    for family, data in (
        (mb.FullCovariance(), (X[0], y[0])),
        (mb.InferenceNetwork(network, [[1.0], [2.0]]), (X, y)),
    ):
        result = mb.fit(model, family, *data, rng=0, max_steps=3, start=None)
        result.save(tmp_path / "q.npz")
        again = mb.FitResult.load(tmp_path / "q.npz")
        assert repr((again.model, again.family)) == repr((model, family))
        np.testing.assert_array_equal(again.q.mean, result.q.mean)
        np.testing.assert_array_equal(again.elbo, result.elbo)


def test_antithetic_is_pathwise_on_mirrored_noise():
    """Each draw meets its mirror image; on a linear model the slope in mu is exact."""
    rng = np.random.default_rng(9)
    X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.6), mb.GaussianPrior())
    family, noise = mb.FullCovariance(), rng.normal(size=(2, 3))
    params = make_params(family, model)
    twice = mb.Pathwise(antithetic=True)
    assert twice.noise_shape(model, family, 3, 5) == (2, 3)
    assert twice.noise_shape(model, family, 4, 5) == (2, 3)
    loss, grads, _ = all_values(model, family, params, noise, X, y, twice)
    both = np.concatenate([noise, -noise])
    want, slopes, _ = all_values(model, family, params, both, X, y)
    assert loss == want
    for key, slope in slopes.items():
        np.testing.assert_array_equal(grads[key], slope)
    exact = all_values(model, family, params, np.zeros((1, 0)), X, y, mb.Exact())[1]
    np.testing.assert_allclose(grads["mu"], exact["mu"], rtol=1e-11)


def test_full_covariance_starts_from_the_best_mean_field_fit(monkeypatch):
    """Of the first fits the one with the largest ELBO is embedded."""
    monkeypatch.setattr(begin, "has_curvature", lambda *args: False)
    rng = np.random.default_rng(10)
    X, y = rng.normal(size=(30, 2)), rng.integers(0, 2, 30)
    model = mb.Model(mb.MLP([2, 4, 1]), mb.Bernoulli(), mb.GaussianPrior())
    first, best_params = [], replicas.best_params

    def watched(pairs):
        for _, state in pairs:
            first.append((np.mean(state.history["elbo"][-100:]), state.params()["mu"]))
        return best_params(pairs)

    monkeypatch.setattr(replicas, "best_params", watched)
    optimizer = mb.SGD(1e-12)
    result = mb.fit(
        model, mb.FullCovariance(), X, y, rng=0, max_steps=1, optimizer=optimizer
    )
    assert len(first) == 2 * replicas.FIRST_FITS  # of two kinds of start
    ends = [elbo for elbo, _ in first]
    chosen = [np.abs(result.params["mu"] - mu).max() < 1e-8 for _, mu in first]
    assert max(elbo for elbo, took in zip(ends, chosen, strict=True) if took) > (
        max(ends) - 0.5  # the judge has noise of its own
    )
    assert sum(chosen) < len(first)
