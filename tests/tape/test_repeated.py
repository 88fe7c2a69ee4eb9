"""A function called many times over is recorded once and says the same every time."""

import numpy as np
import pytest

from minibnn.tape import Direct, Program, Repeated

RNG = np.random.default_rng(0)
W = RNG.normal(size=(4, 3))


def layer(x):
    return np.maximum(x @ W, 0.0) + 1.0


def branch(x):
    return x * 2.0 if x[0, 0] > 0 else x


def hidden(x):
    return np.asarray(x) ** 2 + 0.0 * x


@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.parametrize(
    ("function", "kind"), [(layer, Program), (branch, Direct), (hidden, Direct)]
)
def test_every_call_is_the_function(function, kind, repeats):
    again = Repeated(function, repeats)
    others = [(2, float), (5, np.float32)]  # another shape, another type in between
    for rows, dtype in [(5, float), (5, float), *others, (5, float)]:
        x = RNG.normal(size=(rows, 4)).astype(dtype)
        given = x.copy()
        np.testing.assert_array_equal(again(x), function(given))
        np.testing.assert_array_equal(x, given)
    assert type(again.program) is (kind if repeats else type(None))


def test_what_is_written_into_its_room_need_not_be_copied():
    again = Repeated(layer)
    first = again.room((5, 4), float)
    first[...] = RNG.normal(size=(5, 4))
    again(first)
    x = again.room((5, 4), float)
    assert x is again.x
    assert again.room((2, 4), float) is not x
    assert again.room((5, 4), np.float32).dtype == np.float32
    x[...] = RNG.normal(size=(5, 4))
    np.testing.assert_array_equal(again(x), layer(x.copy()))


def test_a_result_holds_until_the_next_call():
    again = Repeated(layer)
    first = again(np.ones((5, 4)))
    assert again(np.zeros((5, 4))) is first
    np.testing.assert_array_equal(first, layer(np.zeros((5, 4))))
