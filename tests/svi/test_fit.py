"""The loop: where it converges to, what it keeps apart, when and how it stops.

Linear regression with known noise has an exact posterior, so the best mean-field
solution (posterior mean, variances 1/precision_ii) and its ELBO are known.
"""

import pickle
from importlib import import_module

import numpy as np
import pytest
from support.core_oracles import LinearRegression, regression_data

import minibnn as mb
from minibnn.rng import run_seeds
from minibnn.svi import many_steps, one_step
from minibnn.svi.start import standardised_noise
from minibnn.tape import Direct, Program, Scan

svi = import_module("minibnn.svi.fit")  # its room has a function of the same name

X, Y = regression_data()
NOISE = 0.5
PRIOR = mb.GaussianPrior([0.2, -0.1, 0.3], [1.5, 0.8, 2.0])
TRUTH = LinearRegression(X, Y, NOISE, PRIOR.mean, PRIOR.scale)
LINEAR = mb.Model(mb.MLP([2, 1]), mb.Gaussian(NOISE), PRIOR)

LABELS = (Y > 0.3).astype(float)
NET = mb.Model(mb.MLP([2, 4, 1], "tanh"), mb.Bernoulli(), mb.GaussianPrior(0.0, 1.5))
FAMILY = mb.MeanField()
STILL = mb.SGD(lambda step, max_steps: 0.0)
SHORT = {"start": None, "max_steps": 12, "optimizer": mb.Adam(0.01)}


def fit(**kwargs):
    """A short run of the small classifier, fast enough for every question."""
    return mb.fit(NET, FAMILY, X, LABELS, **(SHORT | {"rng": 0} | kwargs))


def assert_same_params(one, other):
    assert set(one) == set(other)
    for key in one:
        np.testing.assert_array_equal(one[key], other[key])


# --- it finds the known answer -------------------------------------------------------


def best_mean_field(model=LINEAR, **kwargs):
    options = {"rng": 1, "n_samples": 8, "max_steps": 2000} | kwargs
    return mb.fit(model, kwargs.pop("family", FAMILY), X, Y, **options)


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"start": None, "optimizer": mb.Adam(mb.Cosine(0.05))},
        {"start": None, "estimator": mb.Pathwise(), "max_steps": 2500,
         "optimizer": mb.Adam(mb.Cosine(0.05))},
        {"start": None, "batch_size": 10, "max_steps": 2500,
         "optimizer": mb.Adam(mb.Cosine(0.05))},
        {"start": None, "batch_size": 12, "kl_warmup": 0.3, "max_steps": 2500,
         "optimizer": mb.Adam(mb.Cosine(0.05))},
        {"start": None, "optimizer": mb.Momentum(mb.Cosine(2e-4)), "max_steps": 3000},
        {"start": None, "optimizer": mb.SGD(mb.RobbinsMonro(1e-3, delay=1000)),
         "max_steps": 3000},
    ],
    ids=["default", "adam", "pathwise", "minibatch", "warmup", "momentum", "sgd"],
)  # fmt: skip
def test_it_finds_the_known_mean_field_optimum(kwargs):
    """Means within 0.2 posterior sds, sds within 15 %, ELBO within 0.05 nats."""
    result = best_mean_field(**kwargs)
    q, sd = result.q, TRUTH.mean_field_sd()
    np.testing.assert_allclose((q.mean - TRUTH.mean) / sd, 0, atol=0.2)
    np.testing.assert_allclose(q.sigma / sd, 1, atol=0.15)
    optimum = TRUTH.log_evidence() - TRUTH.mean_field_gap()
    assert result.elbo == pytest.approx(optimum, abs=0.05 + 4 * result.elbo_se)


@pytest.mark.parametrize("scale", ["softplus", "exp", "identity"])
def test_every_scale_map_leads_there(scale):
    result = mb.fit(
        LINEAR, mb.MeanField(scale, 0.1), X, Y, rng=2, n_samples=8, max_steps=1500,
        start=None, optimizer=mb.Adam(mb.Cosine(0.03)),
    )  # fmt: skip
    np.testing.assert_allclose(result.q.sigma / TRUTH.mean_field_sd(), 1, atol=0.15)


@pytest.mark.parametrize("steps", [1, 20, 300])
def test_elbo_never_exceeds_the_log_evidence(steps):
    for seed in range(4):
        result = best_mean_field(max_steps=steps, start=None, rng=seed)
        assert result.elbo <= TRUTH.log_evidence() + 6 * result.elbo_se


