"""Small Bayesian networks with hand gradients, the mistakes people make in them, and
other ways of writing the right gradient. Nothing here uses the package.

x = (mu, rho); weights w = mu + softplus(rho) eps with fixed eps; the loss is
N/B mean_S nll + beta KL, divided by N where ``mean`` is set, plus ``offset``.
"""

from itertools import pairwise

import numpy as np


def softplus(x):
    """Complex-safe log(1 + exp x)."""
    top, low = np.maximum(x, 0), np.minimum(x, 0)
    return top + np.log1p(np.exp(low - top))


def sigmoid(x):
    """Complex-safe logistic function."""
    top, low = np.maximum(x, 0), np.minimum(x, 0)
    return np.exp(low) / (1 + np.exp(low - top))


REGIMES = ("generic", "unit", "late", "big", "tiny")
LIKELIHOODS = ("gaussian", "bernoulli", "categorical")


class Net:
    """A mean-field network: ``loss`` and ``gradient`` as functions of x."""

    def __init__(self, regime="generic", act="tanh", lik="gaussian", seed=0,
                 sizes=(2, 3, 3, 2), scale=softplus):
        rng = np.random.default_rng([seed, REGIMES.index(regime), len(act)])
        self.act, self.lik, self.sizes, self.softplus = act, lik, sizes, scale
        unit = regime == "unit"
        self.P = sum((a + 1) * b for a, b in pairwise(sizes))
        self.B, self.S = 6, 1 if unit else 3
        self.N = {"unit": 6, "late": 10**6}.get(regime, 40)
        self.m0, self.s0, self.beta, self.noise = (
            (0.0, 1.0, 1.0, 1.0) if unit else (0.3, 0.7, 0.8, 0.5)
        )
        self.mean, self.offset = regime == "late", 1e6 if regime == "big" else 0.0
        mu = rng.normal(0, 0.7, self.P)
        centre = {"late": -11.0, "tiny": -11.5}.get(regime, -1.0)
        rho = rng.normal(centre, 0.4, self.P)
        if unit:
            rho = np.full(self.P, np.log(np.e - 1))
        self.x = np.concatenate([mu, rho])
        self.eps = rng.normal(size=(self.S, self.P))
        self.X = rng.normal(size=(self.B, sizes[0]))
        self.y = self._targets(rng, sizes[-1])

    def _targets(self, rng, width):
        if self.lik == "gaussian":
            return rng.normal(size=(self.B, width))
        if self.lik == "bernoulli":
            return (rng.random((self.B, width)) < 0.5).astype(float)
        return np.eye(width)[rng.integers(0, width, self.B)]

    def layers(self, w):
        """Flat weights -> [(W, b), ...]."""
        out, at = [], 0
        for a, b in pairwise(self.sizes):
            W, b = w[at : at + a * b].reshape(a, b), w[at + a * b : at + (a + 1) * b]
            out.append((W, b))
            at += W.size + b.size
        return out

    def forward(self, w, X):
        """Activations, the input first and the output last."""
        hs, layers = [X], self.layers(w)
        for W, b in layers[:-1]:
            z = hs[-1] @ W + b
            hs.append(np.tanh(z) if self.act == "tanh" else np.maximum(z, 0))
        W, b = layers[-1]
        return [*hs, hs[-1] @ W + b]

    def nll(self, F):
        """Negative log-likelihood of the outputs of one sample."""
        if self.lik == "gaussian":
            return np.sum(((F - self.y) / self.noise) ** 2) / 2
        if self.lik == "bernoulli":
            return np.sum(self.softplus(F) - self.y * F)
        top = F.real.max(1, keepdims=True)
        return np.sum(top[:, 0] + np.log(np.exp(F - top).sum(1))) - np.sum(self.y * F)

    def loss(self, x):
        """The objective."""
        mu, sigma = x[: self.P], self.softplus(x[self.P :])
        nll = sum(self.nll(self.forward(mu + sigma * e, self.X)[-1]) for e in self.eps)
        kl = np.sum(np.log(self.s0 / sigma) - 0.5
                    + (sigma**2 + (mu - self.m0) ** 2) / (2 * self.s0**2))
        total = self.N / self.B / self.S * nll + self.beta * kl
        return (total / self.N if self.mean else total) + self.offset

    def slope(self, h):
        """Derivative of the activation, from its value."""
        return 1 - h * h if self.act == "tanh" else (h > 0).astype(h.dtype)

    def d_out(self, F):
        """Derivative of nll by the outputs."""
        y = self.y.astype(F.dtype)
        if self.lik == "gaussian":
            return (F - y) / F.dtype.type(self.noise**2)
        if self.lik == "bernoulli":
            return sigmoid(F) - y
        e = np.exp(F - F.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True) - y

    def backward(self, hs, w, d, links):
        """Gradient of one sample's nll by its weights."""
        layers, parts = self.layers(w), []
        slope = links.get("slope", self.slope)
        for i in reversed(range(len(layers))):
            outer, bias = hs[i].T @ d, d.sum(0)
            if "outer" in links:
                outer, bias = links["outer"](i, hs, d, outer, bias)
            parts = [outer.ravel(), bias, *parts]
            if i:
                W = layers[i][0]
                d = links.get("back", lambda d, W: d @ W.T)(d, W) * slope(hs[i])
        return np.concatenate(parts)

    def gradient(self, x, **links):
        """The right gradient; ``links`` replace single steps of the derivation."""
        P, real = self.P, x.dtype.type
        mu, rho = x[:P], x[P:]
        sigma, dsigma = softplus(rho), links.get("dsigma", sigmoid)(rho)
        eps = self.eps.astype(x.dtype)
        used = links.get("noise", lambda e: e)(eps)
        g_mu, g_sigma = np.zeros_like(mu), np.zeros_like(mu)
        for s in range(links.get("samples", self.S)):
            w = mu + sigma * eps[s]
            hs = self.forward(w, self.X.astype(x.dtype))
            d = links.get("d_out", self.d_out)(hs[-1])
            g_w = self.backward(hs, w, d, links)
            g_mu, g_sigma = g_mu + g_w, g_sigma + g_w * used[s]
        scale = real(links.get("scale", self.N / self.B / self.S))
        k_mu, k_sigma = links.get("kl", self.kl)(mu, sigma)
        beta = real(links.get("beta", self.beta))
        total = np.concatenate([
            scale * g_mu + beta * k_mu,
            links.get("chain", lambda d, k, ds: (d + k) * ds)(
                scale * g_sigma, beta * k_sigma, dsigma),
        ])
        return total / real(self.N) if self.mean else total

    def kl(self, mu, sigma):
        """Gradient of the KL by mu and sigma."""
        v = mu.dtype.type(self.s0**2)
        return (mu - mu.dtype.type(self.m0)) / v, sigma / v - 1 / sigma


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
        "no N/B": {"scale": 1 / S}, "sum over S": {"scale": N / B},
        "N/B twice": {"scale": (N / B) ** 2 / S},
        "data x 2": {"scale": 2 * N / B / S}, "data sign": {"scale": -N / B / S},
        "data dropped": {"scale": 0.0}, "last example dropped": {"d_out": rows(B - 1)},
        "last sample dropped": {"samples": S - 1}, "no beta": {"beta": 1.0},
        "beta twice": {"beta": net.beta**2}, "KL dropped": {"beta": 0.0},
        "KL / N": {"beta": net.beta / N}, "KL / B": {"beta": net.beta / B},
        "KL x N/B": {"beta": net.beta * N / B}, "KL sign": {"beta": -net.beta},
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
        "KL(mu) dropped": mu(lambda m: 0 * m), "KL(sigma) dropped": sigma(lambda s: 0 * s),
        "entropy dropped": sigma(lambda s: s / s0**2),
        "entropy sign": sigma(lambda s: s / s0**2 + 1 / s),
        "sigma unsquared": sigma(lambda s: 1 / s0**2 - 1 / s),
        "1/sigma^2": sigma(lambda s: s / s0**2 - 1 / s**2),
        "floor under sigma": sigma(lambda s: s / s0**2 - 1 / (s + 1e-8)),
    }


