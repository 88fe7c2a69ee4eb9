"""Restarts side by side are the restarts one after the other; when they must be apart."""

from importlib import import_module

import numpy as np
import pytest
from support.interrupts import interrupt_call

import minibnn as mb
from minibnn.svi import begin, closing, run
from minibnn.svi import replicas as restarts
from minibnn.svi.one_step import OneStep
from minibnn.tape import Scan

svi = import_module("minibnn.svi.fit")  # its room has a function of the same name

RNG = np.random.default_rng(8)
X = RNG.normal(size=(24, 2))
Y = (X[:, 0] + 0.5 * RNG.normal(size=24) > 0).astype(float)
CLASSES = RNG.integers(0, 3, 24)
PRIOR = mb.GaussianPrior(0.0, 1.5)
MODEL = mb.Model(mb.MLP([2, 4, 1], "tanh"), mb.Bernoulli(), PRIOR)
THREE = mb.Model(mb.MLP([2, 3, 3]), mb.Categorical(3), mb.LaplacePrior())
REAL = mb.Model(mb.MLP([2, 3, 1]), mb.Gaussian("learned"), mb.ScaleMixturePrior())
LINE = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.5), PRIOR)
OPTIONS = {"rng": 4, "start": None, "max_steps": 50, "restarts": 3}
START = {"mu": np.linspace(-0.5, 0.5, 17), "rho": np.full(17, -3.0)}


def fit(model=MODEL, family=None, y=Y, **options):
    return mb.fit(model, family or mb.MeanField(), X, y, **(OPTIONS | options))


def repr_of(options):
    """A short name of a case."""
    texts = {k: str(v).partition(" at 0x")[0] for k, v in options.items()}
    return " ".join(f"{k}={text:.30}" for k, text in texts.items()) or "plain"


def never(history):
    """A rule that stops nothing, but somebody looks: restarts go in turn."""


@pytest.fixture
def together(monkeypatch):
    """How many runs each array program advanced, in order."""
    counts, call = [], restarts.gone_together

    def counted(jobs):
        counts.append(len(jobs))
        return call(jobs)

    monkeypatch.setattr(restarts, "gone_together", counted)
    return counts


def assert_close(one, other):
    """The same result up to rounding."""
    for name in ("params", "history"):
        a, b = getattr(one, name), getattr(other, name)
        assert set(a) == set(b)
        for key in a:
            assert a[key].dtype == b[key].dtype
            assert a[key].shape == b[key].shape
            np.testing.assert_allclose(a[key], b[key], rtol=1e-8, atol=1e-12)
    assert one.stop_reason == other.stop_reason
    assert type(one.elbo) is type(other.elbo)
    assert len(one.restarts) == len(other.restarts)
    if one.elbo is not None:
        np.testing.assert_allclose(one.restarts, other.restarts, rtol=1e-8)
    np.testing.assert_allclose(
        one.predict(X, 30).mean, other.predict(X, 30).mean, rtol=1e-8
    )


# --- the same runs -------------------------------------------------------------------


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 7, "n_samples": 2},
        {"estimator": mb.Pathwise(antithetic=True), "n_samples": 2},
        {"estimator": mb.Flipout(), "optimizer": mb.SGD(1e-3)},
        {"estimator": mb.StickTheLanding(), "optimizer": mb.Momentum(1e-3)},
        {"start": "auto", "max_steps": 30},
        {"start": START, "kl_warmup": 0.5},
        {"model": LINE, "estimator": mb.Exact(), "start": "auto", "max_steps": 5},
        {"model": THREE, "y": CLASSES, "batch_size": 10},
        {"model": REAL, "family": mb.MeanField("exp")},
        {"family": mb.Point(), "kl_weight": 0.5},
        {"family": mb.FullCovariance()},
        {"family": mb.InferenceNetwork(mb.MLP([2, 3, 34]), np.array([0.3, -1.0]))},
    ],
    ids=repr_of,
)
def test_restarts_together_are_restarts_in_turn(options, together):
    joint = fit(**options)
    groups = list(together)
    assert set(groups) == {3}
    in_turn = fit(**options, stop=never)
    assert together == groups
    assert_close(joint, in_turn)


def test_single_precision_too(together):
    joint, in_turn = (
        mb.fit(MODEL, mb.MeanField(), X.astype(np.float32), Y, **OPTIONS, stop=stop)
        for stop in (None, never)
    )
    assert together == [3]
    assert joint.params["mu"].dtype == np.float32
    for name, values in joint.history.items():
        assert values.dtype == in_turn.history[name].dtype
        np.testing.assert_allclose(values, in_turn.history[name], rtol=1e-4)


