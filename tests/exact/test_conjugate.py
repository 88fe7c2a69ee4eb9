"""Exact answers against independent ones: mpmath, scipy integrators, identities."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import gamma

import minibnn as mb
from minibnn.exact.conjugate import exact_posterior, stacked_qr
from minibnn.exact.normal_sample import (
    integral_over_data,
    integral_over_parameters,
    normal_log_likelihood,
    normal_maximum,
)
from minibnn.exact.quadrature import grid_posterior, prior_box
from minibnn.families.normal import Normal as Q


def linear_case(rng, n=30, d=4, outputs=1, noise=0.7):
    X = rng.standard_normal((n, d))
    y = rng.standard_normal((n, outputs))
    net = mb.MLP([d, outputs])
    m0 = rng.standard_normal(net.n_weights)
    s0 = rng.uniform(0.3, 2.0, net.n_weights)
    return mb.Model(net, mb.Gaussian(noise), mb.GaussianPrior(m0, s0)), X, y


def random_q(rng, n_weights):
    sigma = rng.uniform(0.05, 2.0, n_weights)
    low = np.tril(rng.standard_normal((n_weights, n_weights)), -1)
    return Q(rng.standard_normal(n_weights), sigma, np.log(sigma), low)


# --- conjugate regression -------------------------------------------------------------


@pytest.mark.parametrize("outputs", [1, 3])
def test_posterior_and_evidence_agree_with_the_density_of_y(outputs):
    """[E91] [E92]: y is jointly Gaussian; condition on it the long way."""
    rng = np.random.default_rng(0)
    model, X, y = linear_case(rng, outputs=outputs)
    exact = exact_posterior(model, X, y)
    Phi = np.kron(np.column_stack([X, np.ones(len(X))]), np.eye(outputs))
    S0 = np.diag(model.prior.scale**2)
    Sy = Phi @ S0 @ Phi.T + 0.7**2 * np.eye(y.size)
    gain = np.linalg.solve(Sy, Phi @ S0).T
    mean = model.prior.mean + gain @ (y.ravel() - Phi @ model.prior.mean)
    np.testing.assert_allclose(exact.mean, mean, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(exact.cov, S0 - gain @ Phi @ S0, rtol=1e-10, atol=1e-13)
    marginal = stats.multivariate_normal(Phi @ model.prior.mean, Sy)
    assert exact.log_evidence == pytest.approx(marginal.logpdf(y.ravel()), rel=1e-12)


def test_posterior_is_the_joint_divided_by_the_evidence():
    """Bayes' rule at random weights: log joint - log evidence = log posterior."""
    rng = np.random.default_rng(1)
    model, X, y = linear_case(rng)
    exact = exact_posterior(model, X, y)
    w = exact.mean + 0.5 * rng.standard_normal((20, len(exact.mean)))
    density = stats.multivariate_normal(exact.mean, exact.cov).logpdf(w)
    joint, _ = model.log_joint(w, X, y)
    np.testing.assert_allclose(joint - exact.log_evidence, density, rtol=1e-11)
    np.testing.assert_allclose(exact.precision @ exact.cov, np.eye(5), atol=1e-12)


def test_evidence_is_elbo_plus_kl_for_any_q():
    rng = np.random.default_rng(2)
    worst = 0.0
    for _ in range(50):
        model, X, y = linear_case(rng, n=int(rng.integers(1, 40)))
        exact = exact_posterior(model, X, y)
        parts = exact.decompose(random_q(rng, 5))
        assert parts.kl_posterior >= 0
        assert parts.elbo <= parts.log_evidence
        worst = max(worst, abs(parts.residual) / sum(map(abs, parts)))
    assert worst < 1e-11


