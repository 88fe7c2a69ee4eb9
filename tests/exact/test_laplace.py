"""Linearised Laplace: exact on linear models, checked by differences elsewhere."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize
from support.likelihoods import EXAMPLES

import minibnn as mb
from minibnn.exact.conjugate import exact_posterior
from minibnn.exact.laplace import jacobian, laplace
from minibnn.exact.quadrature import grid_posterior


def case(likelihood, outputs=1, seed=0, n=30):
    rng = np.random.default_rng(seed)
    model = mb.Model(mb.MLP([2, 4, outputs], "tanh"), likelihood, mb.GaussianPrior())
    X = rng.standard_normal((n, 2))
    return model, X, rng


def mode(model, X, y, seed=0):
    start = model.initial_weights(np.random.default_rng(seed))

    def f(w):
        value, gradient = model.log_joint(w, X, y)
        return -value, -gradient

    return minimize(f, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-9}).x


def test_jacobian_by_the_complex_step():
    model, X, rng = case(mb.Gaussian(1.0), outputs=3)
    w, A = rng.standard_normal(model.n_weights), model.features(X)
    J = jacobian(model.net, w, A)
    for i in range(model.n_weights):
        step = w.astype(complex)
        step[i] += 1e-30j
        F, _ = model.net.apply(step[None], A)
        np.testing.assert_allclose(
            J[:, :, i], F[0].imag / 1e-30, rtol=1e-12, atol=1e-13
        )


def test_on_a_linear_model_it_is_the_exact_posterior():
    """[E98]: a linear network equals its linearisation, at any point."""
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((25, 3)), rng.standard_normal(25)
    model = mb.Model(mb.MLP([3, 1]), mb.Gaussian(0.4), mb.GaussianPrior(0.5, 2.0))
    exact = exact_posterior(model, X, y)
    found = laplace(model, X, y, exact.mean)
    np.testing.assert_allclose(found.cov, exact.cov, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(found.variances, exact.variances, rtol=1e-12)
    assert found.log_evidence == pytest.approx(exact.log_evidence, rel=1e-12)
    assert found.slope < 1e-10
    mean, sd = found.output_moments(X)
    np.testing.assert_allclose(mean, exact.predict(X).mean, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(sd**2, exact.predict(X).epistemic, rtol=1e-11)


def test_precision_is_the_hessian_of_the_linearised_model():
    """[E98] against differences of the joint's gradient for f = f* + J (w - w*)."""
    model, X, rng = case(mb.Bernoulli())
    y = (rng.random(30) < 0.4).astype(float)
    w, A = mode(model, X, y), model.features(X)
    J, F = jacobian(model.net, w, A)[:, 0], model.net(w, X)

    def gradient(change):
        f = F + (J @ change)[:, None]
        _, g_F, _ = model.likelihood(f[None], y[:, None], np.zeros((1, 0)))
        return J.T @ g_F[0, :, 0] + (w + change)

    h = 1e-5 * np.eye(len(w))
    hessian = np.array([(gradient(e) - gradient(-e)) / 2e-5 for e in h])
    found = laplace(model, X, y, w)
    np.testing.assert_allclose(found.cov @ hessian, np.eye(len(w)), atol=1e-6)
    assert found.slope < 1e-3
    assert laplace(model, X, y, w + 0.3).slope > 0.1


