"""Raw data are told once, with the remedy, and nothing else is taken for raw."""

import warnings

import numpy as np
import pytest

import minibnn as mb
from minibnn.svi.fit_warning import far_columns

RNG = np.random.default_rng(0)
N = 400
X = RNG.standard_normal((N, 2))
Y = np.sin(X[:, 0]) + 0.3 * RNG.standard_normal(N)
PRIOR = mb.GaussianPrior()
LEARNED = mb.Gaussian("learned")
BRIEF = {"max_steps": 2, "start": None, "elbo_samples": 0}


def fit(X=X, y=Y, likelihood=LEARNED, width=1, **options):
    model = mb.Model(mb.MLP([X.shape[-1], 3, width]), likelihood, PRIOR)
    return mb.fit(model, mb.MeanField(), X, y, rng=0, **(BRIEF | options))


def told(*args, **options):
    """The text of the one warning of a fit, or None."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        fit(*args, **options)
    texts = [str(w.message) for w in found if w.category is mb.FitWarning]
    assert len(texts) == len(found) <= 1
    return texts[0] if texts else None


def with_column(column):
    return np.column_stack([X, column])


FAR = {
    "an age": RNG.uniform(17, 90, N),
    "an income": RNG.lognormal(12, 0.5, N),
    "a year": RNG.integers(1990, 2020, N),
    "a density": RNG.normal(0.997, 0.002, N),
    "a concentration": RNG.uniform(0, 1e-3, N),
    "a constant": np.full(N, 1000.0),
    "an acidity": RNG.normal(7, 0.3, N),
    "pixels to 255": RNG.integers(0, 256, N),
    "a temperature": RNG.normal(20, 5, N),
}
FINE = {
    "an indicator": RNG.random(N) < 0.5,
    "a rare category": np.arange(N) == 17,
    "a pixel at the edge": np.where(np.arange(N) % 50 == 0, 0.02, 0.0),
    "a pixel": RNG.random(N),
    "a bounded column": RNG.uniform(-1, 1, N),
    "counts": RNG.poisson(2.0, N),
    "many counts": RNG.negative_binomial(2, 0.2, N),
    "mean 5, sd 2": RNG.normal(5, 2, N),
    "a rating": np.round(RNG.normal(3.2, 1.2, N)),
    "mean 0.1, sd 0.2": RNG.normal(0.1, 0.2, N),
    "heavy tails": RNG.standard_t(3, N),
    "a constant": np.full(N, 1.0),
    "five classes as numbers": RNG.integers(0, 5, N),
}


@pytest.mark.parametrize("name", FAR)
def test_a_raw_column_of_X_is_named_whoever_chose_the_steps(name):
    said = told(with_column(FAR[name]))
    assert "X[:, 2] (mean" in said
    assert "fit(..., standardise=True)" in said
    assert "X[:, 0]" not in said
    assert "y" not in said.split(". ")[0]
    assert told(with_column(FAR[name]), standardise=True) is None


@pytest.mark.parametrize("name", FINE)
def test_what_is_not_raw_is_not_told(name):
    assert told(with_column(FINE[name])) is None


def test_many_small_columns_together_are_not_small():
    """Rows of length 1, as embeddings have them; one such column alone is lost."""
    rows = RNG.standard_normal((N, 300))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    assert rows.std(0).max() < 0.1
    assert told(rows) is None
    assert "X[:, 2]" in told(with_column(rows[:, 0]))


@pytest.mark.parametrize(
    "likelihood", [LEARNED, mb.Gaussian(0.5), mb.StudentT(4.0)], ids=repr
)
@pytest.mark.parametrize("unit", [(200.0, 50.0), (0.0, 1e-3), (30.0, 1.0)])
def test_raw_targets_are_told(likelihood, unit):
    mean, sd = unit
    said = told(y=mean + sd * Y, likelihood=likelihood)
    assert "y[:, 0] (mean" in said
    assert "X" not in said.split(". ")[0]
    assert told(y=mean + sd * Y, likelihood=likelihood, standardise=True) is None


def test_of_many_targets_and_columns_a_few_are_named():
    said = told(1e3 * np.repeat(X, 4, 1), np.column_stack([Y, 1e3 * Y]), width=2)
    assert said.count("mean ") == 4 + 1
    assert "and 5 more" in said


@pytest.mark.parametrize(
    ("likelihood", "y", "width"),
    [
        (mb.Poisson(), RNG.poisson(300, N), 1),
        (mb.Categorical(), RNG.integers(0, 9, N), 9),
        (mb.Bernoulli(), RNG.random(N) < 0.01, 1),
    ],
)
def test_counts_and_labels_have_no_unit(likelihood, y, width):
    assert told(y=y, likelihood=likelihood, width=width) is None


def test_a_filter_that_makes_it_an_error_loses_no_result():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(mb.FitWarning) as caught:
            fit(y=200 + 50 * Y)
    assert isinstance(caught.value.result, mb.FitResult)


def test_it_is_told_once_for_restarts_and_replicas():
    raw = 200 + 50 * Y
    assert told(y=raw, restarts=3)
    assert told(y=raw, replicas=2)
    assert told(np.stack([X, X]), np.stack([raw, raw]), replicas=2)


@pytest.mark.parametrize("options", [{}, BRIEF], ids=["ours", "the caller's"])
def test_nullable_columns_of_a_frame_lose_no_result(options):
    """The fit was done, and then its doubts failed on an array of objects."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {"age": pd.array(RNG.integers(17, 90, 60), "Int64"),
         "employed": pd.array(RNG.random(60) < 0.5, "boolean")}
    )  # fmt: skip
    label = pd.Series(pd.array(Y[:60] > 0, "boolean"))
    model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), PRIOR)
    with pytest.warns(mb.FitWarning, match=r"X\[:, 0\] \(mean [45]\d, sd [12]\d\)"):
        mb.fit(model, mb.MeanField(), frame, label, rng=0, **options)


def test_columns_without_squares_are_seen():
    found = far_columns(np.array([[1e308, 1.0], [-1e308, 1.0], [1e308, 2.0]]), 3.0)
    assert [k for k, *_ in found] == [0]
