"""Frames: what is a column of numbers, and what a refusal says of the one that is not.

Every cure a message names is carried out, and the fit must then run.
"""

import re
from decimal import Decimal
from itertools import count

import numpy as np
import pytest

import minibnn as mb
from minibnn.validation.arguments import as_inputs

NA = type("NAType", (), {"__repr__": lambda self: "<NA>"})()


class Frame:
    """Stands for a pandas frame of named columns, without pandas."""

    made = count()

    def __init__(self, columns, **cells):
        self.number = next(self.made)
        self.columns, self.cells = list(columns), cells
        self.dtypes = [np.asarray(c).dtype for c in cells.values()]

    def __array__(self, dtype=None, copy=None):
        kinds = {np.asarray(c).dtype for c in self.cells.values()}
        kind = kinds.pop() if len(kinds) == 1 else object
        return np.array(list(self.cells.values()), kind).T

    def __repr__(self):
        return f"Frame {self.number}"

    def notna(self):
        """What pandas frames are known by."""


class Lazy:
    """A frame that becomes an array by ``to_numpy`` alone, as others have it."""

    columns = ("a", "b")

    def to_numpy(self):
        return np.eye(4, 2)


def frame(**cells):
    return Frame(cells, **cells)


def fit(X, y=(0, 1, 0, 1), likelihood=None):
    """A short fit, and everything a prediction can be asked."""
    likelihood = likelihood or mb.Bernoulli()
    model = mb.Model(mb.MLP([np.shape(X)[1], 2, 1]), likelihood, mb.GaussianPrior())
    result = mb.fit(model, mb.Point(), X, y, rng=0, max_steps=1, standardise=True)
    pred = result.predict(X, n_samples=3)
    assert np.isfinite(pred.log_prob(y)).all()
    return result


def refusal(X, y=(0, 1, 0, 1), likelihood=None):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the words are tested)
        fit(X, y, likelihood)
    return str(caught.value)


A = [1.0, 2.0, 3.0, 4.0]
BOOLS = [True, False, False, True]


@pytest.mark.parametrize(
    "X",
    [
        frame(a=A, b=BOOLS),
        frame(a=BOOLS, b=BOOLS),
        frame(a=A, b=np.array([1, 2.5, True, np.float32(2)], object)),
        np.array([BOOLS, BOOLS]).T,
        [[1.0, True], [2.0, False], [3, True], [4, False]],
    ],
    ids=["mixed", "all bool", "objects", "bool array", "list"],
)
def test_booleans_and_nullable_numbers_are_numbers(X):
    numbers = np.array(np.asarray(X), float)
    np.testing.assert_array_equal(fit(X).params["mu"], fit(numbers).params["mu"])


def test_a_frame_may_know_no_other_way_than_to_numpy():
    model = mb.Model(mb.MLP([2, 2, 1]), mb.Bernoulli(), mb.GaussianPrior())
    result = mb.fit(
        model, mb.MeanField(), Lazy(), [0, 1, 0, 1], max_steps=2, start=None
    )
    assert result.predict(Lazy(), 3).mean.shape == (4,)


