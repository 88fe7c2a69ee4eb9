"""Chapter 05: what the letters of its derivations mean, each by a route of its own.

One weight, y = tanh(w x) + noise. The evidence and the posterior come from a fine sum over
weights, the KL from the prior in closed form, other means under q from scipy's adaptive
quadrature; those of the lines from two lattices in turn.
"""

from functools import cache

import numpy as np
from scipy import integrate, stats
from support.routes import normal
from support.tex import Chain, Over

import minibnn as mb

X, Y = (0.6, -1.3, 0.9), (0.4, -0.7, 1.1)
FINE = np.linspace(-14, 14, 2001)
COARSE = np.linspace(-9, 9, 181)


def lattice(mean, sd, names="w", reach=14, step=0.5):
    """A mean under N(mean, sd²) by the trapezoid rule."""
    z = np.arange(-reach, reach + step / 2, step)
    return Over(names, (mean + sd * z).tolist(), (normal(z, 0, 1) * step).tolist())


class One:
    """Prior, likelihood and q of one weight at a point."""

    def __init__(self, p):
        self.p = p

    def prior(self, w):
        return normal(w, self.p["m0"], self.p["s0"])

    def likelihood(self, w):
        noise = self.p["noise"]
        a, b, c = (normal(y, np.tanh(w * x), noise) for x, y in zip(X, Y, strict=True))
        return a * b * c

    def q(self, w):
        return normal(w, self.p["mu"], self.p["sigma"])

    def mass(self, T=1.0):
        """∫ p(w) p(D | w)^(1/T) dw."""
        return np.trapezoid(self.prior(FINE) * self.likelihood(FINE) ** (1 / T), FINE)

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
            return np.log(self.prior(w)) + np.log(self.likelihood(w)) / T - log_mass

        return self.mean(lambda w: np.log(self.q(w)) - log_p(w))

    def expected(self):
        return self.mean(lambda w: np.log(self.likelihood(w)))

    def elbo(self):
        return self.expected() - self.kl_prior()


def common(p):
    one = One(p)
    return one, {
        "E_q": [lattice(p["mu"], p["sigma"]), lattice(p["mu"], p["sigma"], step=0.4)],
        "q(w)": cache(one.q), "p(w)": cache(one.prior),
        r"p(D \mid w)": cache(one.likelihood),
        r"\int": Over("w", COARSE.tolist(), [0.1] * len(COARSE), until="dw"),
        r"\mathrm{KL}(q \mathbin{\Vert} p)": one.kl_prior(),
    }  # fmt: skip


def identity(p):
    one, names = common(p)
    evidence = one.mass()
    side = lattice(p["mu"], p["sigma"], reach=6)
    pairs = [(a, b) for a in side.nodes for b in side.nodes]
    mass = [a * b for a in side.weights for b in side.weights]
    weight = cache(one.weight)
    return names | {
        r"\log p(D)": np.log(evidence), r"\mathrm{ELBO}": one.elbo(),
        r"p(w \mid D)": lambda w: one.likelihood(w) * one.prior(w) / evidence,
        r"\mathrm{KL}(q \mathbin{\Vert} p(\cdot \mid D))": one.kl_tempered(),
        r"\mathrm{IW}_S": of_two(one), "S": 2.0, r"\sum_s": Over("s", range(2)),
        "E": Over(("w_1", "w_2"), pairs, mass),
        "u_s": lambda s, w_1, w_2: weight((w_1, w_2)[s]),
    }  # fmt: skip


def of_two(one):
    """E log of the mean of two weights, by the trapezoid rule in the plane."""
    z = np.linspace(-8, 8, 401)
    mass = normal(z, 0, 1) * (z[1] - z[0])
    v = one.weight(one.p["mu"] + one.p["sigma"] * z)
    return mass @ np.log((v[:, None] + v) / 2) @ mass


def tempered(p):
    one, names = common(p)
    T, mass = p["T"], one.mass(p["T"])
    return names | {
        "T": T,
        "p_T(w)": cache(lambda w: one.prior(w) * one.likelihood(w) ** (1 / T) / mass),
        r"\mathrm{KL}(q \mathbin{\Vert} p_T)": one.kl_tempered(T),
        r"E_q[\log p(D \mid w)]": one.expected(),
    }  # fmt: skip


def loss(p):
    """The package's loss of a minibatch, its parts by scipy."""
    rng = np.random.default_rng(p["seed"])
    S, B, N, T = p["S"], p["B"], p["N"], p["T"]
    x, y, eps = rng.normal(size=(B, 1)), rng.normal(size=B), rng.normal(size=(S, 1))
    prior = mb.GaussianPrior(0.2, 1.4)
    model = mb.Model(mb.MLP([1, 1], bias=False), mb.Gaussian(0.7), prior)
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
