"""What the letters of chapter 14 mean, each by a route of its own.

Leapfrog and acceptance are those of the package on a normal; R-hat's means come from the
enumeration of all outcomes, variances of means from covariance matrices, derivatives from
differences, moments of the tangent from quadrature nodes.
"""

from itertools import product

import numpy as np
from support.tex import Chain, Function, Over

from minibnn.mcmc.adaptation import StepSearch
from minibnn.mcmc.leapfrog import State, leapfrog, transition

# --- E94: one step on log p = -w²/2 ---------------------------------------------------


def bowl(w):
    return -0.5 * (w * w).sum(1), -w


def stepped(w, eta, a):
    """(w, eta) after one leapfrog step of the package."""
    w, eta = np.array([[w]]), np.array([[eta]])
    w, eta, _, _ = leapfrog(bowl, w, eta, -w, np.array([[a]]), np.ones((1, 1)), 1)
    return np.array([w.item(), eta.item()])


def energy(w, eta):
    return 0.5 * w**2 + 0.5 * eta**2


class Given:
    """A generator that gives what it is told: a momentum, then a uniform number."""

    def __init__(self, eta):
        self.eta = eta

    def standard_normal(self, shape):
        return np.full(shape, self.eta)

    def random(self, n):
        return np.full(n, 0.5)


def accepted(w, eta, a):
    """The probability by which the package accepts one step."""
    at = np.array([[w]])
    state = State(at, *bowl(at))
    args = (bowl, state, np.array([[a]]), np.ones((1, 1)), 1, Given(eta))
    return transition(*args)[1].accept.item()


def of_a_step(p):
    w, eta, a, h = p["w"], p["eta"], p["a"], 1e-3
    new, new_eta = stepped(w, eta, a)
    by_w = (stepped(w + h, eta, a) - stepped(w - h, eta, a)) / (2 * h)
    by_eta = (stepped(w, eta + h, a) - stepped(w, eta - h, a)) / (2 * h)
    several = p["several"]
    first, last = energy(w, eta), energy(new, new_eta)
    partial = r"\frac{\partial %s}{\partial %s}"
    return {
        r"\mathrm{energy}": 0.5 * (several**2).sum() + 1.7, r"\log p(w, D)": -1.7,
        r"\sum_i": Over("i", range(3)), r"\eta_i": lambda i: several[i],
        r"\eta_{1/2}": (new - w) / a, r"\eta_0": eta, r"\eta_1": new_eta,
        "w_0": w, "w_1": new, "a": a,
        r"\frac{d}{d w} \log p(w_0, D)": -w, r"\frac{d}{d w} \log p(w_1, D)": -new,
        partial % ("w_1", "w_0"): by_w[0], partial % (r"\eta_1", r"\eta_0"): by_eta[1],
        partial % ("w_1", r"\eta_0"): by_eta[0],
        partial % (r"\eta_1", "w_0"): by_w[1],
        r"\mathrm{accept}": accepted(w, eta, a), r"\min": Function(min),
        r"\mathrm{energy}_0": first, r"\mathrm{energy}_1": last,
    }  # fmt: skip


# --- E95 ------------------------------------------------------------------------------


def of_the_search(p):
    search, seen = StepSearch(np.array([p["first"]]), 0.8), []
    for accept in p["accepts"]:
        seen.append((search.log_step.item(), search.log_final.item()))
        search.update(np.array([accept]))
    t = len(p["accepts"])
    gains = np.arange(1, t + 1) ** -0.6 * (np.array(p["accepts"]) - 0.8)
    logs = np.log(p["first"]) + np.cumsum(gains)
    return {
        r"\log a_{t+1}": logs[-1], r"\log a_t": seen[-1][0], "t": t,
        r"\mathrm{accept}_t": p["accepts"][-1],
        r"\overline{\log a}_t": np.average(logs, weights=np.arange(1, t + 1)),
        r"\overline{\log a}_{t-1}": seen[-1][1],
    }  # fmt: skip