def test_elbo_is_the_mean_of_fresh_estimates():
    """Its standard error is honest: far below one nat here, and never zero."""
    result = best_mean_field(max_steps=200)
    exact = TRUTH.log_evidence()
    q = result.q
    gap = 0.5 * (  # KL(q || posterior) of two Gaussians, in the textbook's form
        np.trace(TRUTH.precision @ np.diag(q.sigma**2))
        + (q.mean - TRUTH.mean) @ TRUTH.precision @ (q.mean - TRUTH.mean)
        - 3 - np.log(q.sigma**2).sum() + np.linalg.slogdet(TRUTH.cov)[1]
    )  # fmt: skip
    assert 0 < result.elbo_se < 0.2
    assert abs(result.elbo - (exact - gap)) < 6 * result.elbo_se


def test_maximum_a_posteriori_and_maximum_likelihood():
    options = {"rng": 0, "optimizer": mb.Adam(mb.Cosine(0.05)), "max_steps": 2000}
    posterior_mode = mb.fit(LINEAR, mb.Point(), X, Y, **options)
    np.testing.assert_allclose(posterior_mode.params["mu"], TRUTH.mean, atol=1e-6)
    assert posterior_mode.elbo is None
    assert posterior_mode.elbo_se is None
    least_squares = mb.fit(LINEAR, mb.Point(), X, Y, kl_weight=0.0, **options)
    want = np.linalg.lstsq(TRUTH.Phi, Y, rcond=None)[0]
    np.testing.assert_allclose(least_squares.params["mu"], want, atol=1e-6)
    by_lbfgs = mb.fit(LINEAR, mb.Point(), X, Y, start="lbfgs", max_steps=1, rng=0,
                      optimizer=STILL)  # fmt: skip
    np.testing.assert_allclose(by_lbfgs.params["mu"], TRUTH.mean, atol=1e-4)


def test_the_start_alone_is_close():
    """L-BFGS at fixed noise, then steps of no size: already near the optimum."""
    result = best_mean_field(start="lbfgs", max_steps=1, optimizer=STILL)
    z = (result.q.mean - TRUTH.mean) / TRUTH.mean_field_sd()
    np.testing.assert_allclose(z, 0, atol=0.2)
    elsewhere = best_mean_field(start=None, max_steps=1, optimizer=STILL)
    assert result.elbo > elsewhere.elbo + 10


def test_the_noises_of_the_start_are_standardised():
    eps = standardised_noise(np.random.default_rng(0), (16, 5))
    np.testing.assert_allclose(eps.mean(0), 0, atol=1e-15)
    np.testing.assert_allclose(eps.std(0), 1, rtol=1e-14)


# --- equal seeds, separate streams ---------------------------------------------------


@pytest.mark.parametrize("kwargs", [{}, {"batch_size": 7}, {"start": "auto"}], ids=str)
def test_equal_seeds_give_equal_runs(kwargs):
    one, two = fit(rng=5, **kwargs), fit(rng=5, **kwargs)
    assert_same_params(one.params, two.params)
    assert_same_params(one.history, two.history)
    assert (one.elbo, one.elbo_se) == (two.elbo, two.elbo_se)
    assert one.elbo != fit(rng=6, **kwargs).elbo


def test_seeds_of_every_kind():
    seed = np.random.SeedSequence(7)
    one, two = fit(rng=seed), fit(rng=seed)
    assert_same_params(one.params, two.params)
    assert_same_params(one.params, fit(rng=7).params)
    generator = np.random.default_rng(7)
    first, second = fit(rng=generator), fit(rng=generator)
    assert np.any(first.params["mu"] != second.params["mu"])  # a generator moves on
    assert_same_params(first.params, fit(rng=np.random.default_rng(7)).params)
    assert np.any(fit(rng=None).params["mu"] != fit(rng=None).params["mu"])


def test_the_initial_weights_do_not_depend_on_samples_or_batches():
    starts = [
        fit(max_steps=1, optimizer=STILL, **kwargs).params
        for kwargs in ({}, {"n_samples": 5}, {"batch_size": 7}, {"kl_warmup": 0.5})
    ]
    for params in starts[1:]:
        assert_same_params(params, starts[0])


