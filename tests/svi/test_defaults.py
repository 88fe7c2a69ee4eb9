"""What ``fit`` does where nothing is said: starts, steps, batches, the end."""

import warnings

import numpy as np
import pytest

import minibnn as mb
from minibnn.optim.slowing import Slowing, rise_of
from minibnn.svi import best_start, options
from minibnn.svi.start import narrow

PRIOR = mb.GaussianPrior(0.0, 1.0)


def sine(n, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, n)
    return x[:, None], np.sin(2 * x) + (0.05 + 0.3 * (x > 0)) * rng.normal(size=n)


def model_of(hidden, likelihood=None, D=1):
    likelihood = likelihood or mb.Gaussian("learned")
    outputs = 2 if isinstance(likelihood, mb.HeteroscedasticGaussian) else 1
    return mb.Model(mb.MLP([D, hidden, outputs]), likelihood, PRIOR)


def quiet_fit(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mb.FitWarning)
        return mb.fit(*args, **kwargs)


# --- a number of steps that follows the problem --------------------------------------


def history_of(elbo):
    return {"elbo": list(elbo), "kl_weight": [1.0] * len(elbo)}


def test_steps_end_where_a_quarter_of_them_brings_less_than_a_nat():
    rule, t = Slowing(100), np.arange(1, 501)
    assert rule(history_of(-100.0 + 0 * t))
    assert rule(history_of(0.9 / 125 * t))
    assert not rule(history_of(1.1 / 125 * t))
    assert not rule(history_of(-100.0 + 0 * t[:499]))  # it looks after 500 steps
    assert Slowing(5000)(history_of(3.5 / 125 * t))  # a thousandth of a nat a row


def test_a_noisy_level_is_not_taken_for_a_rise_nor_a_rise_for_noise():
    noise = np.random.default_rng(0).normal(size=500)
    rise, se, last = rise_of(history_of(noise), 500)
    assert abs(rise) < 4 * se
    assert se == pytest.approx(np.sqrt(2 / 125), rel=0.2)
    assert last == pytest.approx(noise[-125:].mean())


def test_looks_grow_with_the_run_and_as_many_steps_follow():
    rule = Slowing(100)
    assert [rule._next_look(k) for k in (0, 499, 500, 750, 1125)] == [
        500, 500, 750, 1125, 1687
    ]  # fmt: skip
    assert rule._end(750) == 1500


def test_an_easy_problem_ends_early_and_a_hard_one_goes_on():
    X, y = sine(60)
    line = quiet_fit(model_of(1), mb.MeanField(), X, X[:, 0], rng=0, restarts=1)
    assert (line.stop_reason, line.converged) == ("plateau", True)
    hard = quiet_fit(model_of(20), mb.MeanField(), X, y, rng=0)
    assert len(hard.history["loss"]) > len(line.history["loss"])
    assert hard.history["lr"][-1] < 1e-3 * hard.history["lr"][0]


@pytest.mark.parametrize(
    ("rows", "weights", "steps"),
    [(100, 100, 10_000), (1000, 1000, 4000), (512, 478_410, 2000)],
)
def test_the_most_steps_follow_the_work_of_one(rows, weights, steps):
    model = type("Sized", (), {"n_weights": weights})
    assert options.default_steps(model, rows) == steps


