"""The mistakes people make in the gradient of a Bayesian network, on purpose."""

import numpy as np
from support.gradcheck_nets import softplus


def linked(net, **links):
    """The gradient with single steps of its derivation replaced."""
    return lambda x: net.gradient(x, **links)


def changed(net, change):
    """The right gradient, changed at the end."""
    return lambda x: change(net.gradient(x).copy())


def objective_mistakes(net):
    """How the two terms are weighed, and which data enter."""
    N, B, S = net.N, net.B, net.S

    def rows(k):
        return lambda F: net.d_out(F) * (np.arange(len(F)) != k)[:, None]

    links = {
        "no N/B": {"scale": 1 / S},
        "sum over S": {"scale": N / B},
        "N/B twice": {"scale": (N / B) ** 2 / S},
        "data x 2": {"scale": 2 * N / B / S},
        "data sign": {"scale": -N / B / S},
        "data dropped": {"scale": 0.0},
        "last example dropped": {"d_out": rows(B - 1)},
        "last sample dropped": {"samples": S - 1},
        "no beta": {"beta": 1.0},
        "beta twice": {"beta": net.beta**2},
        "KL dropped": {"beta": 0.0},
        "KL / N": {"beta": net.beta / N},
        "KL / B": {"beta": net.beta / B},
        "KL x N/B": {"beta": net.beta * N / B},
        "KL sign": {"beta": -net.beta},
        "output not centred": {"d_out": lambda F: net.d_out(F) + net.y},
        "noise sd unsquared": {"d_out": lambda F: net.d_out(F) * net.noise},
        "output mean": {"d_out": lambda F: net.d_out(F) / F.shape[1]},
    }
    return {name: linked(net, **link) for name, link in links.items()}


def kl_mistakes(net):
    """What goes wrong in the KL alone."""
    m0, s0 = net.m0, net.s0

    def mu(f):
        return linked(net, kl=lambda m, s: (f(m), net.kl(m, s)[1]))

    def sigma(f):
        return linked(net, kl=lambda m, s: (net.kl(m, s)[0], f(s)))

    return {
        "prior variance as sd, mu": mu(lambda m: (m - m0) / s0),
        "prior variance as sd, sigma": sigma(lambda s: s / s0 - 1 / s),
        "prior mean dropped": mu(lambda m: m / s0**2),
        "prior mean sign": mu(lambda m: (m + m0) / s0**2),
        "half lost": mu(lambda m: (m - m0) / (2 * s0**2)),
        "KL(mu) dropped": mu(np.zeros_like),
        "KL(sigma) dropped": sigma(np.zeros_like),
        "entropy dropped": sigma(lambda s: s / s0**2),
        "entropy sign": sigma(lambda s: s / s0**2 + 1 / s),
        "sigma unsquared": sigma(lambda s: 1 / s0**2 - 1 / s),
        "1/sigma^2": sigma(lambda s: s / s0**2 - 1 / s**2),
        "floor under sigma": sigma(lambda s: s / s0**2 - 1 / (s + 1e-8)),
    }


def noise_mistakes(net):
    """The scale and the noise of the weights."""
    links = {
        "no sigma'": {"dsigma": np.ones_like},
        "exp for softplus'": {"dsigma": np.exp},
        "softplus for softplus'": {"dsigma": softplus},
        "sigma' on data only": {"chain": lambda d, k, ds: d * ds + k},
        "sigma' on KL only": {"chain": lambda d, k, ds: d + k * ds},
        "sigma' twice": {"chain": lambda d, k, ds: (d + k) * ds**2},
        "eps dropped": {"noise": np.ones_like},
        "eps abs": {"noise": np.abs},
        "eps reversed": {"noise": lambda e: e[:, ::-1]},
        "eps of first sample": {"noise": lambda e: np.broadcast_to(e[0], e.shape)},
        "eps of the neighbour": {"noise": lambda e: np.roll(e, 1, axis=1)},
    }
    return {name: linked(net, **link) for name, link in links.items()}


def backward_mistakes(net):
    """The way back through the layers."""

    def bias(f):
        return linked(net, outer=lambda i, hs, d, outer, b: (outer, f(i, b)))

    def outer(f):
        return linked(net, outer=lambda i, hs, d, outer, b: (f(i, hs, d, outer), b))

    def square(W):
        return W.shape[0] == W.shape[1]

    def earlier(i, hs, d, W):
        return hs[i - 1].T @ d if i and hs[i - 1].shape == hs[i].shape else W

    def forwards(d, W):
        return d @ (W if square(W) else W.T)

    def steep(h):
        return net.slope(h) ** 2 if net.act == "tanh" else 1.0 * (h > 0.5)

    return {
        "slope missing": linked(net, slope=np.ones_like),
        "slope of h": linked(net, slope=lambda h: 1 - h),
        "slope squared": linked(net, slope=steep),
        "W not transposed": linked(net, back=forwards),
        "outer transposed": outer(lambda i, hs, d, W: W.T if square(W) else W),
        "activation of the layer before": outer(earlier),
        "one layer x 2": outer(lambda i, hs, d, W: W * (1 + (i == 1))),
        "bias mean": bias(lambda i, b: b / net.B),
        "bias dropped": bias(lambda i, b: b * (i != 1)),
        "bias sign": bias(lambda i, b: -b),
    }


def last_mistakes(net):
    """Slips in a gradient that was right."""
    P, where = net.P, np.arange(2 * net.P)

    def factor(i, value):
        return changed(net, lambda g: g * np.where(where == i, value, 1))

    def swapped(g):
        g[[1, 2]] = g[[2, 1]]
        return g

    return {
        "one coordinate 2e-8": factor(1, 1 + 2e-8),
        "one zeroed": factor(2, 0.0),
        "one rho 2e-8": factor(P + 3, 1 - 2e-8),
        "one sign": factor(P, -1.0),
        "last 1e-6": factor(2 * P - 1, 1 + 1e-6),
        "two swapped": changed(net, swapped),
        "mu 3e-8": changed(net, lambda g: g * np.where(where < P, 1 + 3e-8, 1)),
        "clipped": changed(net, lambda g: np.fmax(g, -0.5 * np.abs(g).max())),
        "float32 inside": changed(net, lambda g: g.astype(np.float32).astype(float)),
        "reversed": changed(net, lambda g: g[::-1]),
        "abs": changed(net, np.abs),
        "norm 1": changed(net, lambda g: g / np.linalg.norm(g)),
        "mu and rho exchanged": changed(net, lambda g: np.roll(g, P)),
    }


def mistakes(net):
    """Name -> wrong gradient function, for one network."""
    return (
        objective_mistakes(net)
        | kl_mistakes(net)
        | noise_mistakes(net)
        | backward_mistakes(net)
        | last_mistakes(net)
    )
