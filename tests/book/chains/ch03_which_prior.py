"""Chains of chapter 03. Densities are scipy's, variances are sums over product nodes."""

from functools import cache
from itertools import product

import numpy as np
from scipy import stats
from support.tex import By, Chain, Function, Over

by = {
    rf"\frac{{\partial}}{{\partial {tex}}}": By(name, 1e-3)
    for tex, name in (("w", "w"), ("s_0", "s0"))
}


def normal_prior(p):
    return by | {
        "p(w)": stats.norm.pdf(p["w"], p["m0"], p["s0"]), "w": p["w"],
        "m_0": p["m0"], "s_0": p["s0"],
    }  # fmt: skip


def laplace_prior(p):
    density = stats.laplace.pdf(p["w"], 0, p["b"])
    return by | {"p(w)": density, "w": p["w"], r"\lambda": p["b"]}


def mixture(p):
    """The density as that of a sum over the two kinds, by scipy."""
    kinds = [(p["share"], p["s0"]), (1 - p["share"], p["c"] * p["s0"])]
    density = sum(share * stats.norm.pdf(p["w"], 0, s) for share, s in kinds)
    return by | {
        "p(w)": density, "w": p["w"], r"\alpha": p["share"], "c": p["c"], "s_0": p["s0"],
        r"\mathcal{N}(w; 0, s_0^2)": stats.norm.pdf(p["w"], 0, p["s0"]),
        r"\mathcal{N}(w; 0, c^2 s_0^2)": stats.norm.pdf(p["w"], 0, p["c"] * p["s0"]),
    }  # fmt: skip


def kl_of_laplace(p):
    """Means under q on Gauss-Legendre nodes on either side of the kink at 0."""
    mu, sigma, b = p["mu"], p["sigma"], p["b"]
    reach = abs(mu) + 11 * sigma
    z, weights = np.polynomial.legendre.leggauss(60)
    half = reach * (z + 1) / 2
    w = np.concatenate([-half, half])
    weights = np.tile(weights * reach / 2, 2) * stats.norm.pdf(w, mu, sigma)
    log_ratio = stats.norm.logpdf(w, mu, sigma) - stats.laplace.logpdf(w, 0, b)
    return {
        r"\mathrm{KL}(q \mathbin{\Vert} p)": weights @ log_ratio,
        "E_q": Over("w", w, weights), "q": Function(lambda w: stats.norm.pdf(w, mu, sigma)),
        "p": Function(lambda w: stats.laplace.pdf(w, 0, b)),
        r"\min(w, 0)": lambda w: min(w, 0.0), r"\Phi": Function(stats.norm.cdf),
        r"\mu": mu, r"\sigma": sigma, r"\lambda": b,
    }  # fmt: skip


# --- E49: the output of a network of normal weights ----------------------------------

Z4, W4 = np.polynomial.hermite_e.hermegauss(4)  # exact up to the seventh power
W4 = W4 / W4.sum()
Z12, W12 = np.polynomial.hermite_e.hermegauss(12)


@cache
def moments_of_output(x, s0, units):
    """E (f - b2)^2 and E (f - b2)^4: nodes for all incoming weights and biases.

    Given these, f - b2 is normal with variance s0² times the sum of A².
    """
    second = fourth = 0.0
    for nodes in product(range(4), repeat=2 * units):
        w, b = np.array(nodes[:units]), np.array(nodes[units:])
        square = (np.maximum(s0 * (Z4[w] * x + Z4[b]), 0) ** 2).sum()
        chance = W4[w].prod() * W4[b].prod()
        second += chance * s0**2 * square
        fourth += chance * 3 * s0**4 * square**2
    return second, fourth


def output(p):
    x, s0, units = p["x"], p["s0"], p["H"]
    second, fourth = moments_of_output(x, s0, units)
    names = ("W_{1j}", "b_{1j}", "W_{2j}", "b_2")
    weights = [W4[list(k)].prod() for k in product(range(4), repeat=4)]
    nodes = list(product(s0 * Z4, repeat=4))

    def z(W_1j, b_1j):
        return W_1j * x + b_1j

    return {
        "E": Over(names, nodes, weights), "Z_j": z,
        "A_j": lambda W_1j, b_1j: max(z(W_1j, b_1j), 0.0),
        r"\mathrm{Var}[Z_j]": stats.norm.var(0, s0 * np.hypot(x, 1)),
        r"\mathrm{Var}[f]": second + s0**2, "E[(f - b_2)^4]": fourth,
        "E[(f - b_2)^2]": second, r"\sum_j": Over("j", range(units)),
        "x": x, "s_0": s0, "H": units,
    }  # fmt: skip


