"""A resumed run is the run never stopped, wherever it stops and whatever ends it."""

import re

import numpy as np
import pytest
from support import bad_inputs as world
from support.saved_runs import assert_same

import minibnn as mb
from minibnn import rng as normals
from minibnn.storage import StorageError, read, write
from minibnn.svi import batches, many_steps, one_step
from minibnn.tape import Direct

RNG = np.random.default_rng(5)
X = RNG.normal(size=(24, 2))
Y = (X[:, 0] > 0).astype(float)
MODEL = mb.Model(mb.MLP([2, 7, 1], "tanh"), mb.Bernoulli(), mb.GaussianPrior())
STEPS = 14


def fit(X=X, y=Y, family=None, model=MODEL, **options):
    """A run of a few steps, 192 normals a step on all rows."""
    options = {"rng": 0, "start": None, "max_steps": STEPS} | options
    return mb.fit(model, family or mb.MeanField(), X, y, **options)


BY_STEP = {"callback": lambda info: None}  # not many steps as one program


@pytest.fixture(autouse=True)
def unrecorded(request, monkeypatch):
    """Steps run directly, which for so few is quicker, but in tests named "recorded"."""
    if "recorded" not in request.node.name:
        monkeypatch.setattr(
            one_step, "proved_program", lambda step, inputs, *rest: Direct(step, inputs)
        )
        monkeypatch.setattr(many_steps, "proved_scan", lambda *args: None)


def stop_after(steps, error=StopIteration):
    """A callback that ends the run after so many steps."""

    def callback(info):
        if info.step + 1 == steps:
            raise error

    return callback


def in_file(path):
    """The step in a checkpoint."""
    return read(path, "checkpoint")[0]["step"]


def keeper(path, every=10**6):
    """A checkpoint that is written at the end alone."""
    return mb.Checkpoint(path, every)


# --- edges: of a block of normals, of an epoch, of the run ----------------------------

EDGES = {
    "all rows": {},
    "float32": {"X": X.astype(np.float32)},
    "samples": {"n_samples": 2},
    "whole epochs": {"batch_size": 8},  # every third step uses up a permutation
    "rest of an epoch": {"batch_size": 7},
    "one batch an epoch": {"batch_size": 23},
    "replicas": {"replicas": 2},
    "float32 replicas with data of their own, in batches": {
        "replicas": 2, "batch_size": 8,
        "X": np.stack([X, X[::-1]]).astype(np.float32), "y": np.stack([Y, Y[::-1]]),
    },
    "pathwise": {"estimator": mb.Pathwise(), "n_samples": 3},
    "a full covariance": {"family": mb.FullCovariance()},
    "a long step": {"n_samples": 6},  # more than a block in one step
}  # fmt: skip


BLOCKS = [384, *(pytest.param(n, marks=pytest.mark.slow) for n in (192, 576, 1152))]


@pytest.mark.sample(3)
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("name", EDGES)
def test_wherever_it_stops_in_a_block_or_an_epoch(name, block, tmp_path, monkeypatch):
    """A block of 384 normals is two steps on all rows: before, at, after and two on."""
    check_stops(name, block, (1, 2, 3, 4, STEPS), tmp_path, monkeypatch)


RECORDED = {"all rows", "float32", "whole epochs"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n in RECORDED else pytest.mark.slow) for n in EDGES],
)
def test_the_same_with_recorded_steps(name, tmp_path, monkeypatch):
    check_stops(name, 384, (2, 3), tmp_path, monkeypatch)


def check_stops(name, block, stops, tmp_path, monkeypatch):
    """Stop a run after so many steps, go on: is it the run never stopped?"""
    monkeypatch.setattr(normals, "BLOCK", block)
    whole = fit(**EDGES[name])
    for stop in stops:
        path = tmp_path / f"{stop}.npz"
        paused = fit(
            **EDGES[name], checkpoint=keeper(path), callback=stop_after(stop)
        )
        assert (paused.stop_reason, in_file(path)) == ("callback", stop)
        assert_same(fit(**EDGES[name], checkpoint=keeper(path)), whole)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_block_of_normals_used_up_exactly(dtype, tmp_path):
    """64 normals a row and step: 32768 are used up by 16 steps of 32 rows."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(32, 2)).astype(dtype)
    model = mb.Model(mb.MLP([2, 63, 1], "tanh"), mb.Gaussian(0.3), mb.GaussianPrior())
    options = {"X": data, "y": data[:, 0], "model": model, "max_steps": 35}
    whole = fit(**options)
    for stop in (15, 16, 17, 32):
        path = tmp_path / f"{stop}.npz"
        fit(**options, checkpoint=keeper(path), callback=stop_after(stop))
        assert_same(fit(**options, checkpoint=keeper(path)), whole)


def test_restarts_that_end_at_the_edge_of_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr(normals, "BLOCK", 384)
    path, seen = tmp_path / "run.npz", []

    def callback(info):
        seen.append(info.step)
        if len(seen) == STEPS + 4:  # in the second restart
            raise KeyboardInterrupt

    options = {"restarts": 3}
    fit(**options, checkpoint=keeper(path), callback=callback)
    assert in_file(tmp_path / "run.1.npz") == 4
    whole, again = fit(**options), fit(**options, checkpoint=keeper(path))
    assert_same(again, whole)
    assert again.restarts == whole.restarts


# --- whatever ends it, the last whole step is in the file -----------------------------


class OwnError(Exception):
    """Of somebody's callback."""