def test_it_is_good_where_the_posterior_is_nearly_gaussian():
    """Logistic regression with one weight and much data, against quadrature."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((2000, 1))
    y = (rng.random(2000) < 1 / (1 + np.exp(-X[:, 0]))).astype(float)
    model = mb.Model(mb.MLP([1, 1], bias=False), mb.Bernoulli(), mb.GaussianPrior())
    grid, found = grid_posterior(model, X, y), laplace(model, X, y, mode(model, X, y))
    assert found.log_evidence == pytest.approx(grid.log_evidence, abs=2e-3)
    np.testing.assert_allclose(found.variances, np.diag(grid.cov), rtol=0.01)


def test_prediction_is_the_linear_networks():
    model, X, rng = case(mb.Gaussian(0.3), outputs=2)
    y = np.stack([np.sin(X[:, 0]), X[:, 1] ** 2], 1)
    found = laplace(model, X, y, mode(model, X, y), rng=4)
    X_new = rng.standard_normal((6, 2)) * 2
    mean, sd = found.output_moments(X_new)
    pred = found.predict(X_new, n_samples=20_000)
    np.testing.assert_allclose(pred.mean, mean, atol=6 * sd.max() / np.sqrt(20_000))
    np.testing.assert_allclose(pred.epistemic, sd**2, rtol=0.06)
    np.testing.assert_allclose(pred.aleatoric, 0.09)
    w = found.sample_weights(20_000)
    J = jacobian(model.net, found.mean, model.features(X_new))
    F = model.net(found.mean, X_new) + np.einsum("bcp,sp->sbc", J, w - found.mean)
    np.testing.assert_allclose(pred.mean, F.mean(0), rtol=1e-9, atol=1e-12)
    again = found.predict(X_new, n_samples=10)
    np.testing.assert_array_equal(again.mean, found.predict(X_new, n_samples=10).mean)


def test_slope_and_evidence_beside_the_mode():
    """On a linear model the slope is the distance from the mode, in posterior sds."""
    rng = np.random.default_rng(6)
    X, y = rng.standard_normal((25, 3)), rng.standard_normal(25)
    model = mb.Model(mb.MLP([3, 1]), mb.Gaussian(0.4), mb.GaussianPrior(0.5, 2.0))
    exact, away = exact_posterior(model, X, y), np.array([0.3, -0.1, 0.2, 0.05])
    found = laplace(model, X, y, exact.mean + away)
    distance = np.sqrt(away @ exact.precision @ away)
    assert found.slope == pytest.approx(distance, rel=1e-9)
    assert distance > 2.0
    lost = 0.5 * distance**2
    assert found.log_evidence == pytest.approx(exact.log_evidence - lost, rel=1e-10)


def test_draws_are_the_mean_and_the_root_times_the_normals_of_the_seed():
    rng = np.random.default_rng(7)
    X, y = rng.standard_normal((25, 3)), rng.standard_normal(25)
    model = mb.Model(mb.MLP([3, 1]), mb.Gaussian(0.4), mb.GaussianPrior(0.5, 2.0))
    found = laplace(model, X, y, np.zeros(4), rng=8)
    for seed in (None, 9):
        z = np.random.default_rng(8 if seed is None else seed).standard_normal((6, 4))
        w = np.stack([found.mean + found.root @ one for one in z])
        np.testing.assert_allclose(found.sample_weights(6, seed), w, rtol=1e-12)
        pred = found.predict(X[:5], n_samples=6, rng=seed)
        want = w[:, :3] @ X[:5].T + w[:, 3:]
        np.testing.assert_allclose(pred.samples, want, rtol=1e-10, atol=1e-12)


def test_uncertainty_grows_between_two_clusters():
    """The in-between lesson: sd in the gap exceeds that on the data."""
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.uniform(-2, -1, 30), rng.uniform(1, 2, 30)])
    model = mb.Model(mb.MLP([1, 20, 1], "tanh"), mb.Gaussian(0.1), mb.GaussianPrior())
    y = np.sin(2 * x) + 0.1 * rng.standard_normal(60)
    w = mode(model, x[:, None], y)
    found = laplace(model, x[:, None], y, w)
    _, sd = found.output_moments(np.array([[0.0], [-1.5], [1.5]]))
    assert sd[0] > 3 * sd[1:].max()


# --- a learned scale -------------------------------------------------------------------


def noise_of(like):
    """Its noise at scale 1, by scipy."""
    name, *arguments = like.in_scipy(0.0, np.zeros(1))
    return getattr(stats, name)(*(np.asarray(a).item() for a in arguments))


LEARNED = {  # of one scale for all that is a weight
    type(like).__name__: (like, noise_of(like))
    for like, _ in EXAMPLES
    if like.n_weights and like.log_scale(np.zeros((1, 1))) is not None
}


def hessian(model, w, X, y, h=1e-5):
    """Of -log p(y, w), by central differences of its gradient."""
    steps = h * np.eye(len(w))
    rows = [
        model.log_joint(w - e, X, y)[1] - model.log_joint(w + e, X, y)[1] for e in steps
    ]
    return np.array(rows) / (2 * h)


def precision(found):
    inverse = np.linalg.inv(found.root)
    return inverse.T @ inverse


@pytest.mark.parametrize("name", LEARNED)
def test_precision_is_the_mean_hessian_over_the_targets(name):
    """[E98, E38] Targets at every quantile of the model's own noise, a linear network."""
    likelihood, noise = LEARNED[name]
    rng, n = np.random.default_rng(0), 4000
    X = np.repeat(rng.standard_normal((6, 2)), n, axis=0)
    model = mb.Model(mb.MLP([2, 2]), likelihood, mb.GaussianPrior(0.1, 1.5))
    w = np.append(rng.standard_normal(6), -0.9)
    quantiles = np.tile(noise.ppf((np.arange(n) + 0.5) / n), 6)
    y = model.net(w[:6], X) + np.exp(w[6]) * np.stack([quantiles, -quantiles], 1)
    exact, found = hessian(model, w, X, y), precision(laplace(model, X, y, w))
    scale = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    np.testing.assert_allclose(found / scale, exact / scale, atol=2e-3)
    assert np.diag(found)[6] > 1e4  # 2 (Gaussian) for every number, and 1/sd^2


