"""Chapter 05: what the letters of its derivations mean, each by a route of its own.

One weight, y = tanh(w x) + noise. The evidence and the posterior come from a fine sum over
weights, the KL from the prior in closed form, that from the posterior by scipy's adaptive
quadrature; means under q by Gauss-Hermite and by the trapezoid rule in turn.
"""

import numpy as np
from scipy import integrate, stats
from support.tex import Chain, Over

import minibnn as mb

X, Y = np.array([0.6, -1.3, 0.9]), np.array([0.4, -0.7, 1.1])
GRID = np.linspace(-14, 14, 4001)
STEP = GRID[1] - GRID[0]
NODES, MASSES = np.polynomial.hermite_e.hermegauss(80)
MASSES = MASSES / MASSES.sum()


class One:
    """Prior, likelihood and q of one weight at a point."""

    def __init__(self, p):
        self.p = p

    def prior(self, w):
        return stats.norm.pdf(w, self.p["m0"], self.p["s0"])

    def likelihood(self, w):
        noise = (Y - np.tanh(np.multiply.outer(w, X))) / self.p["noise"]
        return np.exp(-0.5 * (noise**2).sum(-1)) / self.p["noise"] ** 3

    def q(self, w):
        return stats.norm.pdf(w, self.p["mu"], self.p["sigma"])

    def log_q(self, w):
        return stats.norm.logpdf(w, self.p["mu"], self.p["sigma"])

    def mass(self, T=1.0):
        """∫ p(w) p(D | w)^(1/T) dw."""
        return (self.prior(GRID) * self.likelihood(GRID) ** (1 / T)).sum() * STEP

    def weight(self, w):
        return self.likelihood(w) * self.prior(w) / self.q(w)

    def mean(self, f):
        """E_q[f(w)] by adaptive quadrature."""
        m, s = self.p["mu"], self.p["sigma"]
        bounds = (m - 12 * s, m + 12 * s)
        terms = integrate.quad(lambda w: self.q(w) * f(w), *bounds, epsabs=1e-13)
        return terms[0]

    def kl_prior(self):
        m, s, m0, s0 = (self.p[name] for name in ("mu", "sigma", "m0", "s0"))
        return np.log(s0 / s) + (s**2 + (m - m0) ** 2) / (2 * s0**2) - 0.5

    def kl_tempered(self, T=1.0):
        """KL from q to p L^(1/T), normalised."""
        log_mass = np.log(self.mass(T))

        def log_p(w):
            power = np.log(self.likelihood(w)) / T
            return stats.norm.logpdf(w, self.p["m0"], self.p["s0"]) + power - log_mass

        return self.mean(lambda w: self.log_q(w) - log_p(w))

    def expected(self):
        return self.mean(lambda w: np.log(self.likelihood(w)))

    def elbo(self):
        return self.expected() - self.kl_prior()


def under_q(one):
    """Means under q, by two rules in turn."""
    m, s = one.p["mu"], one.p["sigma"]
    near = np.linspace(m - 11 * s, m + 11 * s, 401)
    other = one.q(near) * (near[1] - near[0])
    return [Over("w", m + s * NODES, MASSES), Over("w", near, other)]


def common(p):
    one = One(p)
    return one, {
        "E_q": under_q(one), "q(w)": one.q, "p(w)": one.prior,
        r"p(D \mid w)": one.likelihood,
        r"\int": Over("w", GRID, np.full(len(GRID), STEP), until="dw"),
        r"\mathrm{KL}(q \mathbin{\Vert} p)": one.kl_prior(),
    }  # fmt: skip


def identity(p):
    one, names = common(p)
    evidence = one.mass()
    pairs = [(a, b) for a in range(80) for b in range(80)]
    both = [tuple(p["mu"] + p["sigma"] * NODES[list(pair)]) for pair in pairs]
    return names | {
        r"\log p(D)": np.log(evidence), r"\mathrm{ELBO}": one.elbo(),
        r"p(w \mid D)": lambda w: one.likelihood(w) * one.prior(w) / evidence,
        r"\mathrm{KL}(q \mathbin{\Vert} p(\cdot \mid D))": one.kl_tempered(),
        r"\mathrm{IW}_S": of_two(one), "S": 2.0, r"\sum_s": Over("s", range(2)),
        "E": Over(("w_1", "w_2"), both, [MASSES[a] * MASSES[b] for a, b in pairs]),
        "v_s": lambda s, w_1, w_2: one.weight((w_1, w_2)[s]),
    }  # fmt: skip


def of_two(one):
    """E log of the mean of two weights, by the trapezoid rule in the plane."""
    z = np.linspace(-9, 9, 401)
    mass = stats.norm.pdf(z) * (z[1] - z[0])
    v = one.weight(one.p["mu"] + one.p["sigma"] * z)
    return mass @ np.log((v[:, None] + v) / 2) @ mass


def tempered(p):
    one, names = common(p)
    T = p["T"]
    return names | {
        "T": T, "p_T(w)": lambda w: one.prior(w) * one.likelihood(w) ** (1 / T) / one.mass(T),
        r"\mathrm{KL}(q \mathbin{\Vert} p_T)": one.kl_tempered(T),
        r"E_q[\log p(D \mid w)]": one.expected(),
    }  # fmt: skip


def loss(p):
    """The package's loss of a minibatch, its parts by scipy."""
    rng = np.random.default_rng(p["seed"])
    S, B, N, T = p["S"], p["B"], p["N"], p["T"]
    x, y, eps = rng.normal(size=(B, 1)), rng.normal(size=B), rng.normal(size=(S, 1))
    model = mb.Model(mb.MLP([1, 1], bias=False), mb.Gaussian(0.7), mb.GaussianPrior(0.2, 1.4))
    params = {"mu": np.array([0.6]), "rho": np.log([0.8])}
    value, _, _ = mb.neg_elbo(
        model, mb.MeanField("exp"), params, eps, x, y, n_data=N, kl_weight=T
    )
    w = 0.6 + 0.8 * eps[:, 0]
    kl = integrate.quad(
        lambda w: stats.norm.pdf(w, 0.6, 0.8)
        * (stats.norm.logpdf(w, 0.6, 0.8) - stats.norm.logpdf(w, 0.2, 1.4)), -9, 10,
    )[0]  # fmt: skip
    return {
        r"\mathrm{loss}": value, "N": float(N), "B": float(B), "S": float(S), "T": T,
        r"\sum_s": Over("s", range(S)), r"\sum_k": Over("k", range(B)),
        r"p(y_k \mid x_k, w_s)": lambda k, s: stats.norm.pdf(y[k], w[s] * x[k, 0], 0.7),
        r"\mathrm{KL}(q \mathbin{\Vert} p)": kl,
    }  # fmt: skip


POINTS = [
    dict(mu=0.5, sigma=0.6, m0=-0.2, s0=1.3, noise=0.8, w=0.35, T=0.4),
    dict(mu=1.4, sigma=0.9, m0=0.3, s0=1.7, noise=1.1, w=-0.8, T=2.5),
]
CHAINS = [
    Chain(
        "E04", identity, POINTS,
        values={
            "E04h": lambda p: One(p).elbo(), "E04i": lambda p: One(p).elbo(),
            "E04j": lambda p: One(p).elbo(),
        },
    ),
    Chain("E51", loss, [dict(seed=0, S=3, B=4, N=11, T=0.7),
                        dict(seed=1, S=2, B=5, N=23, T=1.9)]),
    Chain("E54", tempered, POINTS),
]  # fmt: skip