ENDS = [StopIteration, KeyboardInterrupt, SystemExit, OwnError, MemoryError]


@pytest.mark.parametrize("error", ENDS)
@pytest.mark.parametrize("stop", [1, 5, STEPS])
def test_what_a_callback_raises_leaves_its_step_in_the_file(error, stop, tmp_path):
    path = tmp_path / "run.npz"
    call = {"checkpoint": keeper(path, 4), "callback": stop_after(stop, error)}
    if error in (StopIteration, KeyboardInterrupt):
        result = fit(**call)
        assert len(result.history["loss"]) == stop
        theta = np.concatenate(list(result.params.values()))
        np.testing.assert_array_equal(theta, read(path, "checkpoint")[1]["theta"])
    else:
        with pytest.raises(error):
            fit(**call)
    assert in_file(path) == stop
    again = fit(checkpoint=keeper(path))
    assert_same(again, fit())
    assert len(again.history["loss"]) == STEPS  # and not one more


MOMENTS = [
    (batches.Batches, "next"), (batches.Batches, "gather"),
    (normals.Normals, "fill"), (one_step.OneStep, "evaluate"),
    (one_step.OneStep, "update"), (mb.Adam, "rates"),
    (mb.Checkpoint, "due"), (mb.Checkpoint, "save"),
]  # fmt: skip


@pytest.mark.sample(3)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda m: f"{m[0].__name__}.{m[1]}")
def test_ctrl_c_in_the_middle_of_a_step(moment, after, tmp_path, monkeypatch):
    """Noise and rows are taken, memory is moved: the file holds the step before."""
    check_broken_off(moment, after, tmp_path, monkeypatch)


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", ["run", "fill"])
@pytest.mark.parametrize("after", [False, True])
def test_ctrl_c_in_recorded_steps(name, after, tmp_path, monkeypatch):
    check_broken_off((many_steps.ManySteps, name), after, tmp_path, monkeypatch)


def check_broken_off(moment, after, tmp_path, monkeypatch):
    """Ctrl-C at or after the fourth call: the file is whole and goes on truly."""
    path, (place, name) = tmp_path / "run.npz", moment
    real, calls = getattr(place, name), []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) != 4:
            return real(self, *args)
        if after:
            real(self, *args)
        raise KeyboardInterrupt

    options = {"batch_size": 7, "max_steps": 20}
    whole = fit(**options)
    with monkeypatch.context() as patch:
        patch.setattr(place, name, interrupted)
        result = fit(**options, checkpoint=keeper(path, 3))
    assert len(calls) >= 4
    assert result.stop_reason == "interrupted"
    steps = len(result.history["loss"])
    if path.exists():  # else it was before the first step
        facts, arrays = read(path, "checkpoint")
        assert facts["step"] == steps
        theta = np.concatenate(list(result.params.values()))
        np.testing.assert_array_equal(theta, arrays["theta"])
    else:
        assert steps == 0
    assert_same(fit(**options, checkpoint=keeper(path)), whole)


RULES = {
    "plateau": mb.Plateau(window=3, z=50.0),
    "stop": lambda history: len(history["loss"]) == 5,
}


@pytest.mark.parametrize("reason", RULES)
def test_a_run_that_a_rule_has_ended_stays_ended(reason, tmp_path):
    path = tmp_path / "run.npz"
    options = {"stop": RULES[reason], "optimizer": mb.Adam(0.01)}
    first = fit(**options, checkpoint=keeper(path))
    assert first.stop_reason == reason
    steps = len(first.history["loss"])
    assert steps < STEPS
    assert in_file(path) == steps
    assert_same(fit(**options, checkpoint=keeper(path)), first)
    more = fit(**options, checkpoint=keeper(path), max_steps=2 * STEPS)
    assert_same(more, first)


