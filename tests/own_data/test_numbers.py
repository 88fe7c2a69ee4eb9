"""Cells as numbers, and which sign is the decimal one."""

import pytest

from minibnn.own_data.numbers import bare, decimal_sign, number
from minibnn.own_data.text import TableError

POINT = {
    "3": 3.0, "-3.5": -3.5, "+.5": 0.5, "5.": 5.0, "1e3": 1000.0, "1.5E-3": 0.0015,
    "1,234": 1234.0, "1,234,567.5": 1234567.5, "1 234": 1234.0, "1\u00a0234.5": 1234.5,
    "1'234'567": 1234567.0, "\u22123": -3.0, "0.123": 0.123, "1e999": float("inf"),
    "inf": float("inf"), "-Infinity": -float("inf"),
}  # fmt: skip
NONE = [
    *("", "-", ".", "1,5", "1,23,456", "0,123", "12,34", "1,234 567", "1.2.3", "1_0"),
    *("abc", "0x10", "1e", "nan", "3 4", "12 a", "1.5.2020", "1234,567"),
]


@pytest.mark.parametrize("text", POINT)
def test_numbers_with_a_decimal_point(text):
    assert number(text, ".") == POINT[text]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_number(text):
    assert number(text, ".") is None


def test_numbers_with_a_decimal_comma_are_the_same_with_the_signs_exchanged():
    swap = str.maketrans(".,", ",.")
    for text, value in POINT.items():
        assert number(text.translate(swap), ",") == value
    for text in NONE:
        assert number(text.translate(swap), ",") is None


@pytest.mark.parametrize(
    ("cells", "delimiter", "sign"),
    [
        (["1", "2"], ";", "."),
        (["1.5", "2"], ";", "."),
        (["1,5", "2"], ";", ","),
        (["1,5"], ",", ","),  # quoted
        (["1.234", "0.5"], ";", "."),
        (["1.234", "1.234,5"], ";", ","),
        (["1,234", "1,234.5"], "\t", "."),
        (["1.234.567"], ";", ","),
        (["1,234"], ",", "."),  # quoted: thousands
        (["1.234"], ",", "."),
        (["12,50 %", "€ 1.000"], ";", ","),
        (["1,5", "1.5"], ";", "."),
        (["1,5", "2,5", "1.5"], ";", ","),  # the third is told as a word among numbers
        (["a, b", "c.", "2020-01-01"], ";", "."),
    ],
)
def test_the_decimal_sign_is_that_of_most_cells(cells, delimiter, sign):
    assert decimal_sign(cells, delimiter) == sign


@pytest.mark.parametrize("cell", ["1,234", "1.234"])
def test_where_every_cell_could_be_either_it_is_asked(cell):
    with pytest.raises(TableError, match=r"may be 1234 or 1\.234: say --decimal"):
        decimal_sign(["7", cell], ";")


def test_signs_at_the_ends():
    assert bare("12 %") == ("%", "12")
    assert bare("$1,200") == ("$", "1,200")
    assert bare("12") == ("", "12")