def test_the_final_elbo_has_a_stream_of_its_own():
    """At the same parameters it is the same number, however they were reached."""
    elbos = {
        fit(optimizer=STILL, elbo_samples=40, **kwargs).elbo
        for kwargs in ({}, {"max_steps": 300, "n_samples": 20}, {"batch_size": 7})
    }
    assert len(elbos) == 1


def test_predicting_does_not_move_the_training():
    plain = fit(max_steps=20)

    def look(info):
        half = fit(max_steps=3)
        half.predict(X, n_samples=5)

    assert_same_params(fit(max_steps=20, callback=look).params, plain.params)
    plain.predict(X, n_samples=5)
    assert_same_params(fit(max_steps=20).params, plain.params)


def test_the_global_random_state_is_left_alone():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fit(restarts=2, start="auto", batch_size=7).predict(X).interval(0.9)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_the_data_are_left_alone():
    A, y = X.copy(), LABELS.copy()
    start = {"mu": np.zeros(17), "rho": np.full(17, -2.0)}
    mb.fit(NET, FAMILY, A, y, **(SHORT | {"start": start, "rng": 0, "batch_size": 9}))
    np.testing.assert_array_equal(A, X)
    np.testing.assert_array_equal(y, LABELS)
    assert np.all(start["mu"] == 0)
    assert np.all(start["rho"] == -2)


# --- replicas and restarts -----------------------------------------------------------


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "kwargs",
    [{}, {"batch_size": 7}, {"estimator": mb.Pathwise()}, {"start": "auto"},
     {"kl_warmup": 0.5, "n_samples": 3}],
    ids=["plain", "batches", "pathwise", "lbfgs", "warmup"],
)  # fmt: skip
def test_replicas_equal_single_runs(kwargs, fit_with_seed):
    many = fit(rng=3, replicas=3, **kwargs)
    assert many.elbo.shape == many.elbo_se.shape == (3,)
    assert many.history["elbo"].shape == (12, 3)
    for r, seed in enumerate(run_seeds(3, 3)):
        one = fit_with_seed(seed, NET, FAMILY, X, LABELS, **(SHORT | kwargs))
        for key, array in one.params.items():
            np.testing.assert_allclose(many.params[key][r], array, rtol=0, atol=1e-11)
        np.testing.assert_allclose(many.history["loss"][:, r], one.history["loss"])
        assert many.elbo[r] == pytest.approx(one.elbo, rel=1e-9)
        assert many.elbo_se[r] == pytest.approx(one.elbo_se, rel=1e-6)


@pytest.fixture
def fit_with_seed(monkeypatch):
    """A fit whose one run has a given seed: what a replica or restart of it does."""

    def run(seed, *args, **kwargs):
        with monkeypatch.context() as patch:
            patch.setattr(svi, "run_seeds", lambda rng, count: [seed])
            return mb.fit(*args, **kwargs)

    return run


def test_restarts_keep_the_best_and_tell_all():
    result = fit(rng=4, restarts=4)
    assert len(result.restarts) == 4
    values = [elbo for elbo, _ in result.restarts]
    assert result.elbo == max(values)
    assert (result.elbo, result.elbo_se) in result.restarts
    assert len(set(values)) == 4
    assert fit(rng=4).elbo == values[0]  # the first restart is the single run


def test_restarts_of_a_point_keep_the_smallest_loss(fit_with_seed):
    args = NET, mb.Point(), X, LABELS
    losses = [
        fit_with_seed(seed, *args, **SHORT).history["loss"][-1]
        for seed in run_seeds(5, 3)
    ]
    best = mb.fit(*args, restarts=3, rng=5, **SHORT)
    assert best.history["loss"][-1] == min(losses)
    assert losses[0] != min(losses)  # else the first would do


def test_replicas_with_data_of_their_own(fit_with_seed):
    Xs = np.stack([X, X[::-1], 2 * X])
    ys = np.stack([LABELS, LABELS[::-1], 1 - LABELS])
    many = mb.fit(NET, FAMILY, Xs, ys, replicas=3, rng=3, batch_size=9, **SHORT)
    seeds = run_seeds(3, 3)
    for r in range(3):
        one = fit_with_seed(seeds[r], NET, FAMILY, Xs[r], ys[r], batch_size=9, **SHORT)
        for key, array in one.params.items():
            np.testing.assert_allclose(many.params[key][r], array, rtol=0, atol=1e-11)


