"""What the letters of chapter 17 mean: a label taken for a normal number, from scipy."""

from scipy import stats
from support.tex import By, Chain


def slopes(function, at, h=1e-3):
    """First and second difference, each free of errors of the first order."""
    def first(step):
        return (function(at + step) - function(at - step)) / (2 * step)

    def second(step):
        near = function(at + step) - 2 * function(at) + function(at - step)
        return near / step**2

    return tuple((4 * d(h) - d(2 * h)) / 3 for d in (first, second))


def least_squares(p):
    f, y, s = p["f"], p["y"], p["s"]
    m = stats.logistic.cdf(f)

    def loss(label):
        return lambda f: -stats.norm.logpdf(label, stats.logistic.cdf(f), s)

    curvature = {label: slopes(loss(label), f)[1] for label in (0, 1)}
    second = r"\frac{\partial^2}{\partial f^2} \left( - \log p(y \mid f) \right)"
    return {
        r"\frac{\partial}{\partial f}": By("f"),
        r"\frac{\partial}{\partial \sigma_y}": By("s"),
        r"p(y \mid f)": stats.norm.pdf(y, m, s), "f": f, "y": y, r"\sigma_y": s, "m": m,
        r"\frac{\partial m}{\partial f}": stats.logistic.pdf(f),
        r"\frac{\partial^2 m}{\partial f^2}": slopes(stats.logistic.pdf, f)[0],
        second: curvature[y],
        rf"E\left[{second}\right]": (1 - m) * curvature[0] + m * curvature[1],
    }  # fmt: skip


CHAINS = [
    Chain("E37", least_squares, [
        dict(f=0.7, y=1, s=0.6), dict(f=-1.3, y=0, s=1.7), dict(f=-0.4, y=1, s=0.9),
    ], blind={r"E37g: sign of \frac{\partialm}{\partialf}": "it is squared"}),
]  # fmt: skip
