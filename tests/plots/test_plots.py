"""Plots show the numbers they are given, on the axes they are given."""

import math

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


CURVE = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior(0.0, 1.0))
LINE = np.linspace(-1, 2, 7)


@pytest.fixture(scope="module")
def exact():
    """The predictive of a straight line at seven points, in closed form."""
    return mb.exact_posterior(CURVE, LINE[:, None], 2 * LINE).predict(LINE[:, None])


CALLS = {
    "draw_network": lambda r, e, ax: plots.draw_network(r, ax=ax),
    "elbo_curve": lambda r, e, ax: plots.elbo_curve(r, ax=ax),
    "predictive_histogram": lambda r, e, ax: plots.predictive_histogram(e, ax=ax),
    "reliability": lambda r, e, ax: plots.reliability([0, 1], [0.1, 0.6], ax=ax),
    "band": lambda r, e, ax: plots.band(e, LINE, ax=ax),
    "calibration": lambda r, e, ax: plots.calibration(e, 2 * LINE, ax=ax),
    "pit": lambda r, e, ax: plots.calibration(e, 2 * LINE, kind="pit", ax=ax),
    "prior_posterior": lambda r, e, ax: plots.prior_posterior(r, [0, 3], ax=ax),
}


@pytest.mark.parametrize("name", CALLS)
def test_returns_what_it_drew_and_leaves_the_settings_alone(name, result, exact, ax):
    before, open_before = dict(mpl.rcParams), plt.get_fignums()
    drawn = CALLS[name](result, exact, ax)
    assert drawn["ax"] is ax
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == open_before
    there = set(ax.get_children())
    for name, artists in drawn.items():
        for artist in np.atleast_1d(artists):
            assert name == "ax" or artist in there


@pytest.mark.parametrize("name", CALLS)
def test_without_axes_it_takes_the_current_ones(name, result, exact):
    figure = plt.figure()
    here = figure.add_subplot()
    assert CALLS[name](result, exact, None)["ax"] is here
    plt.close(figure)


def test_network_has_a_line_per_weight_with_its_mean_and_certainty(result, ax):
    drawn = plots.draw_network(result, names=["a", "b", "c"], outputs=["out"], ax=ax)
    lines = drawn["weights"]
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
    with pytest.raises(ValueError, match=r"standard deviations, got Point\(\)"):
        plots.draw_network(point, ax=ax)
    both = mb.fit(result.model, mb.MeanField(), X, y, rng=0, max_steps=2, replicas=2)
    with pytest.raises(ValueError, match=r"one run, got 2: draw result.replica\(i\)"):
        plots.draw_network(both, ax=ax)


def test_histograms_stand_one_above_the_other(result, ax):
    prediction = result.predict(np.eye(3), 50)
    y = [0, 1, 0]
    drawn = plots.predictive_histogram(prediction, [2, 1], y, n_bins=10, ax=ax)
    for base, row, shown in zip((1, 0), (2, 1), drawn["histograms"], strict=True):
        height, _ = np.histogram(prediction.samples[:, row], np.linspace(0, 1, 11))
        wanted = base + 0.78 * height / height.max()
        np.testing.assert_allclose(shown.get_data().values, wanted)
    colours = [one.get_facecolor()[:3] for one in drawn["histograms"]]
    wanted = [mpl.colors.to_rgb(colour) for colour in (plots.BLUE, plots.RED)]
    assert colours == wanted
    said = [label.get_text() for label in ax.get_yticklabels()]
    assert said == ["row 2: y = 0", "row 1: y = 1"]


def test_histograms_of_a_regression_hold_the_noise_and_mark_the_target(exact, ax):
    drawn = plots.predictive_histogram(exact, [0, 6], 2 * LINE, ax=ax)
    for row, shown in zip((0, 6), drawn["histograms"], strict=True):
        half = 2.5758 * exact.std[row]  # the central 99 %
        ends = shown.get_data().edges[[0, -1]]
        np.testing.assert_allclose(ends, exact.mean[row] + [-half, half], rtol=1e-4)
    assert drawn["targets"].get_xdata().tolist() == [-2.0, 4.0]
    assert drawn["targets"].get_ydata().tolist() == [1, 0]


def test_each_count_is_a_bar(ax):
    X, y = np.linspace(-1, 1, 12)[:, None], np.arange(12) % 4
    model = mb.Model(mb.MLP([1, 1]), mb.Poisson(), mb.GaussianPrior())
    fit = mb.fit(model, mb.MeanField(), X, y, rng=0, start=None, max_steps=5)
    drawn = plots.predictive_histogram(fit.predict(X, 200), [3], ax=ax)
    edges = drawn["histograms"][0].get_data().edges
    np.testing.assert_array_equal(edges, np.arange(len(edges)) - 0.5)