def test_replicas_differ():
    mu = fit(replicas=3).params["mu"]
    assert np.all(np.std(mu, axis=0)[:8] > 0)


# --- KL warm-up and the plateau rule -------------------------------------------------


def test_warm_up_raises_the_weight_and_elbo_ignores_it():
    history = fit(kl_warmup=0.5, max_steps=20).history
    np.testing.assert_allclose(history["kl_weight"][:10], np.arange(10) / 10)
    np.testing.assert_array_equal(history["kl_weight"][10:], 1)
    nll, kl, weight = (history[name] for name in ("nll", "kl", "kl_weight"))
    np.testing.assert_allclose(history["elbo"], -(nll + kl), rtol=1e-14)
    np.testing.assert_allclose(history["loss"], nll + weight * kl, rtol=1e-14)


def test_kl_weight_is_the_end_of_the_warm_up():
    history = fit(kl_warmup=0.5, kl_weight=0.4, max_steps=8).history
    np.testing.assert_allclose(
        history["kl_weight"], [0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4]
    )


CONVERGED = {"start": "lbfgs", "optimizer": STILL, "stop": mb.Plateau(window=5)}


def test_plateau_stops_a_converged_run():
    result = fit(max_steps=2000, **CONVERGED)
    assert result.stop_reason == "plateau"
    assert len(result.history["elbo"]) < 200
    assert len(result.history["elbo"]) % 5 == 0


def test_plateau_cannot_fire_during_warm_up():
    result = fit(max_steps=400, kl_warmup=0.5, **CONVERGED)
    assert result.stop_reason == "plateau"
    assert len(result.history["elbo"]) >= 200 + 2 * 5
    always = fit(max_steps=400, kl_warmup=1.0, **CONVERGED)
    assert always.stop_reason == "max_steps"


def test_plateau_lets_a_rising_run_go_on():
    result = best_mean_field(
        start=None, max_steps=200, optimizer=mb.Adam(0.003), stop=mb.Plateau(window=20)
    )
    assert result.stop_reason == "max_steps"


@pytest.mark.parametrize("kl_weight", [0.0, 0.5, 1.0])
def test_plateau_serves_points_and_other_weights(kl_weight):
    """Without noise the run stops once the loss no longer falls at all."""
    result = mb.fit(
        LINEAR, mb.Point(), X, Y, rng=0, kl_weight=kl_weight, max_steps=5000,
        optimizer=mb.SGD(2e-3), stop=mb.Plateau(window=50),
    )  # fmt: skip
    assert result.stop_reason == "plateau"
    slope = mb.neg_elbo(
        LINEAR, mb.Point(), result.params, np.zeros((1, 0)), X, Y, kl_weight=kl_weight
    )[1]["mu"]
    assert np.abs(slope).max() < 1e-5


def test_plateau_of_replicas_waits_for_all():
    def history(rises):
        noise = np.random.default_rng(0).normal(size=(20, 2))
        loss = noise - np.arange(20)[:, None] * np.array(rises)
        return {"loss": list(loss), "kl_weight": [1.0] * 20}

    assert mb.Plateau(10)(history([0.0, 0.0]))
    assert not mb.Plateau(10)(history([0.0, 5.0]))


# --- stopping by hand ----------------------------------------------------------------


def test_callback_sees_every_step_and_may_stop():
    seen = []

    def callback(info):
        seen.append(info)
        if info.step == 6:
            raise StopIteration

    result = fit(callback=callback)
    assert result.stop_reason == "callback"
    assert [info.step for info in seen] == list(range(7))
    assert [info.loss for info in seen] == result.history["loss"].tolist()
    assert [info.elbo for info in seen] == result.history["elbo"].tolist()
    assert_same_params(seen[-1].params, result.params)


def test_callback_cannot_change_the_run():
    def spoil(info):
        info.params["mu"][:] = np.nan

    assert_same_params(fit(callback=spoil).params, fit().params)


def test_an_interrupt_returns_what_there_is():
    def interrupt(info):
        if info.step == 3:
            raise KeyboardInterrupt

    result = fit(callback=interrupt)
    assert result.stop_reason == "interrupted"
    assert len(result.history["loss"]) == 4
    assert_same_params(result.params, fit(max_steps=4).params)
    assert np.isfinite(result.elbo)
    result.predict(X)
    steps = []

    def interrupt_later(info):
        steps.append(info.step)
        interrupt(info)

    again = fit(callback=interrupt_later, restarts=3)
    assert again.stop_reason == "interrupted"
    assert steps == [0, 1, 2, 3]  # no further restart begins


