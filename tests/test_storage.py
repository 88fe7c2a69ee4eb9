"""Checkpoints and saved posteriors: whatever happens, nothing is lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support import bad_inputs as world
from support.combination_cases import (
    LIKELIHOODS,
    PRIORS,
    make_data,
    make_family,
    make_params,
)
from support.saved_runs import assert_same

import minibnn as mb
from minibnn import storage
from minibnn.storage import StorageError, read
from minibnn.svi import begin as beginning
from minibnn.tape import tape

STEPS = 23
OPTIMIZERS = {
    "SGD": mb.SGD,
    "Momentum": mb.Momentum,
    "Adam": mb.Adam,
    "NaturalGradient": mb.NaturalGradient,
}
SCHEDULES = {
    "constant": lambda: 1e-3,
    "cosine": lambda: mb.Cosine(2e-3),
    "robbins-monro": lambda: mb.RobbinsMonro(2e-3, delay=5),
    "function": lambda: halving,
}
BATCHES = {"all": None, "5": 5, "7": 7, "1": 1, "more": 99}


def halving(step, max_steps):
    """A schedule of one's own."""
    return 2e-3 * 0.5 ** (step / max_steps)


# --- a resumed run is the run never stopped ------------------------------------------


def scenario(i):
    """Number i of the interruptions: fit's options, where it stops, how it saves."""
    rng = np.random.default_rng([2024, i])
    names = [list(kind)[i // n % len(kind)] for n, kind in
             ((1, OPTIMIZERS), (4, SCHEDULES), (3, BATCHES))]  # fmt: skip
    replicas = [None, 2, None, 3][i // 2 % 4]
    point = names[0] != "NaturalGradient" and rng.random() < 0.15
    options = {
        "optimizer": OPTIMIZERS[names[0]](SCHEDULES[names[1]]()),
        "batch_size": BATCHES[names[2]],
        "replicas": replicas,
        "n_samples": int(rng.integers(1, 4)),
        "kl_warmup": float(rng.choice([0.0, 0.5])),
        "max_steps": STEPS,
        "start": [None, "auto"][int(rng.random() < 0.3)],
        "estimator": None if point else [None, mb.Pathwise()][int(rng.integers(2))],
        "family": mb.Point() if point else mb.MeanField(),
        "X": world.X.astype(rng.choice([np.float32, np.float64])),
        "rng": int(rng.integers(10)),
    }
    every, stop = int(rng.integers(1, 9)), int(rng.integers(0, STEPS - 1))
    return options, every, stop, "-".join([*names, f"R{replicas}", f"stop{stop}"])


def numbers():
    """Six scenarios; all fifty among the slow tests."""
    for i in range(50):
        marks = [] if i % 17 in (0, 6) else [pytest.mark.slow]
        yield pytest.param(i, id=f"{i}-{scenario(i)[-1]}", marks=marks)


@pytest.mark.parametrize("i", list(numbers()))
def test_a_resumed_run_is_the_run_never_stopped(i, tmp_path):
    options, every, stop, _ = scenario(i)
    file = tmp_path / "run.npz"

    def interrupt(info):
        if info.step == stop:
            raise [KeyboardInterrupt, ZeroDivisionError][i % 2]

    try:
        world.fit(**options, checkpoint=mb.Checkpoint(file, every), callback=interrupt)
    except ZeroDivisionError:
        pass
    assert read(file, "checkpoint")[0]["step"] == stop + 1
    seen = []
    resumed = world.fit(
        **options,
        checkpoint=mb.Checkpoint(file, every),
        callback=lambda info: seen.append(info.step),
    )
    assert seen[0] == stop + 1
    whole = world.fit(
        **options, checkpoint=mb.Checkpoint(tmp_path / "whole.npz", every)
    )
    assert_same(resumed, whole)
    assert_same(whole, world.fit(**options))
    one, other = (
        read(tmp_path / name, "checkpoint") for name in ("run.npz", "whole.npz")
    )
    assert one[0] == other[0]
    for key in one[1]:
        np.testing.assert_array_equal(one[1][key], other[1][key], err_msg=key)


@pytest.mark.parametrize("i", [i for i in range(50) if i % 17 == 3])
def test_resuming_where_large_results_are_not_computed_while_recording(
    i, tmp_path, monkeypatch
):
    monkeypatch.setattr(tape, "LARGE", 2)
    test_a_resumed_run_is_the_run_never_stopped(i, tmp_path)


def test_the_interruptions_cover_what_there_is():
    ids = [scenario(i)[-1].split("-stop")[0] for i in range(50)]
    text = " ".join(ids)
    for names in (OPTIMIZERS, SCHEDULES, BATCHES, ("RNone", "R2", "R3")):
        assert all(f"{name}" in text for name in names)
    assert len(set(ids)) >= 25


def test_a_finished_run_is_not_run_again(tmp_path):
    file = tmp_path / "run.npz"
    first = world.fit(checkpoint=file)
    before = file.read_bytes()
    seen = []
    assert_same(world.fit(checkpoint=file, callback=seen.append), first)
    assert not seen
    assert file.read_bytes() == before


@pytest.mark.parametrize("how", [KeyboardInterrupt, StopIteration])
def test_a_pause_is_gone_on_from_and_an_end_is_not(how, tmp_path):
    """Ctrl-C and the callback's StopIteration pause; a stopping rule ends."""
    keeper = mb.Checkpoint(tmp_path / "run.npz", every=4)

    def pause(info):
        if info.step == 5:
            raise how

    first = world.fit(max_steps=12, checkpoint=keeper, callback=pause)
    assert len(first.history["loss"]) == 6
    found = world.fit(max_steps=12, checkpoint=keeper)
    assert found.stop_reason == "max_steps"
    assert_same(found, world.fit(max_steps=12))


def six(history):
    """A rule of one's own."""
    return len(history["loss"]) == 6


@pytest.mark.parametrize("stop", [six, mb.Plateau(window=3, z=1e9)])
def test_a_run_that_a_rule_has_ended_stays_ended(stop, tmp_path):
    options = {"max_steps": 12, "stop": stop, "checkpoint": tmp_path / "run.npz"}
    options["optimizer"] = mb.Adam(0.02)  # a schedule would be brought to its end
    first = world.fit(**options)
    assert len(first.history["loss"]) == 6
    assert_same(world.fit(**options), first)


def test_when_and_where_checkpoints_are_written(tmp_path):
    """At multiples of ``every`` and at the end; restarts keep the interval."""
    keeper = mb.Checkpoint(tmp_path / "run.npz", every=5)
    assert [keeper.steps_left(step) for step in (0, 1, 4, 5, 12)] == [5, 4, 1, 5, 3]
    for step, reason, due in ((5, None, True), (6, None, False), (6, "stop", True)):
        run = SimpleNamespace(step=step, stop_reason=reason)
        assert keeper.due(run) is due
    assert keeper.for_restart(0) is keeper
    second = keeper.for_restart(2)
    assert (second.path, second.every) == (tmp_path / "run.2.npz", 5)


def test_a_run_without_a_seed_goes_on_with_the_seed_of_its_file(tmp_path):
    """The stream it began with is in the file; a seed that is given must be that one."""
    keeper = mb.Checkpoint(tmp_path / "run.npz", every=4)

    def stop(info):
        if info.step == 5:
            raise KeyboardInterrupt

    options = {"max_steps": 9, "checkpoint": keeper}
    first = world.fit(**options, rng=None, callback=stop)
    found = world.fit(**options, rng=None)
    assert len(found.history["loss"]) == 9
    np.testing.assert_array_equal(found.history["loss"][:4], first.history["loss"][:4])
    with pytest.raises(StorageError, match="another run"):
        world.fit(**options, rng=7)


def test_a_long_history_is_kept_whole(tmp_path):
    keeper = mb.Checkpoint(tmp_path / "run.npz", every=150)

    def stop(info):
        if info.step == 160:
            raise KeyboardInterrupt

    world.fit(max_steps=170, checkpoint=keeper, callback=stop)
    assert_same(world.fit(max_steps=170, checkpoint=keeper), world.fit(max_steps=170))


def test_saves_are_at_multiples_and_at_the_end(tmp_path, monkeypatch):
    """Also where nobody looks on and many steps are taken in a row."""
    saved, save = [], mb.Checkpoint.save

    def watched(self, state, job):
        saved.append(state.step)
        save(self, state, job)

    monkeypatch.setattr(mb.Checkpoint, "save", watched)
    world.fit(max_steps=12, checkpoint=mb.Checkpoint(tmp_path / "run.npz", every=5))
    assert saved == [5, 10, 12]


def test_the_reason_of_a_stop_is_in_the_file(tmp_path):
    result = world.fit(stop=six, max_steps=12)
    result.save(tmp_path / "fit.npz")
    found = mb.FitResult.load(tmp_path / "fit.npz")
    assert found.stop_reason == result.stop_reason == "stop"
    assert (found.elbo, found.elbo_se) == (result.elbo, result.elbo_se)


def test_looking_on_does_not_make_it_another_run(tmp_path, capsys):
    file, watched = tmp_path / "run.npz", {"callback": print, "verbose": True}
    world.fit(max_steps=6, checkpoint=mb.Checkpoint(file, 4), callback=lambda i: None)
    first = world.fit(max_steps=6, checkpoint=mb.Checkpoint(file, 4), **watched)
    assert_same(first, world.fit(max_steps=6))
    capsys.readouterr()


def test_the_parameters_of_a_checkpoint_are_those_of_the_last_loss(tmp_path):
    """One step before the end: of the end itself no loss is known."""
    keeper = mb.Checkpoint(tmp_path / "run.npz", every=4)
    for callback in (None, lambda info: None):
        (tmp_path / "run.npz").unlink(missing_ok=True)
        options = {"optimizer": mb.Adam(0.01), "callback": callback}
        world.fit(max_steps=8, checkpoint=keeper, **options)
        before = world.fit(max_steps=7, **options).params
        for key, array in keeper.params().items():
            np.testing.assert_array_equal(array, before[key])


def test_every_restart_has_a_file(tmp_path):
    file = tmp_path / "run.npz"
    options = {"restarts": 3, "max_steps": 6}
    want = world.fit(**options)

    def stop(info, steps=[]):  # noqa: B006
        steps.append(info.step)
        if len(steps) == 10:  # in the middle of the second restart
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        world.fit(**options, checkpoint=mb.Checkpoint(file, 1), callback=stop)
    got = world.fit(**options, checkpoint=mb.Checkpoint(file, 1))
    assert_same(got, want)
    assert got.restarts == want.restarts
    assert {path.name for path in tmp_path.iterdir()} == {
        "run.npz", "run.1.npz", "run.2.npz"
    }  # fmt: skip


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "change",
    [
        {"X": world.X + 1}, {"y": 1 - world.Y}, {"rng": 1}, {"n_samples": 2},
        {"max_steps": 9}, {"batch_size": 3}, {"optimizer": mb.SGD(0.1)},
        {"optimizer": mb.Adam(mb.Cosine(0.03))}, {"kl_weight": 0.5}, {"replicas": 2},
        {"family": mb.MeanField("exp")}, {"estimator": mb.Pathwise()},
        {"family": mb.MeanField(sigma=0.1)}, {"X": world.X.astype(np.float32)},
        {"model": mb.Model(world.NET, mb.Bernoulli(), mb.LaplacePrior())},
        {"model": mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), world.PRIOR)},
        {"start": world.PARAMS},
    ],
    ids=lambda change: f"{'-'.join(change)} {str(next(iter(change.values())))[:60]}",
)  # fmt: skip
def test_another_run_is_refused_and_the_file_kept(change, tmp_path):
    file = tmp_path / "run.npz"
    world.fit(checkpoint=file)
    before = file.read_bytes()
    name = next(iter(change))
    with pytest.raises(StorageError, match=rf"another run: .*\b{name} (is|has)"):
        world.fit(**change, checkpoint=file)
    assert file.read_bytes() == before


