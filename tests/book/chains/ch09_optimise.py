"""What the letters of chapter 09 mean.

Batches are enumerated, optimisers are those of the package, the natural step is found by
scipy from the exact KL, the variance of a difference of means by enumeration.
"""

from itertools import combinations, product

import numpy as np
from scipy import optimize
from support.tex import Chain, Over

import minibnn as mb

# --- E55: all batches ----------------------------------------------------------------


def of_batches(p):
    terms, size = p["terms"], p["B"]
    n = len(terms)
    batches = list(combinations(range(n), size))
    mean = np.mean([n / size * sum(terms[k] for k in batch) for batch in batches])
    return {
        r"E_{\mathrm{batch}}[\frac{N}{B} \sum_{k \in \mathrm{batch}} \ell_k]": mean,
        r"p(k \in \mathrm{batch})": lambda k: np.mean([k in one for one in batches]),
        r"\sum_k": Over("k", range(n)), r"\ell_k": lambda k: terms[k],
        "N": n, "B": size,
    }  # fmt: skip


# --- E71 to E73: one step of an optimiser --------------------------------------------


def walked(optimizer, p):
    """(theta, state) before and after the last of the gradients of a point."""
    theta = np.array([p["theta"]])
    state, seen = optimizer.init(theta), []
    for t, g in enumerate(p["G"]):
        seen.append((theta.item(), {k: v.item() for k, v in state.items()}))
        optimizer.move(theta, np.array([g]), state, t, len(p["G"]))
    seen.append((theta.item(), {k: v.item() for k, v in state.items()}))
    return seen[-2:]


def common(p, after, before):
    """The atoms that all steps share."""
    return {
        r"\theta_{t+1}": after[0], r"\theta_t": before[0], "a_t": p["a"],
        "G_t": p["G"][-1], r"G_\tau": lambda tau: p["G"][tau - 1], "t": len(p["G"]),
        r"\sum_\tau": Over(r"\tau", range(1, len(p["G"]) + 1)),
    }  # fmt: skip


def of_sgd(p):
    before, after = walked(mb.SGD(p["a"]), p)
    return common(p, after, before)


def of_momentum(p):
    before, after = walked(mb.Momentum(p["a"], beta=p["beta"]), p)
    return common(p, after, before) | {
        "U_t": after[1]["velocity"], "U_{t-1}": before[1]["velocity"],
        r"\beta": p["beta"],
    }  # fmt: skip


def of_adam(p):
    before, after = walked(mb.Adam(p["a"], beta1=p["beta"], beta2=p["beta_2"]), p)
    return common(p, after, before) | {
        r"\overline{G}_t": (1 - p["beta"]) * after[1]["sum_g"],
        r"\overline{G}_{t-1}": (1 - p["beta"]) * before[1]["sum_g"],
        r"\overline{G^2}_t": (1 - p["beta_2"]) * after[1]["sum_gg"],
        r"\beta_1": p["beta"], r"\beta_2": p["beta_2"],
    }  # fmt: skip


STEPS = [
    dict(theta=0.7, a=0.3, beta=0.8, beta_2=0.95, G=(0.5, -1.3, 2.0)),
    dict(theta=-1.1, a=0.12, beta=0.6, beta_2=0.7, G=(-0.4, 0.9, 1.7, -0.6, 0.2)),
]
TINY = [  # gradients so small that 1e-8 counts
    p | {"G": tuple(1e-8 * g for g in p["G"])} for p in STEPS
]


# --- E74, E75: step sizes ------------------------------------------------------------


def of_robbins_monro(p):
    rate = mb.RobbinsMonro(p["a"], delay=p["R"], power=p["kappa"])
    return {
        "a_t": rate(p["t"], 1), "a": p["a"], "t": p["t"], "R": p["R"],
        r"\kappa": p["kappa"],
    }  # fmt: skip


def of_cosine(p):
    return {"a_t": mb.Cosine(p["a"])(p["t"], p["n"]), "a": p["a"], "t": p["t"], "n": p["n"]}