def test_what_the_gauss_newton_of_a_gaussian_leaves_out_is_what_the_prior_pulls():
    """On a linear network at the mode the exact Hessian is known to the last digit:

    it has 2 (w - m)/s0^2 beside log s, and 2 (t - mean)/sd^2 more on the diagonal.
    """
    rng = np.random.default_rng(1)
    likelihood = LEARNED["Gaussian"][0]
    model = mb.Model(mb.MLP([3, 1]), likelihood, mb.GaussianPrior(0.2, 1.5))
    X = rng.standard_normal((25, 3))
    y = X @ [1.0, -0.5, 0.3] + 0.2 * rng.standard_normal(25)
    w = mode(model, X, y)
    for _ in range(3):  # Newton, to the last digit
        w = w + np.linalg.solve(hessian(model, w, X, y), model.log_joint(w, X, y)[1])
    want = precision(laplace(model, X, y, w))
    want[:4, 4] = want[4, :4] = 2 * (w[:4] - 0.2) / 1.5**2
    want[4, 4] += 2 * (w[4] + 0.3) / 0.8**2
    np.testing.assert_allclose(hessian(model, w, X, y), want, rtol=1e-5, atol=1e-4)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", LEARNED)
def test_moments_and_evidence_are_those_of_quadrature(name):
    likelihood, noise = LEARNED[name]
    rng = np.random.default_rng(2)
    X = rng.standard_normal((600, 1))
    y = 0.8 * X[:, 0] + 0.4 * noise.rvs(600, random_state=3)
    net = mb.MLP([1, 1], bias=False)
    model = mb.Model(net, likelihood, mb.GaussianPrior())
    w = mode(model, X, y)
    found, truth = laplace(model, X, y, w), by_quadrature(model, w, X, y)
    assert found.slope < 1e-3
    assert found.log_evidence == pytest.approx(truth[0], abs=0.02)
    np.testing.assert_allclose(found.mean, truth[1], atol=0.1 * found.root.max())
    np.testing.assert_allclose(found.variances, truth[2], rtol=0.06)


def by_quadrature(model, w, X, y, reach=8.0, n=101):
    """(log evidence, means, variances) of two weights on a grid around w."""
    sd = 1 / np.sqrt(np.diag(hessian(model, w, X, y)))
    steps = np.linspace(-reach, reach, n)
    grid = np.stack(np.meshgrid(*(w[:, None] + sd[:, None] * steps)), -1).reshape(-1, 2)
    value, _ = model.log_joint(grid, X, y)
    p, cell = np.exp(value - value.max()), np.prod(sd) * (steps[1] - steps[0]) ** 2
    mean = p @ grid / p.sum()
    evidence = value.max() + np.log(p.sum() * cell)
    return evidence, mean, p @ (grid - mean) ** 2 / p.sum()


@pytest.mark.parametrize("name", LEARNED)
def test_a_network_with_a_learned_scale_predicts(name):
    """The draws of log s are the noise of the prediction; the network's are its doubt."""
    likelihood, _ = LEARNED[name]
    model, X, rng = case(likelihood, outputs=2, n=60)
    y = np.stack([np.sin(X[:, 0]), X[:, 1] ** 2], 1) + 0.3 * rng.standard_normal(
        (60, 2)
    )
    found = laplace(model, X, y, mode(model, X, y), rng=4)
    assert found.root.shape == (model.n_weights,) * 2
    X_new = 2 * rng.standard_normal((6, 2))
    mean, sd = found.output_moments(X_new)
    pred = found.predict(X_new, n_samples=20_000)
    np.testing.assert_allclose(pred.mean, mean, atol=6 * sd.max() / np.sqrt(20_000))
    np.testing.assert_allclose(pred.epistemic, sd**2, rtol=0.06)
    t, sd_t = found.mean[-1], np.sqrt(found.variances[-1])
    factor = likelihood.df / (likelihood.df - 2) if np.isfinite(likelihood.df) else 1.0
    np.testing.assert_allclose(
        pred.aleatoric, factor * np.exp(2 * t + 2 * sd_t**2), rtol=0.02
    )
    assert np.isfinite(pred.log_prob(np.zeros((6, 2)))).all()


def test_outliers_make_no_precision_negative():
    """Where the second derivative at the outlier itself is below 0."""
    model, X, _ = case(mb.StudentT(3.0, 0.1))
    y = np.where(np.arange(30) % 2, 5.0, -5.0)
    assert hessian(model, np.zeros(17), X, y)[-1, -1] < 0
    assert (laplace(model, X, y, np.zeros(17)).variances > 0).all()


@pytest.mark.parametrize(
    ("likelihood", "outputs"),
    [e for e in EXAMPLES if e[0].hessian_root is None],
    ids=repr,
)
def test_other_likelihoods_are_refused(likelihood, outputs):
    model, X, _ = case(likelihood, outputs)
    with pytest.raises(ValueError, match=r"likelihood must be .*StudentT.* got"):
        laplace(model, X, np.zeros(30), np.zeros(model.n_weights))


def test_wrong_weights_are_refused():
    model, X, _ = case(mb.Bernoulli())
    with pytest.raises(ValueError, match="weights must have shape"):
        laplace(model, X, np.zeros(30), np.zeros(3))
    with pytest.raises(ValueError, match="weights must be finite"):
        laplace(model, X, np.zeros(30), np.full(model.n_weights, np.nan))
