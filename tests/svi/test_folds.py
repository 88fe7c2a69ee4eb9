"""Replicas with data sets of unequal length: each is the fold it would be alone."""

import re
from importlib import import_module

import numpy as np
import pytest
from support.interrupts import interrupt_call

import minibnn as mb
from minibnn.svi import begin
from minibnn.svi.interrupt import Interrupted

svi = import_module("minibnn.svi.fit")  # its room has a function of the same name

pytestmark = pytest.mark.usefixtures("unrecorded")  # steps are no subject here

RNG = np.random.default_rng(8)
N = 23
X, Y = RNG.normal(size=(N, 2)), RNG.integers(0, 2, N)
MODEL = mb.Model(mb.MLP([2, 4, 1]), mb.Bernoulli(), mb.GaussianPrior())
REAL = mb.Model(mb.MLP([2, 4, 1]), mb.Gaussian("learned"), mb.GaussianPrior())
FAMILY = mb.MeanField()
TRAIN = [np.setdiff1d(np.arange(N), fold) for fold in np.array_split(np.arange(N), 5)]
LISTS = [X[rows] for rows in TRAIN], [Y[rows] for rows in TRAIN]
OPTIONS = {"rng": 4, "start": None, "max_steps": 30}


def folds(data=LISTS, model=MODEL, family=FAMILY, **options):
    return mb.fit(model, family, *data, replicas=5, **OPTIONS | options)


def alone(monkeypatch, k, data=LISTS, model=MODEL, family=FAMILY, **options):
    """Fold k by itself, with the seed it has among all."""
    seeds = svi.run_seeds(4, 5)
    with monkeypatch.context() as patch:
        patch.setattr(svi, "run_seeds", lambda rng, count: [seeds[k]])
        return mb.fit(model, family, data[0][k], data[1][k], **OPTIONS | options)


def assert_is(fold, one):
    for key, want in one.params.items():
        np.testing.assert_allclose(fold.params[key], want, rtol=1e-8, atol=1e-12)
    for name, want in one.history.items():
        np.testing.assert_allclose(fold.history[name], want, rtol=1e-8)
    for name in ("stop_reason", "converged", "diverged", "returned"):
        assert getattr(fold, name) == getattr(one, name)
    if one.elbo is not None:
        assert fold.elbo == pytest.approx(one.elbo, rel=1e-8)
        assert fold.elbo_se == pytest.approx(one.elbo_se, rel=1e-6)


# --- equal to single fits ------------------------------------------------------------


def test_these_folds_are_unequal():
    assert [len(rows) for rows in TRAIN] == [18, 18, 18, 19, 19]


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("family", "options"),
    [
        (FAMILY, {}),
        (FAMILY, {"batch_size": 7, "n_samples": 2}),
        (FAMILY, {"start": "lbfgs", "kl_warmup": 0.5}),
        (FAMILY, {"elbo_samples": 0}),
        (FAMILY, {"start": {"mu": np.ones(17), "rho": np.full(17, -2.0)}}),
        (mb.Point(), {"max_steps": "auto", "start": "auto"}),
        (mb.FullCovariance(), {"max_steps": 5}),
    ],
    ids=str,
)
def test_folds_in_one_call_are_folds_one_by_one(family, options, monkeypatch):
    """In any order of their lengths."""
    data = [[part[i] for i in (3, 0, 4, 1, 2)] for part in LISTS]
    cv = folds(data, family=family, **options)
    assert cv.params["mu"].shape == (5, 17)
    for k in range(5):
        one = alone(monkeypatch, k, data, family=family, **options)
        assert_is(cv.replica(k), one)


