"""Unbiasedness without sampling: quadrature nodes as noise, all batches as batches."""

import itertools

import numpy as np
import pytest
from support.combination_cases import make_params
from support.oracles import hermite, step_every_coordinate, trapezoid

import minibnn as mb
from minibnn.objective import objective

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 1)) + 0.3
Y = 0.8 * X[:, 0] + 0.4 * RNG.normal(size=3)
FAMILIES = [mb.MeanField(), mb.FullCovariance()]


def linear_model():
    """Two weights, Gaussian noise: every estimator is a polynomial of its noise."""
    return mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.6), mb.GaussianPrior(0.2, 0.9))


def expectation(model, family, params, estimator, nodes, weights, signs=0):
    """E[loss], E[gradient]: weighted sums over nodes of the noise (S, M)."""
    A, y = model.batch(X, Y)
    shape = estimator.noise_shape(model, family, 1, len(X))
    if signs:
        flips = np.array(list(itertools.product([-1.0, 1.0], repeat=signs)))
        both = itertools.product(nodes, flips)
        nodes = np.array([np.concatenate(pair) for pair in both])
        weights = np.repeat(weights, len(flips)) / len(flips)
    noise = nodes.reshape(len(nodes), -1, shape[1])
    wide = {k: np.broadcast_to(v, (len(nodes), *v.shape)) for k, v in params.items()}
    loss, gradient, _ = objective(model, family, wide, noise, A, y, 3, 1.0, estimator)
    grads = gradient()
    each = [np.tensordot(weights, grads[key], 1) for key in params]
    return weights @ np.broadcast_to(loss, weights.shape), np.concatenate(each)


def truth(model, family, params):
    """The negative ELBO itself and its gradient: a closed form and its complex step."""
    A, y = model.batch(X, Y)

    def loss(p):
        none = np.zeros((1, 0))
        return objective(model, family, p, none, A, y, 3, 1.0, mb.Exact())[0]

    return loss(params), step_every_coordinate(loss, params)


ESTIMATORS = {  # estimator, samples S, Gauss-Hermite nodes, flipped signs
    "Pathwise": (mb.Pathwise(), 1, 5, 0),
    "Pathwise S=2": (mb.Pathwise(), 2, 4, 0),
    "Pathwise antithetic": (mb.Pathwise(antithetic=True), 1, 5, 0),
    "StickTheLanding": (mb.StickTheLanding(), 1, 5, 0),
    "ScoreFunction S=1": (mb.ScoreFunction(), 1, 6, 0),
    "ScoreFunction S=2": (mb.ScoreFunction(), 2, 6, 0),
    "ScoreFunction S=3": (mb.ScoreFunction(), 3, 4, 0),
    "LocalReparam": (mb.LocalReparam(), 1, 5, 0),
    "Flipout": (mb.Flipout(), 1, 5, 9),
}


INDEPENDENT = ("LocalReparam", "Flipout")  # only for independent weights
PAIRS = [
    (f, n)
    for f in FAMILIES
    for n in ESTIMATORS
    if f.has_moments or n not in INDEPENDENT
]


@pytest.mark.parametrize(("family", "name"), PAIRS, ids=str)
def test_expectation_by_gauss_hermite(family, name):
    estimator, samples, order, signs = ESTIMATORS[name]
    model = linear_model()
    params = make_params(family, model)
    dims = samples * estimator.noise_shape(model, family, 1, 3)[1] - signs
    nodes, weights = hermite(order, dims)
    value, got = expectation(model, family, params, estimator, nodes, weights, signs)
    loss, want = truth(model, family, params)
    assert value == pytest.approx(loss, rel=1e-11)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-11 * np.abs(want).max())