@pytest.mark.parametrize("error", [OwnError, KeyboardInterrupt])
def test_a_rule_that_fails_in_recorded_steps_leaves_a_step_to_go_on_from(error, tmp_path):
    path, alive = tmp_path / "run.npz", []

    def rule(history):
        if len(history["loss"]) == 9 and not alive:
            raise error
        return False

    def run():
        return fit(stop=rule, checkpoint=keeper(path, 4))

    if error is OwnError:
        with pytest.raises(error):
            run()
    else:
        assert len(run().history["loss"]) == 8
    assert in_file(path) == 8  # the last before the nine were made as one program
    alive.append(1)
    assert_same(run(), fit(stop=rule))


DIVERGES = [
    {"optimizer": mb.SGD(1e3), "max_steps": 500},
    {"optimizer": mb.SGD(lambda step, n: 1e-3 if step < 21 else 1e308)},
    {"optimizer": mb.SGD(lambda step, n: 1e-3 if step < 22 else 1e308)},
    {"optimizer": mb.SGD(lambda step, n: 1e-3 if step < 21 else -1.0)},
    {"optimizer": mb.SGD(0.2), "family": mb.MeanField("identity")},
]


@pytest.mark.parametrize("number", range(len(DIVERGES)))
@pytest.mark.parametrize("by_step", [False, True])
def test_a_run_that_diverges_leaves_its_last_whole_step(number, by_step, tmp_path):
    path, options = tmp_path / "run.npz", {"max_steps": 23} | DIVERGES[number]
    options |= {"model": world.LINE, "X": world.X, "y": world.REALS, "start": None}
    looks = BY_STEP if by_step else {}
    errors = []
    for _ in range(2):  # the second run begins where the first has ended
        with pytest.raises(ValueError, match="step") as caught:
            fit(**options, **looks, checkpoint=keeper(path))
        errors.append(str(caught.value))
    assert errors[0] == errors[1]
    facts, arrays = read(path, "checkpoint")
    assert np.isfinite(arrays["good"]).all()
    failed = int(re.search(r"step (\d+)", errors[0]).group(1))
    assert facts["step"] == len(arrays["history.loss"]) <= failed
    assert facts["step"] == failed or not by_step
    assert facts["stop_reason"] is None


def test_a_full_disk_does_not_hide_what_ended_the_run(tmp_path, monkeypatch):
    def full(*args):
        raise StorageError("no space left")

    def breaks(info):
        monkeypatch.setattr("minibnn.svi.checkpoint.write", full)
        raise KeyboardInterrupt if info.step else OwnError

    with pytest.warns(UserWarning, match="not saved: no space"), pytest.raises(OwnError):
        fit(checkpoint=keeper(tmp_path / "run.npz"), callback=breaks)


def test_ctrl_c_on_a_full_disk_returns_the_result(tmp_path, monkeypatch):
    def full(*args):
        raise StorageError("no space left")

    monkeypatch.setattr("minibnn.svi.checkpoint.write", full)
    with pytest.warns(UserWarning, match="the end of the run is not saved"):
        result = fit(
            checkpoint=keeper(tmp_path / "run.npz"),
            callback=stop_after(3, KeyboardInterrupt),
        )
    assert result.stop_reason == "interrupted"
    assert len(result.history["loss"]) == 3


# --- more steps, other options: the message and its remedies --------------------------

STEADY = {
    "constant": {"optimizer": mb.Adam(0.01)},
    "Robbins-Monro": {"optimizer": mb.SGD(mb.RobbinsMonro(1e-3))},
    "in batches": {"optimizer": mb.Momentum(1e-3), "batch_size": 7},
    "restarts": {"optimizer": mb.Adam(0.01), "restarts": 2},
    "replicas": {"optimizer": mb.Adam(0.01), "replicas": 2},
}


@pytest.mark.parametrize("name", STEADY)
def test_a_run_goes_on_with_more_steps_where_its_schedule_allows(name, tmp_path):
    """Step sizes that do not look at max_steps: 9 + 5 + 7 steps are 21 steps."""
    path = tmp_path / "run.npz"
    for steps in (9, 14, 21):
        options = STEADY[name] | {"max_steps": steps}
        result = fit(**options, checkpoint=keeper(path))
        assert_same(result, fit(**options))
    with pytest.raises(StorageError, match="max_steps is 21 in the file, 20 here"):
        fit(**STEADY[name], max_steps=20, checkpoint=keeper(path))


def test_a_paused_run_may_end_sooner(tmp_path):
    path, options = tmp_path / "run.npz", {"optimizer": mb.Adam(0.01)}
    fit(**options, checkpoint=keeper(path), callback=stop_after(4))
    short = fit(**options, max_steps=6, checkpoint=keeper(path))
    assert_same(short, fit(**options, max_steps=6))


