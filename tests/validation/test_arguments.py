"""The validation room: accepts what it says, and names the argument when it refuses."""

from fractions import Fraction

import numpy as np
import pytest

from minibnn.validation import arguments as v


def test_arrays_are_not_copied_when_they_fit():
    for dtype in (np.float64, np.float32):
        a = np.arange(6, dtype=dtype).reshape(2, 3)
        assert v.as_float_array("a", a) is a
    assert np.shares_memory(v.as_vector("a", a[:, :1]), a)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([1, 2], np.float64),
        (np.array([1, 2], np.int8), np.float64),
        (np.array([1, 2], np.float16), np.float64),
        (np.array([1, 2], np.longdouble), np.float64),
        (np.array([1, 2], np.float32), np.float32),
        (3, np.float64),
        ((), np.float64),
    ],
)
def test_dtype_of_arrays(value, dtype):
    got = v.as_float_array("a", value)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, np.asarray(value))
    assert v.as_float_array("a", value, dtype=np.float32).dtype == np.float32


class Sparse:
    """Stands for scipy.sparse without importing it."""


Sparse.__module__ = "scipy.sparse._csr"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        ("abc", "'abc'"),
        (["a", "b"], "shape (2,)"),
        ([None, 1.0], "object"),
        ({"a": 1}, "dict"),
        ([1 + 2j], "complex128"),
        ([True, False], "booleans are not numbers"),
        (np.ma.masked_array([1.0, 2.0], [0, 1]), "mask"),
        (Sparse(), "sparse"),
        (np.array(["2020-01-01"], "datetime64[D]"), "datetime64"),
        (object(), "object"),
    ],
)
def test_refused_kinds(value, words):
    with pytest.raises(TypeError, match="weights") as error:
        v.as_float_array("weights", value)
    assert words in str(error.value)
    assert isinstance(error.value, ValueError)  # except ValueError catches it too


@pytest.mark.parametrize(
    ("value", "options", "words"),
    [
        ([[1, 2], [3]], {}, "equal length"),
        ([1.0, np.nan], {}, "must be finite, got nan at index 1 (1 of 2"),
        ([[1.0, np.inf], [np.nan, 0]], {}, "got inf at index (0, 1) (2 of 4"),
        (np.float64(np.nan), {}, "got nan (1 of 1"),
        ([1.0], {"ndim": 2}, "2 dimension(s), got shape (1,)"),
        ([1.0], {"ndim": (2, 3)}, "2 or 3 dimension(s)"),
        (np.ones((2, 3)), {"shape": ("n", 4)}, "shape (n, 4), got shape (2, 3)"),
        (np.ones((2, 3)), {"shape": (None,)}, "shape (any,), got shape (2, 3)"),
    ],
)
def test_refused_values(value, options, words):
    with pytest.raises(ValueError, match="weights") as error:
        v.as_float_array("weights", value, **options)
    assert words in str(error.value)


def test_options_of_arrays():
    assert np.isnan(v.as_float_array("a", [np.nan], finite=False)[0])
    assert v.as_float_array("a", [True], allow_bool=True).tolist() == [1.0]
    assert v.as_float_array("a", np.ones((2, 3)), shape=("n", 3), ndim=2).size == 6
    v.check_finite("z", np.array([1 + 1j]))


def test_vectors_and_lengths():
    column = np.arange(3.0)[:, None]
    np.testing.assert_array_equal(v.as_vector("y", column), v.as_vector("y", [0, 1, 2]))
    assert v.as_vector("y", [[5.0]]).shape == (1,)
    for bad in ([[1, 2]], np.ones((2, 1, 1)), 1.0):
        with pytest.raises(ValueError, match=r"y must have shape \(n,\) or \(n, 1\)"):
            v.as_vector("y", bad)
    with pytest.raises(ValueError, match="y must not be empty"):
        v.as_vector("y", [])
    v.check_same_length(a=np.ones(2), b=np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"a \(2,\), b \(3, 2\)"):
        v.check_same_length(a=np.ones(2), b=np.ones((3, 2)))