def test_decomposition_agrees_with_the_objective():
    """The ELBO of the decomposition is the one that training sees, by 2 x P + 1 nodes.

    E_q of a quadratic is exact on the sigma points mean ± sqrt(P) sigma_i e_i.
    """
    rng = np.random.default_rng(3)
    model, X, y = linear_case(rng)
    family = mb.MeanField()
    params = {"mu": rng.standard_normal(5), "rho": rng.standard_normal(5)}
    nodes = np.sqrt(5) * np.vstack([np.eye(5), -np.eye(5)])
    loss, _, _ = mb.neg_elbo(model, family, params, nodes, X, y)
    parts = exact_posterior(model, X, y).decompose(family.natural(params)[0])
    assert -loss == pytest.approx(parts.elbo, rel=1e-12)


def test_kl_vanishes_at_the_posterior_itself():
    rng = np.random.default_rng(4)
    exact = exact_posterior(*linear_case(rng))
    L = np.linalg.cholesky(exact.cov)
    sigma = np.diag(L)
    q = Q(exact.mean, sigma, np.log(sigma), np.tril(L / sigma[:, None], -1))
    assert abs(exact.kl_from(q)) < 1e-11
    flat = q._replace(low=q.low[np.tril_indices(5, -1)])
    assert exact.kl_from(flat) == exact.kl_from(q)


@pytest.mark.parametrize(("gap", "scale"), [(1e-7, 1e3), (1e-9, 1.0), (1e-4, 10.0)])
def test_nearly_collinear_design_keeps_its_digits(gap, scale):
    """Posterior variances, means and evidence against 60-digit arithmetic."""
    mp = pytest.importorskip("mpmath")
    rng = np.random.default_rng(5)
    x = rng.standard_normal(40)
    X = np.column_stack([x, x + gap * rng.standard_normal(40), rng.standard_normal(40)])
    y = X @ [1.0, 2.0, -1.0] + 0.1 * rng.standard_normal(40)
    net = mb.MLP([3, 1], bias=False)
    model = mb.Model(net, mb.Gaussian(0.1), mb.GaussianPrior(0.0, scale))
    exact = exact_posterior(model, X, y)
    with mp.workdps(60):
        M, v = mp.matrix(X.tolist()) / mp.mpf(0.1), mp.matrix(y.tolist()) / mp.mpf(0.1)
        precision = M.T * M + mp.eye(3) / mp.mpf(scale) ** 2
        cov = precision**-1
        mean = cov * (M.T * v)
        r2 = (v.T * v)[0] - (mean.T * (M.T * v))[0]
        log_z = -20 * mp.log(2 * mp.pi) - 40 * mp.log(mp.mpf(0.1)) - 3 * mp.log(scale)
        log_z += -mp.log(mp.det(precision)) / 2 - r2 / 2
        variances = np.array([float(cov[i, i]) for i in range(3)])
        np.testing.assert_allclose(exact.variances, variances, rtol=1e-12)
        errors = np.array([float(mean[i] - exact.mean[i]) for i in range(3)])
        assert np.all(np.abs(errors) < 1e-11 * np.sqrt(variances))
        assert exact.log_evidence == pytest.approx(float(log_z), rel=1e-13)


def test_predictive_agrees_with_posterior_draws_and_adds_up():
    rng = np.random.default_rng(6)
    model, X, y = linear_case(rng, outputs=2)
    exact, X_new = exact_posterior(model, X, y), rng.standard_normal((7, 4))
    pred = exact.predict(X_new)
    F = model.net(exact.sample_weights(40_000, rng=1), X_new)
    z = (F.mean(0) - pred.mean) / np.sqrt(pred.epistemic / 40_000)
    assert np.abs(z).max() < 6
    np.testing.assert_allclose(F.var(0), pred.epistemic, rtol=0.06)
    np.testing.assert_allclose(pred.std**2, pred.epistemic + 0.49, rtol=1e-14)
    low, high = pred.interval(0.9)
    np.testing.assert_allclose(stats.norm.cdf(high, pred.mean, pred.std), 0.95)
    np.testing.assert_allclose(pred.quantile([0.05, 0.95]), [low, high])
    np.testing.assert_allclose(pred.quantile(0.05), low)
    expect = stats.norm.logpdf(y[:7], pred.mean, pred.std)
    np.testing.assert_allclose(pred.log_prob(y[:7]), expect, rtol=1e-12)
    assert np.all(low < high)


