"""Equal seeds give equal bits, in every process; streams do not disturb each other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import bad_inputs as world
from support.saved_runs import assert_same

import minibnn as mb
from minibnn import datasets
from minibnn.rng import NAMES, Streams, run_seeds, seed_sequence

STILL = mb.SGD(lambda step, max_steps: 0.0)
VARIANTS = {
    "plain": {},
    "start": {"start": "auto"},
    "batches": {"batch_size": 5},
    "samples": {"n_samples": 3, "estimator": mb.Pathwise()},
    "replicas": {"replicas": 2, "batch_size": 5},
    "restarts": {"restarts": 2},
    "float32": {"X": world.X.astype(np.float32)},
    "full": {"family": mb.FullCovariance()},
}


def run(name):
    return world.fit(rng=3, max_steps=12, **VARIANTS[name])


# --- the same numbers again ----------------------------------------------------------


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", VARIANTS)
def test_repeated_runs_are_equal_to_the_bit(name):
    first = run(name)
    np.random.default_rng(0).normal(size=1000)  # other memory, other history
    world.fit(rng=9, max_steps=3, **VARIANTS[name])
    second = run(name)
    assert_same(first, second)
    one, two = (r.predict(world.X, n_samples=9) for r in (first, second))
    np.testing.assert_array_equal(one.samples, two.samples)
    np.testing.assert_array_equal(one.interval(0.8), two.interval(0.8))


CHILD = """
import sys, json
sys.path.insert(0, {tests!r})
import numpy as np
from support import bad_inputs as world
import minibnn as mb

def words(*arrays):
    return [np.asarray(a, dtype=float).ravel().view(np.uint64).tolist() for a in arrays]

result = world.fit(rng=3, max_steps=12, batch_size=5, start="auto")
chains = world.hmc(rng=5)
pred = result.predict(world.X, n_samples=9)
data = mb.datasets.rupture(rng=4)
print(json.dumps(words(*result.params.values(), result.history["loss"], result.elbo,
    chains.weights, pred.mean, *pred.interval(0.5), data.X[:50], data.y[:50])))
"""
BIG = """
import json
import numpy as np
import minibnn as mb
rng = np.random.default_rng(0)
X, w = rng.normal(size=(150, 300)), rng.normal(size=300)
model = mb.Model(mb.MLP([300, 64, 1]), mb.Gaussian(0.5), mb.GaussianPrior.fan_in(
    mb.MLP([300, 64, 1])))
result = mb.fit(model, mb.MeanField(), X, X @ w / 17, rng=0, start=None, max_steps=6,
                n_samples=2, optimizer=mb.Adam(1e-3))
pred = result.predict(X, n_samples=20)
print(json.dumps([a.tolist() for a in (result.params["mu"], result.params["rho"],
    result.history["loss"], pred.mean, pred.std)]))
