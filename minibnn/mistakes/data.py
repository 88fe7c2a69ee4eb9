"""What if the data were these? Inputs and targets moved, scaled, summarised (E21, E3x).

The pass is run again on them with the package's kernels and differentiated rightly.
"""

import numpy as np

from minibnn.mistakes.along import along, of_inputs
from minibnn.mistakes.catalogue import Mistake, family_of_mistakes, fine
from minibnn.mistakes.symbols import FUNCTIONS

_DATA_HINT = "Print the first rows of what your likelihood meets. Are they the data's?"
_REVEAL = "take different rows and columns"


def _mistake(name, wrong, changes, hint=_DATA_HINT, right="X as it is"):
    return Mistake(name, "E21", wrong, right, hint, _REVEAL, changes)


@family_of_mistakes
def inputs(chain):
    """Other inputs: rows or columns moved, standardised, without the constant."""
    if not fine(chain):
        return []
    rules = [
        (name, words, lambda X, op=op, k=k: op(X, k))
        for k, axis in enumerate(("row", "column"))
        for name, words, op in along(axis)
    ]
    rules += [(name, formula.format("X"), f) for name, (formula, f) in FUNCTIONS.items()]
    found = [
        _mistake(f"inputs-{name}", f"X {words}", (("features", of_inputs(f)),))
        for name, words, f in rules
    ]  # fmt: skip
    n = chain.net.n_inputs
    rules = {"reshaped": ("Xᵀ reshaped", lambda X: X.T.reshape(X.shape)),
             "last-column-of-ones": ("1 in the last column", lambda X: np.where(
                 np.arange(n) == n - 1, 1.0, X)),
             "first-column-of-ones": ("1 in the first column", lambda X: np.where(
                 np.arange(n) == 0, 1.0, X))}  # fmt: skip
    found += [
        _mistake(f"inputs-{name}", f"X {words}", (("features", of_inputs(f)),))
        for name, (words, f) in rules.items()
    ]  # fmt: skip
    if chain.net.bias:
        found.append(
            _mistake("first-bias-lost", "Z_1 = W_1ᵀ X",
                     (("features", lambda A, c: A * (np.arange(A.shape[-1])
                                                     < A.shape[-1] - 1)),))
        )  # fmt: skip
    return found


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


@family_of_mistakes
def targets(chain):
    """Other targets: another row's, another output's, on another scale."""
    if not fine(chain):
        return []
    whole = chain.model.likelihood.exclusive
    axes = ("row",) if whole else ("row", "output")
    rules = [
        (f"labels-{name}", f"y {words}", lambda y, op=op, k=k: op(y, k))
        for k, axis in enumerate(axes)
        for name, words, op in along(axis)
    ]
    if whole:
        K = chain.C
        rules = [(n, w, lambda y, f=f: np.clip(np.round(f(y)), 0, K - 1).astype(int))
                 for n, w, f in rules]  # fmt: skip
        rules += [
            ("labels-plus-one", "y + 1", lambda y: (y + 1) % K),
            ("labels-less-one", "y - 1", lambda y: (y - 1) % K),
            ("labels-from-the-end", "K - 1 - y", lambda y: K - 1 - y),
            ("labels-lost", "0", lambda y: 0 * y),
        ]
    else:
        rules += [(f"labels-{n}", w, f) for n, (w, f) in ELEMENTS.items()]
    return [
        Mistake(name, "likelihood", f"targets {words}", "target b for row b", _DATA_HINT,
                "take more than one row, all different",
                (("targets", lambda y, c, f=f: f(y)),))
        for name, words, f in rules
    ]  # fmt: skip
