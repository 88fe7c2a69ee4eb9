"""New targets, and the score of them: draws of the predictive distribution."""

import numpy as np
import pytest
from scipy import stats

import minibnn as mb
from minibnn.prediction.crps import crps

rng = np.random.default_rng(3)
X = rng.normal(size=(9, 2))
KINDS = {
    "real": (mb.MLP([2, 1]), mb.Gaussian(0.5), X[:, 0]),
    "learned": (mb.MLP([2, 1]), mb.Gaussian("learned"), X[:, 0]),
    "two": (mb.MLP([2, 2]), mb.Gaussian(0.5), X),
    "unequal": (mb.MLP([2, 2]), mb.HeteroscedasticGaussian(), X[:, 0]),
    "count": (mb.MLP([2, 1]), mb.Poisson(), np.floor(np.exp(X[:, 0]))),
    "yes": (mb.MLP([2, 1]), mb.Bernoulli(), (X[:, 0] > 0) * 1),
    "class": (mb.MLP([2, 3]), mb.Categorical(3), np.arange(9) % 3),
}


def fitted(kind, family=None, **options):
    net, likelihood, y = KINDS[kind]
    model = mb.Model(net, likelihood, mb.GaussianPrior())
    options = {"rng": 0, "max_steps": 20, "start": None} | options
    return mb.fit(model, family or mb.MeanField(), X, y, **options), y


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [3, 7, 16])
def test_targets_have_the_shape_and_the_kind_of_y(kind, n):
    result, y = fitted(kind)
    pred = result.predict(X, n_samples=7)
    drawn = pred.sample(n)
    assert drawn.shape == (n, *y.shape)
    np.testing.assert_array_equal(drawn, pred.sample(n))
    assert not np.array_equal(drawn, pred.sample(n, rng=1))
    if kind in ("yes", "class"):
        assert drawn.dtype.kind == "i"
        assert set(np.unique(drawn)) <= set(range(3))


@pytest.mark.parametrize("kind", ["real", "learned", "unequal", "count", "yes"])
def test_targets_have_the_moments_of_the_prediction(kind):
    pred = fitted(kind)[0].predict(X, n_samples=400)
    n = 40_000
    drawn = pred.sample(n, rng=5).astype(float)
    variance = pred.mean * (1 - pred.mean) if kind == "yes" else pred.std**2
    z = (drawn.mean(0) - pred.mean) / np.sqrt(variance / n)
    assert np.abs(z).max() < 5
    np.testing.assert_allclose(drawn.var(0), variance, rtol=0.12)


def test_targets_of_several_chunks_are_those_of_one(monkeypatch):
    pred = fitted("real")[0].predict(X, n_samples=6)
    whole, score = pred.sample(15), pred.crps(X[:, 1])
    monkeypatch.setattr("minibnn.prediction.prediction.PIECE", 40)
    np.testing.assert_array_equal(pred.sample(15), whole)
    np.testing.assert_array_equal(pred.crps(X[:, 1]), score)


def test_the_rows_of_a_draw_are_of_one_network():
    """With little noise a draw is a line, like the network it comes from."""
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(1e-9), mb.GaussianPrior())
    result = mb.fit(model, mb.MeanField(sigma=1.0), X, X[:, 0], max_steps=1, start=None,
                    optimizer=mb.SGD(1e-30), rng=0)  # fmt: skip
    pred = result.predict(X, n_samples=4)
    np.testing.assert_allclose(
        pred.sample(10), pred.samples[np.arange(10) % 4], rtol=1e-6
    )


@pytest.mark.parametrize("replicas", [None, 3])
def test_raw_units_come_back(replicas):
    """More draws than networks: each keeps the units of its own replica."""
    far = np.stack([10.0 ** (2 * r) * (5.0 + X[:, 0]) for r in range(replicas or 1)])
    net, likelihood, _ = KINDS["real"]
    model = mb.Model(net, likelihood, mb.GaussianPrior())
    options = {"standardise": True, "replicas": replicas, "rng": 0, "start": None}
    y = far if replicas else far[0]
    inputs = np.stack([X] * replicas) if replicas else X
    result = mb.fit(model, mb.Point(), inputs, y, max_steps=2, **options)
    drawn = result.predict(X, n_samples=200).sample(3000)
    for r in range(replicas or 1):
        alone = (result.replica(r) if replicas else result).predict(X)
        own = drawn[r :: replicas or 1]
        z = (own.mean(0) - alone.mean) / (alone.std / len(own) ** 0.5)
        assert np.abs(z).max() < 5


def test_the_interval_of_a_point_is_as_wide_as_its_noise():
    pred = fitted("real", mb.Point())[0].predict(X, n_samples=4000)
    lower, upper = pred.interval(0.9)
    half = 0.5 * stats.norm.ppf(0.95)
    np.testing.assert_allclose((upper - lower) / 2, half, rtol=0.1)
    np.testing.assert_allclose((upper + lower) / 2, pred.mean, atol=0.1)
    assert pred.samples.shape == (1, 9)


