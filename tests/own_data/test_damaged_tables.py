"""Tables damaged at random are read, or refused by a TableError: nothing else is raised."""

import numpy as np
import pytest
from support.awkward_tables import BAD, GOOD

from minibnn.own_data.columns import read_table
from minibnn.own_data.inputs import inputs_of
from minibnn.own_data.study import split
from minibnn.own_data.target import target_of
from minibnn.own_data.text import TableError

CASES = [*GOOD.values(), *BAD.values()]
BYTES = [c if isinstance(c, bytes) else c.encode() for c, *_ in CASES]
TOKENS = [b",", b";", b"\n", b'"', b"\r", b"\t", b"NA", b"1e400", b"\xff", b"\0", b"-",
          b"%", b".", b" ", b"inf", b"\xef\xbb\xbf", b"0", b"\xc3\xa9", b"''"]  # fmt: skip
TASKS = "auto", "regression", "binary", "classes", "counts"


def damaged(rng):
    """One of the tables, with up to five insertions and deletions."""
    data = bytearray(BYTES[rng.integers(len(BYTES))])
    for _ in range(rng.integers(6)):
        at = rng.integers(len(data) + 1)
        if rng.random() < 0.6:
            data[at:at] = TOKENS[rng.integers(len(TOKENS))]
        else:
            del data[at : at + rng.integers(1, 5)]
    return bytes(data)


def understood(path, rng):
    """Whether the file is a table with finite inputs; False if it is refused."""
    try:
        table = read_table(path)
        column = table.columns[-1]
        target = target_of(column, TASKS[rng.integers(len(TASKS))], table.lines)
        train, test = split(target, 0.2, rng)
        inputs = inputs_of(table, column.name, train)
    except TableError:
        return False
    assert inputs.X.shape == (len(table), len(inputs.names))
    assert np.isfinite(inputs.X).all()
    assert np.isfinite(target.y[train | test]).all()
    return True


@pytest.mark.parametrize("cases", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_tables(cases, tmp_path):
    rng = np.random.default_rng(cases)
    path = tmp_path / "table.csv"
    found = []
    for _ in range(cases):
        path.write_bytes(damaged(rng))
        found.append(understood(path, rng))
    assert 0.02 < np.mean(found) < 0.98  # both are tried
