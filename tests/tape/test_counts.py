"""What the tape earns is counted: calls and numbers of a step, and the row of each pass.

``python tests/tape/counts.py`` prints what is to stand here and in the docstrings.
"""

import inspect

import pytest
from tape.counts import PASSES, WORKS, counts, rows_of

PINS = {  # turns in a row, calls, products and numbers a step
    "W1a": (9, 33.56, 5.0, 312509.11),
    "W1b": (32, 29.66, 5.0, 15102.19),
    "W2": (1, 59.0, 52.0, 2069622.0),
    "W3": (1, 770.0, 8.0, 33286224.0),
    "W3L": (1, 831.0, 16.0, 35500491.0),
    "R64": (1, 57.0, 256.0, 983566.0),
}


@pytest.fixture(scope="module")
def base():
    return {name: counts(work) for name, work in WORKS.items()}


def test_a_step_costs_what_it_did(base):
    found = {name: tuple(round(n, 2) for n in row) for name, row in base.items()}
    assert found == PINS


@pytest.mark.optional
@pytest.mark.parametrize(
    ("function", "places"), PASSES, ids=[function.__name__ for function, _ in PASSES]
)
def test_a_pass_saves_what_its_docstring_says(function, places, base):
    rows = rows_of(function, places, list(base.values()))
    said = [" ".join(line.split()) for line in inspect.getdoc(function).splitlines()]
    rows = [" ".join(row.split()) for row in rows]
    assert [line for line in said if "without it:" in line] == rows
    assert rows, "a pass that saves nothing is not needed"
