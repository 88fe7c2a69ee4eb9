"""Scores of held-out rows against sums done by hand, and against SciPy."""

import numpy as np
import pytest
from scipy import stats

from minibnn.own_data import report, scores
from minibnn.own_data.target import Target

RNG = np.random.default_rng(0)
TRAIN = np.array([True] * 6 + [False] * 4)
TEST = ~TRAIN


def scored(target, **told):
    return scores.held_out_scores(target, TRAIN, TEST, told, np.random.default_rng(1))


def mean_se(values):
    return {"value": pytest.approx(np.mean(values)),
            "se": pytest.approx(np.std(values, ddof=1) / np.sqrt(len(values)))}  # fmt: skip


def test_numbers():
    y, mean, log_prob = RNG.normal(size=(3, 10))
    quantiles = {
        q: mean + stats.norm.ppf(q)
        for level in scores.LEVELS
        for q in scores.tails(level)
    }
    found = scored(
        Target("y", "regression", y), mean=mean, log_prob=log_prob, quantiles=quantiles
    )
    base = stats.norm.logpdf(y[TEST], y[TRAIN].mean(), y[TRAIN].std())
    ours = log_prob[TEST]
    assert found["log_density"] == mean_se(ours) | {
        "constant": mean_se(base), "gain": mean_se(ours - base)
    }  # fmt: skip
    error = (y - mean)[TEST]
    assert found["rmse"]["value"] == pytest.approx(np.sqrt((error**2).mean()))
    h = 1e-6  # the standard error of a square root, by its slope
    slope = (np.sqrt((error**2).mean() + h) - np.sqrt((error**2).mean())) / h
    se = slope * np.std(error**2, ddof=1) / 2
    assert found["rmse"]["se"] == pytest.approx(se, rel=1e-4)
    flat = y[TEST] - y[TRAIN].mean()
    assert found["rmse"]["constant"]["value"] == pytest.approx(np.sqrt((flat**2).mean()))
    for level in scores.LEVELS:
        inside = np.abs(error) <= stats.norm.ppf(0.5 + level / 2)
        score = found[f"coverage_{100 * level:.0f}"]
        assert score["value"] == inside.mean()
        assert score["se"] == pytest.approx(np.sqrt(level * (1 - level) / 4))


def test_counts_have_a_poisson_for_a_constant():
    y = RNG.integers(0, 6, 10).astype(float)
    base = scores.constant_log_prob(Target("y", "counts", y), y[TRAIN], y[TEST])
    assert base == pytest.approx(stats.poisson.logpmf(y[TEST], y[TRAIN].mean()))


def test_classes():
    y = np.array([0, 0, 0, 1, 1, 2, 0, 1, 2, 2.0])
    p = RNG.dirichlet(np.ones(3), 10)
    found = scored(
        Target("y", "classes", y, ["a", "b", "c"]), p=p, log_prob=np.log(p.max(1))
    )
    shares = np.array([4, 3, 2]) / 9  # one row more of each
    assert found["log_density"]["constant"] == mean_se(np.log(shares[[0, 1, 2, 2]]))
    hits = p[TEST].argmax(1) == y[TEST]
    assert found["accuracy"] == mean_se(hits) | {"constant": mean_se([1, 0, 0, 0])}
    one_hot = np.eye(3)[y[TEST].astype(int)]
    brier = ((p[TEST] - one_hot) ** 2).sum(1)
    constant = ((shares - one_hot) ** 2).sum(1)
    assert found["brier"] == mean_se(brier) | {"constant": mean_se(constant)}


def test_the_brier_score_of_two_classes_is_that_of_one_of_them():
    p = np.array([0.2, 0.9])
    both = np.column_stack([1 - p, p])
    assert scores.squares(both, np.array([0, 1])) == pytest.approx([0.04, 0.01])


def test_the_calibration_error_of_right_forecasts_is_what_right_forecasts_show():
    """The mean over many data sets drawn from p, by another generator."""
    p = np.random.default_rng(2).dirichlet([1, 2], 60)
    told = scores.ece_of_right_forecasts(p, np.random.default_rng(3))
    rng = np.random.default_rng(4)
    drawn = [rng.uniform(size=60) < p[:, 1] for _ in range(400)]
    found = [scores.metrics.ece(y.astype(int), p) for y in drawn]
    assert told["expected"] == pytest.approx(np.mean(found), abs=4 * told["se"] / 14)
    assert told["se"] == pytest.approx(np.std(found), rel=0.25)


def test_one_row_has_no_standard_error():
    assert scores.mean_se(np.array([3.0])) == {"value": 3.0, "se": None}
    assert scores.rmse_se(np.array([3.0])) == {"value": 3.0, "se": None}
    assert scores.rmse_se(np.zeros(3)) == {"value": 0.0, "se": 0.0}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((0.5, 0.9, 0.95), "as they should"),
        ((0.3, 0.7, 0.8), "they are TOO NARROW"),
        ((0.7, 0.99, 1.0), "they are TOO WIDE"),
        ((0.7, 0.9, 0.8), "of the WRONG shape"),
    ],
)
def test_intervals_are_judged_by_two_standard_errors(values, words):
    held = [
        {"value": value, "expected": level, "se": 0.04}
        for value, level in zip(values, scores.LEVELS, strict=True)
    ]
    assert report.judged(held) == words


@pytest.mark.parametrize(
    ("value", "se", "text"),
    [(1.23456, 0.0123, "1.235 ± 0.012"), (123.4, 25.0, "123 ± 25"), (0.5, None, "0.5"),
     (1e300, 2e298, "1e+300 ± 2e+298"), (3.0, 0.0, "3"), (-0.5, 2e-9, "-0.5 ± 2e-09")],
)  # fmt: skip
def test_numbers_have_as_many_digits_as_their_errors_allow(value, se, text):
    assert report.plus_minus({"value": value, "se": se}) == text