def test_of_several_outputs_one_is_chosen(ax):
    X, y = np.eye(3), [0, 1, 2]
    model = mb.Model(mb.MLP([3, 3]), mb.Categorical(3), mb.GaussianPrior())
    fit = mb.fit(model, mb.MeanField(), X, y, rng=0, start=None, max_steps=2)
    prediction = fit.predict(X, 20)
    drawn = plots.predictive_histogram(prediction, [1], y, output=1, ax=ax)
    assert drawn["means"][0].get_xdata()[0] == prediction.mean[1, 1]
    assert drawn["histograms"][0].get_facecolor()[:3] == mpl.colors.to_rgb(plots.RED)
    with pytest.raises(ValueError, match=r"one output, got 3: choose .* output=2"):
        plots.band(prediction, [0, 1, 2], ax=ax)
    band = plots.band(prediction, [0, 1, 2], output=2, ax=ax)
    np.testing.assert_array_equal(band["mean"].get_ydata(), prediction.mean[:, 2])
    assert ax.get_ylabel() == "P(y = 2)"


def test_reliability_shows_the_curve(ax):
    y, p = [0, 1, 1, 0], [0.12, 0.18, 0.9, 0.91]
    dots = plots.reliability(y, p, n_bins=10, ax=ax)["dots"]
    np.testing.assert_allclose(dots.get_offsets(), [[0.15, 0.5], [0.905, 0.5]])


def test_reliability_of_many_classes_is_that_of_the_predicted_one(ax):
    p = [[0.7, 0.2, 0.1], [0.1, 0.75, 0.15], [0.3, 0.3, 0.4]]
    dots = plots.reliability([0, 2, 2], p, n_bins=10, ax=ax)["dots"]
    np.testing.assert_allclose(dots.get_offsets(), [[0.4, 1.0], [0.725, 0.5]])
    assert ax.get_xlabel() == "predicted probability of the predicted class"


def test_bars_of_a_reliability_diagram_by_counting(ax):
    """The least counts k with P(count <= k) >= 2.5 % and 97.5 %, by adding up."""
    y, p = [0] * 8 + [1, 0] * 2, [0.5] * 8 + [0.9] * 2 + [0.1] * 2
    drawn = plots.reliability(y, p, n_bins=10, ax=ax)
    bars = [bar[:, 1].tolist() for bar in drawn["bars"].get_segments()]
    wanted = []
    for q, n in ((0.1, 2), (0.5, 8), (0.9, 2)):
        upto = np.cumsum([math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(n)])
        wanted.append([np.sum(upto < tail) / n for tail in (0.025, 0.975)])
    np.testing.assert_allclose(bars, wanted)
    np.testing.assert_allclose(drawn["dots"].get_sizes(), [75, 225, 75])


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
    lines = plots.draw_network(result, ax=ax)["weights"]
    mean = np.abs(np.asarray(lines.get_array()))
    np.testing.assert_allclose(lines.get_linewidths(), 0.6 + 3.4 * mean / mean.max())
    assert lines.norm.halfrange == pytest.approx(np.quantile(mean, 0.98))


def test_the_tick_of_a_histogram_is_the_mean(exact, ax):
    drawn = plots.predictive_histogram(exact, [4], ax=ax)
    assert list(drawn["means"][0].get_xdata()) == [exact.mean[4]] * 2


# --- along one input ------------------------------------------------------------------


def top_of(band):
    """The upper edge of a filled band at its first to last x."""
    vertices = band.get_paths()[0].vertices
    xs = np.unique(vertices[:, 0])
    return np.array([vertices[vertices[:, 0] == x, 1].max() for x in xs])


def test_whoever_gives_x_before_the_prediction_is_told_the_order(exact, ax):
    for draw in (plots.band, plots.calibration):
        with pytest.raises(TypeError, match="as the first argument, got float64 array"):
            draw(LINE, exact, ax=ax)


def test_bands_are_the_intervals_of_the_prediction(result, exact, ax):
    drawn = plots.band(exact, LINE, level=0.9, ax=ax)
    np.testing.assert_allclose(top_of(drawn["interval"]), exact.interval(0.9)[1])
    epistemic = exact.mean + 1.6448536 * np.sqrt(exact.epistemic)
    np.testing.assert_allclose(top_of(drawn["epistemic"]), epistemic)
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said == [
        "90 % predictive interval", "90 % interval of the mean (epistemic)", "mean"
    ]  # fmt: skip


def test_bands_of_sampled_networks(ax):
    noisy = mb.fit(CURVE, mb.MeanField(), LINE[:, None], LINE, rng=0, start=None,
                   max_steps=2).predict(LINE[:, None], 60)  # fmt: skip
    drawn = plots.band(noisy, LINE[:, None], ax=ax)
    np.testing.assert_allclose(top_of(drawn["interval"]), noisy.interval()[1])
    means = np.quantile(noisy.samples, 0.975, axis=0)
    np.testing.assert_allclose(top_of(drawn["epistemic"]), means)


def test_the_band_of_a_probability_is_that_of_the_networks(result, ax):
    prediction = result.predict(np.eye(3), 50)
    drawn = plots.band(prediction, [0, 1, 2], [0, 1, 1], ax=ax)
    assert "interval" not in drawn
    np.testing.assert_allclose(top_of(drawn["epistemic"]), prediction.interval()[1])
    assert ax.get_ylabel() == "P(y = 1)"


