"""Plots show the numbers they are given, on the axes they are given."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import minibnn as mb
from minibnn import plots
from minibnn.plots import network


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), rng.integers(0, 2, 30)
    model = mb.Model(mb.MLP([3, 4, 1]), mb.Bernoulli(), mb.GaussianPrior(0.5, 2.0))
    return mb.fit(model, mb.MeanField(), X, y, rng=1, start=None, max_steps=60)


@pytest.fixture
def ax():
    return Figure().add_subplot()


CALLS = {
    "draw_network": lambda r, ax: plots.draw_network(r, ax),
    "elbo_curve": lambda r, ax: plots.elbo_curve(r, ax),
    "predictive_histogram": lambda r, ax: plots.predictive_histogram(
        r.predict(np.eye(3), 50).samples, ax
    ),
    "reliability": lambda r, ax: plots.reliability([0, 1, 1], [0.1, 0.6, 0.9], ax),
    "band": lambda r, ax: plots.band([0, 1, 2], r.predict(np.eye(3), 50), ax),
    "prior_posterior": lambda r, ax: plots.prior_posterior(r, [0, 3], ax),
}


@pytest.mark.parametrize("name", CALLS)
def test_returns_its_axes_and_leaves_the_settings_alone(name, result, ax):
    before = dict(mpl.rcParams)
    assert CALLS[name](result, ax) is ax
    assert dict(mpl.rcParams) == before
    assert ax.has_data()


@pytest.mark.parametrize("name", CALLS)
def test_without_axes_it_takes_the_current_ones(name, result):
    figure = plt.figure()
    here = figure.add_subplot()
    assert CALLS[name](result, None) is here
    plt.close(figure)


def test_network_has_a_line_per_weight_with_its_mean_and_certainty(result, ax):
    lines = plots.draw_network(result, ax, ["a", "b", "c"], ["out"]).collections[0]
    is_bias = result.model.net.is_bias
    mean, sd = result.q.mean[~is_bias], result.q.sigma[~is_bias]
    assert len(lines.get_segments()) == 3 * 4 + 4
    np.testing.assert_allclose(np.sort(lines.get_array()), np.sort(mean))
    certainty = np.clip(np.abs(mean) / sd / plots.SURE, 0.07, 1)
    np.testing.assert_allclose(lines.get_alpha(), np.sort(certainty))
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c", "out"]


def test_hidden_units_stand_in_the_order_of_their_outgoing_certainty(result):
    means, sds = plots.weight_blocks(result)
    inputs, hidden, outputs = plots.unit_orders(means, sds)
    ratio = np.abs(means[1][:, 0]) / sds[1][:, 0]
    assert inputs.tolist() == [0, 1, 2]
    assert outputs.tolist() == [0]
    assert np.all(np.diff(ratio[hidden]) <= 0)


def test_network_of_a_point_is_refused(result, ax):
    X, y = np.eye(3), np.array([0, 1, 1])
    point = mb.fit(result.model, mb.Point(), X, y, rng=0, max_steps=2)
    with pytest.raises(ValueError, match=r"result must be one run .* got Point\(\)"):
        plots.draw_network(point, ax)


def test_curve_shows_history_and_final_elbo(result, ax):
    result = replace(result, elbo_se=3.21)
    plots.elbo_curve(result, ax, window=20)
    raw, mean, final = ax.lines
    np.testing.assert_array_equal(raw.get_ydata(), result.history["elbo"])
    assert mean.get_ydata()[0] == pytest.approx(result.history["elbo"][:20].mean())
    assert mean.get_ydata()[-1] == pytest.approx(result.history["elbo"][-20:].mean())
    assert set(final.get_ydata()) == {result.elbo}
    told = f"{abs(result.elbo):.1f} ± 3.2"
    assert final.get_label() == f"fresh noise: \N{MINUS SIGN}{told}"
    assert mean.get_label() == "mean of 20 steps"


def test_histograms_stand_one_above_the_other(ax):
    samples = np.array([[0.05, 0.95], [0.15, 0.95], [0.15, 0.95]])
    plots.predictive_histogram(samples, ax, [0, 1], ["first", "second"], n_bins=10)
    first, second = ax.patches
    np.testing.assert_allclose(first.get_data().values - 1, 0.78 * np.eye(10)[0] / 2
                               + 0.78 * np.eye(10)[1])  # fmt: skip
    np.testing.assert_allclose(second.get_data().values, 0.78 * np.eye(10)[9])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second"]


def test_reliability_shows_the_curve(ax):
    y, p = [0, 1, 1, 0], [0.12, 0.18, 0.9, 0.91]
    plots.reliability(y, p, ax, n_bins=10)
    dots = ax.collections[-1].get_offsets()
    np.testing.assert_allclose(dots, [[0.15, 0.5], [0.905, 0.5]])


def test_bars_of_a_reliability_diagram_by_hand(ax):
    """Of 95 % under the prediction: p ± 1.96 √(p (1 - p)/n), within 0 and 1."""
    y, p = [0] * 8 + [1, 0] * 2, [0.5] * 8 + [0.9] * 2 + [0.1] * 2
    plots.reliability(y, p, ax, n_bins=10)
    bars = [bar[:, 1].tolist() for bar in ax.collections[0].get_segments()]
    half, rest = 1.96 * np.sqrt(0.25 / 8), 1.96 * np.sqrt(0.09 / 2)
    wanted = [[0, 0.1 + rest], [0.5 - half, 0.5 + half], [0.9 - rest, 1]]
    np.testing.assert_allclose(bars, wanted)
    np.testing.assert_allclose(ax.collections[-1].get_sizes(), [75, 225, 75])


def test_a_running_mean_ends_where_its_steps_do(result, ax):
    assert plots.running_mean([1.0, 2.0, 6.0, 4.0], 2).tolist() == [1.5, 4.0, 5.0]
    plots.elbo_curve(result, ax, window=20)
    raw, mean, _ = ax.lines
    assert raw.get_xdata().tolist() == list(range(1, 61))
    assert mean.get_xdata().tolist() == list(range(20, 61))


def test_what_counts_as_sure_and_as_alive():
    """Three and two standard deviations; units stand in the order they are drawn."""
    assert (plots.SURE, plots.ALIVE) == (3.0, 2.0)
    means = [np.array([[2.5, 0.5, -9.0]]), np.array([[19.0, 0], [4.2, 0], [-0.3, 0]])]
    sds = [np.ones((1, 3)), np.array([[10.0, 1], [2.0, 1], [0.1, 1]])]
    orders = plots.unit_orders(means, sds)
    assert [order.tolist() for order in orders] == [[0], [2, 1, 0], [0, 1]]
    alive = plots.alive_units(means, sds, orders)
    assert [a.tolist() for a in alive] == [[True], [True, True, False], [True, True]]


def test_units_stand_from_the_top_down_and_blocks_as_unpacked(result):
    np.testing.assert_allclose(network._column(2, 2), [[2.0, 0.75], [2.0, 0.25]])
    blocks = plots.weight_blocks(result)
    for found, flat in zip(blocks, (result.q.mean, result.q.sigma), strict=True):
        for one, (W, _) in zip(found, result.model.net.unpack(flat), strict=True):
            np.testing.assert_array_equal(one, W)


def test_colour_and_width_of_a_line_are_its_mean(result, ax):
    lines = plots.draw_network(result, ax).collections[0]
    mean = np.abs(np.asarray(lines.get_array()))
    np.testing.assert_allclose(lines.get_linewidths(), 0.6 + 3.4 * mean / mean.max())
    assert lines.norm.halfrange == pytest.approx(np.quantile(mean, 0.98))


def test_the_tick_of_a_histogram_is_the_mean(ax):
    plots.predictive_histogram(np.array([[0.1], [0.2], [0.9]]), ax)
    assert ax.lines[-1].get_xdata().tolist() == pytest.approx([0.4, 0.4])


def test_the_prior_shown_is_that_of_the_first_weight(ax):
    prior = mb.GaussianPrior([0.0, 0.0], [1.0, 3.0])
    model = mb.Model(mb.MLP([2, 1], bias=False), mb.Bernoulli(), prior)
    fit = mb.fit(model, mb.MeanField(), np.eye(2), [0, 1], rng=0, max_steps=2)
    plots.prior_posterior(fit, [1, 0], ax)
    shown = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert shown.max() == pytest.approx(1 / (3 * np.sqrt(2 * np.pi)), rel=1e-3)


def test_band_is_two_standard_deviations(result, ax):
    prediction = result.predict(np.eye(3), 50)
    plots.band(np.arange(3), prediction, ax, (np.arange(2), np.ones(2)), np.zeros(3))
    outer = ax.collections[0].get_paths()[0].vertices[:, 1]
    top = prediction.mean + 2 * prediction.std
    assert outer.max() == pytest.approx(top.max())
    inner = ax.collections[1].get_paths()[0].vertices[:, 1]
    top = prediction.mean + 2 * np.sqrt(prediction.epistemic)
    assert inner.max() == pytest.approx(top.max())
    assert len(ax.lines) == 3  # mean, truth, data


def test_prior_and_posterior_are_normal_densities(result, ax):
    plots.prior_posterior(result, [2], ax, ["w"])
    (line,) = ax.lines
    x, density = line.get_data()
    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=1e-3)
    assert x[np.argmax(density)] == pytest.approx(result.q.mean[2], abs=0.02)
    top = 1 / (result.q.sigma[2] * np.sqrt(2 * np.pi))
    assert density.max() == pytest.approx(top, rel=0.02)
    prior = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert prior.max() == pytest.approx(1 / (2 * np.sqrt(2 * np.pi)), rel=1e-3)
