"""Scores against hand-computed cases, scikit-learn, and refusals of bad arguments."""

import numpy as np
import pytest

from minibnn import metrics

Y = np.array([0, 0, 1, 1, 1])
P = np.array([0.1, 0.7, 0.8, 0.4, 0.9])  # predicted 0 1 1 0 1
Y3 = np.array([0, 1, 2, 2])
P3 = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8], [0.5, 0.25, 0.25]])


def two_columns(p):
    return np.column_stack([1 - p, p])


# --- by hand -------------------------------------------------------------------------


def test_accuracy_by_hand():
    assert metrics.accuracy(Y, P) == 3 / 5
    assert metrics.accuracy(Y, P, threshold=0.3) == 4 / 5
    assert metrics.accuracy(Y3, P3) == 2 / 4
    assert metrics.accuracy([0, 0], [0.5, 0.5]) == 1  # a tie is class 0
    assert metrics.accuracy([0, 0], [[0.5, 0.5], [0.5, 0.5]]) == 1
    assert metrics.accuracy([1, 0], [[0.2, 0.4, 0.4], [0.5, 0.0, 0.5]]) == 1


def test_f1_by_hand():
    # class 1: TP 2, FP 1, FN 1 -> 2/3; class 0: TP 1, FP 1, FN 1 -> 1/2
    assert metrics.f1(Y, P, average="binary") == pytest.approx(2 / 3, rel=1e-15)
    assert metrics.f1(Y, P, average="macro") == pytest.approx(7 / 12, rel=1e-15)
    assert metrics.f1(Y, P) == pytest.approx(0.4 * 0.5 + 0.6 * 2 / 3, rel=1e-15)
    # predicted 0 2 2 0: class 0 2/3, class 1 0, class 2 1/2
    assert metrics.f1(Y3, P3, "macro") == pytest.approx((2 / 3 + 0.5) / 3, rel=1e-15)
    assert metrics.f1(Y3, P3) == pytest.approx((2 / 3 + 2 * 0.5) / 4, rel=1e-15)
    assert metrics.f1([0, 0], [0.1, 0.2], average="binary") == 0.0
    assert metrics.f1([0, 1], [0.1, 0.9], average="binary") == 1.0
    assert metrics.f1([0, 0], [0.1, 0.2], average="macro") == 1.0


def test_nll_by_hand():
    expected = -np.mean(np.log([0.9, 0.3, 0.8, 0.4, 0.9]))
    assert metrics.nll(Y, P) == pytest.approx(expected, rel=1e-14)
    assert metrics.nll(Y, np.log(P), log=True) == pytest.approx(expected, rel=1e-14)
    logs = np.log(two_columns(P))
    assert metrics.nll(Y, logs, log=True) == pytest.approx(expected, rel=1e-14)
    expected = -np.mean(np.log([0.7, 0.3, 0.8, 0.25]))
    assert metrics.nll(Y3, P3) == pytest.approx(expected, rel=1e-14)


def test_nll_keeps_what_probabilities_lose():
    assert metrics.nll([1, 0], [-1e4, -1e4], log=True) == 5e3
    assert metrics.nll([0], [-1e-20], log=True) == pytest.approx(20 * np.log(10))
    assert metrics.nll([1], [0.0]) == np.inf
    assert metrics.nll([0], [0.0], log=True) == np.inf
    assert metrics.nll([0, 1], [0.0, 1.0]) == 0
    assert metrics.nll([1], [-np.inf], log=True) == np.inf


def test_brier_by_hand():
    expected = np.mean(np.square([0.1, 0.7, 0.2, 0.6, 0.1]))
    assert metrics.brier(Y, P) == pytest.approx(expected, rel=1e-14)
    assert metrics.brier(Y, P[:, None]) == metrics.brier(Y, list(P))
    assert metrics.brier(Y, two_columns(P)) == pytest.approx(2 * expected, rel=1e-14)
    rows = [0.09 + 0.04 + 0.01, 0.09 + 0.49 + 0.16, 0.01 + 0.01 + 0.04]
    rows += [0.25 + 0.0625 + 0.5625]
    assert metrics.brier(Y3, P3) == pytest.approx(np.mean(rows), rel=1e-14)


