"""The closing ELBO: what it costs, and that its standard error is honest."""

import numpy as np
import pytest
from support.interrupts import interrupt_call

import minibnn as mb
from minibnn.estimators.base import closed_kl
from minibnn.model import checked_data
from minibnn.svi import estimate

RNG = np.random.default_rng(11)
X, Y = RNG.normal(size=(600, 2)), RNG.normal(size=600)
PRIOR = mb.GaussianPrior()
LINEAR = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.5), PRIOR)
FAMILY = mb.MeanField(sigma=0.2)
STILL = mb.SGD(1e-300)  # the parameters stay where they are


def estimates(params, model=LINEAR, family=FAMILY, seeds=100, **options):
    """(values, standard errors) of the estimate for many seeds."""
    data = checked_data(model, X, Y)
    found = [
        estimate.estimate_elbo(model, family, params, *data, np.random.default_rng(seed),
                           **options)
        for seed in range(seeds)
    ]  # fmt: skip
    return np.array(found).T


def exact(params):
    q, _ = FAMILY.natural(params)
    return mb.exact_posterior(LINEAR, X, Y).decompose(q).elbo


# --- the standard error --------------------------------------------------------------

CASES = {
    "all rows at once": (10**9, {"n_samples": 3}),
    "in chunks": (4 * 70, {"n_samples": 2}),
    "a tenth of the rows": (4 * 2, {"most_rows": 120}),
    "half of the rows": (4 * 5, {"most_rows": 600}),
    "nine tenths of the rows": (4 * 9, {"most_rows": 1080}),
    "again and again": (4 * 100, {"most_rows": 600 * 7}),
}


@pytest.mark.optional
@pytest.mark.sample(2)
@pytest.mark.parametrize("case", CASES)
def test_the_error_is_the_spread_about_the_truth(case, monkeypatch):
    """Over 100 seeds: no bias, and the mean square of (value - truth) / se is one."""
    chunk, options = CASES[case]
    monkeypatch.setattr(estimate, "CHUNK", chunk)
    params = FAMILY.init(LINEAR, rng=3)
    values, se = estimates(params, **options)
    off = values - exact(params)
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(len(off))
    assert np.mean(off**2) / np.mean(se**2) == pytest.approx(1.0, abs=0.5)


@pytest.mark.optional
def test_one_sample_of_every_row_has_an_upper_bound_of_its_error(monkeypatch):
    """Chunks differ in their rows too, and one draw cannot tell."""
    params = FAMILY.init(LINEAR, rng=3)
    values, se = estimates(params, n_samples=1)
    off = values - exact(params)
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(len(off))
    assert np.mean(off**2) < 1.3 * np.mean(se**2)


@pytest.mark.sample(2)
@pytest.mark.parametrize("chunk", [10**9, 4 * 60])
def test_a_sampled_kl_is_in_the_error(chunk, monkeypatch):
    """Under a Laplace prior without data (a flat likelihood) there is nothing else."""
    monkeypatch.setattr(estimate, "CHUNK", chunk)
    prior = mb.ScaleMixturePrior(0.5, 1.0, 0.05)
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(1e6), prior)
    params = FAMILY.init(model, rng=3)
    values, se = estimates(params, model, n_samples=4)
    assert np.var(values) / np.mean(se**2) == pytest.approx(1.0, abs=0.5)
    noise = np.random.default_rng(1).standard_normal((5000, 3))
    wanted = -mb.neg_elbo(model, FAMILY, params, noise, X, Y)[0]
    assert abs(values.mean() - wanted) < 5 * np.sqrt(np.mean(se**2) / len(values))


def test_one_value_has_no_error():
    params = FAMILY.init(LINEAR, rng=0)
    data = LINEAR.batch(X[:1], Y[:1])
    rng = np.random.default_rng(0)
    value, se = estimate.estimate_elbo(LINEAR, FAMILY, params, *data, rng, n_samples=1)
    assert np.isfinite(value)
    assert np.isnan(se)


def test_an_elbo_is_the_mean_of_its_samples():
    """With all rows in a chunk these are losses at the noises of the stream."""
    A, y = LINEAR.batch(X[:40], Y[:40])
    params, rng = FAMILY.init(LINEAR, rng=0), np.random.default_rng(5)
    got = estimate.estimate_elbo(LINEAR, FAMILY, params, A, y, rng, n_samples=64)
    noise = np.random.default_rng(5).standard_normal((64, 40))
    each = [
        -mb.neg_elbo(LINEAR, FAMILY, params, eps[None], X[:40], Y[:40],
                     estimator=mb.LocalReparam())[0]
        for eps in noise
    ]  # fmt: skip
    wanted = np.mean(each), np.std(each, ddof=1) / np.sqrt(64)
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_rows_that_share_weights_are_few(monkeypatch):
    """The same rows, a third of the error: weights are drawn for 64 at a time."""
    family = mb.FullCovariance(sigma=0.2)
    params = family.init(LINEAR, rng=3)
    values, se = estimates(params, LINEAR, family, n_samples=32)
    monkeypatch.setattr(estimate, "SHARED", 600)
    _, together = estimates(params, LINEAR, family, seeds=20, n_samples=32)
    assert 2.5 < np.mean(together) / np.mean(se) < 4.0
    assert np.var(values) / np.mean(se**2) == pytest.approx(1.0, abs=0.5)


# --- what it costs -------------------------------------------------------------------