def noise_mistakes(net):
    """The scale and the noise of the weights."""
    links = {
        "no sigma'": {"dsigma": np.ones_like}, "exp for softplus'": {"dsigma": np.exp},
        "softplus for softplus'": {"dsigma": softplus},
        "sigma' on data only": {"chain": lambda d, k, ds: d * ds + k},
        "sigma' on KL only": {"chain": lambda d, k, ds: d + k * ds},
        "sigma' twice": {"chain": lambda d, k, ds: (d + k) * ds**2},
        "eps dropped": {"noise": np.ones_like}, "eps abs": {"noise": np.abs},
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

    def steep(h):
        return net.slope(h) ** 2 if net.act == "tanh" else 1.0 * (h > 0.5)

    return {
        "slope missing": linked(net, slope=np.ones_like),
        "slope of h": linked(net, slope=lambda h: 1 - h),
        "slope squared": linked(net, slope=steep),
        "W not transposed": linked(net, back=lambda d, W: d @ (W if square(W) else W.T)),
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
        "one coordinate 2e-8": factor(1, 1 + 2e-8), "one zeroed": factor(2, 0.0),
        "one rho 2e-8": factor(P + 3, 1 - 2e-8), "one sign": factor(P, -1.0),
        "last 1e-6": factor(2 * P - 1, 1 + 1e-6), "two swapped": changed(net, swapped),
        "mu 3e-8": changed(net, lambda g: g * np.where(where < P, 1 + 3e-8, 1)),
        "clipped": changed(net, lambda g: np.fmax(g, -0.5 * np.abs(g).max())),
        "float32 inside": changed(net, lambda g: g.astype(np.float32).astype(float)),
        "reversed": changed(net, lambda g: g[::-1]), "abs": changed(net, np.abs),
        "norm 1": changed(net, lambda g: g / np.linalg.norm(g)),
        "mu and rho exchanged": changed(net, lambda g: np.roll(g, P)),
    }


def mistakes(net):
    """Name -> wrong gradient function, for one network."""
    return (
        objective_mistakes(net) | kl_mistakes(net) | noise_mistakes(net)
        | backward_mistakes(net) | last_mistakes(net)
    )


def visible(net, wrong, least=1e-8):
    """Whether a mistake moves a coordinate by more than ``least``, relative to it."""
    with np.errstate(all="ignore"):
        right, claimed = net.gradient(net.x), wrong(net.x)
        return bool(np.any(np.abs(claimed - right) > least * np.abs(right)))


def right_gradients(net):
    """Name -> correct gradient function in another form, for one network."""

    def narrow(x):
        return net.gradient(x.astype(np.float32))

    def reordered(x):
        twin = Net.__new__(Net)
        twin.__dict__.update(net.__dict__)
        twin.X, twin.y, twin.eps = net.X[::-1], net.y[::-1], net.eps[::-1]
        return twin.gradient(x)

    def by_value(F):  # -y/p + (1-y)/(1-p) times p (1-p)
        if net.lik != "bernoulli":
            return net.d_out(F)
        p, q = sigmoid(F), sigmoid(-F)
        return (-net.y / p + (1 - net.y) / q) * p * q

    return {
        "plain": net.gradient, "float32": narrow, "reordered": reordered,
        "likelihood by its value": lambda x: net.gradient(x, d_out=by_value),
        "slope from cosh": lambda x: net.gradient(x, slope=lambda h: (
            (1 - h) * (1 + h) if net.act == "tanh" else np.sign(h))),
        "slope of the scale from the scale": lambda x: net.gradient(
            x, dsigma=lambda rho: -np.expm1(-softplus(rho))),
        "scale cancelled": lambda x: net.gradient(
            x, dsigma=lambda rho: 1 - np.exp(-softplus(rho))),
        "KL in one fraction": lambda x: net.gradient(x, kl=lambda m, s: (
            m / net.s0**2 - net.m0 / net.s0**2, (s - net.s0) * (s + net.s0)
            / (s * net.s0**2))),
        "chain apart": lambda x: net.gradient(
            x, chain=lambda d, k, ds: ds * d + ds * k),
    }
