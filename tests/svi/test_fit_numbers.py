"""The numbers a fit chooses by and tells, one exact case each.

Where a part of the loop is replaced, it is by something whose answer is known.
"""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from support.core_oracles import regression_data

import minibnn as mb
from minibnn.optim.slowing import Slowing
from minibnn.rng import Streams, run_seeds, seed_sequence
from minibnn.svi import begin, best_start, closing
from minibnn.svi import replicas as restarts
from minibnn.svi.batches import Batches, Order
from minibnn.svi.history import columns
from minibnn.svi.job import Job
from minibnn.svi.options import Options, check_options, default_optimizer
from minibnn.svi.params import Flat
from minibnn.svi.start import bounds, lbfgs_start, worth_a_start
from minibnn.svi.state import State

X, Y = regression_data()
LINEAR = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.5), mb.GaussianPrior(0.0, 1.5))
FAMILY = mb.MeanField()
STILL = mb.SGD(lambda step, max_steps: 0.0)
SHORT = {"rng": 0, "start": None, "max_steps": 4, "optimizer": STILL}


def fit(**options):
    model, family = options.pop("model", LINEAR), options.pop("family", FAMILY)
    return mb.fit(model, family, X, Y, **(SHORT | options))


# --- defaults ------------------------------------------------------------------------

