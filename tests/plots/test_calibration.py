"""Calibration pictures: what is right lies on the line, what is wrong leaves the band."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

import minibnn as mb
from minibnn import plots
from minibnn.exact.conjugate import GaussianPrediction
from minibnn.plots.binomial import binomial_band
from minibnn.plots.calibration import LEVELS, share


@pytest.fixture
def ax():
    return Figure().add_subplot()


def normal(n, sd):
    """A prediction N(0, sd²) of n rows."""
    return GaussianPrediction(np.zeros(n), np.full(n, sd**2), np.zeros(n))


def inside(drawn):
    """Fractions less levels, and whether each lies in the band of its level."""
    fraction = drawn["observed"].get_ydata()
    edge = drawn["band"].get_paths()[0].vertices
    pairs = [edge[np.isclose(edge[:, 0], level), 1] for level in LEVELS]
    low, high = (np.array([find(pair) for pair in pairs]) for find in (np.min, np.max))
    return fraction - LEVELS, (low - 1e-9 <= fraction) & (fraction <= high + 1e-9)


@pytest.mark.parametrize(
    ("sd", "side"), [(1.0, 0), (0.5, -1), (2.0, 1)], ids=["right", "too sure", "too wide"]
)
def test_the_curve_tells_right_from_narrow_and_wide(sd, side, ax):
    y = stats.norm.ppf((np.arange(400) + 0.5) / 400)  # exactly standard normal
    off, held = inside(plots.calibration(normal(400, sd), y, ax=ax))
    if side == 0:
        assert np.abs(off).max() < 0.005
        assert held.all()
    else:
        assert (np.sign(off) == side).all()
        assert not held[5:15].any()


@pytest.mark.parametrize("sd", [0.2, 1.0, 2.0, 6.0])
def test_the_legend_hides_no_dot(sd, ax):
    y = stats.norm.ppf((np.arange(400) + 0.5) / 400)
    dots = plots.calibration(normal(400, sd), y, ax=ax)["observed"]
    ax.figure.canvas.draw()
    legend = ax.get_legend().get_window_extent()
    where = ax.transData.transform(dots.get_xydata())
    assert not any(legend.contains(*dot) for dot in where)


def test_fractions_are_those_of_the_intervals(ax):
    y = np.random.default_rng(1).normal(size=300)
    prediction = normal(300, 1.0)
    off, _ = inside(plots.calibration(prediction, y, ax=ax))
    for k in (1, 9, 15):  # at the other levels bounds lie between percentiles
        wanted = mb.metrics.coverage(y, *prediction.interval(LEVELS[k]))
        assert off[k] + LEVELS[k] == pytest.approx(wanted, abs=1e-9)


class Counts(GaussianPrediction):
    """A prediction Poisson(3) of every row, with the quantiles of many draws."""

    def quantile(self, q):
        return np.repeat(stats.poisson(3.0).ppf(q)[:, None], len(self.mean), axis=1)


def test_counts_that_are_right_are_on_the_diagonal(ax):
    """Central intervals of counts hold too much; the curve spreads ties, and does not."""
    counts = np.arange(12)
    y = np.repeat(counts, np.round(2000 * stats.poisson(3.0).pmf(counts)).astype(int))
    right = Counts(np.full(len(y), 3.0), np.full(len(y), 3.0), np.zeros(len(y)))
    off, _ = inside(plots.calibration(right, y, ax=ax))
    assert np.abs(off).max() < 0.02
    drawn = plots.calibration(right, y, kind="pit", ax=Figure().add_subplot())
    assert np.abs(drawn["observed"].get_data().values - 1).max() < 0.1


@pytest.mark.parametrize(
    ("sd", "shift", "seen"),
    [
        (1.0, 0.0, lambda h: np.abs(h - 1).max() < 0.03),
        (0.4, 0.0, lambda h: h[0] > 2 and h[-1] > 2 and h[4] < 0.7),
        (3.0, 0.0, lambda h: h[0] < 0.1 and h[4] > 1.5),
        (1.0, 1.0, lambda h: h[-1] > 2 and h[0] < 0.4),
    ],
    ids=["flat", "bowl", "hump", "slope"],
)
def test_the_histogram_has_the_shape_of_the_fault(sd, shift, seen, ax):
    y = shift + stats.norm.ppf((np.arange(1000) + 0.5) / 1000)
    drawn = plots.calibration(normal(1000, sd), y, kind="pit", ax=ax)
    height = drawn["observed"].get_data().values
    assert height.sum() == pytest.approx(10)
    assert seen(height)


def test_of_several_outputs_one_is_chosen(ax):
    y = np.linspace(-1, 1, 50)
    both = GaussianPrediction(*(np.full((50, 2), v) for v in (0.0, 1.0, 0.0)))
    with pytest.raises(ValueError, match="must have one output, got 2"):
        plots.calibration(both, y, ax=ax)
    found = plots.calibration(both, y, output=1, ax=ax)
    alone = plots.calibration(normal(50, 1.0), y, ax=ax)
    pair = (drawn["observed"].get_ydata() for drawn in (found, alone))
    np.testing.assert_array_equal(*pair)


def test_labels_are_sent_to_the_other_picture(ax):
    model = mb.Model(mb.MLP([2, 1]), mb.Bernoulli(), mb.GaussianPrior())
    fit = mb.fit(model, mb.MeanField(), np.eye(2), [0, 1], rng=0, max_steps=2)
    with pytest.raises(ValueError, match=r"got one of classes: draw plots.reliability"):
        plots.calibration(fit.predict(np.eye(2), 5), [0, 1], ax=ax)


@pytest.mark.parametrize("n", [1, 7, 300])
def test_the_band_is_that_of_scipy(n):
    p = np.array([0.0, 1e-5, 0.03, 0.2, 0.5, 0.77, 0.99, 1.0])
    low, high = binomial_band(p, n)
    np.testing.assert_array_equal(low * n, np.maximum(stats.binom(n, p).ppf(0.025), 0))
    np.testing.assert_array_equal(high * n, stats.binom(n, p).ppf(0.975))


def test_a_share_is_the_part_of_an_interval():
    low, high = np.array([0.0, 0.2, 0.9]), np.array([0.5, 0.3, 1.0])
    np.testing.assert_allclose(share(low, high, 0.25, 0.95), [0.5, 0.5, 0.5])