def test_one_network_has_no_epistemic_band(ax):
    point = mb.fit(CURVE, mb.Point(), LINE[:, None], LINE, rng=0, max_steps=2)
    assert "epistemic" not in plots.band(point.predict(LINE[:, None]), LINE, ax=ax)


class Column(np.ndarray):
    """A column with a name, as frames have them."""


def test_a_column_brings_its_name_along(exact, ax):
    x, y = (values.view(Column) for values in (LINE.copy(), 2 * LINE))
    x.name, y.name = "age (years)", "cost (EUR)"
    plots.band(exact, x, y, ax=ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("age (years)", "cost (EUR)")
    plots.band(exact, LINE, ax=ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def test_rows_of_a_band_come_in_any_order(exact, ax):
    mixed = np.array([3, 0, 6, 1, 5, 2, 4])
    there = mb.exact_posterior(CURVE, LINE[:, None], 2 * LINE).predict(LINE[mixed, None])
    x, data = LINE[mixed], ([0.5], [7.0])
    drawn = plots.band(there, x, x + 1, data=data, truth=2 * x, ax=ax)
    np.testing.assert_array_equal(drawn["mean"].get_xdata(), LINE)
    np.testing.assert_allclose(drawn["mean"].get_ydata(), exact.mean)
    np.testing.assert_allclose(top_of(drawn["interval"]), exact.interval()[1])
    np.testing.assert_allclose(drawn["targets"].get_ydata(), LINE + 1)
    np.testing.assert_allclose(drawn["truth"].get_ydata(), 2 * LINE)
    assert drawn["data"].get_data() == ([0.5], [7.0])


def test_a_band_is_in_raw_units_where_the_fit_standardised(ax):
    X, y = np.linspace(1000, 1100, 20)[:, None], np.linspace(-5e4, 5e4, 20)
    fit = mb.fit(CURVE, mb.MeanField(), X, y, rng=0, standardise=True, max_steps=300)
    drawn = plots.band(fit.predict(X, 100), X, y, ax=ax)
    np.testing.assert_allclose(drawn["mean"].get_ydata(), y, atol=2e4)
    assert ax.get_xlim()[0] > 900


def test_several_columns_are_refused_with_what_to_do(result, ax):
    prediction = result.predict(np.eye(3), 5)
    with pytest.raises(ValueError, match=r"X must be one column .* pass that column"):
        plots.band(prediction, np.eye(3), ax=ax)
    replicas = mb.fit(CURVE, mb.MeanField(), np.ones((2, 3, 1)), np.ones((2, 3)), rng=0,
                      replicas=2, start=None, max_steps=2)  # fmt: skip
    with pytest.raises(ValueError, match=r"draw result.replica\(i\).predict\(X\[i\]\)"):
        plots.band(replicas.predict(np.ones((2, 3, 1)), 5), [0, 1, 2], ax=ax)


# --- weights --------------------------------------------------------------------------


def test_prior_and_posterior_are_normal_densities(result, ax):
    drawn = plots.prior_posterior(result, [2], names=["w"], ax=ax)
    (line,) = drawn["posteriors"]
    x, density = line.get_data()
    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=1e-3)
    assert x[np.argmax(density)] == pytest.approx(result.q.mean[2], abs=0.02)
    top = 1 / (result.q.sigma[2] * np.sqrt(2 * np.pi))
    assert density.max() == pytest.approx(top, rel=1e-6)
    assert top_of(drawn["priors"][0]).max() == pytest.approx(
        1 / (2 * np.sqrt(2 * np.pi)), rel=1e-3
    )


PRIORS = {
    "Gaussian": (mb.GaussianPrior([0.0, 0.0], [1.0, 3.0]), 2),
    "Laplace": (mb.LaplacePrior([1.0, 0.5]), 2),
    "mixture": (mb.ScaleMixturePrior(0.5, 1.0, 0.3), 1),
}


@pytest.mark.parametrize("prior", PRIORS)
def test_every_prior_that_differs_is_drawn(prior, ax):
    prior, count = PRIORS[prior]
    model = mb.Model(mb.MLP([2, 1], bias=False), mb.Bernoulli(), prior)
    fit = mb.fit(model, mb.MeanField(), np.eye(2), [0, 1], rng=0, max_steps=2)
    drawn = plots.prior_posterior(fit, [1, 0], ax=ax)
    assert len(drawn["priors"]) == count
    for one, i in zip(drawn["priors"], (1, 0), strict=False):
        x = np.unique(one.get_paths()[0].vertices[:, 0])
        weights = np.zeros((len(x), 2))
        weights[:, i] = x  # of the other weight only a constant
        wanted = np.exp(prior.log_prob(weights)[0])
        shape = wanted / wanted.max()
        np.testing.assert_allclose(top_of(one) / top_of(one).max(), shape, atol=1e-12)
        assert np.trapezoid(top_of(one), x) == pytest.approx(1, abs=0.03)


def test_all_weights_of_a_network_are_thin_and_have_one_entry(result, ax):
    drawn = plots.prior_posterior(result, ax=ax)
    assert len(drawn["posteriors"]) == result.model.net.n_weights
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said == ["prior", "q of 21 weights"]
