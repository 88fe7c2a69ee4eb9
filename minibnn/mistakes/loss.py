"""What if the likelihood were this? Other links, other losses, other powers (E3x).

Each entry is a loss, row by row, written with the outputs F, the targets y and the log
scale t; it is differentiated by the complex step, so that only its value is written
here. Beside each stands the shortcut "prediction minus target" with the same link.
"""

from functools import partial

import numpy as np
from scipy.special import ndtr, softmax

from minibnn.mistakes.catalogue import Mistake, one_scale, real_outputs, rule
from minibnn.numerics import magnitude, sigmoid, softplus

TINY = 1e-30
MOST_OUTPUTS = 600  # B x C up to which losses that couple rows are differentiated
REVEAL = "take outputs and targets of several sizes, far from 0 and 1"
HINT = "Write the density of one target given the output. Is its -log your loss?"


def _twice(link):
    return lambda F: link(link(F))


def _half_line(F):
    return np.where(np.real(F) > 0, F, 0)


OVER_OUTPUTS = partial(softmax, axis=-1)
LINKS = {
    "identity": ("F", lambda F: F),
    "sigmoid": ("sigmoid(F)", sigmoid),
    "sigmoid-twice": ("sigmoid(sigmoid(F))", _twice(sigmoid)),
    "softmax": ("softmax(F) over outputs", OVER_OUTPUTS),
    "softmax-twice": ("softmax(softmax(F))", _twice(OVER_OUTPUTS)),
    "softmax-over-rows": ("softmax(F) over rows", partial(softmax, axis=-2)),
    "softmax-of-sigmoid": ("softmax(sigmoid(F))", lambda F: OVER_OUTPUTS(sigmoid(F))),
    "unnormalised": ("e^F", np.exp),
    "softplus": ("softplus(F)", softplus),
    "tanh": ("tanh(F)", np.tanh),
    "half-tanh": ("(1 + tanh F)/2", lambda F: (1 + np.tanh(F)) / 2),
    "sigmoid-halved": ("sigmoid(F/2)", lambda F: sigmoid(F / 2)),
    "sigmoid-negated": ("sigmoid(-F)", lambda F: sigmoid(-F)),
    "positive-part": ("max(F, 0)", _half_line),
    "probit": ("Φ(F)", ndtr),
    "log-sigmoid": ("log sigmoid(F)", lambda F: -softplus(-F)),
    "clipped": ("clip(F)", lambda F: np.clip(np.real(F), 1e-6, 1 - 1e-6) + (
        (np.real(F) > 1e-6) & (np.real(F) < 1 - 1e-6)) * 1j * np.imag(F)),
    "hard-decision": ("[F > 0]", lambda F: (np.real(F) > 0) * 1.0 + 0 * F),
    "rounded": ("round(F)", lambda F: np.round(np.real(F)) + 0 * F),
    "square": ("F²", lambda F: F * F),
    "one-plus-exp": ("1 + e^F", lambda F: 1 + np.exp(F)),
    "exp-minus": ("e^-F", lambda F: np.exp(-F)),
    "exp-two": ("e^(2F)", lambda F: np.exp(2 * F)),
    "exp-half": ("e^(F/2)", lambda F: np.exp(F / 2)),
}
COUPLED = {"softmax-over-rows"}


def log_of(x):
    return np.log(magnitude(x))