# --- the score ------------------------------------------------------------------------


def of_a_normal(y, mean, sd):
    """Closed form, Gneiting & Raftery 2007, sec. 4.2."""
    z = (y - mean) / sd
    return sd * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - np.pi**-0.5)


def test_the_score_of_normal_draws():
    S, y = 100_000, np.linspace(-4.0, 6.0, 9)
    draws = 1.0 + 2.0 * np.random.default_rng(0).normal(size=(S, 9))
    np.testing.assert_allclose(
        crps(draws, y), of_a_normal(y, 1.0, 2.0), atol=5 * 2 / S**0.5
    )


def test_the_score_is_unbiased_and_as_sure_as_is_said():
    """Of 20 draws each; with pairs of one draw with itself it would be 0.056 too high."""
    n, S = 40_000, 20
    draws = np.random.default_rng(1).normal(size=(S, n))
    for y, factor in ((0.0, 0.23), (8.0, 1.06)):
        found = crps(draws, np.full(n, y))
        error = found.std() / np.sqrt(n)
        assert abs(found.mean() - of_a_normal(y, 0.0, 1.0)) < 5 * error
        assert found.std() < 2 / np.sqrt(S)
        assert factor * 0.9 < found.std() * np.sqrt(S) < factor * 1.25


def test_the_score_of_a_count_by_its_distribution():
    """∫ (F(x) - [x ≥ y])² dx of a Poisson rate, which the draws have to approach."""
    rate, n = 3.5, 200_000
    draws = np.random.default_rng(2).poisson(rate, (n, 1)).astype(float)
    for y in (0.0, 3.0, 9.0):
        k = np.arange(60)
        want = ((stats.poisson.cdf(k, rate) - (k >= y)) ** 2).sum()
        assert abs(crps(draws, np.array([y])) - want) < 5 * 2 * rate**0.5 / n**0.5


def test_far_draws_lose_no_digits_and_infinite_ones_are_inf():
    x, y = np.random.default_rng(3).normal(size=(50, 1)), np.array([0.3])
    np.testing.assert_allclose(crps(x + 2.0**30, y + 2.0**30), crps(x, y), rtol=1e-6)
    assert crps(np.array([[0.0], [np.inf], [1.0]]), y) == np.inf
    assert crps(np.full((5, 1), 2.0), np.array([0.5])) == 1.5


@pytest.mark.parametrize("kind", ["real", "two", "unequal", "count"])
def test_the_score_of_a_prediction_reads_the_draws_of_its_intervals(kind):
    result, y = fitted(kind)
    pred = result.predict(X, n_samples=31)
    score = pred.crps(y)
    assert score.shape == y.shape
    q = (np.arange(31) / 30).clip(1e-12, 1 - 1e-12)
    draws = pred.quantile(q)  # in order, each as it was drawn
    np.testing.assert_allclose(score, crps(draws, y), rtol=1e-6, atol=1e-9)


def test_the_score_is_in_raw_units():
    net, likelihood, y = KINDS["real"]
    model = mb.Model(net, likelihood, mb.GaussianPrior())
    options = {"rng": 0, "max_steps": 20, "start": None, "standardise": True}
    one, far = (
        mb.fit(model, mb.MeanField(), X, a * y + b, **options)
        .predict(X)
        .crps(a * y + b)
        for a, b in ((1.0, 0.0), (1000.0, 5000.0))
    )
    np.testing.assert_allclose(far, 1000.0 * one, rtol=1e-6)


def test_each_replica_draws_and_scores_rows_of_its_own():
    result, y = fitted("real", replicas=2)
    blocks, targets = np.stack([X[:4], X[4:8]]), np.stack([y[:4], y[4:8]])
    pred = result.predict(blocks, n_samples=10)
    assert pred.sample(6).shape == (6, 2, 4)
    for i in range(2):
        alone = result.replica(i).predict(blocks[i], n_samples=10)
        np.testing.assert_array_equal(pred.sample(6)[:, i], alone.sample(6))
        np.testing.assert_array_equal(pred.crps(targets)[i], alone.crps(targets[i]))


@pytest.mark.parametrize("kind", ["yes", "class"])
def test_labels_are_referred_to_their_score(kind):
    result, y = fitted(kind)
    with pytest.raises(ValueError, match=r"crps .*metrics\.brier"):
        result.predict(X, n_samples=5).crps(y)


def test_one_draw_is_no_distribution():
    result, y = fitted("real")
    with pytest.raises(ValueError, match="n_samples of 2 or more"):
        result.predict(X, n_samples=1).crps(y)
