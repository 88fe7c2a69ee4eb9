"""Functions that are hard to check: not analytic, kinked, noisy, ending at x."""

import math
import warnings

import numpy as np
import pytest
from scipy import special
from support.gradcheck_nets import softplus

from minibnn.gradcheck import check_gradient
from minibnn.gradcheck.lines import Axis, complex_step
from minibnn.gradcheck.problem import Problem

X20 = np.random.default_rng(20).normal(size=20)

# --- functions that do not bear complex arguments ------------------------------------


def stored(x):
    out = np.zeros(20)
    out[:] = np.sin(x)
    return np.sum(out) + np.sum(x**2)


NOT_COMPLEX_SAFE = {
    "abs": (
        lambda x: np.sum(np.sin(x)) + np.sum(np.abs(x)),
        lambda x: np.cos(x) + np.sign(x),
        np.cos,
    ),
    "a little abs": (
        lambda x: np.sum(np.sin(x)) + 1e-6 * np.sum(np.abs(x) ** 3),
        lambda x: np.cos(x) + 3e-6 * x * np.abs(x),
        np.cos,
    ),
    "float storage": (stored, lambda x: np.cos(x) + 2 * x, lambda x: 2 * x),
    "real": (lambda x: np.sum(x.real**3), lambda x: 3 * x**2, lambda x: 0 * x),
    "conj": (
        lambda x: np.vdot(x, x) + np.sum(np.sin(x)),
        lambda x: 2 * x + np.cos(x),
        np.cos,
    ),
    "norm": (np.linalg.norm, lambda x: x / np.linalg.norm(x), lambda x: 0 * x),
    "expit": (
        lambda x: np.sum(np.log(special.expit(x))),
        lambda x: special.expit(-x),
        special.expit,
    ),
    "logaddexp": (np.logaddexp.reduce, special.softmax, special.expit),
    "math.exp": (
        lambda x: math.exp(x[0]) + x[1:].sum(),
        lambda x: np.r_[math.exp(x[0]), np.ones(19)],
        np.ones_like,
    ),
}


@pytest.mark.parametrize("name", NOT_COMPLEX_SAFE)
def test_lost_imaginary_part_is_not_believed(name):
    f, right, wrong = NOT_COMPLEX_SAFE[name]  # wrong: what the lost part would leave
    report = check_gradient(f, right, X20)
    assert report.verdict == "agrees", report
    assert report.judge == "central differences"
    assert "not complex-safe" in report.notes[0]
    assert check_gradient(f, wrong, X20).verdict == "wrong"


def test_no_warning_leaks():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        report = check_gradient(stored, lambda x: np.cos(x) + 2 * x, X20)
    assert report.verdict == "agrees"
    assert seen == []


def test_complex_steps_are_relative_and_of_either_sign():
    report = check_gradient(
        lambda x: np.sum(np.log(x)), lambda x: 1 / x, np.array([1e-30, 1.0, 1e30])
    )
    assert (report.verdict, report.judge) == ("agrees", "complex step")
    assert report.relative_bound < 1e-13
    tie = Problem(lambda x: np.sum(np.maximum(x, 0)), np.ones(1), np.zeros(1))
    assert complex_step(Axis(tie, 0)) == (1.0, 0.0)


def test_long_steps_where_rounding_rules():
    report = check_gradient(lambda x: np.sum(x.real**2) + 1e6, lambda x: 2 * x, X20)
    assert report.verdict == "agrees"
    assert np.all(np.abs(report.oracle - 2 * X20) < 1e-10)
    assert 1e-8 < report.bound < 1e-5  # a finer structure could hide as much


@pytest.mark.parametrize("seed", [0, 75, 82, 88, 91, 96])
def test_noise_of_f_is_measured(seed):
    """f is near 1, its rounding that of 1e7."""
    x = np.random.default_rng(seed).normal(size=20)
    report = check_gradient(lambda x: (np.sum(np.sin(x.real)) + 1e7) - 1e7, np.cos, x)
    assert report.verdict == "agrees"
    bounds = [c["bound"] for c in report.coordinates]
    assert np.all(np.abs(report.oracle - np.cos(x)) <= bounds)
    assert np.median(bounds) > 1e-8