def test_posterior_draws_are_the_mean_and_the_root_times_normals():
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((9, 2)), rng.standard_normal(9)
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.7), mb.GaussianPrior())
    exact = exact_posterior(model, X, y)
    z = np.random.default_rng(5).standard_normal((4, 3))
    want = np.stack([exact.mean + exact.root @ one for one in z])
    np.testing.assert_allclose(exact.sample_weights(4, 5), want, rtol=1e-13)


def test_more_prior_rows_than_data_and_a_fixed_sign():
    R, c, _ = stacked_qr(np.ones((1, 3)), np.ones(1), np.zeros(3), np.ones(3))
    assert np.all(np.diag(R) > 0)
    np.testing.assert_allclose(np.linalg.solve(R, c), 0.25)


@pytest.mark.parametrize(
    ("net", "likelihood", "prior", "word"),
    [
        (mb.MLP([2, 3, 1]), mb.Gaussian(1.0), mb.GaussianPrior(), "hidden layer"),
        (mb.MLP([2, 1]), mb.Gaussian("learned"), mb.GaussianPrior(), "learned"),
        (mb.MLP([2, 1]), mb.Bernoulli(), mb.GaussianPrior(), "likelihood"),
    ],
)
def test_a_model_that_is_not_conjugate_is_refused(net, likelihood, prior, word):
    model = mb.Model(net, likelihood, prior)
    with pytest.raises(ValueError, match=word):
        exact_posterior(model, np.zeros((3, 2)), np.zeros(3))


def test_a_q_of_the_wrong_size_is_refused():
    exact = exact_posterior(*linear_case(np.random.default_rng(7)))
    with pytest.raises(ValueError, match=r"q\.mean"):
        exact.kl_from(Q(np.zeros(2), np.ones(2), np.zeros(2)))
    with pytest.raises(ValueError, match="q must be"):
        exact.kl_from(np.zeros(5))


# --- quadrature -----------------------------------------------------------------------


def tanh_model(n_weights):
    net = mb.MLP([1, 1, 1] if n_weights == 2 else [1, 1], "tanh", bias=False)
    return mb.Model(net, mb.Bernoulli(), mb.GaussianPrior(0.3, 1.5))


def binary_data(n, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 1))
    p = 1 / (1 + np.exp(-2 * np.tanh(2 * X[:, 0])))
    return X, (rng.random(n) < p).astype(float)


def oracle_log_evidence(n_weights, X, y):
    """Adaptive Gauss-Kronrod on a joint density written out again."""
    x, sign = X[:, 0], 2 * y - 1
    scale = stats.norm(0.3, 1.5)

    def joint(*w):
        f = w[0] * x if n_weights == 1 else w[1] * np.tanh(w[0] * x)
        log_lik = -np.log1p(np.exp(-sign * f)).sum()
        return np.exp(log_lik + sum(scale.logpdf(v) for v in w))

    options = {"epsabs": 1e-14, "epsrel": 1e-12, "limit": 200}
    if n_weights == 1:
        return np.log(integrate.quad(joint, -15, 15, **options)[0])
    options["limit"] = 60
    nested = integrate.nquad(joint, [(-15, 15)] * 2, opts=[options] * 2)
    return np.log(nested[0])


def test_one_weight_evidence_agrees_with_an_adaptive_integrator():
    X, y = binary_data(12)
    grid = grid_posterior(tanh_model(1), X, y)
    assert grid.log_evidence == pytest.approx(oracle_log_evidence(1, X, y), abs=1e-10)


@pytest.mark.slow
def test_two_weight_evidence_agrees_with_an_adaptive_integrator():
    X, y = binary_data(6)
    grid = grid_posterior(tanh_model(2), X, y)
    assert grid.log_evidence == pytest.approx(oracle_log_evidence(2, X, y), abs=1e-9)


