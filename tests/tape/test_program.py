"""The tape replays what the kernels compute, or is not used at all."""

from functools import partial

import numpy as np
import pytest
from support.likelihoods import EXAMPLES, targets_of
from support.rooms import ESTIMATORS

import minibnn as mb
from minibnn.svi import many_steps, one_step
from minibnn.tape import (
    Direct,
    NotRecordable,
    Program,
    exchange,
    proved_program,
    tape,
    toggle,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(17, 3))
LIKELIHOODS = [
    (like, width, targets_of(like, (17, width), RNG)) for like, width in EXAMPLES
]
SAMPLING = [e for e in ESTIMATORS if not e.exact]


@pytest.fixture(params=[tape.LARGE, 2], ids=["computed", "unwritten"])
def large(request):
    """From which size on a result is not computed while it is recorded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tape, "LARGE", request.param)
        yield


def both_ways(monkeypatch, model, family, y, **options):
    """The same short fit replayed and run directly, and what the replay was made of."""
    made = []

    def spy(*args):
        made.append(proved_program(*args))
        return made[-1]

    fits = []
    options |= {"rng": 1, "start": None}
    in_a_row = mb.fit(model, family, X, y, **options)
    monkeypatch.setattr(many_steps, "proved_scan", lambda *args: None)
    for make in (spy, lambda function, inputs, *_: Direct(function, inputs)):
        monkeypatch.setattr(one_step, "proved_program", make)
        fits.append(mb.fit(model, family, X, y, **options))
    assert_same(in_a_row, fits[0])
    monkeypatch.undo()
    return *fits, made


def assert_same(replayed, direct):
    for key, value in direct.params.items():
        np.testing.assert_array_equal(replayed.params[key], value)
    for key, value in direct.history.items():
        scale = np.abs(value).max()  # the tracked KL has a short form
        np.testing.assert_allclose(replayed.history[key], value, 0, 1e-12 * scale)


@pytest.mark.sample(5)
@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
@pytest.mark.parametrize(("likelihood", "width", "y"), LIKELIHOODS, ids=repr)
def test_replay_is_the_computation(monkeypatch, likelihood, width, y, activation):
    """Batches of 6, 6 and 5 rows: two programs, and the same numbers to the bit."""
    net = mb.MLP([3, 4, 5, width], activation=activation)
    model = mb.Model(net, likelihood, mb.GaussianPrior(0.2, 1.3))
    options = {"max_steps": 7, "batch_size": 6, "n_samples": 2}
    replayed, direct, made = both_ways(
        monkeypatch, model, mb.MeanField(), y, optimizer=mb.Adam(1e-3), **options
    )
    assert [type(p) for p in made] == [Program, Program]
    assert_same(replayed, direct)


@pytest.mark.sample(5)
@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    "family", [mb.MeanField("exp"), mb.Point(), mb.FullCovariance()]
)
@pytest.mark.parametrize("estimator", SAMPLING, ids=repr)
def test_every_estimator_and_optimiser(monkeypatch, family, estimator):
    likelihood, width, y = LIKELIHOODS[1]
    model = mb.Model(mb.MLP([3, 4, width]), likelihood, mb.GaussianPrior(0.0, 1.0))
    try:
        estimator.check(model, family)
    except ValueError:
        pytest.skip("refused by the estimator")
    for optimizer in (mb.SGD(1e-4), mb.Momentum(1e-4), mb.Adam(mb.Cosine(1e-3))):
        replayed, direct, _ = both_ways(
            monkeypatch,
            model,
            family,
            y,
            optimizer=optimizer,
            estimator=estimator,
            max_steps=4,
            n_samples=2,
            kl_warmup=0.5,
        )
        assert_same(replayed, direct)


@pytest.mark.parametrize("batch_size", [None, 6])
def test_replicas(monkeypatch, batch_size):
    likelihood, width, y = LIKELIHOODS[0]
    model = mb.Model(mb.MLP([3, 4, width]), likelihood, mb.GaussianPrior(0.0, 1.0))
    options = {"max_steps": 5, "batch_size": batch_size, "replicas": 3}
    replayed, direct, made = both_ways(monkeypatch, model, mb.MeanField(), y, **options)
    assert all(type(p) is Program for p in made)
    assert_same(replayed, direct)


def test_a_branch_on_a_value_is_not_recorded():
    def branch(x):
        return {"y": x if x.sum() > 0 else -x}

    with pytest.raises(NotRecordable, match="branch"):
        Program(branch, {"x": np.ones(3)})
    x = np.ones(3)
    run = proved_program(branch, {"x": x}, partial(exchange, {"x": x}, {"x": -np.ones(3)}))
    assert isinstance(run, Direct)
    x[:] = [-1.0, -2.0, -3.0]
    run()
    np.testing.assert_array_equal(run.outputs["y"], [1.0, 2.0, 3.0])


def test_an_input_taken_for_a_constant_is_found_out():
    """np.asarray hides the array from the tape; the proof on other values sees it."""

    def hides(x, k):
        return {"y": (np.asarray(x) * 2.0) * k}

    inputs = {"x": np.ones(3), "k": np.ones(())}
    run = proved_program(hides, inputs, partial(exchange, inputs, {"x": np.full(3, 2.0)}))
    assert isinstance(run, Direct)


def test_a_step_of_an_optimiser_proves_nothing():
    """It may move an input by less than rounding: another step would pass for a proof.

    In float32 the parameters are one ten-thousandth further on, and taken for a
    constant they are believed. So a program is proved on inputs that differ by a per
    cent, of another sign or from another batch.
    """

    def hides(theta):
        return {"y": np.asarray(theta) * 2.0 + 0.0 * theta}

    theta = np.ones(3, np.float32)
    step = partial(exchange, {"theta": theta}, {"theta": theta - np.float32(1e-4)})
    assert isinstance(proved_program(hides, {"theta": theta}, step), Program)
    toggled = proved_program(hides, {"theta": theta}, partial(toggle, theta))
    assert isinstance(toggled, Direct)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_toggling_changes_one_per_cent_and_is_undone_exactly(dtype):
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=1000), [0.0, -0.0, 1e30, -1e-30]])
    array = values.astype(dtype)
    view, before = array[::2], array.copy()
    toggle(view)
    np.testing.assert_array_equal(array[1::2], before[1::2])
    changed = np.abs(array[:1000:2] / before[:1000:2] - 1.0)
    assert changed.min() >= 2.0**-8
    assert changed.max() <= 2.0**-7
    toggle(view)
    np.testing.assert_array_equal(array.view(np.uint8), before.view(np.uint8))
    toggle(view, sign=True)
    turned = array[:1000:2] / before[:1000:2] + 1.0
    np.testing.assert_array_equal(np.abs(turned), changed)
    toggle(view, sign=True)
    np.testing.assert_array_equal(array.view(np.uint8), before.view(np.uint8))
    toggle(np.ones((), dtype))


def test_dead_steps_are_dropped_and_memory_is_shared():
    def chain(x):
        unused = np.exp(x)  # noqa: F841
        for _ in range(10):
            x = np.tanh(x) * 1.5
        return {"y": x.sum()}

    x = RNG.normal(size=1000)
    run = Program(chain, {"x": x})
    assert len(run.calls) == 21  # 10 tanh, 10 products, one sum
    outs = {
        a.__array_interface__["data"][0]
        for _, args in run.calls[:-1]
        for a in args[-1:]
    }
    assert len(outs) <= 2  # instead of 20
    x[:] = RNG.normal(size=1000)
    run()
    y = x.copy()
    for _ in range(10):
        y = np.tanh(y) * 1.5
    assert run.outputs["y"] == y.sum()


def test_views_assignments_and_in_place_work():
    def mixed(x, w):
        out = np.empty_like(x, shape=(2, 5))
        out[:, 4:] = 1.0
        out[:, :4] = x
        half = out[0] * 2
        w *= 0.5  # an input changed in place, as optimisers do
        w += half[:4]
        return {"a": out[:, :4] @ w, "b": half.max()}

    x, w = RNG.normal(size=(2, 4)), RNG.normal(size=4)
    begin = w.copy()
    run = Program(mixed, {"x": x, "w": w})
    np.testing.assert_array_equal(w, 0.5 * begin + 2 * x[0])
    x += 1.0
    second = 0.5 * w + 2 * x[0]
    run()
    np.testing.assert_array_equal(w, second)
    np.testing.assert_array_equal(run.outputs["a"], x @ second)


class Careful(mb.Adam):
    """Adam that looks at a value after it has begun to move."""

    def update(self, theta, g, state, lr_m, correction):
        super().update(theta, g, state, lr_m, correction)
        if np.abs(theta).max() > 1e9:
            raise OverflowError


class Copying(mb.Adam):
    """Adam that writes in a way no tape can see."""

    def update(self, theta, g, state, lr_m, correction):
        moved = theta.copy()
        super().update(moved, g, state, lr_m, correction)
        np.copyto(theta, moved)


class Hiding(mb.Adam):
    """Adam that takes the gradient for a constant."""

    def update(self, theta, g, state, lr_m, correction):
        super().update(theta, np.asarray(g), state, lr_m, correction)


class Steeper(mb.Adam):
    """Adam on twice the gradient, doubled where it stands."""

    def update(self, theta, g, state, lr_m, correction):
        np.multiply(g, 2.0, out=g)
        super().update(theta, g, state, lr_m, correction)


def test_an_optimiser_may_write_over_the_gradient(monkeypatch):
    likelihood, width, y = LIKELIHOODS[0]
    model = mb.Model(mb.MLP([3, 4, width]), likelihood, mb.GaussianPrior(0.0, 1.0))
    options = {"optimizer": Steeper(1e-2), "max_steps": 4, "batch_size": 6}
    replayed, direct, _ = both_ways(monkeypatch, model, mb.MeanField(), y, **options)
    assert_same(replayed, direct)


@pytest.mark.parametrize("callback", [None, lambda info: None])
@pytest.mark.parametrize("kind", [Careful, Copying, Hiding])
def test_an_optimiser_that_cannot_be_recorded_takes_the_same_steps(kind, callback):
    likelihood, width, y = LIKELIHOODS[0]
    model = mb.Model(mb.MLP([3, 4, width]), likelihood, mb.GaussianPrior(0.0, 1.0))
    fits = [
        mb.fit(model, mb.MeanField(), X, y, rng=1, start=None, max_steps=4, **options)
        for options in (
            {"optimizer": mb.Adam(1e-2)},
            {"optimizer": kind(1e-2), "callback": callback},
        )
    ]
    for key, value in fits[0].params.items():
        np.testing.assert_array_equal(fits[1].params[key], value)
