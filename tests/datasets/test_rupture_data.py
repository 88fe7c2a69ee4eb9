"""The synthetic stand-in for the rupture data, and the detection of its damage."""

import dataclasses

import numpy as np
import pytest

from minibnn import datasets
from minibnn.datasets import rupture_data
from minibnn.metrics import accuracy

TRUE_NAMES = ("height", "width", "sxx", "sxy", "syy", "mud", "drop", "dc")


def same(a, b):
    return all(
        np.array_equal(getattr(a, f.name), getattr(b, f.name))
        for f in dataclasses.fields(a)
    )


# --- the synthetic stand-in ----------------------------------------------------------


def test_synthetic_shapes_names_and_determinism():
    data = datasets.rupture()
    assert data.X.shape == (1600, 8)
    assert data.y.shape == (1600,)
    assert data.X_test.shape == (400, 8)
    assert data.y_test.shape == data.mean_test.shape == (400,)
    assert data.names == TRUE_NAMES
    assert data.units == ("km", "km", "MPa", "MPa", "MPa", "1", "1", "m")
    assert set(np.unique(data.y)) == {0, 1}
    assert "ynthetic" in data.note
    assert same(data, datasets.rupture(rng=0))
    assert same(data, datasets.rupture(rng=np.random.default_rng(0)))
    assert not same(data, datasets.rupture(rng=1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.y = data.y_test


def test_generator_draws_the_stated_distributions():
    """Every input undone to its uniform or normal variable."""
    X = rupture_data.draw_inputs(20_000, rng=1)
    height, width, sxx, sxy, syy, mud, drop, dc = X.T
    variables = {
        "syy": (-syy, 10, 160),
        "sxx": (sxx / syy, 0.75, 1.25),
        "mud": (mud, 0.2, 0.6),
        "drop": ((drop - 0.2) / (0.6 - mud), 0, 1),
        "u": ((sxy / -syy - mud) / drop, 0.02, 0.15),
        "width": (width, 1, 2),
        "slope": (height / width, 0, 0.1),
    }
    units = [(value - low) / (high - low) for value, low, high in variables.values()]
    for unit in units:
        assert -1e-9 <= unit.min() < 1e-3
        assert 1 - 1e-3 < unit.max() <= 1 + 1e-9
        assert abs(unit.mean() - 0.5) < 7 / np.sqrt(12 * 20_000)
        assert abs(unit.std() - 1 / np.sqrt(12)) < 0.0065
    z = (dc - 0.4) / 0.05
    assert abs(z.mean()) < 7 / np.sqrt(20_000)
    assert abs(z.std() - 1) < 0.036
    correlation = np.corrcoef([*units, z]) - np.eye(8)
    assert np.abs(correlation).max() < 7 / np.sqrt(20_000)


def by_the_stress_tensor(row, b, k, C):
    """The label rule with the flank's stresses from a rotated tensor, one row."""
    height, width, sxx, sxy, syy, mud, drop, _ = row
    angle = np.arctan(height / width * np.exp(-0.5))
    tangent = np.array([np.cos(angle), np.sin(angle)])
    normal = np.array([-np.sin(angle), np.cos(angle)])
    stress = np.array([[sxx, sxy], [sxy, syy]])
    flank = tangent @ stress @ normal + mud * (normal @ stress @ normal)
    drop_of_stress = (1 - b) * (sxy + mud * syy) + b * flank
    energy = max(drop_of_stress, 0.01) ** 2 * -drop * syy
    return k * np.log(energy / C)


@pytest.mark.parametrize("constants", [(0.5, 10, 111), (0.496, 9.77, 111), (0, 1, 1)])
def test_label_rule_against_the_stress_tensor(constants):
    X = rupture_data.draw_inputs(200, rng=2)
    expected = [by_the_stress_tensor(row, *constants) for row in X]
    np.testing.assert_allclose(
        rupture_data.log_odds(X, *constants), expected, rtol=1e-10, atol=1e-10
    )


def test_label_rule_by_hand():
    """A flat fault: D = 50 - 0.45 * 100 = 5 MPa, G = 40 MPa, D² G = 1000."""
    row = np.array([[0.0, 1.5, -90.0, 50.0, -100.0, 0.45, 0.4, 0.4]])
    expected = 10 * np.log(1000 / 111)
    np.testing.assert_allclose(rupture_data.log_odds(row), [expected], rtol=1e-12)


def test_labels_follow_their_probability():
    X = rupture_data.draw_inputs(40_000, rng=3)
    y = rupture_data.draw_labels(X, rng=4)
    odds = rupture_data.log_odds(X)
    p = np.exp(-np.logaddexp(0, -odds))
    for low, high in ((0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1)):
        rows = (p >= low) & (p <= high)
        error = np.sqrt(np.sum(p[rows] * (1 - p[rows]))) + 1
        assert abs(np.sum(y[rows] - p[rows])) < 7 * error
    assert abs(y.mean() - 0.320) < 0.017
    best = np.mean(np.maximum(p, 1 - p))
    assert abs(best - 0.980) < 0.004
    surprise = np.logaddexp(0, np.where(y == 1, -odds, odds))
    assert abs(surprise.mean() - 0.047) < 0.006


def test_true_probability_of_the_test_rows():
    data = datasets.rupture(rng=5)
    assert np.all((data.mean_test >= 0) & (data.mean_test <= 1))
    assert accuracy(data.y_test, data.mean_test) > 0.95
    odds = rupture_data.log_odds(data.X_test)
    np.testing.assert_array_equal(data.mean_test > 0.5, odds > 0)


def test_logistic_regression_finds_the_synthetic_rows_as_hard_as_the_real_ones():
    linear_model = pytest.importorskip("sklearn.linear_model")
    scores = []
    for seed in range(5):
        data = datasets.rupture(rng=seed).standardised()
        fit = linear_model.LogisticRegression().fit(data.X, data.y)
        scores.append(accuracy(data.y_test, fit.predict_proba(data.X_test)))
    assert 0.82 < np.mean(scores) < 0.86


def test_damage_and_its_repair():
    clean = datasets.rupture(rng=6)
    damaged = datasets.rupture(rng=6, labels="published", damage=True)
    repaired = datasets.rupture(rng=6, damage=True)
    np.testing.assert_array_equal(damaged.X, clean.X)
    np.testing.assert_array_equal(damaged.y[100:500], clean.y[25:425])
    np.testing.assert_array_equal(damaged.y[500:], clean.y[500:])
    np.testing.assert_array_equal(damaged.y[:100], clean.y[:100])
    keep = np.r_[0:425, 500:1600]
    np.testing.assert_array_equal(repaired.X, clean.X[keep])
    np.testing.assert_array_equal(repaired.y, clean.y[keep])
    for data in (damaged, repaired):
        np.testing.assert_array_equal(data.y_test, clean.y_test)
    assert "displaced by 75" in damaged.note
    assert "425..499 dropped" in repaired.note
    assert same(clean, datasets.rupture(rng=6, labels="published"))


# --- detecting the damage ------------------------------------------------------------


def test_repeated_run_by_hand():
    #             0  1  2  3  4  5  6  7  8  9
    y = np.array([0, 1, 1, 0, 0, 0, 1, 1, 0, 1])  # 0..3 again at 5..8
    run = datasets.longest_repeated_label_run(y)
    assert (run.lag, run.start, run.length) == (5, 5, 4)
    assert run[:3] == (5, 5, 4)
    agree = 0.5
    expected = 18 * (1 - agree) * agree**4
    assert run.chance == pytest.approx(1 - np.exp(-expected), rel=1e-12)


def longest_run_by_loops(y):
    """Length, minus the row of the original, lag: of equals the earliest, then farthest."""
    best = (0, 0, 0)
    for i in range(len(y)):
        for j in range(i + 1, len(y)):
            length = 0
            while j + length < len(y) and y[i + length] == y[j + length]:
                length += 1
            best = max(best, (length, -i, j - i))
    return best


def test_repeated_run_against_loops():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y = rng.integers(2, size=rng.integers(2, 60))
        run = datasets.longest_repeated_label_run(y)
        found = (run.length, run.lag - run.start, run.lag)
        assert found == longest_run_by_loops(y) or run.length == 0
        copy = y[run.start : run.start + run.length]
        original = y[run.start - run.lag : run.start - run.lag + run.length]
        np.testing.assert_array_equal(copy, original)


def test_repeated_run_finds_planted_damage_and_nothing_else():
    for seed in range(5):
        y = datasets.rupture(rng=seed, labels="published", damage=True).y
        run = datasets.longest_repeated_label_run(y)
        assert run.lag == 75
        assert 80 <= run.start <= 100  # a few rows before the copy may agree by chance
        assert run.start + run.length >= 175
        assert run.chance < 1e-12
        clean = datasets.longest_repeated_label_run(datasets.rupture(rng=seed).y)
        assert clean.length < 45
        assert clean.chance > 1e-5


@pytest.mark.optional
def test_chance_of_a_repeated_run():
    """The estimate against how often runs of 17 or more occur in random labels."""
    rng = np.random.default_rng(0)
    runs = [
        datasets.longest_repeated_label_run(rng.uniform(size=300) < 0.4)
        for _ in range(300)
    ]
    share = np.mean([run.length >= 17 for run in runs])
    predicted = np.mean([run.chance for run in runs if run.length == 17])
    assert abs(share - predicted) < 0.08
    assert datasets.longest_repeated_label_run([1, 1, 1]).chance == 1
    assert datasets.longest_repeated_label_run([1, 1])[:3] == (1, 1, 1)


@pytest.mark.parametrize("bad", [[], [1], [0, np.nan], [[1, 0]], None, "01"])
def test_repeated_run_refuses(bad):
    with pytest.raises(ValueError, match="y must"):
        datasets.longest_repeated_label_run(bad)


def test_column_names_of_synthetic_rows():
    X = datasets.rupture().X
    check = datasets.check_column_names(X)
    assert check.verdict == "as named"
    assert 0.02 <= check.as_named[0] < 0.021
    assert 0.149 < check.as_named[1] <= 0.15
    assert check.swapped[0] < 0
    published = datasets.check_column_names(X, rupture_data.PUBLISHED_NAMES)
    assert published.verdict == "swapped"
    assert published.as_named == check.swapped
    assert published.swapped == check.as_named


@pytest.mark.parametrize(
    ("u", "verdict"),
    [(0.0, "as named"), (1.0, "as named"), (1.25, "neither"), (-0.25, "neither")],
)
def test_the_bounds_of_the_relative_stress_are_possible(u, verdict):
    """u = (sxy/4 - 0.25)/0.5 beside rows at 0 and 1; swapped it starts at -1."""
    X = np.tile([0.1, 1.0, -4.0, 1.0, -4.0, 0.25, 0.5, 0.4], (3, 1))
    X[1, 3], X[2, 3] = 3.0, 4 * (0.25 + 0.5 * u)
    found = rupture_data.check_column_names(X)
    assert found.verdict == verdict
    assert found.as_named == (min(u, 0.0), max(u, 1.0))
    assert found.swapped[0] <= -1.0


def test_column_names_other_verdicts():
    row = datasets.rupture().X[:1].copy()
    row[0, 3:7] = 50, -100, 0.4, 0.4  # u = 0.25 either way
    assert datasets.check_column_names(row).verdict == "cannot tell"
    row[0, 3:7] = 5, -100, 0.4, 0.4
    assert datasets.check_column_names(row).verdict == "neither"
    row[0, 6] = 0
    with pytest.raises(ValueError, match="mud and drop other than 0"):
        datasets.check_column_names(row)
    row[0, 4] = 0
    with pytest.raises(ValueError, match="syy other than 0"):
        datasets.check_column_names(row)
    with pytest.raises(ValueError, match="drop > 0 and syy < 0"):
        rupture_data.log_odds(row)
    with pytest.raises(ValueError, match="names must be 8 names"):
        datasets.check_column_names(row, ("a",) * 8)
    with pytest.raises(ValueError, match=r"X must have shape \(n, 8\)"):
        datasets.check_column_names(row[:, :7])
    with pytest.raises(ValueError, match="X must not be empty"):
        datasets.check_column_names(row[:0])


def test_repair_refuses_labels_without_the_displacement():
    data = datasets.rupture(rng=0)
    for y in (data.y, data.y[:300]):
        with pytest.raises(ValueError, match="there is no displacement to repair"):
            rupture_data.repair_labels(data.X[: len(y)], y)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"labels": "fixed"}, "labels must be one of 'repaired', 'published'"),
        ({"damage": 1}, "damage must be True or False"),
        ({"rng": -1}, "rng must be None, an integer seed"),
        ({"path": 3}, "path must be a folder, got 3"),
        ({"path": "data", "damage": True}, "path must be None"),
    ],
)
def test_rupture_refuses(arguments, words):
    with pytest.raises(ValueError, match=words):
        datasets.rupture(**arguments)
