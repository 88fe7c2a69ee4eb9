"""Mistakes with a number in them that is not known beforehand.

A factor on a term, a weight decay, an epsilon in a denominator: one number t, which is 0
where all is right. ``measured`` finds it from a gradient.
"""

from dataclasses import dataclass

import numpy as np

from minibnn.mistakes.along import of_inputs
from minibnn.mistakes.catalogue import labels, one_scale
from minibnn.mistakes.kl_symbols import in_the_formulas
from minibnn.mistakes.loss import LINKS, slopes_of_rows, targets
from minibnn.mistakes.symbols import drawn
from minibnn.numerics import magnitude


@dataclass(frozen=True)
class Family:
    """Mistakes that differ in one number t; ``changes(t)`` with t = 0 changes nothing."""

    name: str
    label: str
    wrong: str  # a formula with {t} in it
    right: str
    hint: str
    changes: object


def _added(key, function):
    """t times a function of the weights added to the gradient of one array."""

    def changes(t):
        def change(value, c):
            parts = c.blocks.split(value)
            return c.blocks.flat(
                {k: a + t * function(c) * (k == key) for k, a in parts.items()}
            )

        return (("total", change),)

    return changes


def _draw(function):
    return lambda t: (drawn(lambda n, e: function(n, e, t)),)


def _kl(slots, function):
    return lambda t: (("kl_q", in_the_formulas(slots, lambda x, n: function(x, t))),)


def _link(link, function):
    return lambda t: ((link, lambda value, c: function(value, c, t)),)


_SUM = "(N/B) (1/S) Σ_s nll_s + beta KL"
_FACTOR = "Print N, B, S, beta and the factor: of which of them is it made?"
_ADDED = "What does your optimiser, or your code after the loss, add to a gradient?"
_EPSILON = "Which small constant keeps your program from dividing by 0?"
_SCALED = "By which constant does your forward pass multiply?"


def factors(chain):
    """A factor on a term or on all."""
    for name, link, words in (("data", "data", "data term"), ("kl", "kl", "KL term"),
                              ("loss", "total", "whole gradient")):  # fmt: skip
        yield Family(f"{name}-wrong-factor", "E51", f"{{1+t}} × the {words}", _SUM,
                     _FACTOR, _link(link, lambda value, c, t: (1 + t) * value))


def families(chain):
    """All other families that can be met at a case."""
    if chain.fine:
        for key in chain.blocks.keys:
            yield from _on_top(key)
    if chain.fine and chain.has_rho:
        if chain.gaussian_prior:
            yield from _in_the_kl()
        if not chain.local:
            yield from _in_the_draw()
    if chain.fine:
        yield from _in_the_likelihood(chain)


def _on_top(key):
    number = {"mu": lambda c: c.mu, "rho": lambda c: c.rho}[key]
    for name, wrong, f in (
        ("weight-decay", f"∂loss/∂{key} + {{t}} {key}", number),
        ("penalty-on-modulus", f"∂loss/∂{key} + {{t}} sign({key})",
         lambda c: np.sign(number(c))),
        ("constant-added", f"∂loss/∂{key} + {{t}}", lambda c: np.ones_like(c.mu)),
    ):  # fmt: skip
        yield Family(f"{name}-on-{key}", "E51", wrong, f"∂loss/∂{key}", _ADDED,
                     _added(key, f))  # fmt: skip
    if key == "mu":
        yield Family("decay-of-both", "E51", "∂loss + {t} (mu, rho)", "∂loss", _ADDED,
                     _link("total", lambda value, c, t: value
                           + t * c.blocks.flat(c.params)))  # fmt: skip
        yield Family("decay-of-weights-alone", "E51", "∂loss/∂mu + {t} mu, not for b",
                     "∂loss/∂mu", _ADDED, _added("mu", lambda c: np.where(
                         c.parts.get("in-biases", False), 0.0, c.mu)))  # fmt: skip


def _in_the_kl():
    right = "sigma/s0² - 1/sigma, (mu - m0)/s0²"
    places = (
        ("epsilon-in-kl-sigma", "sigma + {t} in the KL", ("trace", "entropy"), _plus),
        ("epsilon-in-kl-entropy", "1/(sigma + {t}) in the KL", ("entropy",), _plus),
        ("epsilon-in-kl-trace", "sigma + {t} in the KL's trace", ("trace",), _plus),
        ("epsilon-in-kl-variance", "√(sigma² + {t}) in the KL", ("trace", "entropy"),
         _root_plus),
        ("epsilon-in-prior-scale", "s0 + {t}", ("s_mean", "s_trace"), _plus),
        ("epsilon-in-prior-variance", "s0² + {t}", ("s_mean", "s_trace"), _root_plus),
        ("kl-mean-wrong-factor", "{1+t} × ∂KL/∂mu", ("distance",), _times),
        ("kl-trace-wrong-factor", "{1+t} × sigma/s0²", ("trace",), _times),
        ("kl-entropy-wrong-factor", "{1+t} × 1/sigma", ("inverse",), _times),
        ("kl-sigma-wrong-factor", "{1+t} × sigma in the KL", ("trace", "entropy"),
         _times),
        ("prior-scale-wrong-factor", "{1+t} × s0", ("s_mean", "s_trace"), _times),
        ("prior-mean-wrong-factor", "{1+t} × m0", ("m0",), _times),
        ("prior-mean-moved", "m0 + {t}", ("m0",), _plus),
    )  # fmt: skip
    for name, wrong, slots, f in places:
        hint = _EPSILON if "epsilon" in name else _FACTOR
        yield Family(name, "E41", wrong, right, hint, _kl(slots, f))