def test_a_diverging_run_leaves_its_last_good_parameters(tmp_path):
    keeper = mb.Checkpoint(tmp_path / "run.npz", every=1)
    options = {"y": world.REALS, "optimizer": mb.SGD(1e3), "max_steps": 500}
    with pytest.raises(mb.FitError) as caught:
        world.fit(world.LINE, **options, checkpoint=keeper)
    good = keeper.params()
    noise = np.zeros((1, 3))
    value, grads, _ = mb.neg_elbo(
        world.LINE, world.FAMILY, good, noise, world.X, world.REALS
    )
    assert np.isfinite(value)
    for key, array in caught.value.params.items():
        assert np.isfinite(grads[key]).all()
        assert np.isfinite(array).all()
        np.testing.assert_array_equal(array, good[key])
    world.fit(world.LINE, y=world.REALS, start=good)  # they can be gone on from


# --- kills ---------------------------------------------------------------------------

CHILD = """
import sys
sys.path.insert(0, {tests!r})
from support import bad_inputs as world
import minibnn as mb
def say(info):
    print(info.step, flush=True)
world.fit(max_steps=10**9, batch_size=5, callback=say,
          checkpoint=mb.Checkpoint({file!r}, every=3), optimizer=mb.Adam(1e-3))
"""


def kill_after(steps, file):
    """Run in another process, kill it after some steps; the last step it told of."""
    here = Path(__file__).parent
    code = CHILD.format(tests=str(here), file=str(file))
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(here.parent)}
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=env, text=True
    )
    last = [int(child.stdout.readline()) for _ in range(steps)][-1]
    time.sleep(0.002 * (steps % 5))
    child.send_signal(signal.SIGKILL)
    rest = child.communicate()[0].split()
    return max([last, *map(int, rest[-1:])])


