"""What the letters of chapter 12 mean: a ReLU layer by quadrature, matrices by rows.

Expectations over a pre-activation are Gauss-Legendre sums on either side of the kink, so
that they are exact; their slopes come from closed forms and stand on the left.
"""

from itertools import product

import numpy as np
from scipy import stats
from support.tex import Chain, Function, Over

LEGENDRE = np.polynomial.legendre.leggauss(60)


def pieces(k):
    """Nodes and masses of a standard normal, in two pieces that meet at -k."""
    nodes, widths = LEGENDRE
    found, mass = [], []
    for low, high in ((-9.0, -k), (-k, 9.0)):
        at = low + (high - low) * (nodes + 1) / 2
        found.append(at)
        mass.append(widths * (high - low) / 2 * stats.norm.pdf(at))
    return np.concatenate(found), np.concatenate(mass)


def spread(values, weights):
    """A variance."""
    values = np.asarray(values)
    return weights @ values**2 - (weights @ values) ** 2


# --- E89 -----------------------------------------------------------------------------


def relu_moments(mu, sigma):
    """E[A], E[A²] in closed form."""
    k = mu / sigma
    inside, density = stats.norm.cdf(k), stats.norm.pdf(k)
    return (
        mu * inside + sigma * density,
        (mu**2 + sigma**2) * inside + mu * sigma * density,
    )


def unit_variance(mean, sd, m, s):
    """Var[w max(0, Z)] by a product rule over w and Z."""
    eps, mass = pieces(mean / sd)
    w = m + s * np.array([-(3**0.5), 0.0, 3**0.5])
    values = np.outer(w, np.maximum(mean + sd * eps, 0.0))
    joint = np.outer([1 / 6, 2 / 3, 1 / 6], mass)
    return (joint * values**2).sum() - (joint * values).sum() ** 2


def network_variance(p, x):
    """Var f(x) of the whole network, by cumulants of a sum: draws of each unit at once."""
    total = p["s_out"] ** 2
    for j in range(2):
        mean = p["W"][j] * x + p["b"][j]
        sd = np.hypot(p["sW"][j] * x, p["sb"][j])
        total += unit_variance(mean, sd, p["w"][j], p["sw"][j])
    return total


def by_all_weights(p, x):
    """The same from the product of all nodes of all weights, without splitting f."""
    three = np.array([-(3**0.5), 0.0, 3**0.5]), np.array([1 / 6, 2 / 3, 1 / 6])
    axes, values = [(p["s_out"] * three[0], three[1])], []
    for j in range(2):
        mean, sd = p["W"][j] * x + p["b"][j], np.hypot(p["sW"][j] * x, p["sb"][j])
        eps, mass = pieces(mean / sd)
        axes += [(p["w"][j] + p["sw"][j] * three[0], three[1])]
        axes += [(np.maximum(mean + sd * eps, 0.0), mass)]
    b, w1, A1, w2, A2 = np.meshgrid(*[a for a, _ in axes], indexing="ij", sparse=True)
    values = b + w1 * A1 + w2 * A2
    masses = np.meshgrid(*[m for _, m in axes], indexing="ij", sparse=True)
    mass = masses[0] * masses[1] * masses[2] * masses[3] * masses[4]
    mean = (mass * values).sum()
    return (mass * (values - mean) ** 2).sum()


