"""The data set type and the generated problems of the lessons."""

import dataclasses

import numpy as np
import pytest

from minibnn import datasets
from minibnn.datasets import rupture_data


def same(a, b):
    return all(
        np.array_equal(getattr(a, f.name), getattr(b, f.name))
        for f in dataclasses.fields(a)
    )


# --- the data set itself -------------------------------------------------------------


def test_standardised_uses_the_fit_rows_only():
    data = datasets.rupture(rng=8)
    scaled = data.standardised()
    np.testing.assert_allclose(scaled.X.mean(0), 0, atol=1e-13)
    np.testing.assert_allclose(scaled.X.std(0), 1, rtol=1e-13)
    expected = (data.X_test - data.X.mean(0)) / data.X.std(0)
    np.testing.assert_allclose(scaled.X_test, expected, rtol=1e-12, atol=1e-12)
    assert np.abs(scaled.X_test.mean(0)).max() > 1e-3
    assert scaled.y is data.y
    assert scaled.units == ("sd",) * 8
    assert "standardised" in scaled.note
    assert data.units[0] == "km"


def test_standardised_constant_column():
    data = datasets.linear(n=30, d=3)
    X, X_test = data.X.copy(), data.X_test.copy()
    X[:, 1], X_test[:, 1] = 0.1, 0.3
    scaled = dataclasses.replace(data, X=X, X_test=X_test).standardised()
    assert np.all(scaled.X[:, 1] == 0)
    np.testing.assert_allclose(scaled.X_test[:, 1], 0.2, rtol=1e-12)
    assert np.all(datasets.linear(n=1).standardised().X == 0)


def test_standardised_targets():
    data = datasets.cubic(n=50)
    scaled = data.standardised(targets=True)
    assert abs(scaled.y.mean()) < 1e-13
    assert scaled.y.std() == pytest.approx(1, rel=1e-13)
    for name in ("y_test", "mean_test"):
        expected = (getattr(data, name) - data.y.mean()) / data.y.std()
        np.testing.assert_allclose(getattr(scaled, name), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="class labels"):
        datasets.two_moons().standardised(targets=True)
    with pytest.raises(ValueError, match="targets must be True or False"):
        data.standardised(targets=1)


# --- generated problems --------------------------------------------------------------

GENERATED = {  # function, default n, columns, test rows
    "blundell": (datasets.blundell, 100, 1, 141),
    "cubic": (datasets.cubic, 20, 1, 121),
    "two_clusters": (datasets.two_clusters, 100, 1, 151),
    "linear": (datasets.linear, 50, 3, 200),
    "two_moons": (datasets.two_moons, 200, 2, 200),
}
GRIDS = {"blundell": (-0.2, 1.2), "cubic": (-6, 6), "two_clusters": (-1.5, 1.5)}


@pytest.mark.parametrize("name", GENERATED)
def test_generated_shapes_and_determinism(name):
    make, n, d, m = GENERATED[name]
    data = make(n=37, rng=3)
    assert len(data.y_test) == m
    assert data.X.shape == (37, d)
    assert data.y.shape == (37,)
    assert data.X_test.shape == (m, d)
    assert len(data.names) == len(data.units) == d
    assert data.note
    assert same(make(), make(n=n, rng=0))
    assert same(data, make(n=37, rng=np.random.default_rng(3)))
    assert not same(data, make(n=37, rng=4))
    assert not np.array_equal(make(n=37, rng=None).X, make(n=37, rng=None).X)
    with pytest.raises(ValueError, match="n must be an integer"):
        make(n=0)
    with pytest.raises(TypeError, match="n must be an integer"):
        make(n=10.0)
    with pytest.raises(TypeError, match="rng must be"):
        make(rng="seed")


@pytest.mark.parametrize("name", GRIDS)
def test_generated_grids(name):
    X_test = GENERATED[name][0]().X_test[:, 0]
    np.testing.assert_allclose(X_test[[0, -1]], GRIDS[name], rtol=1e-15)
    np.testing.assert_allclose(np.diff(X_test), np.diff(X_test)[0], rtol=1e-9)


def check_noise(data, sd, n):
    """Test targets scatter around mean_test with the stated sd, fit rows likewise."""
    residual = data.y_test - data.mean_test
    assert abs(residual.mean()) < 7 * sd / np.sqrt(len(residual))
    assert abs(residual.std() / sd - 1) < 7 / np.sqrt(2 * len(residual))
    assert len(data.y) == n


def draws(rng, *kinds):
    """Numbers in the order a generator of data should ask for them."""
    return [getattr(rng, kind)(*args) for kind, *args in kinds]


