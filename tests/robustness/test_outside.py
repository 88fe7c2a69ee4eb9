"""The generated problems are what they say, and the protocol runs on any folder of npz."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import minibnn as mb

FOLDER = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(FOLDER))
import outside  # noqa: E402
import problems  # noqa: E402
import published  # noqa: E402

ROWS = {"moons": 280, "circles": 280, "two clusters": 100, "sine": 140, "friedman": 350}
ROWS |= {"wide": 700, "five": 700, "imbalanced": 2100, "coin": 280, "large": 1000}


def few_rows(name):
    """The N of "few poisson N=14 6-20-1"."""
    return int(name.split("N=")[1].split()[0])


@pytest.mark.parametrize("name", problems.PROBLEMS)
def test_rows_fit_their_model(name):
    """As many as promised, seven of ten to fit, equal for equal seeds, accepted."""
    problem = problems.PROBLEMS[name]
    rows, model = problem.draw(3), problem.model()
    model.batch(rows.X, rows.y)
    model.batch(rows.X_test, rows.y_test)
    assert len(rows.X) / (len(rows.X) + len(rows.X_test)) == pytest.approx(
        0.7, abs=0.02
    )
    wanted = few_rows(name) if name.startswith("few") else None
    wanted = next((n for k, n in ROWS.items() if name.startswith(k)), wanted)
    assert wanted in (None, len(rows.X))
    assert (problem.draw(3).y == rows.y).all()
    assert (problem.draw(4).X != rows.X).any()


@pytest.mark.parametrize("name", problems.PROBLEMS)
def test_rows_to_fit_are_standardised(name):
    """Mean 0 and sd 1; raw where the noise of the model is a known number."""
    rows = problems.PROBLEMS[name].draw(0)
    arrays = [rows.X] if rows.y.dtype.kind in "iu" else [rows.X, rows.y[:, None]]
    raw = name in ("linear", "two clusters")
    for array in arrays:
        varies = np.ptp(array, axis=0) > 0
        assert np.allclose(array.mean(axis=0), 0, atol=1e-9) != raw
        assert np.allclose(array[:, varies].std(axis=0), 1) != raw


def test_numbers_of_weights():
    counts = {"moons 20": 81, "moons 50": 201, "linear": 3, "large": 2001 + 1}
    for name, count in counts.items():
        assert problems.PROBLEMS[name].model().n_weights == count


def test_a_constant_column_becomes_zero():
    array = np.column_stack([np.full(5, 0.1), np.arange(5.0)])
    scaled = problems.standardised(array, np.array([0, 1, 2]))
    assert (scaled[:, 0] == 0).all()
    assert np.isfinite(scaled).all()
    assert scaled[:3, 1].std() == pytest.approx(1)


def test_classes_are_as_described():
    rows = problems.circles(0, n_fit=7000)
    radius = np.hypot(*rows.X.T) / np.hypot(*rows.X[rows.y == 0].T).mean()
    assert radius[rows.y == 1].mean() == pytest.approx(0.5, abs=0.02)
    assert np.mean(problems.imbalanced(0).y) == pytest.approx(0.02, abs=0.01)
    rows = problems.coin(0, n_fit=70000)
    assert np.abs(np.corrcoef(rows.X.T, rows.y)[-1, :-1]).max() < 0.02


def test_noise_is_as_described():
    """The mean taken off, the targets scatter by the noise that the formula names."""
    rng = np.random.default_rng(0)  # the same numbers once more, by hand
    x = rng.uniform(-2, 2, problems.total(140))
    noise = (0.05 + 0.3 * (x > 0)) * rng.normal(size=len(x))
    y, rows = np.sin(2 * x) + noise, problems.sine(0)
    joined = np.sort(np.concatenate([rows.y, rows.y_test]))
    slope = np.polyfit(np.sort(y), joined, 1)
    assert np.allclose(np.polyval(slope, np.sort(y)), joined)
    rows = problems.linear(0, n_fit=7000)
    w = np.linalg.lstsq(rows.X, rows.y, rcond=None)[0]
    assert np.std(rows.y - rows.X @ w) == pytest.approx(0.3, rel=0.05)


def test_friedman_agrees_with_scikit_learn():
    """Its functions of the same inputs, up to the standardising of the targets."""
    sets = pytest.importorskip("sklearn.datasets")
    low, high = np.array([0, 40 * np.pi, 0, 1]), np.array([100, 560 * np.pi, 1, 11])
    for which, make in ((2, sets.make_friedman2), (3, sets.make_friedman3)):
        X, y = make(500, random_state=0)
        unit = (X - low) / (high - low)

        class Given:
            """A generator that hands out these inputs."""

            uniform = staticmethod(lambda a, b, size, u=unit: a + (b - a) * u)
            permutation = staticmethod(np.arange)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(np.random, "default_rng", lambda seed: Given)
            rows = problems.circuit(0, which)
        assert np.corrcoef(rows.y, y[:350])[0, 1] == pytest.approx(1, abs=1e-12)


def test_logistic_regression_is_that_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    for draw in (problems.moons, problems.five_classes):
        rows = draw(0)
        theirs = linear_model.LogisticRegression(max_iter=5000, tol=1e-8)
        wanted = theirs.fit(rows.X, rows.y).predict_proba(rows.X_test)
        assert np.abs(problems.logistic_regression(rows) - wanted).max() < 1e-3


# --- the command ---------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A set in units far from 1, and the same with a unit ten times smaller; short fits."""
    rng = np.random.default_rng(0)
    X = rng.normal(50, 20, (60, 3))
    X[:, 1] = 7.7
    y = 1000 + 3 * X[:, 0] + 10 * rng.normal(size=60)
    order = np.array([rng.permutation(60) for _ in range(3)])
    splits = {"train_idx": order[:, :54], "test_idx": order[:, 54:]}
    np.savez(tmp_path / "tiny.npz", X=X, y=y, **splits)
    np.savez(tmp_path / "tenfold.npz", X=X, y=10 * y, **splits)
    fit, short = mb.fit, {"max_steps": 100, "start": None}
    monkeypatch.setattr(mb, "fit", lambda *a, **k: fit(*a, **k | short))
    return tmp_path