# --- E76: the variance of a difference of means --------------------------------------


def of_windows(p):
    """Means of n estimates, each of a few equally likely values: all outcomes."""
    n = p["n"]
    means = [
        np.array([np.mean(one) for one in product(values, repeat=n)])
        for values in p["values"]
    ]
    both = (means[1][:, None] - means[0]).var()
    first, second = (np.var(values) for values in p["values"])
    bar = r"\overline{\mathrm{ELBO}}"
    return {
        rf"\mathrm{{Var}}[{bar}_2 - {bar}_1]": both,
        rf"\mathrm{{Var}}[{bar}_1]": means[0].var(),
        rf"\mathrm{{Var}}[{bar}_2]": means[1].var(),
        r"\mathrm{Var}_1": first, r"\mathrm{Var}_2": second, "n": n, "z": p["z"],
        f"{bar}_1": means[0].mean(), f"{bar}_2": means[1].mean(),
    }  # fmt: skip


def threshold(p):
    names = of_windows(p)
    bar = r"\overline{\mathrm{ELBO}}"
    return p["z"] * np.sqrt(names[rf"\mathrm{{Var}}[{bar}_2 - {bar}_1]"])


# --- E77: the shortest way, measured by the KL ---------------------------------------


SHORT = 1e-3  # the size of a short change


def kl_moved(change, sigma):
    """KL of the moved density from q by quadrature in units of q."""
    shift, ratio = change[0] / sigma, np.exp(change[1])
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    w = shift + ratio * nodes
    return weights @ ((w**2 - nodes**2) / 2 - change[1]) / weights.sum()


def of_natural(p):
    """G are such that the best change of loss + KL / a is about the change given."""

    def cost(change):
        moved = np.array(change) * SHORT
        return (p["G"] @ moved + kl_moved(moved, p["sigma"]) / p["a"]) / SHORT ** 2

    best = optimize.minimize(cost, [0.0, 0.0], tol=1e-10).x * SHORT
    return {
        r"\mathrm{KL}(q_\Delta \mathbin{\Vert} q)": kl_moved(best, p["sigma"]),
        r"\Delta_\mu": best[0], r"\Delta_\sigma": best[1], "G_\\mu": p["G"][0],
        r"G_\sigma": p["G"][1], r"\sigma": p["sigma"], "a": p["a"],
    }  # fmt: skip


CHAINS = [
    Chain("E55", of_batches, [
        dict(terms=(1.5, 2.0, 7.0, 0.5, -1.0), B=2),
        dict(terms=(0.3, 4.0, -2.2, 1.1, 0.9, 2.0), B=4),
    ]),
    Chain("E71", of_sgd, STEPS),
    Chain("E72", of_momentum, STEPS),
    Chain("E73", of_adam, TINY),
    Chain("E74", of_robbins_monro, [
        dict(a=0.3, t=7, R=20.0, kappa=0.7), dict(a=1.2, t=50, R=13.0, kappa=0.9),
    ]),
    Chain("E75", of_cosine, [dict(a=0.3, t=7, n=20), dict(a=1.2, t=12, n=17)], blind={
        f"E75: sign of {what}": "the cosine of -x is that of x"
        for what in ("3.14159 t", "3.14159 t/n", "n")
    }),
    Chain("E76", of_windows, [
        dict(values=((1.0, 3.5), (0.0, 2.0, 3.1)), n=3, z=1.3),
        dict(values=((0.2, -1.0, 1.0), (-0.4, 0.5)), n=4, z=0.7),
    ], values={"E76c": threshold}),
    Chain("E77", of_natural, [
        dict(G=np.array([3.0, -2.0]) * 1e-3, sigma=0.7, a=0.5),
        dict(G=np.array([-0.8, 1.5]) * 1e-3, sigma=1.6, a=0.9),
    ], rtol=5e-3),
]  # fmt: skip