def test_inputs_and_weights_are_drawn_as_stated():
    """The same draws from an equal generator: ranges, scales, and their order."""
    (x,) = draws(np.random.default_rng(5), ("uniform", 0, 0.5, 9))
    np.testing.assert_array_equal(datasets.blundell(9, rng=5).X[:, 0], x)
    (x,) = draws(np.random.default_rng(5), ("uniform", -4, 4, 9))
    np.testing.assert_array_equal(datasets.cubic(9, rng=5).X[:, 0], x)
    x = draws(
        np.random.default_rng(5), ("uniform", -1, -0.7, 4), ("uniform", 0.5, 1, 5)
    )
    np.testing.assert_array_equal(
        datasets.two_clusters(9, rng=5).X[:, 0], np.concatenate(x)
    )
    w, b = draws(np.random.default_rng(5), ("normal", 0, 1, 2), ("normal", 0, 1))
    data = datasets.linear(9, d=2, rng=5)
    np.testing.assert_allclose(data.mean_test, data.X_test @ w + b, rtol=1e-12)
    (t,) = draws(np.random.default_rng(5), ("uniform", 0, np.pi, 9))
    data = datasets.two_moons(9, rng=5, noise=0)
    np.testing.assert_allclose(data.X[::2, 0], np.cos(t[::2]), rtol=1e-12)
    np.testing.assert_allclose(data.X[1::2, 1], 0.5 - np.sin(t[1::2]), rtol=1e-12)
    noise = datasets.two_moons(999, rng=5).X - datasets.two_moons(999, rng=5, noise=0).X
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.2  # every coordinate has its own
    sizes = [len(make().y) for make, *_ in GENERATED.values()]
    assert sizes == [n for _, n, *_ in GENERATED.values()]


def test_the_synthetic_ruptures_are_2000_rows_cut_in_two():
    """Fit and test rows are one sample; the true chances are those of the test rows."""
    rng = np.random.default_rng(4)
    X = rupture_data.draw_inputs(2000, rng)
    y = rupture_data.draw_labels(X, rng)
    data = datasets.rupture(rng=4)
    np.testing.assert_array_equal(np.concatenate([data.X, data.X_test]), X)
    np.testing.assert_array_equal(np.concatenate([data.y, data.y_test]), y)
    assert (len(data.y), len(data.y_test)) == (1600, 400)
    odds = rupture_data.log_odds(data.X_test)
    np.testing.assert_allclose(data.mean_test, 1 / (1 + np.exp(-odds)), rtol=1e-12)


def test_blundell():
    data = datasets.blundell(20_000, rng=0)
    x = data.X[:, 0]
    assert (x.min() >= 0, x.max() <= 0.5) == (True, True)

    def curve(x, e):
        waves = np.sin(2 * np.pi * (x + e)) + np.sin(4 * np.pi * (x + e))
        return x + 0.3 * waves + e

    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    weights = weights / weights.sum()
    mean = curve(data.X_test, 0.02 * nodes) @ weights
    np.testing.assert_allclose(data.mean_test, mean, rtol=1e-12, atol=1e-12)
    mean = curve(data.X, 0.02 * nodes) @ weights
    sd = np.sqrt(curve(data.X, 0.02 * nodes) ** 2 @ weights - mean**2)
    z = (data.y - mean) / sd
    assert abs(z.mean()) < 7 / np.sqrt(20_000)
    assert abs(z.std() - 1) < 0.04
    assert 0.015 < np.std(data.y_test - data.mean_test) < 0.11
    with pytest.raises(ValueError, match="noise must be a number > 0"):
        datasets.blundell(noise=0)


def test_cubic():
    data = datasets.cubic(20_000, rng=0)
    assert np.abs(data.X).max() <= 4
    check_noise(data, 3, 20_000)
    assert (data.y - data.X[:, 0] ** 3).std() == pytest.approx(3, rel=0.035)
    assert data.mean_test[-1] == 216


def test_two_clusters():
    data = datasets.two_clusters(101, rng=0)
    x = data.X[:, 0]
    left, right = (x >= -1) & (x <= -0.7), (x >= 0.5) & (x <= 1)
    assert (left.sum(), right.sum()) == (50, 51)
    assert len(datasets.two_clusters(2).y) == 2
    with pytest.raises(ValueError, match="n must be an integer >= 2"):
        datasets.two_clusters(1)
    check_noise(data, 0.1, 101)
    assert (data.y - np.cos(4 * x + 0.8)).std() == pytest.approx(0.1, rel=0.5)


def test_linear():
    data = datasets.linear(5000, d=2, rng=0, noise=0.25)
    check_noise(data, 0.25, 5000)
    design = np.column_stack([data.X, np.ones(5000)])
    weights, _, _, _ = np.linalg.lstsq(design, data.y, rcond=None)
    predicted = np.column_stack([data.X_test, np.ones(200)]) @ weights
    np.testing.assert_allclose(predicted, data.mean_test, atol=0.08)
    assert same(datasets.linear(), datasets.linear(noise=0.5))
    with pytest.raises(ValueError, match="d must be an integer >= 1"):
        datasets.linear(d=0)


def test_two_moons():
    data = datasets.two_moons(401, rng=0, noise=0)
    assert data.y[:4].tolist() == [0, 1, 0, 1]
    upper, lower = data.X[data.y == 0], data.X[data.y == 1]
    assert (len(upper), len(lower)) == (201, 200)
    np.testing.assert_allclose(np.hypot(*upper.T), 1, rtol=1e-12)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1, rtol=1e-12)
    assert (upper[:, 1].min() >= 0, lower[:, 1].max() <= 0.5) == (True, True)
    with pytest.raises(ValueError, match="n must be an integer >= 2"):
        datasets.two_moons(1)
    assert same(datasets.two_moons(), datasets.two_moons(noise=0.15))
    noisy = datasets.two_moons(401, rng=0, noise=0.3)
    assert (noisy.X - data.X).std() == pytest.approx(0.3, rel=0.1)
    with pytest.raises(ValueError, match="noise must be a number >= 0"):
        datasets.two_moons(noise=-1)