@pytest.mark.optional
@pytest.mark.parametrize(
    "kills", [1, pytest.param(20, marks=pytest.mark.slow)], ids=str
)
def test_a_kill_loses_only_the_steps_since_the_last_checkpoint(kills, tmp_path):
    file = tmp_path / "run.npz"
    reached = 0
    for i in range(kills):
        last = kill_after(5 + i % 7, file)
        facts, arrays = read(file, "checkpoint")
        assert facts["step"] >= last // 3 * 3
        assert facts["step"] <= last + 3
        assert facts["step"] > reached or i == 0
        reached = facts["step"]
    whole = world.fit(
        max_steps=10**9, batch_size=5, optimizer=mb.Adam(1e-3),
        stop=None, callback=stop_at(reached), rng=0,
    )  # fmt: skip
    loss = whole.history["loss"]
    np.testing.assert_array_equal(arrays["history.loss"], loss[:reached])
    np.testing.assert_array_equal(
        arrays["theta"], np.concatenate([whole.params["mu"], whole.params["rho"]])
    )


def stop_at(step):
    def callback(info):
        if info.step + 1 == step:
            raise StopIteration

    return callback


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), SystemExit]
)
@pytest.mark.parametrize("where", ["savez", "fsync"])
def test_a_failed_write_leaves_the_last_complete_file(
    failure, where, tmp_path, monkeypatch
):
    file = tmp_path / "run.npz"
    options = {"max_steps": 9, "checkpoint": mb.Checkpoint(file, 3)}
    real, count = np.savez, []

    def savez(out, **arrays):
        count.append(1)
        if len(count) > 1 and where == "savez":
            out.write(b"half a file")
            raise failure
        real(out, **arrays)

    def fsync(handle):
        if len(count) > 1 and where == "fsync":
            raise failure

    wanted = SystemExit if failure is SystemExit else StorageError
    with monkeypatch.context() as patch:
        patch.setattr(storage.np, "savez", savez)
        patch.setattr(storage.os, "fsync", fsync)
        with pytest.raises(wanted):
            world.fit(**options)
    assert read(file, "checkpoint")[0]["step"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]
    assert_same(world.fit(**options), world.fit(max_steps=9))


