"""The published rupture files: reading them, their defects, and bad files."""

import numpy as np
import pytest

from minibnn import datasets, metrics
from minibnn.datasets import rupture_data

TRUE_NAMES = ("height", "width", "sxx", "sxy", "syy", "mud", "drop", "dc")


@pytest.fixture
def folder(shared_data):
    if not (shared_data / "rupture").is_dir():
        pytest.skip(f"no folder 'rupture' in {shared_data}")
    return shared_data / "rupture"


def test_published_files(folder):
    data = datasets.rupture(folder)
    raw = datasets.rupture(str(folder), labels="published")
    assert data.X.shape == (1525, 8)
    assert data.y.mean() == pytest.approx(0.351, abs=5e-4)
    assert raw.X.shape == (1600, 8)
    assert (int(raw.y.sum()), len(raw.y) - int(raw.y.sum())) == (559, 1041)
    assert (int(data.y_test.sum()), len(data.y_test)) == (128, 400)
    for found in (data, raw):
        assert found.names == TRUE_NAMES
        assert found.mean_test is None
    np.testing.assert_array_equal(data.X[:425], raw.X[:425])
    np.testing.assert_array_equal(data.y[100:425], raw.y[175:500])
    np.testing.assert_array_equal(data.y[425:], raw.y[500:])
    first = [0.1038610, 1.145663, -102.5090860, 58.619371, -117.766562]
    np.testing.assert_allclose(raw.X[0, :5], first, rtol=1e-12)


def test_published_damage_is_found_without_knowing_it(folder):
    raw = datasets.rupture(folder, labels="published")
    run = datasets.longest_repeated_label_run(raw.y)
    assert (run.start, run.lag, run.length) == (100, 75, 77)
    assert 1e-15 < run.chance < 1e-14
    repaired = datasets.rupture(folder)
    assert datasets.longest_repeated_label_run(repaired.y).length <= 40
    check = datasets.check_column_names(raw.X, rupture_data.PUBLISHED_NAMES)
    assert check.verdict == "swapped"
    np.testing.assert_allclose(check.swapped, [0.0201, 0.1500], atol=5e-5)
    assert datasets.check_column_names(raw.X_test).verdict == "as named"


def test_physical_rule_agrees_with_the_repaired_labels_only(folder):
    repaired = datasets.rupture(folder)
    raw = datasets.rupture(folder, labels="published")
    hit = (rupture_data.log_odds(repaired.X) > 0) == repaired.y
    assert hit.mean() == pytest.approx(0.977, abs=2e-3)
    assert hit[100:425].mean() == pytest.approx(0.969, abs=5e-3)
    as_published = (rupture_data.log_odds(raw.X) > 0) == raw.y
    assert as_published[100:425].mean() == pytest.approx(0.514, abs=5e-3)
    on_test = (rupture_data.log_odds(raw.X_test) > 0) == raw.y_test
    assert on_test.mean() == pytest.approx(0.9875, abs=1e-9)


def test_synthetic_rows_resemble_the_published_ones(folder):
    real = datasets.rupture(folder, labels="published")
    real = np.vstack([real.X, real.X_test])
    synthetic = rupture_data.draw_inputs(20_000, rng=7)
    scale = np.abs(real.mean(0))
    assert np.all(np.abs(synthetic.mean(0) - real.mean(0)) < 0.04 * scale)
    assert np.all(np.abs(synthetic.std(0) / real.std(0) - 1) < 0.04)
    gap = np.corrcoef(synthetic.T) - np.corrcoef(real.T)
    assert np.abs(gap).max() < 0.06


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("repaired", [0.8125, 0.8119, 0.7036, 0.364, 0.123, 0.069]),
        ("published", [0.8025, 0.7942, 0.6489, 0.405, 0.129, 0.077]),
    ],
)
def test_logistic_regression_on_the_published_rows(folder, labels, expected):
    """All scores against figures measured once with scikit-learn alone."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    data = datasets.rupture(folder, labels=labels).standardised()
    fit = linear_model.LogisticRegression().fit(data.X, data.y)
    y, p = data.y_test, fit.predict_proba(data.X_test)[:, 1]
    got = [
        metrics.accuracy(y, p),
        metrics.f1(y, p),
        metrics.f1(y, p, average="binary"),
        metrics.nll(y, p),
        metrics.brier(y, p),
        metrics.ece(y, p, on="positive"),
    ]
    np.testing.assert_allclose(got, expected, atol=0.003)


def write_files(path, change=None):
    """Write three files as published, from synthetic rows; `change` edits the lines."""
    data = datasets.rupture(labels="published", damage=True)
    fit = np.column_stack([data.X, data.y])
    test = np.column_stack([data.X_test, data.y_test])
    tables = {"train": fit[:1000], "validate": fit[1000:], "test": test}
    for name, table in tables.items():
        lines = [" ".join(map(repr, map(float, row))) for row in table]
        if change is not None and name == "validate":
            lines = change(lines)
        (path / f"rupturemodel_{name}.txt").write_text("\n".join(lines))
    return data


def test_reading_files_written_here(tmp_path):
    data = write_files(tmp_path)
    found = datasets.rupture(tmp_path, labels="published")
    for name in ("X", "y", "X_test", "y_test"):
        np.testing.assert_array_equal(getattr(found, name), getattr(data, name))
    assert found.X.flags.c_contiguous
    assert len(list(tmp_path.iterdir())) == 3


def replaced(index, text):
    return lambda lines: [*lines[:index], text, *lines[index + 1 :]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[:-1], "must hold 600 rows of 9 columns, got 599 rows"),
        (lambda lines: [], "got 0 rows of no columns"),
        (replaced(3, "1 2 3"), "got 600 rows of 3 or 9 columns"),
        (replaced(3, "1 2 3 4 5 6 7 x 1"), "must hold finite numbers: could not"),
        (replaced(3, "1 2 3 4 5 6 7 nan 1"), r"must hold finite.*index \(3, 7\)"),
        (replaced(3, "1 2 3 4 5 6 7 8 2"), "must be 0 or 1, got 2.0 at index 3"),
        (replaced(3, "1 2 3 4 5 6 7 8 é"), "must hold finite numbers"),
    ],
)
def test_files_that_are_not_as_expected(tmp_path, change, words):
    write_files(tmp_path, change)
    with pytest.raises(ValueError, match=words) as error:
        datasets.rupture(tmp_path)
    assert "rupturemodel_validate.txt" in str(error.value)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be a folder"):
        datasets.rupture(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"lacks rupturemodel_train\.txt, rup"):
        datasets.rupture(tmp_path)
    write_files(tmp_path)
    with pytest.raises(NotADirectoryError, match="path must be a folder"):
        datasets.rupture(tmp_path / "rupturemodel_train.txt")
    (tmp_path / "rupturemodel_test.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks rupturemodel_test\.txt$"):
        datasets.rupture(tmp_path)
