"""Where scikit-learn is installed: all its checks, and its tools around the estimators."""

import pickle
import unittest
import warnings
from functools import partial

import numpy as np
import pytest

import minibnn as mb

pytestmark = [
    pytest.mark.optional,
    pytest.mark.filterwarnings("ignore::minibnn.FitWarning"),
]
# A small network and few steps: a check fits several times and asks little.
QUICK = {"hidden": 4, "max_steps": 50}
REGRESSOR = mb.BNNRegressor(random_state=0, n_samples=50, **QUICK)
CLASSIFIER = mb.BNNClassifier(random_state=0, n_samples=50, **QUICK)


@pytest.fixture(autouse=True, scope="module")
def needed():
    """Imported when a test begins, not when tests are collected."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")


@pytest.fixture(scope="module")
def numbers():
    from sklearn.datasets import load_diabetes

    return tuple(array[:120] for array in load_diabetes(return_X_y=True))


@pytest.fixture(scope="module")
def flowers():
    from sklearn.datasets import load_iris

    return load_iris(return_X_y=True)


def failures(estimator):
    """Names of the checks of scikit-learn that fail, and how many there are."""
    from sklearn.utils import estimator_checks

    ask = getattr(estimator_checks, "estimator_checks_generator", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # each check has filters of its own
        if ask is None:  # before 1.6
            pairs = estimator_checks.check_estimator(estimator, generate_only=True)
        else:
            pairs = ask(estimator)
        found = [failure(check, own) for own, check in pairs]
    return [name for name in found if name], len(found)


def failure(check, estimator):
    """What is wrong, or ""; a check may skip itself, without pandas for example."""
    try:
        check(estimator)
    except unittest.SkipTest:
        return ""
    except Exception as error:
        return f"{check.func.__name__}: {type(error).__name__}: {error}"
    return ""


@pytest.mark.parametrize("estimator", [mb.BNNRegressor(**QUICK), mb.BNNClassifier(**QUICK)],
                         ids=["numbers", "labels"])  # fmt: skip
def test_all_checks_of_scikit_learn_hold(estimator):
    failed, count = failures(estimator)
    assert failed == []
    assert count > 45


@pytest.mark.slow  # a minute each
@pytest.mark.parametrize("estimator", [mb.BNNRegressor(), mb.BNNClassifier()],
                         ids=["numbers", "labels"])  # fmt: skip
def test_they_hold_with_the_defaults(estimator):
    assert failures(estimator)[0] == []


def test_a_broken_estimator_is_seen():
    from sklearn.utils.estimator_checks import check_estimators_unfitted

    class Rough(mb.BNNClassifier):
        def predict(self, X):
            return np.zeros(len(X))

    said = failure(partial(check_estimators_unfitted, "Rough"), Rough(**QUICK))
    assert said.startswith("check_estimators_unfitted: AssertionError")


def test_they_are_what_they_are(numbers):
    from sklearn.base import clone, is_classifier, is_regressor
    from sklearn.exceptions import NotFittedError

    assert is_regressor(REGRESSOR)
    assert is_classifier(CLASSIFIER)
    assert not is_classifier(REGRESSOR)
    with pytest.raises(NotFittedError):
        clone(REGRESSOR).predict(numbers[0])


def test_scores_are_those_of_scikit_learn(numbers, flowers):
    from sklearn import metrics
    from sklearn.base import clone

    X, y = numbers
    weights, y = np.arange(120.0), np.column_stack([y, y**2])
    model = clone(REGRESSOR).fit(X, y)
    for w in (None, weights):
        want = metrics.r2_score(y, model.predict(X), sample_weight=w)
        assert abs(model.score(X, y, w) - want) < 1e-12
    assert model.score(X, np.ones_like(y)) == metrics.r2_score(
        np.ones_like(y), model.predict(X)
    )
    model, weights = clone(CLASSIFIER).fit(*flowers), np.arange(150.0)
    want = metrics.accuracy_score(
        flowers[1], model.predict(flowers[0]), sample_weight=weights
    )
    assert abs(model.score(*flowers, weights) - want) < 1e-12


def test_pipelines_and_searches(numbers):
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = numbers
    pipe = make_pipeline(StandardScaler(), REGRESSOR)
    search = GridSearchCV(
        pipe, {"bnnregressor__hidden": [(2,), (4,)]}, cv=2
    ).fit(X, y, bnnregressor__sample_weight=np.ones(120))
    assert search.best_estimator_.score(X, y) > 0.2
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert (again.predict(X) == search.predict(X)).all()
    assert "BNNRegressor" in repr(pipe)
    assert "BNNRegressor" in pipe._repr_html_()


def test_two_processes_say_what_one_says(flowers):
    from sklearn.model_selection import cross_val_score

    one, two = (
        cross_val_score(CLASSIFIER, *flowers, cv=2, n_jobs=n)
        for n in (1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert one.min() > 0.8


def test_calibration(flowers):
    from sklearn.base import clone
    from sklearn.calibration import CalibratedClassifierCV, calibration_curve

    X, y = flowers
    model = CalibratedClassifierCV(CLASSIFIER, cv=2)
    assert model.fit(X, y, sample_weight=np.ones(150)).predict_proba(X).shape == (150, 3)
    X, y = X[y < 2], y[y < 2]
    p = clone(CLASSIFIER).fit(X, y).predict_proba(X)
    observed, predicted = calibration_curve(y, p[:, 1], n_bins=3)
    assert abs(observed[0] - predicted[0]) < 0.1


def test_ensembles_and_curves(numbers):
    from sklearn.base import clone
    from sklearn.ensemble import VotingRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import learning_curve

    X, y = numbers
    line = LinearRegression()
    vote = VotingRegressor([("net", REGRESSOR), ("line", line)]).fit(X, y)
    each = clone(REGRESSOR).fit(X, y).predict(X), line.fit(X, y).predict(X)
    np.testing.assert_allclose(vote.predict(X), np.mean(each, 0))
    sizes, *scores = learning_curve(REGRESSOR, X, y, cv=2, train_sizes=[0.5, 1.0])
    assert sizes.tolist() == [30, 60]
    assert np.isfinite(scores).all()


def test_frames_go_through(numbers):
    from sklearn.base import clone

    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    X, y = numbers
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1] > 0, "c": 1})
    model = clone(REGRESSOR).fit(frame, pd.Series(y, index=range(5, 125)))
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="same order"):
        model.predict(frame[["b", "a", "c"]])
    labels = pd.Series(np.where(y > 100, "high", "low")).astype("category")
    model = clone(CLASSIFIER).fit(frame, labels, sample_weight=pd.Series(np.ones(120)))
    assert model.classes_.tolist() == ["high", "low"]
    with pytest.raises(ValueError, match="column 'a' has no value in row 3"):
        model.fit(frame.assign(a=frame["a"].where(frame.index != 3)), labels)