def _plus(x, t):
    return x + t


def _root_plus(x, t):
    return np.sqrt(x * x + t)


def _times(x, t):
    return (1 + t) * x


def _in_the_draw():
    right = "w = mu + sigma ∘ eps"
    for name, wrong, f in (
        ("epsilon-in-draw", "w = mu + (sigma + {t}) ∘ eps",
         lambda n, e, t: n.mu + (n.sigma + t) * e),
        ("draw-sigma-wrong-factor", "w = mu + {1+t} sigma ∘ eps",
         lambda n, e, t: n.mu + (1 + t) * n.sigma * e),
        ("draw-mean-wrong-factor", "w = {1+t} mu + sigma ∘ eps",
         lambda n, e, t: (1 + t) * n.mu + n.sigma * e),
        ("weights-wrong-factor", "{1+t} w in the network",
         lambda n, e, t: (1 + t) * (n.mu + n.sigma * e)),
        ("draw-mean-moved", "w = mu + {t} + sigma ∘ eps",
         lambda n, e, t: n.mu + t + n.sigma * e),
        ("draw-noise-moved", "w = mu + sigma ∘ (eps + {t})",
         lambda n, e, t: n.mu + n.sigma * (e + t)),
    ):  # fmt: skip
        hint = _EPSILON if "epsilon" in name else _SCALED
        yield Family(name, "E14", wrong, right, hint, _draw(f))
    yield Family("epsilon-in-draw-and-kl", "E14", "sigma + {t} in draw and KL", right,
                 _EPSILON, lambda t: (
                     *_draw(lambda n, e, t: n.mu + (n.sigma + t) * e)(t),
                     *_kl(("trace", "entropy"), _plus)(t)))  # fmt: skip


def _in_the_likelihood(chain):
    places = [
        ("inputs-wrong-factor", "{1+t} X", _link("features", lambda A, c, t: of_inputs(
            lambda X: (1 + t) * X)(A, c))),
        ("outputs-wrong-factor", "nll at {1+t} F",
         _link("last", lambda v, c, t: lambda F: (1 + t) * F)),
        ("outputs-moved", "nll at F + {t}", _link("last", lambda v, c, t: lambda F: F + t)),
    ]  # fmt: skip
    if one_scale(chain):
        places.append(("noise-scale-moved", "s² + {t}", _link("output", _wider)))
    if labels(chain):
        places += [
            ("labels-smoothed", "labels moved by {t} to the mean",
             _link("output", _smoothed)),
            ("epsilon-in-log", "log(p + {t})", _link("output", _logs(_p_plus))),
            ("epsilon-in-log-of-true-label", "log(p_y + {t})",
             _link("output", _logs(_true_plus))),
        ]  # fmt: skip
    else:
        places += [
            ("targets-wrong-factor", "{1+t} y",
             _link("targets", lambda y, c, t: (1 + t) * y)),
            ("targets-moved", "y + {t}", _link("targets", lambda y, c, t: y + t)),
        ]  # fmt: skip
    for name, wrong, changes in places:
        hint = _EPSILON if "log" in name or "noise" in name else _SCALED
        label = "E21" if "inputs" in name else "likelihood"
        yield Family(name, label, wrong, "the likelihood's -log density at X, F and y",
                     hint, changes)  # fmt: skip


def _wider(g, c, t):
    s = np.exp(2 * c.model.likelihood.log_scale(c.v))
    return g * s / (s + t)


def _smoothed(g, c, t):
    y = targets(c)
    return g + t * (y - (1 / c.C if c.model.likelihood.exclusive else 0.5))


def _logs(loss):
    def function(g, c, t):
        link = LINKS["softmax" if c.model.likelihood.exclusive else "sigmoid"][1]
        return slopes_of_rows(lambda F: loss(link(F), targets(c), t), c.F)

    return function


def _p_plus(p, y, t):
    loss = -y * np.log(p + t)
    return loss - (1 - y) * np.log(1 - p + t) if p.shape[-1] == y.shape[-1] else loss


def _true_plus(p, y, t):
    return -y * np.log(magnitude(p) + t)
