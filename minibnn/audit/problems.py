"""Problems: for every labelled gradient a scalar function, its gradient, a point.

Likelihoods, priors, families and estimators say in ``examples()`` which are tried.

The points are generic on purpose: no zero mean, no unit scale, more samples than one,
a batch smaller than the data, no square layer. At the textbook point (prior N(0, 1),
one sample, the whole data set) many mistakes change nothing and nobody could see them.
A map kernel with pullback is checked through a random cotangent u: f = Σ u ∘ map(x).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minibnn import estimators, families, priors
from minibnn.estimators import LocalReparam, Pathwise
from minibnn.exact.normal_sample import normal_log_likelihood
from minibnn.families import MeanField
from minibnn.families.normal import Normal
from minibnn.families.scales import SCALES
from minibnn.likelihoods import ALL, Bernoulli, Gaussian, Weighted
from minibnn.likelihoods.gaussian import expected_gaussian_nll
from minibnn.model import Model
from minibnn.nn.activations import ACTIVATIONS
from minibnn.nn.mlp import MLP, dense
from minibnn.objective import objective
from minibnn.priors import GaussianPrior


class Problem(NamedTuple):
    """A scalar function of a dict of arrays, its hand-derived gradient, and a point."""

    f: Callable[[dict[str, Any]], Any]
    grad: Callable[[dict[str, Any]], dict[str, Any]]
    x: dict[str, Any]


Make: TypeAlias = Callable[[np.random.Generator], Problem]
CASES: dict[str, Make] = {}  # by label


def case(*labels: str) -> Callable[[Make], Make]:
    """Register the example inputs of one or more labels."""

    def register(make: Make) -> Make:
        for label in labels:
            if label in CASES:
                raise ValueError(f"{label} already has example inputs")
            CASES[label] = make
        return make

    return register


def _scale_case(name):
    def make(rng):
        u, v = rng.normal(size=(2, 7))
        rho = (
            rng.uniform(0.2, 2.0, 7) if name == "identity" else 2.0 * rng.normal(size=7)
        )
        scale = SCALES[name].forward

        def f(x):
            (sigma, log_sigma), _ = scale(x["rho"])
            return (u * sigma + v * log_sigma).sum()

        return Problem(f, lambda x: {"rho": scale(x["rho"])[1](u, v)}, {"rho": rho})

    return make


for _name, _scale in SCALES.items():
    case(*_scale.forward.labels)(_scale_case(_name))


@case("E06")
def one_weight_at_a_time(rng: np.random.Generator) -> Problem:
    """One input, one unit, one output, no bias, one row; two samples of the weights."""
    net = MLP([1, 1, 1], activation="softplus", bias=False)
    x, u, w = rng.normal(size=(1, 1)), rng.normal(size=(2, 1, 1)), rng.normal(size=(2, 2))
    return Problem(
        lambda p: (u * net.apply(p["w"], x)[0]).sum(),
        lambda p: {"w": net.apply(p["w"], x)[1](u)},
        {"w": w},
    )


@case("E21")
def dense_layer(rng: np.random.Generator) -> Problem:
    """Two samples of a layer with 3 inputs, a bias and 4 units, on 5 rows."""
    u, ones = rng.normal(size=(2, 4, 5)), np.ones((2, 1, 5))

    def run(x):
        A = np.concatenate([x["A"], ones], axis=-2)
        dtype = np.result_type(x["W"], A)
        Z, g_W = np.empty((2, 4, 5), dtype), np.empty((2, 4, 4), dtype)
        return Z, g_W, dense(x["W"], g_W, True)(A, Z)

    def f(x):
        return (u * run(x)[0]).sum()

    def grad(x):
        _, g_W, pull = run(x)
        g_A = pull(u, True)
        return {"W": g_W, "A": g_A}

    return Problem(
        f, grad, {"W": rng.normal(size=(2, 4, 4)), "A": rng.normal(size=(2, 3, 5))}
    )


def _activation_case(name):
    def make(rng):
        u, Z = rng.normal(size=(2, 9))
        act = ACTIVATIONS[name]

        def f(x):
            return (u * act.forward(x["Z"].copy())).sum()

        def grad(x):
            return {"Z": act.slope(act.forward(x["Z"].copy()), u.copy())}

        return Problem(f, grad, {"Z": Z})

    return make


for _name in ("tanh", "relu", "softplus"):
    _slope: Any = ACTIVATIONS[_name].slope
    case(*_slope.labels)(_activation_case(_name))


@case("E25")
def layer_recursion(rng: np.random.Generator) -> Problem:
    """A 3-4-5-2 network, two weight samples, six rows."""
    net = MLP([3, 4, 5, 2], activation="tanh")
    A, u = net.features(rng.normal(size=(6, 3))), rng.normal(size=(2, 6, 2))
    w = rng.normal(size=(2, net.n_weights))
    return Problem(
        lambda x: (u * net.apply(x["w"], A)[0]).sum(),
        lambda x: {"w": net.apply(x["w"], A)[1](u)},
        {"w": w},
    )


def example_targets(likelihood, rng, shape):
    """Targets as a user gives them, for outputs of ``shape`` (..., B, C)."""
    return likelihood.example_targets(rng.uniform(size=likelihood.target_shape(shape)))


def likelihood_case(likelihood, width):
    """A likelihood of two targets at outputs F (3, 4, C) and weights of its own."""

    def make(rng):
        F = rng.normal(size=(3, 4, width if likelihood.exclusive else 2 * width))
        y = likelihood.targets(example_targets(likelihood, rng, F.shape[1:]), F.shape[1:])
        u = rng.normal(size=3)  # one cotangent per sample
        v = 0.5 * rng.normal(size=(3, likelihood.n_weights))
        x = {"F": F, "v": v} if likelihood.n_weights else {"F": F}

        def run(x):
            return likelihood(x["F"], y, x.get("v", v))

        def grad(x):
            slopes = zip(x, run(x)[1:], strict=False)
            return {key: (u * g.T).T for key, g in slopes}

        return Problem(lambda x: (u * run(x)[0]).sum(), grad, x)

    return make


for _kind in (*ALL, Weighted):
    case(_kind.label)(likelihood_case(*_kind.examples()[-1]))


def _prior_case(prior, method):
    """A prior's KL from N(m, s²) along m and log s, or its density, of six weights."""

    def make(rng):
        if method == "log_prob":
            w = 1.3 * rng.normal(size=6)
            f, grad = (lambda x, i=i: prior.log_prob(x["w"])[i] for i in (0, 1))
            return Problem(f, lambda x: {"w": grad(x)}, {"w": w})
        x = {"m": rng.normal(size=6), "log_s": rng.uniform(-2, 1, 6)}

        def run(x):
            return prior.kl(x["m"], np.exp(x["log_s"]), x["log_s"])

        return Problem(
            lambda x: run(x)[0].sum(),
            lambda x: dict(zip(("m", "log_s"), run(x)[1:], strict=True)),
            x,
        )

    return make