def test_two_weight_evidence_agrees_with_gauss_legendre():
    X, y = binary_data(25)
    model = tanh_model(2)
    grid = grid_posterior(model, X, y)
    nodes, weights = np.polynomial.legendre.leggauss(300)
    w = np.stack(np.meshgrid(15 * nodes, 15 * nodes, indexing="ij"), -1).reshape(-1, 2)
    f = w[:, 1:] * np.tanh(w[:, :1] * X[:, 0])
    log_joint = -np.logaddexp(0, -(2 * y - 1) * f).sum(1)
    log_joint += stats.norm(0.3, 1.5).logpdf(w).sum(1)
    mass = np.outer(weights, weights).ravel() * 225 * np.exp(log_joint)
    assert grid.log_evidence == pytest.approx(np.log(mass.sum()), abs=1e-9)
    mean = mass @ w / mass.sum()
    np.testing.assert_allclose(grid.mean, mean, atol=1e-9)
    second = (w * mass[:, None]).T @ w / mass.sum()
    np.testing.assert_allclose(grid.cov, second - np.outer(mean, mean), atol=1e-9)
    assert grid.error < 1e-11


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("n", [1, 40, 1000])
def test_quadrature_agrees_with_the_conjugate_answer(bias, n):
    """From wide to very narrow posteriors, far from the prior mean."""
    rng = np.random.default_rng(8)
    X = rng.standard_normal((n, 1)) + 1
    y = 5.0 * X[:, 0] + 0.1 * rng.standard_normal(n)
    model = mb.Model(mb.MLP([1, 1], bias=bias), mb.Gaussian(0.1), mb.GaussianPrior())
    grid, exact = grid_posterior(model, X, y), exact_posterior(model, X, y)
    size = abs(exact.log_evidence)
    assert abs(grid.log_evidence - exact.log_evidence) < 1e-11 * max(1.0, size)
    np.testing.assert_allclose(grid.mean, exact.mean, rtol=1e-9)
    np.testing.assert_allclose(grid.cov, exact.cov, rtol=1e-7)


def test_the_first_look_is_at_12_prior_scales():
    """Around the prior means, the learned noise scale's own prior behind the others."""
    likelihood = mb.Gaussian("learned", log_scale_prior=(-1.0, 0.5))
    net = mb.MLP([1, 1], bias=False)
    model = mb.Model(net, likelihood, mb.GaussianPrior(2.0, 3.0))
    centre, half = prior_box(model)
    assert (centre.tolist(), half.tolist()) == ([2.0, -1.0], [36.0, 6.0])


def test_learned_noise_scale_counts_as_a_weight():
    """w and t = log s: the t-integral again by scipy, the w-integral in closed form."""
    X, y = np.array([[1.0], [2.0], [-1.0]]), np.array([1.2, 1.7, -0.4])
    net = mb.MLP([1, 1], bias=False)
    grid = grid_posterior(
        mb.Model(net, mb.Gaussian("learned"), mb.GaussianPrior()), X, y
    )

    def given(t):
        model = mb.Model(net, mb.Gaussian(np.exp(t)), mb.GaussianPrior())
        return np.exp(exact_posterior(model, X, y).log_evidence) * stats.norm.pdf(t)

    total = integrate.quad(given, -9, 9, epsabs=1e-15, epsrel=1e-12)[0]
    assert grid.log_evidence == pytest.approx(np.log(total), abs=1e-10)


