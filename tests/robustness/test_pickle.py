"""What users hold goes through pickle, to another process say, and answers the same."""

import pickle

import numpy as np
import pytest
from support import bad_inputs as world
from support import doors

import minibnn as mb

X = world.X
SCALED = mb.fit(
    doors.LINE, doors.FAMILY, X, world.REALS, standardise=True, max_steps=3, start=None
)
PREDICTED = {
    "fit": world.PRED,
    "raw units": SCALED.predict(X, n_samples=5),
    "replicas": doors.REPLICAS.predict(np.stack([X, X]), n_samples=5),
    "chains": world.CHAINS.predict(X),
    "laplace": doors.LAPLACE.predict(X, n_samples=5),
    "exact": world.EXACT.predict(X),
}
HELD = {
    "fit": world.RESULT, "replicas": doors.REPLICAS, "tasks": doors.TASKS,
    "chains": world.CHAINS, "exact": world.EXACT, "grid": doors.GRID,
    "laplace": doors.LAPLACE, "report": doors.REPORT, "case": doors.CASE,
    "data": doors.DATA, "units": doors.UNITS, "q": doors.Q,
    "weighted": mb.Weighted(mb.StudentT(4.0, "learned")),
    "warning": mb.FitWarning("raw", world.RESULT),
}  # fmt: skip


def again(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("name", PREDICTED)
def test_predictions_stay_what_they_are(name):
    pred = PREDICTED[name]
    for got, want in zip(again(pred).interval(0.8), pred.interval(0.8), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", HELD)
def test_what_is_held_can_be_sent(name):
    assert repr(again(HELD[name])) == repr(HELD[name])


def test_a_result_predicts_the_same():
    for result in (world.RESULT, SCALED, doors.REPLICAS):
        got, want = (one.predict(X, n_samples=20).mean for one in (again(result), result))
        np.testing.assert_array_equal(got, want)