LOSSES = {  # of prediction p and target y
    "squared-error": ("(p - y)²", lambda p, y: (p - y) ** 2),
    "half-squared-error": ("(p - y)²/2", lambda p, y: (p - y) ** 2 / 2),
    "absolute-error": ("|p - y|", lambda p, y: magnitude(p - y)),
    "cross-entropy": ("-y log p - (1-y) log(1-p)",
                      lambda p, y: -y * log_of(p) - (1 - y) * log_of(1 - p)),
    "cross-entropy-of-label-1": ("-y log p", lambda p, y: -y * log_of(p)),
    "cross-entropy-of-label-0": ("-(1-y) log(1-p)",
                                 lambda p, y: -(1 - y) * log_of(1 - p)),
    "cross-entropy-halved": ("½ (-y log p - (1-y) log(1-p))",
                             lambda p, y: (-y * log_of(p) - (1 - y) * log_of(1 - p)) / 2),
    "poisson": ("p - y log p", lambda p, y: p - y * log_of(p)),
    "rate-alone": ("p", lambda p, y: p + 0 * y),
    "probability": ("-(y p + (1-y)(1-p))", lambda p, y: -(y * p + (1 - y) * (1 - p))),
    "target-times-output": ("-y p", lambda p, y: -y * p),
    "hinge": ("max(0, 1 - (2y-1) p)", lambda p, y: _half_line(1 - (2 * y - 1) * p)),
}  # fmt: skip
SHORTCUTS = {  # directly ∂nll/∂F, of p and y
    "residual": ("p - y", lambda p, y, F: p - y),
    "residual-times-slope": ("(p - y) p (1 - p)",
                             lambda p, y, F: (p - y) * p * (1 - p)),
    "residual-times-prediction": ("p (p - y)", lambda p, y, F: p * (p - y)),
    "residual-times-target": ("y (p - y)", lambda p, y, F: y * (p - y)),
    "residual-times-complement": ("(1-p)(p - y)", lambda p, y, F: (1 - p) * (p - y)),
    "residual-times-output": ("F (p - y)", lambda p, y, F: F * (p - y)),
    "residual-modulus": ("|p - y|", lambda p, y, F: np.abs(p - y)),
    "residual-squared": ("(p - y)²", lambda p, y, F: (p - y) ** 2),
    "residual-sign": ("sign(p - y)", lambda p, y, F: np.sign(p - y)),
    "residual-clipped": ("clip(p - y, -1, 1)", lambda p, y, F: np.clip(p - y, -1, 1)),
    "residual-over-prediction": ("(p - y)/p", lambda p, y, F: (p - y) / p),
    "residual-over-spread": ("(p - y)/(p (1-p))",
                             lambda p, y, F: (p - y) / (p * (1 - p))),
    "prediction": ("p", lambda p, y, F: p + 0 * y),
    "prediction-plus-target": ("p + y", lambda p, y, F: p + y),
    "target": ("-y", lambda p, y, F: -y + 0 * p),
    "ratio": ("1 - y/p", lambda p, y, F: 1 - y / p),
    "log-ratio-slope": ("(1-y)/(1-p) - y/p",
                        lambda p, y, F: (1 - y) / (1 - p) - y / p),
}  # fmt: skip


def targets(c):
    """Targets as outputs should be: a number for each output."""
    return np.eye(c.C)[c.y] if c.model.likelihood.exclusive else c.y


def log_scale(c):
    """The log noise scale for each output, or nothing."""
    if not one_scale(c):
        return None
    return np.broadcast_to(c.model.likelihood.log_scale(c.v), c.F.shape)


def slopes_of_rows(value, F, coupled=False):
    """∂ Σ value / ∂F, for value (S, B, C) whose rows do not know of each other."""
    out = np.zeros(F.shape)
    rows = range(F.shape[1]) if coupled else (slice(None),)
    if coupled and F.shape[1] * F.shape[2] > MOST_OUTPUTS:
        return np.full(F.shape, np.nan)
    for b in rows:
        for k in range(F.shape[2]):
            z = F.astype(complex)
            z[:, b, k] += TINY * 1j
            total = np.imag(value(z)).sum(-1)
            out[:, b, k] = (total.sum(-1) if coupled else total) / TINY
    return out


def loss_mistake(name, wrong, value, coupled=False):
    """A mistake whose loss is ``value(F, y, t)``; t None where there is no scale."""

    def output(g, c):
        y, t = targets(c), log_scale(c)
        return slopes_of_rows(lambda F: value(F, y, t), c.F, coupled)

    def own(g, c):
        if g.shape[-1] == 0:
            return g
        y, t = targets(c), log_scale(c) + TINY * 1j
        return np.imag(value(c.F, y, t)).sum((-1, -2))[:, None] / TINY

    return Mistake(name, "likelihood", f"nll = {wrong}", "the likelihood's -log density",
                   HINT, REVEAL, (("output", output), ("own", own)))  # fmt: skip


def slope_mistake(name, wrong, function):
    return Mistake(name, "likelihood", f"∂nll/∂F = {wrong}", "∂nll/∂F", HINT, REVEAL,
                   (("output", function),))  # fmt: skip


@rule(real_outputs)
def links_and_losses(chain):
    """Every link with every loss, differentiated or by a shortcut."""
    for link, (formula, p) in LINKS.items():
        for loss, (words, value) in LOSSES.items():
            yield loss_mistake(f"loss-{loss}-of-{link}", f"{words}, p = {formula}",
                               lambda F, y, t, v=value, p=p: v(p(F), y) + 0 * F,
                               link in COUPLED)  # fmt: skip
        for short, (words, slope) in SHORTCUTS.items():
            name, wrong = f"{short}-of-{link}", f"{words}, p = {formula}"
            yield slope_mistake(name, wrong, _shortcut(p, slope, False))
            if one_scale(chain):
                yield slope_mistake(f"{name}-over-variance", f"({wrong}) / s²",
                                    _shortcut(p, slope, True))  # fmt: skip


def _shortcut(p, slope, scaled):
    def function(g, c):
        out = np.real(slope(p(c.F), targets(c), c.F))
        return out * np.exp(-2 * log_scale(c)) if scaled else out

    return function