for _kind in priors.ALL:
    for _method, _label in _kind.labels:
        case(_label)(_prior_case(_kind.examples(6)[-1], _method))


def spoken(family, method, q, prior, eps, u):
    """A number made of what a family says of q, and its cotangent."""
    if method == "natural":
        return sum((u[..., 0, :] * a).sum() for a in q[:3]), Normal(*[u[..., 0, :]] * 3)
    if method == "sample":
        w, pull = family.sample(q, eps)
        return (u * w).sum(), pull(u)
    value, c = family.kl(q, prior) if method == "kl" else family.neg_entropy(q)
    return value.sum(), c


def _family_case(family, method):
    """What a family says of four weights, as a function of its raw parameters."""

    def make(rng):
        prior = GaussianPrior.examples(4)[-1]
        shapes = family.shapes(Model(MLP([3, 1]), Bernoulli(), prior))
        params = {k: 0.7 * rng.normal(size=shape) for k, shape in shapes.items()}
        eps, u = rng.normal(size=(2, *family.tasks, 3, 4))
        if method == "neg_entropy":  # whatever the mean is
            params, rest = {"rho": params["rho"]}, {"mu": params["mu"]}
        else:
            rest = {}

        def run(x):
            q, pull = family.natural(rest | x)
            return *spoken(family, method, q, prior, eps, u), pull

        def grad(x):
            _, c, pull = run(x)
            return {key: g for key, g in pull(c).items() if key in x}

        return Problem(lambda x: run(x)[0], grad, params)

    return make