def relu_layer(p):
    mu, sigma, m, s = p["mu"], p["sigma"], p["mw"], p["s"]
    k = mu / sigma
    eps, mass = pieces(k)
    w = m + s * np.array([-(3**0.5), 0.0, 3**0.5])
    both = [(a, e) for a, e in product(w, eps)]
    joint = np.outer([1 / 6, 2 / 3, 1 / 6], mass).ravel()
    inside, density = stats.norm.cdf(k), stats.norm.pdf(k)
    first, _ = relu_moments(mu, sigma)
    on = eps > -k
    above = Over("epsilon", eps[on], mass[on] / inside)
    grow = r"\frac{\partial}{\partial %s} %s"
    second = 2 * sigma * inside  # the slope of E[A²] for sigma, after Stein
    return {
        "E": Over(("w", "epsilon"), both, joint), "E_+": above,
        r"\mathrm{Var}": Over(("w", "epsilon"), both, joint, reduce=spread),
        r"\mathrm{Var}_+": Over("epsilon", eps[on], mass[on] / inside, reduce=spread),
        r"\mathrm{Var}[w A]": unit_variance(mu, sigma, m, s),
        r"\mathrm{Var}[f(x)]": by_all_weights(p, p["x"]),
        r"\mathrm{Var}[f(x_1)]": network_variance(p, p["x1"]),
        r"\mathrm{Var}[f(x_2)]": network_variance(p, p["x2"]),
        r"\mathrm{Var}[b]": p["s_out"] ** 2,
        r"\mathrm{Var}[w_j A_j]": lambda j: unit_variance(
            p["W"][j] * p["x"] + p["b"][j], np.hypot(p["sW"][j] * p["x"], p["sb"][j]),
            p["w"][j], p["sw"][j],
        ),
        r"\sum_j": Over("j", range(2)),
        "w": lambda w: w, r"\epsilon": lambda epsilon: epsilon,
        "A": lambda epsilon: max(0.0, mu + sigma * epsilon),
        r"\phi'(Z)": lambda epsilon: float(epsilon > -k),
        r"\sigma": sigma, r"\mu_w": m, r"\sigma_w": s,
        grow % (r"\mu", "E[A^2]"): 2 * first,
        grow % (r"\sigma", "E[A^2]"): second,
        grow % (r"\mu", r"\mathrm{Var}[A]"): 2 * first * (1 - inside),
        grow % (r"\sigma", r"\mathrm{Var}[A]"): second - 2 * first * density,
    }  # fmt: skip


def the_bound(p):
    return network_variance(p, p["x1"]) + network_variance(p, p["x2"])


E89 = Chain(
    "E89", relu_layer,
    [
        dict(
            mu=0.4, sigma=1.3, mw=-0.7, s=0.5, x=0.3, x1=-0.8, x2=1.1, s_out=0.2,
            W=[0.9, -1.4], b=[0.3, -0.2], sW=[0.5, 0.3], sb=[0.4, 0.6],
            w=[1.1, -0.6], sw=[0.3, 0.8],
        ),
        dict(
            mu=-0.9, sigma=0.7, mw=1.2, s=0.4, x=-0.2, x1=-1.5, x2=0.6, s_out=0.1,
            W=[-0.5, 1.7], b=[0.8, 0.1], sW=[0.2, 0.7], sb=[0.3, 0.2],
            w=[-0.9, 1.3], sw=[0.6, 0.2],
        ),
    ],
    values={"E89n": the_bound},
    blind=dict.fromkeys(
        ("E89b: sign of w A", "E89c: sign of A", "E89c: sign of w", "E89d: sign of A",
         "E89e: sign of A", "E89m: sign of \\epsilon"),
        "a square or a variance: the line stays true",
    ),
)  # fmt: skip


# --- E90 -----------------------------------------------------------------------------


def linear_model(p):
    X, noise, s0, any_cov = p["X"], p["noise"], p["s0"], p["cov"]
    rows, n_w = X.shape
    precision = sum(np.outer(x, x) for x in X) / noise**2 + np.eye(n_w) / s0**2
    exact = np.linalg.inv(precision)
    alone = np.diag(1 / np.diag(precision))
    # the posterior's variances stand in E90f, any covariance in the lines before
    f = {"q": alone, "p": exact}
    root = np.linalg.cholesky(any_cov)
    mean = r"\frac{1}{N} \sum_k (\mathrm{Var}_q[f(x_k)] - \mathrm{Var}_p[f(x_k)])"
    difference = np.mean([x @ (f["q"] - f["p"]) @ x for x in X])
    return {
        mean: difference,
        r"\mathrm{Var}[f(x_k)]": lambda k: (root.T @ X[k]) @ (root.T @ X[k]),
        r"\sum_k": Over("k", range(rows)), "x_k": lambda k: X[k],
        r"x_k^{\top}": lambda k: X[k],
        "X": X, "N": float(rows), r"\sigma_y": noise, "s_0": s0, "I": np.eye(n_w),
        r"\mathrm{tr}": Function(np.trace),
        r"\Lambda": precision, r"\Sigma": any_cov,
        r"\sum_i": Over("i", range(n_w)), r"\Sigma_{ii}": lambda i: any_cov[i, i],
        r"\left(\Sigma_{ii} - \frac{1}{\Lambda_{ii}}\right)":
            lambda i: exact[i, i] - alone[i, i],
    }  # fmt: skip