@pytest.mark.parametrize("likelihood", ["gaussian", "heteroscedastic"])
def test_the_protocol_speaks_raw_units(folder, likelihood, capsys):
    """In a unit ten times smaller the error is ten times, the density a tenth."""
    path = folder / "record.json"
    asked = [str(folder), "--likelihood", likelihood, "--json", str(path)]
    assert outside.main(asked) == 0
    record = json.loads(path.read_text())
    tiny, tenfold = record["tiny"]["splits"], record["tenfold"]["splits"]
    assert len(tiny) == len(tenfold) == 3
    for one, ten in zip(tiny, tenfold, strict=True):
        assert ten["RMSE"] == pytest.approx(10 * one["RMSE"], rel=1e-6)
        assert ten["LL"] == pytest.approx(one["LL"] - np.log(10), rel=1e-6)
        assert ten["coverage"] == one["coverage"]
    shown = capsys.readouterr().out
    assert "| tiny | 3 |" in shown
    assert "DVI: Wu et al. 2019" in shown


def test_splits_together_are_those_alone(folder):
    """The first split has the same stream in both."""
    folds = outside.folds_of(folder / "tiny.npz", 2, "float64")
    model = problems.network([3, 50, 1], mb.Gaussian("learned"))
    together = outside.fit_all(model, mb.MeanField(), [f.rows for f in folds], [0])
    alone = mb.fit(model, mb.MeanField(), folds[0].rows.X, folds[0].rows.y, rng=[0])
    assert together[0].elbo == pytest.approx(alone.elbo, rel=1e-6)


def test_a_fit_that_fails_is_counted(folder, monkeypatch, capsys):
    def fails(*args, **kwargs):
        raise mb.FitError("not finite", 0, {})

    monkeypatch.setattr(mb, "fit", fails)
    assert outside.main([str(folder), "--sets", "tiny"]) == 0
    row = next(
        s for s in capsys.readouterr().out.splitlines() if s.startswith("| tiny")
    )
    assert row.split(" | ")[8] == "3"


def test_problems_and_between_run(folder, capsys):
    assert (
        outside.main(["problems", "--sets", "few poisson N=14 6-20", "--splits", "2"])
        == 0
    )
    assert outside.main(["problems", "--sets", "coin", "--splits", "2"]) == 0
    assert outside.main(["between", "--splits", "1"]) == 0
    shown = capsys.readouterr().out
    assert "| few poisson N=14 6-20-1 |" in shown
    assert "| 0 | mean-field |" in shown


def test_a_folder_without_sets_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        outside.main([str(tmp_path)])
    assert "folder of npz" in capsys.readouterr().err


def test_published_tables_are_complete():
    """Every method has a source and a cell for every set."""
    for table in (published.LL, published.RMSE):
        for name in table.split("\n")[1].replace("|", " ").split()[1:]:
            cells = published.column(table, name)
            assert cells
            assert set(cells) <= set(published.SOURCES)
            assert all(float(cell.split("+-")[0]) < 7 for cell in cells.values())
    assert published.column(published.LL, "yacht")["MCVI"] == "-0.68+-0.03"
    assert published.column(published.LL, "nobody's") == {}