# --- E96: all outcomes of a few draws --------------------------------------------------


def of_chains(p):
    values, masses = np.array(p["values"]), np.array(p["masses"])
    shape = (p["chains"], p["S"])
    within = between = 0.0
    for one in product(range(len(values)), repeat=shape[0] * shape[1]):
        draws, mass = values[list(one)].reshape(shape), masses[list(one)].prod()
        within += mass * draws.var(1, ddof=1).mean()
        between += mass * draws.mean(1).var(ddof=1)
    variance = masses @ values**2 - (masses @ values) ** 2
    total = (p["S"] - 1) / p["S"] * p["within"] + p["between"]
    return {
        r"E[\mathrm{between}]": between, r"E[\mathrm{within}]": within,
        r"E[\mathrm{total}]": (p["S"] - 1) / p["S"] * within + between,
        r"\sigma": np.sqrt(variance), "S": p["S"],
        r"\mathrm{Rhat}": np.sqrt(total / p["within"]),
        r"\mathrm{total}": total, r"\mathrm{within}": p["within"],
    }  # fmt: skip


# --- E97: chains of known correlation ---------------------------------------------------


def of_correlated(p):
    gamma, size, sigma = p["gamma"], p["S"], p["sigma"]
    lag = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    covariance = sigma**2 * gamma**lag
    ones = np.full(size, 1 / size)
    rest = gamma * (1 - gamma ** (size - 1)) / (1 - gamma)  # of the geometric series
    return {
        r"\mathrm{Var}[\overline{f}]": ones @ covariance @ ones,
        r"\mathrm{ESS}": size / (1 + 2 * rest), r"\sigma": sigma, "S": size,
        r"\sum_t": Over("t", range(1, size)), r"\mathrm{corr}_t": lambda t: gamma**t,
    }  # fmt: skip


# --- E98: a network of two weights -------------------------------------------------------


def network(w, x):
    return w[1] * np.tanh(w[0] * x)


def slope(f, w, i, h=1e-3):
    """Central difference of fourth order for weight i."""
    e = h * np.eye(2)[i]
    return (8 * (f(w + e) - f(w - e)) - f(w + 2 * e) + f(w - 2 * e)) / (12 * h)


def curve(f, w, i, j):
    return slope(lambda at: slope(f, at, j), w, i)


def of_laplace(p):
    w, mode, x, y, noise = (np.array(p[k]) for k in ("w", "mode", "x", "y", "noise"))
    root = np.array(p["root"])

    def nll(at):
        return 0.5 * ((y - network(at, x)) ** 2).sum() / noise**2

    def tangent(at, around=w, x=x):
        J = np.stack([slope(lambda v: network(v, x), around, i) for i in range(2)])
        return network(around, x) + (at - around) @ J

    def straight(at):
        """-log joint of the linearised network."""
        fit = 0.5 * ((y - tangent(at)) ** 2).sum() / noise**2
        return fit + 0.5 * (at @ at) / p["s0"] ** 2

    nodes = np.sqrt(2) * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]) @ root.T
    there = [tangent(mode + step, mode, p["new"]) for step in nodes]
    new = lambda at: network(at, p["new"])  # noqa: E731
    indices, cov = {"i": p["i"], "j": p["j"]}, root @ root.T
    first, second = r"\frac{\partial %s}{\partial w_%s}", r"\partial w_i \partial w_j}"
    i, j = indices["i"], indices["j"]
    each = {
        first % ("f_k", n): lambda k, n=n: slope(lambda v: network(v, x)[k], w, indices[n])
        for n in "ij"
    }
    return each | {
        first % (r"\ell", "i"): slope(nll, w, i),
        r"\frac{\partial^2 \ell}{" + second: curve(nll, w, i, j),
        r"\frac{\partial^2 f_k}{" + second:
            lambda k: curve(lambda v: network(v, x)[k], w, i, j),
        r"\sum_k": Over("k", range(len(x))), "f_k": lambda k: network(w, x)[k],
        "y_k": lambda k: y[k], r"\sigma_y": noise, "s_0": p["s0"],
        r"\Lambda_{ij}": curve(straight, w, i, j), "I_{ij}": float(i == j),
        r"f_{\mathrm{tangent}}(w)": tangent(w, mode, p["new"]), r"f(\mu)": new(mode),
        r"\frac{\partial f}{\partial w_i}": lambda i: slope(new, mode, i),
        r"\frac{\partial f}{\partial w_j}": lambda j: slope(new, mode, j),
        r"\sum_i": Over("i", range(2)), r"\sum_j": Over("j", range(2)),
        "w_i": lambda i: w[i], r"\mu_i": lambda i: mode[i],
        r"\Sigma_{ij}": lambda i, j: cov[i, j],
        r"\mathrm{Var}[f_{\mathrm{tangent}}]": np.var(there),
    }  # fmt: skip