TEXT = np.array(["u", "v", "u", "w"], object)
DAYS = np.array(["2020-01-01", "2020-02-01"] * 2, "datetime64[D]")


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (
            frame(a=A, hp=TEXT),
            ["column 'hp'", "'u' in row 0", "pd.get_dummies(X, columns=['hp'], dtype="],
        ),
        (frame(hp=TEXT, a=A, soil=TEXT), ["column 'hp'", "columns=['hp', 'soil'], "]),
        (frame(gap=[1.0, np.nan, 2, 3], hp=TEXT), ["column 'hp' holds text"]),
        (
            frame(a=A, hp=np.array(["1", "?", "3", "4"], object)),
            ["column 'hp'", "'?' in row 1", "pd.to_numeric(X['hp'], errors='coerce')"],
        ),
        (frame(a=A, hp=np.array(["1", "2", "3", "4"], object)), ["pd.to_numeric"]),
        (frame(hp=[1.0, np.nan, np.nan, 2.0]), ["'hp'", "row 1 (2 missing)", "fillna"]),
        (frame(a=A, hp=np.array([1, None, 2, 3], object)), ["'hp'", "row 1", "notna"]),
        (frame(a=A, hp=np.array([1, NA, 2, 3], object)), ["'hp'", "row 1", "notna"]),
        (frame(a=A, hp=np.array([1, NA, "x", 3], object)), ["'hp'", "'x' in row 2"]),
        (
            frame(a=A, hp=np.array(["1,5", "2", "3,25", "1.234,5"], object)),
            ["'1,5' in row 0", ".str.replace(',', '.')", "read the file with decimal=','"],
        ),
        (frame(a=A, hp=[1.0, np.inf, 2, 3]), ["'hp' must be finite, it is inf in row 1"]),
        (frame(a=[1.0, np.nan] * 2, hp=[np.nan] * 4), ["X.drop(columns=['hp'])"]),
        (frame(hp=DAYS), ["'hp' holds dates, such as 2020-01-01", "pd.Timedelta('1D')"]),
        (frame(a=A, hp=DAYS.astype(object)), ["'hp' holds dates"]),
        (frame(hp=DAYS - DAYS[0]), ["'hp' holds durations"]),
        (frame(hp=[1j, 2, 3, 4]), ["'hp' holds complex"]),
        (
            frame(a=A, hp=np.array([1, 2, [], 4], object)),
            ["'hp'", "[] (list) in row 2"],
        ),
        (frame(a=A, hp=np.array([1, 10**400, 2, 4], object)), ["'hp'", "row 1"]),
        (frame(a=A, hp=np.array([1, 10**5000, 2, 4], object)), ["'hp'", "row 1"]),
        (
            frame(a=A, hp=np.array([1, Decimal("sNaN"), 2, 4], object)),
            ["'hp' has no value in row 1"],
        ),
        (
            frame(a=A, hp=np.array([1, Decimal("nan"), 2, 4], object)),
            ["'hp' has no value in row 1"],
        ),
        ([[1.0, None]] * 4, ["column 1", "row 0 (4 missing)"]),
        ([[1.0, "x"], [1, 2], [3, 4], [5, 6]], ["column 1", "'x' in row 0"]),
        (np.array([["1", "2"]] * 4), ["column 0", "np.asarray(X, float)"]),
        (np.eye(4).astype(object), ["np.asarray(X, float)"]),
    ],
    ids=str,
)
def test_a_column_of_other_things_is_named(X, words):
    said = refusal(X)
    assert said.startswith("X must be an array of real numbers, got ")
    for word in words:
        assert word in said


def test_a_categorical_column_is_refused_even_if_its_categories_are_numbers():
    X = frame(a=A, make=A)
    X.dtypes[1] = "category"
    said = "column 'make' is categorical, such as 1.0 in row 0; use pd.get_dummies(X, "
    assert said in refusal(X)


def test_columns_of_one_name_are_told_apart():
    X = Frame(["a", "a"], one=A, two=np.array(["1", "?", "3", "4"], object))
    said = refusal(X)
    assert "column 'a' (number 1)" in said
    assert "pd.to_numeric(X.iloc[:, 1], errors='coerce')" in said


class Stubborn:
    """An object that raises what it likes when asked for an array."""

    def __init__(self, error):
        self.error = error

    def __array__(self, dtype=None, copy=None):
        raise self.error


@pytest.mark.parametrize(
    "error", [RuntimeError("requires grad"), KeyError("x"), AttributeError("no")]
)
def test_what_a_foreign_object_raises_is_told(error):
    with pytest.raises(ValueError, match=r"^X must be an array of real numbers: "):
        as_inputs(Stubborn(error))


def test_decimal_numbers_are_numbers():
    X = frame(a=A, b=np.array([Decimal("1.5")] * 4, object))
    np.testing.assert_array_equal(as_inputs(X)[:, 1], 1.5)


def test_frames_of_single_precision_stay_so():
    X = frame(a=np.float32(A), b=np.float32(A))
    assert as_inputs(X).dtype == np.float32


def test_other_doors_say_the_same():
    fitted = fit(np.eye(4, 2))
    bad = frame(a=A, hp=TEXT)
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    exact = mb.exact_posterior(model, np.eye(4, 2), A)
    point = np.zeros(fitted.model.n_weights)
    laplace = mb.laplace(fitted.model, np.eye(4, 2), [0, 1, 0, 1], point)
    noise = np.zeros((1, 0))
    for call in (
        lambda: fitted.predict(bad),
        lambda: exact.predict(bad),
        lambda: laplace.predict(bad),
        lambda: laplace.output_moments(bad),
        lambda: mb.hmc(model, bad, A),
        lambda: mb.exact_posterior(model, bad, A),
        lambda: mb.ais(model, bad, A),
        lambda: mb.laplace(fitted.model, bad, [0, 1, 0, 1], point),
        lambda: mb.neg_elbo(
            fitted.model, fitted.family, fitted.params, noise, bad, [0, 1, 0, 1]
        ),
        lambda: fitted.model.net(point, bad),
        lambda: fitted.model.log_joint(point, bad, [0, 1, 0, 1]),
    ):
        with pytest.raises(TypeError, match="column 'hp' holds text"):
            call()


