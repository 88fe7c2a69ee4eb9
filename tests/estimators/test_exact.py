"""Exact(): closed forms against quadrature, against samples, and as what fit does."""

import numpy as np
import pytest
from scipy import integrate, stats
from support.combination_cases import make_params
from support.oracles import covariance, gaussian_kl, posterior, trapezoid

import minibnn as mb
from minibnn.estimators.exact import rectified_moments
from minibnn.tape.tape import Tape


def linear_problem(seed=0, n=9, learned=False):
    """A linear model with an intercept and its data."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2)) @ (np.eye(2) + 0.5)
    y = X @ [1.0, -0.7] + 0.3 + 0.5 * rng.normal(size=n)
    like = mb.Gaussian("learned", (-0.4, 0.6)) if learned else mb.Gaussian(0.5)
    return mb.Model(mb.MLP([2, 1]), like, mb.GaussianPrior(0.1, 0.9)), X, y


def exact_parts(model, family, params, X, y):
    """(nll, kl) in closed form."""
    _, _, parts = mb.neg_elbo(
        model, family, params, np.zeros((1, 0)), X, y, estimator=mb.Exact()
    )
    return parts["nll"], parts["kl"]


@pytest.mark.parametrize("family", [mb.MeanField(), mb.FullCovariance()], ids=repr)
def test_linear_known_noise_is_the_textbook_expectation(family):
    model, X, y = linear_problem()
    params = make_params(family, model)
    q = family.natural(params)[0]
    Phi, cov = np.column_stack([X, np.ones(len(X))]), covariance(q)
    squares = (y - Phi @ q.mean) ** 2 + np.einsum("nd,de,ne->n", Phi, cov, Phi)
    want = len(y) * np.log(0.5 * np.sqrt(2 * np.pi)) + squares.sum() / (2 * 0.5**2)
    nll, kl = exact_parts(model, family, params, X, y)
    assert nll == pytest.approx(want, rel=1e-12)
    want = gaussian_kl(q.mean, cov, np.full(3, 0.1), 0.81 * np.eye(3))
    assert kl == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("family", [mb.MeanField(), mb.FullCovariance()], ids=repr)
def test_linear_learned_noise_is_a_quadrature_over_t(family):
    """Given t the weights are Gaussian: the textbook line, averaged over t."""
    model, X, y = linear_problem(learned=True)
    params = make_params(family, model)
    q = family.natural(params)[0]
    Phi, cov = np.column_stack([X, np.ones(len(X))]), covariance(q)
    eps, weights = trapezoid(401, 1, ends=14.0)
    want = 0.0
    slope = cov[:3, 3] / cov[3, 3]
    given_t = cov[:3, :3] - np.outer(slope, cov[3, :3])
    spread = np.einsum("nd,de,ne->n", Phi, given_t, Phi).sum()
    for e, weight in zip(eps[:, 0] * np.sqrt(cov[3, 3]), weights, strict=True):
        r, t = y - Phi @ (q.mean[:3] + slope * e), q.mean[3] + e
        each = len(y) * (t + 0.5 * np.log(2 * np.pi))
        want += weight * (each + 0.5 * np.exp(-2 * t) * (r @ r + spread))
    assert exact_parts(model, family, params, X, y)[0] == pytest.approx(want, rel=1e-11)


def test_rectified_moments_by_quadrature():
    for m in (-6.0, -1.3, -0.2, 0.0, 0.4, 2.1, 7.5):
        for s in (0.05, 0.6, 3.0):
            density = stats.norm(m, s).pdf
            top = max(m, 0.0) + 12 * s
            split = {"points": sorted({max(m, 0.0)}), "epsabs": 1e-14, "epsrel": 1e-13}
            one = integrate.quad(lambda z, p=density: z * p(z), 0, top, **split)[0]
            two = integrate.quad(lambda z, p=density: z * z * p(z), 0, top, **split)[0]
            mean, var, _ = rectified_moments(np.array(m), np.array(s * s))
            assert abs(mean - one) <= 1e-11 * (s + one)
            assert abs(var - (two - one**2)) <= 1e-11 * (s * s + two)


def test_rectified_moments_at_the_ends():
    """No cancellation far to the right, nothing undefined without spread."""
    mean, var, pull = rectified_moments(
        np.array([1e6, -1e6, 2.0]), np.array([1, 1, 0.0])
    )
    np.testing.assert_array_equal(mean, [1e6, 0, 2])
    np.testing.assert_array_equal(var, [1, 0, 0])
    assert np.isfinite(pull(np.ones(3), np.ones(3))).all()
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(
            rectified_moments(np.zeros(2), np.array([0, 1e-300]))[1]
        ).all()


def relu_problem(n_hidden, bias=True, learned=True, seed=3):
    """One hidden ReLU layer with a Gaussian likelihood."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(6, 2)), rng.normal(size=6)
    like = mb.Gaussian("learned", (-0.2, 0.5)) if learned else mb.Gaussian(0.4)
    net = mb.MLP([2, n_hidden, 1], "relu", bias=bias)
    return mb.Model(net, like, mb.GaussianPrior(0.0, 0.8)), X, y


