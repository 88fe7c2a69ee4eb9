"""What the letters of chapter 11 mean: mixtures by formula, by quadrature, by counting.

Integrals are Gauss-Legendre sums between the places where an integrand breaks; left sides
are closed forms, quadrature of SciPy, or sums over all cases.
"""

import numpy as np
from scipy import integrate, special, stats
from support.routes import difference
from support.tex import Chain, Function, Over

LEGENDRE = np.polynomial.legendre.leggauss(60)
HERMITE = np.polynomial.hermite_e.hermegauss(9)


def pieces(*ends):
    """Nodes and widths of Gauss-Legendre rules between neighbouring ends."""
    nodes, widths = LEGENDRE
    half = np.diff(ends)[:, None] / 2
    at = np.array(ends[:-1])[:, None] + half * (1 + nodes)
    return at.ravel(), (half * widths).ravel()


# --- E05: a line through zero, one weight ----------------------------------------------


def line_through_zero(p):
    X, targets = np.array(p["X"]), np.array(p["targets"])
    x, y, noise, mu, sigma = (p[name] for name in ("x", "y", "noise", "mu", "sigma"))
    m0, s0 = p["prior"]

    def evidence(X, targets):
        cov = noise**2 * np.eye(len(X)) + s0**2 * np.outer(X, X)
        return stats.multivariate_normal.pdf(targets, m0 * X, cov)

    precision = 1 / s0**2 + X @ X / noise**2
    mean = (m0 / s0**2 + X @ targets / noise**2) / precision
    spread = precision**-0.5
    levels = (np.arange(400) + 0.5) / 400  # draws that lie evenly in probability
    draws = stats.norm.ppf(levels, mu, sigma)
    nodes, weights = HERMITE[0], HERMITE[1] / HERMITE[1].sum()
    return {
        r"p(y \mid x, D)":
            stats.norm.pdf(y, mean * x, np.hypot(noise, spread * x)),
        r"p(D, y \mid x)": evidence(np.append(X, x), np.append(targets, y)),
        "p(D)": evidence(X, targets),
        r"p(y \mid x, w)": lambda w: stats.norm.pdf(y, w * x, noise),
        r"p(D \mid w)": lambda w: stats.norm.pdf(targets, w * X, noise).prod(),
        "p(w)": lambda w: stats.norm.pdf(w, m0, s0),
        r"p(w \mid D)": lambda w: stats.norm.pdf(w, mean, spread),
        r"\int": Over("w", *pieces(mean - 9 * spread, mean, mean + 9 * spread),
                      until="dw"),
        r"q(y \mid x)": stats.norm.pdf(y, mu * x, np.hypot(noise, sigma * x)),
        "E_q": Over("w", mu + sigma * nodes, weights),
        r"p(y \mid x, w_s)": lambda s: stats.norm.pdf(y, draws[s] * x, noise),
        r"\sum_s": Over("s", range(400)), "S": 400,
    }  # fmt: skip


E05 = Chain(
    "E05", line_through_zero,
    [
        dict(X=(0.5, -1.2, 1.7), targets=(0.8, -1.1, 2.3), x=0.9, y=1.4, noise=0.6,
             prior=(0.3, 1.2), mu=1.1, sigma=0.2),
        dict(X=(1.4, 0.3), targets=(-0.6, 0.4), x=-0.7, y=0.5, noise=0.8,
             prior=(-0.2, 0.7), mu=-0.4, sigma=0.3),
    ],
    rtol=1e-4,
)  # fmt: skip


# --- E81, E82: mixtures of networks ------------------------------------------------------


