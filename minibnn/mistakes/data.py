"""What if the data were these? Inputs and targets moved, scaled, summarised (E21, E3x).

The pass is run again on them with the package's kernels and differentiated rightly.
"""

import numpy as np

from minibnn.mistakes.along import along, of_inputs
from minibnn.mistakes.catalogue import Mistake, classes, fine, rule
from minibnn.mistakes.symbols import FUNCTIONS

_DATA_HINT = "Print the first rows of what your likelihood meets. Are they the data's?"
_REVEAL = "take different rows and columns"


@rule(fine)
def inputs(chain):
    """Other inputs: rows or columns moved, standardised, without the constant."""
    for name, words, f in _inputs(chain):
        yield Mistake(f"inputs-{name}", "E21", f"X {words}", "X as it is", _DATA_HINT,
                      _REVEAL, (("features", of_inputs(f)),))  # fmt: skip
    if chain.net.bias:
        yield Mistake("first-bias-lost", "E21", "Z_1 = W_1ᵀ X", "X as it is", _DATA_HINT,
                      _REVEAL, (("features", lambda A, c: A * (
                          np.arange(A.shape[-1]) < A.shape[-1] - 1)),))  # fmt: skip


def _inputs(chain):
    for k, axis in enumerate(("row", "column")):
        for name, words, op in along(axis):
            yield name, words, lambda X, op=op, k=k: op(X, k)
    for name, (formula, f) in FUNCTIONS.items():
        yield name, formula.format("X"), f
    column, last = np.arange(chain.net.n_inputs), chain.net.n_inputs - 1
    yield "reshaped", "Xᵀ reshaped", lambda X: X.T.reshape(X.shape)
    for word, k in (("last", last), ("first", 0)):
        yield (f"{word}-column-of-ones", f"1 in the {word} column",
               lambda X, k=k: np.where(column == k, 1.0, X))  # fmt: skip


ELEMENTS = {
    "sign-labels": ("2 y - 1", lambda y: 2 * y - 1),
    "flipped": ("1 - y", lambda y: 1 - y),
    "plus-one": ("y + 1", lambda y: y + 1),
    "less-one": ("y - 1", lambda y: y - 1),
    "halved": ("y / 2", lambda y: y / 2),
    "doubled": ("2 y", lambda y: 2 * y),
    "sign": ("-y", lambda y: -y),
    "squared": ("y²", lambda y: y * y),
    "log-plus-one": ("log(1 + y)", lambda y: np.log1p(np.maximum(y, 0))),
    "rounded": ("y rounded", np.round),
    "truncated": ("int(y)", np.trunc),
    "log-of-modulus": ("log |y|", lambda y: np.log(np.abs(y))),
    "lost": ("0", lambda y: 0 * y),
    "all-one": ("1", lambda y: 0 * y + 1),
    "binary": ("[y > 0]", lambda y: (y > 0) * 1.0),
    "smoothed-0.1": ("0.9 y + 0.05", lambda y: 0.9 * y + 0.05),
    "smoothed-0.2": ("0.8 y + 0.1", lambda y: 0.8 * y + 0.1),
}


@rule(fine)
def targets(chain):
    """Other targets: another row's, another output's, on another scale."""
    for name, words, f in _classes(chain) if classes(chain) else _numbers():
        yield Mistake(f"labels-{name}", "likelihood", f"targets {words}",
                      "target b for row b", _DATA_HINT,
                      "take more than one row, all different",
                      (("targets", lambda y, c, f=f: f(y)),))  # fmt: skip


def _numbers():
    for k, axis in enumerate(("row", "output")):
        for name, words, op in along(axis):
            yield name, f"y {words}", lambda y, op=op, k=k: op(y, k)
    for name, (words, f) in ELEMENTS.items():
        yield name, words, f


def _classes(chain):
    K = chain.C
    for name, words, op in along("row"):
        yield name, f"y {words}", lambda y, op=op: np.clip(
            np.round(op(y, 0)), 0, K - 1).astype(int)  # fmt: skip
    yield "plus-one", "y + 1", lambda y: (y + 1) % K
    yield "less-one", "y - 1", lambda y: (y - 1) % K
    yield "from-the-end", "K - 1 - y", lambda y: K - 1 - y
    yield "lost", "0", lambda y: 0 * y
