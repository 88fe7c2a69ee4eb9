"""What fit returns when things go badly, and whether it says so.

A start that overfits its noises, steps that diverge, a plateau of the first step size,
Ctrl-C at any moment, a loss without noise. The judge's rules are tested by themselves.
"""

import warnings
from importlib import import_module

import numpy as np
import pytest
from support.interrupts import interrupt_call

import minibnn as mb
from minibnn.rng import Streams, run_seeds
from minibnn.svi import closing, compare, estimate
from minibnn.svi.compare import surely_positive
from minibnn.svi.job import Job

PRIOR = mb.GaussianPrior(0.0, 1.0)
STILL = mb.SGD(lambda step, max_steps: 0.0)


def few_rows(kind, n, hidden=50, seed=0):
    """Few rows, eight columns and a wide network: (model, X, y)."""
    rng = np.random.default_rng(100 * n + seed)
    X = rng.normal(size=(n, 8))
    f = X[:, 0] + 0.5 * X[:, 1]
    y = (f - f.mean()) / f.std() + 0.1 * rng.normal(size=n)
    likelihood, width = {
        "real": (mb.Gaussian("learned"), 1),
        "count": (mb.Poisson(), 1),
        "het": (mb.HeteroscedasticGaussian(), 2),
        "heavy": (mb.StudentT(4.0), 1),
    }[kind]
    if kind == "count":
        y = rng.poisson(np.exp(0.5 * f)).astype(float)
    return mb.Model(mb.MLP([8, hidden, width]), likelihood, PRIOR), X, y


def quiet_fit(*args, **kwargs):
    """A fit whose warning is another test's subject."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mb.FitWarning)
        return mb.fit(*args, **kwargs)


def assert_same_params(one, other):
    for key, array in one.params.items():
        np.testing.assert_array_equal(array, other.params[key])


# --- the start is tested before it is used -------------------------------------------


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("kind", "n", "hidden", "options"),
    [
        ("real", 14, 20, {}),
        ("real", 20, 50, {"batch_size": 8}),
        ("count", 20, 20, {"restarts": 2}),
        ("het", 20, 20, {"n_samples": 2}),
    ],
)
def test_a_start_that_fits_its_noises_alone_is_not_used(kind, n, hidden, options):
    model, X, y = few_rows(kind, n, hidden)
    options = {"max_steps": 20, "start": "lbfgs"} | options
    default = quiet_fit(model, mb.MeanField(), X, y, rng=0, **options)
    plain = quiet_fit(model, mb.MeanField(), X, y, rng=0, **options | {"start": None})
    assert_same_params(default, plain)


@pytest.mark.parametrize(
    ("promised", "used"),
    [(None, True), (40.0, True), (20.0, True), (19.0, False), (-900.0, False)],
)
def test_a_start_keeps_half_of_what_its_own_noises_promised(promised, used, monkeypatch):
    """From 100 down to 60 on fresh noise: half of the way down to 20."""
    known = {"plain": np.full(8, 100.0), "found": np.full(8, 60.0)}
    monkeypatch.setattr(compare, "losses", lambda job, streams, i, p, n: known[p])
    chosen = compare.tested(None, None, 0, "found", "plain", promised)
    assert chosen == ("found" if used else "plain")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["real", "count", "het", "heavy"])
@pytest.mark.parametrize("n", [14, 40, 140])
@pytest.mark.parametrize("hidden", [20, 100])
def test_default_is_not_below_the_plain_fit(kind, n, hidden):
    model, X, y = few_rows(kind, n, hidden, seed=1)
    for X_ in (X, X.astype(np.float32)):
        default = quiet_fit(model, mb.MeanField(), X_, y, rng=1)
        plain = quiet_fit(model, mb.MeanField(), X_, y, rng=1, start=None)
        assert default.elbo > plain.elbo - 0.04 * n - 5 * plain.elbo_se


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_good_start_is_used(dtype):
    """Rows enough for the weights: L-BFGS has found more than 1000 steps find."""
    model, X, y = few_rows("real", 80, 5)
    options = {"rng": 0, "max_steps": 1, "optimizer": STILL}
    started = mb.fit(model, mb.MeanField(), X.astype(dtype), y, **options)
    plain = mb.fit(model, mb.MeanField(), X.astype(dtype), y, start=None, **options)
    assert started.elbo > plain.elbo + 100


@pytest.mark.optional
def test_replicas_are_tested_one_by_one():
    """Rows of one are 80, of the other 14 in five copies and more: the start of one."""
    model, X, y = few_rows("real", 80, 20)
    few = np.tile(np.arange(14), 6)[:80]
    options = {"max_steps": 1, "optimizer": STILL, "rng": 0, "replicas": 2}
    both = mb.fit(
        model, mb.MeanField(), np.stack([X, X[few]]), np.stack([y, y[few]]), **options
    )
    plain = mb.fit(model, mb.MeanField(), X, y, start=None, **options)
    same = [(both.params["mu"][i] == plain.params["mu"][i]).all() for i in (0, 1)]
    assert same == [False, True]


def test_the_noise_of_the_judge_moves_no_other_stream():
    """The first numbers of every stream, and the seeds of a full covariance's fits."""
    streams = Streams(run_seeds(7, 1)[0])
    first = [getattr(streams, name).integers(10**6) for name in
             ("init", "batches", "noise", "validation", "prediction")]  # fmt: skip
    assert first == FIRST
    assert [seed.spawn_key for seed in streams.seed.spawn(2)] == [(0, 5), (0, 6)]
    keys = {streams.judge_seed.spawn_key, streams.prediction_seed.spawn_key}
    assert keys == {(0, 3, 0), (0, 4)}