# --- saved posteriors ----------------------------------------------------------------


def posteriors():
    """Every family with every likelihood and prior that train together."""
    for likelihood in LIKELIHOODS:
        for prior in PRIORS:
            yield "MeanField", likelihood, prior
    for family in ("FullCovariance", "InferenceNetwork", "Point"):
        yield family, "Gaussian learned", "Gaussian"
        yield family, "Categorical", "ScaleMixture"


@pytest.mark.sample(4)
@pytest.mark.parametrize("cell", list(posteriors()), ids=" ".join)
def test_a_posterior_survives_the_round_trip(cell, tmp_path):
    family, likelihood, prior = cell
    like, outputs = LIKELIHOODS[likelihood]
    net = mb.MLP([2, 2, outputs], "softplus", bias=prior != "Laplace")
    model = mb.Model(net, like, PRIORS[prior])
    family = make_family(family, model)
    X, y = make_data(family, model)
    result = world.fit(model, family, X, y, start=make_params(family, model))
    result.save(tmp_path / "posterior.npz")
    again = mb.FitResult.load(tmp_path / "posterior.npz")
    assert_same(again, result)
    assert repr(again.model) == repr(model)
    assert repr(again.family) == repr(family)
    assert again.restarts == result.restarts
    if not family.tasks:
        one, other = (r.predict(X, n_samples=5) for r in (result, again))
        np.testing.assert_array_equal(one.mean, other.mean)
        np.testing.assert_array_equal(one.interval(0.5), other.interval(0.5))