DEFAULTS = {
    mb.fit: {
        "n_samples": 1, "batch_size": None, "optimizer": None, "max_steps": "auto",
        "start": "auto", "stop": None, "kl_weight": 1.0, "kl_warmup": 0.0,
        "restarts": 1, "replicas": None, "clip": None,
    },
    mb.hmc: {
        "n_chains": 4, "n_draws": "auto", "max_draws": 3000, "watch": None,
        "n_warmup": 500, "path_length": 2.5,
        "max_leapfrog": 1000, "target_accept": 0.8, "init": None,
    },
    mb.ais: {"n_particles": 32, "n_temperatures": 500, "n_leapfrog": 20},
    mb.FitResult.predict: {"n_samples": 1000, "rng": None},
    mb.Adam: {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    mb.Momentum: {"beta": 0.9},
    mb.RobbinsMonro: {"delay": 100.0, "power": 0.75},
    mb.Cosine: {"final": 0.0, "steps": None},
    mb.Plateau: {"window": 200, "z": 1.0},
    mb.Checkpoint: {"every": 100},
    mb.MeanField: {"scale": "softplus", "sigma": 0.05},
    mb.Gaussian: {"scale": 1.0, "log_scale_prior": (0.0, 1.0)},
    mb.StudentT: {"scale": 1.0, "log_scale_prior": (0.0, 1.0)},
    mb.ScaleMixturePrior: {"pi": 0.5, "s1": 1.0, "s2": 0.0025},
}  # fmt: skip


@pytest.mark.parametrize("function", DEFAULTS, ids=lambda f: f.__qualname__)
def test_what_is_not_said(function):
    """A default is part of every answer that was got without saying it."""
    parameters = inspect.signature(function).parameters
    wanted = DEFAULTS[function]
    assert {name: parameters[name].default for name in wanted} == wanted


def test_the_default_optimizer():
    assert repr(default_optimizer()) == "Adam(Cosine(0.02, final=0))"


# --- seeds ---------------------------------------------------------------------------


def test_a_seed_sequence_keeps_its_branch_and_a_generator_gives_four_words():
    branch = np.random.SeedSequence(3).spawn(2)[1]
    assert seed_sequence(branch).spawn_key == (1,)
    words = np.random.default_rng(7).integers(0, 2**32, 4).tolist()
    assert seed_sequence(np.random.default_rng(7)).entropy == words


def test_predictions_of_replicas_begin_with_the_first_ones_seed():
    for options in ({}, {"replicas": 3}):
        assert fit(**options).prediction_seed.spawn_key == (0, 4)


# --- schedules -----------------------------------------------------------------------


def options_of(**given):
    """Options as ``fit`` makes them."""
    names = Options.__dataclass_fields__
    plain = dict.fromkeys(names) | {"n_samples": 1, "max_steps": 10, "verbose": False}
    return check_options(1, **(plain | {"kl_weight": 1.0, "kl_warmup": 0.0} | given))


def test_the_kl_weight_of_every_step():
    """Half of ten steps: 0, then a fifth more each, whole from step 5 on."""
    warm = options_of(kl_warmup=0.5, kl_weight=0.4)
    wanted = [0.0, 0.08, 0.16, 0.24, 0.32, 0.4, 0.4]
    assert warm.kl_weights_at(range(7)) == pytest.approx(wanted)
    assert warm.kl_weights_at(range(7)) == pytest.approx(wanted)
    assert options_of(kl_weight=0.4).kl_weights_at(range(2)) == [0.4, 0.4]


def test_the_step_size_of_every_step():
    """The schedule is asked for the step itself, 0 first, of ``max_steps``."""
    own = options_of(optimizer=mb.SGD(lambda step, most: step + most / 100))
    assert [own.rate_at(step) for step in (0, 3)] == [0.1, 3.1]
    cosine = mb.Cosine(3.0, final=1.0)
    got = [cosine(step, 4) for step in (0, 2, 4, 5)]
    assert got == pytest.approx([3.0, 2.0, 1.0, 1.0], abs=1e-15)
    assert mb.Cosine(3.0, final=1.0, steps=8)(2, 4) == pytest.approx(2 + np.sqrt(0.5))
    decay = mb.RobbinsMonro(0.6, delay=3, power=0.5 + 0.5)
    assert [decay(step, 99) for step in (0, 3)] == pytest.approx([0.6, 0.3])


@pytest.mark.parametrize(
    ("n_rows", "ahead"),
    [(10, [(5, 9)] * 2), (13, [(5, 2), (5, 1), (3, 1)]), (9, [(5, 1), (4, 1)])],
)
def test_how_many_batches_of_a_size_lie_ahead(n_rows, ahead):
    """Of nine that are wanted; the rest of an epoch is a batch of its own."""
    data = np.zeros((n_rows, 2)), np.zeros(n_rows)
    batches = Batches(*data, 5, Order([np.random.default_rng(0)], len(data[0])), False)
    for wanted in ahead * 2:  # the second epoch like the first
        assert batches.ahead(9) == wanted
        assert len(batches.next()) == wanted[0]


# --- the plateau rule ----------------------------------------------------------------


def history(loss, weight=1.0):
    return {"loss": list(loss), "kl_weight": np.broadcast_to(weight, len(loss))}


@pytest.mark.parametrize(
    ("loss", "z"),
    [
        ([3, 1, 2, 0], 1 / np.sqrt(2)),  # a fall of 1; variances 2 and 2
        ([4, 0, 1, 1], 1 / 2),  # of the first window alone
        ([2, 2, 3, -1], 1 / 2),  # of the last alone
        ([90, 50, 3, 1, 2, 0], 1 / np.sqrt(2)),  # two windows are looked at
    ],
)
def test_a_plateau_is_a_fall_of_less_than_z_standard_errors(loss, z):
    """[E76] fall <= z √((v_1 + v_2)/n) with n = 2 and variances over n - 1."""
    assert mb.Plateau(2, z=1.001 * z)(history(loss)) is True
    assert mb.Plateau(2, z=0.999 * z)(history(loss)) is False


def test_when_a_plateau_is_looked_for():
    rule = mb.Plateau(3)
    level = [rule(history(np.ones(n))) for n in range(1, 13)]
    assert level == [n in (6, 9, 12) for n in range(1, 13)]  # equal is no fall
    weights = np.linspace(0, 1, 12).clip(0, 0.5)  # constant from entry 6 on
    assert not rule(history(np.ones(9), weights[:9]))
    assert rule(history(np.ones(12), weights))


# --- the ELBO from fresh noise -------------------------------------------------------


def test_estimates_have_the_data_the_stream_and_the_rows_of_their_runs(monkeypatch):
    """A tenth of a step of 4 samples is 16 rows; replicas are estimated one by one."""
    seen = []

    def estimate(model, family, params, A, y, rng, samples, rows, progress):
        key = rng.bit_generator.seed_seq.spawn_key
        seen.append((rows, key, float(A[0, 0])))
        return np.float64(-len(seen)), np.float64(0.5 * len(seen))

    monkeypatch.setattr(closing, "estimate_elbo", estimate)
    found = fit(restarts=3)
    assert seen == [(16, (i, 3), X[0, 0]) for i in range(3)]
    assert found.restarts == [(-1.0, 0.5), (-2.0, 1.0), (-3.0, 1.5)]
    assert (found.elbo, found.elbo_se) == (-1.0, 0.5)
    seen.clear()
    stacked = np.stack([X, X + 1.0])
    many = mb.fit(LINEAR, FAMILY, stacked, np.stack([Y, Y]), replicas=2, **SHORT)
    assert seen == [(16, (i, 3), X[0, 0] + i) for i in range(2)]
    np.testing.assert_array_equal(many.elbo, [-1, -2])
    np.testing.assert_array_equal(many.elbo_se, [0.5, 1.0])
    assert (many.replica(1).elbo, many.replica(1).elbo_se) == (-2.0, 1.0)


# --- which run is kept ---------------------------------------------------------------


def ended(loss, value=None, reason="max_steps"):
    losses = np.array(loss, float)
    family = mb.Point() if value is None else FAMILY
    return SimpleNamespace(history={"loss": losses}, elbo=value, elbo_se=0.1,
                           stop_reason=reason, restarts=[], family=family)  # fmt: skip


@pytest.mark.parametrize(
    ("results", "best"),
    [
        ([ended([3, 2]), ended([0, 4]), ended([9, 1]), ended([2, 2])], 2),  # points
        ([ended([1], -3.0), ended([2], -2.0), ended([0], -4.0)], 1),
        ([ended([1], np.nan), ended([2], -np.inf), ended([0], -4.0)], 2),
        ([ended([1], np.array([-1, -9.0])), ended([2], np.array([-4, -4.0]))], 1),
        ([ended([1], -3.0), ended([], -1.0, "interrupted")], 0),  # no step taken
        ([ended([], -3.0), ended([], -1.0, "interrupted")], 1),
        ([ended([1], -3.0), ended([1], -1.0), ended([1], -2.0)], 1),
        ([ended([1]), ended([-np.inf]), ended([np.inf])], 0),
        ([ended([1], -2.0), ended([1], -2.0)], 0),  # the first of equals
    ],
)
def test_the_best_run_is_the_one_of_the_largest_elbo_or_smallest_last_loss(
    results, best
):
    assert best_start.choose(results) is results[best]


def test_a_full_covariance_starts_from_the_best_of_its_first_fits(monkeypatch):
    """Of two kinds by the mean of the last 100 ELBOs; of two basins on common noise."""
    series = np.full((4, 300), -50.0)  # runs 0 and 2 share a seed, as do 1 and 3
    series[0, :200], series[0, -1] = 0.0, 900.0  # good before, and one lucky step
    series[0, -100:-1] = -60.0
    series[2, -100:], series[1, -100:] = -30.0, -40.0
    asked = []

    def ends_of(jobs):
        for job in jobs:
            k = float(len(asked))
            params = {"mu": np.full(3, k), "rho": np.full(3, -2.0)}
            history = {"elbo": series[len(asked)].tolist()}
            asked.append(job)
            yield SimpleNamespace(history=history, params=lambda params=params: params)

    monkeypatch.setattr(restarts, "ends_of", ends_of)
    monkeypatch.setattr(restarts, "settle", lambda *args: None)
    monkeypatch.setattr(begin.Beginning, "curved", lambda self, i, params: params)
    monkeypatch.setattr(
        begin, "losses", lambda job, streams, i, params, n: params["mu"]
    )
    options = {"kl_warmup": 0.5, "n_samples": 4, "kl_weight": 0.7, "batch_size": 9}
    found = fit(family=mb.FullCovariance(), start="auto", stop=mb.Plateau(), **options)
    assert found.params["mu"].tolist() == [1.0] * 3
    assert restarts.FIRST_FITS == 2
    assert [own.options.kind for own in asked] == ["lbfgs", "lbfgs", "small", "small"]
    keys = [seed.spawn_key for seed in (own.seeds[0] for own in asked)]
    assert keys[:2] == keys[2:]
    assert len(set(keys)) == 2
    own = asked[0].options
    assert (own.n_samples, own.max_steps, own.kl_warmup) == (1, 10_000, 0)
    assert isinstance(own.stop, Slowing)
    assert (own.kl_weight, own.batch_size) == (0.7, 9)
    assert repr(own.optimizer) == repr(default_optimizer())


# --- the start -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_rows", "family", "exact", "wanted"),
    [
        (2000, FAMILY, False, True),  # 16 samples x 2000 rows x 125 weights
        (2001, FAMILY, False, False),
        (2001, FAMILY, True, True),
        (10, mb.Point(), False, False),
        (10, mb.FullCovariance(), False, False),
    ],
)
def test_where_the_start_pays(n_rows, family, exact, wanted):
    model = SimpleNamespace(n_weights=125)
    assert worth_a_start(model, family, n_rows, exact) is wanted


