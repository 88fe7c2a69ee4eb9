"""The estimators by themselves: scikit-learn need not be there."""

import functools
import pickle
import warnings

import numpy as np
import pytest

import minibnn as mb
from minibnn.scikit.table import one_of_each
from minibnn.standardise import Standardiser

RNG = np.random.default_rng(0)
X = np.column_stack([RNG.uniform(100, 200, 30), RNG.normal(size=30), np.full(30, 7.0)])
Y = 1000 + 5 * X[:, 0] + RNG.normal(size=30)
WORDS = np.where(X[:, 0] > 150, "late", "early")
SMALL = {"hidden": 3, "max_steps": 20, "random_state": 0, "n_samples": 50}
BOTH = [(mb.BNNRegressor, Y), (mb.BNNClassifier, WORDS)]
both = pytest.mark.parametrize(("kind", "y"), BOTH, ids=["numbers", "labels"])


def small(kind=mb.BNNRegressor, **params):
    return kind(**SMALL | params)


@functools.cache
def fitted(kind=mb.BNNRegressor):
    """One that is only asked."""
    return small(kind).fit(X, dict(BOTH)[kind])


# --- parameters ----------------------------------------------------------------------


@both
def test_parameters_go_in_and_out_as_they_are(kind, y):
    model = small(kind)
    assert kind(**model.get_params()).get_params() == model.get_params()
    assert model.get_params(deep=False)["hidden"] == 3
    assert model.set_params(hidden=(4, 4)) is model
    assert model.hidden == (4, 4)
    with pytest.raises(ValueError, match=r"Invalid parameter 'gain' .*It takes hidden, a"):
        model.set_params(hidden=(5,), gain=1)
    with pytest.raises(ValueError, match="Did you mean 'hidden'"):
        model.set_params(hidden_layer_sizes=(5,))
    assert model.hidden == (4, 4)  # nothing was changed


def test_the_repr_is_short():
    assert repr(mb.BNNRegressor()) == "BNNRegressor()"
    assert repr(mb.BNNClassifier(hidden=3)) == "BNNClassifier(hidden=3)"
    assert "array([3])" in repr(mb.BNNRegressor(hidden=np.array([3])))


BAD = {
    "hidden": ["wide", None, (3, 0), (2.5,), np.ones((2, 2)), True],
    "activation": ["sine"],
    "prior_scale": [0.0, "one"],
    "family": ["normal", mb.MeanField, None],
    "max_steps": [0, "many"],
    "batch_size": [0],
    "restarts": [0],
    "n_samples": [0, 1.5],
    "random_state": [-1, 1.5, "seed", True],
    "verbose": [1],
}


@both
@pytest.mark.parametrize("name", BAD)
def test_bad_parameters_are_named_by_fit(kind, y, name):
    for bad in BAD[name]:
        with pytest.raises(ValueError, match=rf"\b{name}\b"):
            small(kind, **{name: bad}).fit(X, y)


def test_the_likelihood_is_one_of_numbers():
    for bad in ("cauchy", mb.Gaussian, mb.Bernoulli(), None):
        with pytest.raises(ValueError, match=r"^likelihood must be one of"):
            small(likelihood=bad).fit(X, Y)


@pytest.mark.parametrize(
    "seed",
    [0, np.int64(0), np.random.default_rng(0), np.random.SeedSequence(0), None,
     np.random.RandomState(0)],
    ids=lambda seed: type(seed).__name__,
)  # fmt: skip
def test_a_random_state_is_what_scikit_learn_calls_so(seed):
    """Of a Generator or a RandomState the next fit takes other numbers."""
    model = small(random_state=seed).fit(X, Y)
    assert (model.predict(X) == model.predict(X)).all()
    if isinstance(seed, int | np.integer):
        assert (model.predict(X) == fitted().predict(X)).all()
    if hasattr(seed, "bit_generator") or hasattr(seed, "randint"):
        assert (model.predict(X) != small(random_state=seed).fit(X, Y).predict(X)).any()


# --- units, shapes, labels -----------------------------------------------------------


def test_raw_units_in_and_out():
    model = small(hidden=(), max_steps=300).fit(X, Y)
    mean, sd = model.predict(X, return_std=True)
    assert model.score(X, Y) > 0.98
    assert np.all((sd > 0) & (sd < Y.std()))
    low, high = model.predictive(X).interval(0.9)
    assert np.mean((low < Y) & (Y < high)) > 0.8
    assert mean.shape == sd.shape == (30,)


@pytest.mark.parametrize(
    ("likelihood", "columns"),
    [("gaussian", (2,)), ("heteroscedastic", ()), ("heteroscedastic", (2,)),
     ("student_t", (1,)), ("poisson", (2,)), (mb.Gaussian(0.2), ())],
    ids=str,
)  # fmt: skip
def test_predictions_have_the_shape_of_the_targets(likelihood, columns):
    y = np.floor(np.broadcast_to(Y.reshape(30, *(1,) * len(columns)), (30, *columns)))
    model = small(likelihood=likelihood, hidden=()).fit(X.tolist(), y)
    for array in model.predict(X[:4], return_std=True):
        assert array.shape == (4, *columns)
    assert np.isfinite(model.score(X, y))


