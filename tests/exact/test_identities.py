"""Identities to machine precision on conjugate models; natural-gradient steps."""

import numpy as np
import pytest
from support.combination_cases import make_params
from support.oracles import covariance, gaussian_kl, posterior, trapezoid

import minibnn as mb

NOISE, M0, S0 = 0.6, 0.2, 0.8


def conjugate(seed=0, n=12, d=3):
    """A linear model without intercept, its data, posterior and log evidence."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ (np.eye(d) + 0.4)
    y = X @ np.linspace(1, -0.5, d) + NOISE * rng.normal(size=n)
    net = mb.MLP([d, 1], bias=False)
    model = mb.Model(net, mb.Gaussian(NOISE), mb.GaussianPrior(M0, S0))
    return model, X, y, posterior(X, y, NOISE, M0, S0)


def elbo_and_gradient(model, family, params, X, y):
    """The exact ELBO and its gradient."""
    noise = np.zeros((1, 0))
    loss, grads, _ = mb.neg_elbo(
        model, family, params, noise, X, y, estimator=mb.Exact()
    )
    return -loss, grads


def full_params(family, mean, cov):
    """Params of a full-covariance family with this mean and covariance."""
    L = np.linalg.cholesky(cov)
    sigma = np.diag(L)
    low = (L / sigma[:, None])[np.tril_indices(len(mean), -1)]
    return {"mu": mean, "rho": np.log(np.expm1(sigma)), "low": low}


def close(a, b, terms):
    """Agreement to 1e-11 of the sum of absolute terms."""
    return np.max(np.abs(np.asarray(a) - b)) <= 1e-11 * np.sum(np.abs(terms))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["MeanField", "FullCovariance", "InferenceNetwork"])
def test_evidence_is_elbo_plus_kl_to_the_posterior(name, seed):
    model, X, y, (mean, cov, evidence) = conjugate(seed)
    family = getattr(mb, name, None)
    if name == "InferenceNetwork":
        family = mb.InferenceNetwork(mb.MLP([2, 4, 6], "tanh"), [0.3, -0.8])
    else:
        family = family()
    params = make_params(family, model, seed)
    q = family.natural(params)[0]
    elbo, _ = elbo_and_gradient(model, family, params, X, y)
    kl = gaussian_kl(q.mean, covariance(q), mean, cov)
    assert kl > 0.1
    assert close(elbo + kl, evidence, [elbo, kl, evidence])


def test_full_covariance_optimum_is_the_posterior():
    model, X, y, (mean, cov, evidence) = conjugate()
    family = mb.FullCovariance()
    params = full_params(family, mean, cov)
    elbo, grads = elbo_and_gradient(model, family, params, X, y)
    assert close(elbo, evidence, [elbo, evidence])
    scale = np.linalg.norm(X.T @ y) / NOISE**2
    for g in grads.values():
        assert np.max(np.abs(g)) <= 1e-11 * scale


def test_mean_field_optimum_is_the_inverse_diagonal():
    model, X, y, (mean, cov, evidence) = conjugate()
    precision = np.linalg.inv(cov)
    family = mb.MeanField(scale="exp")
    params = {"mu": mean, "rho": -0.5 * np.log(np.diag(precision))}
    elbo, grads = elbo_and_gradient(model, family, params, X, y)
    gap = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    assert gap > 0.1
    assert close(elbo + gap, evidence, [elbo, gap, evidence])
    scale = np.linalg.norm(X.T @ y) / NOISE**2
    for g in grads.values():
        assert np.max(np.abs(g)) <= 1e-11 * scale


def test_sticking_the_landing_is_zero_sample_by_sample_at_the_posterior():
    model, X, y, (mean, cov, _) = conjugate()
    full, field = mb.FullCovariance(), mb.MeanField(scale="exp")
    rho = -0.5 * np.log(np.diag(np.linalg.inv(cov)))
    noise = np.random.default_rng(3).normal(size=(20, 1, 3))

    def largest(family, params, estimator):
        grads = [
            mb.neg_elbo(model, family, params, eps, X, y, estimator=estimator)[1]
            for eps in noise
        ]
        return min(max(np.abs(g).max() for g in one.values()) for one in grads), max(
            max(np.abs(g).max() for g in one.values()) for one in grads
        )

    at_posterior = full_params(full, mean, cov)
    scale = np.linalg.norm(X.T @ y) / NOISE**2
    assert largest(full, at_posterior, mb.StickTheLanding())[1] <= 1e-11 * scale
    assert largest(full, at_posterior, mb.Pathwise())[0] > 0.05  # noise all the same
    at_mean_field = {"mu": mean, "rho": rho}
    assert largest(field, at_mean_field, mb.StickTheLanding())[0] > 0.05


@pytest.mark.parametrize("a", [0.3, 1.0])
def test_a_natural_gradient_step_interpolates_natural_parameters(a):
    """(Λ, Λ mu) go the share a of the way; at 1 the step is the posterior."""
    model, X, y, (mean, cov, evidence) = conjugate()
    family = mb.FullCovariance()
    start = make_params(family, model, 5)
    result = mb.fit(
        model,
        family,
        X,
        y,
        estimator=mb.Exact(),
        optimizer=mb.NaturalGradient(a),
        max_steps=1,
        start=start,
    )
    q = family.natural(start)[0]
    old, target = np.linalg.inv(covariance(q)), np.linalg.inv(cov)
    new_cov = np.linalg.inv((1 - a) * old + a * target)
    new_mean = new_cov @ ((1 - a) * old @ q.mean + a * target @ mean)
    np.testing.assert_allclose(result.q.mean, new_mean, rtol=0, atol=1e-11)
    np.testing.assert_allclose(covariance(result.q), new_cov, rtol=0, atol=1e-11)
    if a == 1:
        assert close(result.elbo, evidence, [evidence])


def test_natural_gradient_steps_of_two_replicas_are_two_runs():
    model, X, y, _ = conjugate()
    family, step = mb.FullCovariance(), mb.NaturalGradient(0.3)
    two = [make_params(family, model, seed) for seed in (1, 2)]
    options = {"estimator": mb.Exact(), "optimizer": step, "max_steps": 3}
    start = {key: np.stack([p[key] for p in two]) for key in two[0]}
    both = mb.fit(model, family, X, y, replicas=2, start=start, **options)
    for i, params in enumerate(two):
        one = mb.fit(model, family, X, y, start=params, **options)
        for key, value in one.params.items():
            np.testing.assert_allclose(both.params[key][i], value, rtol=1e-12)


@pytest.mark.parametrize("scale", ["softplus", "exp", "identity"])
def test_mean_field_natural_step_is_its_formula(scale):
    model, X, y, (mean, cov, _) = conjugate()
    family, precision = mb.MeanField(scale=scale, sigma=0.3), np.linalg.inv(cov)
    start = family.init(model, rng=0)
    result = mb.fit(
        model,
        family,
        X,
        y,
        estimator=mb.Exact(),
        optimizer=mb.NaturalGradient(0.4),
        max_steps=1,
        start=start,
    )
    g_mu = precision @ (start["mu"] - mean)
    np.testing.assert_allclose(result.q.mean, start["mu"] - 0.4 * 0.3**2 * g_mu)
    g_log_sigma = np.diag(precision) * 0.3**2 - 1
    want = np.log(0.3) - 0.2 * g_log_sigma
    np.testing.assert_allclose(result.q.log_sigma, want, rtol=1e-11)


def test_mean_field_step_one_is_a_jacobi_iteration_and_may_diverge():
    """From sigma² = 1/Λ_ii: mu - mean is multiplied by I - diag(Λ)⁻¹ Λ each step."""
    model, X, y, _ = conjugate(n=40)
    X = X[:, :1] + 0.3 * X  # strongly correlated columns
    mean, cov, _ = posterior(X, y, NOISE, M0, S0)
    precision = np.linalg.inv(cov)
    jacobi = np.eye(3) - precision / np.diag(precision)[:, None]
    assert np.max(np.abs(np.linalg.eigvals(jacobi))) > 1
    start = {"mu": mean + [0.1, 0, 0], "rho": -0.5 * np.log(np.diag(precision))}
    result = mb.fit(
        model,
        mb.MeanField(scale="exp"),
        X,
        y,
        estimator=mb.Exact(),
        start=start,
        optimizer=mb.NaturalGradient(1.0),
        max_steps=7,
    )
    want = mean + np.linalg.matrix_power(jacobi, 7) @ [0.1, 0, 0]
    np.testing.assert_allclose(result.params["mu"], want, rtol=1e-9)
    assert np.abs(result.params["mu"] - mean).max() > 0.1


def test_a_natural_step_that_is_too_long_says_so():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 2)), rng.integers(0, 2, 20)
    model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), mb.GaussianPrior())
    with pytest.raises(mb.FitError, match="natural-gradient step of size 50"):
        mb.fit(
            model,
            mb.FullCovariance(sigma=1.5),
            X,
            y,
            start=None,
            rng=0,
            optimizer=mb.NaturalGradient(50.0),
            max_steps=50,
        )
    family = mb.InferenceNetwork(mb.MLP([1, 26]), [1.0])
    for other in (mb.Point(), family):
        with pytest.raises(ValueError, match="needs a family with a natural-gradient"):
            mb.fit(model, other, X, y, optimizer=mb.NaturalGradient(0.1))


@pytest.mark.parametrize("name", ["MeanField", "FullCovariance"])
def test_learned_noise_evidence_by_quadrature_over_t(name):
    """ELBO + KL(q || posterior) = log evidence; the last two by a 1-D rule."""
    _, X, y, _ = conjugate(2)
    like = mb.Gaussian("learned", (-0.3, 0.5))
    model = mb.Model(mb.MLP([3, 1], bias=False), like, mb.GaussianPrior(M0, S0))
    family = getattr(mb, name)()
    params = make_params(family, model, 3)
    params["mu"][-1], params["rho"][-1] = -0.4, -1.2
    q = family.natural(params)[0]
    cov = covariance(q)
    elbo, _ = elbo_and_gradient(model, family, params, X, y)

    def log_joint_t(t):  # log p(y, t), and the posterior of the weights given t
        mean_t, cov_t, log_y = posterior(X, y, np.exp(t), M0, S0)
        prior = -0.5 * ((t + 0.3) / 0.5) ** 2 - np.log(0.5 * np.sqrt(2 * np.pi))
        return log_y + prior, mean_t, cov_t

    grid = np.linspace(-4, 4, 801)
    values = np.array([log_joint_t(t)[0] for t in grid])
    evidence = values.max() + np.log(np.exp(values - values.max()).sum() * 0.01)

    eps, weights = trapezoid(161, 1)
    slope = cov[:3, 3] / cov[3, 3]
    given_t, kl = cov[:3, :3] - np.outer(slope, cov[3, :3]), 0.0
    for e, weight in zip(eps[:, 0] * np.sqrt(cov[3, 3]), weights, strict=True):
        log_joint, mean_t, cov_t = log_joint_t(q.mean[3] + e)
        log_qt = -0.5 * e**2 / cov[3, 3] - 0.5 * np.log(2 * np.pi * cov[3, 3])
        inner = gaussian_kl(q.mean[:3] + slope * e, given_t, mean_t, cov_t)
        kl += weight * (log_qt - (log_joint - evidence) + inner)
    assert kl > 0.1
    assert close(elbo + kl, evidence, [elbo, kl, evidence])
