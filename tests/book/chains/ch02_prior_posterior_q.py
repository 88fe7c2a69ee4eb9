"""Chapter 02: what the letters of its derivations mean, each by a route of its own.

The posterior comes from the joint normal distribution of the weight and all targets, the
evidence from that of the targets; prior and likelihood are products of densities.
"""

import numpy as np
from scipy import stats
from support.tex import Chain, Over

POINTS = [
    dict(
        x=np.array([0.5, -1.2, 1.7]), y=np.array([0.8, -1.9, 3.3]),
        noise=0.6, m0=1.3, s0=0.7, w=1.1,
    ),
    dict(
        x=np.array([-0.4, 0.9, 2.1, 1.3]), y=np.array([0.3, 1.6, 2.5, 0.1]),
        noise=1.4, m0=-0.8, s0=1.9, w=-0.35,
    ),
]  # fmt: skip


def conditional(p):
    """Mean and variance of w given y, from the joint normal distribution of both."""
    x, s2 = p["x"], p["s0"] ** 2
    spread = s2 * np.outer(x, x) + p["noise"] ** 2 * np.eye(len(x))
    gain = s2 * np.linalg.solve(spread, x)
    evidence = stats.multivariate_normal(p["m0"] * x, spread).pdf(p["y"])
    return p["m0"] + gain @ (p["y"] - p["m0"] * x), s2 - s2 * gain @ x, evidence


def densities(p):
    """Posterior, likelihood and prior as functions of w, and the evidence."""
    mean, variance, evidence = conditional(p)
    return {
        "posterior": lambda w: stats.norm.pdf(w, mean, np.sqrt(variance)),
        "likelihood": lambda w: stats.norm.pdf(p["y"], w * p["x"], p["noise"]).prod(),
        "prior": lambda w: stats.norm.pdf(w, p["m0"], p["s0"]),
        "evidence": evidence,
    }


def joint(p):
    """Density of (w, y) as one normal vector."""
    design = np.append(1.0, p["x"])
    noise = p["noise"] ** 2 * np.eye(len(design))
    noise[0, 0] = 0.0
    spread = p["s0"] ** 2 * np.outer(design, design) + noise
    both = np.append(p["w"], p["y"])
    return stats.multivariate_normal(p["m0"] * design, spread).pdf(both)


def bayes(p):
    d = densities(p)
    return {
        "p(w, D)": joint(p), r"p(w \mid D)": d["posterior"](p["w"]),
        r"p(D \mid w)": d["likelihood"](p["w"]), "p(w)": d["prior"](p["w"]),
        "p(D)": d["evidence"],
    }  # fmt: skip


def evidence(p):
    """The integral by the trapezoid rule, and by Gauss-Hermite around the posterior."""
    d, (mean, variance, _) = densities(p), conditional(p)
    sd = np.sqrt(variance)
    grid = np.linspace(mean - 10 * sd, mean + 10 * sd, 401)
    nodes, weights = np.polynomial.hermite.hermgauss(20)
    other = np.sqrt(2) * sd * weights * np.exp(nodes**2)
    routes = [
        Over("w", grid, np.full(401, grid[1] - grid[0]), until="dw"),
        Over("w", mean + np.sqrt(2) * sd * nodes, other, until="dw"),
    ]
    return {
        r"\int": routes, r"p(w \mid D)": d["posterior"],
        r"p(D \mid w)": d["likelihood"], "p(w)": d["prior"], "p(D)": d["evidence"],
    }  # fmt: skip


def conjugate(p):
    d, (mean, variance, _) = densities(p), conditional(p)
    x, y, w = p["x"], p["y"], p["w"]
    return {
        r"p(w \mid D)": d["posterior"](w), r"p(0 \mid D)": d["posterior"](0.0),
        r"p(D \mid w)": d["likelihood"](w), r"p(D \mid 0)": d["likelihood"](0.0),
        "p(w)": d["prior"](w), "p(0)": d["prior"](0.0), "w": w,
        r"\sum_k": Over("k", range(len(x))), "x_k": lambda k: x[k],
        "y_k": lambda k: y[k], r"\sigma_y": p["noise"], "m_0": p["m0"], "s_0": p["s0"],
        "m_N": mean, "s_N": np.sqrt(variance),
        r"\mathcal{N}(w; m_N, s_N^2)": stats.norm.pdf(w, mean, np.sqrt(variance)),
    }  # fmt: skip


CHAINS = [
    Chain("E01", bayes, POINTS),
    Chain("E02", evidence, POINTS),
    Chain("E91", conjugate, POINTS),
]
