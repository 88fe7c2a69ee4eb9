"""What the letters of chapter 07 mean: small networks, differentiated by complex step.

Every left side and every slope is a complex step through a network written out here, so
no line is compared with itself. Indices that a line leaves free stand at those of the
point.
"""

import numpy as np
from support.tex import By, Chain, Function, Over


def slope(f, x, *index):
    """The derivative of f, a number or an array, by one entry of the array x."""
    moved = np.array(x, complex)
    moved[index] += 1e-30j
    return np.imag(f(moved)) / 1e-30


def slopes(f, x):
    """The derivatives of a number f by every entry of the array x."""
    x = np.asarray(x, float)
    return np.array([slope(f, x, *i) for i in np.ndindex(x.shape)]).reshape(x.shape)


def softplus(z):
    """The activation of the chains: its slope is not even, so a lost sign is seen."""
    return np.log(1 + np.exp(z))


def sigmoid(z):
    return 0.5 + np.tanh(z / 2) / 2


# --- one weight ------------------------------------------------------------------------


def one_weight(p):
    def nll(f):
        density = np.exp(-(((f - p["y"]) / p["s"]) ** 2) / 2) / p["s"] / np.sqrt(2 * np.pi)
        return -np.log(density)

    def of_A(A):
        return nll(p["W"] * A)

    def of_Z(Z):
        return of_A(softplus(Z))

    def of_w(w):
        return of_Z(w * p["x"])

    def draw(mu, rho):
        return mu + softplus(rho) * p["eps"]

    w = draw(p["mu"], p["rho"])
    Z = w * p["x"]
    f = p["W"] * softplus(Z)
    names = {"f": (nll, f), "A": (of_A, softplus(Z)), "Z": (of_Z, Z), "w": (of_w, w)}
    names[r"\mu"] = (lambda mu: of_w(draw(mu, p["rho"])), p["mu"])
    names[r"\rho"] = (lambda rho: of_w(draw(p["mu"], rho)), p["rho"])
    return {
        rf"\frac{{\partial \ell}}{{\partial {name}}}": slope(*pair)
        for name, pair in names.items()
    } | {
        "f": f, "y": p["y"], r"\sigma_y": p["s"], "W": p["W"], "x": p["x"], "Z": Z,
        r"\phi'": Function(sigmoid), r"\epsilon": p["eps"], r"\rho": p["rho"],
    }  # fmt: skip


# --- activations -----------------------------------------------------------------------


def activation(forward):
    def names(p):
        return {
            r"\frac{d}{d Z}": By("Z"), r"\max": Function(np.maximum),
            "Z": p["Z"], "A": forward(p["Z"]),
        }  # fmt: skip

    return names


BOTH_SIDES = [{"Z": 0.7}, {"Z": -1.1}]


# --- a layer, and the next -------------------------------------------------------------


def arrays(p, *shapes):
    rng = np.random.default_rng(p["seed"])
    return [rng.normal(size=shape) for shape in shapes]


def layer(p):
    i, j, k = p["i"], p["j"], p["k"]
    A, W, b, c = arrays(p, (4, 3), (3, 2), 2, (4, 2))

    def Z_of(A=A, W=W, b=b):
        return np.einsum("ki,ij->kj", A, W) + b

    def after(Z):
        return np.sum(c * np.sin(Z))

    Z, delta = Z_of(), slopes(after, Z_of())
    return {
        "Z_{kj}": Z[k, j], "A_{ki}": lambda k=k, i=i: A[k, i],
        "W_{ij}": lambda i=i, j=j: W[i, j], "b_j": lambda j=j: b[j],
        r"\sum_i": Over("i", range(3)), r"\sum_j": Over("j", range(2)),
        r"\sum_k": Over("k", range(4)), r"\delta_{kj}": lambda k=k, j=j: delta[k, j],
        r"\frac{\partial Z_{kj}}{\partial W_{ij}}":
            lambda k=k: slope(lambda v: Z_of(W=v)[k, j], W, i, j),
        r"\frac{\partial Z_{kj}}{\partial A_{ki}}":
            lambda j=j: slope(lambda v: Z_of(A=v)[k, j], A, k, i),
        r"\frac{\partial \ell}{\partial W_{ij}}":
            slope(lambda v: after(Z_of(W=v)), W, i, j),
        r"\frac{\partial \ell}{\partial b_j}": slope(lambda v: after(Z_of(b=v)), b, j),
        r"\frac{\partial \ell}{\partial A_{ki}}":
            slope(lambda v: after(Z_of(A=v)), A, k, i),
        "Z": Z, "A": A, "W": W, "b": b, r"\delta": delta,
        r"\frac{\partial \ell}{\partial W}": slopes(lambda v: after(Z_of(W=v)), W),
        r"\frac{\partial \ell}{\partial A}": slopes(lambda v: after(Z_of(A=v)), A),
    }  # fmt: skip