def test_many_restarts_go_in_groups(together, monkeypatch):
    in_turn = fit(restarts=7, stop=never)
    monkeypatch.setattr(restarts, "MOST_TOGETHER", 3)
    assert_close(fit(restarts=7), in_turn)
    assert together == [3, 3]  # and one by itself


@pytest.mark.optional
def test_the_first_fits_of_a_full_covariance_go_together(together, monkeypatch):
    options = {"family": mb.FullCovariance(), "start": "auto", "max_steps": 5}
    monkeypatch.setattr("minibnn.svi.options.FEWEST_STEPS", 60)
    monkeypatch.setattr("minibnn.svi.options.MOST_STEPS", 60)
    joint = fit(**options, restarts=1)
    assert together == [restarts.FIRST_FITS] * 2  # kinds of start
    monkeypatch.setattr(restarts, "MOST_NUMBERS", 0)
    assert_close(joint, fit(**options, restarts=1))
    assert together == [restarts.FIRST_FITS] * 2


# --- what is looked at singly, or gains nothing --------------------------------------


class MySGD(mb.SGD):
    """An optimiser of one's own, which may mix the runs."""


class MyPrior(mb.GaussianPrior):
    """A prior of one's own."""


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "options",
    [
        {"callback": lambda info: None},
        {"restarts": 1},
        {"family": mb.MeanField("identity"), "optimizer": mb.SGD(1e-4)},
        {"optimizer": mb.NaturalGradient(1e-3)},
        {"optimizer": MySGD(1e-3)},
        {"model": mb.Model(MODEL.net, mb.Bernoulli(), MyPrior())},
        {"n_samples": 100},
        {"model": mb.Model(mb.MLP([2, 600, 1]), mb.Bernoulli(), PRIOR)},
        {"family": mb.InferenceNetwork(mb.MLP([2, 3, 34]), np.eye(2))},
    ],
    ids=repr_of,
)
def test_restarts_go_in_turn(options, together):
    fit(**options, max_steps=2)
    assert together == []


def test_restarts_with_a_checkpoint_go_in_turn(together, tmp_path):
    fit(max_steps=2, checkpoint=tmp_path / "run.npz")
    assert together == []


# --- one that fails, and Ctrl-C ------------------------------------------------------


def poisson(**options):
    """Steps so long that some seeds diverge."""
    model = mb.Model(mb.MLP([2, 4, 1]), mb.Poisson(), PRIOR)
    options = {"optimizer": mb.SGD(0.003), "restarts": 5} | options
    return fit(model, y=np.arange(24), **options)


def test_one_restart_may_fail(together):
    in_turn = poisson(stop=never)
    assert 1 < len(in_turn.restarts) < 5
    assert_close(poisson(), in_turn)
    assert together == [5]


def test_all_restarts_may_not_fail(together):
    with pytest.raises(mb.FitError, match="no longer finite") as joint:
        poisson(optimizer=mb.SGD(1e4))
    assert together == [5]
    with pytest.raises(mb.FitError) as in_turn:
        poisson(optimizer=mb.SGD(1e4), stop=never)
    assert str(joint.value) == str(in_turn.value)
    np.testing.assert_array_equal(joint.value.params["mu"], in_turn.value.params["mu"])


@pytest.mark.parametrize("batch_size", [None, 7])
def test_an_interrupt_returns_what_all_restarts_have_reached(monkeypatch, batch_size):
    interrupt_call(monkeypatch, Scan, "__call__", 4)
    result = fit(batch_size=batch_size, max_steps=500)
    steps = len(result.history["loss"])
    assert 0 < steps < 500
    assert result.stop_reason == "interrupted"
    assert len(result.restarts) == 3
    assert (result.elbo, result.elbo_se) in result.restarts
    want = fit(
        batch_size=batch_size, max_steps=500, stop=lambda h: len(h["loss"]) == steps
    )
    assert_close_params(result, want)


def assert_close_params(one, other):
    for key, want in other.params.items():
        np.testing.assert_allclose(one.params[key], want, rtol=1e-8, atol=1e-12)


def test_an_interrupt_before_the_first_step_returns_the_start(monkeypatch):
    monkeypatch.setattr(run.Run, "several_steps", lambda self: False)
    interrupt_call(monkeypatch, OneStep, "evaluate", 1)
    result = fit()
    assert result.stop_reason == "interrupted"
    assert len(result.restarts) == 3
    assert result.elbo == max(elbo for elbo, _ in result.restarts)
    assert result.history["elbo"].shape == (0,)


