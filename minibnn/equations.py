"""The ledger: every formula with a derivative has one label and one home.

A label is E + topic + number. The first digit is the topic, not the number of a step of
the algorithm: 0 identities the subject rests on, 1 sampling maps, 2 network,
3 likelihoods, 4 KL and priors, 5 objective, 6 estimators, 7 optimisers and convergence,
8 prediction, 9 exact answers and Monte Carlo.
``minibnn show E31`` tells the derivation, the example inputs (or, where nothing is
differentiated, the test) on which it is checked, and the page that shows it, if one does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

Labelled = TypeVar("Labelled", bound=Any)
LEDGER: dict[str, str] = {}  # label -> "module.qualname" of what derives it


def equation(*labels: str) -> Callable[[Labelled], Labelled]:
    """Tie equation labels to the function (or class) whose docstring derives them.

    Raises ValueError for a malformed label or one that already has a home.
    """

    def register(function: Labelled) -> Labelled:
        home = f"{function.__module__}.{function.__qualname__}"
        for label in labels:
            if not re.fullmatch(r"E(0[1-9]|[1-9][0-9])", label):
                raise ValueError(f"label must look like 'E31', got {label!r}")
            if LEDGER.setdefault(label, home) != home:
                raise ValueError(f"{label} already belongs to {LEDGER[label]}")
        function.labels = labels
        return function

    return register