@pytest.mark.parametrize("learned", [False, True])
def test_relu_network_within_four_standard_errors_of_samples(learned):
    model, X, y = relu_problem(5, learned=learned)
    family = mb.MeanField()
    params = make_params(family, model)
    params["rho"] -= 0.8
    A, targets = model.batch(X, y)
    eps = np.random.default_rng(5).normal(size=(40_000, model.n_weights))
    w, _ = family.sample(family.natural(params)[0], eps)
    nll = model.nll(w, A, targets)[0]
    se = nll.std(ddof=1) / np.sqrt(len(nll))
    got = exact_parts(model, family, params, X, y)[0]
    assert se < 0.05 * abs(got)
    assert abs(got - nll.mean()) < 4 * se


def test_relu_network_of_one_unit_by_quadrature():
    """f = W2 max(z, 0) + b with z Gaussian: E (f - y)² is one integral over z."""
    model, X, y = relu_problem(1, learned=False)
    family = mb.MeanField()
    params = make_params(family, model)
    q = family.natural(params)[0]
    (m1, m2, mb1, mw, mb2), var = q.mean, q.sigma**2
    want = len(y) * np.log(0.4 * np.sqrt(2 * np.pi))
    for x, target in zip(X, y, strict=True):
        m, v = x @ [m1, m2] + mb1, x**2 @ var[:2] + var[2]

        def squared(e, m=m, v=v, target=target):
            h = max(m + np.sqrt(v) * e, 0.0)
            mean, spread = mw * h + mb2, var[3] * h * h + var[4]
            return ((mean - target) ** 2 + spread) * stats.norm.pdf(e)

        kink = np.clip(-m / np.sqrt(v), -12, 12)
        for a, b in ((-12, kink), (kink, 12)):
            if b > a:
                total = integrate.quad(squared, a, b, epsabs=1e-14, epsrel=1e-13)[0]
                want += total / (2 * 0.4**2)
    assert exact_parts(model, family, params, X, y)[0] == pytest.approx(want, rel=1e-11)


def test_relu_network_without_bias_at_a_zero_row():
    model, X, y = relu_problem(3, bias=False)
    X[0] = 0.0
    params = make_params(mb.MeanField(), model)
    loss, grads, _ = mb.neg_elbo(
        model, mb.MeanField(), params, np.zeros((1, 0)), X, y, estimator=mb.Exact()
    )
    assert np.isfinite(loss)
    assert all(np.isfinite(g).all() for g in grads.values())


def test_fit_with_exact_climbs_the_closed_form():
    model, X, y = linear_problem()
    mean, cov, evidence = posterior(np.column_stack([X, np.ones(9)]), y, 0.5, 0.1, 0.9)
    precision = np.linalg.inv(cov)
    full = mb.fit(model, mb.FullCovariance(), X, y, estimator=mb.Exact(), rng=0)
    assert full.elbo_se == 0.0
    assert full.elbo == pytest.approx(evidence, abs=1e-6)
    np.testing.assert_allclose(full.q.mean, mean, atol=2e-4)
    np.testing.assert_allclose(covariance(full.q), cov, atol=1e-4)

    field = mb.fit(model, mb.MeanField(), X, y, estimator=mb.Exact(), rng=0)
    gap = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    assert field.elbo == pytest.approx(evidence - gap, abs=1e-6)
    np.testing.assert_allclose(field.q.sigma, np.diag(precision) ** -0.5, rtol=1e-3)
    assert np.ptp(field.history["loss"][-5:]) < 1e-6  # no noise in the loop either


def test_the_start_of_an_exact_fit_is_already_the_optimum():
    """L-BFGS on the closed form itself, not on a few noises."""
    model, X, y = linear_problem()
    _, _, evidence = posterior(np.column_stack([X, np.ones(9)]), y, 0.5, 0.1, 0.9)
    result = mb.fit(
        model,
        mb.FullCovariance(),
        X,
        y,
        rng=0,
        estimator=mb.Exact(),
        max_steps=1,
        optimizer=mb.SGD(1e-12),
    )
    assert result.elbo == pytest.approx(evidence, abs=1e-4)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rectified_moments_keep_their_digits_far_out(dtype):
    """To where the density underflows, across the place where the formula changes."""
    mp = pytest.importorskip("mpmath")
    end, tiny = (-39, 1e-300) if dtype is np.float64 else (-13.5, 1e-35)
    places = [*np.linspace(end, 8, 90), *np.linspace(-3.01, -2.99, 9), -40.0, -500.0]
    with mp.workdps(80):
        for x in places:
            m, v = dtype(3 * x), dtype(9.0)
            mean, var, _ = rectified_moments(np.array(m), np.array(v))
            assert mean >= 0
            assert var >= 0
            z, s = mp.mpf(float(m)) / mp.sqrt(mp.mpf(float(v))), mp.sqrt(float(v))
            above, bell = mp.erfc(-z / mp.sqrt(2)) / 2, mp.npdf(z)
            one = s * (z * above + bell)
            two = s * s * ((1 + z * z) * above + z * bell) - one * one
            for got, want in ((mean, one), (var, two)):
                if want > tiny:
                    assert abs(mp.mpf(float(got)) / want - 1) < 1e3 * np.finfo(dtype).eps


def test_recorded_rectified_moments_are_never_negative():
    """While a step is recorded a shorter form is taken, without the last digits."""
    m = np.linspace(-14, 3, 400).astype(np.float32)
    with Tape():
        mean, var, _ = rectified_moments(m, np.ones_like(m))
    assert (mean >= 0).all()
    assert (var >= 0).all()
    np.testing.assert_allclose(var, rectified_moments(m, np.ones_like(m))[1], atol=1e-6)
