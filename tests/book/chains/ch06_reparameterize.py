"""Chapter 06: what the letters of its derivations mean, each by a route of its own.

Means under q by the trapezoid rule over w, means over epsilon by Gauss-Hermite nodes, S
draws by all combinations of nodes, slopes by the complex step.
"""

from functools import cache
from itertools import product

import numpy as np
from scipy import special, stats
from support.routes import hermite, normal, slope
from support.tex import By, Chain, Function, Over


def trapezoid(mean, sd):
    """Points and the weights of an integral over all numbers."""
    points = np.linspace(mean - 8.5 * sd, mean + 8.5 * sd, 61)
    return points, np.full(61, points[1] - points[0])


def under_q(p):
    """E_q by the trapezoid rule over w."""
    w, cell = trapezoid(p["mu"], p["sigma"])
    return Over("w", w, cell * normal(w, p["mu"], p["sigma"]))


# --- E11 to E13: maps ----------------------------------------------------------------


def scales(forward):
    def names(p):
        return {
            r"\rho": p["rho"], r"\sigma": forward(p["rho"]),
            r"\frac{\partial \sigma}{\partial \rho}": slope(forward, p["rho"]),
        }  # fmt: skip

    return names


RAW = [{"rho": -1.3}, {"rho": 0.7}]


# --- E14, E61: a draw ----------------------------------------------------------------


def draw(p):
    mu, sigma, eps = p["mu"], p["sigma"], p["eps"]
    return {
        "E_q": under_q(p), r"E_\epsilon": Over(r"\epsilon", *hermite(12)),
        "w_s": float(np.interp(eps, [-9, 9], [mu - 9 * sigma, mu + 9 * sigma])),
        r"\mu": mu, r"\sigma": sigma, r"\epsilon_s": eps,
        r"\mathcal{N}": Function(lambda m, v: np.array([m, v])), "I": 1.0,
        r"\frac{\partial w_s}{\partial \mu}": slope(lambda m: m + sigma * eps, mu),
        r"\frac{\partial w_s}{\partial \sigma}": slope(lambda s: mu + s * eps, sigma),
    }  # fmt: skip


@cache
def measured_law():
    """Mean and variance of what the package is given as noise, by its quantiles."""
    z = special.ndtri((np.arange(200_000) + 0.5) / 200_000)
    drawn = np.random.default_rng(0).standard_normal(20_000)
    assert stats.ks_2samp(drawn, z).pvalue > 1e-3
    return np.array([z.mean().round(6), z.var().round(3)])


def loss(w):
    return 0.3 * w**3 - w**2 + np.sin(0.8 * w)


@cache
def draws(mu, sigma, S):
    """A mean over S epsilons: every combination of six nodes for each."""
    nodes, weights = hermite(6)
    every = [list(one) for one in product(range(6), repeat=S)]
    return Over(
        (r"\epsilon", "w", "all"),
        [(nodes[k[0]], mu + sigma * nodes[k[0]], nodes[k]) for k in every],
        [weights[k].prod() for k in every],
    )


def through(p):
    mu, sigma, S = p["mu"], p["sigma"], p["S"]
    points, weights = hermite(9)

    def gradient(epsilon):
        by_mu = slope(lambda m: loss(m + sigma * epsilon), mu)
        return np.array([by_mu, slope(lambda s: loss(mu + s * epsilon), sigma)])

    def mean(m, s):
        w, width = trapezoid(mu, sigma)
        density = np.exp(-0.5 * ((w - m) / s) ** 2) / (s * np.sqrt(2 * np.pi))
        return (loss(w) * density).sum() * width[0]

    return {
        r"\frac{\partial}{\partial \mu}": By("mu"),
        r"\frac{\partial}{\partial \sigma}": By("sigma"),
        "E_q": under_q(p), r"\ell": Function(loss),
        r"\ell'": Function(lambda w: slope(loss, w)),
        r"\mu": mu, r"\sigma": sigma, "S": S,
        r"\int": Over(
            r"\epsilon", points, weights / normal(points), until=r"d\epsilon"
        ),
        r"\mathcal{N}(\epsilon; 0, 1)": lambda epsilon: normal(epsilon),
        r"E_\epsilon": draws(mu, sigma, S), r"\sum_s": Over("s", range(S)),
        "w_s": lambda s, all: mu + sigma * all[s],
        r"\nabla E_q[\ell(w)]": np.array(
            [slope(lambda m: mean(m, sigma), mu), slope(lambda s: mean(mu, s), sigma)]
        ),
        r"\nabla \ell(\mu + \sigma \circ \epsilon)": gradient,
    }  # fmt: skip


# --- E15: correlated draws -----------------------------------------------------------


def correlated(p):
    L, mu = p["L"], p["mu"]
    nodes, weights = hermite(4)
    pairs = list(product(range(4), repeat=2))
    eps = [nodes[list(pair)][:, None] for pair in pairs]
    mass = [weights[list(pair)].prod() for pair in pairs]
    return {
        r"E_\epsilon": Over(r"\epsilon", eps, mass), "L": L, r"\mu": mu,
        "E_q": Over("w", [mu + L @ e for e in eps], mass), r"\Sigma": p["L"] @ p["L"].T,
        r"\epsilon_s": np.array([[0.7], [-1.2]]),
        "w_s": mu + 0.7 * L[:, :1] - 1.2 * L[:, 1:],
    }  # fmt: skip


NOTHING = [
    *(f"{kind} of {part}" for kind in ("factor 2", "sign") for part in (
        r"\epsilon", r"\sigma E_\epsilon[\epsilon]",
    )),
    r"without \sigma E_\epsilon[\epsilon]",
]  # fmt: skip
CHAINS = [
    Chain("E11", scales(lambda rho: np.log(1 + np.exp(rho))), RAW),
    Chain("E12", scales(np.exp), RAW),
    Chain("E13", scales(lambda rho: rho), RAW),
    Chain(
        "E14", draw, [
            dict(mu=0.4, sigma=0.7, eps=-1.3), dict(mu=-1.1, sigma=1.6, eps=0.45),
        ],
        blind={f"E14a: {said}": "epsilon has mean 0" for said in NOTHING}
        | {f"E14: {said} of 0": "it is zero" for said in ("sign", "factor 2")},
        laws={r"\epsilon_s": lambda p: measured_law()},
    ),
    Chain(
        "E61", through, [
            dict(mu=0.4, sigma=0.7, S=2), dict(mu=-1.1, sigma=0.5, S=3),
        ],
        blind={
            f"E61{line}: sign of \\sigma \\epsilon": "epsilon and -epsilon are alike"
            for line in "abc"
        },
    ),
    Chain(
        "E15", correlated, [
            dict(L=np.array([[0.8, 0.0], [1.2, 0.6]]), mu=np.array([[0.3], [-0.9]])),
            dict(L=np.array([[1.7, 0.0], [-0.4, 1.1]]), mu=np.array([[1.2], [0.5]])),
        ],
    ),
]  # fmt: skip
