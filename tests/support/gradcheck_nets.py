"""Small Bayesian networks with hand gradients, and other ways of writing those.

Nothing here uses the package.

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

    def __init__(
        self,
        regime="generic",
        act="tanh",
        lik="gaussian",
        seed=0,
        sizes=(2, 3, 3, 2),
        scale=softplus,
    ):
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
        kl = np.sum(
            np.log(self.s0 / sigma)
            - 0.5
            + (sigma**2 + (mu - self.m0) ** 2) / (2 * self.s0**2)
        )
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
        total = np.concatenate(
            [
                scale * g_mu + beta * k_mu,
                links.get("chain", lambda d, k, ds: (d + k) * ds)(
                    scale * g_sigma, beta * k_sigma, dsigma
                ),
            ]
        )
        return total / real(self.N) if self.mean else total

    def kl(self, mu, sigma):
        """Gradient of the KL by mu and sigma."""
        v = mu.dtype.type(self.s0**2)
        return (mu - mu.dtype.type(self.m0)) / v, sigma / v - 1 / sigma


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
        "plain": net.gradient,
        "float32": narrow,
        "reordered": reordered,
        "likelihood by its value": lambda x: net.gradient(x, d_out=by_value),
        "slope from cosh": lambda x: net.gradient(
            x, slope=lambda h: (1 - h) * (1 + h) if net.act == "tanh" else np.sign(h)
        ),
        "slope of the scale from the scale": lambda x: net.gradient(
            x, dsigma=lambda rho: -np.expm1(-softplus(rho))
        ),
        "scale cancelled": lambda x: net.gradient(
            x, dsigma=lambda rho: 1 - np.exp(-softplus(rho))
        ),
        "KL in one fraction": lambda x: net.gradient(
            x,
            kl=lambda m, s: (
                m / net.s0**2 - net.m0 / net.s0**2,
                (s - net.s0) * (s + net.s0) / (s * net.s0**2),
            ),
        ),
        "chain apart": lambda x: net.gradient(
            x, chain=lambda d, k, ds: ds * d + ds * k
        ),
    }


def real(f):
    """The same function, which does not take complex numbers."""

    def inner(x):
        if np.iscomplexobj(x):
            raise TypeError("complex")
        return f(x)

    return inner