# --- E38: means over y --------------------------------------------------------------------


def of_noise(p):
    f, t = p["f"], np.log(p["noise"])
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    y, weights = f + p["noise"] * nodes, weights / weights.sum()

    def nll(at):
        return at[1] + 0.5 * (y - at[0]) ** 2 * np.exp(-2 * at[1])

    at = np.array([f, t])
    twice = r"E[\frac{\partial^2 \ell}{\partial %s^2}]"
    return {
        twice % "f": weights @ curve(nll, at, 0, 0),
        twice % r"(\log \sigma_y)": weights @ curve(nll, at, 1, 1),
        "E[(y - f)^2]": weights @ (y - f) ** 2, r"\sigma_y": p["noise"],
    }  # fmt: skip


CHAINS = [
    Chain("E94", of_a_step, [
        dict(w=0.7, eta=0.9, a=0.6, several=np.array([0.3, -1.2, 0.8])),
        dict(w=1.9, eta=-0.8, a=0.9, several=np.array([-0.5, 0.4, 1.7])),
    ]),
    Chain("E95", of_the_search, [
        dict(first=0.1, accepts=(0.3, 0.95, 0.6)),
        dict(first=0.7, accepts=(1.0, 0.2, 0.9, 0.85, 0.4)),
    ]),
    Chain("E96", of_chains, [
        dict(values=(0.3, 2.0), masses=(0.3, 0.7), chains=2, S=3, within=1.3, between=0.4),
        dict(values=(-1.0, 0.5, 1.7), masses=(0.2, 0.5, 0.3), chains=3, S=2, within=0.6,
             between=1.1),
    ]),
    Chain("E97", of_correlated, [
        dict(gamma=0.6, S=7, sigma=1.3), dict(gamma=-0.4, S=11, sigma=0.8),
    ]),
    Chain("E98", of_laplace, [
        dict(w=(0.7, 1.1), mode=(0.5, 1.4), x=(-1.5, 0.4, 0.9), y=(-1.1, 0.6, 0.2),
             noise=0.4, s0=1.5, root=((0.3, 0.0), (-0.2, 0.5)), new=1.7, i=0, j=0),
        dict(w=(1.2, -0.6), mode=(0.9, -0.8), x=(-0.6, 0.3, 1.3, 2.0),
             y=(0.5, 0.4, -0.2, -1.3), noise=0.7, s0=0.8, root=((0.4, 0.0), (0.3, 0.2)),
             new=-0.9, i=1, j=1),
        dict(w=(1.1, 0.9), mode=(0.8, 1.2), x=(-0.7, 0.5, 1.1), y=(-0.2, 0.9, 0.3),
             noise=0.5, s0=1.1, root=((0.2, 0.0), (0.1, 0.6)), new=0.6, i=0, j=1),
    ]),
    Chain("E38", of_noise, [dict(f=0.3, noise=0.7), dict(f=-1.2, noise=1.6)]),
]  # fmt: skip
