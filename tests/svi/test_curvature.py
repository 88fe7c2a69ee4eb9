"""A full covariance: it gains on mean field, and its steps lose nothing of that."""

from types import SimpleNamespace

import numpy as np
import pytest
from support.interrupts import interrupt_call

import minibnn as mb
from minibnn.numerics import sigmoid
from minibnn.svi.curvature import Curved, curvature_start, has_curvature

N01 = mb.GaussianPrior(0.0, 1.0)
FULL = mb.FullCovariance()


def moons(hidden):
    """Two half circles with noise, 196 rows."""
    rng = np.random.default_rng(0)
    t, y = rng.uniform(0.0, np.pi, 196), np.arange(196) % 2.0
    X = np.where(y, (1 - np.cos(t), 0.5 - np.sin(t)), (np.cos(t), np.sin(t))).T
    X = X + rng.normal(0.0, 0.2, X.shape)
    model = mb.Model(mb.MLP([2, hidden, 1]), mb.Bernoulli(), N01)
    return model, (X - X.mean(0)) / X.std(0), y


def two_clusters():
    """Targets from the prior on two clusters with nothing in between, P = 201."""
    rng = np.random.default_rng(0)
    X = np.repeat([[-1.0, -1.0], [1.0, 1.0]], 50, 0) + rng.normal(0.0, 0.3, (100, 2))
    net = mb.MLP([2, 50, 1])
    prior = mb.GaussianPrior.fan_in(net, 4.0)
    y = net(rng.normal(size=net.n_weights) * prior.scale, X)[:, 0]
    return mb.Model(net, mb.Gaussian(0.1), prior), X, y + rng.normal(0.0, 0.1, 100)


# --- what fit does -------------------------------------------------------------------


@pytest.mark.slow
def test_default_fit_gains_on_mean_field(monkeypatch):
    """A network of 81 weights; mean-field fits of 500 steps, to be quick."""
    monkeypatch.setattr("minibnn.svi.options.FEWEST_STEPS", 500)
    monkeypatch.setattr("minibnn.svi.options.MOST_STEPS", 500)
    model, X, y = moons(20)
    mean_field = mb.fit(model, mb.MeanField(), X, y, rng=0)
    full = mb.fit(model, FULL, X, y, rng=0)
    assert full.elbo - mean_field.elbo > 4.0


@pytest.fixture(scope="module")
def clusters():
    """The problem, a mean-field solution, and where the curvature leads from there."""
    model, X, y = two_clusters()
    options = {"rng": 0, "start": "lbfgs", "max_steps": 500}
    with pytest.warns(mb.FitWarning, match="mean 0"):  # targets as the prior has them
        mean_field = mb.fit(model, mb.MeanField(), X, y, **options)
    params = FULL.embed(mean_field.params)
    A, y = model.batch(X, y)
    curved = curvature_start(model, FULL, params, A, y, 1.0, np.random.default_rng(0))
    return model, X, y, params, curved


def elbo_at(model, params, X, y):
    """The ELBO of params, from one common noise."""
    noise = np.random.default_rng(1).normal(size=(500, model.n_weights))
    return -mb.neg_elbo(model, FULL, params, noise, X, y)[0]


@pytest.mark.optional
def test_curvature_gains_where_correlations_count(clusters):
    model, X, y, params, curved = clusters
    assert elbo_at(model, curved, X, y) > elbo_at(model, params, X, y) + 100.0


@pytest.mark.parametrize("which", [3, 4])
def test_default_steps_do_not_destroy_where_they_begin(clusters, which):
    """200 steps from a dict, of which the last state is returned whatever it is."""
    model, X, y, *states = clusters
    start = states[which - 3]
    options = {"start": start, "max_steps": 200, "rng": 0}
    with pytest.warns(mb.FitWarning, match="mean 0"):
        found = mb.fit(model, FULL, X, y, **options)
    before, after = (elbo_at(model, p, X, y) for p in (start, found.params))
    assert found.returned == "last"
    assert after > before - 5.0


def test_an_optimizer_of_the_callers_is_taken_as_it_is(clusters):
    model, X, y, params, _ = clusters
    options = {"start": params, "max_steps": 1, "rng": 0, "optimizer": mb.Adam(0.01)}
    with pytest.warns(mb.FitWarning, match="mean 0"):
        moved = mb.fit(model, FULL, X, y, **options).params
    for key, before in params.items():
        np.testing.assert_allclose(np.abs(moved[key] - before).max(), 0.01, rtol=1e-3)


def test_ctrl_c_in_the_curvature_returns_the_best_so_far(monkeypatch):
    monkeypatch.setattr("minibnn.svi.options.FEWEST_STEPS", 50)
    monkeypatch.setattr("minibnn.svi.options.MOST_STEPS", 50)
    model, X, y = moons(3)
    interrupt_call(monkeypatch, Curved, "steps_from", 3)
    found = mb.fit(model, FULL, X, y, rng=0)
    assert found.stop_reason == "interrupted"
    assert np.any(found.params["low"])