def test_other_errors_of_a_callback_are_not_swallowed():
    def fail(info):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        fit(callback=fail)


def test_stop_may_be_any_function_of_the_history():
    result = fit(stop=lambda history: len(history["loss"]) == 5)
    assert len(result.history["loss"]) == 5
    assert result.stop_reason == "stop"


# --- the literal update of sigma -----------------------------------------------------

LITERAL = mb.MeanField("identity", sigma=0.1)


def literal(lr, **kwargs):
    options = {"rng": 0, "start": None, "max_steps": 300, "optimizer": mb.SGD(lr)}
    return mb.fit(LINEAR, LITERAL, X, Y, **(options | kwargs))


def test_the_literal_update_is_sigma_minus_a_dsigma():
    """One step by hand: mu - a dmu and sigma - a dsigma, nothing else."""
    result = literal(1e-4, max_steps=1, n_samples=2, estimator=mb.Pathwise())
    streams = run_seeds(0, 1)[0].spawn(5)
    mu = LINEAR.initial_weights(np.random.default_rng(streams[0]))
    eps = np.random.default_rng(streams[2]).standard_normal((2, 3))
    sigma, Phi = np.full(3, 0.1), TRUTH.Phi
    g_w = np.array([-Phi.T @ (Y - Phi @ (mu + sigma * e)) / NOISE**2 for e in eps])
    dmu = g_w.mean(0) + (mu - PRIOR.mean) / PRIOR.scale**2
    dsigma = (g_w * eps).mean(0) + sigma / PRIOR.scale**2 - 1 / sigma
    np.testing.assert_allclose(result.params["mu"], mu - 1e-4 * dmu, rtol=1e-12)
    np.testing.assert_allclose(result.params["rho"], sigma - 1e-4 * dsigma, rtol=1e-12)


@pytest.mark.optional
def test_the_literal_update_converges_with_small_steps():
    sigma = literal(mb.RobbinsMonro(2e-4), max_steps=3000, n_samples=8).params["rho"]
    np.testing.assert_allclose(sigma / TRUTH.mean_field_sd(), 1, atol=0.25)


def test_the_literal_update_names_the_first_sigma_that_leaves():
    with pytest.raises(mb.FitError) as caught:
        literal(0.02)
    error, message = caught.value, str(caught.value)
    assert f"step {error.step}" in message
    for words in ("sigma", "index", "> 0", "clip", "softplus"):
        assert words in message
    good = error.params["rho"]
    assert np.all(good > 0)
    index = int(message.split("at index ")[1].split()[0])
    value = float(message.split("got ")[1].split()[0])
    assert 0 <= index < 3
    assert value <= 0


@pytest.mark.parametrize("start", [None, "lbfgs"])
def test_clip_keeps_sigma_above_a_floor(start):
    result = literal(0.005, clip=0.03, start=start, max_steps=100)
    assert result.params["rho"].min() >= 0.03
    assert result.stop_reason == "max_steps"
    assert np.isfinite(result.elbo)


@pytest.mark.parametrize("seed", range(8))
def test_the_start_leaves_every_sigma_positive(seed):
    """L-BFGS may pass through 0 to -sigma, the same posterior; steps begin from +."""
    result = literal(1e-9, start="lbfgs", max_steps=1, rng=seed)
    assert np.all(result.params["rho"] > 0)


# --- errors on the way ---------------------------------------------------------------


@pytest.mark.parametrize("lr", [0.5, 1e30, 1e300])
def test_a_diverging_run_ends_with_an_error_that_tells(lr):
    with pytest.raises(mb.FitError) as caught:
        mb.fit(LINEAR, FAMILY, X, Y, rng=0, start=None, optimizer=mb.SGD(lr))
    error = caught.value
    assert isinstance(error, ValueError)
    assert f"step {error.step}" in str(error)
    assert "term" in str(error) or "gradient" in str(error)
    assert "learning rate" in str(error)
    assert set(error.params) == {"mu", "rho"}
    for array in error.params.values():
        assert np.isfinite(array).all()
    loss, _, _ = mb.neg_elbo(LINEAR, FAMILY, error.params, np.zeros((1, 3)), X, Y)
    assert np.isfinite(loss)
    if error.step > 1:  # the last good ones, not the first
        first = mb.fit(LINEAR, FAMILY, X, Y, rng=0, start=None, max_steps=1,
                       optimizer=STILL).params  # fmt: skip
        assert np.any(error.params["mu"] != first["mu"])


