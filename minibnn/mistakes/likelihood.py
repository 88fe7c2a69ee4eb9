"""Mistakes in the derivative of the likelihood for the outputs, made often (E3x)."""

import numpy as np

from minibnn.mistakes.catalogue import (
    Mistake,
    canonical,
    classes,
    fine,
    known,
    one_scale,
)
from minibnn.mistakes.loss import targets

_RIGHT = "∂nll/∂F"


def _output(name, wrong, right, hint, reveal, function, needs=fine):
    return Mistake(name, "likelihood", wrong, right, hint, reveal,
                   (("output", function),), needs)  # fmt: skip


# --- Gaussian noise -----------------------------------------------------------------


def _gaussian(c):
    return one_scale(c) and c.model.likelihood.df == np.inf


def _learned(c):
    return _gaussian(c) and c.model.likelihood.n_weights > 0


def _noise(c):
    """The noise standard deviation, ready to multiply outputs (S, B, C)."""
    return np.exp(c.model.likelihood.log_scale(c.v))


def _squares(c):
    """Squared standardised residuals summed over rows and outputs, (S, 1)."""
    z = (c.F - c.y) / _noise(c)
    return (z * z).sum((-1, -2))[:, None]


def _own(name, wrong, hint, function):
    right = "∂nll/∂log s = Σ_bc (1 - (r/s)²)"
    return Mistake(name, "likelihood", wrong, right, hint, "take residuals not s",
                   (("own", function),), _learned)  # fmt: skip


_POWER = "Which power of the noise makes ½ (r/s)² a pure number?"
_NOISE = "take a noise scale other than 1"
known(
    __name__,
    _output("noise-unsquared", "(F - y) / s", "(F - y) / s²", _POWER, _NOISE,
            lambda g, c: g * _noise(c), _gaussian),
    _output("noise-ignored", "F - y", "(F - y) / s²", _POWER, _NOISE,
            lambda g, c: g * _noise(c) ** 2, _gaussian),
    _output("noise-variance-squared", "(F - y) / s⁴", "(F - y) / s²",
            "Is the likelihood's scale a variance or a standard deviation?", _NOISE,
            lambda g, c: g / _noise(c) ** 2, _gaussian),
    _own("noise-scale-normaliser-lost", "-Σ (r/s)²",
         "What keeps the noise scale from growing without end?",
         lambda g, c: -_squares(c)),
    _own("noise-scale-half", "Σ (1 - ½ (r/s)²)", "What is d(e^-2t)/dt?",
         lambda g, c: c.B * c.C - _squares(c) / 2),
    _own("noise-scale-normaliser-once", "1 - Σ (r/s)²",
         "How many rows does the likelihood have?", lambda g, c: 1 - _squares(c)),
    _own("noise-scale-normaliser-per-row", "B - Σ (r/s)²",
         "How many outputs does a row have?", lambda g, c: c.B - _squares(c)),
    _own("noise-scale-sign", "Σ ((r/s)² - 1)", "Do large residuals ask for more noise?",
         lambda g, c: -g),
    _own("noise-scale-not-learned", "0", "Is the log noise scale a weight like others?",
         lambda g, c: 0 * g),
    _own("noise-scale-for-log", "∂nll/∂s = Σ (1 - (r/s)²)/s",
         "For s or for log s?", lambda g, c: g / _noise(c)[..., 0]),
)  # fmt: skip

# --- labels -------------------------------------------------------------------------


def _p(F, c):
    return c.model.likelihood.mean(F, c.v)


def _squared_error(g, c):
    p, d = _p(c.F, c), g
    if not c.model.likelihood.exclusive:
        return d * p * (1 - p)
    return p * (d - (p * d).sum(-1, keepdims=True))


def _label(name, wrong, hint, function, needs=canonical):
    return _output(name, wrong, "p(F) - y", hint, "take logits that are not 0", function,
                   needs)  # fmt: skip


def _rows(name, wrong, step):
    return _output(name, wrong, "target b for row b", "Which target belongs to which row?",
                   "take more than one row, all different", lambda g, c:
                   c.model.likelihood(c.F, np.roll(c.y, step, 0), c.v)[1])  # fmt: skip


_WHAT = "What comes out of the network, what does the likelihood want?"
known(
    __name__,
    _label("link-missing", "F - y", _WHAT, lambda g, c: c.F - targets(c)),
    _label("link-twice", "p(p(F)) - y", "How often is the link applied?",
           lambda g, c: _p(_p(c.F, c), c) - targets(c)),
    _label("squared-error-on-probabilities", "(p - y) ∂p/∂F",
           "Is the logarithm of the likelihood a squared error?", _squared_error),
    _label("only-the-true-class", "p_y - 1 at the true class, else 0",
           "Which logits change the probability of the true class?",
           lambda g, c: g * targets(c), classes),
    _label("true-class-left-out", "p for every class", "Where do the labels enter?",
           lambda g, c: g + targets(c)),
    _label("labels-flipped", "p(F) - (1 - y)", "Of which label is p?",
           lambda g, c: _p(c.F, c) - (1 - c.y),
           lambda c: canonical(c) and not classes(c)),
    _rows("labels-of-the-next-row", "target b + 1 for row b", -1),
    _rows("labels-of-the-previous-row", "target b - 1 for row b", 1),
    _output("outputs-shifted", "∂nll/∂F of the next output", _RIGHT,
            "Which derivative belongs to which output?", "take several outputs",
            lambda g, c: np.roll(g, -1, -1)),
)  # fmt: skip