# --- E92: the evidence, as the joint normal density of all targets ---------------------


@cache
def posterior(x, y, noise, s0):
    """Mean, sd of w given y, and density of y: from the joint normal law of both."""
    spread = s0**2 * np.outer(x, x) + noise**2 * np.eye(len(x))
    gain = s0**2 * np.linalg.solve(spread, x)
    evidence = stats.multivariate_normal(np.zeros(len(x)), spread).pdf(y)
    return gain @ y, np.sqrt(s0**2 * (1 - gain @ x)), evidence


def evidence(p):
    x, y, noise = np.array(p["x"]), np.array(p["y"]), p["noise"]
    mean, sd, density = posterior(tuple(p["x"]), tuple(p["y"]), noise, p["s0"])
    steps = np.full(12, sd) * W12 * np.exp(Z12**2 / 2)
    return by | {
        "p(D)": density, r"p(D \mid m_N)": stats.norm.pdf(y, mean * x, noise).prod(),
        "p(m_N)": stats.norm.pdf(mean, 0, p["s0"]),
        r"p(m_N \mid D)": stats.norm.pdf(mean, mean, sd),
        r"\int": Over("w", mean + sd * Z12, steps, until="dw"),
        r"p(w \mid D)": lambda w: stats.norm.pdf(w, mean, sd),
        "p(w)": lambda w: stats.norm.pdf(w, 0, p["s0"]),
        r"\sum_k": Over("k", range(len(x))), "x_k": lambda k: x[k],
        "y_k": lambda k: y[k], "N": len(x), r"\sigma_y": noise, "s_0": p["s0"],
        "m_N": mean, "s_N": sd,
    }  # fmt: skip


LIKE = "the law of a weight and that of minus the weight are one"
BLIND = {
    "E49": {
        "E49a: sign of W_1j x": LIKE, "E49a: sign of b_1j": LIKE,
        "E49f: sign of W_2j A_j": LIKE, "E49f: sign of W_2j A_j^2": LIKE,
    },
    "E92": {"E92c: factor 2 of p(w)": "a factor of a density has no slope in its log"},
    "E47": {f"E47{k}: sign of w": "a size has no sign" for k in "abc"},
    "E46": {
        "E46a: sign of w": "the Laplace density is even",
        "E46b: sign of w": "a size has no sign",
        "E46d: sign of 0": "zero", "E46d: factor 2 of 0": "zero",
    },
}  # fmt: skip

CHAINS = [
    Chain("E42", normal_prior, [
        dict(w=0.7, m0=-0.3, s0=1.6), dict(w=-1.9, m0=0.4, s0=0.6),
    ]),
    Chain("E49", output, [
        dict(x=0.7, s0=1.3, H=2), dict(x=-1.6, s0=0.4, H=3),
    ], blind=BLIND["E49"]),
    Chain("E92", evidence, [
        dict(x=[0.5, -1.2, 1.7], y=[0.8, -1.9, 3.3], noise=0.6, s0=0.7),
        dict(x=[-0.4, 0.9, 2.1, 1.3], y=[0.3, 1.6, 2.5, 0.1], noise=1.4, s0=1.9),
    ], blind=BLIND["E92"]),
    Chain("E47", laplace_prior, [
        dict(w=0.7, b=0.4), dict(w=-1.8, b=1.7),
    ], blind=BLIND["E47"]),
    Chain("E45", mixture, [
        dict(w=0.7, share=0.3, c=0.4, s0=1.4), dict(w=-0.2, share=0.6, c=0.7, s0=0.5),
    ]),
    Chain("E46", kl_of_laplace, [
        dict(mu=0.3, sigma=0.7, b=0.4), dict(mu=-1.1, sigma=1.6, b=1.8),
    ], blind=BLIND["E46"]),
]  # fmt: skip