def test_an_error_travels_between_processes():
    with pytest.raises(mb.FitError) as caught:
        literal(0.02)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert copy.step == caught.value.step
    assert_same_params(copy.params, caught.value.params)


@pytest.mark.parametrize("bad", ["nll", "kl"])
def test_the_error_names_the_term(bad):
    start = {"mu": np.zeros(3), "rho": np.full(3, 1e5)}
    if bad == "nll":
        X_huge, prior = X / np.abs(X).max() * 1e154, PRIOR
    else:
        X_huge, prior = X, mb.GaussianPrior(0.0, 1e-150)
    model = mb.Model(LINEAR.net, LINEAR.likelihood, prior)
    with pytest.raises(mb.FitError, match="data term" if bad == "nll" else "KL term"):
        mb.fit(model, FAMILY, X_huge, Y, rng=0, start=start)


# --- batches -------------------------------------------------------------------------


def still_point(**kwargs):
    """History of nll at fixed weights without noise: what the batches alone do."""
    options = {"rng": 0, "start": {"mu": np.linspace(-1, 1, 17)}, "optimizer": STILL}
    return mb.fit(NET, mb.Point(), X, LABELS, **options, **kwargs).history["nll"]


def row_nll():
    """-log p of every row with its own label, times N: a batch of that row alone."""
    f = NET.net(np.linspace(-1, 1, 17), X)[:, 0]
    return 40 * np.log1p(np.exp(np.where(LABELS == 1, -f, f)))


def test_an_epoch_deals_every_row_once_with_its_own_target():
    dealt = still_point(batch_size=1, max_steps=80).reshape(2, 40)
    for epoch in dealt:
        np.testing.assert_allclose(np.sort(epoch), np.sort(row_nll()), rtol=1e-12)
    assert np.any(dealt[0] != dealt[1])  # a fresh order every epoch
    assert np.any(dealt[0] != row_nll())  # and not the given one


@pytest.mark.parametrize("replicas", [None, 2])
def test_the_smaller_batch_is_weighted_by_its_true_size(replicas):
    """Batches of 15, 15 and 10 of 40 rows: by their shares they add up to all rows."""
    dealt = still_point(batch_size=15, max_steps=6, replicas=replicas)
    shares = np.array([15, 15, 10]) / 40
    for epoch in (dealt[:3], dealt[3:]):
        np.testing.assert_allclose(shares @ epoch, row_nll().mean(), rtol=1e-12)
    full = still_point(max_steps=1)
    np.testing.assert_allclose(full, row_nll().mean(), rtol=1e-12)


@pytest.mark.parametrize("batch_size", [40, 41, 10**9])
def test_a_batch_of_all_rows_is_no_batch(batch_size):
    assert_same_params(fit(batch_size=batch_size).params, fit().params)


# --- options -------------------------------------------------------------------------


def test_start_may_be_given():
    start = {"mu": np.linspace(-1, 1, 17), "rho": np.full(17, -2.0)}
    result = fit(start=start, max_steps=1, optimizer=STILL)
    assert_same_params(result.params, start)
    whole = {"mu": np.arange(17), "rho": np.full(17, -2).tolist()}  # integers, a list
    result = fit(start=whole, max_steps=1, optimizer=STILL)
    np.testing.assert_array_equal(result.params["mu"], np.arange(17.0))
    three = fit(start=start, max_steps=1, optimizer=STILL, replicas=3)
    np.testing.assert_array_equal(three.params["mu"], np.stack([start["mu"]] * 3))
    again = fit(start=three.params, max_steps=1, optimizer=STILL, replicas=3)
    assert_same_params(again.params, three.params)
    resumed = fit(start=fit(max_steps=3).params)
    assert resumed.stop_reason == "max_steps"