LABELS = {
    "text": WORDS,
    "objects": WORDS.astype(object),
    "booleans": X[:, 0] > 150,
    "numbers": np.where(X[:, 0] > 150, 7, -1),
    "floats": np.where(X[:, 0] > 150, 7.0, -1.0),
    "three": np.array(["a", "b", "c"])[np.arange(30) % 3],
    "list": WORDS.tolist(),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_any_kind(name):
    y = LABELS[name]
    model = small(mb.BNNClassifier).fit(X, y)
    assert model.classes_.tolist() == sorted(set(np.asarray(y).tolist()))
    p = model.predict_proba(X)
    assert p.shape == (30, len(model.classes_))
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, rtol=1e-12)
    best = np.asarray(model.classes_)[p.argmax(1)]
    assert (model.predict(X) == best).all()
    assert model.score(X, y) == np.mean(best == np.asarray(y))


def test_the_probabilities_stand_in_the_order_of_the_classes():
    model = small(mb.BNNClassifier, hidden=(), max_steps=300).fit(X, WORDS)
    assert model.score(X, WORDS) > 0.9
    late = model.predict_proba(X)[:, 1]
    assert late[WORDS == "late"].mean() > 0.8 > 0.2 > late[WORDS == "early"].mean()


NO_LABELS = {
    "measured": (Y, "Unknown label type: continuous"),
    "nan": (np.where(Y > Y.mean(), np.nan, 0.0), "y must hold labels, got NaN or inf"),
    "one": (np.zeros(30), "two classes or more, got one class"),
    "mixed": (np.array(["a", 1, 2] * 10, object), "labels of one kind"),
    "None": (np.array(["a", None, "b"] * 10, object), "labels of one kind"),
    "complex": (Y + 1j, "must hold labels"),
    "table": (np.ones((30, 2)), "y should be a 1d array"),
    "short": (WORDS[:3], "lengths must be equal"),
    "nothing": (None, "requires y to be passed"),
}


@pytest.mark.parametrize("name", NO_LABELS)
def test_what_is_no_label_is_refused(name):
    y, words = NO_LABELS[name]
    with pytest.raises(ValueError, match=words):
        small(mb.BNNClassifier).fit(X, y)


NO_NUMBERS = {
    "nan": (np.where(Y > Y.mean(), np.nan, Y), "y must be finite.*leave out or fill in"),
    "text": (WORDS, "y must be an array of real numbers"),
    "objects": (WORDS.astype(object), "y must hold numbers: could not"),
    "short": (Y[:3], "lengths must be equal"),
    "nothing": (None, "requires y to be passed"),
    "deep": (Y[:, None, None], "y must have 1 or 2 dimension"),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_is_no_target_is_refused(name):
    y, words = NO_NUMBERS[name]
    with pytest.raises(ValueError, match=words):
        small().fit(X, y)


def test_a_column_of_labels_is_taken_with_a_warning():
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        model = small(mb.BNNClassifier).fit(X, WORDS[:, None])
    assert model.predict(X).shape == (30,)


# --- tables --------------------------------------------------------------------------

BAD_TABLES = {
    "one row": (X[0], "Reshape your data"),
    "nan": (np.where(X > 199, np.nan, X), "X must be finite, got nan.*leave out or fill"),
    "no rows": (X[:0], "X must have at least one row"),
    "no columns": (X[:, :0], r"0 feature\(s\)"),
    "complex": (X + 1j, "Complex data not supported"),
    "text": (X.astype(str), "X must be an array of real numbers"),
    "objects": (np.array([["a", 1.0, 2.0]] * 30, object), "X must hold numbers: could"),
    "nothing": (None, "X must be an array"),
}


@both
@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_tables_are_refused(kind, y, name):
    bad, words = BAD_TABLES[name]
    with pytest.raises(ValueError, match=words):
        small(kind).fit(bad, y)
    with pytest.raises(ValueError, match=words):
        fitted(kind).predict(bad)


def test_objects_that_are_numbers_are_numbers():
    assert (fitted().predict(X.astype(object)) == fitted().predict(X)).all()
    y = Y.astype(object)
    assert (small().fit(X.astype(object), y).predict(X) == fitted().predict(X)).all()


class Frame:
    """The least that names columns."""

    def __init__(self, array, columns):
        self.array, self.columns = array, columns

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)


NAMED = Frame(X, ["heat", "load", "one"])


