"""Slowing, the default stopping rule: a quarter of the steps brought next to nothing."""

from typing import Any

import numpy as np

FIRST_LOOK = 500  # steps before the default rule looks


class Slowing:
    """The default rule: stop when a quarter of the steps has brought next to nothing.

    Looks after 500 steps and then after half as many again each time, at the rise of
    the ELBO from the third quarter of the steps to the last. Windows that grow with
    the run see ever slower a rise. Next to nothing is a nat, or a thousandth of a nat
    for every row.
    """

    def __init__(self, n_rows: int) -> None:
        self.enough = max(1.0, n_rows / 1000)

    def __repr__(self) -> str:
        return f"Slowing({self.enough:g} nats)"

    def __call__(self, history: dict[str, list[Any]]) -> bool:
        """Whether to stop, given the history so far; looks at few steps."""
        t = len(history["elbo"])
        if self._next_look(t - 1) != t or np.ptp(history["kl_weight"][-(t // 2) :]):
            return False
        rise, se, _ = rise_of(history, t)
        return bool(np.all(rise + se <= self.enough))

    def _next_look(self, step: int) -> int:
        """The first look after so many steps."""
        look = FIRST_LOOK
        while look <= step:
            look += look // 2
        return look

    def _end(self, seen: int) -> int:
        """How many steps there are in all, after it has said so: as many again."""
        return 2 * seen


def rise_of(history: dict[str, list[Any]], t: int) -> tuple[Any, Any, Any]:
    """How much the ELBO rose between the last two quarters of t steps, with its error.

    Also the mean of the last quarter. Floats, or arrays over replicas.
    """
    n = max(1, t // 4)
    first, last = (np.array(history["elbo"][t - k * n : t - k * n + n]) for k in (2, 1))
    with np.errstate(all="ignore"):  # of a run that overflows
        error = np.sqrt((first.var(0) + last.var(0)) / n)
        return last.mean(0) - first.mean(0), error, last.mean(0)