def test_progress_goes_to_standard_error_and_only_when_asked(capsys):
    fit(max_steps=30)
    assert capsys.readouterr() == ("", "")
    fit(max_steps=30, verbose=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert 5 <= len(err.splitlines()) <= 15
    assert "ELBO" in err
    assert "30/30" in err


def test_history_has_one_entry_per_step():
    history = fit(optimizer=mb.Adam(mb.Cosine(0.02, final=0.001))).history
    assert set(history) == {"loss", "elbo", "nll", "kl", "kl_weight", "lr"}
    assert {len(values) for values in history.values()} == {12}
    assert history["lr"][0] == 0.02
    assert np.all(np.diff(history["lr"]) < 0)


@pytest.mark.parametrize("kwargs", [{}, {"batch_size": 7}, {"start": "auto"},
                                    {"estimator": mb.Pathwise()}, {"replicas": 2}],
                         ids=str)  # fmt: skip
def test_a_float32_run_stays_float32(kwargs):
    options = SHORT | {"rng": 0} | kwargs
    result = mb.fit(NET, FAMILY, X.astype(np.float32), LABELS, **options)
    assert {a.dtype for a in result.params.values()} == {np.dtype(np.float32)}
    double = fit(**kwargs)  # other noise, the same answer
    gap = np.max(np.abs(result.elbo - double.elbo))
    assert gap < 0.1 * np.max(np.abs(double.elbo))
    pred = result.predict(X, n_samples=10)
    assert pred.mean.dtype == pred.std.dtype == pred.samples.dtype == np.float32


def test_float32_regression_with_learned_noise():
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian("learned"), PRIOR)
    result = mb.fit(model, FAMILY, X.astype(np.float32), Y.astype(np.float32), rng=0)
    assert result.params["mu"].dtype == np.float32
    pred = result.predict(X[:3], n_samples=10)
    kinds = {a.dtype for a in (pred.mean, pred.std, pred.aleatoric, pred.epistemic)}
    assert kinds == {np.dtype(np.float32)}
    assert pred.interval(0.9)[0].dtype == np.float32


def test_learned_noise_finds_the_noise():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(300, 2))
    y = X @ [1.0, -0.7] + 0.4 + 0.5 * rng.normal(size=300)
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian("learned"), PRIOR)
    log_s = mb.fit(model, FAMILY, X, y, rng=0, max_steps=500).q.mean[-1]
    residual = (
        y
        - np.column_stack([X, np.ones(300)])
        @ np.linalg.lstsq(np.column_stack([X, np.ones(300)]), y, rcond=None)[0]
    )
    assert np.exp(log_s) == pytest.approx(residual.std(), rel=0.05)


def test_the_default_fit_starts_with_lbfgs_and_local_reparameterization():
    default = fit(start="auto", estimator=None)
    spelled = fit(start="lbfgs", estimator=mb.LocalReparam())
    assert_same_params(default.params, spelled.params)
    assert np.any(fit(estimator=mb.Pathwise()).params["mu"] != fit().params["mu"])
    plain = mb.fit(NET, FAMILY, X, LABELS, rng=0, start=None, max_steps=12)
    cosine = fit(optimizer=mb.Adam(mb.Cosine(0.02)))
    assert_same_params(plain.params, cosine.params)


# --- a recorded step is the step ----------------------------------------------------


REPLAYED = {
    "Bernoulli": (mb.Bernoulli(), 1, LABELS),
    "Gaussian": (mb.Gaussian(0.7), 2, np.column_stack([Y, -Y])),
    "learned": (mb.Gaussian("learned", (-0.3, 0.8)), 1, Y),
    "Categorical": (mb.Categorical(3), 3, np.arange(40) % 3),
    "SigmoidGaussian": (mb.rupture.SigmoidGaussian(0.8), 1, LABELS),
}
OPTIMIZERS = {
    "adam": mb.Adam(mb.Cosine(0.05)),
    "sgd": mb.SGD(mb.RobbinsMonro(1e-3)),
    "momentum": mb.Momentum(1e-4),
}


@pytest.fixture
def fit_directly(monkeypatch):
    """A fit whose steps run the kernels themselves instead of a recording of them."""

    def run(*args, **kwargs):
        with monkeypatch.context() as patch:
            direct = lambda f, inputs, *_: Direct(f, inputs)  # noqa: E731
            patch.setattr(one_step, "proved_program", direct)
            patch.setattr(many_steps, "proved_scan", lambda *args: None)
            return mb.fit(*args, **kwargs)

    return run


def both_ways(fit_directly, *args, **kwargs):
    options = {"rng": 0, "start": None, "max_steps": 9} | kwargs
    direct = fit_directly(*args, **options)
    for callback in (None, lambda info: None):  # many steps in a row; one by one
        recorded = mb.fit(*args, **options, callback=callback)
        for name, values in direct.history.items():
            np.testing.assert_allclose(recorded.history[name], values, rtol=1e-10)
        for key, array in direct.params.items():
            np.testing.assert_allclose(
                recorded.params[key], array, rtol=1e-8, atol=1e-10
            )