OTHER = {
    "max_steps": {"max_steps": 20},
    "optimizer": {"optimizer": mb.Adam(0.02)},
    "an optimiser's own number": {"optimizer": mb.Adam(mb.Cosine(0.02), beta1=0.8)},
    "batch_size": {"batch_size": 7},
    "n_samples": {"n_samples": 2},
    "kl_weight": {"kl_weight": 0.5},
    "kl_warmup": {"kl_warmup": 0.5},
    "stop": {"stop": mb.Plateau(5)},
    "estimator": {"estimator": mb.Pathwise()},
    "X": {"X": X + 1},
    "dtype": {"X": X.astype(np.float32)},
    "y": {"y": 1 - Y},
    "rows": {"X": X[:20], "y": Y[:20]},
    "rng": {"rng": 7},
    "no rng": {"rng": None},
    "start": {"start": "lbfgs"},
}
SAYS = {
    "max_steps": "max_steps is 14 in the file, 20 here (with that the 14 steps it has",
    "optimizer": "optimizer is Adam(Cosine(0.02, final=0)) in the file, Adam(0.02) here",
    "an optimiser's own number": "optimizer has other values, Adam(Cosine(0.02, fin",
    "batch_size": "batch_size is None in the file, 7 here",
    "X": "X has other values, float64 (24, 2) as before",
    "dtype": "X is float64 (24, 2) in the file, float32 (24, 2) here",
    "y": "y has other values, float64 (24, 1) as before",
    "rows": "X is float64 (24, 2) in the file, float64 (20, 2) here; y is",
    "rng": "rng is 0 in the file, 7 here",
    "no rng": "rng is 0 in the file, None here",
}


@pytest.mark.parametrize("name", OTHER)
def test_the_remedies_of_a_refusal_work(name, tmp_path):
    """Word by word: with what the file has; from its parameters; from nothing."""
    path = tmp_path / "run.npz"
    before = fit(checkpoint=path)
    with pytest.raises(StorageError) as caught:
        fit(**OTHER[name], checkpoint=path)
    message = str(caught.value)
    assert SAYS.get(name, f"{name} is ") in message
    assert_same(fit(checkpoint=path), before)
    code = re.search(r"start=(mb\.Checkpoint\(.*?\)\.params\(\))", message).group(1)
    start = eval(code, {"mb": mb})
    options = OTHER[name] | {"start": start}
    result = fit(**options, checkpoint=tmp_path / "another.npz")
    assert result.stop_reason == "max_steps"
    np.testing.assert_allclose(start["mu"], before.params["mu"], atol=0.03)
    path.unlink()
    fit(**OTHER[name], checkpoint=path)


SHAPES = {
    "model": {"model": mb.Model(mb.MLP([2, 4, 1]), mb.Bernoulli(), mb.GaussianPrior())},
    "family": {"family": mb.FullCovariance()},
    "replicas": {"replicas": 2},
}


@pytest.mark.parametrize("name", SHAPES)
def test_no_remedy_is_offered_that_does_not_fit(name, tmp_path):
    path = tmp_path / "run.npz"
    fit(checkpoint=path)
    with pytest.raises(StorageError, match=f"run: .*{name} is ") as caught:
        fit(**SHAPES[name], checkpoint=path)
    assert "params()" not in str(caught.value)
    assert str(caught.value).endswith("Use another path or delete it.")
    fit(**SHAPES[name], checkpoint=tmp_path / "another.npz")


class Own(mb.GaussianPrior):
    """A prior of somebody's own, which no file could rebuild."""


class Halt:
    """A rule of somebody's own."""

    def __init__(self, at):
        self.at = at

    def __call__(self, history):
        return len(history["loss"]) >= self.at


def test_parts_of_somebodys_own_are_told_apart(tmp_path):
    """By their classes and arguments; the same ones go on."""
    path = tmp_path / "run.npz"

    def run(width=7, scale=1.0, at=4):
        net = mb.MLP([2, width, 1], "tanh")
        model = mb.Model(net, mb.Bernoulli(), Own(0.0, scale))
        return fit(model=model, stop=Halt(at), checkpoint=path)

    first = run()
    assert_same(run(), first)
    for change in ({"width": 8}, {"scale": 2.0}, {"at": 5}):
        with pytest.raises(StorageError, match="another run"):
            run(**change)


def test_a_file_of_another_version_says_so(tmp_path):
    path = tmp_path / "run.npz"
    fit(checkpoint=path)
    facts, arrays = read(path, "checkpoint")
    write(path, "checkpoint", facts | {"version": "0.0.7"}, arrays)
    with pytest.raises(StorageError, match=r"\(It is of minibnn 0\.0\.7\.\)"):
        fit(checkpoint=path, n_samples=2)
    fit(checkpoint=path)
    write(path, "checkpoint", facts | {"run": "0a1b"}, arrays)
    with pytest.raises(StorageError, match="written by another version"):
        fit(checkpoint=path)