def two_layers(p):
    before, W, b, c = arrays(p, (4, 3), (3, 2), 2, (4, 2))

    def after(Z):
        return np.sum(c * np.sin(Z))

    def onward(A):
        return np.stack([a @ W for a in A]) + b

    A = softplus(before)
    return {
        "Z_l": onward(A), "A_{l-1}": A, "W_l": W, "b_l": b, "Z_{l-1}": before,
        "A_l": np.logaddexp(0, onward(A)),
        r"\phi": Function(softplus), r"\phi'": Function(sigmoid),
        r"\delta_l": slopes(after, onward(A)),
        r"\delta_{l-1}": slopes(lambda z: after(onward(softplus(z))), before),
        r"\frac{\partial \ell}{\partial A_{l-1}}": slopes(lambda a: after(onward(a)), A),
    }  # fmt: skip


LAYERS = [dict(seed=1, i=2, j=1, k=3), dict(seed=2, i=0, j=0, k=1)]


# --- mu and rho ------------------------------------------------------------------------


def kl(mu, sigma, p):
    """By quadrature: each weight by itself."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    w = mu[..., None] + sigma[..., None] * nodes
    log_ratio = (
        -(nodes**2) / 2 - np.log(sigma)[..., None]
        + ((w - p["m0"]) / p["s0"]) ** 2 / 2 + np.log(p["s0"])
    )  # fmt: skip
    return np.sum(log_ratio @ weights) / weights.sum()


def whole_loss(p):
    """A network with two inputs and three tanh units, all by hand."""
    i, S, N, B = (p[name] for name in ("i", "S", "N", "B"))
    mu, rho, eps, X, y = arrays(p, 9, 9, (S, 9), (B, 2), B)
    sigma = softplus(rho)

    def draws(mu, sigma):
        return [mu + sigma * noise for noise in eps]

    def nll(w):
        f = np.tanh(X @ w[:6].reshape(2, 3)) @ w[6:]
        return np.sum((f - y) ** 2 / 2 / 0.7**2 + np.log(0.7 * np.sqrt(2 * np.pi)))

    def loss(mu, sigma):
        data = sum(nll(w) for w in draws(mu, sigma))
        return N * data / (B * S) + kl(mu, sigma, p)

    w, per = draws(mu, sigma), (N, B, S)
    return dict(zip("NBS", per, strict=True)) | {
        r"\frac{\partial \, \mathrm{loss}}{\partial \mu_i}":
            slope(lambda v: loss(v, sigma), mu, i),
        r"\frac{\partial \, \mathrm{loss}}{\partial \rho_i}":
            slope(lambda v: loss(mu, softplus(v)), rho, i),
        r"\sum_s": Over("s", range(S)), "g_{si}": lambda s: slope(nll, w[s], i),
        r"\epsilon_{si}": lambda s: eps[s, i],
        r"\frac{\partial w_{si}}{\partial \mu_i}":
            lambda s: slope(lambda v: draws(v, sigma)[s][i], mu, i),
        r"\frac{\partial w_{si}}{\partial \sigma_i}":
            lambda s: slope(lambda v: draws(mu, v)[s][i], sigma, i),
        r"\frac{d \sigma_i}{d \rho_i}": slope(softplus, rho[i]),
        r"\frac{d \log \sigma_i}{d \rho_i}": slope(lambda v: np.log(softplus(v)), rho[i]),
        r"\frac{\partial \mathrm{KL}}{\partial \mu_i}":
            slope(lambda v: kl(v, sigma, p), mu, i),
        r"\frac{\partial \mathrm{KL}}{\partial \log \sigma_i}":
            slope(lambda v: kl(mu, np.exp(v), p), np.log(sigma), i),
        r"\mu_i": mu[i], r"\rho_i": rho[i], r"\sigma_i": sigma[i],
        "m_0": p["m0"], "s_0": p["s0"],
    }  # fmt: skip


BATCHES = [
    dict(seed=3, i=4, S=3, N=7, B=4, m0=0.3, s0=1.4),
    dict(seed=4, i=7, S=2, N=9, B=5, m0=-0.4, s0=0.6),
]


# --- local reparameterization ----------------------------------------------------------


def moments(A, mu, sigma):
    """Mean and variance of Z for three inputs, by quadrature over the three weights."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    three = np.stack(np.meshgrid(nodes, nodes, nodes), -1).reshape(-1, 3)
    chance = np.prod(np.stack(np.meshgrid(*[weights] * 3), -1).reshape(-1, 3), 1)
    chance = chance / chance.sum()
    Z = (mu + sigma * three) @ A
    return chance @ Z, chance @ (Z - chance @ Z) ** 2