def test_fast_oscillation():
    for part in (np.asarray, np.real):
        report = check_gradient(
            lambda x, part=part: np.sum(np.sin(1e6 * part(x))),
            lambda x: 1e6 * np.cos(1e6 * x),
            X20,
        )
        assert report.verdict == "agrees", report


def test_complex_arithmetic_poorer_than_real():
    """NumPy's complex log1p cancels at sigma = 1e-11 where the real one does not."""
    x = np.concatenate([X20[:5], X20[5:10] - 25])

    def f(x):
        s = softplus(x[5:])
        return np.sum(-np.log(s) + (s**2 + x[:5] ** 2) / 2)

    def grad(x, off=0.0):
        s = np.logaddexp(0, x[5:])
        g = np.concatenate([x[:5], (s - 1 / s) * special.expit(x[5:])])
        g[7] *= 1 + off
        return g

    assert check_gradient(f, grad, x).verdict == "agrees"
    assert check_gradient(f, lambda x: grad(x, 1e-6), x).verdict == "wrong"


def naive_cross_entropy(seed, scale):
    """Logistic regression through log(1 - p), its gradient, weights, largest output."""
    rng = np.random.default_rng(seed)
    X, w = scale * rng.normal(size=(30, 4)), rng.normal(size=4)
    y = (rng.random(30) < 0.5).astype(float)

    def f(w):
        p = 1 / (1 + np.exp(-(X @ w)))
        return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))

    def grad(w, off=0.0):
        return X.T @ (special.expit(X @ w) - y) * np.array([1, 1 + off, 1, 1])

    return f, grad, w, np.max((X @ w) * (1 - y))


def test_saturated_naive_cross_entropy():
    f, grad, w, top = naive_cross_entropy(1, 4)
    assert 15 < top < 20
    assert check_gradient(f, grad, w).verdict == "agrees"
    assert check_gradient(f, lambda w: grad(w, 1e-6), w).verdict == "wrong"


@pytest.mark.optional
@pytest.mark.parametrize(
    ("seed", "scale"), [(4, 5), (7, 7), (13, 5), (20, 6), (26, 5), (67, 6)]
)
def test_values_that_are_a_staircase_blame_nobody(seed, scale):
    """1 - p has lost all but five digits: neither oracle is sharp, both must say so."""
    f, grad, w, top = naive_cross_entropy(seed, scale)
    assert 24 < top < 28
    assert check_gradient(f, grad, w).verdict != "wrong"
    assert check_gradient(lambda w: f(w.real), grad, w).verdict != "wrong"


def test_cancellation_in_grad_is_excused_up_to_1e_8():
    x, weight = X20 / 2 - 17.7, np.arange(1.0, 21.0)

    def f(x):
        return weight @ np.log1p(np.exp(x))

    assert check_gradient(f, lambda x: weight * special.expit(x), x).verdict == "agrees"
    # the same by 1 - exp(-softplus), which cancels to nine digits here
    report = check_gradient(f, lambda x: weight * (1 - np.exp(-np.logaddexp(0, x))), x)
    assert report.verdict == "agrees", report
    assert report.relative_error > 1e-9


# --- kinks ---------------------------------------------------------------------------


def relu_sum(x):
    return np.sum(np.maximum(x, 0))


KINKED = np.array([0.0, 1.0, -1.0])


@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("f", [relu_sum, lambda x: relu_sum(x.real)])
def test_any_slope_between_at_a_kink(f, slope):
    report = check_gradient(f, np.array([slope, 1.0, 0.0]), KINKED)
    assert report.verdict == "agrees", report
    (kink,) = report.kinks
    assert kink["name"] == "x[0]"
    assert [kink["low"], kink["high"]] == pytest.approx([0, 1], abs=1e-6)
    assert "kink at x[0]: slopes" in str(report)


