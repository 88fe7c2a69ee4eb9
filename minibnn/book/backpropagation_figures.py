"""Figures of the chapter on backpropagation: one row, and the two paths of an input."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from minibnn.book.colours import GRADIENT, Q
from minibnn.book.first_page import example
from minibnn.book.registry import figure
from minibnn.diagnosis.chain import Chain
from minibnn.diagnosis.points import Case
from minibnn.estimators.local_reparam import LocalReparam
from minibnn.families.mean_field import MeanField
from minibnn.mistakes.catalogue import catalogue
from minibnn.numerics import softplus
from minibnn.plots.look import minus

# --- one pre-activation, its values and slopes -----------------------------------------


def one_draw():
    """The numbers of the page: an input of 1.2 and a bias, one unit, one row."""
    A, eps, y, noise_sd = np.array([1.2, 1.0]), 0.7, 0.4, 0.5
    mu, rho = np.array([0.8, -0.5]), np.array([-1.0, 0.2])
    sigma = softplus(rho)
    M, V = A @ mu, A**2 @ sigma**2
    Z = M + eps * np.sqrt(V)
    by_V = eps / (2 * np.sqrt(V))
    slopes = {
        "d_Z": (Z - y) / noise_sd**2, "by_V": by_V, "M_by_mu": A[0],
        "V_by_sigma": 2 * sigma[0] * A[0] ** 2, "M_by_A": mu[0],
        "V_by_A": 2 * A[0] * sigma[0] ** 2, "sigma_by_rho": 1 / (1 + np.exp(-rho[0])),
    }  # fmt: skip
    values = {"A": A[0], "mu": mu[0], "rho": rho[0], "sigma": sigma[0]}
    return values | {"M": M, "V": V, "Z": Z} | slopes


PLACES = {
    "mu": (0.06, 0.86), "A": (0.06, 0.5), "rho": (0.06, 0.14), "sigma": (0.3, 0.14),
    "M": (0.56, 0.78), "V": (0.56, 0.22), "Z": (0.82, 0.5),
}  # fmt: skip
LINKS = [  # from, to, the slope's name, where its number stands
    ("mu", "M", "M_by_mu", (0.3, 0.875)),
    ("A", "M", "M_by_A", (0.3, 0.69)),
    ("A", "V", "V_by_A", (0.3, 0.425)),
    ("rho", "sigma", "sigma_by_rho", (0.185, 0.195)),
    ("sigma", "V", "V_by_sigma", (0.44, 0.115)),
    ("M", "Z", None, (0.735, 0.7)),
    ("V", "Z", "by_V", (0.72, 0.29)),
]


@figure("E62")
def two_paths(rng):
    """Values on their way to Z, and the slope of every link."""
    n = one_draw()
    drawn = Figure(figsize=(10, 5.4))
    ax = drawn.add_subplot()
    letters = {"mu": "μ", "rho": "ρ", "sigma": "σ"}
    words = {"A": "input A", "M": "mean M", "V": "variance V"}
    for name, (x, y) in PLACES.items():
        text = f"{words.get(name, letters.get(name, name))}\n{n[name]:.3f}"
        ax.text(x, y, minus(text), ha="center", va="center", color=Q, bbox=BOX)
    for start, end, slope, (x, y) in LINKS:
        arrow(ax, PLACES[start], PLACES[end], 44 if end in "MV" else 32)
        text = f"×{n[slope] if slope else 1.0:.3f}"
        ax.text(x, y, minus(text), ha="center", va="center", color=GRADIENT)
    arrow(ax, PLACES["Z"], (1.02, 0.5), 0)
    ax.text(1.03, 0.5, "ℓ", va="center", ha="left")
    ax.text(0.94, 0.57, minus(f"×{n['d_Z']:.3f}"), color=GRADIENT, ha="center")
    ax.text(0.82, 0.375, "noise ε = 0.7", ha="center", va="center", fontsize=12)
    by_A = n["M_by_A"] + n["by_V"] * n["V_by_A"]
    both = f"{n['M_by_A']:.3f} + {n['V_by_A']:.3f} × {n['by_V']:.3f} = {by_A:.3f}"
    ax.text(0.56, 0.5, "dZ/dA, both paths:\n" + minus(both), color=GRADIENT,
            ha="center", va="center", fontsize=12)  # fmt: skip
    ax.set(xlim=(-0.02, 1.1), ylim=(0.02, 1.0))
    ax.set_title("Values go forwards (blue); a slope is a factor on the way back (orange)")
    ax.axis("off")
    return drawn, {key: np.array([value]) for key, value in n.items()}


BOX = {"boxstyle": "round,pad=0.4", "fc": "white", "ec": "#888888"}


def arrow(ax, start, end, room):
    """An arrow between two boxes that stops ``room`` points before the second's middle."""
    ax.add_patch(
        FancyArrowPatch(
            start, end, color=Q, lw=2, mutation_scale=16, arrowstyle="-|>",
            shrinkA=32, shrinkB=room, zorder=0,
        )
    )  # fmt: skip


# --- one row through a network of one unit ----------------------------------------------


