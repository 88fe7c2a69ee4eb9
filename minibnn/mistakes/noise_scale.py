"""A location and a scale: other scales, other weights of the terms, heads mixed up (E3x).

The losses are written by their values; see ``mistakes_loss``.
"""

from dataclasses import replace

import numpy as np

from minibnn.mistakes.along import along
from minibnn.mistakes.catalogue import family_of_mistakes, fine
from minibnn.mistakes.loss import (
    log_of,
    log_scale,
    loss_mistake,
    scale_heads,
    slope_mistake,
)
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


@family_of_mistakes
def scales(chain):
    """A location and a scale: other scales, other weights of the two terms."""
    heads, nu = scale_heads(chain), chain.model.likelihood.df
    if not fine(chain) or not (heads or log_scale(chain) is not None):
        return []
    found = []
    own = "-student" if nu < np.inf else ""
    for kernel, words, k in _kernels(nu):
        for scale, (s_words, s) in SCALES.items():
            for weights, (a, b) in WEIGHTS.items():
                for power, p in POWERS.items():
                    departures = bool(scale) + bool(weights) + bool(power)
                    departures += kernel != own
                    if not 0 < departures < 3:
                        continue
                    name = f"noise-scale{kernel}{scale}{weights}{power}"
                    formula = f"{a} log s + {b} ({words}), v = r/s^{p}, s = {s_words}"
                    whole = loss_mistake(name, formula, _scaled(s, a, b, k, p, heads))
                    found.append(whole)
                    found += _halves(whole, heads) if departures == 1 else []
    return found


def _halves(whole, heads):
    """The same mistake in the slope for the location alone, or for the scale alone."""
    output, own = whole.changes
    for suffix, words, keep in (
        ("-for-the-location", " in ∂nll/∂F alone", lambda g, new, K: (new, g)),
        ("-for-the-scale", " in ∂nll/∂t alone", lambda g, new, K: (g, new)),
    ):
        changes = (output,) if "location" in suffix else (own,)
        if heads:
            changes = (("output", _joined(output[1], keep)),)
        yield replace(whole, name=whole.name + suffix, wrong=whole.wrong + words,
                      changes=changes)  # fmt: skip


def _joined(f, keep):
    def change(g, c):
        K = g.shape[-1] // 2
        (m, t), (new_m, new_t) = (np.split(a, 2, axis=-1) for a in (g, f(g, c)))
        first, _ = keep(m, new_m, K)
        _, last = keep(t, new_t, K)
        return np.concatenate([first, last], -1)

    return change


def _scaled(s, a, b, k, p, heads):
    def value(F, y, t):
        m = F
        if heads:
            m, t = np.split(F, 2, axis=-1)
        scale = s(t)
        return a * log_of(scale) + b * k((m - y) / scale**p)

    return value


@family_of_mistakes
def slopes_of_the_scale(chain):
    """∂nll/∂t = a - b r² e^(-2pt), as people differentiate for s, s², or by halves."""
    if not scale_heads(chain):
        return []
    found = []
    for a in (0, 1, -1, 0.5, 2):
        for b in (1, -1, 0.5, -0.5, 2, 1 / chain.B):
            for p in (0, 0.5, 1, 1.5, 2):
                for q, factor in ((0, ""), (1, "e^-t "), (2, "e^-2t "), (-1, "e^t ")):
                    if (a, b, p, q) != (1, 1, 1, 0):
                        found.append(_slope_of_scale(a, b, p, q, factor))
    for q, words in ((1, "e^t"), (2, "e^2t"), (-1, "e^-t"), (-2, "e^-2t")):
        found.append(
            slope_mistake(f"rows-weighted-by-scale-to-the-{q}", f"{words} ∂nll/∂F",
                          lambda g, c, q=q: g * np.exp(q * _log_scale_head(c)))
        )  # fmt: skip
    return found


def _log_scale_head(c):
    t = np.split(c.F, 2, axis=-1)[1]
    return np.concatenate([t, t], -1)


def _slope_of_scale(a, b, p, q, factor):
    def change(g, c):
        m, t = np.split(c.F, 2, axis=-1)
        new = np.exp(-q * t) * (a - b * (m - c.y) ** 2 * np.exp(-2 * p * t))
        return np.concatenate([g[..., : m.shape[-1]], new], -1)

    return slope_mistake(f"scale-slope-{a}-less-{b:.3g}-at-{p}-times-{q}",
                         f"∂nll/∂t = {factor}({a} - {b:.3g} r² e^(-{2 * p}t))",
                         change)  # fmt: skip


@family_of_mistakes
def heads(chain):
    """A mean and a log scale for each target: heads exchanged, shared, cut off."""
    if not scale_heads(chain):
        return []

    def nll(m, t, y):
        v = (m - y) * np.exp(-t)
        return t + v * v / 2

    def with_heads(choose):
        return lambda F, y, t: nll(*choose(*np.split(F, 2, axis=-1)), y)

    def still(x):
        return np.real(x) + 0j

    table = {
        "heads-exchanged": ("mean and log scale exchanged", lambda m, t: (t, m)),
        "mean-head-for-both": ("the mean head for both", lambda m, t: (m, m)),
        "scale-head-for-both": ("the scale head for both", lambda m, t: (t, t)),
        "scale-head-detached": ("no gradient for the scale head",
                                lambda m, t: (m, still(t))),
        "mean-head-detached": ("no gradient for the mean head",
                               lambda m, t: (still(m), t)),
        "scale-head-ignored": ("s = 1", lambda m, t: (m, 0 * t)),
        "scale-head-averaged": ("one s for all rows",
                                lambda m, t: (m, t.mean(1, keepdims=True) + 0 * t)),
        "scale-head-negated": ("log 1/s", lambda m, t: (m, -t)),
        "outputs-interleaved": ("mean and scale of each target side by side",
                                lambda m, t: _interleaved(m, t)),
    }  # fmt: skip
    return [
        loss_mistake(name, wrong, with_heads(choose), "averaged" in name)
        for name, (wrong, choose) in table.items()
    ]


def _interleaved(m, t):
    F = np.concatenate([m, t], -1)
    return F[..., 0::2], F[..., 1::2]


def _head_slopes(t, r2, r):
    """∂nll/∂m and ∂nll/∂t with any log scale and any squared residual."""
    return [r * np.exp(-2 * t), 1 - r2 * np.exp(-2 * t)]


@family_of_mistakes
def heads_of_other_rows(chain):
    """The log scale, the residual or a head's gradient of another row, or their mean."""
    if not scale_heads(chain):
        return []
    found = []
    for axis in ("row", "target")[: 1 + (chain.C > 2)]:
        k = {"row": -2, "target": -1}[axis]
        for name, words, op in along(axis):
            found += _of_other_rows(name, words, lambda a, op=op, k=k: op(a, a.ndim + k))
    found += _of_other_rows("over-rows", "/ B", lambda a: a / a.shape[-2])
    return [*found, _heads("scale-head-value", "t + r²/(2 s²) for ∂nll/∂t",
                           lambda t, r, m: [m[0], t + (r * np.exp(-t)) ** 2 / 2])]


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
