"""Chapter 13: what the letters of its derivations mean, each by a route of its own.

Means under q by the trapezoid rule, means over draws by all combinations of Gauss-Hermite
nodes, over signs by all signs, slopes by the complex step or by differences.
"""

from functools import cache
from itertools import combinations, product

import numpy as np
from scipy import integrate, stats
from support.routes import hermite, normal, slope
from support.tex import By, Chain, Function, Over


def log_normal(w, mean=0.0, sd=1.0):
    return -0.5 * ((w - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)


def tensor(dims, n):
    """The same over several independent epsilons, (n^dims, dims)."""
    nodes, weights = hermite(n)
    every = [list(one) for one in product(range(n), repeat=dims)]
    return nodes[every], weights[every].prod(1)


def variance(values, mass):
    return mass @ values**2 - (mass @ values) ** 2


def legendre(low, high, n=80):
    nodes, weights = np.polynomial.legendre.leggauss(n)
    half = (high - low) / 2
    return low + half * (nodes + 1), half * weights


# --- E63: what the rows share --------------------------------------------------------


def of_rows(p):
    mu, sigma, A, y, N = (p[name] for name in ("mu", "sigma", "A", "y", "N"))
    eps, mass = tensor(2, 7)
    g = (np.tanh((mu + sigma * eps) @ A.T) - y) * A[:, 0]  # of weight 0, (draws, rows)
    B = len(y)
    own = [variance(g[:, k], mass) for k in range(B)]
    pairs = list(combinations(range(B), 2))
    shared = [mass @ (g[:, a] * g[:, b]) - (mass @ g[:, a]) * (mass @ g[:, b])
              for a, b in pairs]  # fmt: skip
    xi, zeta = p["xi"], p["zeta"]
    W = mu + np.outer(zeta, sigma * p["eps"]) * xi  # the weights that each row meets
    both = [mu @ A[1] + t * (np.array(s) * sigma * p["eps"]) @ A[1]
            for *s, t in product((1, -1), repeat=3)]  # fmt: skip
    return {
        r"\mathrm{Var}\left[\frac{N}{B} \sum_k g_k\right]":
            variance(N / B * g.sum(1), mass),
        r"\sum_k": Over("k", range(B)), r"\mathrm{Var}[g_k]": lambda k: own[k],
        r"\sum_\mathrm": Over("pair", range(len(pairs))),
        r"\mathrm{Cov}[g_k, g_{k'}]": lambda pair: shared[pair],
        r"\overline{\mathrm{Var}}": np.mean(own),
        r"\overline{\mathrm{Cov}}": np.mean(shared), "N": N, "B": B,
        "Z_k": (W * A).sum(1)[1], r"\sum_i": Over("i", range(2)),
        r"E_{\mathrm{signs}}[Z_k]": np.mean(both),
        r"\mu_i": lambda i: mu[i], r"\sigma_i": lambda i: sigma[i],
        r"\epsilon_i": lambda i: p["eps"][i], r"\zeta_k": zeta[1],
        r"\xi_{ki}": lambda i: xi[1, i], "A_{ki}": lambda i: A[1, i],
    }  # fmt: skip


ROWS = [
    dict(
        mu=np.array([0.3, -0.7]), sigma=np.array([0.8, 0.5]), N=20,
        A=np.array([[1.0, 0.4], [-0.6, 1.3], [0.9, -0.8]]), y=np.array([0.2, -0.5, 0.7]),
        eps=np.array([0.7, -1.2]), zeta=np.array([1, -1, 1]),
        xi=np.array([[1, 1], [1, -1], [-1, 1]]),
    ),
    dict(
        mu=np.array([-0.4, 1.1]), sigma=np.array([0.6, 0.9]), N=33,
        A=np.array([[0.7, -1.1], [1.4, 0.3], [-0.2, 0.5], [0.8, 1.0]]),
        y=np.array([0.1, 0.6, -0.3, 0.4]), eps=np.array([-0.9, 0.4]),
        zeta=np.array([-1, 1, 1, -1]), xi=np.array([[1, -1], [-1, -1], [1, 1], [1, -1]]),
    ),
]  # fmt: skip


# --- E64: the score ------------------------------------------------------------------


def loss(w):
    return 0.3 * w**3 - w**2 + 0.5 * w + 1.0


@cache
def draws(mu, sigma, S):
    """All combinations of S nodes; w is the first of them."""
    eps, mass = tensor(S, 4)
    w = mu + sigma * eps
    return Over(("w", "all"), [(row[0], row) for row in w], mass)


def of_scores(p):
    mu, sigma, S = p["mu"], p["sigma"], p["S"]
    points = np.linspace(-14, 14, 401)
    cell = np.full(401, points[1] - points[0])

    def score(w):
        return slope(lambda m: log_normal(w, m, sigma), mu)

    return {
        r"\nabla": By("mu"), "E_q": draws(mu, sigma, S),
        r"\int": Over("w", points, cell, until="dw"),
        r"\ell(w)": lambda w: loss(w), "q(w)": lambda w: normal(w, mu, sigma),
        r"\nabla q(w)": lambda w: slope(lambda m: normal(w, m, sigma), mu),
        r"\nabla \log q(w)": lambda w: score(w),
        r"\nabla \log q(w_s)": lambda all: score(all[0]),
        r"\ell_s": lambda all: loss(all[0]),
        r"\overline{\ell}": lambda all: loss(all).mean(),
        r"\overline{\ell}_{-s}": lambda all: loss(all[1:]).mean(),
        "w": lambda w: w, "S": S, r"\mu": mu, r"\sigma": sigma,
    }  # fmt: skip


# --- E65: the score left out ---------------------------------------------------------


def of_landing(p):
    mu, sigma, m, s = (p[name] for name in ("mu", "sigma", "m", "s"))
    precision, mean, i = p["precision"], p["mean"], p["i"]

    def log_joint(w):  # not normal, not normalised
        return 0.7 * log_normal(w, m, s) + np.log(normal(w, m + 1, 1.5 * s) + 0.3)

    def by_integral(sd):
        w, width = legendre(mu - 9 * sigma, mu + 9 * sigma, 120)
        difference = log_normal(w, mu, sd) - log_joint(w)
        return (width * normal(w, mu, sd) * difference).sum()

    sd = 1 / np.sqrt(np.diag(precision))

    def difference(w):  # log q - log p of independent weights and a correlated posterior
        return log_normal(w, mean, sd).sum() + 0.5 * (w - mean) @ precision @ (w - mean)

    def by_weight(w):
        return slope(lambda z: difference(np.where(np.arange(len(w)) == i, z, w)), w[i])

    eps, mass = tensor(len(mean), 3)
    slopes = np.array([by_weight(mean + sd * e) for e in eps])
    others = [j for j in range(len(mean)) if j != i]
    return {
        r"\frac{\partial}{\partial \sigma} \mathrm{loss}": slope(by_integral, sigma),
        r"\frac{\partial}{\partial \sigma}": By("sigma"),
        r"E_\epsilon": Over(r"\epsilon", *hermite(60)),
        "J(w)": lambda epsilon: log_normal(mu + sigma * epsilon, mu, sigma)
        - log_joint(mu + sigma * epsilon),
        "J'(w)": lambda epsilon: slope(
            lambda w: log_normal(w, mu, sigma) - log_joint(w), mu + sigma * epsilon
        ),
        r"\frac{\partial}{\partial \sigma} \log q(w)": lambda epsilon: slope(
            lambda x: log_normal(mu + sigma * epsilon, mu, x), sigma
        ),
        r"\frac{\partial J}{\partial w_i}": by_weight(p["w"]),
        r"\mathrm{Var}\left[\frac{\partial J}{\partial w_i}\right]":
            variance(slopes, mass),
        r"\sum_j": Over("j", others), r"\Lambda_{ij}": lambda j: precision[i, j],
        r"\Lambda_{jj}": lambda j: precision[j, j],
        "w_j": lambda j: p["w"][j], r"\mu_j": lambda j: mean[j],
    }  # fmt: skip


# --- E66: the expected squared error -------------------------------------------------


def of_gaussian(p):
    y, noise = p["y"], p["noise"]
    nodes, mass = tensor(2, 6)
    f = p["a"] + (p["b"] + nodes[:, 0]) * (0.5 + p["c"] * nodes[:, 1])  # not normal
    M = mass @ f
    return {
        "E_q": Over("f", f, mass), "y": y, "M": M, "V": mass @ (f - M) ** 2,
        r"\sigma_y": noise, r"E_q[\ell]": -mass @ stats.norm.logpdf(y, f, noise),
    }


# --- E67: a rectified normal, and the output above it --------------------------------


def one_unit(M, V):
    """Mean and mean square of max(Z, 0), Z ~ N(M, V), by adaptive quadrature."""
    sd = np.sqrt(V)
    return [
        integrate.quad(lambda z, n=n: z**n * stats.norm.pdf(z, M, sd), 0, M + 12 * sd,
                       epsabs=1e-13)[0] for n in (1, 2)
    ]  # fmt: skip


def of_rectified(p):
    M, V = p["M"], p["V"]
    mean, square = one_unit(M, V)
    units = [one_unit(*pair) for pair in zip(p["Ms"], p["Vs"], strict=True)]
    eps, mass = tensor(2, 3)  # the weights above
    w = p["mu"] + p["sigma"] * eps
    sides = []  # outcomes of each unit: zero, or a node above it
    for m, v in zip(p["Ms"], p["Vs"], strict=True):
        z, width = legendre(0.0, m + 10 * np.sqrt(v))
        off = stats.norm.cdf(0, m, np.sqrt(v))
        sides.append((np.r_[0.0, z], np.r_[off, width * normal(z, m, np.sqrt(v))]))
    (a, mass_a), (b, mass_b) = sides
    f = w[:, 0, None, None] * a[:, None] + w[:, 1, None, None] * b
    all_mass = mass[:, None, None] * mass_a[:, None] * mass_b
    f_mean = (all_mass * f).sum()
    return {
        "E_q[A]": mean, "E_q[A^2]": square, r"\mathrm{Var}[A]": square - mean**2,
        r"\int": Over("Z", *legendre(0.0, M + 12 * np.sqrt(V)), until="dZ"),
        r"\mathcal{N}(Z; M, V)": lambda Z: normal(Z, M, np.sqrt(V)),
        r"\mathcal{N}(0; M, V)": normal(0.0, M, np.sqrt(V)),
        r"\Phi": Function(stats.norm.cdf), "M": M, "V": V,
        "E_q[f]": f_mean, r"\mathrm{Var}[f]": (all_mass * (f - f_mean) ** 2).sum(),
        r"\sum_j": Over("j", range(2)), r"\mu_j": lambda j: p["mu"][j],
        r"\sigma_j": lambda j: p["sigma"][j], "E_q[A_j]": lambda j: units[j][0],
        "E_q[A_j^2]": lambda j: units[j][1],
        r"\mathrm{Var}[A_j]": lambda j: units[j][1] - units[j][0] ** 2,
    }  # fmt: skip


# --- E68: mirrored noise -------------------------------------------------------------


def of_mirrored(p):
    a, b, c = p["a"], p["b"], p["c"]

    def even(e):
        return a * e**2 + np.cos(c * e)

    def odd(e):
        return b * e**3 - e + np.sin(c * e)

    def G(e):
        return even(e) + odd(e)

    eps, mass = hermite(30)
    two, both = tensor(2, 30)
    apart = (G(two[:, 0]) + G(two[:, 1])) / 2
    mirror = (G(eps) + G(-eps)) / 2
    var, name = r"\mathrm{Var}\left[%s\right]", r"G_{\mathrm{%s}}"
    return {
        "G": Function(G), name % "even": Function(even), name % "odd": Function(odd),
        r"\epsilon": p["eps"], var % r"G(\epsilon)": variance(G(eps), mass),
        var % (name % "even"): variance(even(eps), mass),
        var % (name % "odd"): variance(odd(eps), mass),
        var % r"\frac{G(\epsilon_1) + G(\epsilon_2)}{2}": variance(apart, both),
        var % r"\frac{G(\epsilon) + G(-\epsilon)}{2}": variance(mirror, mass),
    }  # fmt: skip


ZERO = {  # both sides are zero: that is what the lines say
    f"E64{letter}: {kind} of {part}": "the mean of the score is zero"
    for kind in ("sign", "factor 2")
    for letter, part in (
        ("f", r"\int[\nablaq(w)]"), ("f", r"\nablaq(w)"), ("g", r"\int[q(w)]"),
        ("g", r"\nabla[\int[q(w)]]"), ("g", "q(w)"), ("h", "0"),
    )
}  # fmt: skip
LEFT_OUT = {
    rf"E65a: {kind} \frac{{\partial}}{{\partial\sigma}}\logq(w)":
        "the mean of the score is zero, so it may be left out"
    for kind in ("sign of", "factor 2 of", "without")
}  # fmt: skip
CHAINS = [
    Chain("E63", of_rows, ROWS),
    Chain("E64", of_scores, [
        dict(mu=0.4, sigma=0.7, S=2, w=1.3, all=np.array([0.3, -1.2])),
        dict(mu=-1.1, sigma=1.2, S=3, w=-0.2, all=np.array([1.1, 0.2, -0.6])),
    ], blind=ZERO),
    Chain("E65", of_landing, [
        dict(
            mu=0.3, sigma=0.8, m=-0.4, s=0.9, i=0, mean=np.array([0.3, -0.8]),
            w=np.array([1.2, 0.1]), precision=np.array([[2.1, 0.9], [0.9, 0.8]]),
        ),
        dict(
            mu=-0.9, sigma=0.5, m=0.2, s=1.3, i=1, mean=np.array([-0.4, 1.1, 0.6]),
            w=np.array([0.2, 0.7, -0.5]),
            precision=np.array([[3.0, 1.1, -0.7], [1.1, 1.4, 0.2], [-0.7, 0.2, 0.9]]),
        ),
    ], blind=LEFT_OUT),
    Chain("E66", of_gaussian, [
        dict(a=0.4, b=0.8, c=0.3, y=1.4, noise=0.6),
        dict(a=-0.7, b=0.3, c=1.1, y=0.2, noise=1.7),
    ]),
    Chain("E67", of_rectified, [
        dict(
            M=0.7, V=1.4, Ms=(0.4, -0.6), Vs=(0.5, 1.2), mu=np.array([0.9, -1.3]),
            sigma=np.array([0.4, 0.7]),
        ),
        dict(
            M=-0.5, V=0.6, Ms=(-0.2, 1.1), Vs=(1.7, 0.4), mu=np.array([-0.5, 0.8]),
            sigma=np.array([1.1, 0.3]),
        ),
    ]),
    Chain("E68", of_mirrored, [
        dict(a=0.7, b=0.2, c=1.3, eps=0.6), dict(a=-0.3, b=0.4, c=0.8, eps=-1.1),
    ], blind={r"E68a: sign of \epsilon": "an even part does not see it"}),
]  # fmt: skip