def test_ece_by_hand():
    # confidences .9 .7 .8 .6 .9, right 1 0 1 0 1; bins [.6,.7) [.7,.8) [.8,.9) [.9,1]
    expected = (0.6 + 0.7 + 0.2 + 2 * 0.1) / 5
    assert metrics.ece(Y, P) == pytest.approx(expected, rel=1e-12)
    assert metrics.ece(Y, two_columns(P)) == pytest.approx(expected, rel=1e-12)
    # one bin: mean confidence 0.78 against 3/5 right; mean p 0.58 against 3/5 ones
    assert metrics.ece(Y, P, n_bins=1) == pytest.approx(0.18, rel=1e-12)
    assert metrics.ece(Y, P, n_bins=1, on="positive") == pytest.approx(0.02, rel=1e-12)
    assert metrics.ece(Y3, P3, n_bins=1) == pytest.approx(0.6 - 0.5, rel=1e-12)
    assert metrics.ece([0, 1], [0.0, 1.0]) == 0


def test_reliability_curve_by_hand():
    curve = metrics.reliability_curve([0, 1, 1, 0], [0.05, 0.25, 0.45, 1.0], n_bins=2)
    assert curve.centre.tolist() == [0.25, 0.75]
    np.testing.assert_allclose(curve.predicted, [0.25, 1.0], rtol=1e-15)
    np.testing.assert_allclose(curve.observed, [2 / 3, 0.0], rtol=1e-15)
    assert curve.count.tolist() == [3, 1]
    only_full = metrics.reliability_curve(Y, P, n_bins=20)
    assert len(only_full.count) == 5
    assert np.all(only_full.count > 0)


def test_a_point_on_an_edge_belongs_to_the_bin_above_and_1_to_the_last():
    y, p = [1, 0, 1, 0], [0.0, 0.5, 0.75, 1.0]
    curve = metrics.reliability_curve(y, p, n_bins=4)
    assert curve.centre.tolist() == [0.125, 0.625, 0.875]
    assert curve.count.tolist() == [1, 1, 2]
    assert curve.predicted.tolist() == [0.0, 0.5, 0.875]
    assert curve.observed.tolist() == [1.0, 0.0, 0.5]
    assert metrics.ece(y, p, n_bins=4, on="positive") == (1 + 0.5 + 2 * 0.375) / 4
    # confidences 0.5 (the tie is class 0: right) and 1, 0.75, 1, of which one is right
    assert metrics.ece(y, p, n_bins=4) == ((1 - 0.5) + (2.75 - 1)) / 4


def test_ties_of_a_confidence_go_to_the_lower_class():
    tie = [[0.375, 0.375, 0.25]]
    assert metrics.ece([0], tie) == 1 - 0.375
    assert metrics.ece([1], tie) == metrics.ece([2], tie) == 0.375


def test_there_are_ten_bins_unless_told():
    """0.64 and 0.68 share one of ten bins and none of fifteen."""
    y, p = [1, 0], [0.64, 0.68]
    assert metrics.ece(y, p) == pytest.approx(0.16, rel=1e-12)
    assert metrics.ece(y, p, n_bins=15) == pytest.approx(0.52, rel=1e-12)
    assert metrics.reliability_curve(y, p).centre.tolist() == [0.65]


def test_ece_on_positive_is_the_area_of_the_reliability_curve():
    rng = np.random.default_rng(0)
    p = rng.uniform(size=300)
    y = rng.uniform(size=300) < p**2
    curve = metrics.reliability_curve(y, p)
    gap = np.sum(curve.count * np.abs(curve.predicted - curve.observed)) / 300
    assert metrics.ece(y, p, on="positive") == pytest.approx(gap, rel=1e-14)
    assert 0.1 < gap < 0.25  # E|p - p²| = 1/6


def test_auroc_by_hand():
    # errors 3 and 2, right ones 1 and 2: of four pairs 3 won, 1 tied... = 3.5 / 4
    assert metrics.auroc([3, 1, 2, 2], [1, 0, 1, 0]) == 3.5 / 4
    assert metrics.auroc([1, 2, 3], [False, False, True]) == 1
    assert metrics.auroc([[3.0], [2.0], [1.0]], [0, 0, 1]) == 0
    assert metrics.auroc([1, 1, 1], [0, 1, 1]) == 0.5