@pytest.mark.parametrize(("n", "size"), [(2048, None), (2049, 512)])
def test_large_data_go_in_batches(n, size):
    X = np.random.default_rng(0).normal(size=(n, 1))
    seen = []
    original = options.with_defaults

    def watched(*args):
        seen.append(original(*args).batch_size)
        return original(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(options, "with_defaults", watched)
        mb.fit(model_of(1), mb.MeanField(), X, X[:, 0], rng=0, start=None, max_steps=1)
    assert seen == [size]


# --- kinds of start ------------------------------------------------------------------


@pytest.mark.slow
def test_means_move_first():
    """A wide network on few rows: 1000 steps after L-BFGS end far below."""
    X, y = sine(50, seed=1)
    model = model_of(30)
    default = quiet_fit(model, mb.MeanField(), X, y, rng=0)
    lbfgs = quiet_fit(model, mb.MeanField(), X, y, rng=0, start="lbfgs", max_steps=1000)
    assert default.elbo > lbfgs.elbo + 2
    params = mb.MeanField().init(model, 0)
    assert narrow(mb.MeanField(), params)["mu"] is params["mu"]
    sigma = mb.MeanField().natural(narrow(mb.MeanField(), params))[0].sigma
    np.testing.assert_allclose(sigma, 1e-3, rtol=1e-9)


@pytest.mark.sample(2)
@pytest.mark.parametrize("scale", ["softplus", "exp"])
def test_a_tiny_sigma_does_not_let_lbfgs_fit_the_noise_away(scale):
    """The same as from 0.05 but for the step into the noise: it begins there."""
    X, y = sine(60)
    found = [
        quiet_fit(
            model_of(5), mb.MeanField(scale, sigma), X, y, rng=0, start="lbfgs",
            max_steps=300,
        ).elbo
        for sigma in (0.05, 1e-3)
    ]
    assert found[1] == pytest.approx(found[0], abs=1e-6)


@pytest.mark.slow
def test_the_better_end_is_kept_and_for_every_replica():
    X, y = sine(60)
    options_ = {"rng": 3, "max_steps": 400}
    both = quiet_fit(model_of(4), mb.MeanField(), X, y, replicas=4, **options_)
    lbfgs = quiet_fit(
        model_of(4), mb.MeanField(), X, y, replicas=4, start="lbfgs", **options_
    )
    assert (both.elbo >= lbfgs.elbo).all()
    assert both.params["mu"].shape == (4, model_of(4).n_weights)
    assert both.replica(2).elbo == both.elbo[2]


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ({}, ["lbfgs", "small"]),
        ({"max_steps": 1000}, ["lbfgs", "small"]),
        ({"max_steps": 999}, ["lbfgs", None]),
        ({"optimizer": mb.Adam(1e-3)}, ["lbfgs", None]),
        ({"start": None}, [None]),
        ({"start": "lbfgs"}, ["lbfgs"]),
    ],
)
def test_sigmas_begin_small_where_steps_bring_them_back(given, kinds):
    told = {"max_steps": "auto", "optimizer": None, "start": "auto"} | given
    rest = dict.fromkeys(["batch_size", "stop", "replicas", "clip", "callback"])
    rest |= dict.fromkeys(["checkpoint", "elbo_samples"])
    rest |= {"n_samples": 1, "kl_weight": 1.0, "kl_warmup": 0.0, "verbose": False}
    checked = options.check_options(1, **told, **rest)
    family = mb.MeanField()
    checked = options.with_defaults(model_of(5), family, 100, checked, noisy=True)
    assert checked.kinds(model_of(5), family, 100, exact=False) == kinds


class Two:
    """A result of two replicas, as far as they are compared."""

    family, history = mb.MeanField(), {"loss": [0.0]}

    def __init__(self, elbo):
        self.elbo = np.array(elbo)


def test_scores_are_the_elbo_and_nothing_known_is_the_worst():
    np.testing.assert_array_equal(best_start.scores(Two([1.0, np.nan])), [1.0, -np.inf])
    np.testing.assert_array_equal(best_start.scores(Two([np.inf, 2.0])), [-np.inf, 2.0])


def test_a_second_start_that_is_behind_gives_up():
    seen = []
    X, y = sine(300)
    sign = (y > 0).astype(float)
    mb.fit(
        model_of(2, mb.Bernoulli()), mb.MeanField(), X, sign, rng=0,
        callback=lambda info: seen.append(info.step),
    )  # fmt: skip
    first, second = np.split(seen, [seen.index(0, 1)])
    assert len(second) <= 2 * len(first)


# --- log scales ----------------------------------------------------------------------


def test_log_scales_begin_at_zero_for_every_input():
    model = model_of(50, mb.HeteroscedasticGaussian(), D=13)
    X = 10 * np.random.default_rng(0).normal(size=(100, 13))
    F = model.net(model.initial_weights(0), X)
    np.testing.assert_array_equal(F[:, 1], 0.0)
    assert F[:, 0].std() > 1


@pytest.mark.slow
def test_a_heteroscedastic_fit_is_no_worse_than_one_noise_level():
    X, y = sine(70)
    het = quiet_fit(model_of(20, mb.HeteroscedasticGaussian()), mb.MeanField(), X, y, rng=0)
    one = quiet_fit(model_of(20), mb.MeanField(), X, y, rng=0)
    assert het.elbo > one.elbo


# --- whether it has come to rest -----------------------------------------------------


def test_what_is_still_rising_is_said(capsys):
    X, y = sine(100)
    model = model_of(20)
    short = mb.fit(
        model, mb.MeanField(), X, y, rng=0, start=None, max_steps=200, verbose=True,
        optimizer=mb.Adam(0.01),
    )  # fmt: skip
    assert not short.converged
    assert short.rise > 5 * short.rise_se > 0
    for text in (repr(short), capsys.readouterr().err):
        assert "still rising" in text
    n = 50
    elbo = short.history["elbo"]
    assert short.rise == pytest.approx(elbo[-n:].mean() - elbo[-2 * n : -n].mean())


@pytest.mark.slow
def test_a_fit_left_alone_whose_rise_has_not_ended_warns(monkeypatch):
    X, y = sine(100)
    monkeypatch.setattr(options, "MOST_STEPS", 300)
    monkeypatch.setattr(options, "FEWEST_STEPS", 300)
    with pytest.warns(mb.FitWarning, match="still rising.*max_steps=1200"):
        mb.fit(model_of(20), mb.MeanField(), X, y, rng=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mb.fit(model_of(20), mb.MeanField(), X, y, rng=0, max_steps=100)