def test_grid_decomposition_and_symmetric_modes():
    rng = np.random.default_rng(9)
    X = rng.standard_normal((60, 1))
    y = 2 * np.tanh(1.5 * X[:, 0]) + 0.1 * rng.standard_normal(60)
    net = mb.MLP([1, 1, 1], "tanh", bias=False)
    model = mb.Model(net, mb.Gaussian(0.1), mb.GaussianPrior())
    grid = grid_posterior(model, X, y)
    np.testing.assert_allclose(grid.mean, 0, atol=1e-9)  # (w1, w2) and (-w1, -w2)
    assert grid.expect(lambda w: w[:, 0] > 0) == pytest.approx(0.5, abs=1e-9)
    sigma = np.array([0.05, 0.06])
    one_mode = Q(np.array([1.5, 2.0]), sigma, np.log(sigma))
    parts = grid.decompose(one_mode)
    assert abs(parts.residual) < 1e-9
    assert parts.kl_posterior > np.log(2)  # q holds one of two equal modes
    second = one_mode.mean @ one_mode.mean + sigma @ sigma
    prior = -np.log(2 * np.pi) - 0.5 * second
    assert parts.expected_log_prior == pytest.approx(prior, rel=1e-10)
    entropy = np.log(sigma).sum() + 1 + np.log(2 * np.pi)
    assert parts.entropy == pytest.approx(entropy, rel=1e-10)
    wide = Q(np.zeros(2), np.array([3.0, 2.0]), np.log([3.0, 2.0]))
    parts = grid.decompose(wide)
    assert abs(parts.residual) < 1e-11 * sum(map(abs, parts))
    w = np.array([[1.4, 2.1]])
    joint, _ = model.log_joint(w, X, y)
    assert grid.log_density(w) == pytest.approx(joint - grid.log_evidence)


def test_grid_and_conjugate_decompositions_agree_term_by_term():
    model, X, y = linear_case(np.random.default_rng(13), n=8, d=1)
    sigma = np.array([0.3, 0.8])
    q = Q(np.array([0.2, -0.4]), sigma, np.log(sigma), np.array([0.7]))
    terms = [f(model, X, y).decompose(q) for f in (grid_posterior, exact_posterior)]
    np.testing.assert_allclose(*terms, rtol=1e-11)


def test_a_posterior_far_outside_the_prior_is_found():
    """20 prior standard deviations away: the search has to leave its first box."""
    X = np.linspace(0.5, 1.5, 40)[:, None]
    model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.01), mb.GaussianPrior())
    grid, exact = (
        f(model, X, 20 * X[:, 0] - 15) for f in (grid_posterior, exact_posterior)
    )
    assert grid.log_evidence == pytest.approx(exact.log_evidence, rel=1e-11)
    np.testing.assert_allclose(grid.mean, exact.mean, rtol=1e-9)


@pytest.mark.parametrize("prior_mean", [0.03, 0.11, 0.17])
def test_no_narrow_mode_is_lost_between_coarse_grid_points(prior_mean):
    """The likelihood is even in w, so each mode's mass follows from the other's:

    P(w1 < 0) = E[1(w1 > 0) p(-w)/p(w)].
    """
    rng = np.random.default_rng(12)
    X = rng.standard_normal((300, 1))
    y = 2 * np.tanh(1.5 * X[:, 0]) + 0.02 * rng.standard_normal(300)
    prior = mb.GaussianPrior(prior_mean, 1.0)
    net = mb.MLP([1, 1, 1], "tanh", bias=False)
    grid = grid_posterior(mb.Model(net, mb.Gaussian(0.02), prior), X, y)

    def mirrored(w):
        return (w[:, 0] > 0) * np.exp(prior.log_prob(-w)[0] - prior.log_prob(w)[0])

    negative = grid.expect(lambda w: w[:, 0] < 0)
    assert 0.01 < negative < 0.5
    assert negative == pytest.approx(grid.expect(mirrored), rel=1e-9)


