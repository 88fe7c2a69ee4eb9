"""Chapter 00: the lines of one step, each number by another route than the page's."""

import numpy as np
from scipy import integrate, stats
from support.routes import slope
from support.tex import Chain

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(8)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def kl(mu, sigma, s0):
    """E_q[log q - log p] by Gauss-Hermite nodes; also for complex mu and sigma."""
    w = mu + sigma * NODES
    log_q = -(NODES**2) / 2 - np.log(sigma)
    return WEIGHTS @ (log_q + (w / s0) ** 2 / 2 + np.log(s0))


def names(p):
    """What stands in the lines, at a point."""
    x, y, s_y, s0 = p["x"], p["y"], p["s_y"], p["s0"]
    sigma = integrate.quad(lambda r: stats.logistic.cdf(r), -60, p["rho"], epsabs=1e-13)[0]
    w = stats.norm.ppf(stats.norm.cdf(p["eps"]), p["mu"], sigma)
    spring = np.polynomial.Polynomial([0.0, x])
    f = spring(w)

    def nll(f):
        return ((y - f) / s_y) ** 2 / 2 - stats.norm.logpdf(0.0, scale=s_y)

    def loss(mu, sigma):
        return nll((mu + sigma * p["eps"]) * x) + kl(mu, sigma, s0)

    by_sigma = slope(lambda s: loss(p["mu"], s), sigma)
    by_rho = slope(lambda r: loss(p["mu"], np.log(1 + np.exp(r))), p["rho"])
    h = 1e-3
    by_f = (nll(f + h) - nll(f - h)) / (2 * h)
    return {
        r"\mu": p["mu"], r"\rho": p["rho"], r"\epsilon": p["eps"], "x": x, "y": y,
        r"\sigma_y": s_y, "s_0": s0, r"\sigma": sigma, "w": w, "f": f,
        r"\ell": -stats.norm.logpdf(y, f, s_y), r"\mathrm{KL}": kl(p["mu"], sigma, s0),
        r"\mathrm{loss}": loss(p["mu"], sigma), r"\delta": slope(nll, f),
        r"\frac{\partial \ell}{\partial f}": by_f,
        "g": (nll((w + h) * x) - nll((w - h) * x)) / (2 * h),
        r"\frac{\partial \ell}{\partial w}": slope(lambda v: nll(spring(v)), w),
        r"\frac{\partial \, \mathrm{loss}}{\partial \mu}":
            slope(lambda m: loss(m, sigma), p["mu"]),
        r"\frac{\partial \, \mathrm{loss}}{\partial \sigma}": by_sigma,
        r"\frac{d \sigma}{d \rho}": stats.logistic.cdf(p["rho"]),
        r"\frac{\partial \, \mathrm{loss}}{\partial \rho}": by_rho,
    }  # fmt: skip


CHAINS = [
    Chain(
        "E08", names,
        points=[
            dict(x=1.5, y=2.1, mu=0.8, rho=-0.6, eps=-0.7, s_y=0.5, s0=2.0),
            dict(x=-0.8, y=0.3, mu=-1.4, rho=0.9, eps=1.2, s_y=1.7, s0=0.6),
        ],
    ),
]  # fmt: skip
