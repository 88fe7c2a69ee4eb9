"""Mistakes in the derivative of the likelihood for the outputs (E3x)."""

import numpy as np

from minibnn.mistakes.catalogue import Mistake, family_of_mistakes, fine, known
from minibnn.numerics import sigmoid

_RIGHT = "∂nll/∂F"


def _output(name, wrong, right, hint, reveal, function, needs=fine):
    return Mistake(name, "likelihood", wrong, right, hint, reveal,
                   (("output", function),), needs)  # fmt: skip


# --- Gaussian noise -----------------------------------------------------------------


def _gaussian(c):
    likelihood = c.model.likelihood
    return fine(c) and likelihood.df == np.inf and likelihood.log_scale(c.v) is not None


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
    _output("noise-unsquared", "(F - y) / s", "(F - y) / s²", _POWER, _NOISE,
            lambda g, c: g * _noise(c), _gaussian),
    _output("noise-ignored", "F - y", "(F - y) / s²", _POWER, _NOISE,
            lambda g, c: g * _noise(c) ** 2, _gaussian),
    _output("noise-variance-squared", "(F - y) / s⁴", "(F - y) / s²",
            "Is the likelihood's scale a variance or a standard deviation?", _NOISE,
            lambda g, c: g / _noise(c) ** 2, _gaussian),
    _output("noise-precision-inverted", "(F - y) s²", "(F - y) / s²", _POWER, _NOISE,
            lambda g, c: g * _noise(c) ** 4, _gaussian),
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

# --- Bernoulli and categorical ------------------------------------------------------


def _bernoulli(c):
    likelihood = c.model.likelihood
    return fine(c) and likelihood.link == "sigmoid" and likelihood.canonical


def _categorical(c):
    return fine(c) and c.model.likelihood.exclusive


def _classes(c):
    return _bernoulli(c) or _categorical(c)


def _y(c):
    """Targets as outputs should be: 0/1 for each."""
    return np.eye(c.C)[c.y] if _categorical(c) else c.y


def _link(F, c):
    if not _categorical(c):
        return sigmoid(F)
    E = np.exp(F - F.max(-1, keepdims=True))
    return E / E.sum(-1, keepdims=True)


_P = "p(F) - y"
_WHAT = "What comes out of the network, what does the likelihood want?"
_LABEL = "take logits that are not 0"


def _squared_error(g, c):
    p = _link(c.F, c)
    if not _categorical(c):
        return (p - c.y) * p * (1 - p)
    d = p - _y(c)
    return p * (d - (p * d).sum(-1, keepdims=True))


known(
    _output("link-missing", "F - y", _P, _WHAT, _LABEL,
            lambda g, c: c.F - _y(c), _classes),
    _output("link-twice", "p(p(F)) - y", _P, "How often is the link applied?", _LABEL,
            lambda g, c: _link(_link(c.F, c), c) - _y(c), _classes),
    _output("squared-error-on-probabilities", "(p - y) ∂p/∂F", _P,
            "Is the logarithm of the likelihood a squared error?", _LABEL,
            _squared_error, _classes),
    _output("link-slope-kept", "(p - y)/(p (1 - p))", _P,
            "Does the slope of the link cancel?", _LABEL,
            lambda g, c: g / (sigmoid(c.F) * sigmoid(-c.F)), _bernoulli),
    _output("softmax-slope-per-class", "(p - y) p (1 - p)", _P,
            "Does the slope of the link cancel?", _LABEL,
            lambda g, c: g * _link(c.F, c) * (1 - _link(c.F, c)), _categorical),
    _output("sigmoid-for-softmax", "sigmoid(F) - y", _P,
            "Do your probabilities add up to 1 over the classes?", _LABEL,
            lambda g, c: sigmoid(c.F) - _y(c), _categorical),
    _output("only-the-true-class", "p_y - 1 at the true class, else 0", _P,
            "Which logits change the probability of the true class?", _LABEL,
            lambda g, c: g * _y(c), _categorical),
    _output("true-class-left-out", "p for every class", _P,
            "Where do the labels enter?", _LABEL, lambda g, c: g + _y(c), _classes),
    _output("labels-flipped", "p(F) - (1 - y)", _P, "Of which label is p?",
            _LABEL, lambda g, c: _link(c.F, c) - (1 - c.y), _bernoulli),
    _output("link-slope-missing", "(p - y) / s²", "(p - y) p (1 - p) / s²",
            "Differentiate through the link as well.", _LABEL,
            lambda g, c: g / (sigmoid(c.F) * sigmoid(-c.F)),
            lambda c: fine(c) and c.model.likelihood.link == "sigmoid"
            and not c.model.likelihood.canonical),
)  # fmt: skip

# --- rows, outputs ------------------------------------------------------------------


def _other_labels(order):
    """The right derivative at targets in another order."""

    def change(g, c):
        return c.model.likelihood(c.F, order(c.y), c.v)[1]

    return change


def _selected(index, weight):
    def change(g, c):
        out = g.copy()
        out[index] *= weight
        return out

    return change


_SUM = "Σ over all rows and outputs"
_ROWS = "take more than one row, all different"
_COUNT = "How many terms does your sum have?"
_ORDER = "Which target belongs to which row?"
known(
    _output("labels-of-the-next-row", "target b + 1 for row b", "target b for row b",
            _ORDER, _ROWS, _other_labels(lambda y: np.roll(y, -1, 0))),
    _output("labels-of-the-previous-row", "target b - 1 for row b",
            "target b for row b", _ORDER, _ROWS,
            _other_labels(lambda y: np.roll(y, 1, 0))),
    _output("labels-reversed", "targets in reversed order", "target b for row b",
            _ORDER, _ROWS, _other_labels(lambda y: y[::-1])),
    _output("outputs-shifted", "∂nll/∂F of the next output", _RIGHT,
            "Which derivative belongs to which output?", "take several outputs",
            lambda g, c: np.roll(g, -1, -1)),
)  # fmt: skip


@family_of_mistakes
def dropped_terms(chain):
    """Each row and each output left out, or counted twice; one alone kept."""
    if not chain.fine:
        return []
    found = []
    for kind, count, axis in (("example", chain.B, 1), ("output", chain.C, 2)):
        shown = range(count) if count <= 64 else (0, count - 1)
        for i in shown if count > 1 else ():
            at = (slice(None),) * axis + (i,)
            for word, how, weight in (
                ("dropped", "left out", 0.0),
                ("doubled", "twice", 2.0),
            ):
                found.append(
                    _output(f"{word}-{kind}-{i + 1}", f"{kind} {i + 1} {how}", _SUM,
                            _COUNT, "take an example that pulls",
                            _selected(at, weight))
                )  # fmt: skip
        for i, word in ((0, "first"), (count - 1, "last")):
            found.append(
                _output(f"only-{word}-{kind}", f"the {word} {kind} alone", _SUM, _COUNT,
                        f"take more than one {kind}", _only(i, axis))
            )  # fmt: skip
    return found


def _only(i, axis):
    def change(g, c):
        out = np.zeros_like(g)
        at = (slice(None),) * axis + (i,)
        out[at] = g[at]
        return out

    return change