# As they were before states were judged.
FIRST = [848384, 625783, 804179, 267510, 933833]


@pytest.mark.parametrize(
    ("d", "sure"),
    [
        (np.zeros(64), False),
        (np.full(64, 1e-9), True),
        (np.full(1, 1e-12), True),  # a loss without noise
        (np.linspace(-1.0, 1.0, 64), False),
        (np.linspace(-1.0, 1.0, 64) + 0.3, True),
        (np.append(np.full(63, -1.0), 1e3), False),
        (np.append(np.full(63, -1.0), 1e12), True),  # even if it is that rare
        (np.append(np.full(63, 1.0), np.inf), True),
        (np.append(np.full(63, 1.0), np.nan), False),
    ],
)
def test_what_is_sure(d, sure):
    with np.errstate(all="ignore"):
        assert surely_positive(d) is sure


# --- diverging runs ------------------------------------------------------------------


@pytest.mark.optional
@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("rate", "options"),
    [
        (1e-3, {}),
        pytest.param(1.0, {"batch_size": 32}, marks=pytest.mark.slow),
        (1e30, {}),
        pytest.param(1e30, {"restarts": 2}, marks=pytest.mark.slow),
    ],
)
def test_a_diverged_run_returns_what_it_had_and_says_so(rate, options):
    model, X, y = few_rows("real", 60, 4)
    options = {"rng": 0, "optimizer": mb.SGD(rate)} | options
    begin = mb.fit(model, mb.MeanField(), X, y, rng=0, optimizer=STILL, max_steps=1)
    with pytest.warns(mb.FitWarning, match="diverged.*smaller learning rate") as told:
        result = mb.fit(model, mb.MeanField(), X, y, **options)
    assert len(told) == 1
    assert told[0].filename == __file__
    assert told[0].message.result is result
    assert (result.stop_reason, result.converged) == ("diverged", False)
    assert (result.diverged, result.returned) == (True, "start")
    if "restarts" not in options:
        assert_same_params(result, begin)
    assert result.elbo > -1000