def test_regression_scores_by_hand():
    y, mean = [1.0, 2.0, 3.0], np.array([[1.0], [4.0], [3.0]])
    assert metrics.rmse(y, mean) == pytest.approx(np.sqrt(4 / 3), rel=1e-15)
    assert metrics.rmse(np.ones((2, 3)), np.zeros((2, 3))) == 1
    assert metrics.coverage(y, [0, 3, 3], np.array([[2], [4], [3]])) == 2 / 3


# --- against scikit-learn ------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("n", [1, 7, 200])
def test_against_scikit_learn(classes, n):
    sk = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(n)
    p = rng.dirichlet(np.ones(classes), size=n)
    y = rng.integers(classes, size=n)
    hard = p.argmax(1)
    assert metrics.accuracy(y, p) == sk.accuracy_score(y, hard)
    for average in ("weighted", "macro"):
        expected = sk.f1_score(y, hard, average=average, zero_division=0)
        assert metrics.f1(y, p, average) == pytest.approx(expected, rel=1e-14)
    expected = sk.log_loss(y, p, labels=range(classes))
    assert metrics.nll(y, p) == pytest.approx(expected, rel=1e-12)
    if classes == 2:
        expected = sk.f1_score(y, hard, zero_division=0)
        assert metrics.f1(y, p[:, 1], "binary") == pytest.approx(expected, rel=1e-14)
        expected = np.mean((p[:, 1] - y) ** 2)
        assert metrics.brier(y, p[:, 1]) == pytest.approx(expected, rel=1e-13)


def test_auroc_against_scikit_learn_and_the_definition():
    rng = np.random.default_rng(1)
    score = rng.integers(12, size=200) / 7  # many ties
    error = rng.uniform(size=200) < 0.3
    pairs = score[error][:, None] - score[~error]
    expected = np.mean((pairs > 0) + 0.5 * (pairs == 0))
    assert metrics.auroc(score, error) == pytest.approx(expected, rel=1e-14)
    sk = pytest.importorskip("sklearn.metrics")
    assert metrics.auroc(score, error) == pytest.approx(sk.roc_auc_score(error, score))


def test_reliability_curve_against_scikit_learn():
    sk = pytest.importorskip("sklearn.calibration")
    rng = np.random.default_rng(2)
    p = rng.uniform(size=200)
    y = (rng.uniform(size=200) < p).astype(int)
    observed, predicted = sk.calibration_curve(y, p, n_bins=7)
    curve = metrics.reliability_curve(y, p, n_bins=7)
    np.testing.assert_allclose(curve.observed, observed, rtol=1e-14)
    np.testing.assert_allclose(curve.predicted, predicted, rtol=1e-14)


# --- arguments -----------------------------------------------------------------------

SCORES = {
    "accuracy": metrics.accuracy,
    "f1": metrics.f1,
    "nll": metrics.nll,
    "brier": metrics.brier,
    "ece": metrics.ece,
    "reliability_curve": metrics.reliability_curve,
}


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_column_and_row_shapes_are_the_same_thing(score):
    expected = score(Y, P)
    for y in (Y[:, None], Y.astype(float), Y.astype(bool), list(Y)):
        for p in (P, P[:, None], list(P)):
            np.testing.assert_array_equal(score(y, p), expected)


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
@pytest.mark.parametrize(
    ("y", "p", "words"),
    [
        (Y, P[:4], r"y \(5,\), p \(4, 2\)"),
        ([0], P, r"y \(1,\), p \(5, 2\)"),
        (Y, P[None], "row sums of p"),
        (Y, np.tile(P, (5, 1)), "row sums of p"),
        (Y, np.ones((5, 2, 1)), r"p must have 1 or 2 dimension\(s\)"),
        (np.ones((5, 5)), P, r"y must have shape \(n,\) or \(n, 1\)"),
        (Y, [0.1, 0.2, np.nan, 0.3, 0.4], "p must be finite, got nan at index 2"),
        (Y, [0.1, 0.2, 1.1, 0.3, 0.4], r"p must be in \[0, 1\], got 1.1 at index 2"),
        (Y, [0.1, 0.2, -0.1, 0.3, 0.4], r"p must be in \[0, 1\], got -0.1"),
        ([0, 1, 2, 0, 1], P, r"y must be integer labels 0..1, got 2.0 at index 2"),
        ([0, 1, -1, 0, 1], P, "y must be integer labels"),
        ([0, 1, 0.5, 0, 1], P, "y must be integer labels"),
        ([0, 1, np.nan, 0, 1], P, "y must be finite"),
        ([], [], "p must not be empty"),
        ([], P, "y must not be empty"),
        (None, P, "y must be an array"),
        (Y, None, "p must be an array"),
        (["a"] * 5, P, "y must be an array of real numbers"),
        (Y, P + 0j, "p must be an array of real numbers"),
        (Y, P > 0.5, "p must be an array of real numbers"),
        (Y, [[0.1], [0.2, 0.8]], "p must be an array of real numbers"),
    ],
)
def test_classification_scores_refuse(score, y, p, words):
    with pytest.raises(ValueError, match=words):
        score(y, p)