def test_integers():
    assert v.check_int("n", np.int32(3)) == 3
    assert type(v.check_int("n", np.int32(3))) is int
    assert v.check_int("n", -5, minimum=None) == -5
    assert v.check_int("n", 0, minimum=0, maximum=0) == 0
    for bad in (True, np.True_, 2.0, "2", None, np.array([2]), [1]):
        with pytest.raises(TypeError, match="n must be an integer, got"):
            v.check_int("n", bad)
    with pytest.raises(ValueError, match="n must be an integer >= 1, got 0"):
        v.check_int("n", 0)
    with pytest.raises(ValueError, match="n must be an integer >= 1 and <= 3, got 4"):
        v.check_int("n", 4, maximum=3)


def test_numbers():
    for good in (2, 2.0, np.float32(2), np.int8(2), np.array(2.0), Fraction(2)):
        assert v.check_number("s", good) == 2.0
        assert type(v.check_number("s", good)) is float
    assert v.check_number("s", 0, minimum=0, maximum=0) == 0
    for bad in (True, "2", None, 1j, [2.0], np.array([2.0]), np.True_):
        with pytest.raises(TypeError, match="s must be a real number"):
            v.check_number("s", bad)
    for bad in (np.nan, np.inf, 10**400):
        with pytest.raises(ValueError, match="s must be finite"):
            v.check_number("s", bad)
    assert v.check_positive("s", 1e-300) == 1e-300
    for bad in (0, -1.0):
        with pytest.raises(ValueError, match="s must be a number > 0, got"):
            v.check_positive("s", bad)
    assert (v.check_fraction("q", 0), v.check_fraction("q", 1)) == (0.0, 1.0)
    for bad in (0, 1, 1.5, -0.5):
        with pytest.raises(ValueError, match=r"q must be a number > 0 and < 1, got"):
            v.check_fraction("q", bad, strict=True)
    for bad in (1.5, -0.5):
        with pytest.raises(ValueError, match=r"q must be a number >= 0 and <= 1, got"):
            v.check_fraction("q", bad)


def test_choices_bools_and_instances():
    assert v.check_choice("scale", "exp", ("exp", "softplus")) == "exp"
    for bad in ("log", None, 3, ["exp"]):
        with pytest.raises(ValueError, match="scale must be one of 'exp', 'softplus'"):
            v.check_choice("scale", bad, ("exp", "softplus"))
    assert v.check_bool("damage", np.True_) is True
    for bad in (1, 0, "yes", None):
        with pytest.raises(TypeError, match="damage must be True or False"):
            v.check_bool("damage", bad)
    assert v.check_instance("f", 3, int) == 3
    with pytest.raises(TypeError, match="f must be int or str, got None"):
        v.check_instance("f", None, (int, str))
    with pytest.raises(TypeError, match="f must be a folder, got 3"):
        v.check_instance("f", 3, str, "a folder")


def test_rng():
    a, b = v.as_rng(3), v.as_rng(np.int64(3))
    assert a.random() == b.random()
    assert v.as_rng(a) is a
    assert v.as_rng(np.random.SeedSequence(3)).random() == v.as_rng(3).random()
    v.as_rng(None)
    for bad in (-1, 1.0, True, "0", np.random.RandomState(0), object()):
        with pytest.raises(TypeError, match="rng must be None, an integer seed >= 0"):
            v.as_rng(bad)


def test_describe_is_short():
    long = v.describe("x" * 1000)
    assert long == "an object of type str"
    assert v.describe(np.ones((2, 3))) == "float64 array of shape (2, 3)"
    assert v.describe(np.float32(0.5)) == "0.5 (float32)"
    assert v.describe([1] * 1000) == "list of length 1000"