# --- the steps -----------------------------------------------------------------------


def test_slopes_of_rows_have_the_fisher_information_as_mean():
    """For a linear logistic model: E over w of Σ_b p (1 - p) x_b x_bᵀ, by the formula."""
    rng = np.random.default_rng(0)
    model = mb.Model(mb.MLP([2, 1]), mb.Bernoulli(), N01)
    X, y = rng.normal(size=(5, 2)), np.array([0.0, 1.0, 0.0, 1.0, 1.0])
    A, y = model.batch(X, y)
    params = {"mu": rng.normal(size=3), "rho": np.full(3, 0.2), "low": rng.normal(size=3)}
    curved = Curved(model, FULL, A, y, 0.5, rng)
    G = [curved.row_slopes(params) for _ in range(300)]
    products = np.array([g.T @ g for g in G])
    q, _ = FULL.natural(params)
    w, _ = FULL.sample(q, rng.normal(size=(50_000, 3)))
    p = sigmoid(w @ A.T)
    weights = (p * (1 - p)).mean(0)
    wanted = (A.T * weights) @ A / 0.5  # of nll / kl_weight
    error = products.std(0) / np.sqrt(len(G))
    assert np.all(np.abs(products.mean(0) - wanted) < 5 * error)


def test_on_a_conjugate_model_it_reaches_the_posterior():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    X[:, 1] = 0.9 * X[:, 0] + 0.3 * X[:, 1]
    y = X @ [1.0, -1.0, 0.5] + rng.normal(0.0, 0.3, 40)
    model = mb.Model(mb.MLP([3, 1], bias=False), mb.Gaussian(0.3), N01)
    A, y2 = model.batch(X, y)
    start = FULL.init(model, rng=0)
    found = curvature_start(model, FULL, start, A, y2, 1.0, np.random.default_rng(0))
    noise = np.zeros((1, 0))
    loss, _, _ = mb.neg_elbo(model, FULL, found, noise, X, y, estimator=mb.Exact())
    evidence = mb.exact_posterior(model, X, y).log_evidence
    assert evidence - 0.2 < -loss <= evidence


LIKELIHOODS = {
    "gaussian": (mb.Gaussian("learned"), 1),
    "student": (mb.StudentT(4.0, "learned"), 1),
    "heteroscedastic": (mb.HeteroscedasticGaussian(), 2),
    "poisson": (mb.Poisson(), 2),
    "bernoulli": (mb.Bernoulli(), 2),
    "categorical": (mb.Categorical(3), 3),
}


def problem(likelihood, n_outputs, prior=N01):
    """60 rows with targets drawn from a network of the prior, and a start near it."""
    rng = np.random.default_rng(2)
    model = mb.Model(mb.MLP([2, 4, n_outputs]), likelihood, prior)
    A, w = model.features(rng.normal(size=(60, 2))), 0.7 * rng.normal(size=model.n_weights)
    n = model.net.n_weights
    F, _ = model.net.apply(w[None, :n], A)
    y = model.targets(A, likelihood.sample(F, w[None, n:], rng.random(F.shape))[0])
    params = FULL.embed(mb.MeanField(sigma=0.1).init(model, rng))
    return model, params | {"mu": w}, A, y


@pytest.mark.sample(5)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_every_likelihood_has_a_curvature(name, dtype):
    model, params, A, y = problem(*LIKELIHOODS[name])
    params = {key: part.astype(dtype) for key, part in params.items()}
    A, y = A.astype(dtype), y.astype(dtype) if y.dtype.kind == "f" else y
    found = curvature_start(model, FULL, params, A, y, 1.0, np.random.default_rng(0))
    fresh = Curved(model, FULL, A, y, 1.0, np.random.default_rng(1))
    assert found["low"].dtype == dtype
    assert fresh.loss(found) < fresh.loss(params) - 1.0


@pytest.mark.parametrize("prior", [mb.LaplacePrior(0.5), mb.GaussianPrior(0.3, 2.0)])
@pytest.mark.parametrize("kl_weight", [0.1, 3.0])
def test_of_other_priors_and_weights(prior, kl_weight):
    model, params, A, y = problem(mb.Bernoulli(), 1, prior)
    data = A, y, kl_weight
    found = curvature_start(model, FULL, params, *data, np.random.default_rng(0))
    fresh = Curved(model, FULL, *data, np.random.default_rng(1))
    assert fresh.loss(found) < fresh.loss(params) - 1.0


def test_where_there_is_none():
    """A prior without a closed KL, a weight of 0, another family."""
    sampled = SimpleNamespace(weight_prior=mb.ScaleMixturePrior())
    closed = SimpleNamespace(weight_prior=N01)
    assert has_curvature(closed, FULL, 1.0)
    assert not has_curvature(closed, FULL, 0.0)
    assert not has_curvature(sampled, FULL, 1.0)
    assert not has_curvature(closed, mb.MeanField(), 1.0)
