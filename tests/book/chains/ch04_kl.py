"""What the letters of chapter 04 mean: densities by formula, expectations by quadrature.

Expectations under q and p are sums over an even grid or Gauss-Hermite nodes, integrals and
the KLs on the left Gauss-Legendre sums of their own, slopes differences of those.
"""

from itertools import product

import numpy as np
from scipy import integrate, optimize, stats
from support.routes import difference
from support.tex import Chain, Over

LEGENDRE = np.polynomial.legendre.leggauss(100)
HERMITE = np.polynomial.hermite_e.hermegauss(9)


def normal(mean, sd):
    """A density as a function of w."""
    return lambda w: np.exp(-0.5 * ((w - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))


def line(mean, sd, n=141):
    """Even grid over 14 standard deviations, and the mass of N(mean, sd²) in a cell."""
    w = np.linspace(mean - 14 * sd, mean + 14 * sd, n)
    return w, normal(mean, sd)(w) * (w[1] - w[0])


def hermite(mean, sd):
    """Nodes and weights that are exact for polynomials under N(mean, sd²)."""
    nodes, weights = HERMITE
    return mean + sd * nodes, weights / weights.sum()


def legendre(mean, sd):
    """Nodes and widths of a Gauss-Legendre rule over 14 standard deviations."""
    nodes, widths = LEGENDRE
    return mean + 14 * sd * nodes, 14 * sd * widths


def kl_by_integral(mean, sd, log_p):
    """KL(N(mean, sd²) || p) from the definition, by Gauss-Legendre."""
    w, width = legendre(mean, sd)
    log_q = stats.norm.logpdf(w, mean, sd)
    return (width * np.exp(log_q) * (log_q - log_p(w))).sum()


def normal_kl(mean, sd, m0, s0):
    """The same with a normal p."""
    return kl_by_integral(mean, sd, lambda w: stats.norm.logpdf(w, m0, s0))


# --- E03 -----------------------------------------------------------------------------


def definition(p):
    q, prior = (p["mu"], p["sigma"]), (p["m0"], p["s0"])
    ratio = stats.gamma(p["shape"], scale=p["scale"])  # any positive random number
    mean_log = integrate.quad(lambda u: np.log(u) * ratio.pdf(u), 0, np.inf)[0]
    variance = (p["sigma"] ** 2 + (p["mu"] - p["m0"]) ** 2) / p["s0"] ** 2
    return {
        r"\mathrm{KL}(q \mathbin{\Vert} p)": np.log(p["s0"] / p["sigma"])
        + (variance - 1) / 2,
        "E_q": Over("w", *line(*q)), r"\int": Over("w", *legendre(*q), until="dw"),
        "q(w)": normal(*q), "p(w)": normal(*prior),
        "u": p["u"], "E[u]": ratio.mean(), r"E[\log u]": mean_log,
    }  # fmt: skip


def tangent(p):
    mean = p["shape"] * p["scale"]
    return np.log(mean) + (p["u"] - mean) * difference(np.log, mean)


E03 = Chain(
    "E03", definition,
    [
        dict(mu=0.3, sigma=0.8, m0=-0.2, s0=1.1, u=0.7, shape=1.7, scale=0.9),
        dict(mu=-1.0, sigma=1.9, m0=0.4, s0=0.9, u=4.1, shape=3.2, scale=0.6),
    ],
    values={"E03c": tangent, "E03d": lambda p: np.log(p["shape"] * p["scale"])},
)  # fmt: skip


# --- E41 -----------------------------------------------------------------------------


def softplus(rho):
    return np.log1p(np.exp(rho))


def two_normals(p):
    mu, rho, m0, s0 = (p[name] for name in ("mu", "rho", "m0", "s0"))
    sigma = softplus(rho)
    partial = r"\frac{\partial \mathrm{KL}}{\partial %s}"
    return {
        r"\mathrm{KL}(q \mathbin{\Vert} p)": normal_kl(mu, sigma, m0, s0),
        r"\mathrm{KL}(p \mathbin{\Vert} q)": normal_kl(m0, s0, mu, sigma),
        "E_q": [Over("w", *hermite(mu, sigma)), Over("w", *line(mu, sigma))],
        "E_p": Over("w", *hermite(m0, s0)),
        "q(w)": normal(mu, sigma), "p(w)": normal(m0, s0),
        r"\mu": mu, r"\sigma": sigma, r"\rho": rho, "m_0": m0, "s_0": s0,
        partial % r"\mu": difference(lambda x: normal_kl(x, sigma, m0, s0), mu),
        partial % r"\sigma": difference(lambda x: normal_kl(mu, x, m0, s0), sigma),
        partial % r"\log \sigma":
            difference(lambda x: normal_kl(mu, np.exp(x), m0, s0), np.log(sigma)),
        partial % r"\rho": difference(lambda x: normal_kl(mu, softplus(x), m0, s0), rho),
        r"\frac{d \sigma}{d \rho}": difference(softplus, rho),
        r"\frac{\partial}{\partial \mu} \mathrm{KL}(p \mathbin{\Vert} q)":
            difference(lambda x: normal_kl(m0, s0, x, sigma), mu),
        r"\frac{\partial}{\partial \sigma} \mathrm{KL}(p \mathbin{\Vert} q)":
            difference(lambda x: normal_kl(m0, s0, mu, x), sigma),
    }  # fmt: skip


E41 = Chain(
    "E41", two_normals,
    [
        dict(mu=0.3, rho=0.4, m0=-0.2, s0=1.3),
        dict(mu=-1.0, rho=-0.3, m0=0.4, s0=0.8),
    ],
)  # fmt: skip


# --- E43 -----------------------------------------------------------------------------


def any_prior(p):
    mu, sigma = p["mu"], p["sigma"]

    def mixture(w):
        return 0.3 * normal(0.2, p["s1"])(w) + 0.7 * normal(-0.5, p["s2"])(w)

    return {
        r"\mathrm{KL}(q \mathbin{\Vert} p)":
            kl_by_integral(mu, sigma, lambda w: np.log(mixture(w))),
        "E_q": Over("w", *line(mu, sigma)),
        "q(w)": normal(mu, sigma), "p(w)": mixture, r"\mu": mu, r"\sigma": sigma,
    }  # fmt: skip


E43 = Chain(
    "E43", any_prior,
    [
        dict(mu=0.3, sigma=0.7, s1=0.6, s2=1.7),
        dict(mu=-1.0, sigma=1.4, s1=0.9, s2=2.5),
    ],
)  # fmt: skip


# --- E44 -----------------------------------------------------------------------------


def gaussian_kl(mean, cov, m0, cov0):
    """KL of two normal vectors, by matrices."""
    inverse, d = np.linalg.inv(cov0), mean - m0
    logs = np.linalg.slogdet(cov0)[1] - np.linalg.slogdet(cov)[1]
    return 0.5 * (np.trace(inverse @ cov) + d @ inverse @ d - len(d) + logs)


def tensor(mean, root, n=3):
    """Product Gauss-Hermite nodes and weights under N(mean, root rootᵀ)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    at = np.array(list(product(nodes, repeat=len(mean))))
    mass = np.array(list(product(weights / weights.sum(), repeat=len(mean)))).prod(1)
    return mean + at @ root.T, mass


def sigma_points(mean, root):
    """2 n_w points that have mean and covariance right, so every quadratic too."""
    steps = np.sqrt(len(mean)) * root.T
    return np.concatenate([mean + steps, mean - steps]), np.full(
        2 * len(mean), 0.5 / len(mean)
    )


def correlated_weights(p):
    mean, root, precision, sd = p["mean"], p["root"], p["precision"], p["sd"]
    m0, s0 = p["m0"], p["s0"]
    cov, n = root @ root.T, len(mean)
    apart = np.diag(1 / np.sqrt(np.diag(cov)))
    q = stats.multivariate_normal(mean, cov)
    posterior = np.linalg.inv(precision)

    def gap(log_sd):
        return gaussian_kl(mean, np.diag(np.exp(2 * log_sd)), mean, posterior)

    w, mass = tensor(mean, np.diag(sd))  # of the independent q
    square = ((w - mean) @ precision * (w - mean)).sum(1)
    moments = (w - mean).T @ (mass[:, None] * (w - mean))
    to_posterior = r"\mathrm{KL}(q \mathbin{\Vert} p(\cdot \mid D))"
    return {
        r"\mathrm{KL}(q \mathbin{\Vert} p)":
            gaussian_kl(mean, cov, m0, np.diag(s0**2)),
        r"\mathrm{KL}(q_i \mathbin{\Vert} p_i)":
            lambda i: normal_kl(mean[i], np.sqrt(cov[i, i]), m0[i], s0[i]),
        r"\mathrm{TC}": -0.5 * np.log(np.linalg.det(apart @ cov @ apart)),
        "E_q": [Over("w", *tensor(mean, root)), Over("w", *sigma_points(mean, root))],
        r"\sum_i": Over("i", range(n)), "n_w": n,
        "q(w)": lambda w: q.pdf(w), "p_i(w_i)": lambda i, w: normal(m0[i], s0[i])(w[i]),
        "q_i(w_i)": lambda i, w: normal(mean[i], np.sqrt(cov[i, i]))(w[i]),
        r"\Sigma_{ii}": lambda i: cov[i, i],
        r"\det \Sigma": np.linalg.eigvalsh(cov).prod(),
        r"\Lambda_{ii}": lambda i: precision[i, i],
        r"\det \Lambda": np.linalg.eigvalsh(precision).prod(),
        r"\sigma_i": lambda i: sd[i],
        r"E_q[(w - \mu)^{\top} \Lambda (w - \mu)]": mass @ square,
        r"E_q[(w_i - \mu_i)(w_j - \mu_j)]": lambda i, j: moments[i, j],
        r"\sum_j": Over("j", range(n)), r"\Lambda_{ij}": lambda i, j: precision[i, j],
        to_posterior: gap(np.log(sd)),
        r"\min_{\sigma} " + to_posterior:
            optimize.minimize(gap, np.zeros(n), method="BFGS", tol=1e-10).fun,
    }  # fmt: skip


E44 = Chain(
    "E44", correlated_weights,
    [
        dict(
            mean=np.array([0.3, -0.8]), root=np.array([[0.7, 0.0], [0.5, 0.4]]),
            m0=np.array([0.1, 0.4]), s0=np.array([1.2, 0.7]), sd=np.array([0.6, 1.7]),
            precision=np.array([[2.1, 0.9], [0.9, 0.8]]),
        ),
        dict(
            mean=np.array([-0.4, 1.1, 0.6]), m0=np.array([0.2, -0.3, 0.5]),
            root=np.array([[0.9, 0.0, 0.0], [-0.4, 1.3, 0.0], [0.3, 0.6, 0.5]]),
            s0=np.array([0.8, 1.6, 1.1]), sd=np.array([0.3, 0.9, 1.4]),
            precision=np.array([[3.0, 1.1, -0.7], [1.1, 1.4, 0.2], [-0.7, 0.2, 0.9]]),
        ),
    ],
)  # fmt: skip

CHAINS = [E03, E41, E43, E44]
