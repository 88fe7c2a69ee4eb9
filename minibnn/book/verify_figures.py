"""Figures of the chapter on checking a gradient: the best step, and the Taylor order."""

import numpy as np
from matplotlib.figure import Figure

from minibnn.book.colours import DATA, GRADIENT, PRIOR, TRUTH
from minibnn.book.registry import figure
from minibnn.families.scales import SCALES
from minibnn.gradcheck.central import central_error
from minibnn.priors.gaussian_kl import gaussian_kl

MU, M0, S0, RHO = 0.3, 0.2, 0.8, 0.7  # one weight and its prior
FLOOR = 1e-17  # where an error of exactly 0 is drawn
TERM, THIRD = 2.0, 0.55  # size of the numbers the KL adds; its third derivative at RHO


def kl_of_one_weight(rho):
    """KL of N(MU, softplus(rho)^2) from N(M0, S0^2) in nats, and its slope for rho."""
    (sigma, log_sigma), pull = SCALES["softplus"].forward(rho)
    kl, _, g_log_sigma = gaussian_kl(MU, sigma, log_sigma, M0, S0)
    return kl, pull(np.zeros_like(sigma), g_log_sigma)


def in_single_precision(rho):
    """The same KL, every number of it rounded to float32."""
    one = np.float32(1)
    sigma = np.log(one + np.exp(rho))
    ratio = (sigma / np.float32(S0)) ** 2
    pull = (np.float32(MU) - np.float32(M0)) / np.float32(S0)
    return (pull**2 + ratio - one - np.log(ratio)) / np.float32(2)


def central(f, x, h):
    """The central difference over the step as it really was taken."""
    up, down = x + h, x - h
    return float(f(up) - f(down)) / float(up - down)


@figure("E09")
def v_curve(rng):
    """Error of three derivatives against the step; dashed, what the formula says."""
    h = 10.0 ** np.arange(-12.0, -0.4, 0.25)
    rho = np.array(RHO)
    _, slope = kl_of_one_weight(rho)

    def value(x):
        return kl_of_one_weight(x)[0]

    rho32 = np.float32(RHO)
    slope32 = kl_of_one_weight(np.array(float(rho32)))[1]
    errors = {
        "float64": [central(value, rho, k) - slope for k in h],
        "float32": [central(in_single_precision, rho32, np.float32(k)) - slope32
                    if rho32 + np.float32(k) > rho32 else np.nan for k in h],
        "complex": [value(rho + 1j * k).imag / k - slope for k in h],
    }  # fmt: skip
    said = {
        name: central_error(TERM, THIRD, h, unit)[0]
        for name, unit in (("float64", 2.0**-53), ("float32", 2.0**-24))
    }
    drawn = Figure(figsize=(9, 5.6))
    ax = drawn.subplots()
    looks = {
        "float32": ("s", 7, PRIOR, "central difference, float32"),
        "float64": ("o", 6, GRADIENT, "central difference, float64"),
        "complex": ("D", 3, TRUTH, "complex step, float64"),
    }
    for name, (marker, size, colour, label) in looks.items():
        shown = np.maximum(np.abs(errors[name]), FLOOR)
        ax.loglog(h, shown, marker, ms=size, color=colour, label=label)
        if name in said:
            ax.loglog(h, said[name], "--", color=colour, lw=1.2)
    ax.plot([], [], "k--", lw=1.2, label="formula (E09)")
    ax.set(xlabel="step h", ylabel="error of the derivative", ylim=(3e-18, 30.0),
           title="Too long on the right, too short on the left")  # fmt: skip
    ax.legend(fontsize=12, loc="lower right")
    stable = h > 1e-3  # below, the measured numbers are those of the machine
    long = np.abs(np.array(errors["float64"]))[stable]
    return drawn, {"h": h, **said, "measured over long steps": long}


@figure("E09")
def taylor_order(rng):
    """What the tangent leaves of a change, for the right slope and for wrong ones."""
    h = 2.0 ** -np.arange(0.0, 16.0)
    kl, slope = kl_of_one_weight(np.array(RHO))
    change = kl_of_one_weight(RHO + h)[0] - kl
    left = {
        "right": np.abs(change - h * slope),
        "1 % too small": np.abs(change - h * 0.99 * slope),
        "30 % too small": np.abs(change - h * 0.7 * slope),
    }
    drawn = Figure(figsize=(9, 5.2))
    ax = drawn.subplots()
    for (name, values), look in zip(left.items(), ("o-", "s-", "^-"), strict=True):
        colour = TRUTH if name == "right" else GRADIENT
        ax.loglog(h, values, look, ms=5, color=colour, label=f"slope {name}")
    ax.loglog(h, 0.04 * h**2, "k:", label="falls as h²")
    ax.loglog(h, 1.2 * h, "k--", label="falls as h")
    title = "Ten times less h: a right slope leaves 100 times less, a wrong one 10"
    ax.set(xlabel="step h", ylabel="what the tangent leaves", title=title)
    ax.legend(fontsize=12, loc="lower right")
    return drawn, {"h": h, **left}


@figure("E11", "E41")
def points_that_hide(rng):
    """Two slopes and two mistakes: they meet exactly at the point that is natural."""
    rho, s0, away = np.linspace(-3.0, 3.0, 121), np.linspace(0.5, 2.0, 121), 0.3
    pairs = {
        "rho": (rho, lambda z: 1 / (1 + np.exp(-z)), lambda z: 1 / (1 + np.exp(z))),
        "s0": (s0, lambda s: away / s**2, lambda s: away / s),
    }
    words = {
        "rho": ("raw scale ρ", "slope of σ for ρ", "sigmoid of −ρ", 0.0, 1.1),
        "s0": ("s₀ of the prior", "slope of the KL for μ", "s₀, no square", 1.0, 0.75),
    }
    drawn, arrays = Figure(figsize=(11, 6.1)), {}
    for ax, name in zip(drawn.subplots(1, 2), pairs, strict=True):
        x, right, wrong = pairs[name]
        label, slope, mistake, natural, generic = words[name]
        arrays |= {name: x, f"{name}, right": right(x), f"{name}, wrong": wrong(x)}
        ax.plot(x, right(x), color=TRUTH, label="right")
        ax.plot(x, wrong(x), "--", color=GRADIENT, label=mistake)
        ax.plot(natural, right(natural), "o", color=DATA, ms=9, label="natural: no error")
        ends = [right(generic), wrong(generic)]
        ax.plot([generic] * 2, ends, "s-", color=DATA, ms=6, lw=1, label="another point")
        ax.set(xlabel=label, title=slope, ylim=(0, None))
        ax.legend(loc="upper center" if name == "rho" else "upper right")
    drawn.axes[0].set_ylim(0, 1.5)
    return drawn, arrays