def test_folds_of_one_length_are_bit_equal_to_replicas(monkeypatch):
    seeds = svi.run_seeds(4, 5)
    cv = folds()
    for rows, part in ((slice(0, 3), seeds[:3]), (slice(3, 5), seeds[3:])):
        data = [np.stack(lists[rows]) for lists in LISTS]
        with monkeypatch.context() as patch:
            patch.setattr(svi, "run_seeds", lambda rng, count, part=part: part)
            some = mb.fit(MODEL, FAMILY, *data, replicas=len(part), **OPTIONS)
        np.testing.assert_array_equal(cv.params["mu"][rows], some.params["mu"])
        np.testing.assert_array_equal(cv.elbo[rows], some.elbo)
        np.testing.assert_array_equal(cv.history["loss"][:, rows], some.history["loss"])


def test_every_fold_has_its_own_start():
    start = {"mu": np.arange(1.0, 86.0).reshape(5, 17), "rho": np.full(17, -2.0)}
    cv = folds(start=start, optimizer=mb.SGD(1e-300))
    np.testing.assert_array_equal(cv.params["mu"], start["mu"])
    with pytest.raises(ValueError, match="start"):
        folds(start={key: array[:3] for key, array in start.items()})


@pytest.mark.optional
def test_unequal_folds_have_units_of_their_own(monkeypatch):
    real = [50 + 20 * X[rows] for rows in TRAIN], [200 + 9 * X[rows, 0] for rows in TRAIN]
    cv = folds(real, REAL, standardise=True, max_steps=300)
    for k in range(5):
        one = alone(monkeypatch, k, real, REAL, standardise=True, max_steps=300)
        assert_is(cv.replica(k), one)
        got, want = (r.predict(real[0][k], 50, rng=1).mean for r in (cv.replica(k), one))
        np.testing.assert_allclose(got, want, rtol=1e-7)
    whole = mb.Standardiser.of(np.concatenate(real[0]), np.concatenate(real[1]))
    assert folds(real, REAL, standardise=whole).standardiser.X_mean.shape == (2,)


def test_folds_that_stop_at_different_steps(monkeypatch, tmp_path):
    """The shorter history ends with nan; a fold alone has its own steps and reason."""
    stopped = []

    def stop(history):
        stopped.append(1)
        return len(stopped) == 12  # in the first group

    cv = folds(stop=stop)
    assert cv.history["loss"].shape == cv.history["lr"].shape == (30, 5)
    assert np.isnan(cv.history["loss"][12:, :3]).all()
    assert np.isfinite(cv.history["loss"][:, 3:]).all()
    assert cv.stop_reason.tolist() == ["stop"] * 3 + ["max_steps"] * 2
    cv.save(tmp_path / "cv.npz")
    for result in (cv, mb.FitResult.load(tmp_path / "cv.npz")):
        one, other = result.replica(1), result.replica(4)
        assert (one.stop_reason, other.stop_reason) == ("stop", "max_steps")
        assert len(one.history["loss"]) == len(one.history["lr"]) == 12
        assert_is(other, alone(monkeypatch, 4))


def test_a_checkpoint_for_every_length(tmp_path):
    options = {"optimizer": mb.Adam(0.01)}
    whole = folds(**options)
    options["checkpoint"] = tmp_path / "cv.npz"
    folds(**options, max_steps=20)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cv.1.npz", "cv.npz"]
    resumed = folds(**options)
    np.testing.assert_array_equal(resumed.params["mu"], whole.params["mu"])


# --- whatever lists they are ---------------------------------------------------------


def test_lists_tuples_object_arrays_and_lists_of_lists_say_the_same():
    wanted = folds().params["mu"]
    objects = [np.empty(5, object) for _ in range(2)]
    for array, part in zip(objects, LISTS, strict=True):
        array[:] = part
    nested = [[part.tolist() for part in lists] for lists in LISTS]
    for data in (objects, nested, [tuple(lists) for lists in LISTS]):
        np.testing.assert_array_equal(folds(data).params["mu"], wanted)


def test_frames_of_unequal_length():
    pd = pytest.importorskip("pandas")
    frames = [pd.DataFrame(part, columns=["a", "b"]) for part in LISTS[0]]
    series = [pd.Series(part) for part in LISTS[1]]
    got, want = folds((frames, series)), folds()
    np.testing.assert_array_equal(got.params["mu"], want.params["mu"])