@pytest.mark.slow
def test_a_warning_made_an_error_does_not_lose_the_result():
    model, X, y = few_rows("real", 60, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(mb.FitWarning) as told:
            mb.fit(model, mb.MeanField(), X, y, rng=0, optimizer=mb.SGD(1e-3))
    assert told.value.result.stop_reason == "diverged"


def test_with_explicit_steps_the_start_is_returned_in_silence():
    model, X, y = few_rows("real", 60, 4)
    result = mb.fit(
        model, mb.MeanField(), X, y, rng=0, optimizer=mb.SGD(1e-3), max_steps=300
    )
    assert (result.stop_reason, result.returned) == ("diverged", "start")


def test_with_explicit_steps_and_start_the_last_is_returned():
    model, X, y = few_rows("real", 60, 4)
    last = []
    result = mb.fit(
        model, mb.MeanField(), X, y, rng=0, optimizer=mb.SGD(0.1), max_steps=50,
        start=None, callback=lambda info: last.append(info.params["mu"]),
    )  # fmt: skip
    assert (result.stop_reason, result.returned) == ("diverged", "last")
    assert result.diverged
    np.testing.assert_array_equal(result.params["mu"], last[-1])


def test_the_literal_update_returns_its_last():
    model, X, y = few_rows("real", 60, 4)
    family, last = mb.MeanField("identity"), []
    result = mb.fit(
        model, family, X, y, rng=0, optimizer=mb.SGD(1e-4), clip=1e-3, max_steps=50,
        callback=lambda info: last.append(info.params["mu"]),
    )  # fmt: skip
    assert (result.stop_reason, result.returned) == ("max_steps", "last")
    np.testing.assert_array_equal(result.params["mu"], last[-1])


def test_one_replica_may_diverge():
    """On rows of another size the same steps are too long for one of the two."""
    model, X, y = few_rows("real", 60, 4)
    data = np.stack([X, 10 * X]), np.stack([y, y])
    result = mb.fit(
        model, mb.MeanField(), *data, rng=0, replicas=2, max_steps=60,
        optimizer=mb.SGD(1e-5),
    )  # fmt: skip
    assert result.diverged.tolist() == [False, True]
    assert result.returned.tolist() == ["last", "start"]
    assert result.stop_reason == result.replica(0).stop_reason == "max_steps"
    assert result.replica(1).stop_reason == "diverged"
    assert result.replica(1).diverged is True


def test_a_run_left_to_itself_fails_only_where_nothing_is_finite():
    model, X, y = few_rows("real", 60, 4)
    with pytest.raises(mb.FitError):
        mb.fit(model, mb.MeanField(), 1e153 * X, y, rng=0)
    with pytest.raises(mb.FitError):  # told otherwise: as ever
        mb.fit(model, mb.MeanField(), X, y, rng=0, start=None, optimizer=mb.SGD(1e30))


def test_a_slightly_worse_end_is_no_divergence():
    """A constant rate hovers about the optimum: the start is better, and returned."""
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = X @ [1.0, -0.5]
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.3), PRIOR)
    best = mb.fit(model, mb.MeanField(), X, y, rng=0)
    result = mb.fit(
        model, mb.MeanField(), X, y, rng=0, max_steps=100, optimizer=mb.Adam(0.05)
    )
    assert (result.stop_reason, result.diverged) == ("max_steps", False)
    assert result.returned == "start"
    assert result.elbo > best.elbo - 1


def test_a_fine_run_returns_its_last():
    model, X, y = few_rows("real", 80, 5)
    last = []
    result = mb.fit(
        model, mb.MeanField(), X, y, rng=0, max_steps=300, start="lbfgs",
        callback=lambda info: last.append(info.params["mu"]),
    )  # fmt: skip
    assert (result.stop_reason, result.returned) == ("max_steps", "last")
    assert result.converged is result.diverged is False
    np.testing.assert_array_equal(result.params["mu"], last[-1])


