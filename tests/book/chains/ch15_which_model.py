"""Chapter 15: what the letters of its derivations mean, each by a route of its own.

E56: one weight and normal rows; evidence from scipy's joint normal density of the rows,
mode by a search. E99: one weight, three steps of annealing, on a fine lattice of weights;
the Markov steps are those of a normal autoregression. E48: KL by quadrature, the best
scale by a search.
"""

from functools import cache

import numpy as np
from scipy import optimize, stats
from support.routes import normal
from support.tex import By, Chain, Over

X = np.array([0.6, -1.3, 0.9])
Y = np.array([0.4, -0.7, 1.1])


# --- E56 -----------------------------------------------------------------------------


def laplace(p):
    s0, noise = p["s0"], p["noise"]

    def log_joint(w):
        rows = stats.norm.logpdf(Y, w * X, noise).sum()
        return rows + stats.norm.logpdf(w, 0, s0)

    found = optimize.minimize_scalar(lambda w: -log_joint(w), (-1, 1), tol=1e-12)
    mode, h = found.x, 0.1
    bend = -(log_joint(mode + h) - 2 * log_joint(mode) + log_joint(mode - h)) / h**2
    spread = s0**2 * np.outer(X, X) + noise**2 * np.eye(3)
    evidence = stats.multivariate_normal(np.zeros(3), spread).logpdf(Y)
    gain = np.linalg.solve(spread, s0**2 * X)  # textbook conditional of w given y
    mean, sd = gain @ Y, np.sqrt(s0**2 - gain @ (s0**2 * X))
    lattice = np.linspace(-6 * s0, 6 * s0, 101)
    at_zero = stats.norm.logpdf(Y, 0, noise).sum()
    return {
        "w": lambda w: w, r"p(D, w)": lambda w: np.exp(log_joint(w)),
        r"p(D, \hat{w})": np.exp(-found.fun),
        r"p(D \mid \hat{w})": np.exp(stats.norm.logpdf(Y, mode * X, noise).sum()),
        r"p(\hat{w})": stats.norm.pdf(mode, 0, s0), r"\hat{w}": mode,
        "p(D)": np.exp(evidence), r"\Lambda": bend, r"\det \Lambda": bend, "n_w": 1.0,
        r"\int": Over("w", lattice, np.full(101, lattice[1] - lattice[0]), until="dw"),
        r"\log \mathrm{BF}": at_zero - evidence, r"p(D \mid 0)": np.exp(at_zero),
        r"p(0 \mid D)": stats.norm.pdf(0, mean, sd), "p(0)": stats.norm.pdf(0, 0, s0),
        "m_N": mean, "s_N": sd,
    }  # fmt: skip


# --- E99 -----------------------------------------------------------------------------

FINE = np.linspace(-6.5, 6.5, 105)
STEP = FINE[1] - FINE[0]


class Annealing:
    """One weight with the prior N(0, 1), rows y = w x + noise, three steps."""

    def __init__(self, p):
        self.noise, self.keep = p["noise"], p["keep"]
        self.gammas = np.array([0.0, p["first"], p["second"], 1.0])

    def prior(self, w):
        return normal(w, 0, 1)

    def likelihood(self, w):
        return np.prod([normal(y, w * x, self.noise) for x, y in zip(X, Y, strict=True)])

    def on_lattice(self):
        return np.array([self.likelihood(w) for w in FINE])

    def kernel(self, t, new, old):
        """Autoregression around the mean of p(w) p(D | w)^gamma."""
        precision = 1 + self.gammas[t] * (X @ X) / self.noise**2
        mean = self.gammas[t] * (X @ Y) / self.noise**2 / precision
        a, sd = self.keep, np.sqrt((1 - self.keep**2) / precision)
        return normal(new, mean + a * (old - mean), sd)

    def cloud(self, t, at):
        """The weighted runs after step t: everything before it summed on the lattice."""
        r = self.prior(FINE)
        for k in range(1, t + 1):
            r = r * self.on_lattice() ** (self.gammas[k] - self.gammas[k - 1])
            places = at if k == t else FINE
            r = STEP * self.kernel(k, np.reshape(places, (-1, 1)), FINE) @ r
        return r if t else self.prior(at)

    def backwards(self, of):
        """E of of(log u) when a draw of the posterior takes the steps back.

        Every run's own density is followed, with the moments 0 and 1 of what it carries.
        """
        L = self.on_lattice()
        mass = self.prior(FINE) * L
        mass = mass / (mass.sum() * STEP)
        carried = mass * (1.0 if of == "1/u" else 0.0)
        for t in (3, 2, 1):
            move = STEP * self.kernel(t, FINE[:, None], FINE)
            mass, carried = move @ mass, move @ carried
            gap = self.gammas[t] - self.gammas[t - 1]
            carried = carried * L**-gap if of == "1/u" else carried + mass * gap * np.log(L)
        return carried.sum() * STEP

    def mean_log(self):
        """E[log u] forwards: a sum of means under the runs' own, unweighted density."""
        mass, total = self.prior(FINE), 0.0
        for t in (1, 2, 3):
            gap = self.gammas[t] - self.gammas[t - 1]
            total += gap * (mass * np.log(self.on_lattice())).sum() * STEP
            mass = STEP * self.kernel(t, FINE[:, None], FINE) @ mass
        return total

    def evidence(self):
        spread = np.outer(X, X) + self.noise**2 * np.eye(3)
        return stats.multivariate_normal(np.zeros(3), spread).pdf(Y)

    def weight(self, path):
        """u of a path as a product of quotients of unnormalised densities."""
        u = 1.0
        for t in (1, 2, 3):
            logs = [
                stats.norm.logpdf(path[t - 1])
                + g * stats.norm.logpdf(Y, path[t - 1] * X, self.noise).sum()
                for g in self.gammas[[t, t - 1]]
            ]
            u *= np.exp(logs[0] - logs[1])
        return u


