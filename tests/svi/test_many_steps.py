"""Many steps in a row end, stop and break where single steps do."""

import numpy as np
import pytest
from tape.test_program import LIKELIHOODS
from tape.test_program import X as Z

import minibnn as mb
from minibnn.svi import many_steps
from minibnn.svi.batches import Batches, Order
from minibnn.svi.failure import FitError
from minibnn.tape import MOST, Scan

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(40, 2)), RNG.integers(0, 2, 40)
MODEL = mb.Model(mb.MLP([2, 5, 1]), mb.Bernoulli(), mb.GaussianPrior())
OPTIONS = {"rng": 4, "start": None, "batch_size": 16}  # 16, 16 and 8 rows


def one_by_one(info):
    """A callback: nothing to do, but somebody looks after every step."""


def fit(**options):
    return mb.fit(MODEL, mb.MeanField(), X, Y, **(OPTIONS | options))


@pytest.fixture
def runs(monkeypatch):
    """How many steps each stretch took."""
    counts, call = [], Scan.__call__

    def counted(self, n):
        counts.append(n)
        return call(self, n)

    monkeypatch.setattr(Scan, "__call__", counted)
    return counts


def test_steps_are_taken_in_a_row(runs):
    fit(max_steps=100, batch_size=None)
    assert sum(runs[1:]) == 100  # after the proof
    assert max(runs) == MOST
    runs.clear()
    fit(max_steps=5, callback=one_by_one)
    assert runs == []


@pytest.mark.parametrize("steps", [1, 7, 34, 70])
def test_a_stopping_rule_stops_at_its_step(runs, steps):
    """The parameters are those after the step at which the rule said so."""

    def stop(history):
        return len(history["loss"]) == steps

    in_a_row = fit(max_steps=90, stop=stop, batch_size=None)
    assert runs
    single = fit(max_steps=90, stop=stop, batch_size=None, callback=one_by_one)
    assert in_a_row.stop_reason == single.stop_reason == "stop"
    assert len(in_a_row.history["loss"]) == steps
    for key, want in single.params.items():
        np.testing.assert_array_equal(in_a_row.params[key], want)


@pytest.mark.parametrize("batch_size", [None, 16])
@pytest.mark.parametrize("lr", [1e3, 1e150])
def test_a_diverging_run_ends_at_its_step(lr, batch_size):
    errors = []
    for callback in (None, one_by_one):
        with pytest.raises(FitError) as caught:
            fit(
                optimizer=mb.SGD(lr),
                max_steps=400,
                batch_size=batch_size,
                callback=callback,
            )
        errors.append(caught.value)
    in_a_row, single = errors
    assert str(in_a_row) == str(single)
    assert in_a_row.step == single.step
    for key, want in single.params.items():
        assert np.isfinite(in_a_row.params[key]).all()
        np.testing.assert_allclose(in_a_row.params[key], want, rtol=1e-9)


def test_an_interrupt_within_a_step_leaves_a_whole_one(monkeypatch):
    """Ctrl-C in the middle of a stretch: the run is back where the stretch began."""
    whole, call = fit(max_steps=MOST, batch_size=None), Scan.__call__
    seen = []

    def interrupted(self, n):
        seen.append(n)
        if len(seen) < 3:  # the proof and the first stretch
            return call(self, n)
        for function, args in self.turn(0)[:-1]:
            function(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(Scan, "__call__", interrupted)
    result = fit(max_steps=3 * MOST, batch_size=None, optimizer=mb.Adam(0.02))
    assert result.stop_reason == "interrupted"
    assert len(result.history["loss"]) == MOST
    monkeypatch.undo()
    want = fit(max_steps=MOST, batch_size=None, optimizer=mb.Adam(0.02))
    assert len(whole.history["loss"]) == MOST
    for key in want.params:
        np.testing.assert_array_equal(result.params[key], want.params[key])


@pytest.mark.parametrize("replicas", [None, 3])
@pytest.mark.parametrize("size", [8, 16, 40, None])
def test_batches_in_a_row_are_the_next_ones(size, replicas):
    def deal():
        rngs = [np.random.default_rng(i) for i in range(replicas or 1)]
        return Batches(X, Y, size, Order(rngs, len(X)), bool(replicas))

    one, many = deal(), deal()
    for most in (1, 5, 2, 7, 32, 1):
        rows, n = many.ahead(most)
        assert 1 <= n <= most
        got = many.next_rows(n)
        for k in range(n):
            want = one.next()
            if want is None:
                assert got is None
                assert rows == len(X)
            else:
                assert want.shape[-1] == rows
                np.testing.assert_array_equal(got[k], want)


def test_what_cannot_be_recorded_runs_step_by_step(monkeypatch):
    class Looking(mb.SGD):
        def update(self, theta, g, state, lr):
            if np.abs(g).max() < 1e9:
                super().update(theta, g, state, lr)

    made = []

    def watched(*args):
        made.append(proved_scan(*args))
        return made[-1]

    proved_scan = many_steps.proved_scan
    monkeypatch.setattr(many_steps, "proved_scan", watched)
    looking = fit(optimizer=Looking(1e-3), max_steps=9, batch_size=None)
    assert made == [None]
    plain = fit(optimizer=mb.SGD(1e-3), max_steps=9, batch_size=None)
    for key, want in plain.params.items():
        np.testing.assert_array_equal(looking.params[key], want)


@pytest.mark.sample(13)
@pytest.mark.parametrize("optimizer", [mb.Adam(1e-2), mb.SGD(1e-5), mb.Momentum(1e-5)])
@pytest.mark.parametrize("family", [mb.MeanField("exp"), mb.MeanField(), mb.Point()])
@pytest.mark.parametrize(("likelihood", "width", "y"), LIKELIHOODS, ids=repr)
@pytest.mark.parametrize("batch_size", [None, 6])
def test_single_precision_rounds_alike(
    likelihood, width, y, family, optimizer, batch_size
):
    """Alone or in a row: else a run begun anew in the middle would go elsewhere."""
    net = mb.MLP([3, 5, width])
    model = mb.Model(net, likelihood, mb.GaussianPrior(0.2, 1.3))
    X = Z.astype(np.float32)
    options = {"rng": 4, "start": None, "max_steps": 12, "optimizer": optimizer}
    options |= {"batch_size": batch_size, "estimator": mb.Pathwise()}
    in_a_row = mb.fit(model, family, X, y, **options)
    alone = mb.fit(model, family, X, y, callback=one_by_one, **options)
    for key, want in alone.params.items():
        np.testing.assert_array_equal(in_a_row.params[key], want)
