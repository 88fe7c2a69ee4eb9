"""Residuals with other targets, weights of rows, outputs and targets broadcast (E3x)."""

from dataclasses import replace
from itertools import product

import numpy as np

from minibnn.mistakes.along import along
from minibnn.mistakes.catalogue import (
    Mistake,
    classes,
    fine,
    one_scale,
    real_outputs,
    rule,
)
from minibnn.mistakes.data import ELEMENTS
from minibnn.mistakes.loss import slope_mistake, targets
from minibnn.mistakes.symbols import FUNCTIONS
from minibnn.numerics import sigmoid


def _residual(name, wrong, slope):
    """``slope(p, y)`` of the prediction, as the likelihood makes it, and the target."""
    return slope_mistake(name, wrong, lambda g, c: slope(
        c.model.likelihood.mean(c.F, c.v), targets(c)))  # fmt: skip


@rule(lambda chain: real_outputs(chain) and not one_scale(chain))
def residuals(chain):
    """Prediction minus target with other targets, and by halves."""
    for name, (words, f) in ELEMENTS.items():
        yield _residual(f"residual-with-labels-{name}", f"p - y', y' = {words}",
                        lambda p, y, f=f: p - f(y))  # fmt: skip
    for a, b in product((-1, 0, 1, 2, 0.5), repeat=2):
        if (a, b) != (1, 1):
            yield _residual(f"label-1-times-{a}-label-0-times-{b}",
                            f"{a} y (p - 1) + {b} (1 - y) p", lambda p, y, a=a, b=b:
                            a * y * (p - 1) + b * (1 - y) * p)  # fmt: skip
    for name, wrong, slope in (
        ("1-without-probability", "-y + (1 - y) p", lambda p, y: -y + (1 - y) * p),
        ("halves-exchanged", "-y p + (1 - y)(1 - p)",
         lambda p, y: -y * p + (1 - y) * (1 - p)),
        ("1-with-its-own-probability", "-y p + (1 - y) p",
         lambda p, y: (1 - 2 * y) * p),
    ):  # fmt: skip
        yield _residual(f"label-{name}", wrong, slope)


_WEIGHTS_OF_ROWS = {
    "target": ("y", lambda c, g: c.y),
    "one-plus-target": ("(1 + y)", lambda c, g: 1 + c.y),
    "two-less-target": ("(2 - y)", lambda c, g: 2 - c.y),
    "mean-less-target": ("(y ȳ' + (1-y) ȳ)", lambda c, g: np.where(
        c.y > 0.5, 1 - c.y.mean(), c.y.mean())),
    "class-frequency": ("1 / (2 frequency)", lambda c, g: np.where(
        c.y > 0.5, 0.5 / c.y.mean(), 0.5 / (1 - c.y.mean()))),
    "frequency": ("1 / frequency", lambda c, g: np.where(
        c.y > 0.5, 1 / c.y.mean(), 1 / (1 - c.y.mean()))),
    "output": ("F", lambda c, g: c.F),
    "output-modulus": ("|F|", lambda c, g: np.abs(c.F)),
    "probability": ("sigmoid(F)", lambda c, g: sigmoid(c.F)),
    "misclassified": ("[wrong side]", lambda c, g: (c.F > 0) != (c.y > 0.5)),
    "large-residual": ("[|g| > ½]", lambda c, g: np.abs(g) > 0.5),
    "residual-modulus": ("|g|", lambda c, g: np.abs(g)),
    "focal": ("g²", lambda c, g: g * g),
    "row-number": ("b", lambda c, g: np.arange(1, c.B + 1)[:, None]),
}  # fmt: skip


@rule(lambda chain: real_outputs(chain) and not classes(chain))
def weighted_rows(chain):
    """Rows weighted by their target, output or residual."""
    for name, (wrong, f) in _WEIGHTS_OF_ROWS.items():
        yield slope_mistake(f"rows-weighted-by-{name}", f"{wrong} ∂nll/∂F",
                            lambda g, c, f=f: g * f(c, g))  # fmt: skip


@rule(fine)
def other_outputs(chain):
    """The likelihood at outputs that were moved or summarised first."""
    for k, axis in enumerate(("sample", "row", "output")):
        for name, words, op in along(axis):
            moved = slope_mistake(f"outputs-{name}", f"∂nll/∂F at F {words}",
                                  at_outputs(lambda F, op=op, k=k: op(F, k)))  # fmt: skip
            own = ("own", lambda g, c, op=op, k=k: c.model.likelihood(
                op(c.F, k), c.y, c.v)[2] if g.size else g)  # fmt: skip
            yield replace(moved, changes=(*moved.changes, own))
    for name, words, op in along("row", ("centred-over-{}", "averaged-over-{}",
                                         "{}-reversed")):  # fmt: skip
        inner = at_outputs(lambda F, op=op: op(F, 1))
        yield slope_mistake(f"outputs-{name}-differentiated",
                            f"∂nll/∂F of nll at F {words}",
                            lambda g, c, op=op, f=inner: op(f(g, c), 1))  # fmt: skip
    for name, (formula, f) in FUNCTIONS.items():
        yield slope_mistake(f"outputs-{name}", f"∂nll/∂F at {formula.format('F')}",
                            at_outputs(f))  # fmt: skip


def at_outputs(f):
    """∂nll/∂F at other outputs, without the slope of what altered them."""
    return lambda g, c: c.model.likelihood(f(c.F), c.y, c.v)[1]


_COUNTS = {
    "": ("summed", lambda c: 1),
    "-and-averaged": ("averaged", lambda c: c.B),
    "-mean": ("mean of all", lambda c: c.B**2),
}


@rule(lambda chain: fine(chain) and chain.B <= 64)
def broadcast_targets(chain):
    """(B, 1) - (B,): every row meets the target of every row."""
    for count, (words, n) in _COUNTS.items():
        for axis, of_outputs in (("", False), ("-over-the-other-axis", True)):
            yield Mistake(f"targets-broadcast{count}{axis}", "likelihood",
                          f"(B, 1) - (B,), {words}", "row b meets target b",
                          "Print the shape of prediction minus target.",
                          "take more than one row",
                          (("output", _all_rows(1, of_outputs, n)),
                           ("own", _all_rows(2, of_outputs, n))))  # fmt: skip


def _all_rows(entry, of_outputs, count):
    """∂nll/∂F (entry 1) or ∂nll/∂t (entry 2) summed over all pairs of rows."""

    def change(g, c):
        if not g.size:
            return g
        total = 0.0
        for k in range(c.B):
            F, y = (np.roll(c.F, k, 1), c.y) if of_outputs else (c.F, np.roll(c.y, k, 0))
            total = total + c.model.likelihood(F, y, c.v)[entry]
        return total / count(c)

    return change