for _kind in families.ALL:
    for _method, _label in _kind.labels:
        case(_label)(_family_case(_kind.examples(4)[0], _method))


def elbo_problem(model, family, estimator, params, rng, batch, n_data, kl_weight=0.6):
    """The negative ELBO at fixed noise as a function of ``params``."""
    A, y = model.batch(*batch)
    noise = rng.normal(size=estimator.noise_shape(model, family, 3, A.shape[-2]))

    def run(x):
        return objective(
            model, family, {**params, **x}, noise, A, y, n_data, kl_weight, estimator
        )

    return Problem(lambda x: run(x)[0], lambda x: run(x)[1](), params)


def _objective_case(estimator, *keys, hidden=(4,), activation="tanh"):
    """The loss of a network as a function of some of the parameters."""

    def make(rng):
        net = MLP([3, *hidden, 2], activation=activation)
        n, likelihood = net.n_weights, Gaussian(0.7) if estimator.exact else Bernoulli()
        prior = GaussianPrior(0.3 * rng.normal(size=n), rng.uniform(0.5, 2.0, n))
        model, family = Model(net, likelihood, prior), MeanField()
        params = {"mu": rng.normal(size=n), "rho": rng.normal(size=n)}
        batch = rng.normal(size=(5, 3)), rng.integers(0, 2, (5, 2))
        full = elbo_problem(model, family, estimator, params, rng, batch, n_data=23)

        def grad(x):
            return {key: full.grad(x)[key] for key in keys}

        return Problem(full.f, grad, {key: params[key] for key in keys})

    return make


case("E51")(_objective_case(LocalReparam(), "mu", "rho"))
case("E52")(_objective_case(Pathwise(), "mu"))
case("E53")(_objective_case(Pathwise(), "rho"))
for _kind in estimators.ALL:
    if _kind.of_value:
        _estimator, _hidden, _activation = _kind.examples()[0]
        _network = {"hidden": _hidden, "activation": _activation}
        case(_kind.label)(_objective_case(_estimator, "mu", "rho", **_network))


@case("E66")
def expected_nll(rng: np.random.Generator) -> Problem:
    """E[nll] of three rows and two outputs under uncertain outputs and log scale."""
    shape = (3, 2)
    y = rng.normal(size=shape)
    x = {
        "m": rng.normal(size=shape),
        "v": rng.uniform(0.1, 2.0, shape),
        "c": 0.3 * rng.normal(size=shape),
        "t": 0.5 * rng.normal(size=shape),
        "var_t": rng.uniform(0.05, 0.3, shape),
    }

    def grad(x):
        _, g_m, g_v, g_c, g_t = run(x)
        return {"m": g_m, "v": g_v, "c": g_c, "t": g_t, "var_t": 1.0 - g_t}

    def run(x):
        return expected_gaussian_nll(x["m"], x["v"], x["c"], y, x["t"], x["var_t"])

    return Problem(lambda x: run(x)[0], grad, x)


@case("E93")
def normal_sample(rng: np.random.Generator) -> Problem:
    """Log likelihood of mu and sigma for two samples of five numbers."""
    data, u = 1.3 * rng.normal(size=(2, 5)) + 0.4, rng.normal(size=2)

    def run(x):
        return normal_log_likelihood(data, x["mu"], x["sigma"])

    def grad(x):
        g_mu, g_sigma = run(x)[1]
        return {"mu": u * g_mu, "sigma": u * g_sigma}

    x = {"mu": rng.normal(size=2), "sigma": rng.uniform(0.5, 2.0, 2)}
    return Problem(lambda x: (u * run(x)[0]).sum(), grad, x)