def mixture(p):
    """Mean and mean square of y by quadrature over the density of the mixture."""
    m, v = np.array(p["m"]), np.array(p["v"])
    y, step = np.linspace(-40, 40, 20001, retstep=True)
    one = np.exp(-((y[:, None] - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)
    density = one.mean(1) * step
    return density @ y, density @ y**2


def networks(p):
    (mean, square), S = mixture(p), len(p["m"])
    mu, sigma = p["mu"], p["sigma"]
    q = stats.norm(mu, sigma)
    nodes, weights = HERMITE[0], HERMITE[1] / HERMITE[1].sum()
    spread = r"\mathrm{Var}\left[\frac{1}{S} \sum_{s=1}^{S} (w_s - \mu)^2\right]"
    top = mu + 12 * sigma
    return {
        r"\bar{m}": mean, r"E[y^2]": square, r"E[y]": mean,
        r"\mathrm{Var}[y]": square - mean**2, "S": S,
        r"\sum_s": Over("s", range(S)),
        "m_s": lambda s: p["m"][s], "v_s": lambda s: p["v"][s],
        r"E_q[\max(0, w)]": integrate.quad(lambda w: w * q.pdf(w), 0, top)[0],
        r"\int": Over("w", *pieces(0, top / 2, top), until="dw"),
        "q(w)": lambda w: q.pdf(w), "q(0)": q.pdf(0), r"\mu": mu, r"\sigma": sigma,
        r"\Phi": Function(stats.norm.cdf),
        spread: sigma**4 * stats.chi2(S).var() / S**2,
        "E_q": Over("w", mu + sigma * nodes, weights),
    }  # fmt: skip


NETWORKS = [
    dict(m=(1.0, 2.0, 6.0), v=(0.5, 1.0, 0.3), mu=0.2, sigma=0.9),
    dict(m=(-0.7, 0.4, 1.9, 2.2), v=(0.2, 0.6, 0.9, 1.4), mu=-0.5, sigma=1.3),
]
E81 = Chain("E81", networks, NETWORKS)
E82 = Chain(
    "E82", networks, NETWORKS,
    blind={r"E82e: sign of (w + -\mu)^2": "this mean is squared once more"},
)  # fmt: skip


# --- E83: log of a mean ------------------------------------------------------------------


def log_of_a_mean(p):
    loss = np.array(p["loss"])
    return {
        r"\log q(y \mid x)": special.logsumexp(-loss) - np.log(len(loss)),
        "S": len(loss), r"\sum_s": Over("s", range(len(loss))),
        r"\ell_s": lambda s: loss[s], r"\min_s \ell_s": loss.min(),
    }  # fmt: skip


E83 = Chain(
    "E83", log_of_a_mean, [dict(loss=(0.4, 2.1, 0.9)), dict(loss=(3.1, 1.2, 1.9, 0.7))],
    values={"E83b": lambda p: -np.mean(p["loss"])},
)  # fmt: skip


# --- E84 to E86: entropies ---------------------------------------------------------------


def yes_or_no(p):
    chance = special.expit(p["logit"])
    return {
        r"\mathrm{H}(p_s)": stats.entropy([chance, 1 - chance]),
        "p_s": chance, "f_s": p["logit"],
    }  # fmt: skip


E84 = Chain(
    "E84", yes_or_no, [dict(logit=0.8), dict(logit=-1.7)],
    blind={"E84d: sign of f_s": "its absolute value has none"},
)  # fmt: skip


def classes(p):
    logits = np.array(p["logits"])
    chance = special.softmax(logits)
    return {
        r"\mathrm{H}(p)": stats.entropy(chance), r"\max f": logits.max(),
        r"\sum_j": Over("j", range(len(logits))),
        "p_j": lambda j: chance[j], "f_j": lambda j: logits[j],
    }  # fmt: skip


E85 = Chain(
    "E85", classes, [dict(logits=(0.3, -1.1, 1.4)), dict(logits=(2.1, 0.2, -0.7, 1.3))]
)


def information(p):
    chance = special.softmax(np.array(p["logits"]), axis=1)
    S, K = chance.shape
    joint = chance / S  # of network and class
    apart = joint.sum(1, keepdims=True) * joint.sum(0)
    return {
        r"\mathrm{MI}": special.rel_entr(joint, apart).sum(), "S": S,
        r"\mathrm{H}(\bar{p})": stats.entropy(chance.mean(0)),
        r"\mathrm{H}(p_s)": lambda s: stats.entropy(chance[s]),
        "p_{sj}": lambda s, j: chance[s, j], r"\bar{p}_j": lambda j: chance[:, j].mean(),
        r"\sum_s": Over("s", range(S)), r"\sum_j": Over("j", range(K)),
    }  # fmt: skip


E86 = Chain(
    "E86", information,
    [
        dict(logits=((0.3, -1.1, 1.4), (1.9, 0.2, -0.4))),
        dict(logits=((2.1, 0.2), (-0.3, 0.9), (0.4, 1.8))),
    ],
)  # fmt: skip


# --- E87, E88: units and scores -----------------------------------------------------------


def units(p):
    y, sd = p["y"], p["sd"]
    standard = stats.t(5, 0.3, 0.7)  # any density of y in standard units
    return {
        r"p(y \mid x)": stats.t(5, p["mean"] + 0.3 * sd, 0.7 * sd).pdf(y),
        r"p(\tilde{y} \mid x)": standard.pdf((y - p["mean"]) / sd), r"\mathrm{sd}": sd,
        r"\frac{d\tilde{y}}{dy}": difference(lambda y: (y - p["mean"]) / sd, y),
    }  # fmt: skip


E87 = Chain("E87", units, [dict(y=3.1, mean=1.2, sd=2.5), dict(y=-0.8, mean=0.3, sd=0.4)])


def score(p):
    """The prediction is normal."""
    y, mean, sd = p["y"], p["mean"], p["sd"]
    z, low, high = (y - mean) / sd, mean - 9 * sd, mean + 9 * sd
    apart = integrate.quad(
        lambda t: abs(t - y) * stats.norm.pdf(t, mean, sd), low, high, points=[y]
    )
    closed = z * (2 * special.ndtr(z) - 1) + 2 * stats.norm.pdf(z) - np.pi**-0.5
    return {
        r"E[\lvert y' - y \rvert]": apart[0],
        r"E[\lvert y' - y'' \rvert]": 2 * sd / np.sqrt(np.pi),
        r"\mathrm{CRPS}": sd * closed,  # Gneiting and Raftery 2007
        r"\int": Over("omega", *pieces(low, mean, y, high), until=r"d\omega"),
        r"\mathrm{F}(\omega)": lambda omega: stats.norm.cdf(omega, mean, sd),
        r"\mathrm{step}(\omega - y)": lambda omega: float(omega >= y),
    }  # fmt: skip


E88 = Chain("E88", score, [dict(y=1.9, mean=0.7, sd=0.8), dict(y=2.3, mean=1.1, sd=2.1)])


# --- E32, E36: noise that varies, wild targets --------------------------------------------


def varying_noise(p):
    f1, f2, y = p["f1"], p["f2"], p["y"]

    def nll(f1, f2):
        return -stats.norm.logpdf(y, f1, np.exp(f2))

    by = r"\frac{\partial}{\partial f_%d} \left( -\log p(y \mid f) \right)"
    return {
        r"\log p(y \mid f)": -nll(f1, f2), "f_1": f1, "f_2": f2, "y": y,
        by % 1: difference(lambda f: nll(f, f2), f1),
        by % 2: difference(lambda f: nll(f1, f), f2),
    }  # fmt: skip


E32 = Chain(
    "E32", varying_noise, [dict(f1=0.4, f2=-0.6, y=1.3), dict(f1=1.7, f2=0.3, y=-0.2)]
)


def student(p):
    f, y, df, scale = p["f"], p["y"], p["df"], p["scale"]

    def nll(f):
        return -stats.t.logpdf(y, df, f, scale)

    by = r"\frac{\partial}{\partial f} \left( -\log p(y \mid f) \right)"
    return {
        r"\log p(y \mid f)": -nll(f), "f": f, "y": y, r"\nu": df, r"\sigma_y": scale,
        r"\mathrm{const}": -stats.t.logpdf(0, df), by: difference(nll, f),
    }  # fmt: skip


E36 = Chain(
    "E36", student,
    [dict(f=0.4, y=1.9, df=4.0, scale=0.7), dict(f=-1.1, y=0.8, df=2.5, scale=1.6)],
)  # fmt: skip

CHAINS = [E05, E81, E82, E83, E84, E85, E86, E87, E88, E32, E36]