def test_what_the_start_minimises(monkeypatch):
    """16 standardised noises, 400 iterations; the value goes with the gradient."""
    seen = {}

    def minimize(fun, theta, **options):
        seen.update(options, theta=theta, at=fun(theta))
        return SimpleNamespace(fun=np.nan, x=theta + 1.0, status=1)

    monkeypatch.setattr("scipy.optimize.minimize", minimize)
    params = mb.MeanField("identity").init(LINEAR, rng=0)
    A, y = LINEAR.batch(X, Y)
    args = LINEAR, mb.MeanField("identity"), params, A, y, 0.3
    rng, twin = np.random.default_rng(1), np.random.default_rng(1)
    kept, promised = lbfgs_start(*args, rng, mb.Pathwise())
    assert np.isnan(promised)
    assert kept is params  # nothing finite was found
    assert seen["options"] == {"maxiter": 400}
    assert seen["bounds"] == [(None, None)] * 3 + [(1e-8, None)] * 3
    assert bounds(FAMILY, Flat(params)) is None
    eps = twin.standard_normal((16, 3))
    eps = (eps - eps.mean(0)) / eps.std(0)
    wanted = mb.neg_elbo(*args[:3], eps, X, Y, kl_weight=0.3)
    assert seen["at"][0] == pytest.approx(wanted[0], rel=1e-12)
    np.testing.assert_allclose(seen["at"][1], Flat(params).join(wanted[1]), rtol=1e-10)