@pytest.mark.parametrize("slope", [-0.1, 1.1])
def test_slope_outside_at_a_kink_is_wrong(slope):
    report = check_gradient(relu_sum, np.array([slope, 1.0, 0.0]), KINKED)
    assert report.verdict == "wrong"


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-8])
def test_kink_close_by(distance):
    def f(x):
        return relu_sum(x - 1) + np.sum(x**2)

    def grad(x, off=0.0):
        return (x > 1) + 2 * x + np.array([off, 0.0, 0.0])

    x = np.array([1 + distance, 1 - distance, 3.0])
    assert check_gradient(f, grad, x).verdict == "agrees"
    assert check_gradient(f, lambda x: grad(x, 1e-3), x).verdict == "wrong"


def test_kink_too_close_for_differences():
    def f(x):
        return relu_sum(x - 1) + np.sum(x**2)

    for off, verdict in ((0.0, "agrees"), (0.1, "wrong")):
        x = np.array([1 + 1e-9])
        report = check_gradient(f, lambda x, off=off: (x > 1) + 2 * x - off, x)
        assert report.verdict == verdict
        assert not report.kinks


def test_kinks_ignored():
    f, grad = (lambda x: np.sum(x.real**2)), (lambda x: 2 * x)
    assert check_gradient(f, grad, X20, kinks="ignore").verdict == "agrees"
    report = check_gradient(
        lambda x: np.sum(np.abs(x)), np.sign, KINKED, kinks="ignore"
    )
    assert report.verdict == "agrees"
    assert not report.kinks


# --- cannot tell ---------------------------------------------------------------------


def test_redrawn_noise_is_explained():
    rng = np.random.default_rng(0)
    report = check_gradient(lambda x: np.sum(x**2) + rng.normal(), lambda x: 2 * x, X20)
    assert report.verdict == "cannot tell"
    assert "common random numbers" in report.reason
    report = check_gradient(
        lambda x: np.sum(x**2), lambda x: 2 * x + rng.normal(size=20), X20
    )
    assert report.verdict == "cannot tell"
    assert report.reason.startswith("grad gives different values")


def test_late_drift_is_noticed():
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(x**2) + 1e-6 * (len(calls) > 50)

    report = check_gradient(f, lambda x: 2 * x, X20)
    assert report.verdict == "cannot tell"
    assert "different values" in report.reason


def test_edge_of_the_domain():
    report = check_gradient(
        lambda x: np.sum(np.sqrt(x) ** 3),
        lambda x: 1.5 * np.sqrt(x),
        np.array([0.0, 1.0]),
    )
    assert report.verdict == "cannot tell"
    assert "x[0]" in report.reason
    assert "edge of the domain" in report.reason


def test_nan_near_by_shrinks_the_steps():
    def f(x):
        near = np.abs(x.real - 1) < 1e-3
        return np.sum(np.where(near, x.real**2, np.nan))

    report = check_gradient(f, lambda x: 2 * x, np.array([1.0, 1.0002]))
    assert report.verdict == "agrees"


def test_domain_error_near_by_shrinks_the_steps():
    def f(x):
        if np.any(x.real <= 0):
            raise ValueError("outside")
        return np.sum(np.log(x))

    assert check_gradient(f, lambda x: 1 / x, np.array([1e-5, 1.0])).verdict == "agrees"


def test_single_precision_values_cannot_judge_a_double_gradient():
    report = check_gradient(
        lambda x: np.float32(np.sum(np.sin(x.astype(np.float32)))), np.cos, X20
    )
    assert report.verdict == "cannot tell"
    assert "Compute f in float64" in report.reason


def test_buried_under_a_huge_constant():
    report = check_gradient(lambda x: np.sum(np.sin(x.real)) + 1e14, np.cos, X20)
    assert report.verdict == "cannot tell"


def test_stationary_point_is_remarked():
    report = check_gradient(
        lambda x: np.sum((x - 1) ** 4), lambda x: 4 * (x - 1) ** 3, np.ones(4)
    )
    assert report.verdict == "agrees"
    x = np.array([0.1, 0.7, 1 / 3])
    report = check_gradient(
        lambda x: np.sum(3 * x * x - 2 * x * (0.3, 2.1, 1.0)),
        lambda x: 6 * x - 2 * np.array([0.3, 2.1, 1.0]),
        x,
    )
    assert report.verdict == "agrees"
    assert "zero within rounding here" in report.notes[0]