def test_a_kink_is_reported_by_the_error():
    X, y = binary_data(25)
    model = mb.Model(
        mb.MLP([1, 1, 1], "relu", bias=False), mb.Bernoulli(), mb.GaussianPrior(0.13)
    )
    grid = grid_posterior(model, X, y, tol=3e-5)
    nodes, weights = np.polynomial.legendre.leggauss(150)
    total = 0.0
    for a, b in ((-9, 0), (0, 9)):  # the kink of relu(w1 x) is at w1 = 0
        u, v = np.meshgrid(a + (b - a) * (nodes + 1) / 2, 9 * nodes, indexing="ij")
        w = np.stack([u.ravel(), v.ravel()], -1)
        mass = np.outer(weights * (b - a) / 2, weights * 9).ravel()
        total += mass @ np.exp(model.log_joint(w, X, y)[0])
    assert grid.log_evidence == pytest.approx(np.log(total), abs=10 * grid.error)
    assert 0 < grid.error < 1e-4


def test_quadrature_refuses_more_than_two_weights():
    model = mb.Model(mb.MLP([2, 1]), mb.Bernoulli(), mb.GaussianPrior())
    with pytest.raises(ValueError, match="1 or 2 weights, got 3"):
        grid_posterior(model, np.zeros((3, 2)), np.zeros(3))


# --- the normal sample ----------------------------------------------------------------


def test_normal_likelihood_value_and_gradient():
    """[E93]: value against scipy, gradient by the complex step."""
    rng = np.random.default_rng(10)
    x, mu, sigma, h = rng.standard_normal(9), 0.3, 1.7, 1e-30
    value, (g_mu, g_sigma) = normal_log_likelihood(x, mu, sigma)
    assert value == pytest.approx(stats.norm(mu, sigma).logpdf(x).sum(), rel=1e-14)
    step = normal_log_likelihood(x, mu + 1j * h, sigma)[0].imag / h
    assert g_mu == pytest.approx(step, rel=1e-13)
    step = normal_log_likelihood(x, mu, sigma + 1j * h)[0].imag / h
    assert g_sigma == pytest.approx(step, rel=1e-13)


def test_the_gradient_vanishes_at_mean_and_standard_deviation():
    x = np.array([1.2, 0.4, 3.3, 2.2, 0.1])
    mu, sigma = normal_maximum(x)
    assert (mu, sigma) == (pytest.approx(np.mean(x)), pytest.approx(np.std(x, ddof=0)))
    top, gradient = normal_log_likelihood(x, mu, sigma)
    np.testing.assert_allclose(gradient, 0, atol=1e-14)
    rng = np.random.default_rng(11)
    others = rng.normal(mu, 1, 500), rng.uniform(0.1, 4, 500)
    other, _ = normal_log_likelihood(x, *others)
    assert np.all(other < top)


@pytest.mark.parametrize("n", [1, 3, 10])
def test_the_likelihood_integrates_to_one_over_data(n):
    for mu, sigma in ((0.0, 1.0), (-3.0, 0.2)):
        assert integral_over_data(n, mu, sigma) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("n", [3, 4, 7, 40])
def test_but_not_over_parameters(n):
    """Closed forms: the sigma-integral is a Gamma function."""
    x = np.random.default_rng(n).standard_normal(n) * 1.3
    squares = x.var() * n
    front = (2 * np.pi) ** (-(n - 1) / 2) / np.sqrt(n)
    for log_sigma, power in ((False, n - 2), (True, n - 1)):
        wanted = front * 0.5 * (2 / squares) ** (power / 2) * gamma(power / 2)
        found = integral_over_parameters(x, log_sigma)
        assert found == pytest.approx(wanted, rel=1e-10)
        assert abs(found - 1) > 1e-3
        scaled = integral_over_parameters(10 * x, log_sigma)
        assert scaled == pytest.approx(found * 10.0**-power, rel=1e-10)


def test_too_few_or_equal_observations_are_refused():
    with pytest.raises(ValueError, match="at least 3 observations, got 2"):
        integral_over_parameters([1.0, 2.0])
    with pytest.raises(ValueError, match="different values"):
        integral_over_parameters([1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="sigma must be > 0"):
        normal_log_likelihood(np.ones(3), 0.0, 0.0)
