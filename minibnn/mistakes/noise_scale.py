"""A location and a scale: other scales, other weights of the terms, heads mixed up (E3x).

The losses are written by their values; see ``loss``.
"""

from dataclasses import replace
from itertools import product

import numpy as np

from minibnn.mistakes.along import along
from minibnn.mistakes.catalogue import heads, one_scale, rule
from minibnn.mistakes.loss import log_of, loss_mistake, slope_mistake
from minibnn.numerics import log1p, magnitude, softplus

SCALES = {
    "": ("e^t", np.exp),
    "-of-softplus": ("softplus(t)", softplus),
    "-of-half-log": ("e^(t/2)", lambda t: np.exp(t / 2)),
    "-of-itself": ("t", lambda t: t),
    "-of-minus-log": ("e^-t", lambda t: np.exp(-t)),
    "-of-double-log": ("e^(2t)", lambda t: np.exp(2 * t)),
    "-of-modulus": ("|t|", magnitude),
    "-of-one-plus-exp": ("1 + e^t", lambda t: 1 + np.exp(t)),
    "-of-log-precision": ("e^(-t/2)", lambda t: np.exp(-t / 2)),
    "-of-exp": ("e^(e^t)", lambda t: np.exp(np.exp(t))),
    "-with-floor": ("e^t + 0.1", lambda t: np.exp(t) + 0.1),
    "-of-one": ("1", lambda t: 1 + 0 * t),
}
WEIGHTS = {  # of log s and of the loss in r/s, 1 and 1 where all is right
    "": (1, 1),
    "-normaliser-lost": (0, 1),
    "-half-lost": (1, 2),
    "-half-twice": (1, 0.5),
    "-normaliser-halved": (0.5, 1),
    "-normaliser-doubled": (2, 1),
    "-normaliser-sign": (-1, 1),
    "-residual-lost": (1, 0),
    "-residual-sign": (1, -1),
}
POWERS = {"": 1, "-root": 0.5, "-squared": 2, "-ignored": 0, "-inverted": -1}


def _kernels(nu):
    """Losses of the standardised residual v = r/s that may stand in a density."""
    yield "", "v²/2", lambda v: v * v / 2
    yield "-laplace", "|v|", magnitude
    yield "-fourth-power", "v⁴/4", lambda v: v**4 / 4
    yield "-huber", "v²/2 up to 1, then |v|", lambda v: np.where(
        np.abs(np.real(v)) < 1, v * v / 2, magnitude(v) - 0.5
    )
    if nu < np.inf:
        for name, words, a, b in (
            ("-student", "(nu+1)/2 log(1 + v²/nu)", (nu + 1) / 2, nu),
            ("-student-half-lost", "(nu+1) log(1 + v²/nu)", nu + 1, nu),
            ("-student-nu", "nu/2 log(1 + v²/nu)", nu / 2, nu),
            ("-student-nu-less-one", "(nu-1)/2 log(1 + v²/nu)", (nu - 1) / 2, nu),
            ("-student-power-one", "log(1 + v²/nu)", 1, nu),
            ("-student-power-half", "½ log(1 + v²/nu)", 0.5, nu),
            ("-student-nu-lost", "(nu+1)/2 log(1 + v²)", (nu + 1) / 2, 1),
            ("-student-nu-plus-one", "(nu+1)/2 log(1 + v²/(nu+1))", (nu + 1) / 2, nu + 1),
            ("-cauchy", "log(1 + v²)", 1, 1),
            ("-student-nu-squared", "(nu+1)/2 log(1 + v²/nu²)", (nu + 1) / 2, nu**2),
            ("-student-root-nu", "(nu+1)/2 log(1 + v²/√nu)", (nu + 1) / 2, nu**0.5),
            ("-student-nu-doubled", "(nu+1)/2 log(1 + v²/(2 nu))", (nu + 1) / 2, 2 * nu),
            ("-student-next-nu", "(nu+2)/2 log(1 + v²/(nu+1))", (nu + 2) / 2, nu + 1),
        ):
            yield name, words, lambda v, a=a, b=b: a * log1p(v * v / b + 0j)


@rule(lambda chain: heads(chain) or one_scale(chain))
def scales(chain):
    """A location and a scale: other scales, other weights of the two terms."""
    two, nu = heads(chain), chain.model.likelihood.df
    own = "-student" if nu < np.inf else ""
    for (kernel, words, k), scale, weights, power in product(
        _kernels(nu), SCALES, WEIGHTS, POWERS
    ):
        departures = bool(scale) + bool(weights) + bool(power) + (kernel != own)
        if 0 < departures < 3:
            (s_words, s), (a, b), p = SCALES[scale], WEIGHTS[weights], POWERS[power]
            whole = loss_mistake(f"noise-scale{kernel}{scale}{weights}{power}",
                                 f"{a} log s + {b} ({words}), v = r/s^{p}, s = {s_words}",
                                 _scaled(s, a, b, k, p, two))  # fmt: skip
            yield whole
            yield from _halves(whole, two) if departures == 1 else ()


def _halves(whole, two):
    """The same mistake in the slope for the location alone, or for the scale alone."""
    for i, (place, symbol) in enumerate((("location", "F"), ("scale", "t"))):
        changes = (whole.changes[i],)
        if two:
            changes = (("output", _joined(whole.changes[0][1], i)),)
        yield replace(whole, name=f"{whole.name}-for-the-{place}", changes=changes,
                      wrong=f"{whole.wrong} in ∂nll/∂{symbol} alone")  # fmt: skip