def test_rounding_beyond_one_is_forgiven_but_no_more():
    assert metrics.nll([1], [1 + 1e-7]) == 0
    assert metrics.nll([1], [1e-12], log=True) == 0
    with pytest.raises(ValueError, match=r"p must be in \[0, 1\]"):
        metrics.nll([1], [1 + 1e-5])
    assert metrics.accuracy([1], [1 + 0.9e-6]) == 1
    with pytest.raises(ValueError, match=r"p must be in \[0, 1\]"):
        metrics.accuracy([1], [1 + 1.1e-6])
    assert metrics.accuracy([1], [[0.5, 0.5 + 0.9e-4]]) == 1
    with pytest.raises(ValueError, match="row sums of p"):
        metrics.accuracy([1], [[0.5, 0.5 + 1.1e-4]])
    assert metrics.brier([1], [1 + 0.9e-6]) == 0
    assert metrics.nll([1], [0.9e-6], log=True) == 0
    float32 = np.full((2, 3), 1 / 3, np.float32)
    assert metrics.nll([0, 1], float32) == pytest.approx(np.log(3), rel=1e-6)


REFUSED = [
    (lambda: metrics.nll(Y, P, log=True), "at most 0"),
    (lambda: metrics.nll(Y, P, log=1), "log must be True or False"),
    (lambda: metrics.nll(Y3, np.log(P3) - 1, log=True), r"row sums of exp\(p\)"),
    (lambda: metrics.nll([0], [np.nan], log=True), "p must be"),
    (lambda: metrics.nll([], [], log=True), "p must not be empty"),
    (lambda: metrics.f1(Y, P, "micro"), "average must be one of"),
    (lambda: metrics.f1(Y3, P3, "binary"), "two classes, p has 3"),
    (lambda: metrics.accuracy(Y, P, threshold=1.5), "threshold must be"),
    (lambda: metrics.accuracy(Y3, P3, threshold=0.4), "two classes, p has 3"),
    (lambda: metrics.ece(Y, P, n_bins=0), "n_bins must be an integer >= 1"),
    (lambda: metrics.ece(Y, P, on="all"), "on must be one of"),
    (lambda: metrics.ece(Y3, P3, on="positive"), "two classes here, got 3"),
    (lambda: metrics.reliability_curve(Y3, P3), "two classes here, got 3"),
    (lambda: metrics.auroc([1, 2], [0, 0]), "both errors and right"),
    (lambda: metrics.auroc([1, 2], [1, 1]), "both errors and right"),
    (lambda: metrics.auroc([1, 2], [0, 2]), "is_error must be 0 or 1"),
    (lambda: metrics.auroc([1, np.inf], [0, 1]), "score must be finite"),
    (lambda: metrics.auroc([1, 2, 3], [0, 1]), "lengths must be equal"),
    (lambda: metrics.rmse([1, 2], np.ones((2, 2))), "shapes must be equal"),
    (lambda: metrics.rmse([1, 2], [1]), "shapes must be equal"),
    (lambda: metrics.rmse(np.ones((2, 1)), np.ones((1, 2))), "shapes must be eq"),
    (lambda: metrics.rmse([1, np.nan], [1, 2]), "y must be finite"),
    (lambda: metrics.rmse([], []), "y must not be empty"),
    (lambda: metrics.coverage([1, 2], [0, 3], [1, 2]), "lower must be <= upper"),
    (lambda: metrics.coverage([1, 2], 0, 3), "lower must have 1 or 2"),
    (lambda: metrics.coverage([1, 2], [0, 0], [1, np.inf]), "upper must be finite"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED, ids=range(len(REFUSED)))
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call()