@pytest.mark.sample(7)
@pytest.mark.parametrize("estimator", [mb.Pathwise(), mb.LocalReparam()], ids=repr)
@pytest.mark.parametrize("scale", ["softplus", "exp", "identity"])
@pytest.mark.parametrize("likelihood", REPLAYED)
def test_a_recorded_step_is_the_step(fit_directly, likelihood, scale, estimator):
    kind, width, y = REPLAYED[likelihood]
    model = mb.Model(mb.MLP([2, 3, width], "relu"), kind, mb.GaussianPrior(0.2, 1.5))
    family = mb.MeanField(scale, sigma=0.4)
    both_ways(
        fit_directly, model, family, X, y,
        estimator=estimator, batch_size=15, kl_warmup=0.5, n_samples=2,
    )  # fmt: skip


@pytest.mark.sample(5)
@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kwargs", [{}, {"replicas": 2, "batch_size": 15}], ids=str)
def test_recorded_updates_and_replicas(fit_directly, kwargs, optimizer, activation):
    model = mb.Model(
        mb.MLP([2, 4, 3, 1], activation), mb.Bernoulli(), mb.GaussianPrior()
    )
    for family in (FAMILY, mb.Point()):
        both_ways(
            fit_directly, model, family, X, LABELS,
            optimizer=OPTIMIZERS[optimizer], **kwargs,
        )  # fmt: skip


@pytest.mark.sample(3)
@pytest.mark.parametrize("estimator", [mb.Pathwise(), mb.LocalReparam()], ids=repr)
@pytest.mark.parametrize("likelihood", REPLAYED)
def test_the_usual_steps_are_recorded(monkeypatch, likelihood, estimator):
    """Else the tests above would compare a thing with itself."""
    kinds = []

    def watch(room, name):
        make = getattr(room, name)

        def watched(*args):
            made = make(*args)
            kinds.append(type(made))
            return made

        monkeypatch.setattr(room, name, watched)

    watch(one_step, "proved_program")
    watch(many_steps, "proved_scan")
    kind, width, y = REPLAYED[likelihood]
    model = mb.Model(mb.MLP([2, 3, width]), kind, mb.GaussianPrior())
    options = {"rng": 0, "start": None, "max_steps": 2, "estimator": estimator}
    for kind, callback in ((Scan, None), (Program, lambda info: None)):
        kinds.clear()
        mb.fit(model, FAMILY, X, y, **options, callback=callback)
        mb.fit(model, FAMILY, X, y, batch_size=30, **options, callback=callback)
        wanted = [Program, kind, kind]  # the last of two steps has no row beside it
        assert sorted(map(str, kinds)) in (
            [str(kind)] * 3,  # all rows; 30 rows; the last 10
            sorted(map(str, wanted)),
        )


def test_the_loss_of_a_step_is_neg_elbo():
    """A point has no noise, so its history can be evaluated again step by step."""
    seen = []
    result = mb.fit(
        NET, mb.Point(), X, LABELS, rng=0, max_steps=6, optimizer=mb.SGD(0.01),
        kl_weight=0.7, callback=lambda info: seen.append(info.params),
    )  # fmt: skip
    for step, params in enumerate(seen[:-1]):
        loss, grads, _ = mb.neg_elbo(
            NET, mb.Point(), params, np.zeros((1, 0)), X, LABELS, kl_weight=0.7
        )
        assert result.history["loss"][step + 1] == pytest.approx(loss, rel=1e-13)
        moved = params["mu"] - 0.01 * grads["mu"]
        np.testing.assert_allclose(seen[step + 1]["mu"], moved, rtol=1e-12)


def test_an_optimiser_needs_no_class_of_ours():
    """Its methods are enough: init, rates, update and lr."""

    class Descent:
        lr = staticmethod(lambda step, max_steps: 0.01)

        def init(self, theta):
            return {}

        def rates(self, lr, step):
            return (lr,)

        def update(self, theta, g, state, lr):
            theta -= lr * g

    own, ours = (fit(optimizer=o) for o in (Descent(), mb.SGD(0.01)))
    assert_same_params(own.params, ours.params)
