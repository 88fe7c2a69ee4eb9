"""Linearised Laplace: exact on linear models, checked by differences elsewhere."""

import numpy as np
import pytest
from scipy.optimize import minimize

import minibnn as mb
from minibnn.inference.exact import exact_posterior
from minibnn.inference.laplace import hessian_root, jacobian, laplace
from minibnn.inference.quadrature import grid_posterior


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


@pytest.mark.parametrize(
    ("likelihood", "outputs", "y"),
    [
        (mb.Gaussian(0.7), 2, [[0.2, -1.0]]),
        (mb.Bernoulli(), 1, [1]),
        (mb.Categorical(3), 3, [2]),
    ],
)
def test_output_hessian_by_the_complex_step(likelihood, outputs, y):
    F = np.random.default_rng(1).standard_normal((1, 1, outputs)) * 2
    root = hessian_root(likelihood, F[0])[0]
    y = likelihood.targets(np.array(y, float), (1, outputs))
    columns = []
    for c in range(outputs):
        step = F.astype(complex)
        step[..., c] += 1e-30j
        columns.append(likelihood(step, y, np.zeros((1, 0)))[1][0, 0].imag / 1e-30)
    np.testing.assert_allclose(root.T @ root, np.array(columns), rtol=1e-11, atol=1e-14)


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


@pytest.mark.parametrize("likelihood", [mb.Gaussian("learned"), mb.SigmoidGaussian()])
def test_other_likelihoods_are_refused(likelihood):
    model, X, _ = case(likelihood)
    with pytest.raises(ValueError, match="likelihood"):
        laplace(model, X, np.zeros(30), np.zeros(model.n_weights))


def test_wrong_weights_are_refused():
    model, X, _ = case(mb.Bernoulli())
    with pytest.raises(ValueError, match="weights must have shape"):
        laplace(model, X, np.zeros(30), np.zeros(3))
    with pytest.raises(ValueError, match="weights must be finite"):
        laplace(model, X, np.zeros(30), np.full(model.n_weights, np.nan))
