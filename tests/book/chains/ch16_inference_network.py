"""What the letters of chapter 16 mean: evidences by quadrature, slopes by complex steps."""

import numpy as np
from scipy import stats
from support.routes import slope
from support.tex import By, Chain, Over

NODES, MASS = np.polynomial.hermite_e.hermegauss(40)
MASS = MASS / MASS.sum()
GRID = np.linspace(-9.0, 9.0, 4001)
CELL = GRID[1] - GRID[0]


def heads(theta, p, k):
    """(mu_k, rho_k) of a small encoder; theta is one of its weights."""
    hidden = np.tanh(theta * p["y"][k] + p["bias"])
    return p["a"] * hidden + 0.3, p["b"] * hidden - 0.4 + 0.2 * theta


def loss_of_row(mu, rho, y, p):
    """Minus the ELBO of y = c w + noise, w ~ N(0, 1), by nodes, complex-safe."""
    sigma = np.log(1 + np.exp(rho))
    w = mu + sigma * NODES
    data = -0.5 * ((y - p["c"] * w) / p["noise"]) ** 2
    return -(MASS * (data - 0.5 * w**2 + np.log(sigma))).sum()


def of_heads(p):
    theta, count = p["theta"], len(p["y"])
    at = [heads(theta, p, k) for k in range(count)]

    def row(t, k):
        return loss_of_row(*heads(t, p, k), p["y"][k], p)

    by = r"\frac{\partial %s}{\partial %s}"
    return {
        by % (r"\mathrm{loss}", r"\theta"): slope(
            lambda t: sum(row(t, k) for k in range(count)), theta
        ),
        by % (r"\mathrm{loss}_k", r"\theta"): lambda k: slope(
            lambda t: row(t, k), theta
        ),
        by % (r"\mathrm{loss}_k", r"\mu_k"): lambda k: slope(
            lambda mu: loss_of_row(mu, at[k][1], p["y"][k], p), at[k][0]
        ),
        by % (r"\mathrm{loss}_k", r"\rho_k"): lambda k: slope(
            lambda rho: loss_of_row(at[k][0], rho, p["y"][k], p), at[k][1]
        ),
        by % (r"\mu_k", r"\theta"): lambda k: slope(lambda t: heads(t, p, k)[0], theta),
        by % (r"\rho_k", r"\theta"): lambda k: slope(
            lambda t: heads(t, p, k)[1], theta
        ),
        r"\sum_k": Over("k", range(count)),
    }  # fmt: skip


def of_rows(p):
    """A decoder that bends, so that no posterior is normal."""
    y, noise, count = p["y"], p["noise"], len(p["y"])
    prior = stats.norm.logpdf(GRID)

    def log_likelihood(k, w):
        return stats.norm.logpdf(y[k], np.tanh(w) + 0.3 * w, noise)

    joint = [log_likelihood(k, GRID) + prior for k in range(count)]
    evidence = [np.log(np.exp(one).sum() * CELL) for one in joint]
    log_q = [stats.norm.logpdf(GRID, m, s) for m, s in zip(p["mu"], p["sd"], strict=True)]

    def under_q(k, values):
        return (np.exp(log_q[k]) * values).sum() * CELL

    return {
        r"\log p(D)": np.log(np.prod([np.exp(one).sum() * CELL for one in joint])),
        r"\log p(y_k)": lambda k: evidence[k],
        r"\mathrm{ELBO}_k": lambda k=1: under_q(k, joint[k] - log_q[k]),
        r"\mathrm{KL}(q_k \mathbin{\Vert} p(w \mid y_k))": lambda k: under_q(
            k, log_q[k] - joint[k] + evidence[k]
        ),
        r"\mathrm{KL}(q_k \mathbin{\Vert} p)": lambda k=1: 0.5
        * (p["mu"][k] ** 2 + p["sd"][k] ** 2 - 1)
        - np.log(p["sd"][k]),
        r"E_{q_k}[\log p(y_k \mid w)]": lambda k=1: MASS
        @ log_likelihood(k, p["mu"][k] + p["sd"][k] * NODES),
        "E_k": Over("k", range(count), np.full(count, 1 / count)), "N": count,
        r"\sum_k": Over("k", range(count)),
        r"\frac{\partial}{\partial c}": By("c"), "c": p["c"], r"\sigma_y": noise,
        r"\mathrm{Var}[y]": p["var"],
    }  # fmt: skip


CHAINS = [
    Chain("E16", of_heads, [
        dict(theta=0.7, bias=0.2, a=0.9, b=-0.6, c=1.3, noise=0.6,
             y=np.array([0.5, -1.2, 0.8])),
        dict(theta=-0.4, bias=-0.3, a=-1.1, b=0.5, c=0.7, noise=0.9,
             y=np.array([1.1, 0.3, -0.7, 1.9])),
    ]),
    Chain("E57", of_rows, [
        dict(y=np.array([0.4, -0.9, 1.3]), mu=[0.3, -0.5, 0.8], sd=[0.5, 0.7, 0.4],
             noise=0.6, c=0.8, var=1.4),
        dict(y=np.array([-0.6, 1.7]), mu=[-0.2, 0.9], sd=[0.8, 0.6], noise=0.9, c=1.3,
             var=0.5),
    ]),
]  # fmt: skip