E90 = Chain(
    "E90", linear_model,
    [
        dict(
            X=np.array([[1.0, 0.2], [2.0, -0.5], [-0.7, 0.9]]), noise=0.5, s0=1.4,
            cov=np.array([[0.7, 0.2], [0.2, 0.4]]),
        ),
        dict(
            X=np.array([[0.6, 1.1, 1.0], [-0.8, 0.3, 1.0], [1.9, 0.4, 1.0],
                        [0.2, -1.3, 1.0]]),
            noise=0.8, s0=0.9,
            cov=np.array([[0.9, -0.3, 0.1], [-0.3, 0.5, 0.2], [0.1, 0.2, 1.2]]),
        ),
    ],
)  # fmt: skip


# --- E78 -----------------------------------------------------------------------------


def twice_kl(mu, cov, m, precision):
    """2 KL(N(mu, cov) || N(m, precision⁻¹)) by densities at the main axes of q."""
    size, axes = np.linalg.eigh((cov + cov.T) / 2)
    points = [mu + s * np.sqrt(len(mu) * v) * a
              for v, a in zip(size, axes.T, strict=True) for s in (-1, 1)]  # fmt: skip
    log_q = stats.multivariate_normal(mu, cov).logpdf
    log_p = stats.multivariate_normal(m, np.linalg.inv(precision)).logpdf
    return 2 * np.mean([log_q(w) - log_p(w) for w in points])


def slopes_for(function, at, h=1e-4):
    """Differences for every entry; entries ij and ji of a matrix move together."""
    found = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[index] += h / 2
        step[index[::-1]] += h / 2
        far, near = (
            (function(at + r * step) - function(at - r * step)) / (2 * r * h)
            for r in (2, 1)
        )
        found[index] = (4 * near - far) / 3
    return found


def one_step(p):
    mu, m, cov, precision, a = (p[k] for k in ("mu", "m", "cov", "precision", "a"))

    def kl(mu, cov):
        return twice_kl(mu, cov, m, precision) / 2

    slope = slopes_for(lambda V: kl(mu, V), cov)
    return {
        r"2 \, \mathrm{KL}(q \mathbin{\Vert} p(\cdot \mid D))": 2 * kl(mu, cov),
        r"\mathrm{tr}": Function(np.trace), "n_w": float(len(mu)),
        r"\det \Sigma": np.linalg.eigvalsh(cov).prod(),
        r"\det \Lambda": np.linalg.eigvalsh(precision).prod(),
        r"\Sigma": cov, r"\Lambda": precision, "a": a,
        r"\mu": mu, "m_N": m, r"(\mu - m_N)^{\top}": mu - m,
        r"\Sigma^{-1}": np.linalg.inv(cov), r"\Lambda^{-1}": np.linalg.inv(precision),
        r"\frac{\partial \mathrm{KL}}{\partial \Sigma}": slope,
        r"\frac{\partial \mathrm{KL}}{\partial \mu}":
            slopes_for(lambda at: kl(at, cov), mu),
    }  # fmt: skip


E78 = Chain(
    "E78", one_step,
    [
        dict(
            mu=np.array([0.3, -0.8]), m=np.array([-0.2, 0.5]), a=0.3,
            cov=np.array([[0.7, 0.2], [0.2, 0.4]]),
            precision=np.array([[2.1, 0.9], [0.9, 0.8]]),
        ),
        dict(
            mu=np.array([-0.4, 1.1, 0.6]), m=np.array([0.7, 0.2, -0.3]), a=0.7,
            cov=np.array([[0.9, -0.3, 0.1], [-0.3, 0.5, 0.2], [0.1, 0.2, 1.2]]),
            precision=np.array([[3.0, 1.1, -0.7], [1.1, 1.4, 0.2], [-0.7, 0.2, 0.9]]),
        ),
    ],
)  # fmt: skip

CHAINS = [E78, E89, E90]