def test_columns_are_known_by_name():
    model = small().fit(NAMED, Y)
    assert model.feature_names_in_.tolist() == ["heat", "load", "one"]
    assert model.n_features_in_ == 3
    assert model.predict(NAMED).shape == (30,)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)
    turned = Frame(X[:, ::-1], ["one", "load", "heat"])
    with pytest.raises(ValueError, match=r"same order as they were in fit.\n.*in_\]"):
        model.predict(turned)
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- b\n.*missing:\n- one\n"):
        model.predict(Frame(X, ["heat", "load", "b"]))
    model.fit(X, Y)
    assert not hasattr(model, "feature_names_in_")
    with pytest.warns(UserWarning, match="fitted without feature names"):
        model.predict(NAMED)
    with pytest.raises(ValueError, match="X has 2 features, but BNNRegressor is"):
        model.predict(X[:, :2])


# --- weights -------------------------------------------------------------------------

WEIGHT = np.arange(30) % 4
ROWS = np.repeat(np.arange(30), WEIGHT)


def answer(model):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@both
@pytest.mark.parametrize("options", [{}, {"batch_size": 7}], ids=str)
def test_a_row_of_weight_two_is_the_row_given_twice(kind, y, options):
    """In any order, to the bit: equal rows are one row with the sum of their weights."""
    weighted = small(kind, **options).fit(X, y, sample_weight=WEIGHT)
    order = np.random.default_rng(1).permutation(len(ROWS))
    repeated = small(kind, **options).fit(X[ROWS][order], y[ROWS][order])
    np.testing.assert_array_equal(answer(weighted), answer(repeated))
    assert weighted.result_.elbo == repeated.result_.elbo


@both
def test_weights_matter(kind, y):
    plain = answer(fitted(kind))
    assert (answer(small(kind).fit(X, y, WEIGHT)) != plain).any()
    assert (answer(small(kind).fit(X, y, np.ones(30))) == plain).all()


def test_rows_of_weight_zero_are_not_there():
    y = np.where(WEIGHT > 0, WORDS, "never")
    model = small(mb.BNNClassifier).fit(X, y, sample_weight=WEIGHT)
    assert model.classes_.tolist() == ["early", "late"]
    with pytest.raises(ValueError, match="one class"):
        small(mb.BNNClassifier).fit(X, WORDS, sample_weight=WORDS == "late")


@both
def test_scores_are_weighted(kind, y):
    model = fitted(kind)
    got = model.score(X, y, sample_weight=WEIGHT)
    assert abs(got - model.score(X[ROWS], y[ROWS])) < 1e-12
    with pytest.raises(ValueError, match=r"^sample_weight must be 0 or more"):
        model.score(X, y, sample_weight=-np.ones(30))


@both
def test_bad_weights_are_refused(kind, y):
    for bad in (np.ones(3), -np.ones(30), np.zeros(30), np.full(30, np.nan), "balanced"):
        with pytest.raises(ValueError, match=r"^sample_weight must"):
            small(kind).fit(X, y, sample_weight=bad)


def test_equal_rows_become_one():
    rows = np.array([[2.0, 1.0], [0.0, 1.0], [-0.0, 1.0], [2.0, 3.0]])
    y, w = np.array([[1.0], [2.0], [2.0], [1.0]]), np.array([0.5, 1.0, 2.0, 0.5])
    A, b, sums = one_of_each(rows, y, w)
    assert sorted(map(tuple, np.column_stack([A, b, sums]))) == [
        (0.0, 1.0, 2.0, 3.0), (2.0, 1.0, 1.0, 0.5), (2.0, 3.0, 1.0, 0.5),
    ]  # fmt: skip
    assert one_of_each(rows[2:], y[2:], np.ones(2))[2] is None


# --- results -------------------------------------------------------------------------


@both
def test_nothing_is_predicted_before_a_fit(kind, y):
    model = small(kind)
    for error in (ValueError, AttributeError):
        with pytest.raises(error, match="is not fitted yet"):
            model.predict(X)
    assert not model.__sklearn_is_fitted__()
    assert fitted(kind).__sklearn_is_fitted__()


@both
def test_there_is_no_partial_fit(kind, y):
    assert not hasattr(small(kind), "partial_fit")
    with pytest.raises(AttributeError, match="has no partial_fit: its posterior is"):
        small(kind).partial_fit(X, y)


@both
def test_a_pickle_predicts_the_same(kind, y):
    model = fitted(kind)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(answer(again), answer(model))
    assert isinstance(again.result_.standardiser, Standardiser)


def test_the_result_is_kept_where_its_warning_is_an_error():
    model = small(hidden=(), max_steps="auto", n_samples=10)
    y = np.random.default_rng(3).normal(size=40)  # nothing to learn
    far = np.random.default_rng(4).normal(size=(40, 200))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(mb.FitWarning, match="worse than a constant"):
            model.fit(far, y)
    assert model.result_.elbo is not None


def test_draws_of_targets():
    model = small(likelihood="poisson").fit(X, np.floor(Y))
    draws = model.sample_y(X[:4], 60, random_state=1)
    assert draws.shape == (4, 60)
    assert (draws == np.floor(draws)).all()
    assert (draws == model.sample_y(X[:4], 60, random_state=1)).all()
    assert small().fit(X, np.column_stack([Y, Y])).sample_y(X[:4], 5).shape == (4, 2, 5)