def test_a_planted_bias_is_seen():
    class Biased(mb.Pathwise):
        def __call__(self, *args):
            nll, pull, kl = super().__call__(*args)
            return nll, lambda c: pull(c * (1 + 1e-6)), kl

    model, family = linear_model(), mb.MeanField()
    params = make_params(family, model)
    _, got = expectation(model, family, params, Biased(), *hermite(5, 2))
    _, want = truth(model, family, params)
    worst = np.abs(got - want).max()
    assert worst > 1e-8 * np.abs(want).max()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_minibatches_average_to_the_full_gradient(size):
    """Epochs of 5 rows in batches of ``size``, the last smaller: weights B_k / N."""
    rng = np.random.default_rng(1)
    X5, y5 = rng.normal(size=(5, 2)), rng.normal(size=5)
    model = mb.Model(mb.MLP([2, 3, 1], "tanh"), mb.StudentT(4.0), mb.LaplacePrior(0.7))
    family = mb.FullCovariance()
    params = make_params(family, model)
    noise = rng.normal(size=(2, model.n_weights))

    def gradient(rows):
        rows = list(rows)
        _, grads, _ = mb.neg_elbo(
            model, family, params, noise, X5[rows], y5[rows], n_data=5, kl_weight=0.7
        )
        return np.concatenate([grads[key] for key in params])

    want, total, share = gradient(range(5)), 0.0, 0.0
    sizes = [size] * (5 // size) + [5 % size] * (5 % size > 0)
    for b in sizes:
        batches = list(itertools.combinations(range(5), b))
        total = total + b / 5 * np.mean([gradient(rows) for rows in batches], 0)
        share += b / 5
    assert share == pytest.approx(1.0)
    np.testing.assert_allclose(total, want, rtol=0, atol=1e-11 * np.abs(want).max())


TANH = {
    "Pathwise": mb.Pathwise(),
    "Sticking": mb.StickTheLanding(),
    "Score": mb.ScoreFunction(),
    "Flipout": mb.Flipout(),
}


@pytest.mark.parametrize("name", TANH)
def test_tanh_network_of_two_weights_by_the_trapezoid_rule(name):
    """w2 tanh(w1 x): the truth is the slope of an ELBO by quadrature."""
    model = mb.Model(
        mb.MLP([1, 1, 1], "tanh", bias=False),
        mb.Bernoulli(),
        mb.GaussianPrior(0.1, 0.8),
    )
    family, estimator = mb.MeanField(), TANH[name]
    params = {"mu": np.array([0.7, -1.1]), "rho": np.array([-0.9, -0.4])}
    A, y = model.batch(X, Y > 0)
    nodes, weights = trapezoid(101, 2)
    signs = estimator.noise_shape(model, family, 1, 3)[1] - 2
    flips = [np.random.default_rng(k).choice([-1.0, 1.0], signs) for k in range(4)]
    want = step_every_coordinate(
        lambda p: expected_loss(model, family, p, nodes, weights, A, y), params
    )
    for flip in (
        flips if signs else [np.zeros(0)]
    ):  # any fixed signs leave the mean alone
        noise = np.concatenate([nodes, np.tile(flip, (len(nodes), 1))], 1)[:, None]
        wide = {k: np.broadcast_to(v, (len(nodes), 2)) for k, v in params.items()}
        _, gradient, _ = objective(model, family, wide, noise, A, y, 3, 1.0, estimator)
        grads = gradient()
        got = np.concatenate([np.tensordot(weights, grads[k], 1) for k in params])
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-11 * np.abs(want).max())


def expected_loss(model, family, p, nodes, weights, A, y):
    """Negative ELBO with the expectation as a weighted sum over nodes."""
    q = family.natural(p)[0]
    w, _ = family.sample(q, nodes)
    return model.nll(w, A, y)[0] @ weights + family.kl(q, model.weight_prior)[0]


Z_LIMIT = 6.5  # false-alarm rate 1e-8 for about 100 coordinates together


@pytest.mark.slow
@pytest.mark.parametrize("name", ["LocalReparam", "Flipout", "antithetic", "Sticking"])
def test_deep_network_by_z_test(name):
    """Where no rule reaches: the mean of many draws against plain pathwise ones."""
    rng = np.random.default_rng(7)
    Xn, yn = rng.normal(size=(6, 2)), rng.integers(0, 2, 6)
    model = mb.Model(mb.MLP([2, 4, 3, 1], "relu"), mb.Bernoulli(), mb.GaussianPrior())
    family = mb.MeanField()
    params = make_params(family, model)
    A, y = model.batch(Xn, yn)
    others = {
        "LocalReparam": mb.LocalReparam(),
        "Flipout": mb.Flipout(),
        "antithetic": mb.Pathwise(antithetic=True),
        "Sticking": mb.StickTheLanding(),
    }

    def moments(estimator, draws=100_000, chunk=5_000):
        shape = estimator.noise_shape(model, family, 2, 6)
        sums = []
        for _ in range(draws // chunk):
            wide = {k: np.broadcast_to(v, (chunk, *v.shape)) for k, v in params.items()}
            noise = rng.normal(size=(chunk, *shape))
            grads = objective(model, family, wide, noise, A, y, 6, 1.0, estimator)[1]()
            sums.append(np.concatenate([grads[k] for k in params], -1))
        g = np.concatenate(sums)
        return g.mean(0), g.var(0, ddof=1) / len(g)

    (a, va), (b, vb) = moments(mb.Pathwise()), moments(others[name])
    z = np.abs(a - b) / np.sqrt(va + vb)
    print(f"{name}: largest z {z.max():.2f} of {len(z)}")
    assert z.max() < Z_LIMIT