@pytest.mark.parametrize(
    ("status", "slope", "moved"),
    [(0, 90, True), (0, 110, False), (1, 110, True)],  # 1: at the most iterations
)
def test_a_descent_lost_in_rounding_is_no_start(status, slope, moved, monkeypatch):
    """By 100 nats it fell, and says that it falls no more: a unit on, it would."""

    end = []

    def minimize(fun, theta, **options):
        jac = np.append(np.zeros(theta.size - 1), -slope)
        end.append(fun(theta)[0] - 100.0)
        return SimpleNamespace(fun=end[0], x=theta + 1.0, status=status, jac=jac)

    monkeypatch.setattr("scipy.optimize.minimize", minimize)
    params = FAMILY.init(LINEAR, rng=0)
    args = LINEAR, FAMILY, params, *LINEAR.batch(X, Y), 1.0, np.random.default_rng(0)
    found, promised = lbfgs_start(*args, mb.Pathwise())
    assert promised == end[0]
    np.testing.assert_array_equal(found["mu"], params["mu"] + moved)


def test_the_start_of_tasks_minimises_the_sum_of_their_losses(monkeypatch):
    seen = []

    def minimize(fun, theta, **options):
        step = 1e-6 * np.cos(np.arange(theta.size))
        (up, _), (down, _), (_, g) = fun(theta + step), fun(theta - step), fun(theta)
        seen.append((up - down, 2 * g @ step))
        return SimpleNamespace(fun=0.0, x=theta, status=1)

    monkeypatch.setattr("scipy.optimize.minimize", minimize)
    family = mb.InferenceNetwork(mb.MLP([2, 6]), np.eye(2))
    data = np.stack([X, X[::-1]]), np.stack([Y, 2 * Y])
    mb.fit(LINEAR, family, *data, **(SHORT | {"start": "lbfgs"}))
    assert seen[0][0] == pytest.approx(seen[0][1], rel=1e-5)