@pytest.fixture
def cost(monkeypatch):
    """How many rows have been evaluated, and how often the KL."""
    found = {"rows": 0, "kl": 0}

    def values(model, family, q, noise, A, y, call=estimate.values):
        found["rows"] += noise.shape[-2] * A.shape[-2]
        return call(model, family, q, noise, A, y)

    monkeypatch.setattr(estimate, "values", values)

    def closed(model, family, q):
        found["kl"] += 1
        return closed_kl(model, family, q)

    monkeypatch.setattr(estimate, "closed_kl", closed)
    return found


@pytest.mark.optional
@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({"max_steps": 2000, "n_samples": 2}, 600 * 400),  # a tenth of 4000 passes
        ({"max_steps": 1000, "batch_size": 60}, 600 * 10),
        ({"max_steps": 100, "batch_size": 60}, 600),  # two draws of half the rows
        ({"max_steps": 5}, 512),  # the least: 32 values, of 16 rows each
        ({"max_steps": 5, "elbo_samples": 3}, 600 * 3),
        ({"max_steps": 5, "elbo_samples": 0}, 0),
    ],
)
def test_rows_evaluated_are_a_tenth_of_those_of_the_steps(
    options, rows, cost, monkeypatch
):
    monkeypatch.setattr(estimate, "CHUNK", 16 * 2 * 2)
    result = mb.fit(LINEAR, FAMILY, X, Y, rng=0, start=None, optimizer=STILL, **options)
    assert abs(cost["rows"] - rows) < 64
    assert cost["kl"] == (rows > 0)
    assert (result.elbo is None) == (rows == 0)


def test_small_enough_is_enough(cost):
    """A network that is sure of itself: two digits fewer draws than allowed."""
    params = FAMILY.init(LINEAR, rng=0) | {"rho": np.full(3, -12.0)}
    data, rng = LINEAR.batch(X, Y), np.random.default_rng(0)
    value, se = estimate.estimate_elbo(
        LINEAR, FAMILY, params, *data, rng, most_rows=10**7
    )
    assert 0 < se <= 1e-4 * abs(value)
    assert cost["rows"] <= 600 * 200


@pytest.mark.parametrize(
    ("family", "prior"),
    [(mb.FullCovariance(), PRIOR), (FAMILY, mb.ScaleMixturePrior(0.5, 1.0, 0.1))],
)
def test_what_is_sampled_jointly_counts_once(family, prior, cost, monkeypatch):
    """Weights drawn for a chunk serve its data term and, where sampled, the KL."""
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.5), prior)
    result = mb.fit(model, family, X, Y, rng=0, start=None, max_steps=2)
    assert np.isfinite([result.elbo, result.elbo_se]).all()
    assert cost["rows"] == 600 * 4  # in 10 chunks
    assert cost["kl"] == prior.has_closed_kl


def test_equal_seeds_give_equal_estimates(monkeypatch):
    monkeypatch.setattr(estimate, "CHUNK", 16 * 2 * 2)
    options = {"start": None, "max_steps": 60, "batch_size": 60}
    one, two = (mb.fit(LINEAR, FAMILY, X, Y, rng=7, **options) for _ in range(2))
    assert (one.elbo, one.elbo_se) == (two.elbo, two.elbo_se)
    assert one.elbo_se > 0


# --- left out ------------------------------------------------------------------------


def test_restarts_without_an_estimate_are_compared_by_their_last_steps():
    options = {"start": None, "max_steps": 300, "rng": 2, "restarts": 3}
    result = mb.fit(LINEAR, FAMILY, X, Y, elbo_samples=0, **options)
    assert result.restarts == [(None, None)] * 3
    each = [
        mb.fit(LINEAR, FAMILY, X, Y, elbo_samples=0, start=None, max_steps=300, rng=seed)
        for seed in np.random.SeedSequence(2).spawn(3)
    ]
    last = [one.history["elbo"][-100:].mean() for one in each]
    assert result.history["elbo"][-100:].mean() == pytest.approx(max(last), abs=20)


def test_a_result_without_an_estimate_is_saved_and_split(tmp_path):
    options = {"rng": 0, "start": None, "max_steps": 5, "elbo_samples": 0}
    result = mb.fit(LINEAR, FAMILY, X, Y, replicas=2, **options)
    assert result.elbo is result.elbo_se is result.replica(1).elbo is None
    result.save(tmp_path / "fit.npz")
    assert mb.FitResult.load(tmp_path / "fit.npz").elbo is None


@pytest.mark.parametrize("bad", [-1, 1.5, True, "many", 10**12])
def test_how_many_samples_is_a_whole_number(bad):
    with pytest.raises((ValueError, TypeError), match="elbo_samples must be"):
        mb.fit(LINEAR, FAMILY, X, Y, elbo_samples=bad)


def test_ctrl_c_keeps_whole_rounds(monkeypatch):
    monkeypatch.setattr(estimate, "CHUNK", 600 * 2 * 2)
    options = {"rng": 0, "start": None, "max_steps": 5}
    interrupt_call(monkeypatch, estimate.Draws, "of_all", 3)
    result = mb.fit(LINEAR, FAMILY, X, Y, **options, elbo_samples=50)
    assert result.stop_reason == "interrupted"
    monkeypatch.undo()
    whole = mb.fit(LINEAR, FAMILY, X, Y, **options, elbo_samples=50)
    assert whole.stop_reason == "max_steps"
    assert 0 < abs(result.elbo - whole.elbo) < 6 * result.elbo_se