"""


def in_another_process(code, threads=1):
    here = Path(__file__).parents[1]
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    env = os.environ | dict.fromkeys(names, str(threads))
    env |= {"PYTHONPATH": str(here.parent), "PYTHONHASHSEED": "random"}
    command = [sys.executable, "-c", code.replace("{tests!r}", repr(str(here)))]
    done = subprocess.run(command, env=env, check=True, capture_output=True)
    return json.loads(done.stdout)


@pytest.mark.optional
def test_processes_agree_to_the_bit():
    assert in_another_process(CHILD) == in_another_process(CHILD)


@pytest.mark.optional
def test_one_and_two_threads_agree():
    """Sums of products in another order: 1e-12 of the largest number, after 6 steps."""
    runs = (in_another_process(BIG, threads) for threads in (1, 2))
    for pair in zip(*runs, strict=True):
        one, two = map(np.array, pair)
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-12 * np.abs(one).max())


# --- named streams -------------------------------------------------------------------


def test_the_documented_streams_in_the_documented_order():
    assert NAMES == ("init", "batches", "noise", "validation", "prediction")
    streams = Streams(run_seeds(3, 1)[0])
    children = np.random.SeedSequence(3).spawn(1)[0].spawn(5)
    for name, child in zip(NAMES, children, strict=True):
        want = np.random.default_rng(child).random(4)
        np.testing.assert_array_equal(getattr(streams, name).random(4), want)
    want = np.random.default_rng(children[4]).random(4)
    got = np.random.default_rng(streams.prediction_seed).random(4)
    np.testing.assert_array_equal(got, want)


def test_the_streams_share_no_numbers():
    streams = Streams(run_seeds(3, 1)[0])
    draws = np.concatenate([getattr(streams, name).random(1000) for name in NAMES])
    assert len(np.unique(draws)) == len(draws)
    assert len({str(s.generate_state(4)) for s in run_seeds(3, 50)}) == 50


def spied(monkeypatch, **options):
    """A run and where its streams ended."""
    seen = []
    real = Streams.__init__

    def init(self, seed):
        real(self, seed)
        seen.append(self)

    monkeypatch.setattr(Streams, "__init__", init)
    world.fit(rng=3, **options)
    monkeypatch.undo()
    return {name: getattr(seen[0], name).bit_generator.state for name in NAMES}


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ({"n_samples": 7}, set()),  # a longer piece of the same noise
        ({"batch_size": 5}, {"batches"}),
        ({"batch_size": 3}, {"batches"}),
        ({"max_steps": 9}, set()),
        ({"kl_warmup": 0.5}, set()),
        ({"optimizer": mb.SGD(1e-4)}, set()),
        ({"start": "lbfgs"}, {"init"}),
    ],
    ids=str,
)
def test_an_option_moves_its_own_stream_only(change, moved, monkeypatch):
    before, after = spied(monkeypatch), spied(monkeypatch, **change)
    differ = {name for name in NAMES if before[name] != after[name]}
    assert differ - {"noise"} == moved


def test_samples_and_batch_size_leave_start_order_and_noise_alone(monkeypatch):
    starts = [
        world.fit(rng=3, max_steps=1, optimizer=STILL, **options).params["mu"]
        for options in ({}, {"n_samples": 9}, {"batch_size": 3}, {"batch_size": 5})
    ]
    for start in starts[1:]:
        np.testing.assert_array_equal(start, starts[0])
    orders = []
    for samples in (1, 4):
        streams = Streams(run_seeds(3, 1)[0])
        streams.noise.standard_normal((samples, 50))
        orders.append(streams.batches.permutation(12))
    np.testing.assert_array_equal(*orders)


def test_the_first_restart_and_replica_are_the_single_run():
    one = world.fit(rng=3, max_steps=5)
    many = world.fit(rng=3, max_steps=5, replicas=3)
    np.testing.assert_allclose(many.params["mu"][0], one.params["mu"], atol=1e-12)
    assert world.fit(rng=3, max_steps=5, restarts=2).restarts[0][0] == one.elbo


def test_predicting_never_advances_anything():
    result, plain = run("plain"), run("plain")
    first = result.predict(world.X, n_samples=9).samples
    result.predict(world.X[:2], n_samples=50).interval(0.5)
    result.sample_weights(20)
    np.testing.assert_array_equal(result.predict(world.X, n_samples=9).samples, first)
    assert_same(result, plain)
    chains = world.hmc(rng=1)
    mean = chains.predict(world.X).mean
    chains.predict(world.X[:1]).interval()
    np.testing.assert_array_equal(chains.predict(world.X).mean, mean)


def test_more_samples_begin_with_the_same_ones():
    result = run("plain")
    few, many = result.sample_weights(7), result.sample_weights(100)
    np.testing.assert_array_equal(many[:7], few)


def test_a_seed_sequence_is_not_used_up_and_a_generator_moves_once():
    seed = np.random.SeedSequence(5)
    assert_same(world.fit(rng=seed), world.fit(rng=seed))
    assert seed.n_children_spawned == 0
    generator, twin = np.random.default_rng(5), np.random.default_rng(5)
    seed_sequence(generator)
    twin.integers(0, 2**32, 4)
    assert generator.bit_generator.state == twin.bit_generator.state


# --- the global state ----------------------------------------------------------------

CALLS = {
    "fit": lambda: world.fit(start="auto", batch_size=5, restarts=2).elbo,
    "full": lambda: world.fit(family=mb.FullCovariance()).elbo,
    "predict": lambda: world.RESULT.predict(world.X, n_samples=5).mean,
    "interval": lambda: world.RESULT.predict(world.X, n_samples=5).interval()[0],
    "hmc": lambda: world.hmc().weights,
    "ais": lambda: mb.ais(
        world.LINE, world.X, world.REALS, rng=0, n_particles=4, n_temperatures=3
    ).log_evidence,
    "laplace": lambda: mb.laplace(
        world.YES_NO, world.X, world.Y, np.zeros(world.P), rng=0
    ).predict(world.X).mean,
    "init": lambda: world.FAMILY.init(world.YES_NO, rng=0)["mu"],
    "datasets": lambda: datasets.rupture(rng=0).X,
    "check_gradient": lambda: world.checked().error,
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_the_global_state_is_neither_written_nor_read(name):
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()  # noqa: NPY002
    first = CALLS[name]()
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(CALLS[name](), first)


def test_none_is_a_new_seed_every_time():
    a, b = world.fit(rng=None), world.fit(rng=None)
    assert np.any(a.params["mu"] != b.params["mu"])
    np.random.seed(0)  # noqa: NPY002
    c = world.fit(rng=None)
    np.random.seed(0)  # noqa: NPY002
    assert np.any(world.fit(rng=None).params["mu"] != c.params["mu"])