def _joined(f, i):
    """The changed slope in one half of the outputs, the right one in the other."""

    def change(g, c):
        halves = np.split(g, 2, axis=-1)
        halves[i] = np.split(f(g, c), 2, axis=-1)[i]
        return np.concatenate(halves, -1)

    return change


def _scaled(s, a, b, k, p, two):
    def value(F, y, t):
        m = F
        if two:
            m, t = np.split(F, 2, axis=-1)
        scale = s(t)
        return a * log_of(scale) + b * k((m - y) / scale**p)

    return value


@rule(heads)
def slopes_of_the_scale(chain):
    """∂nll/∂t = a - b r² e^(-2pt), as people differentiate for s, s², or by halves."""
    for a, b, p, (q, factor) in product(
        (0, 1, -1, 0.5, 2), (1, -1, 0.5, -0.5, 2, 1 / chain.B), (0, 0.5, 1, 1.5, 2),
        ((0, ""), (1, "e^-t "), (2, "e^-2t "), (-1, "e^t ")),
    ):  # fmt: skip
        if (a, b, p, q) != (1, 1, 1, 0):
            yield _heads(f"scale-slope-{a}-less-{b:.3g}-at-{p}-times-{q}",
                         f"∂nll/∂t = {factor}({a} - {b:.3g} r² e^(-{2 * p}t))",
                         lambda t, r, m, a=a, b=b, p=p, q=q: [m[0], np.exp(-q * t) * (
                             a - b * r**2 * np.exp(-2 * p * t))])  # fmt: skip
    for q, words in ((1, "e^t"), (2, "e^2t"), (-1, "e^-t"), (-2, "e^-2t")):
        yield _heads(f"rows-weighted-by-scale-to-the-{q}", f"{words} ∂nll/∂F",
                     lambda t, r, m, q=q: [g * np.exp(q * t) for g in m])  # fmt: skip


def _still(x):
    return np.real(x) + 0j


_CHOICES = {  # of what stands for the mean and for the log scale
    "heads-exchanged": ("mean and log scale exchanged", lambda m, t: (t, m)),
    "mean-head-for-both": ("the mean head for both", lambda m, t: (m, m)),
    "scale-head-for-both": ("the scale head for both", lambda m, t: (t, t)),
    "scale-head-detached": ("no gradient for the scale head",
                            lambda m, t: (m, _still(t))),
    "mean-head-detached": ("no gradient for the mean head", lambda m, t: (_still(m), t)),
    "scale-head-ignored": ("s = 1", lambda m, t: (m, 0 * t)),
    "scale-head-averaged": ("one s for all rows",
                            lambda m, t: (m, t.mean(1, keepdims=True) + 0 * t)),
    "scale-head-negated": ("log 1/s", lambda m, t: (m, -t)),
    "outputs-interleaved": ("mean and scale of each target side by side",
                            lambda m, t: _interleaved(m, t)),
}  # fmt: skip


@rule(heads)
def choices(chain):
    """A mean and a log scale for each target: heads exchanged, shared, cut off."""
    for name, (wrong, choose) in _CHOICES.items():

        def value(F, y, t, choose=choose):
            m, t = choose(*np.split(F, 2, axis=-1))
            v = (m - y) * np.exp(-t)
            return t + v * v / 2

        yield loss_mistake(name, wrong, value, "averaged" in name)


def _interleaved(m, t):
    F = np.concatenate([m, t], -1)
    return F[..., 0::2], F[..., 1::2]


def _head_slopes(t, r2, r):
    """∂nll/∂m and ∂nll/∂t with any log scale and any squared residual."""
    return [r * np.exp(-2 * t), 1 - r2 * np.exp(-2 * t)]


@rule(heads)
def heads_of_other_rows(chain):
    """The log scale, the residual or a head's gradient of another row, or their mean."""
    for axis, k in (("row", -2), ("target", -1))[: 1 + (chain.C > 2)]:
        for name, words, op in along(axis):
            yield from _of_other_rows(name, words,
                                      lambda a, op=op, k=k: op(a, a.ndim + k))
    yield from _of_other_rows("over-rows", "/ B", lambda a: a / a.shape[-2])
    yield _heads("scale-head-value", "t + r²/(2 s²) for ∂nll/∂t",
                 lambda t, r, m: [m[0], t + (r * np.exp(-t)) ** 2 / 2])  # fmt: skip


def _of_other_rows(name, words, op):
    yield _heads(f"log-scale-{name}", f"log s {words}",
                 lambda t, r, m: _head_slopes(op(t), r * r, r))  # fmt: skip
    yield _heads(f"squared-residual-{name}", f"r² {words} in ∂nll/∂t",
                 lambda t, r, m: _head_slopes(t, op(r * r), r))  # fmt: skip
    yield _heads(f"scale-head-{name}", f"∂nll/∂t {words}",
                 lambda t, r, m: [m[0], op(m[1])])  # fmt: skip
    yield _heads(f"mean-head-{name}", f"∂nll/∂m {words}",
                 lambda t, r, m: [op(m[0]), m[1]])  # fmt: skip


def _heads(name, wrong, slopes):
    """``slopes(t, r, right)``: both heads' gradients, the right ones at hand."""

    def change(g, c):
        m, t = np.split(c.F, 2, axis=-1)
        return np.concatenate(slopes(t, m - c.y, np.split(g, 2, axis=-1)), -1)

    return slope_mistake(name, wrong, change)