def annealing(p):
    run, path = Annealing(p), p["path"]
    last = cache(lambda w: run.cloud(3, w)[0])
    return {
        "u": run.weight(path), r"\log u": np.log(run.weight(path)),
        r"\prod_t": Over("t", (1, 2, 3)), r"\sum_t": Over("t", (1, 2, 3)),
        r"\gamma_t": lambda t: run.gammas[t], r"\gamma_{t-1}": lambda t: run.gammas[t - 1],
        r"p(D \mid w_{t-1})": lambda t: run.likelihood(path[t - 1]),
        r"p(D \mid w_t)": lambda t: run.likelihood(path[t]),
        r"p(D \mid w)": cache(lambda w: run.likelihood(w)),
        "p(w)": lambda w: run.prior(w), "p(w_t)": lambda t: run.prior(path[t]),
        "r_{t-1}(w)": lambda t, w: run.cloud(t - 1, w).item(),
        "r_t(w_t)": lambda t: run.cloud(t, path[t])[0], "r_n(w)": last,
        r"\psi_t(w_t \mid w)": lambda t, w: run.kernel(t, path[t], w),
        r"\int": Over("w", FINE.tolist(), [STEP] * len(FINE), until="dw"),
        "E[u]": run.cloud(3, FINE).sum() * STEP, "p(D)": run.evidence(),
        r"E[\log u]": run.mean_log(),
        r"E_{\mathrm{back}}[\frac{1}{u}]": run.backwards("1/u"),
        r"E_{\mathrm{back}}[\log u]": run.backwards("log u"),
    }  # fmt: skip


# --- E48 -----------------------------------------------------------------------------


Z = np.linspace(-10, 10, 201)
MASS = normal(Z, 0, 1) * 0.1


def kl(s0, mu, sigma, m0):
    """By the trapezoid rule, weight by weight."""
    total = 0.0
    for m, s in zip(mu, sigma, strict=True):
        log_q = np.log(normal(Z, 0, 1) / s)
        total += MASS @ (log_q - np.log(normal(m + s * Z, m0, s0) + 1e-300))
    return total


@cache
def best_scale(mu, sigma, m0):
    found = optimize.minimize_scalar(
        lambda t: kl(np.exp(t), mu, sigma, m0), (-1, 1), tol=1e-10
    )
    return np.exp(found.x)


def learnt(p):
    mu, sigma, m0 = p["mu"], p["sigma"], p["m0"]
    return {
        r"\mathrm{KL}(q \mathbin{\Vert} p)": lambda s0: kl(s0, mu, sigma, m0),
        "s_0": lambda s0: s0, r"\frac{\partial}{\partial s_0}": By("s0", 1e-2),
        r"\sum_i": Over("i", range(len(mu))),
        r"\sigma_i": lambda i: sigma[i], r"\mu_i": lambda i: mu[i], "m_0": m0,
        "n_w": float(len(mu)), r"\hat{s_0}": best_scale(mu, sigma, m0),
    }  # fmt: skip


CHAINS = [
    Chain(
        "E56", lambda p: laplace(p) | {"s_0": p["s0"]},
        [dict(s0=0.7, noise=0.8, w=0.35), dict(s0=1.6, noise=1.1, w=-0.8)], rtol=1e-5,
        blind={
            f"E56c: {what}": "the integral does not know where the peak stands"
            for what in (r"factor 2 of -\hat{w}", r"sign of -\hat{w}", "sign of w",
                         r"without -\hat{w}")
        },
    ),
    Chain(
        "E99", annealing,
        [
            dict(t=2, first=0.15, second=0.5, keep=0.6, noise=0.9, w=0.3,
                 path=(0.4, -0.7, 1.3, 0.6)),
            dict(t=1, first=0.3, second=0.8, keep=0.4, noise=1.2, w=-0.6,
                 path=(-1.1, 0.3, 0.2, 0.9)),
        ],
        values={
            "E99j": lambda p: np.log(Annealing(p).evidence()),
            "E99l": lambda p: np.log(Annealing(p).evidence()),
        },
    ),
    Chain(
        "E48", learnt,
        [
            dict(mu=(0.4, -1.2, 0.1), sigma=(0.3, 0.7, 0.5), m0=0.2, s0=1.3),
            dict(mu=(1.1, 0.3), sigma=(0.9, 0.2), m0=-0.4, s0=0.7),
        ],
        rtol=1e-5,
    ),
]  # fmt: skip