def test_judging_costs_little_beside_the_steps(monkeypatch):
    """Rows evaluated by the judge, against those of the steps, on large data."""
    rng, seen = np.random.default_rng(0), []
    X = rng.normal(size=(60_000, 2))
    model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), PRIOR)
    fresh = compare.fresh

    def counted(model, family, params, A, y, rng, n_samples, *rest):
        seen.append(len(A) * n_samples)
        return fresh(model, family, params, A, y, rng, n_samples, *rest)

    monkeypatch.setattr(compare, "fresh", counted)
    monkeypatch.setattr(closing, "estimate_elbo", lambda *args, **kwargs: (0.0, 0.0))
    options = {"rng": 0, "start": None, "batch_size": 200, "max_steps": 5000}
    mb.fit(model, mb.MeanField(), X, (X[:, 0] > 0) * 1.0, **options)
    assert 0 < sum(seen) < 0.2 * 5000 * 200


def test_judging_on_some_rows_agrees_with_all():
    model, X, y = few_rows("real", 400, 5)
    job = Job(*arguments(model, mb.MeanField(), X, y))
    params, streams = job.family.init(model, 0), [Streams(job.seeds[0])]
    every = compare.losses(job, streams, 0, params, 500)
    some = compare.losses(job, streams, 0, params, 500, n_rows=50)
    assert some.std() > every.std()
    se = np.hypot(every.std(), some.std()) / np.sqrt(500)
    assert abs(some.mean() - every.mean()) < 4 * se


def arguments(model, family, X, y, **options):
    from minibnn.svi.elbo import default_estimator
    from minibnn.svi.options import check_options

    given = {
        "n_samples": 1, "batch_size": None, "optimizer": None, "max_steps": 10,
        "start": "auto", "stop": None, "kl_weight": 1.0, "kl_warmup": 0.0,
        "replicas": None, "clip": None, "callback": None, "checkpoint": None,
        "verbose": False,
    }  # fmt: skip
    estimator = default_estimator(model, family)
    checked = check_options(1, **given | options)
    return model, family, estimator, *model.batch(X, y), checked, run_seeds(0, 1)


# --- the warning ---------------------------------------------------------------------


def raw_table(n=200):
    rng = np.random.default_rng(0)
    age, income = rng.uniform(17, 90, n), rng.lognormal(12, 0.5, n)
    label = (age + 10 * rng.normal(size=n) > 50).astype(float)
    return np.c_[age, income, rng.normal(size=n)], label


def test_raw_columns_are_named_with_the_remedy():
    X, y = raw_table()
    model = mb.Model(mb.MLP([3, 5, 1]), mb.Bernoulli(), PRIOR)
    with pytest.warns(mb.FitWarning) as told:
        mb.fit(model, mb.MeanField(), X, y, rng=0)
    (message,) = (str(w.message) for w in told)
    for words in ("constant", "X[:, 0]", "X[:, 1]", "tandardise", "e+05"):
        assert words in message
    assert "X[:, 2]" not in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        options = {"rng": 0, "max_steps": 30}
        mb.fit(model, mb.MeanField(), (X - X.mean(0)) / X.std(0), y, **options)
        mb.fit(model, mb.MeanField(), X, y, **options, standardise=True)


@pytest.mark.optional
def test_a_fit_worse_than_a_constant_says_so():
    model, X, y = few_rows("count", 20)
    with pytest.warns(mb.FitWarning, match="worse than a constant.*smaller network"):
        mb.fit(model, mb.MeanField(), X, y, rng=0)


