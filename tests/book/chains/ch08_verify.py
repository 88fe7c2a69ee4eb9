"""Chapter 08: Taylor's theorem on a cubic, of which the terms that it drops are zero.

The derivatives are those of NumPy's polynomials. The error of a difference is found from
the worst of the roundings that two values may have, its best step by search.
"""

from itertools import product

import numpy as np
from numpy.polynomial import Polynomial
from scipy.optimize import minimize_scalar
from support.tex import Chain, Function

POINTS = [
    dict(cubic=(0.7, -1.3, 0.9, 1.6), theta=0.4, h=0.31, unit=0.013, claim=0.8),
    dict(cubic=(-1.9, 0.4, -0.6, 0.45), theta=-1.2, h=0.17, unit=0.004, claim=-2.1),
]


def worst(p, h):
    """Largest error of a central difference whose values are rounded by up to a unit."""
    J = Polynomial(p["cubic"])
    off = p["unit"] * abs(J(p["theta"]))
    errors = [
        (J(p["theta"] + h) + a * off - J(p["theta"] - h) - b * off) / (2 * h)
        - J.deriv()(p["theta"])
        for a, b in product((1, -1), repeat=2)
    ]
    return np.abs(errors).max()


def best(p):
    """The step of the least error, to all digits a search by values can have."""
    found = minimize_scalar(
        lambda log_h: worst(p, np.exp(log_h)), bounds=(-6, 3), method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    return float(np.exp(found.x))


def names(p):
    J, theta, h = Polynomial(p["cubic"]), p["theta"], p["h"]
    steps, weights = np.array([1, -1, 2, -2, 3, -3]), (45, -45, -9, 9, 1, -1)
    d = 1e-2 * h
    slope = sum(w * worst(p, h + k * d) for k, w in zip(steps, weights, strict=True))
    return {
        "J": Function(J), r"J(\theta)": J(theta), r"J'(\theta)": J.deriv()(theta),
        r"J''(\theta)": J.deriv(2)(theta), r"J'''(\theta)": J.deriv(3)(theta),
        r"\theta": theta, "h": h, "G": p["claim"],
        r"\lvert J \rvert": abs(J(theta)), r"\lvert J''' \rvert": abs(J.deriv(3)(theta)),
        r"\mathrm{unit}": p["unit"], r"\mathrm{error}(h)": worst(p, h),
        r"\frac{d}{d h} \mathrm{error}(h)": slope / (60 * d),
        r"h_{\mathrm{best}}": best(p), r"\mathrm{i}": 1j, r"\mathrm{Im}": Function(np.imag),
    }  # fmt: skip


CHAINS = [Chain("E09", names, POINTS)]