# --- pandas itself -------------------------------------------------------------------


@pytest.fixture
def pd():
    return pytest.importorskip("pandas", reason="tries frames of pandas")


def cars(pd, **more):
    """Four cars with an index that is not 0..3; ``more`` are further columns."""
    cells = {"weight": A, "hp": [3.0, 1.0, 2.0, 5.0]} | more
    return pd.DataFrame(cells, index=[7, 5, 5, 1])


MAKE = {
    "dummies": lambda pd: pd.get_dummies(cars(pd, o=list("uvuw"))),
    "all bool": lambda pd: pd.get_dummies(cars(pd, o=list("uvuw"))[["o"]]),
    "Float64": lambda pd: cars(pd).convert_dtypes().astype("Float64"),
    "Int64": lambda pd: cars(pd, n=pd.array([1, 2, 3, 4], dtype="Int64")),
    "boolean": lambda pd: cars(pd, n=pd.array(BOOLS, dtype="boolean")),
    "object": lambda pd: cars(pd).astype(object),
    "sparse": lambda pd: cars(pd, s=pd.arrays.SparseArray([0.0, 0, 1, 0])),
    "same names": lambda pd: pd.concat([cars(pd), cars(pd)], axis=1),
    "MultiIndex": lambda pd: pd.concat({"p": cars(pd), "q": cars(pd)}, axis=1),
    "float32": lambda pd: cars(pd).astype("float32"),
}


@pytest.mark.parametrize("name", MAKE)
def test_pandas_frames_that_fit(name, pd):
    X = MAKE[name](pd)
    want = fit(np.asarray(X).astype(np.float32 if name == "float32" else float))
    y = pd.Series([0, 1, 0, 1], index=[3, 2, 1, 0])
    for labels in (y, y == 1, y.astype("boolean"), y.astype("Int64"), y.to_frame()):
        got = fit(X, labels)
        np.testing.assert_array_equal(got.params["mu"], want.params["mu"])


def cured(pd, X, said):
    """X after the cure that the message names."""
    cure = said.split("; use ")[-1].split(", or ")[0]
    column = re.search(r"\(X\[(.+?)\](,|\)| -|\.str)|^X\[(.+?)\]", cure)
    got = eval(cure, {"pd": pd, "np": np, "X": X})
    if not column:
        return got
    key = eval(column[1] or column[3])
    return X.assign(**{key: got}).fillna(0.0)


@pytest.mark.parametrize(
    ("cells", "cure"),
    [
        (["130", "?", "150", "150"], "pd.to_numeric"),
        (["1,5", "2", None, "1.234,5"], "decimal=','"),
        ([np.nan] * 4, "X.drop(columns=['hp'])"),
        ("boolean", "fillna"),
        (["130", "140", "150", None], "pd.to_numeric"),
        (list("uvuw"), "pd.get_dummies"),
        ([1.0, np.nan, 2.0, 3.0], "fillna"),
        ([1.0, None, 2.0, np.nan], "fillna"),
        ("category", "pd.get_dummies"),
        ("category of numbers", "pd.get_dummies"),
        ("Int64", "fillna"),
        ("dates", "pd.Timedelta"),
        ("dates of a zone", "pd.Timedelta"),
        ("durations", "pd.Timedelta"),
    ],
    ids=str,
)
def test_the_cure_of_a_pandas_frame_works(cells, cure, pd):
    days = pd.date_range("2020-01-01", periods=4)
    special = {
        "category": lambda: pd.Categorical(list("uvuw")),
        "category of numbers": lambda: pd.Categorical([1, 2, 1, 3]),
        "Int64": lambda: pd.array([1, None, 2, 4], dtype="Int64"),
        "boolean": lambda: pd.array([True, None, False, True], dtype="boolean"),
        "dates": lambda: days,
        "dates of a zone": lambda: days.tz_localize("UTC"),
        "durations": lambda: days - days[0],
    }
    X = cars(pd, hp=special[cells]() if isinstance(cells, str) else cells)
    said = refusal(X)
    assert "column 'hp'" in said
    assert cure in said
    fit(cured(pd, X, said))


