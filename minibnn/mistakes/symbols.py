"""What people write in the place of a number: another number at hand, or a function.

Every weight has a few numbers: mu, rho, sigma, the prior's m0 and s0. A wrong symbol is
one of them, or a simple function of the right one. The rules of ``draw``, ``slopes`` and
``kl_symbols`` put each of them in each place. All are analytic, so that a forward pass
with them can be differentiated by the complex step.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minibnn.numerics import magnitude, sigmoid, softplus


class Symbols:
    """The numbers of every weight, at the case or at other (complex) mu and rho."""

    def __init__(self, chain, mu=None, rho=None):
        self.chain = chain
        self.mu = chain.mu if mu is None else mu
        self.rho = chain.rho if rho is None else rho
        self.sigma = None  # as for a point estimate
        if chain.has_rho:
            self.sigma = chain.sigma if rho is None else chain.right_scale(rho)

    @property
    def m0(self):
        """Prior means."""
        return self.chain.m0

    @property
    def s0(self):
        """Prior standard deviations."""
        return self.chain.s0

    @property
    def fan_in(self):
        """Inputs of the unit each weight feeds; 1 for the likelihood's own."""
        own = np.ones(self.chain.model.likelihood.n_weights)
        return np.concatenate([self.chain.net.fan_in, own])


def drawn(function):
    """The change of the draw to ``function(Symbols, noise)``, rightly differentiated."""

    def draw(value, c):
        return lambda mu, rho, e: function(Symbols(c, mu, rho), e)

    return "draw", draw


KEPT = ("slopes_kept", lambda value, c: True)  # and the way back of the right draw


NUMBERS = {  # name -> (formula, function of Symbols)
    "one": ("1", lambda n: np.ones_like(n.rho)),
    "mu": ("mu", lambda n: n.mu),
    "rho": ("rho", lambda n: n.rho),
    "rho-modulus": ("|rho|", lambda n: magnitude(n.rho)),
    "sigma": ("sigma", lambda n: n.sigma),
    "exp-rho": ("e^rho", lambda n: np.exp(n.rho)),
    "exp-minus-rho": ("e^-rho", lambda n: np.exp(-n.rho)),
    "exp-half-rho": ("e^(rho/2)", lambda n: np.exp(n.rho / 2)),
    "exp-two-rho": ("e^(2 rho)", lambda n: np.exp(2 * n.rho)),
    "softplus-rho": ("softplus(rho)", lambda n: softplus(n.rho)),
    "softplus-minus-rho": ("softplus(-rho)", lambda n: softplus(-n.rho)),
    "sigmoid-rho": ("sigmoid(rho)", lambda n: sigmoid(n.rho)),
    "sigmoid-minus-rho": ("sigmoid(-rho)", lambda n: sigmoid(-n.rho)),
    "one-plus-exp-rho": ("1 + e^rho", lambda n: 1 + np.exp(n.rho)),
    "tanh-rho": ("tanh(rho)", lambda n: np.tanh(n.rho)),
    "rho-squared": ("rho²", lambda n: n.rho**2),
    "exp-complement-rho": ("(1 - e^-rho)", lambda n: 1 - np.exp(-n.rho)),
    "log-sigma": ("log sigma", lambda n: np.log(magnitude(n.sigma))),
    "sigma-squared": ("sigma²", lambda n: n.sigma**2),
    "inverse-root-rho": ("1/√rho", lambda n: 1 / np.sqrt(magnitude(n.rho))),
    "mean-sigma": ("mean sigma", lambda n: 0 * n.sigma + np.mean(np.real(n.sigma))),
    "mean-mu": ("mean mu", lambda n: 0 * n.mu + np.mean(np.real(n.mu))),
    "mu-positive": ("[mu > 0]", lambda n: (np.real(n.mu) > 0) * 1.0),
    "rho-positive": ("[rho > 0]", lambda n: (np.real(n.rho) > 0) * 1.0),
    "sigmoid-mu": ("sigmoid(mu)", lambda n: sigmoid(n.mu)),
    "softplus-mu": ("softplus(mu)", lambda n: softplus(n.mu)),
    "exp-mu": ("e^mu", lambda n: np.exp(n.mu)),
    "root-of-fan-in": ("√(fan-in)", lambda n: np.sqrt(n.fan_in)),
    "fan-in": ("fan-in", lambda n: n.fan_in),
}
PRIOR_NUMBERS = {
    "prior-scale": ("s0", lambda n: n.s0),
    "prior-variance": ("s0²", lambda n: n.s0**2),
    "prior-mean": ("m0", lambda n: n.m0),
    "sum-of-variances": ("(sigma² + s0²)", lambda n: n.sigma**2 + n.s0**2),
    "root-of-both-variances": ("√(sigma² + s0²)",
                               lambda n: np.sqrt(n.sigma**2 + n.s0**2)),
    "ratio": ("sigma/s0", lambda n: n.sigma / n.s0),
    "standardised": ("(mu - m0)/s0", lambda n: (n.mu - n.m0) / n.s0),
    "distance": ("(mu - m0)", lambda n: n.mu - n.m0),
}  # fmt: skip
FUNCTIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {  # x real or complex
    "squared": ("{}²", lambda x: x**2),
    "cubed": ("{}³", lambda x: x**3),
    "to-the-fourth": ("{}⁴", lambda x: x**4),
    "root": ("√{}", lambda x: np.sqrt(magnitude(x))),
    "inverted": ("1/{}", lambda x: 1 / x),
    "inverse-squared": ("1/{}²", lambda x: 1 / x**2),
    "modulus": ("|{}|", magnitude),
    "sign": ("-{}", lambda x: -x),
    "sign-alone": ("sign({})", lambda x: np.sign(np.real(x))),
    "log": ("log {}", lambda x: np.log(magnitude(x))),
    "exp": ("e^{}", np.exp),
    "softplus": ("softplus({})", softplus),
    "sigmoid": ("sigmoid({})", sigmoid),
    "tanh": ("tanh({})", np.tanh),
    "complement": ("(1 - {})", lambda x: 1 - x),
    "plus-one": ("(1 + {})", lambda x: 1 + x),
    "minus-one": ("({} - 1)", lambda x: x - 1),
    "squared-minus-one": ("({}² - 1)", lambda x: x**2 - 1),
    "times-complement": ("{0} (1 - {0})", lambda x: x * (1 - x)),
    "square-complement": ("(1 - {}²)", lambda x: 1 - x**2),
    "squared-plus-one": ("(1 + {}²)", lambda x: 1 + x**2),
    "signed-square": ("{0} |{0}|", lambda x: x * magnitude(x)),
    "inverse-root": ("1/√{}", lambda x: 1 / np.sqrt(magnitude(x))),
    "tenth": ("{}/10", lambda x: x / 10),
    "rounded": ("round({})", lambda x: np.round(np.real(x))),
    "truncated": ("int({})", lambda x: np.trunc(np.real(x))),
    "exp-complement-of-minus": ("(1 - e^{})", lambda x: 1 - np.exp(x)),
    "halved": ("{}/2", lambda x: x / 2),
    "doubled": ("2 {}", lambda x: 2 * x),
    "exp-complement": ("(1 - e^-{})", lambda x: 1 - np.exp(-x)),
    "clipped": ("clip({}, -1, 1)", lambda x: _clipped(x, 1.0)),
    "clipped-at-half": ("min({}, ½)", lambda x: _clipped(x, 0.5)),
    "clipped-at-tenth": ("min({}, 0.1)", lambda x: _clipped(x, 0.1)),
    "positive-part": ("max({}, 0)", lambda x: np.where(np.real(x) > 0, x, 0)),
}


