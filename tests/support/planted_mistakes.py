"""Mistakes planted in an implementation of the gradient that is not the package's.

Written as a student writes it, one sample after the other, with every step a method; a
mistake is the same code with one step wrong. ``PLANTED`` has (what is wrong, likelihoods
it can be made in, words of which one must stand in the name of a right diagnosis,
methods). It was written without a look at the catalogue's formulas.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Student:
    """The right gradient for tanh networks, softplus scale and a Gaussian prior."""

    def __init__(self, case):
        self.case, self.net = case, case.model.net
        self.mu, self.rho = case.params["mu"], case.params["rho"]
        self.eps, self.X, self.y = case.noise, case.X, np.asarray(case.y)
        self.N, self.beta = case.n_data, case.kl_weight
        self.S, self.B = len(self.eps), len(self.X)
        self.m0 = np.broadcast_to(case.model.prior.mean, self.mu.shape)
        self.s0 = np.broadcast_to(case.model.prior.scale, self.mu.shape)
        self.kind = type(case.model.likelihood).__name__

    # the draw
    def scale(self, rho):
        return np.log1p(np.exp(rho))

    def slope(self, rho):
        return sigmoid(rho)

    def draw_scale(self):
        return self.scale(self.rho)

    def draw_slope(self):
        return self.slope(self.rho)

    def noise(self, s):
        return self.eps[s]

    def noise_back(self, s):
        return self.noise(s)

    def draw(self, s):
        return self.mu + self.draw_scale() * self.noise(s)

    # the network
    def act(self, Z):
        return np.tanh(Z)

    def act_slope(self, Z, A):
        return 1 - A**2

    def output(self, Z):
        return Z, np.ones_like(Z)

    def weight_gradient(self, A, g):
        return A.T @ g

    def bias_gradient(self, A, g):
        return g.sum(0)

    def back(self, g, W):
        return g @ W.T

    def head(self, F):
        y = self.y.reshape(self.B, -1)
        if self.kind == "Categorical":
            E = np.exp(F)
            return E / E.sum(1, keepdims=True) - np.eye(F.shape[1])[y[:, 0].astype(int)]
        if self.kind == "HeteroscedasticGaussian":
            m, t = np.split(F, 2, axis=1)
            return np.hstack(self.heads(m - y, t))
        return self.link(F) - y

    def link(self, F):
        return sigmoid(F)

    def heads(self, r, t):
        return r * np.exp(-2 * t), 1 - r**2 * np.exp(-2 * t)

    def one(self, w):
        layers, A, Z = self.net.unpack(w), [self.X], []
        for i, (W, b) in enumerate(layers):
            Z.append(A[i] @ W + b)
            A.append(self.act(Z[i]))
        F, inner = self.output(Z[-1])
        g, grads = self.head(F) * inner, [None] * len(layers)
        for i in reversed(range(len(layers))):
            grads[i] = (self.weight_gradient(A[i], g), self.bias_gradient(A[i], g))
            if i:
                g = self.back(g, layers[i][0]) * self.act_slope(Z[i - 1], A[i])
        return self.net.pack(grads)

    def data(self):
        g = [self.one(self.draw(s)) for s in range(self.S)]
        rho = sum(g[s] * self.noise_back(s) for s in range(self.S)) * self.draw_slope()
        return sum(g), rho

    def factor(self):
        return self.N / self.B / self.S

    # the KL
    def kl_mu(self):
        return (self.mu - self.m0) / self.s0**2

    def kl_sigma(self):
        sigma = self.scale(self.rho)
        return sigma / self.s0**2 - 1 / sigma

    def kl_nats(self):
        a, r = (self.mu - self.m0) / self.s0, self.scale(self.rho) / self.s0
        return 0.5 * (a * a + r * r - 1) - np.log(r)

    def kl(self):
        return self.kl_mu(), self.kl_sigma() * self.slope(self.rho)

    def total(self):
        (a, b), (c, d) = self.data(), self.kl()
        k = self.factor()
        return {"mu": k * a + self.beta * c, "rho": k * b + self.beta * d}


ALL = ("Bernoulli", "Categorical", "HeteroscedasticGaussian")
PLANTED = []


def plant(wrong, names, likelihoods=ALL, **methods):
    PLANTED.append((wrong, likelihoods, names, methods))


def scale_of_draw(wrong, names, value, slope):
    plant(wrong, names, draw_scale=value, draw_slope=slope)


scale_of_draw("sigma squared in the draw", ["draw-sigma-squared"],
              lambda s: s.scale(s.rho) ** 2,
              lambda s: 2 * s.scale(s.rho) * s.slope(s.rho))  # fmt: skip
scale_of_draw("e^rho in the draw", ["exp-rho"],
              lambda s: np.exp(s.rho), lambda s: np.exp(s.rho))  # fmt: skip
scale_of_draw("rho in the draw", ["draw-sigma-replaced-by-rho"],
              lambda s: s.rho, lambda s: np.ones_like(s.rho))  # fmt: skip
scale_of_draw("e^rho in the draw, old slope", ["exp-rho-undifferentiated"],
              lambda s: np.exp(s.rho), lambda s: sigmoid(s.rho))  # fmt: skip
plant("minus the noise", ["draw-sigma-sign", "eps-sign-in-both"],
      noise=lambda s, i: -s.eps[i])  # fmt: skip
plant("first sample's noise for all", ["first-sample"], noise=lambda s, i: s.eps[0])
plant("noise of the next sample back", ["next-sample"],
      noise_back=lambda s, i: s.eps[(i + 1) % s.S])  # fmt: skip
plant("noise missing back", ["eps-missing"], noise_back=lambda s, i: 1.0)
plant("noise back without its sign", ["eps-modulus"],
      noise_back=lambda s, i: np.abs(s.eps[i]))  # fmt: skip
plant("noise back reversed", ["eps-reversed"], noise_back=lambda s, i: s.eps[i][::-1])
plant("chain factor missing", ["chain-missing"], slope=lambda s, r: np.ones_like(r))
plant("chain factor at -rho", ["minus-rho"], slope=lambda s, r: sigmoid(-r))
plant("chain factor missing in the data", ["chain-missing-in-data"],
      draw_slope=lambda s: 1.0)  # fmt: skip
plant("slope of tanh unsquared", ["unsquared"], act_slope=lambda s, Z, A: 1 - A)
plant("slope of tanh plus", ["squared-plus-one"], act_slope=lambda s, Z, A: 1 + A**2)
plant("slope of tanh missing", ["slope-missing"],
      act_slope=lambda s, Z, A: np.ones_like(A))  # fmt: skip
plant("tanh on the outputs", ["activation-on-the-outputs"],
      output=lambda s, Z: (np.tanh(Z), 1 - np.tanh(Z) ** 2))  # fmt: skip
plant("outputs halved", ["outputs-through-half", "outputs-wrong-factor"],
      output=lambda s, Z: (Z / 2, np.full_like(Z, 0.5)))  # fmt: skip
plant("sine for tanh", ["activation-sine"], act=lambda s, Z: np.sin(Z),
      act_slope=lambda s, Z, A: np.cos(Z))  # fmt: skip
plant("back through |W|", ["weight-modulus"], back=lambda s, g, W: g @ np.abs(W).T)
plant("back through the units reversed", ["input-reversed", "unit-reversed"],
      back=lambda s, g, W: (g @ W.T)[:, ::-1])  # fmt: skip
plant("rows of A shifted", ["rows-shifted", "previous-row", "next-row"],
      weight_gradient=lambda s, A, g: np.roll(A, 1, 0).T @ g)  # fmt: skip
plant("A without its mean", ["centred"],
      weight_gradient=lambda s, A, g: (A - A.mean(0)).T @ g)  # fmt: skip
plant("bias summed over units", ["summed-over-unit"],
      bias_gradient=lambda s, A, g: np.full(g.shape[1], g.sum()))  # fmt: skip
plant("bias times B", ["over-row", "wrong-factor"],
      bias_gradient=lambda s, A, g: len(g) * g.sum(0))  # fmt: skip
plant("bias of the last feature", ["last-input"],
      bias_gradient=lambda s, A, g: A[:, -1] @ g)  # fmt: skip
plant("bias reversed", ["reversed"], bias_gradient=lambda s, A, g: g.sum(0)[::-1])
plant("p (p - y)", ["times-prediction"], ("Bernoulli",),
      head=lambda s, F: sigmoid(F) * (sigmoid(F) - s.y.reshape(F.shape)))  # fmt: skip
plant("hard decision", ["hard-decision"], ("Bernoulli",), link=lambda s, F: F > 0)
plant("softmax over rows", ["softmax-over-rows"], ("Bernoulli",),
      link=lambda s, F: np.exp(F) / np.exp(F).sum(0))  # fmt: skip
plant("sigmoid twice", ["twice"], ("Bernoulli",),
      link=lambda s, F: sigmoid(sigmoid(F)))  # fmt: skip
plant("log variance for log sd", ["half-log", "root"], ALL[2:],
      heads=lambda s, r, t: (r * np.exp(-t), 0.5 * (1 - r**2 * np.exp(-t))))  # fmt: skip
plant("half lost", ["half-lost"], ALL[2:],
      heads=lambda s, r, t: (2 * r * np.exp(-2 * t),
                             1 - 2 * r**2 * np.exp(-2 * t)))  # fmt: skip
plant("log term lost", ["normaliser-lost"], ALL[2:],
      heads=lambda s, r, t: (r * np.exp(-2 * t), -(r**2) * np.exp(-2 * t)))  # fmt: skip
plant("labels moved on", ["labels-of-the"], __init__=lambda s, case: (
    Student.__init__(s, case), setattr(s, "y", np.roll(s.y, 1, 0)))[0])  # fmt: skip
plant("inputs standardised", ["inputs-standardised"], __init__=lambda s, case: (
    Student.__init__(s, case),
    setattr(s, "X", (s.X - s.X.mean(0)) / s.X.std(0)))[0])  # fmt: skip
plant("sigma squared in the KL", ["kl-sigma-squared"], kl_sigma=lambda s: (
    s.scale(s.rho) ** 2 / s.s0**2 - 1 / s.scale(s.rho) ** 2))  # fmt: skip
plant("1/sigma squared in the KL", ["squared"],
      kl_sigma=lambda s: s.scale(s.rho) / s.s0**2 - 1 / s.scale(s.rho) ** 2)  # fmt: skip
plant("rho for sigma in the KL", ["replaced-by-rho"],
      kl_sigma=lambda s: s.rho / s.s0**2 - 1 / s.rho)  # fmt: skip
plant("mu - m0/s0²", ["kl-mu-times", "over-prior-variance"],
      kl_mu=lambda s: s.mu - s.m0 / s.s0**2)  # fmt: skip
plant("KL of the first layer lost", ["kl-missing", "kl-only"], kl=lambda s: tuple(
    np.where(np.arange(s.mu.size) < s.net.slices[0].stop, 0, a)
    for a in Student.kl(s)))  # fmt: skip
plant("KL below half a nat lost", ["kl-missing-in-some"], kl=lambda s: tuple(
    np.where(Student.kl_nats(s) < 0.5, 0, a) for a in Student.kl(s)))  # fmt: skip
plant("KL of every third weight", ["kl-missing"], kl=lambda s: tuple(
    np.where(np.arange(a.size) % 3 == 0, a, 0) for a in Student.kl(s)))  # fmt: skip
plant("weight decay", ["weight-decay"],
      kl_mu=lambda s: Student.kl_mu(s) + 0.013 * s.mu)  # fmt: skip
plant("epsilon under sigma", ["epsilon-in-kl"], kl_sigma=lambda s: (
    s.scale(s.rho) / s.s0**2 - 1 / (s.scale(s.rho) + 1e-6)))  # fmt: skip
plant("data gradient of rho added to mu", ["data-of-rho-added"], data=lambda s: (
    Student.data(s)[0] + Student.data(s)[1], Student.data(s)[1]))  # fmt: skip
plant("N for N/B", ["data-wrong-factor"], factor=lambda s: s.N / s.S)
plant("root of S", ["data-wrong-factor"], factor=lambda s: s.N / s.B / s.S**0.5)
plant("clipped", ["clipped"], total=lambda s: {
    k: np.clip(a, -1, 1) for k, a in Student.total(s).items()})  # fmt: skip
plant("weights rounded", ["rounded"],
      draw=lambda s, i: np.float32(Student.draw(s, i)).astype(float))  # fmt: skip
plant("nothing", ["gradient-zero"], total=lambda s: {
    k: 0 * a for k, a in Student.total(s).items()})  # fmt: skip


def gradient(case, methods=None):
    """The gradient at a case, with some methods of the student replaced."""
    return type("Planted", (Student,), methods or {})(case).total()
