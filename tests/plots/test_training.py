"""The picture of a run: what is drawn of it, and how its axis is chosen."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import minibnn as mb
from minibnn import plots

MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def ax():
    return Figure().add_subplot()


@pytest.fixture(scope="module")
def fits():
    """Runs of 60 steps on one small set of data, by what they are."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), rng.integers(0, 2, 30)
    model = mb.Model(mb.MLP([3, 4, 1]), mb.Bernoulli(), mb.GaussianPrior(0.5, 2.0))
    how = dict(rng=1, start=None, max_steps=60)
    q = mb.MeanField()
    return {
        "run": mb.fit(model, q, X, y, **how),
        "restarts": mb.fit(model, q, X, y, restarts=3, **how),
        "replicas": mb.fit(model, q, X, y, replicas=3, **how),
        "point": mb.fit(model, mb.Point(), X, y, **how),
    }


def test_curve_shows_history_and_final_elbo(fits, ax):
    result = replace(fits["run"], elbo_se=3.21)
    drawn = plots.elbo_curve(result, window=20, ax=ax)
    (mean,), elbo = drawn["mean"], result.history["elbo"]
    np.testing.assert_array_equal(drawn["steps"].get_ydata(), elbo)
    assert mean.get_ydata()[0] == pytest.approx(elbo[:20].mean())
    assert mean.get_ydata()[-1] == pytest.approx(elbo[-20:].mean())
    assert set(drawn["final"].get_ydata()) == {result.elbo}
    told = f"{abs(result.elbo):.1f} ± 3.2"
    assert drawn["final"].get_label() == f"final ELBO {MINUS}{told}"
    assert drawn["final_se"].get_height() == pytest.approx(6.42)
    assert mean.get_label() == "mean of 20 steps"


def test_a_running_mean_ends_where_its_steps_do(fits, ax):
    means = plots.running_mean([1.0, 2.0, 6.0, 4.0], 2)
    assert means.tolist() == [1.5, 4.0, 5.0]
    drawn = plots.elbo_curve(fits["run"], window=20, ax=ax)
    assert drawn["steps"].get_xdata().tolist() == list(range(1, 61))
    assert drawn["mean"][0].get_xdata().tolist() == list(range(20, 61))


def test_a_run_that_is_shorter_than_the_window_is_one_mean(fits, ax):
    drawn = plots.elbo_curve(fits["run"], window=1000, ax=ax)
    assert drawn["mean"][0].get_xdata().tolist() == [60]
    assert drawn["mean"][0].get_label() == "mean of 60 steps"


def test_of_replicas_each_is_drawn(fits, ax):
    result = fits["replicas"]
    drawn = plots.elbo_curve(result, window=30, ax=ax)
    for r, line in enumerate(drawn["mean"]):
        last = result.history["elbo"][-30:, r].mean()
        assert line.get_ydata()[-1] == pytest.approx(last)
    assert len(drawn["mean"]) == 3
    points = drawn["final"].lines[0]
    np.testing.assert_array_equal(points.get_ydata(), result.elbo)
    assert points.get_xdata().tolist() == [60, 60, 60]


def test_a_replica_that_ended_before_the_others_ends_there(fits, ax):
    result = fits["replicas"]
    wide = {name: np.broadcast_to(values[:, None] if values.ndim == 1 else values,
                                  (60, 3)).copy()
            for name, values in result.history.items()}  # fmt: skip
    for values in wide.values():
        values[40:, 1] = np.nan
    drawn = plots.elbo_curve(replace(result, history=wide), window=10, ax=ax)
    assert [line.get_xdata()[-1] for line in drawn["mean"]] == [60, 40, 60]
    assert "outside" not in ax.get_xlabel() or np.isfinite(ax.get_ylim()).all()


def test_restarts_that_were_not_kept_are_marked(fits, ax):
    result = fits["restarts"]
    drawn = plots.elbo_curve(result, ax=ax)
    others = sorted(value for value, _ in result.restarts)[:-1]
    assert sorted(drawn["restarts"].get_ydata()) == others
    assert drawn["restarts"].get_label() == "2 other restarts"


def test_a_point_has_a_loss_and_no_elbo(fits, ax):
    drawn = plots.elbo_curve(fits["point"], ax=ax)
    loss = fits["point"].history["loss"]
    np.testing.assert_array_equal(drawn["steps"].get_ydata(), loss)
    assert ax.get_ylabel() == "penalised loss (nats)"
    assert "final" not in drawn


def curve(fits, elbo):
    """A run with this history."""
    names = fits["run"].history
    history = {name: np.asarray(elbo, float) for name in names}
    return replace(fits["run"], history=history, elbo=float(elbo[-1]), elbo_se=0.1)


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["elbo", "loss"])
def test_a_far_start_does_not_press_the_rest_flat(fits, ax, sign):
    noise = np.random.default_rng(3).normal(size=1000)
    values = -100 + noise
    values[:300] -= np.geomspace(1e9, 30, 300)
    result = curve(fits, values)
    if sign < 0:
        result = replace(result, family=mb.Point(), elbo=None, elbo_se=None)
        result = replace(result, history={"loss": -values})
    plots.elbo_curve(result, ax=ax)
    low, high = ax.get_ylim()
    later = sign * values[500:]
    assert np.mean((later > low) & (later < high)) > 0.99
    assert high - low < 3 * np.ptp(later)
    outside = np.sum((sign * values < low) | (sign * values > high))
    said = f"step\n({outside} of 1000 lie outside {low:g} to {high:g})"
    assert ax.get_xlabel() == said.replace("-", MINUS)
    assert outside >= 300


@pytest.mark.parametrize("values", [np.full(30, -5.0), -5 + 1e-9 * np.arange(30)])
def test_a_loss_without_noise_is_seen_in_nats(fits, ax, values):
    plots.elbo_curve(curve(fits, values), ax=ax)
    assert 1.0 <= np.diff(ax.get_ylim())[0] < 2.0
    assert ax.get_xlabel() == "step"


def test_steps_that_are_not_finite_are_counted_and_not_drawn(fits, ax):
    values = np.full(40, -5.0)
    values[:3] = -np.inf, np.nan, -np.inf
    plots.elbo_curve(curve(fits, values), ax=ax)
    assert ax.get_xlabel().startswith("step\n(3 of 40 lie outside")


def test_without_an_estimate_or_with_nan_nothing_is_marked(fits, ax):
    for elbo in (None, np.nan):
        drawn = plots.elbo_curve(replace(fits["run"], elbo=elbo, elbo_se=elbo), ax=ax)
        assert "final" not in drawn


def test_a_result_without_history_says_why(fits, ax):
    with pytest.raises(ValueError, match=r"history of steps, got none: .*at\(context\)"):
        plots.elbo_curve(replace(fits["run"], history={}), ax=ax)