@pytest.mark.parametrize(
    "options",
    [{"replicas": 2}, {"restarts": 2}, {"X": world.X.astype(np.float32)},
     {"rng": np.int64(3)}, {"rng": np.array([1, 2])}, {"rng": [1, 2]}, {"rng": 2**200},
     {"rng": np.random.SeedSequence([np.int64(7), 8])}, {"rng": np.random.default_rng(1)},
     {"rng": None}],
    ids=lambda o: str(next(iter(o.items()))).partition(" at 0x")[0][:40],
)  # fmt: skip
def test_every_kind_of_run_can_be_saved(options, tmp_path):
    result = world.fit(**options, checkpoint=tmp_path / "run.npz")
    result.save(tmp_path / "posterior.npz")
    again = mb.FitResult.load(tmp_path / "posterior.npz")
    assert_same(again, result)
    np.testing.assert_array_equal(
        again.sample_weights(4), result.sample_weights(4), strict=True
    )
    if options.get("rng", 0) is not None and "Generator" not in repr(options):
        assert_same(world.fit(**options, checkpoint=tmp_path / "run.npz"), result)


def test_a_class_of_ones_own_is_refused_by_name(tmp_path):
    class MyPrior(mb.GaussianPrior):
        pass

    model = mb.Model(world.NET, mb.Bernoulli(), MyPrior())
    with pytest.raises(TypeError, match="MyPrior is not a class of minibnn"):
        world.fit(model).save(tmp_path / "posterior.npz")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_in_a_later_start_returns_the_restarts_so_far(monkeypatch):
    begin, count = beginning.lbfgs_start, []

    def second_is_interrupted(*args, **kwargs):
        count.append(1)
        if len(count) == 2:
            raise KeyboardInterrupt
        return begin(*args, **kwargs)

    monkeypatch.setattr(beginning, "lbfgs_start", second_is_interrupted)
    in_turn = {"stop": lambda history: False}  # side by side no step has been made yet
    result = world.fit(start="lbfgs", restarts=3, **in_turn)
    assert result.stop_reason == "interrupted"
    assert len(result.history["loss"]) == 2


def test_a_resumed_run_that_diverges_has_good_parameters_too(tmp_path):
    keeper = mb.Checkpoint(tmp_path / "run.npz", every=1)
    options = {"y": world.REALS, "optimizer": mb.SGD(1e3), "max_steps": 500}
    errors = []
    for _ in range(2):
        with pytest.raises(mb.FitError) as caught:
            world.fit(world.LINE, **options, checkpoint=keeper)
        errors.append(caught.value)
    assert errors[0].step == errors[1].step
    for key, array in errors[0].params.items():
        np.testing.assert_array_equal(errors[1].params[key], array)


def test_a_checkpoint_with_other_optimiser_memory_is_refused(tmp_path):
    """As written by a version whose Adam kept means under other names."""
    file = tmp_path / "run.npz"
    options = {"rng": 1, "max_steps": 4, "start": None, "optimizer": mb.Adam(0.01)}
    world.fit(**options, checkpoint=mb.Checkpoint(file, 2))
    facts, arrays = read(file, "checkpoint")
    arrays["memory.m"] = arrays.pop("memory.sum_g")
    storage.write(file, "checkpoint", facts, arrays)
    with pytest.raises(StorageError, match=r"must be \['sum_g', 'sum_gg'\], got \['m'"):
        world.fit(**options, checkpoint=mb.Checkpoint(file, 2))
