"""The columns a network sees, made by hand."""

import numpy as np
import pytest

from minibnn.own_data.columns import read_table
from minibnn.own_data.inputs import inputs_of

CELLS = """\
,size,share,left,colour,paid,same,late,y
5,3,10 %,no,red,1,x,,1
6,,20 %,yes,blue,,x,,2
7,9,30 %,no,,1,x,,3
8,4,40 %,no,green,,x,,4
9,,50 %,yes,pink,1,z,7,5
"""
TRAIN = np.array([True] * 4 + [False])


@pytest.fixture
def inputs(tmp_path):
    path = tmp_path / "cells.csv"
    path.write_text(CELLS, "utf-8")
    return inputs_of(read_table(path), "y", TRAIN)


def test_every_column_by_hand(inputs):
    """Medians, words and constants are those of the first four rows."""
    wanted = {
        "size": [3, 4, 9, 4, 4],
        "size missing": [0, 1, 0, 0, 1],
        "share": [10, 20, 30, 40, 50],
        "left=yes": [0, 1, 0, 0, 1],
        "colour=blue": [0, 1, 0, 0, 0],
        "colour=green": [0, 0, 0, 1, 0],
        "colour=missing": [0, 0, 1, 0, 0],
        "colour=red": [1, 0, 0, 0, 0],
        "paid missing": [0, 1, 0, 1, 0],
    }
    assert inputs.names == list(wanted)
    np.testing.assert_array_equal(inputs.X.T, list(wanted.values()))


def test_what_is_said_of_them(inputs):
    assert inputs.told == {
        "size": "numbers, 2 gaps filled with the median 4, and marked",
        "share": "numbers in %",
        "left": "words: no, yes",
        "colour": "words: blue, green, missing, red, 1 gap is a word of its own",
        "paid": "is there or not (1; 2 gaps)",
    }
    assert inputs.left_out == {
        "column 1": "row numbers", "same": "always x", "late": "empty",
    }  # fmt: skip
    assert inputs.unseen == {"colour": 1}
