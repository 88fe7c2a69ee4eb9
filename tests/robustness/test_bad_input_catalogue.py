"""The catalogue of bad and odd inputs: every row is refused clearly or answered.

No row may end in a bare warning of NumPy or SciPy (pytest makes them errors of another
type), in a traceback whose last frame is not ours, or in a silent nan; and none may
change what it was given.
"""

import copy
from collections import Counter

import numpy as np
import pytest
from support import bad_inputs as world
from support.refusals import check_refusal

CATEGORIES = {"data", "labels", "types", "model", "run", "rng"}
GIVEN = ("X", "Y", "COUNTS", "REALS", "LABELS", "PARAMS", "OTHER", "NOISE")


def snapshot():
    """The bytes of everything the calls share."""
    arrays = [getattr(world, name) for name in GIVEN]
    arrays += [*world.RESULT.params.values(), world.CHAINS.weights]
    return [str(a) if isinstance(a, dict) else a.tobytes() for a in arrays]


@pytest.fixture(autouse=True)
def nothing_changes():
    before = snapshot()
    yield
    assert snapshot() == before


@pytest.fixture(autouse=True)
def numpy_as_users_have_it():
    """Floating-point errors warn, as they do by default; pytest makes that an error."""
    with np.errstate(divide="warn", over="warn", invalid="warn"):
        yield


@pytest.mark.parametrize("row", world.REFUSED.values(), ids=world.REFUSED)
def test_refused(row):
    check_refusal(row, *row.wanted.split(" | "), most=700)


@pytest.mark.optional
@pytest.mark.sample(3)
@pytest.mark.filterwarnings("ignore:Far from mean 0")  # columns of any size, and told
@pytest.mark.parametrize("row", world.ANSWERED.values(), ids=world.ANSWERED)
def test_answered(row):
    assert getattr(world, row.wanted)(row())


def test_the_catalogue_is_long():
    for rows in (world.REFUSED, world.ANSWERED):
        assert {row.category for row in rows.values()} == CATEGORIES
    count = Counter(row.category for row in world.REFUSED.values())
    assert min(count.values()) >= 8
    assert len(world.REFUSED) >= 300
    assert len(world.ANSWERED) >= 100


# --- the harness itself --------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "np.linalg.cholesky(-np.eye(2))",  # ends inside numpy
        "np.log(-1.0)",  # a bare warning
        "{}['X']",  # another kind of error
        "mb.MLP([3])",  # ours, but it names something else
        "3",  # no error at all
    ],
)
def test_the_harness_sees_what_it_is_for(call):
    with pytest.raises((Exception, pytest.fail.Exception)):
        check_refusal(world.Row("data", call, "X | "), "X", "", most=700)


@pytest.mark.parametrize("value", [np.nan, [np.array([1.0, np.nan])], {"a": np.nan}])
def test_no_nan_sees_nan(value):
    assert not world.no_nan(value)
    assert world.no_nan(np.inf)


# --- the object stays usable ---------------------------------------------------------


def test_refused_calls_leave_objects_usable():
    """After every refusal the same objects train and predict as before."""
    before = world.fit().params["mu"], world.RESULT.predict(world.X, 7).mean
    model, family = copy.deepcopy((world.YES_NO, world.FAMILY))
    for call in list(world.REFUSED)[:60]:
        with pytest.raises((ValueError, TypeError)):
            world.REFUSED[call]()
    after = world.fit().params["mu"], world.RESULT.predict(world.X, 7).mean
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(world.fit(model, family).params["mu"], before[0])


@pytest.mark.parametrize("options", [{}, {"batch_size": 5}, {"replicas": 2}], ids=str)
def test_fit_leaves_its_arguments_alone(options):
    start = {key: array.copy() for key, array in world.PARAMS.items()}
    X, y = world.X.copy(), world.Y.copy()
    result = world.fit(X=X, y=y, start=start, **options)
    result.predict(X)
    np.testing.assert_array_equal(X, world.X)
    np.testing.assert_array_equal(y, world.Y)
    for key, array in world.PARAMS.items():
        np.testing.assert_array_equal(start[key], array)
        assert not np.shares_memory(start[key], result.params[key])
