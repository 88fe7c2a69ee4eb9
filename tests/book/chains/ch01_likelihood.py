"""Chains of chapter 01. Densities are scipy's; estimates are found by a minimiser."""

from functools import cache

import numpy as np
from scipy import optimize, stats
from support.tex import By, Chain, Over

by = {
    rf"\frac{{\partial}}{{\partial {tex}}}": By(name, 1e-3)
    for tex, name in (
        (r"\mu", "mu"), (r"\sigma", "sigma"), ("f", "f"), ("f_y", "f_y"),
    )
}  # fmt: skip


# --- E07: rows given the parameters, as scipy has all of them at once ----------------


def rows(p):
    """Three rows of a line f = w x with noise 0.8; conditionals are ratios of joints."""
    X, y = np.array(p["X"]), np.array(p["y"])

    def joint(n):
        """Density of the first n targets together."""
        if n == 0:
            return 1.0
        law = stats.multivariate_normal(p["w"] * X[:n], 0.8**2 * np.eye(n))
        return law.pdf(y[:n])

    return {
        r"p(D \mid w)": joint(3),
        r"p(y_k \mid y_1, \ldots, y_{k-1}, X, w)": lambda k: joint(k + 1) / joint(k),
        r"p(y_k \mid x_k, w)": lambda k: stats.norm.pdf(y[k], p["w"] * X[k], 0.8),
        r"\prod_k": Over("k", range(3)), r"\sum_k": Over("k", range(3)),
    }  # fmt: skip


# --- E93: the normal sample ----------------------------------------------------------


@cache
def most_likely(x):
    """The maximum of scipy's log likelihood, found by a simplex: mu, sigma."""
    found = optimize.minimize(
        lambda p: -stats.norm.logpdf(x, p[0], np.exp(p[1])).sum(),
        [0.0, 0.0],
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-14, "maxiter": 4000},
    )
    return found.x[0], np.exp(found.x[1])


SHIFTS = {
    rf"E93i: {what} \hat{{\mu}}": "an integral over all theta sees no shift"
    for what in ("factor 2 of", "without")
}


def sample(p):
    x, mu, sigma = np.array(p["x"]), p["mu"], p["sigma"]
    best, sd = most_likely(tuple(p["x"]))
    routes = []
    for reach, count in ((9, 201), (11, 301)):
        nodes = best + sigma * np.linspace(-reach, reach, count)
        weights = np.full(count, nodes[1] - nodes[0])
        routes.append(Over(r"\theta", nodes, weights, until=r"d\theta"))
    likelihood = r"\mathcal{L}(\mu, \sigma; X)"
    return by | {
        likelihood: stats.norm.pdf(x, mu, sigma).prod(),
        r"\mathcal{L}(\theta, \sigma; X)": (
            lambda theta: stats.norm.pdf(x, theta, sigma).prod()
        ),
        r"\mathcal{N}(x_k; \mu, \sigma^2)": lambda k: stats.norm.pdf(x[k], mu, sigma),
        r"\int": routes, r"\theta": lambda theta: theta,
        r"\sum_k": Over("k", range(len(x))), "x_k": lambda k: x[k], "N": len(x),
        r"\mu": mu, r"\sigma": sigma, r"\hat{\mu}": best, r"\hat{\sigma}": sd,
    }  # fmt: skip


# --- one observation, its density from scipy -------------------------------------------


def gaussian(p):
    f, y, s, c = p["f"], p["y"], p["s"], p["c"]
    return by | {
        r"p(y \mid f)": stats.norm.pdf(y, f, s), "f": f, "y": y, r"\sigma_y": s, "c": c,
        r"\mathcal{N}(c y; c f, c^2 \sigma_y^2)": stats.norm.pdf(c * y, c * f, c * s),
    }  # fmt: skip


def bernoulli(p):
    chance = stats.logistic.cdf(p["f"])
    density = stats.bernoulli.pmf(p["y"], chance)
    return by | {r"p(y \mid f)": density, "f": p["f"], "y": p["y"]}


def categorical(p):
    """The probability that class y wins a race: logits with Gumbel noise."""
    f = np.array([p["f_y"], *p["others"]])
    u = np.linspace(-6, 40, 401) + p["f_y"]
    wins = stats.gumbel_r.pdf(u, p["f_y"]) * np.prod(
        [stats.gumbel_r.cdf(u, other) for other in p["others"]], axis=0
    )
    return by | {
        r"p(y \mid f)": np.sum(wins) * (u[1] - u[0]), "f_y": p["f_y"],
        "f_j": lambda j: f[j], r"\sum_j": Over("j", range(len(f))),
    }  # fmt: skip


def poisson(p):
    density = stats.poisson.pmf(p["y"], np.exp(p["f"]))
    factorial = float(np.prod(np.arange(1, p["y"] + 1)))
    return by | {r"p(y \mid f)": density, "f": p["f"], "y": p["y"], "y!": factorial}


CHAINS = [
    Chain("E07", rows, [
        dict(X=[0.5, -1.2, 2.0], y=[0.9, 0.1, -0.4], w=0.7),
        dict(X=[1.5, 0.3, -0.8], y=[-0.2, 1.4, 0.6], w=-0.6),
    ]),
    Chain("E93", sample, [
        dict(x=[2.1, 1.9, 2.4, 2.0, 2.6], mu=2.0, sigma=0.5),
        dict(x=[0.3, -1.1, 0.8, 1.7], mu=0.9, sigma=1.4),
    ], blind=SHIFTS),
    Chain("E31", gaussian, [
        dict(f=0.3, y=1.1, s=0.6, c=2.5),
        dict(f=-1.4, y=0.2, s=1.7, c=0.4),
    ]),
    Chain("E33", bernoulli, [dict(f=0.7, y=1), dict(f=-1.3, y=0)]),
    Chain("E34", categorical, [
        dict(f_y=0.4, others=[-0.7, 1.1]),
        dict(f_y=-0.9, others=[0.2, 0.5, -1.6]),
    ]),
    Chain("E35", poisson, [dict(f=0.6, y=3), dict(f=-0.4, y=2)]),
]  # fmt: skip
