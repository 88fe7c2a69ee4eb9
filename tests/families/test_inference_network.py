"""The inference network: one data set, many data sets, and one it has never seen."""

import numpy as np
import pytest
from support.oracles import posterior

import minibnn as mb

NOISE, ROWS, UNSEEN = 0.5, 10, 100
NONE = np.zeros((1, 0))


def linear_model():
    """Two weights, known noise."""
    net = mb.MLP([2, 1], bias=False)
    return mb.Model(net, mb.Gaussian(NOISE), mb.GaussianPrior())


def draw_tasks(count, rng):
    """Data sets (T, 10, 2), (T, 10) and their summaries (X'X/n, X'y/n), (T, 6)."""
    X, w = rng.normal(size=(count, ROWS, 2)), rng.normal(size=(count, 2, 1))
    y = (X @ w)[..., 0] + NOISE * rng.normal(size=(count, ROWS))
    X_T = X.swapaxes(1, 2) / ROWS
    summary = [(X_T @ X).reshape(count, 4), (X_T @ y[..., None])[..., 0]]
    return X, y, np.concatenate(summary, 1)


def elbos(family, params, X, y):
    """Exact ELBO of every task under the q that the family gives it."""
    loss, _, _ = mb.neg_elbo(
        linear_model(), family, params, NONE, X, y, estimator=mb.Exact()
    )
    return -loss


def best_elbos(X, y):
    """Largest mean-field ELBO of every task: evidence less what independence costs."""
    out = []
    for Xt, yt in zip(X, y, strict=True):
        _, cov, evidence = posterior(Xt, yt, NOISE, 0.0, 1.0)
        precision = np.linalg.inv(cov)
        gap = np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1]
        out.append(evidence - 0.5 * gap)
    return np.array(out)


def fixed_elbos(mean, var, X, y):
    """ELBOs of one q for all tasks."""
    params = {"mu": mean, "rho": 0.5 * np.log(var)}
    family = mb.MeanField(scale="exp")
    return np.array([elbos(family, params, *task) for task in zip(X, y, strict=True)])


def gaps(family, params):
    """Mean gap per weight on unseen tasks: amortised, best fixed q, prior."""
    X, y, context = draw_tasks(UNSEEN, np.random.default_rng(99))
    best = best_elbos(X, y)
    precision = X.swapaxes(1, 2) @ X / NOISE**2 + np.eye(2)
    pull = np.einsum("tnd,tn->d", X, y) / NOISE**2 / UNSEEN
    mean = np.linalg.solve(precision.mean(0), pull)  # the mean ELBO is quadratic
    rows = {
        "amortised": elbos(family.at(context), params, X, y),
        "best fixed q": fixed_elbos(mean, 1 / np.diag(precision.mean(0)), X, y),
        "prior": fixed_elbos(np.zeros(2), np.ones(2), X, y),
    }
    return {name: (best - value).mean() / 2 for name, value in rows.items()}


def report(found):
    """Print the gaps beside each other; the goal is the first."""
    print(
        {name: round(float(gap), 4) for name, gap in found.items()}, "nats per weight"
    )
    assert 0 < found["amortised"] <= 0.03
    assert 0.5 < found["best fixed q"] < found["prior"]


@pytest.mark.slow
def test_trained_on_a_stream_of_tasks_it_infers_unseen_ones():
    rng, model = np.random.default_rng(0), linear_model()
    network = mb.MLP([6, 48, 48, 4], "tanh")
    family = mb.InferenceNetwork(network, np.zeros((1, 6)), scale="exp", sigma=0.2)
    params, steps, tasks = family.init(model, rng=0), 1500, 128
    optimizer = mb.Adam(mb.Cosine(0.01))
    state = optimizer.init(params["phi"])
    for step in range(steps):
        X, y, context = draw_tasks(tasks, rng)
        _, grads, _ = mb.neg_elbo(
            model, family.at(context), params, NONE, X, y, estimator=mb.Exact()
        )
        optimizer.move(params["phi"], grads["phi"] / tasks, state, step, steps)
    report(gaps(family, params))


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [None, mb.Exact()], ids=repr)
def test_fit_on_two_thousand_tasks(estimator):
    X, y, context = draw_tasks(2000, np.random.default_rng(0))
    family = mb.InferenceNetwork(mb.MLP([6, 64, 64, 4], "tanh"), context)
    result = mb.fit(
        linear_model(),
        family,
        X,
        y,
        rng=1,
        max_steps=1500,
        estimator=estimator,
        optimizer=mb.Adam(mb.Cosine(0.01)),
    )
    assert result.elbo.shape == result.elbo_se.shape == (2000,)
    report(gaps(family, result.params))


