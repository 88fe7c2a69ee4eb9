"""Example inputs: for every labelled gradient a scalar function, its gradient, a point.

The points are generic on purpose: no zero mean, no unit scale, more samples than one,
a batch smaller than the data, no square layer. At the textbook point (prior N(0, 1),
one sample, the whole data set) many mistakes change nothing and nobody could see them.
A map kernel with pullback is checked through a random cotangent u: f = Σ u ∘ map(x).
"""

from typing import Any, NamedTuple

import numpy as np

from minibnn.estimators.local_reparam import LocalReparam, local_draw
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.mean_field import MeanField, neg_entropy
from minibnn.families.normal import Normal
from minibnn.families.scales import SCALES
from minibnn.likelihoods import ALL, Bernoulli
from minibnn.model import Model
from minibnn.nn.activations import ACTIVATIONS
from minibnn.nn.mlp import MLP, dense
from minibnn.objective import objective
from minibnn.priors.gaussian import GaussianPrior, gaussian_log_density
from minibnn.priors.gaussian_kl import gaussian_kl
from minibnn.priors.laplace import laplace_kl, laplace_log_density
from minibnn.priors.scale_mixture import scale_mixture_log_density


class Problem(NamedTuple):
    """A scalar function of a dict of arrays, its hand-derived gradient, and a point."""

    f: Any
    grad: Any
    x: dict


CASES = {}  # label -> function(rng) -> Problem


def case(*labels):
    """Register the example inputs of one or more labels."""

    def register(make):
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


for _label, _name in (("E11", "softplus"), ("E12", "exp"), ("E13", "identity")):
    case(_label)(_scale_case(_name))


@case("E14")
def reparameterization(rng):
    """w = mu + sigma eps for three samples."""
    eps, u = rng.normal(size=(2, 3, 5))
    family, x = MeanField(), {"mu": rng.normal(size=5), "sigma": rng.uniform(0.1, 2, 5)}

    def f(x):
        return (u * family.sample(Normal(x["mu"], x["sigma"]), eps)[0]).sum()

    def grad(x):
        c = family.sample(Normal(x["mu"], x["sigma"]), eps)[1](u)
        return {"mu": c.mean, "sigma": c.sigma}

    return Problem(f, grad, x)


@case("E21")
def dense_layer(rng):
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


for _label, _name in (("E22", "tanh"), ("E23", "relu"), ("E24", "softplus")):
    case(_label)(_activation_case(_name))


@case("E25")
def layer_recursion(rng):
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


for _kind in ALL:
    case(_kind.label)(likelihood_case(*_kind.examples()[-1]))


def _kl_case(kernel, *rest):
    """A KL of N(m, s²), differentiated along m and log s."""

    def make(rng):
        x = {"m": rng.normal(size=6), "log_s": rng.uniform(-2, 1, 6)}

        def run(x):
            return kernel(x["m"], np.exp(x["log_s"]), x["log_s"], *rest)

        def grad(x):
            _, g_m, g_log_s = run(x)
            return {"m": g_m, "log_s": g_log_s}

        return Problem(lambda x: run(x)[0].sum(), grad, x)

    return make


def _density_case(kernel, key, *rest):
    """A function of one array, elementwise with its gradient."""

    def make(rng):
        x = {key: 1.3 * rng.normal(size=6)}
        return Problem(
            lambda x: kernel(x[key], *rest)[0].sum(),
            lambda x: {key: kernel(x[key], *rest)[1]},
            x,
        )

    return make


_M0 = np.array([0.3, -0.4, 0.1, 0.9, -1.2, 0.5])
_S0 = np.array([0.7, 1.6, 0.4, 2.2, 1.1, 0.9])
case("E41")(_kl_case(gaussian_kl, _M0, _S0))
case("E42")(_density_case(gaussian_log_density, "w", _M0, _S0))
case("E43")(_density_case(neg_entropy, "log_s"))
case("E45")(_density_case(scale_mixture_log_density, "w", 0.3, 1.4, 0.2))
case("E46")(_kl_case(laplace_kl, 0.8))
case("E47")(_density_case(laplace_log_density, "w", 0.8))


@case("E62")
def local_draws(rng):
    """A pre-activation from its mean and variance."""
    eps, u = rng.normal(size=(2, 3, 4))
    x = {"mean": rng.normal(size=(3, 4)), "var": rng.uniform(0.1, 2, (3, 4))}

    def grad(x):
        return {"mean": u, "var": local_draw(x["mean"], x["var"], eps)[1](u)}

    return Problem(
        lambda x: (u * local_draw(x["mean"], x["var"], eps)[0]).sum(), grad, x
    )


def elbo_problem(model, family, estimator, params, rng, batch, n_data, kl_weight=0.6):
    """The negative ELBO at fixed noise as a function of ``params``."""
    A, y = model.batch(*batch)
    noise = rng.normal(size=estimator.noise_shape(model, family, 3, A.shape[-2]))

    def run(x):
        return objective(
            model, family, {**params, **x}, noise, A, y, n_data, kl_weight, estimator
        )

    return Problem(lambda x: run(x)[0], lambda x: run(x)[1](), params)


def _objective_case(estimator, *keys):
    """The loss of a 3-4-2 network as a function of some of the parameters."""

    def make(rng):
        net = MLP([3, 4, 2], activation="tanh")
        n = net.n_weights
        prior = GaussianPrior(0.3 * rng.normal(size=n), rng.uniform(0.5, 2.0, n))
        model, family = Model(net, Bernoulli(), prior), MeanField()
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
case("E61")(_objective_case(Pathwise(), "mu", "rho"))
