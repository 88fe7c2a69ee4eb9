"""Example inputs, continued: correlated or amortised posteriors, other estimators."""

import numpy as np

from minibnn.audit.examples import Problem, case
from minibnn.estimators.exact import rectified_moments
from minibnn.estimators.flipout import flipout_dense
from minibnn.exact.normal_sample import normal_log_likelihood
from minibnn.families.full_covariance import FullCovariance
from minibnn.families.inference_network import InferenceNetwork
from minibnn.likelihoods.gaussian import expected_gaussian_nll
from minibnn.nn.mlp import MLP
from minibnn.priors.gaussian import GaussianPrior


def _full_params(rng, n=4):
    low = 0.7 * rng.normal(size=n * (n - 1) // 2)
    return {"mu": rng.normal(size=n), "rho": rng.normal(size=n), "low": low}


@case("E15")
def cholesky_samples(rng):
    """Three samples of four correlated weights, as a function of the raw parameters."""
    family, (eps, u) = FullCovariance(), rng.normal(size=(2, 3, 4))

    def f(x):
        return (u * family.sample(family.natural(x)[0], eps)[0]).sum()

    def grad(x):
        q, pull = family.natural(x)
        return pull(family.sample(q, eps)[1](u))

    return Problem(f, grad, _full_params(rng))


@case("E44")
def correlated_kl(rng):
    """KL of four correlated weights to a factorised Gaussian prior."""
    family = FullCovariance()
    prior = GaussianPrior(0.4 * rng.normal(size=4), rng.uniform(0.5, 2.0, 4))

    def grad(x):
        q, pull = family.natural(x)
        return pull(family.kl(q, prior)[1])

    return Problem(
        lambda x: family.kl(family.natural(x)[0], prior)[0], grad, _full_params(rng)
    )


@case("E16")
def two_heads(rng):
    """Means, sigmas and log sigmas of two tasks as a function of phi."""
    family = InferenceNetwork(MLP([3, 4, 6], "tanh"), rng.normal(size=(2, 3)))
    u = rng.normal(size=(3, 2, 3))

    def f(x):
        q, _ = family.natural(x)
        return sum((a * b).sum() for a, b in zip(u, q[:3], strict=True))

    def grad(x):
        q, pull = family.natural(x)
        return pull(type(q)(*u))

    return Problem(f, grad, {"phi": rng.normal(size=family.network.n_weights)})


@case("E63")
def flipped_layer(rng):
    """Two samples of a layer with 3 inputs, a bias and 4 units, on 5 rows."""
    u, ones = rng.normal(size=(2, 4, 5)), np.ones((2, 1, 5))
    flips = [rng.choice([-1.0, 1.0], (2, width, 5)) for width in (4, 4)]

    def run(x):
        A = np.concatenate([x["A"], ones], axis=-2)
        arrays = x["mean"][None], x["shift"]
        dtype = np.result_type(A, *arrays)
        g_mean, g_shift, Z = (np.empty((2, 4, n), dtype) for n in (4, 4, 5))
        layer = flipout_dense(*arrays, g_mean, g_shift, *flips, True)
        return Z, g_mean, g_shift, layer(A, Z)

    def grad(x):
        _, g_mean, g_shift, pull = run(x)
        g_A = pull(u, True)
        return {"A": g_A, "mean": g_mean.sum(0), "shift": g_shift}

    x = {
        "A": rng.normal(size=(2, 3, 5)),
        "mean": rng.normal(size=(4, 4)),
        "shift": rng.normal(size=(2, 4, 4)),
    }
    return Problem(lambda x: (u * run(x)[0]).sum(), grad, x)


@case("E66")
def expected_nll(rng):
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


@case("E67")
def rectified(rng):
    """Mean and variance of max(z, 0) for nine Gaussians."""
    u, v = rng.normal(size=(2, 9))
    x = {"m": rng.normal(size=9), "v": rng.uniform(0.1, 2.0, 9)}

    def f(x):
        mean, var, _ = rectified_moments(x["m"], x["v"])
        return (u * mean + v * var).sum()

    def grad(x):
        g_m, g_v = rectified_moments(x["m"], x["v"])[2](u, v)
        return {"m": g_m, "v": g_v}

    return Problem(f, grad, x)


@case("E93")
def normal_sample(rng):
    """Log likelihood of mu and sigma for two samples of five numbers."""
    data, u = 1.3 * rng.normal(size=(2, 5)) + 0.4, rng.normal(size=2)

    def run(x):
        return normal_log_likelihood(data, x["mu"], x["sigma"])

    def grad(x):
        g_mu, g_sigma = run(x)[1]
        return {"mu": u * g_mu, "sigma": u * g_sigma}

    x = {"mu": rng.normal(size=2), "sigma": rng.uniform(0.5, 2.0, 2)}
    return Problem(lambda x: (u * run(x)[0]).sum(), grad, x)