def test_rows_without_a_gap_are_kept_as_told(pd):
    X, y = cars(pd, hp=[1.0, np.nan, 2.0, 3.0]), pd.Series([0, 1, 0, 1])
    assert "keep = X.notna().all(axis=1)" in refusal(X, y)
    keep = X.notna().all(axis=1).to_numpy()
    fit(X[keep], y[keep])
    gap = pd.Series([0, 1, None, 1])
    said = refusal(cars(pd), gap)
    assert "use the rows X[keep], y[keep] with keep = y.notna()" in said
    assert "fillna" not in said  # targets are not made up
    keep = gap.notna()
    fit(cars(pd)[keep.to_numpy()], gap[keep])


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (["a", "b", "a", "b"], "np.unique(y, return_inverse=True)[1]"),
        (["1", "2", "?", "3"], "pd.to_numeric(y, errors='coerce')"),
        ("category", "np.unique(y, return_inverse=True)[1]"),
        ("dates", "(y - y.min()) / pd.Timedelta('1D')"),
    ],
    ids=str,
)
def test_targets_in_a_series(y, words, pd):
    special = {
        "category": lambda: pd.Series(list("abab")).astype("category"),
        "dates": lambda: pd.Series(pd.date_range("2020", periods=4)),
    }
    assert words in refusal(
        cars(pd), special[y]() if isinstance(y, str) else pd.Series(y)
    )


def test_who_does_what_is_said_gets_a_fit(pd):
    """A table with five kinds of trouble, cured one after the other by the messages."""
    X = pd.DataFrame({
        "age": [1.0, 2, None, 4], "soil": ["clay", "sand", "clay", None],
        "when": pd.date_range("2020", periods=4), "price": ["1,5", "2,25", "3", "4"],
        "wet": pd.array([True, None, False, True], dtype="boolean"),
    })  # fmt: skip
    y, told = pd.Series(list("abab")), []
    for _ in range(5):
        told.append(refusal(X, y))
        code = re.search(r"use (.+?)(, or |$)", told[-1])[1]
        got = eval(code, {"pd": pd, "np": np, "X": X, "y": y})
        if told[-1].startswith("y "):
            y = got
        elif getattr(got, "ndim", 2) == 2:
            X = got
        else:
            X = X.assign(**{re.search(r"column '(\w+)'", told[-1])[1]: got})
    assert fit(X, y).columns == list(X.columns)


def test_a_series_is_no_table(pd):
    with pytest.raises(ValueError, match=r"np\.asarray\(X\)\[:, None\]"):
        fit(np.zeros((4, 2))).predict(cars(pd)["hp"])


# --- polars itself -------------------------------------------------------------------


@pytest.fixture
def pl():
    return pytest.importorskip("polars", reason="tries frames of polars")


@pytest.mark.optional
@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (list("uvuw"), "'hp' holds text, such as 'u' in row 0; use X.to_dummies(['hp'])"),
        ([1, None, 2, 3], "'hp' has no value in row 1 (1 missing)"),
        ([True, None, True, False], ".fill_nan(None).fill_null(strategy='mean')"),
        ([1.0, float("nan"), 2.0, 3.0], "'hp' has no value in row 1 (1 missing)"),
        ([None] * 4, "use X.drop(['hp'])"),
        (DAYS.tolist(), "'hp' holds dates; use"),
        ((DAYS - DAYS[0]).tolist(), "'hp' holds durations; use"),
    ],
    ids=str,
)
def test_the_cure_of_a_polars_frame_works(cells, words, pl):
    X = pl.DataFrame({"weight": A, "hp": cells})
    said = refusal(X)
    assert words in said
    got = eval(said.split("; use ")[-1].split(", or ")[0], {"pl": pl, "X": X})
    fit(got if hasattr(got, "columns") else X.with_columns(hp=got))


@pytest.mark.optional
def test_polars_frames_that_fit(pl):
    X = pl.DataFrame({"weight": A, "auto": BOOLS, "n": [1, 2, 3, 4]})
    result = fit(X, pl.Series([0, 1, 0, 1]))
    assert result.columns == ["weight", "auto", "n"]
    result.predict(X[["n", "weight", "auto"]][result.columns])
    with pytest.raises(TypeError, match=r"X must be .* got a LazyFrame; use X.collect\(\)"):
        result.predict(X.lazy())
