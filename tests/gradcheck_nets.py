"""Small Bayesian networks with hand gradients, the mistakes people make in them, and
other ways of writing the right gradient. Nothing here uses the package.

x = (mu, rho); weights w = mu + softplus(rho) eps with fixed eps; the loss is
N/B mean_S nll + beta KL, divided by N where ``mean`` is set, plus ``offset``.
"""

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
        self.P = sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False))
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
        for a, b in zip(self.sizes, self.sizes[1:], strict=False):
            out.append((w[at : at + a * b].reshape(a, b), w[at + a * b : at + a * b + b]))
            at += (a + 1) * b
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


def mistakes(net):
    """Name -> wrong gradient function, for one network."""
    m0, s0, N, B, S, P = net.m0, net.s0, net.N, net.B, net.S, net.P

    def g(**links):
        return lambda x: net.gradient(x, **links)

    def post(change):
        return lambda x: change(net.gradient(x).copy())

    def at(i, value):
        def change(out):
            out[i] = value(out[i])
            return out
        return post(change)

    def rows(k):
        return lambda F: net.d_out(F) * (np.arange(len(F)) != k)[:, None]

    def bias(f):
        return lambda i, hs, d, outer, b: (outer, f(i, b))

    def outer(f):
        return lambda i, hs, d, outer, b: (f(i, hs, d, outer), b)

    def flip(i, hs, d, W):
        return W.T if W.shape[0] == W.shape[1] else W

    def swap(out):
        out[[1, 2]] = out[[2, 1]]
        return out

    def kl(mu=None, sigma=None):
        right = net.kl
        return g(kl=lambda m, s: (mu(m, s) if mu else right(m, s)[0],
                                  sigma(m, s) if sigma else right(m, s)[1]))

    out = {
        "no N/B": g(scale=1 / S), "sum over S": g(scale=N / B),
        "N/B twice": g(scale=(N / B) ** 2 / S), "data x 2": g(scale=2 * N / B / S),
        "data sign": g(scale=-N / B / S), "data dropped": g(scale=0.0),
        "last example dropped": g(d_out=rows(B - 1)),
        "last sample dropped": g(samples=max(S - 1, 0)),
        "no beta": g(beta=1.0), "beta twice": g(beta=net.beta**2),
        "KL dropped": g(beta=0.0), "KL / N": g(beta=net.beta / N),
        "KL / B": g(beta=net.beta / B), "KL x N/B": g(beta=net.beta * N / B),
        "KL sign": g(beta=-net.beta),
        "prior variance as sd": kl(lambda m, s: (m - m0) / s0,
                                   lambda m, s: s / s0 - 1 / s),
        "prior mean dropped": kl(lambda m, s: m / s0**2),
        "prior mean sign": kl(lambda m, s: (m + m0) / s0**2),
        "half lost": kl(lambda m, s: (m - m0) / (2 * s0**2)),
        "entropy dropped": kl(None, lambda m, s: s / s0**2),
        "entropy sign": kl(None, lambda m, s: s / s0**2 + 1 / s),
        "sigma unsquared": kl(None, lambda m, s: 1 / s0**2 - 1 / s),
        "1/sigma^2": kl(None, lambda m, s: s / s0**2 - 1 / s**2),
        "floor under sigma": kl(None, lambda m, s: s / s0**2 - 1 / (s + 1e-8)),
        "KL(mu) dropped": kl(lambda m, s: 0 * m), "KL(sigma) dropped":
        kl(None, lambda m, s: 0 * s),
        "no sigma'": g(dsigma=np.ones_like), "exp for softplus'": g(dsigma=np.exp),
        "sigma' on data only": g(chain=lambda d, k, ds: d * ds + k),
        "sigma' on KL only": g(chain=lambda d, k, ds: d + k * ds),
        "sigma' twice": g(chain=lambda d, k, ds: (d + k) * ds**2),
        "softplus for softplus'": g(dsigma=softplus),
        "eps dropped": g(noise=np.ones_like), "eps abs": g(noise=np.abs),
        "eps reversed": g(noise=lambda e: e[:, ::-1]),
        "eps of first sample": g(noise=lambda e: np.broadcast_to(e[0], e.shape)),
        "eps fresh": g(noise=lambda e: np.roll(e, 1, axis=1)),
        "slope missing": g(slope=np.ones_like),
        "slope of h": g(slope=lambda h: 1 - h), "slope squared":
        g(slope=lambda h: net.slope(h) ** 2 if net.act == "tanh" else 1.0 * (h > 0.5)),
        "W not transposed": g(back=lambda d, W: d @ (W if W.shape[0] == W.shape[1]
                                                     else W.T)),
        "outer transposed": g(outer=outer(flip)),
        "bias mean": g(outer=bias(lambda i, b: b / B)),
        "bias dropped": g(outer=bias(lambda i, b: b * (i != 1))),
        "bias sign": g(outer=bias(lambda i, b: -b)),
        "last activation": g(outer=outer(
            lambda i, hs, d, W: hs[i - 1].T @ d
            if i and hs[i - 1].shape == hs[i].shape else W)),
        "one layer x 2": g(outer=outer(lambda i, hs, d, W: W * (1 + (i == 1)))),
        "output not centred": g(d_out=lambda F: net.d_out(F) + net.y),
        "noise sd unsquared": g(d_out=lambda F: net.d_out(F) * net.noise),
        "output mean": g(d_out=lambda F: net.d_out(F) / F.shape[1]),
        "one coordinate 2e-8": at(1, lambda v: v * (1 + 2e-8)),
        "one rho 2e-8": at(P + 3, lambda v: v * (1 - 2e-8)),
        "last 1e-6": at(-1, lambda v: v * (1 + 1e-6)),
        "one zeroed": at(2, lambda v: 0.0), "one sign": at(P, lambda v: -v),
        "two swapped": post(swap), "block 1 + 3e-8": post(
            lambda o: o * np.where(np.arange(2 * P) < P, 1 + 3e-8, 1)),
        "clipped": post(lambda o: np.clip(o, -0.5 * np.abs(o).max(), np.inf)),
        "float32 inside": post(lambda o: o.astype(np.float32).astype(float)),
        "reversed": post(lambda o: o[::-1]), "abs": post(np.abs),
        "norm 1": post(lambda o: o / np.linalg.norm(o)),
        "mu and rho exchanged": post(lambda o: np.concatenate([o[P:], o[:P]])),
    }
    return out


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