def test_every_replica_starts_on_its_own_data(monkeypatch):
    seen = []

    def started(model, family, params, A, y, weight, rng, estimator, progress):
        key = rng.bit_generator.seed_seq.spawn_key
        seen.append((float(A[0, 0]), weight, key))
        return params, 0.0

    monkeypatch.setattr(begin, "lbfgs_start", started)
    stacked, both = np.stack([X, X + 1.0]), np.stack([Y, Y])
    options = SHORT | {"start": "lbfgs", "replicas": 2, "kl_weight": 0.25}
    mb.fit(LINEAR, FAMILY, stacked, both, **options)
    assert seen == [(X[0, 0] + i, 0.25, (i, 0)) for i in range(2)]
    given = {"mu": np.arange(6.0).reshape(2, 3), "rho": np.full((2, 3), -2.0)}
    kept = fit(start=given, replicas=2).params["mu"]
    np.testing.assert_array_equal(kept, given["mu"])


def test_clip_lifts_a_literal_sigma_to_itself_and_no_further():
    params = {"mu": np.zeros(3), "rho": np.array([-0.2, 0.02, 0.5])}
    mb.MeanField("identity").keep_valid(params, clip=0.03)
    assert params["rho"].tolist() == [0.03, 0.03, 0.5]


# --- what is told on the way ---------------------------------------------------------


def test_ten_lines_of_progress_with_the_mean_since_the_last(capsys):
    values = fit(max_steps=40, verbose=True, optimizer=mb.Adam(0.01)).history["elbo"]
    lines = capsys.readouterr().err.splitlines()
    ends = range(4, 41, 4)
    said = [f"step {n}/40  ELBO {values[n - 4 : n].mean():.2f}" for n in ends]
    assert lines[0] == "start: initial values; all 40 rows a step"
    assert lines[1:11] == said
    assert lines[11].startswith("still rising, +")
    assert lines[12] == "estimating the ELBO from fresh noise"
    assert all(line.startswith("ELBO ") for line in lines[13:])


class Spoils(mb.SGD):
    """Steps of 0.001 until one writes a nan."""

    def __init__(self, at):
        super().__init__(1e-3)
        self.at, self.count = at, 0

    def rates(self, lr, step):
        return (np.nan if step == self.at else lr,)