@pytest.mark.optional
def test_labels_from_a_coin_are_nobodys_fault():
    """No better than a constant, from columns that are as they should be: silence."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 4)), rng.integers(0, 2, 200)
    model = mb.Model(mb.MLP([4, 10, 1]), mb.Bernoulli(), PRIOR)
    mb.fit(model, mb.MeanField(), X, y, rng=0)  # a warning is an error here
    classes = mb.Model(mb.MLP([4, 10, 3]), mb.Categorical(3), PRIOR)
    mb.fit(classes, mb.MeanField(), X, rng.integers(0, 3, 200), rng=0)


@pytest.mark.parametrize(
    ("likelihood", "y", "best"),
    [
        (mb.Bernoulli(), np.array([0.0, 0, 0, 1]),
         3 * np.log(0.75) + np.log(0.25)),
        (mb.Categorical(3), np.array([0, 0, 1, 2]),
         2 * np.log(0.5) + 2 * np.log(0.25)),
        (mb.Gaussian("learned"), np.array([199.0, 201.0]),
         -np.log(2 * np.pi) - 1.0),
        (mb.Poisson(), np.array([1.0, 3.0]),
         -4 + 4 * np.log(2) - np.log(6)),
    ],
)  # fmt: skip
def test_the_best_constant(likelihood, y, best):
    from minibnn.svi.fit_warning import best_constant

    width = 3 if likelihood.exclusive else 1
    found, _ = best_constant(likelihood, likelihood.targets(y, (len(y), width)), width)
    assert found == pytest.approx(best, abs=1e-4)


# --- a plateau and its schedule ------------------------------------------------------


def wavy():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = np.sin(X[:, 0]) + 0.5 * X[:, 1] + 0.1 * rng.normal(size=200)
    return mb.Model(mb.MLP([2, 6, 1]), mb.Gaussian("learned"), PRIOR), X, y


def plateau_run(most, **options):
    model, X, y = wavy()
    options = {"rng": 0, "batch_size": 20, "stop": mb.Plateau(40)} | options
    return mb.fit(model, mb.MeanField(), X, y, max_steps=most, **options)


def test_a_plateau_brings_the_schedule_to_its_end():
    result = plateau_run(50_000)
    rate, steps = result.history["lr"], len(result.history["lr"])
    assert (result.stop_reason, result.converged) == ("plateau", True)
    seen = (steps - 20 * 40) // 2
    assert seen % 40 == 0
    assert steps == 2 * seen + 20 * 40
    flat = 0.02 * (1 + np.cos(np.pi * np.arange(seen) / 50_000)) / 2
    np.testing.assert_allclose(rate[:seen], flat, rtol=1e-12)
    assert np.all(np.diff(rate[seen:]) <= 0)
    assert rate[-1] < 1e-4 * rate[0]
    assert rate[seen + (steps - seen) // 2] == pytest.approx(0.01, rel=0.02)


@pytest.mark.slow
def test_more_steps_allowed_end_no_lower():
    elbos = [plateau_run(most).elbo for most in (1500, 20_000)]
    assert elbos[1] > elbos[0] - 1
    assert elbos[1] > plateau_run(2000, stop=None).elbo - 2


def test_a_decay_cut_short_is_no_convergence():
    result = plateau_run(1000)
    assert (result.stop_reason, result.converged) == ("max_steps", False)
    assert len(result.history["lr"]) == 1000
    assert result.history["lr"][-1] < 1e-4 * 0.02


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "schedule", [0.01, mb.RobbinsMonro(0.01), mb.Cosine(0.01, steps=100)]
)
def test_a_schedule_that_knows_no_end_stops_at_the_plateau(schedule):
    result = plateau_run(20_000, optimizer=mb.Adam(schedule))
    loss = {key: list(values) for key, values in result.history.items()}
    assert result.stop_reason == "plateau"
    assert mb.Plateau(40)(loss)


@pytest.mark.optional
def test_step_by_step_is_the_same_run():
    """A callback forbids stretches: the rates must change at the same step."""
    one, other = plateau_run(5000), plateau_run(5000, callback=lambda info: None)
    assert_same_params(one, other)
    np.testing.assert_array_equal(one.history["lr"], other.history["lr"])


@pytest.mark.optional
@pytest.mark.sample(2)
@pytest.mark.parametrize("stop_at", [75, 500])
def test_a_decay_resumes_to_the_bit(tmp_path, stop_at):
    def pause(info):
        if info.step == stop_at:
            raise StopIteration

    checkpoint = mb.Checkpoint(tmp_path / "run.npz", every=64)
    whole = plateau_run(20_000)
    assert len(whole.history["loss"]) > 501
    plateau_run(20_000, checkpoint=checkpoint, callback=pause)
    resumed = plateau_run(20_000, checkpoint=checkpoint)
    assert_same_params(whole, resumed)
    np.testing.assert_array_equal(whole.history["lr"], resumed.history["lr"])
    assert resumed.converged


def test_a_resumed_run_is_judged_by_where_it_began(tmp_path):
    model, X, y = few_rows("real", 60, 4)
    options = {"rng": 0, "optimizer": mb.SGD(1e-3), "max_steps": 300}

    def pause(info):
        if info.step == 120:
            raise StopIteration

    whole = mb.fit(model, mb.MeanField(), X, y, **options)
    checkpoint = tmp_path / "run.npz"
    mb.fit(model, mb.MeanField(), X, y, checkpoint=checkpoint, callback=pause, **options)
    resumed = mb.fit(model, mb.MeanField(), X, y, checkpoint=checkpoint, **options)
    assert (resumed.stop_reason, resumed.returned) == ("diverged", "start")
    assert_same_params(whole, resumed)


# --- a loss without noise ------------------------------------------------------------


def smooth(likelihood, y):
    X = np.random.default_rng(3).normal(size=(50, 3))
    return mb.Model(mb.MLP([3, 4, 1], "tanh"), likelihood, PRIOR), X, y(X)


@pytest.mark.sample(5)
@pytest.mark.parametrize(
    ("options", "kl_weight"),
    [({}, 1.0), ({"batch_size": 16}, 0.3), ({"replicas": 2}, 1.0)],
)
@pytest.mark.parametrize(
    "problem",
    [
        smooth(mb.Bernoulli(), lambda X: (X[:, 0] > 0.2) * 1.0),
        smooth(mb.Gaussian("learned"), lambda X: X[:, 0] + 0.3 * np.sin(9 * X[:, 1])),
    ],
    ids=["bernoulli", "learned"],
)
def test_a_point_is_brought_to_its_minimum(problem, options, kl_weight):
    model, X, y = problem
    result = mb.fit(
        model, mb.Point(), X, y, rng=0, kl_weight=kl_weight, **options
    )  # fmt: skip
    assert np.all(result.converged)
    mu = result.params["mu"] if "replicas" not in options else result.params["mu"][1]

    def loss(mu):
        value, grads, _ = mb.neg_elbo(
            model, mb.Point(), {"mu": mu}, np.zeros((1, 0)), X, y, kl_weight=kl_weight
        )
        return float(value), grads["mu"]

    assert np.abs(loss(mu)[1]).max() < 1e-6
    h = 1e-4 * np.eye(len(mu))
    H = np.array([(loss(mu + e)[1] - loss(mu - e)[1]) / 2e-4 for e in h])
    assert np.abs(np.linalg.solve(H, loss(mu)[1])).max() < 1e-6  # to the minimum


@pytest.mark.parametrize("kl_weight", [1.0, 0.0])
def test_a_linear_point_is_the_closed_form(kl_weight):
    X = np.random.default_rng(0).normal(size=(30, 2))
    y = X @ [1.0, -2.0] + 0.5
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.5), PRIOR)
    Phi = np.c_[X, np.ones(30)]
    want = np.linalg.solve(Phi.T @ Phi + 0.25 * kl_weight * np.eye(3), Phi.T @ y)
    result = mb.fit(model, mb.Point(), X, y, rng=0, kl_weight=kl_weight)
    np.testing.assert_allclose(result.params["mu"], want, atol=1e-9)
    assert result.converged is True


def test_an_exact_elbo_is_climbed_to_the_top():
    X = np.random.default_rng(0).normal(size=(30, 2))
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.5), PRIOR)
    result = mb.fit(
        model, mb.MeanField(), X, X @ [1.0, -2.0], rng=0, estimator=mb.Exact()
    )
    Phi = np.c_[X, np.ones(30)]
    precision = (Phi**2).sum(0) / 0.25 + 1.0
    np.testing.assert_allclose(result.q.sigma, precision**-0.5, rtol=1e-7)
    assert result.converged is True


def test_separable_classes_have_no_maximum_and_no_nonsense():
    X = np.random.default_rng(0).normal(size=(30, 2))
    model = mb.Model(mb.MLP([2, 1]), mb.Bernoulli(), PRIOR)
    result = mb.fit(model, mb.Point(), X, (X[:, 0] > 0) * 1.0, rng=0, kl_weight=0.0)
    assert np.isfinite(result.params["mu"]).all()
    assert np.array_equal(result.predict(X).mean > 0.5, X[:, 0] > 0)


def test_steps_of_a_point_that_were_asked_for_are_all_there_is():
    model, X, y = smooth(mb.Bernoulli(), lambda X: (X[:, 0] > 0.2) * 1.0)
    five = mb.fit(model, mb.Point(), X, y, rng=0, max_steps=5)
    last = []
    mb.fit(model, mb.Point(), X, y, rng=0, max_steps=5,
           callback=lambda info: last.append(info.params["mu"]))  # fmt: skip
    np.testing.assert_array_equal(five.params["mu"], last[-1])
    assert five.converged is False


# --- Ctrl-C --------------------------------------------------------------------------


SHORT = {"rng": 0, "max_steps": 20, "start": None}


@pytest.mark.sample(2)
@pytest.mark.parametrize("replicas", [None, 2])
@pytest.mark.parametrize("number", [1, 2, 12])
def test_ctrl_c_in_the_closing_elbo_keeps_the_run(monkeypatch, number, replicas):
    """What the whole rounds before it have given is the estimate; of the first, nan."""

    model, X, y = few_rows("real", 60, 4)
    options = SHORT | {"replicas": replicas}
    whole = mb.fit(model, mb.MeanField(), X, y, **options)
    monkeypatch.setattr(estimate, "CHUNK", 2 * 60 * 8)  # two samples at a time
    interrupt_call(monkeypatch, estimate, "values", number)
    result = mb.fit(model, mb.MeanField(), X, y, **options)
    assert result.stop_reason == "interrupted"
    assert_same_params(result, whole)
    assert len(result.history["loss"]) == 20
    first = np.ravel(result.elbo)[0], np.ravel(result.elbo_se)[0]
    if number == 1:
        assert np.isnan(first).all()
    else:
        limit = 9 * first[1] if number > 2 else 700 * first[1]  # of two draws
        assert abs(first[0] - np.ravel(whole.elbo)[0]) < limit
    if replicas:
        assert np.isnan(result.elbo[1])
    result.predict(X, 10)


def test_ctrl_c_while_judging_keeps_the_last_state(monkeypatch):
    model, X, y = few_rows("real", 60, 4)
    whole = mb.fit(model, mb.MeanField(), X, y, **SHORT)
    interrupt_call(monkeypatch, compare, "losses", 1)
    result = mb.fit(model, mb.MeanField(), X, y, **SHORT)
    assert result.stop_reason == "interrupted"
    assert np.isnan(result.elbo)
    assert_same_params(result, whole)


@pytest.mark.parametrize("options", [{}, {"replicas": 2}, {"restarts": 2}])
def test_ctrl_c_in_the_start_returns_the_best_so_far(monkeypatch, options):
    from minibnn.svi import start

    model, X, y = few_rows("real", 80, 5)
    plain = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=1, start=None,
                   optimizer=STILL)  # fmt: skip
    interrupt_call(monkeypatch, start, "objective", 60)
    result = mb.fit(model, mb.MeanField(), X, y, rng=0, **options)
    assert result.stop_reason == "interrupted"
    assert len(result.history["loss"]) == 0
    assert np.max(result.elbo) > plain.elbo + 50


def test_ctrl_c_in_the_last_descent_of_a_point(monkeypatch):
    model, X, y = smooth(mb.Bernoulli(), lambda X: (X[:, 0] > 0.2) * 1.0)
    interrupt_call(monkeypatch, compare, "to_the_optimum", 1)
    result = mb.fit(model, mb.Point(), X, y, rng=0)
    assert (result.stop_reason, result.converged) == ("interrupted", False)
    assert len(result.history["loss"]) == 1000
    assert (result.elbo, result.elbo_se) == (None, None)


def test_restarts_keep_what_was_estimated(monkeypatch):
    """Ctrl-C in the second of three estimates: the first is the result."""
    model, X, y = few_rows("real", 60, 4)
    alone = mb.fit(model, mb.MeanField(), X, y, **SHORT)
    interrupt_call(monkeypatch, closing, "estimate_elbo", 2)
    result = mb.fit(model, mb.MeanField(), X, y, **SHORT, restarts=3)
    assert result.stop_reason == "interrupted"
    assert result.restarts == []
    np.testing.assert_allclose(result.params["mu"], alone.params["mu"], rtol=1e-8)
    monkeypatch.undo()
    interrupt_call(monkeypatch, closing, "estimate_elbo", 1)
    result = mb.fit(model, mb.MeanField(), X, y, **SHORT, restarts=3)
    assert result.stop_reason == "interrupted"
    assert np.isnan(result.elbo)


def test_ctrl_c_in_hmc_returns_the_draws_so_far(monkeypatch):
    hmc = import_module("minibnn.mcmc.hmc")

    X = np.random.default_rng(0).normal(size=(20, 2))
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.5), PRIOR)
    options = {"rng": 0, "n_chains": 2, "n_warmup": 30, "n_draws": 60}
    whole = mb.hmc(model, X, X[:, 0], **options)
    for number, left in ((71, 40), (50, None), (10, None)):
        with monkeypatch.context() as patch:
            interrupt_call(patch, hmc.Sampler, "advance", number)
            if left is None:
                with pytest.raises(KeyboardInterrupt):
                    mb.hmc(model, X, X[:, 0], **options)
                continue
            part = mb.hmc(model, X, X[:, 0], **options)
        assert part.weights.shape == (2, left, 3)
        np.testing.assert_array_equal(part.weights, whole.weights[:, :left])
        assert np.isfinite(part.r_hat()).all()


def test_ctrl_c_in_the_reverse_runs_keeps_the_forward_ones(monkeypatch):
    ais = import_module("minibnn.mcmc.ais")

    X = np.random.default_rng(0).normal(size=(20, 2))
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.5), PRIOR)
    options = {"rng": 0, "n_temperatures": 20, "n_particles": 8,
               "generating_weights": np.zeros(3)}  # fmt: skip
    whole = mb.ais(model, X, X[:, 0], **options)
    interrupt_call(monkeypatch, ais, "anneal", 2)
    part = mb.ais(model, X, X[:, 0], **options)
    assert part.log_evidence == whole.log_evidence
    assert part.upper is None


# --- and all of it is kept -----------------------------------------------------------


@pytest.mark.optional
def test_the_verdict_is_saved_and_loaded(tmp_path):
    model, X, y = few_rows("real", 60, 4)
    options = {"rng": 0, "optimizer": mb.SGD(1e-3), "max_steps": 300}
    for replicas in (None, 2):
        result = mb.fit(model, mb.MeanField(), X, y, replicas=replicas, **options)
        result.save(tmp_path / "fit.npz")
        loaded = mb.FitResult.load(tmp_path / "fit.npz")
        names = "converged diverged returned stop_reason rise rise_se".split()
        for name in names:
            np.testing.assert_array_equal(getattr(loaded, name), getattr(result, name))
        assert repr(loaded) == repr(result)
