"""What the letters of chapter 10 mean: a mixture of three networks."""

import numpy as np
from support.tex import Chain, Over


def mixture(p):
    """Mean and mean square of y by quadrature over the density of the mixture."""
    m, v = np.array(p["m"]), np.array(p["v"])
    y, step = np.linspace(-40, 40, 20001, retstep=True)
    one = np.exp(-((y[:, None] - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)
    density = one.mean(1) * step
    return density @ y, density @ y**2


def names(p):
    mean, square = mixture(p)
    return {
        r"\bar{m}": mean, r"E[y^2]": square, r"E[y]": mean,
        r"\mathrm{Var}[y]": square - mean**2, "S": len(p["m"]),
        r"\sum_s": Over("s", range(len(p["m"]))),
        "m_s": lambda s: p["m"][s], "v_s": lambda s: p["v"][s],
    }  # fmt: skip


POINTS = [
    dict(m=(1.0, 2.0, 6.0), v=(0.5, 1.0, 0.3)),
    dict(m=(-0.7, 0.4, 1.9, 2.2), v=(0.2, 0.6, 0.9, 1.4)),
]
CHAINS = [Chain("E81", names, POINTS), Chain("E82", names, POINTS)]