def one_row():
    """Values and slopes of (E06), for the numbers of the page: forward, then back."""
    mu, rho, x, y, W, eps, noise_sd = 0.1, -0.5, 1.5, 1.0, 1.2, 0.8, 0.5
    sigma = softplus(np.array(rho))
    w = mu + sigma * eps
    A = np.tanh(w * x)
    d_f = (W * A - y) / noise_sd**2
    d_w = d_f * W * (1 - A**2) * x
    by_rho = 1 / (1 + np.exp(-rho))
    nll = 0.5 * ((W * A - y) / noise_sd) ** 2 + np.log(noise_sd * np.sqrt(2 * np.pi))
    return {
        "mu": mu, "rho": rho, "sigma": sigma, "w": w, "Z": w * x, "A": A, "f": W * A,
        "nll": nll, "x": x, "W": W, "eps": eps, "by_Z": 1 - A**2, "by_rho": by_rho,
        "d_f": d_f, "d_A": d_f * W, "d_Z": d_f * W * (1 - A**2), "d_w": d_w, "d_mu": d_w,
        "d_sigma": d_w * eps, "d_rho": d_w * eps * by_rho,
    }  # fmt: skip


STOPS = {  # where a number stands; what it is called
    "rho": (0.05, 0.2, "ρ"), "sigma": (0.2, 0.2, "σ"), "mu": (0.2, 0.78, "μ"),
    "w": (0.36, 0.49, "w"), "Z": (0.53, 0.49, "Z"), "A": (0.69, 0.49, "A"),
    "f": (0.85, 0.49, "f"), "nll": (1.0, 0.49, "ℓ"),
}  # fmt: skip
STEPS = [  # from, to, the factor's name, where it stands: beside the arrow
    ("rho", "sigma", "by_rho", (0.125, 0.3)),
    ("mu", "w", None, (0.315, 0.7)),
    ("sigma", "w", "eps", (0.245, 0.39)),
    ("w", "Z", "x", (0.447, 0.56)),
    ("Z", "A", "by_Z", (0.612, 0.56)),
    ("A", "f", "W", (0.772, 0.56)),
    ("f", "nll", "d_f", (0.925, 0.56)),
]


@figure("E06")
def five_slopes(rng):
    """One row through one unit: values go forwards, slopes come back."""
    n = one_row()
    drawn = Figure(figsize=(11, 4.6))
    ax = drawn.add_subplot()
    for start, end, factor, spot in STEPS:
        arrow(ax, STOPS[start][:2], STOPS[end][:2], 30)
        ax.text(*spot, minus(f"×{n[factor] if factor else 1.0:.3f}"), color=GRADIENT,
                ha="center", va="center", fontsize=12)  # fmt: skip
    for name, (x, y, word) in STOPS.items():
        ax.text(x, y, minus(f"{word}\n{n[name]:.3f}"), ha="center", va="center", color=Q,
                bbox=BOX)  # fmt: skip
        back = minus(f"{n.get('d_' + name, 1.0):.3f}")
        ax.text(x, y - 0.17, back, color=GRADIENT, ha="center", va="center",
                weight="bold")  # fmt: skip
    ax.set(xlim=(-0.01, 1.06), ylim=(0, 0.92))
    ax.set_title("In the boxes: values, forwards. Below: the slope of ℓ, backwards")
    ax.axis("off")
    return drawn, {key: np.array([value]) for key, value in n.items()}


# --- what is lost without the path through the variance --------------------------------

SCALES = np.geomspace(0.01, 1.0, 15)
FORGOTTEN = "local-variance-path-to-inputs-lost"


def first_batch(scale):
    """The page's batch and local noise as a case, every sigma the same."""
    data, model = example()
    family, rng = MeanField(sigma=scale), np.random.default_rng(0)
    rows = rng.permutation(len(data.X))[:10]
    rng.standard_normal((2, model.n_weights))  # what the pathwise step of the page drew
    noise = rng.standard_normal(LocalReparam().noise_shape(model, family, 2, 10))
    return Case(
        model, family, family.init(model, rng=0), noise, data.X[rows], data.y[rows],
        n_data=len(data.X), estimator=LocalReparam(),
    )  # fmt: skip


def lost(scale):
    """Relative error of the data term of mu and rho, first layer and last: (2, 2)."""
    chain = Chain(first_batch(scale))
    (mistake,) = [m for m in catalogue(chain, ["local"]) if m.name == FORGOTTEN]
    right = chain.data_term(()).reshape(2, -1)  # mu, rho
    error = chain.data_term(mistake.changes).reshape(2, -1) - right
    layers = chain.net.slices
    size = np.linalg.norm
    return np.array([
        [size(error[a, layer]) / size(right[a, layer]) for layer in layers]
        for a in range(2)
    ])  # fmt: skip


@figure("E62")
def lost_path(rng):
    """The error of both gradients of the first layer without the path through V."""
    shares = 100 * np.array([lost(scale) for scale in SCALES])
    drawn = Figure()
    ax = drawn.add_subplot()
    ax.loglog(SCALES, shares[:, 0, 0], "o-", color=GRADIENT, label="first layer, μ")
    ax.loglog(SCALES, shares[:, 1, 0], "s--", color=GRADIENT, label="first layer, ρ")
    ax.axhline(100, color="k", lw=1, ls=":")
    ax.text(0.0105, 108, "as large as the gradient itself", va="bottom", fontsize=12)
    ax.set(xlabel="σ of all weights", ylabel="error of the gradient, %", ylim=(0.1, 400))
    ax.set_title("Without the input's path through V the first layer is wrong")
    ax.text(0.98, 0.05, "last layer: no error", transform=ax.transAxes, ha="right")
    ax.legend(loc="center right")
    return drawn, {"shares": shares}