def local(p):
    i, j, k = p["i"], p["j"], p["k"]
    A, mu, rho, eps, c = arrays(p, (4, 3), (3, 2), (3, 2), (4, 2), (4, 2))
    sigma = softplus(rho)

    def M_of(A=A, mu=mu):
        return np.einsum("ki,ij->kj", A, mu)

    def V_of(A=A, sigma=sigma):
        return np.einsum("ki,ij,ki,ij->kj", A, sigma, A, sigma)

    def Z_of(A=A, mu=mu, rho=rho):
        return M_of(A, mu) + eps * np.sqrt(V_of(A, softplus(rho)))

    def after(Z):
        return np.sum(c * np.sin(Z))

    def own(mean, sd):  # mean and variance of one weight, by quadrature
        return moments(np.array([1.0, 0, 0]), np.full(3, mean), np.full(3, sd))

    mean, var = moments(A[k], mu[:, j], sigma[:, j])
    M, V, Z = M_of(), V_of(), Z_of()
    delta = slopes(after, Z)
    Z_kj, by = r"\frac{\partial Z_{kj}}{\partial ", slope
    return {
        "E[Z_{kj}]": mean, r"\mathrm{Var}[Z_{kj}]": var,
        "E[w_{ij}]": lambda i=i: own(mu[i, j], sigma[i, j])[0],
        r"\mathrm{Var}[w_{ij}]": lambda i=i: own(mu[i, j], sigma[i, j])[1],
        "M_{kj}": M[k, j], "V_{kj}": lambda k=k, j=j: V[k, j], "Z_{kj}": Z[k, j],
        "A_{ki}": lambda k=k, i=i: A[k, i], r"\mu_{ij}": lambda i=i, j=j: mu[i, j],
        r"\sigma_{ij}": lambda i=i, j=j: sigma[i, j], r"\rho_{ij}": rho[i, j],
        r"\epsilon_{kj}": lambda k=k, j=j: eps[k, j],
        r"\delta_{kj}": lambda k=k, j=j: delta[k, j],
        r"\sum_i": Over("i", range(3)), r"\sum_j": Over("j", range(2)),
        r"\sum_k": Over("k", range(4)),
        Z_kj + "M_{kj}}": by(lambda v: v + eps[k, j] * np.sqrt(V[k, j]), M[k, j]),
        Z_kj + "V_{kj}}": by(lambda v: M[k, j] + eps[k, j] * np.sqrt(v), V[k, j]),
        r"\frac{\partial M_{kj}}{\partial \mu_{ij}}":
            by(lambda v: M_of(mu=v)[k, j], mu, i, j),
        r"\frac{\partial V_{kj}}{\partial \sigma_{ij}}":
            by(lambda v: V_of(sigma=v)[k, j], sigma, i, j),
        r"\frac{\partial M_{kj}}{\partial A_{ki}}": by(lambda v: M_of(v)[k, j], A, k, i),
        r"\frac{\partial V_{kj}}{\partial A_{ki}}": by(lambda v: V_of(v)[k, j], A, k, i),
        r"\frac{d \sigma_{ij}}{d \rho_{ij}}": by(softplus, rho[i, j]),
        Z_kj + r"\mu_{ij}}": lambda k=k: by(lambda v: Z_of(mu=v)[k, j], mu, i, j),
        Z_kj + r"\rho_{ij}}": lambda k=k: by(lambda v: Z_of(rho=v)[k, j], rho, i, j),
        Z_kj + "A_{ki}}": lambda j=j: by(lambda v: Z_of(v)[k, j], A, k, i),
        r"\frac{\partial \ell}{\partial \mu_{ij}}":
            by(lambda v: after(Z_of(mu=v)), mu, i, j),
        r"\frac{\partial \ell}{\partial \rho_{ij}}":
            by(lambda v: after(Z_of(rho=v)), rho, i, j),
        r"\frac{\partial \ell}{\partial A_{ki}}": by(lambda v: after(Z_of(v)), A, k, i),
    }  # fmt: skip


CHAINS = [
    Chain(
        "E06", one_weight,
        points=[
            dict(mu=0.1, rho=-0.5, x=1.5, y=1.0, W=1.2, eps=0.8, s=0.5),
            dict(mu=-0.4, rho=0.3, x=0.7, y=-0.6, W=-1.9, eps=-1.1, s=1.3),
        ],
    ),
    Chain(
        "E22", activation(np.tanh), points=BOTH_SIDES,
        blind=dict.fromkeys(
            ("E22a: sign of Z", "E22b: sign of Z"), "cosh and a square are even"
        ),
    ),
    Chain("E23", activation(lambda z: z * (z > 0)), points=BOTH_SIDES),
    Chain("E24", activation(softplus), points=BOTH_SIDES),
    Chain("E21", layer, points=LAYERS),
    Chain("E25", two_layers, points=[{"seed": 5}, {"seed": 6}]),
    Chain("E52", whole_loss, points=BATCHES),
    Chain("E53", whole_loss, points=BATCHES),
    Chain("E62", local, points=LAYERS),
]  # fmt: skip
