"""What one thread does is nothing to the others: equal seeds are equal beside any."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support import bad_inputs as world
from support.saved_runs import assert_same

import minibnn as mb
from minibnn.diagnosis.screen import prepared
from minibnn.families.scales import softplus_scale
from minibnn.priors.gaussian_kl import gaussian_kl
from minibnn.storage import read, write
from minibnn.tape import Direct, Program, proved_program, tape
from minibnn.tape.tape import NotRecordable, Tape

RNG = np.random.default_rng(8)


@pytest.fixture
def recording_neighbour():
    """Another thread, which records all the while."""
    inside, leave = threading.Event(), threading.Event()

    def record():
        with Tape():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=record)
    thread.start()
    assert inside.wait(60)
    yield
    leave.set()
    thread.join()


def run(k=0, dtype=float, **options):
    """A fit, one of a few kinds."""
    rng = np.random.default_rng(k)
    rows, depth, width = [(40, 3, 8), (60, 5, 12), (30, 8, 6)][k % 3]
    X = rng.normal(size=(rows, depth)).astype(dtype)
    y = np.sin(X[:, 0]) + 0.1 * rng.normal(size=rows)
    likelihood = mb.Gaussian("learned") if k % 2 else mb.Bernoulli()
    y = y if k % 2 else (y > 0).astype(float)
    model = mb.Model(mb.MLP([depth, width, 1]), likelihood, mb.GaussianPrior())
    options = {"rng": k, "max_steps": 8} | options
    return mb.fit(model, mb.MeanField(), X, y, **options)


S = np.exp(RNG.normal(size=200))
VALUES = {
    "E41": lambda: gaussian_kl(0 * S, S, np.log(S), 0.0, S * (1 + 1e-9))[0],
    "E41 in float32": lambda: gaussian_kl(
        *(a.astype(np.float32) for a in (0 * S, S, np.log(S), 0 * S, S))
    )[2],
    "log sigma": lambda: softplus_scale(np.log(np.expm1(1 + 1e-9 * S)))[0][1],
    "neg_elbo": lambda: world.loss()[0],
    "fit": lambda: run().elbo,
    "fit in float32": lambda: run(1, np.float32).params["mu"],
    "L-BFGS": lambda: run(2, start="lbfgs", max_steps=1).params["rho"],
    "restarts": lambda: run(restarts=2).elbo,
    "replicas": lambda: run(replicas=2).elbo,
    "predict": lambda: world.RESULT.predict(world.X, n_samples=50).mean,
    "hmc": lambda: world.hmc().weights,
    "laplace": lambda: mb.laplace(
        world.LINE, world.X, world.REALS, np.zeros(3), rng=0
    ).predict(world.X).mean,
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", VALUES)
def test_beside_a_thread_that_records(name, request):
    alone = VALUES[name]()
    request.getfixturevalue("recording_neighbour")
    np.testing.assert_array_equal(VALUES[name](), alone)
    assert not tape.TAPES.recorded


def test_fits_in_a_pool_of_threads_are_those_in_turn():
    kinds = [(0, np.float64), (1, np.float32), (1, np.float64)]
    alone = [run(*kind, start=None) for kind in kinds]
    with ThreadPoolExecutor(3) as pool:
        beside = list(pool.map(lambda kind: run(*kind, start=None), kinds))
    for one, other in zip(alone, beside, strict=True):
        assert_same(one, other)


def test_a_step_that_computes_in_another_thread_is_not_recorded():
    """Which would be noted nowhere; it runs as it is."""

    def function(x):
        with ThreadPoolExecutor(1) as pool:
            return {"y": pool.submit(np.exp, x).result() + 0.0}

    x = np.array([0.5, 1.5])
    with pytest.raises(NotRecordable, match="another thread"):
        Program(function, {"x": x})
    made = proved_program(function, {"x": x}, lambda: np.negative(x, out=x))
    assert isinstance(made, Direct)
    np.testing.assert_array_equal(made.outputs["y"], np.exp(x))


def test_checks_that_overlap_leave_the_filters_of_warnings_alone():
    """The first to begin ends first: what it found is not put back by the second."""
    begun, go_on = threading.Event(), threading.Event()

    before = list(warnings.filters)
    x = np.array([0.5, 1.5])
    reports = []
    thread = threading.Thread(
        target=lambda: reports.append(mb.check_gradient(slow, lambda x: 2 * x, x))
    )

    def slow(x):
        if not np.iscomplexobj(x):
            return np.sum(x**2)
        begun.set()
        assert go_on.wait(60)
        return np.sum(x**2)

    def nested(x):
        if np.iscomplexobj(x) and not begun.is_set():
            thread.start()  # the other begins while this one is under way
            assert begun.wait(60)
        out = np.zeros(x.shape)
        out[:] = x  # a cast, which drops the imaginary part
        return np.sum(out**2)

    reports.append(mb.check_gradient(nested, lambda x: 2 * x, x))
    go_on.set()
    thread.join()
    assert [report.verdict for report in reports] == ["agrees", "agrees"]
    assert warnings.filters == before


def test_two_threads_write_one_file(tmp_path, monkeypatch):
    """Each writes aside for itself; the last to finish stays, whole."""
    path, together = tmp_path / "run.npz", threading.Barrier(2, timeout=60)
    monkeypatch.setattr("minibnn.storage.os.fsync", lambda _: together.wait())
    arrays = [{"a": np.full(1000, float(k))} for k in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda a: write(path, "test", {}, a), arrays))
    assert np.ptp(read(path, "test")[1]["a"]) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]


def test_diagnoses_of_several_cases_do_not_mix():
    """The last case is kept for the next submission: in each thread its own."""
    cases = [mb.points.generic(world.YES_NO, mb.MeanField(), rng=k) for k in range(4)]

    def verdict(k):
        return mb.diagnose(cases[k % 4].gradient(), cases[k % 4]).verdict

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(verdict, range(12))) == {"no mistake"}


def test_the_last_case_is_kept_in_each_thread():
    case, other = (mb.points.generic(world.YES_NO, mb.MeanField(), rng=k) for k in (0, 1))
    chain = prepared(case)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(prepared, other).result().case is other
    assert prepared(case) is chain