def _clipped(x, most):
    """x between -most and most, with slope 0 outside."""
    return np.where(np.abs(np.real(x)) <= most, x, np.sign(np.real(x)) * most)


FIRST = {"squared", "root", "inverted", "modulus", "sign", "halved", "doubled"}
BASE = {"one", "mu", "rho", "sigma", "prior-mean", "prior-scale"}  # may be added


OF_A_POINT = ("mu", "prior-scale", "prior-variance", "prior-mean", "standardised",
              "distance")  # fmt: skip


def numbers(chain):
    """The numbers of every weight at a case; those without sigma for a point estimate."""
    table = {**NUMBERS, **(PRIOR_NUMBERS if chain.gaussian_prior else {})}
    if not chain.has_rho:
        table = {name: table[name] for name in OF_A_POINT if name in table}
    return table


def substitutes(chain, symbol):
    """(name, formula, f(x, n)) of what may stand where x, called ``symbol``, belongs.

    Another number for it, a function of it, or one factor of another number too many
    or too few.
    """
    functions = [
        (name, formula.format(symbol), lambda x, n, f=function: f(x))
        for name, (formula, function) in FUNCTIONS.items()
    ]
    yield from (rule for rule in functions if rule[0] in FIRST)
    for name, (formula, number) in numbers(chain).items():
        words = "missing" if name == "one" else f"replaced-by-{name}"
        yield words, formula, lambda x, n, f=number: f(n)
    yield from (rule for rule in functions if rule[0] not in FIRST)
    for name, (formula, number) in numbers(chain).items():
        if name != "one":
            yield (f"times-{name}", f"{symbol} ∘ {formula}",
                   lambda x, n, f=number: x * f(n))  # fmt: skip
            yield (f"over-{name}", f"{symbol} / {formula}",
                   lambda x, n, f=number: x / f(n))  # fmt: skip
        if name in BASE:
            yield (f"plus-{name}", f"({symbol} + {formula})",
                   lambda x, n, f=number: x + f(n))  # fmt: skip
            yield (f"less-{name}", f"({symbol} - {formula})",
                   lambda x, n, f=number: x - f(n))  # fmt: skip