def test_an_interrupt_in_a_start_returns_the_starts_so_far(monkeypatch):
    options = {"start": "lbfgs", "optimizer": mb.SGD(lambda step, most: 0.0)}
    starts = [fit(**options, restarts=n, max_steps=1) for n in (1, 2)]
    for number, start in enumerate(starts, 2):
        with monkeypatch.context() as patch:
            interrupt_call(patch, begin, "lbfgs_start", number)
            result = fit(**options)
        assert result.stop_reason == "interrupted"
        assert result.elbo == pytest.approx(start.elbo)
        assert_close_params(result, start)


def test_an_interrupt_with_nothing_to_return_is_raised(monkeypatch):
    interrupt_call(monkeypatch, begin, "lbfgs_start", 1)
    with pytest.raises(KeyboardInterrupt):
        fit(start="lbfgs")


def test_an_interrupt_in_a_later_group_or_estimate_keeps_the_rest(monkeypatch):
    monkeypatch.setattr(restarts, "MOST_TOGETHER", 2)
    for owner, name in ((begin, "lbfgs_start"), (closing, "estimate_elbo")):
        with monkeypatch.context() as patch:
            interrupt_call(patch, owner, name, 3)
            result = fit(start="lbfgs", restarts=4)
        assert result.stop_reason == "interrupted"
        assert len(result.restarts) == 2
        assert len(result.history["loss"]) == 50


def test_no_group_begins_after_an_interrupted_one(together, monkeypatch):
    monkeypatch.setattr(restarts, "MOST_TOGETHER", 2)
    interrupt_call(monkeypatch, Scan, "__call__", 2)
    assert len(fit(restarts=6, max_steps=500).restarts) == 2
    assert together == [2]


def test_an_interrupt_within_the_first_fits_is_passed_on(monkeypatch):
    interrupt_call(monkeypatch, Scan, "__call__", 3)
    with pytest.raises(KeyboardInterrupt):
        fit(family=mb.FullCovariance(), start="auto", restarts=1)


# --- folds ---------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 8])
def test_folds_in_one_call_are_folds_one_by_one(batch_size, monkeypatch):
    """Cross-validation: replica k is trained on all rows but those of fold k."""
    folds = np.arange(24).reshape(4, 6)
    train = np.stack([np.setdiff1d(np.arange(24), fold) for fold in folds])
    options = {"start": None, "max_steps": 40, "batch_size": batch_size}
    args = MODEL, mb.MeanField()
    cv = mb.fit(*args, X[train], Y[train], rng=4, replicas=4, **options)
    for k, seed in enumerate(svi.run_seeds(4, 4)):
        monkeypatch.setattr(svi, "run_seeds", lambda rng, count, seed=seed: [seed])
        one = mb.fit(*args, X[train[k]], Y[train[k]], **options)
        for key, want in one.params.items():
            np.testing.assert_allclose(cv.params[key][k], want, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(cv.history["loss"][:, k], one.history["loss"])
        assert cv.elbo[k] == pytest.approx(one.elbo, rel=1e-8)
        monkeypatch.undo()


@pytest.mark.parametrize("family", [mb.MeanField(), mb.Point()])
def test_a_replica_alone_is_a_result(family):
    three = fit(family=family, restarts=1, replicas=3)
    for i in range(3):
        one = three.replica(i)
        for key, array in three.params.items():
            np.testing.assert_array_equal(one.params[key], array[i])
        assert one.elbo is None or (one.elbo, one.elbo_se) == (
            three.elbo[i], three.elbo_se[i],
        )  # fmt: skip
        np.testing.assert_array_equal(one.history["loss"], three.history["loss"][:, i])
        np.testing.assert_array_equal(one.history["lr"], three.history["lr"])
        logits = MODEL.net(one.sample_weights(8), X[:5])[..., 0]
        p = 1.0 / (1.0 + np.exp(-logits))
        if isinstance(family, mb.Point):  # says the same every time
            p = p[:1]
        np.testing.assert_allclose(one.predict(X[:5], n_samples=8).samples, p)


def test_there_is_no_replica_beyond_the_last():
    with pytest.raises(ValueError, match=r"^i must be"):
        fit(restarts=1, replicas=3).replica(3)
    with pytest.raises(ValueError, match="no replicas"):
        fit(restarts=1).replica(0)