def test_equal_lists_are_the_array_they_were():
    data = [part[:3] for part in LISTS]
    stacked = [np.stack(part) for part in data]
    got, want = (mb.fit(MODEL, FAMILY, *d, replicas=3, **OPTIONS) for d in (data, stacked))
    np.testing.assert_array_equal(got.params["mu"], want.params["mu"])
    rows = mb.fit(MODEL, FAMILY, X.tolist(), Y.tolist(), **OPTIONS)
    assert rows.params["mu"].shape == (17,)


# --- errors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (LISTS, {"replicas": None}, ["5 data sets", "18, 18, 18, 19", "replicas=5"]),
        (LISTS, {"replicas": 4}, ["replicas=5", "got 4"]),
        ((LISTS[0], Y), {}, ["y must be a list of 5"]),
        ((LISTS[0], LISTS[1][:4]), {}, ["y must be a list of 5"]),
        ((LISTS[0], LISTS[1][::-1]), {}, ["data set 0", "y must have shape", "18"]),
        ((LISTS[0], [*LISTS[1][:4], LISTS[1][4] + 7]), {}, ["data set 4", "0 or 1"]),
        (([*LISTS[0][:4], LISTS[0][4][:, :1]], LISTS[1]), {}, ["data set 4", "X must"]),
        (([*LISTS[0][:4], LISTS[0][4] * np.nan], LISTS[1]), {}, ["data set 4", "(0, 0)"]),
        (LISTS, {"restarts": 2}, ["restarts choose one run"]),
    ],
)
def test_an_error_says_which_data_set_and_what_to_give(data, options, words):
    with pytest.raises(ValueError, match=re.escape(words[0])) as told:
        mb.fit(MODEL, FAMILY, *data, **OPTIONS | {"replicas": 5} | options)
    for word in words:
        assert word in str(told.value)


# --- Ctrl-C and doubts ---------------------------------------------------------------


def test_ctrl_c_in_a_start_of_the_first_length(monkeypatch):
    """Nobody else begins: the others are where they would have begun."""
    starts = []

    def interrupted(model, family, params, *rest, progress):
        starts.append(1)
        if len(starts) == 2:
            raise Interrupted(params)
        return params, 0.0

    monkeypatch.setattr(begin, "lbfgs_start", interrupted)
    cv = folds(start="lbfgs")
    plain = folds(optimizer=mb.SGD(1e-300), max_steps=1)
    assert cv.stop_reason == "interrupted"
    assert len(starts) == 2
    np.testing.assert_allclose(cv.params["mu"], plain.params["mu"], atol=1e-200)
    assert len(cv.replica(4).history["loss"]) == 0
    assert np.isnan(cv.elbo[3:]).all()


def test_ctrl_c_in_a_later_length_keeps_the_earlier(monkeypatch):
    whole = folds(start="lbfgs")
    interrupt_call(monkeypatch, begin, "lbfgs_start", 4)
    cv = folds(start="lbfgs")
    assert cv.stop_reason.tolist() == ["max_steps"] * 3 + ["interrupted"] * 2
    np.testing.assert_array_equal(cv.params["mu"][:3], whole.params["mu"][:3])
    np.testing.assert_array_equal(cv.elbo[:3], whole.elbo[:3])
    assert cv.history["loss"].shape == cv.history["lr"].shape == (30, 5)
    assert len(cv.replica(4).history["loss"]) == 0
    assert np.isfinite(cv.replica(4).predict(X[:3], 10).mean).all()


@pytest.mark.slow
def test_one_warning_for_all_folds():
    raw = [1000 + 500 * X[rows] for rows in TRAIN], LISTS[1]
    with pytest.warns(mb.FitWarning) as told:
        mb.fit(MODEL, FAMILY, *raw, replicas=5, rng=0)
    assert len(told) == 1