def test_a_constant_context_is_mean_field():
    """A network without hidden layer at context 0 has its biases for an output."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(5, 2)), rng.integers(0, 2, 5)
    model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), mb.GaussianPrior())
    n = model.n_weights
    family = mb.InferenceNetwork(mb.MLP([1, 2 * n]), [0.0])
    params = {"mu": rng.normal(size=n), "rho": rng.normal(size=n)}
    phi = np.concatenate([np.zeros(2 * n), params["mu"], params["rho"]])
    noise = rng.normal(size=(3, n))
    a = mb.neg_elbo(model, mb.MeanField(), params, noise, X, y)
    b = mb.neg_elbo(model, family, {"phi": phi}, noise, X, y)
    assert a[0] == b[0]
    got = b[1]["phi"][2 * n :]
    np.testing.assert_array_equal(got, np.concatenate([a[1]["mu"], a[1]["rho"]]))


def test_tasks_are_single_runs_side_by_side():
    """Losses one per task; gradients of phi the sum over tasks."""
    rng, model = np.random.default_rng(4), linear_model()
    X, y, context = draw_tasks(3, rng)
    family = mb.InferenceNetwork(mb.MLP([6, 5, 4], "tanh"), context)
    params = family.init(model, rng=0)
    noise = rng.normal(size=(3, 2, 2))
    loss, grads, _ = mb.neg_elbo(model, family, params, noise, X, y)
    singles = [
        mb.neg_elbo(model, family.at(context[t]), params, noise[t], X[t], y[t])
        for t in range(3)
    ]
    np.testing.assert_allclose(loss, [one[0] for one in singles], rtol=1e-13)
    total = sum(one[1]["phi"] for one in singles)
    np.testing.assert_allclose(grads["phi"], total, rtol=1e-11, atol=1e-11)


def test_fit_minibatches_and_predicts_for_a_new_context():
    X, y, context = draw_tasks(4, np.random.default_rng(5))
    family = mb.InferenceNetwork(mb.MLP([6, 8, 4], "tanh"), context)
    model = linear_model()
    result = mb.fit(model, family, X, y, rng=0, max_steps=30, batch_size=4)
    assert result.history["loss"].shape == (30, 4)
    again = mb.fit(model, family, X, y, rng=0, max_steps=30, batch_size=4)
    np.testing.assert_array_equal(result.params["phi"], again.params["phi"])
    one = result.at(context[2])
    np.testing.assert_allclose(one.q.mean, result.q.mean[2], rtol=1e-9, atol=1e-12)
    assert one.predict(X[2], n_samples=50).mean.shape == (10,)
    with pytest.raises(ValueError, match="4 posteriors"):
        result.predict(X[2])
    with pytest.raises(ValueError, match="reads no context"):
        mb.fit(model, mb.MeanField(), X[0], y[0], max_steps=1).at(context[0])


def test_errors_name_the_argument():
    X, y, context = draw_tasks(4, np.random.default_rng(6))
    model, network = linear_model(), mb.MLP([6, 4])
    with pytest.raises(ValueError, match="must have 4 outputs"):
        mb.InferenceNetwork(mb.MLP([6, 5]), context).init(model, rng=0)
    with pytest.raises(ValueError, match="context must have shape"):
        mb.InferenceNetwork(network, context[:, :5])
    with pytest.raises(ValueError, match="scale must be one of"):
        mb.InferenceNetwork(network, context, scale="identity")
    family = mb.InferenceNetwork(network, context)
    params = family.init(model, rng=0)
    with pytest.raises(ValueError, match="X must hold 4 data sets"):
        mb.neg_elbo(model, family, params, np.zeros((1, 2)), X[:3], y[:3])
    with pytest.raises(ValueError, match="must be 3, got 4"):
        mb.fit(model, family, X[:3], y[:3])
    with pytest.raises(ValueError, match="replicas must be None"):
        mb.fit(model, family, X, y, replicas=4)


def test_the_start_of_an_exact_fit_sees_every_task():
    """Two data sets with one-hot contexts: a linear network can solve each."""
    X, y, _ = draw_tasks(2, np.random.default_rng(7))
    family = mb.InferenceNetwork(mb.MLP([2, 4]), np.eye(2))
    result = mb.fit(
        linear_model(),
        family,
        X,
        y,
        rng=0,
        estimator=mb.Exact(),
        max_steps=1,
        optimizer=mb.SGD(1e-12),
    )
    np.testing.assert_allclose(result.elbo, best_elbos(X, y), atol=1e-4)


def test_tasks_have_noise_of_their_own():
    X, y, context = (
        np.repeat(a, 2, 0) for a in draw_tasks(1, np.random.default_rng(8))
    )
    family = mb.InferenceNetwork(mb.MLP([6, 4]), context)
    result = mb.fit(linear_model(), family, X, y, rng=0, max_steps=1)
    first, second = result.history["loss"][0]
    assert first != second


def test_a_new_network_says_nearly_the_same_of_every_context():
    """Heads a tenth of the usual size around a new model's weights and sigma."""
    network = mb.MLP([3, 4, 6], "tanh")
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    family = mb.InferenceNetwork(network, np.zeros(3), "exp", sigma=0.2)
    got = network.unpack(family.init(model, rng=5)["phi"])
    rng = np.random.default_rng(5)
    scale = np.sqrt(2 / network.fan_in) * ~network.is_bias
    (W1, b1), (W2, _) = network.unpack(rng.standard_normal(len(scale)) * scale)
    mu = rng.standard_normal(3) * np.sqrt(2 / 2) * [1, 1, 0]
    np.testing.assert_allclose(got[0][0], W1)
    np.testing.assert_allclose(got[0][1], b1)
    np.testing.assert_allclose(got[1][0], 0.1 * W2)
    np.testing.assert_allclose(got[1][1], [*mu, *[np.log(0.2)] * 3])
