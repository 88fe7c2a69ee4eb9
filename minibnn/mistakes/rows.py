"""Residuals with other targets, weights of rows, outputs and targets broadcast (E3x)."""

from dataclasses import replace

import numpy as np

from minibnn.mistakes.along import along
from minibnn.mistakes.catalogue import Mistake, family_of_mistakes, fine
from minibnn.mistakes.data import ELEMENTS
from minibnn.mistakes.loss import LINKS, log_scale, real_outputs, slope_mistake, targets
from minibnn.mistakes.symbols import FUNCTIONS
from minibnn.numerics import sigmoid


@family_of_mistakes
def residuals(chain):
    """Prediction minus target with other targets, and by halves."""
    if not real_outputs(chain) or log_scale(chain) is not None:
        return []
    link = chain.model.likelihood.link
    _, p = LINKS["unnormalised" if link == "exp" else link]
    found = [
        slope_mistake(f"residual-with-labels-{name}", f"p - y', y' = {words}",
               lambda g, c, f=f: p(c.F) - f(targets(c)))
        for name, (words, f) in ELEMENTS.items()
    ]  # fmt: skip
    for a in (-1, 0, 1, 2, 0.5):
        for b in (-1, 0, 1, 2, 0.5):
            if (a, b) != (1, 1):
                found.append(
                    slope_mistake(f"label-1-times-{a}-label-0-times-{b}",
                           f"{a} y (p - 1) + {b} (1 - y) p",
                           lambda g, c, a=a, b=b: a * targets(c) * (p(c.F) - 1)
                           + b * (1 - targets(c)) * p(c.F))
                )  # fmt: skip
    found += [
        slope_mistake("label-1-without-probability", "-y + (1 - y) p",
               lambda g, c: -targets(c) + (1 - targets(c)) * p(c.F)),
        slope_mistake("label-halves-exchanged", "-y p + (1 - y)(1 - p)",
               lambda g, c: -targets(c) * p(c.F) + (1 - targets(c)) * (1 - p(c.F))),
        slope_mistake("label-1-with-its-own-probability", "-y p + (1 - y) p",
               lambda g, c: (1 - 2 * targets(c)) * p(c.F)),
    ]  # fmt: skip
    return found


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


@family_of_mistakes
def weighted_rows(chain):
    """Rows weighted by their target, output or residual."""
    if not real_outputs(chain) or chain.model.likelihood.exclusive:
        return []
    return [
        slope_mistake(f"rows-weighted-by-{name}", f"{wrong} ∂nll/∂F",
               lambda g, c, f=f: g * f(c, g))
        for name, (wrong, f) in _WEIGHTS_OF_ROWS.items()
    ]  # fmt: skip


@family_of_mistakes
def other_outputs(chain):
    """The likelihood at outputs that were moved or summarised first."""
    if not fine(chain):
        return []
    found = []
    for k, axis in enumerate(("sample", "row", "output")):
        for name, words, op in along(axis):
            moved = slope_mistake(f"outputs-{name}", f"∂nll/∂F at F {words}",
                                  _at_outputs(op, k))  # fmt: skip
            own = ("own", _own_at_outputs(op, k))
            found.append(replace(moved, changes=(*moved.changes, own)))
    for name in ("centred-over-row", "averaged-over-row", "row-reversed"):
        op = dict((n, f) for n, _, f in along("row"))[name]
        found.append(
            slope_mistake(f"outputs-{name}-differentiated", f"∂nll/∂F of nll at F {name}",
                          lambda g, c, op=op: op(_at_outputs(op, 1)(g, c), 1))
        )  # fmt: skip
    found += [
        slope_mistake(f"outputs-{name}", f"∂nll/∂F at {formula.format('F')}",
               lambda g, c, f=f: c.model.likelihood(f(c.F), c.y, c.v)[1])
        for name, (formula, f) in FUNCTIONS.items()
    ]  # fmt: skip
    return found


def _own_at_outputs(op, k):
    def change(g, c):
        return c.model.likelihood(op(c.F, k), c.y, c.v)[2] if g.size else g

    return change


def _at_outputs(op, k):
    return lambda g, c: c.model.likelihood(op(c.F, k), c.y, c.v)[1]


_COUNTS = {
    "": ("summed", lambda c: 1),
    "-and-averaged": ("averaged", lambda c: c.B),
    "-mean": ("mean of all", lambda c: c.B**2),
}


@family_of_mistakes
def broadcast_targets(chain):
    """(B, 1) - (B,): every row meets the target of every row."""
    if not fine(chain) or chain.B > 64:
        return []
    return [
        Mistake(f"targets-broadcast{count}{axis}", "likelihood",
                f"(B, 1) - (B,), {words}", "row b meets target b",
                "Print the shape of prediction minus target.", "take more than one row",
                (("output", _all_rows(1, of_outputs, n)),
                 ("own", _all_rows(2, of_outputs, n))))
        for count, (words, n) in _COUNTS.items()
        for axis, of_outputs in (("", False), ("-over-the-other-axis", True))
    ]  # fmt: skip


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
