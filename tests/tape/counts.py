"""NumPy calls of a training step and the numbers they pass over; no clock.

``python tests/tape/counts.py`` from the top of a checkout prints both for six workloads,
and for each pass with how many times as many a step would do without it: the rows that
docstrings bear. Numbers are the sizes of all arrays that a call is handed, products
those of two matrices, of which one call may make many.
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import numpy as np

if __name__ == "__main__":
    sys.path[:0] = [".", str(Path(__file__).parents[1] / "benchmarks")]

import ours
import workloads

from minibnn.tape import Direct, Program, Scan, bind, program, scan
from minibnn.tape.passes import axpy, copies, dots, logistic, products

NAMES = ("W1a", "W1b", "W2", "W3", "W3L", "R64")
WORKS = {work.name: work for work in workloads.TRAINING if work.name in NAMES}


def as_it_is(steps, *_):
    return steps


# What says its row in its docstring: (where it is called, its name, what stands for it).
PASSES = [
    (bind.stacked_rows, [(bind, lambda *_: None)]),
    (copies.as_copy, [(copies, as_it_is)]),
    (copies.without_constants, [(copies, lambda steps, inside: (steps, set()))]),
    (copies.without_copies, [(copies, as_it_is), (program, as_it_is)]),
    (copies.without_overwriting, [(copies, as_it_is)]),
    (logistic.with_logistic, [(program, as_it_is)]),
    (products.with_cheap_products, [(program, as_it_is)]),
    (dots.with_dots, [(program, as_it_is)]),
    (axpy.with_multiples, [(program, as_it_is)]),
    (axpy.with_sums_in_place, [(program, as_it_is), (scan, as_it_is)]),
]


class EnoughError(Exception):
    """The programs of a run are made."""


def enough(history):
    raise EnoughError


def made_by_fit(work):
    """The programs that a fit of a workload runs: one Scan, or Programs."""
    made = []
    with ExitStack() as stack:
        for kind in (Scan, Program, Direct):

            def spy(self, *args, init=kind.__init__, **kwargs):
                init(self, *args, **kwargs)
                made.append(self)

            stack.enter_context(patch.object(kind, "__init__", spy))
        try:
            ours.fit(work, max_steps=3, stop=enough)
        except EnoughError:
            pass
    assert not any(isinstance(m, Direct) for m in made), "something was not recorded"
    scans = [m for m in made if isinstance(m, Scan) and m.count > 1]
    return scans or [m for m in made if isinstance(m, Program)]


def counts(work):
    """(turns in a row, calls a step, products a step, numbers a step) of a workload."""
    made = made_by_fit(work)
    turns = getattr(made[0], "count", 1)
    if turns > 1:
        (run,) = made
        parts = [(1, run.turn(0)), (turns, run.ahead + run.late)]
    else:
        parts = [(1, [call for run in made for call in run.calls])]
    measures = (lambda *call: 1, products_of, numbers_of)
    return turns, *(
        sum(measure(*call) / n for n, calls in parts for call in calls)
        for measure in measures
    )


def products_of(function, args):
    """How many products of two matrices a bound call makes."""
    if function is np.matmul:
        return args[-1][..., 0, 0].size
    return int(getattr(function, "__name__", "") == "dot")


def numbers_of(function, args):
    """The sizes of all arrays a bound call is handed: arguments, ``out``, its own."""
    given = [*args, *getattr(function, "keywords", {}).values()]
    given.append(getattr(function, "__self__", None))
    return sum(a.size for a in given if isinstance(a, np.ndarray))


def without(function, places):
    """A context in which a pass is left out."""
    stack = ExitStack()
    for module, stand_in in places:
        stack.enter_context(patch.object(module, function.__name__, stand_in))
    return stack


def rows_of(function, places, base):
    """The lines of a pass's docstring, one for each measure that it changes."""
    with without(function, places):
        left_out = [counts(work) for work in WORKS.values()]
    lines = []
    for i, what in enumerate(("calls", "products", "numbers"), 1):
        ratios = [f"{n[i] / b[i]:.2f}" for n, b in zip(left_out, base, strict=True)]
        if set(ratios) != {"1.00"}:
            lines.append(f"{what:8} without it: {' '.join(ratios)}")
    return lines


def main():
    base = [counts(work) for work in WORKS.values()]
    for work, found in zip(WORKS.values(), base, strict=True):
        print(f'    "{work.name}": {tuple(round(n, 2) for n in found)},')
    for function, places in PASSES:
        print(function.__name__, *rows_of(function, places, base), sep="\n    ")


if __name__ == "__main__":
    main()