@pytest.mark.parametrize("callback", [None, lambda info: None], ids=["rows", "steps"])
@pytest.mark.parametrize("at", [2, 5])
def test_an_error_tells_its_step_and_brings_the_last_good_parameters(at, callback):
    """A bad update is seen by the next loss; that of the last step at the end."""
    model = mb.Model(mb.MLP([2, 4, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    options = {"model": model, "max_steps": 6, "callback": callback}
    with pytest.raises(mb.FitError) as caught:
        fit(optimizer=Spoils(at), **options)
    good = fit(optimizer=mb.SGD(1e-3), **(options | {"max_steps": at}))
    last = at == options["max_steps"] - 1
    assert caught.value.step == (at if last else at + 1)
    assert str(caught.value).startswith(f"step {caught.value.step}: ")
    assert ("the update made" in str(caught.value)) == last
    for key, array in good.params.items():
        np.testing.assert_array_equal(caught.value.params[key], array)


def test_the_history_of_a_step_in_its_columns():
    rows = {"loss": np.array([5.0, 6.0]), "nll": np.array([4.0, 4.5]),
            "kl": np.array([2.0, 3.0])}  # fmt: skip
    assert columns(rows, [0.5, 0.5], [0.1, 0.2]) == {
        "loss": [5.0, 6.0], "elbo": [-6.0, -7.5], "nll": [4.0, 4.5], "kl": [2.0, 3.0],
        "kl_weight": [0.5, 0.5], "lr": [0.1, 0.2],
    }  # fmt: skip


# --- restarts ------------------------------------------------------------------------


def test_how_many_numbers_a_step_makes(monkeypatch):
    """3 samples x (10 rows x (2 + 4 + 1) units + 17 weights) + 34 parameters."""
    model = mb.Model(mb.MLP([2, 4, 1]), mb.Bernoulli(), mb.GaussianPrior())
    options = options_of(n_samples=3, batch_size=10, optimizer=mb.Adam())
    many, few = (
        Job(model, FAMILY, mb.Pathwise(), np.zeros((n, 3)), None, options, [0])
        for n in (24, 8)
    )
    assert restarts.numbers_of_a_step(many) == 3 * 87 + 34
    assert restarts.numbers_of_a_step(few) == 3 * 73 + 34
    for most, wanted in ((295, True), (294, False)):
        monkeypatch.setattr(restarts, "MOST_NUMBERS", most)
        assert restarts.can_go_together(many) is wanted


def test_a_replica_set_free_takes_its_own_streams_and_history():
    options = options_of(optimizer=mb.Momentum(0.1), replicas=2, batch_size=2)
    A, y = np.zeros((5, 3)), np.zeros((5, 1))
    job = Job(LINEAR, FAMILY, mb.Pathwise(), A, y, options, [0, 1])
    params = {"mu": np.arange(6.0).reshape(2, 3)}
    joint = State.at(job, params, [Streams(seed) for seed in job.seeds])
    joint.history = {"loss": [[1.0, 2.0], [3.0, 4.0]], "lr": [0.1, 0.2]}
    joint.memory["velocity"] = params["mu"] + 0.5
    joint.order.rows = np.arange(10).reshape(2, 5)
    one = joint.replicas()[1]
    assert one.streams == [joint.streams[1]]
    assert one.normals == [joint.normals[1]]
    assert one.order.rngs == [joint.streams[1].batches]
    assert one.order.rows.tolist() == [[5, 6, 7, 8, 9]]
    assert one.memory["velocity"].tolist() == [3.5, 4.5, 5.5]
    for theta in (one.flat.params["mu"], one.good, one.begin):
        assert theta.tolist() == [3.0, 4.0, 5.0]
    assert {key: list(a) for key, a in one.history.items()} == {
        "loss": [2.0, 4.0], "lr": [0.1, 0.2],
    }  # fmt: skip


def test_seeds_of_restarts_are_the_branches_of_the_seed():
    assert [seed.spawn_key for seed in run_seeds(3, 3)] == [(0,), (1,), (2,)]


# --- noise ---------------------------------------------------------------------------


@pytest.mark.parametrize(("samples", "rows"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_antithetic_samples_are_pairs_and_round_up(samples, rows):
    pairs = mb.Pathwise(antithetic=True)
    assert pairs.noise_shape(LINEAR, FAMILY, samples, 40) == (rows, 3)
    assert pairs.noise_shape(LINEAR, mb.Point(), samples, 40) == (1, 0)
    assert mb.Pathwise().noise_shape(LINEAR, FAMILY, samples, 40) == (samples, 3)
