"""Functions with more than one scale: what long steps pass over, rounding that hides."""

import numpy as np
import pytest
from support.gradcheck_nets import real

from minibnn.gradcheck import check_gradient

X = np.array([0.3, -1.0, 2.0, 0.7])


BOTH = pytest.mark.parametrize("form", [lambda f: f, real], ids=["complex", "real"])

# --- fine structure ------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("size", "rate"), [(1e-9, 1e4), (1e-7, 1e4), (1e-6, 1e3), (1e-3, 1e5), (1e-11, 1e6)]
)
def test_a_ripple_is_not_stepped_over(form, size, rate):
    f = form(lambda x: np.sum(x**2 + size * np.sin(rate * x)))
    right = check_gradient(f, lambda x: 2 * x + size * rate * np.cos(rate * x), X)
    assert right.verdict == "agrees", right
    assert check_gradient(f, lambda x: 2 * x, X).verdict == "wrong"


def test_a_ripple_lost_by_the_complex_step_is_seen():
    def f(x):
        return np.sum(x**2) + 1e-9 * np.sum(np.sin(1e4 * x.real))

    report = check_gradient(f, lambda x: 2 * x + 1e-5 * np.cos(1e4 * x), X)
    assert (report.verdict, report.judge) == ("agrees", "central differences")
    assert check_gradient(f, lambda x: 2 * x, X).verdict == "wrong"


@BOTH
@pytest.mark.parametrize("width", [1e-2, 1e-4, 1e-5])
def test_narrow_bumps(form, width):
    centres = np.linspace(0, 1, 7)
    x = centres[[1, 3, 4]] + width * np.array([0.5, -1.0, 2.0])

    def parts(x):
        z = (x[:, None] - centres) / width
        return z, np.exp(-(z**2) / 2)

    def gradient(x):
        z, shape = parts(x)
        return -np.sum(z * shape, axis=1) / width

    f = form(lambda x: np.sum(parts(x)[1]))
    report = check_gradient(f, gradient, x)
    assert report.verdict == "agrees", report
    bounds = [c["bound"] for c in report.coordinates]
    assert np.all(np.abs(report.oracle - gradient(x)) <= bounds)
    off = check_gradient(f, lambda x: gradient(x) * [1, 1.01, 1], x)
    assert off.verdict == "wrong", off


@BOTH
@pytest.mark.parametrize("gap", [1e-3, 1e-5, 1e-7])
def test_a_pole_close_by(form, gap):
    f = form(lambda x: 1 / (x[0] - x[1]))
    x = np.array([1.7 + gap, 1.7])

    def gradient(x):
        return np.array([-1, 1]) / (x[0] - x[1]) ** 2

    assert check_gradient(f, gradient, x).verdict == "agrees"
    assert check_gradient(f, lambda x: gradient(x) * [1, 1.01], x).verdict == "wrong"


@BOTH
@pytest.mark.parametrize("rate", [1e2, 1e4, 1e7])
def test_fast_waves(form, rate):
    f = form(lambda x: np.sum(np.sin(rate * x)))
    assert check_gradient(f, lambda x: rate * np.cos(rate * x), X).verdict == "agrees"
    report = check_gradient(f, lambda x: 1.01 * rate * np.cos(rate * x), X)
    assert report.verdict == "wrong"


def test_a_smooth_bend_is_no_kink():
    """Softplus of a steep argument looks like a kink until steps are short enough."""
    for steep in (1e3, 1e6, 1e9):
        f = real(lambda x, k=steep: np.sum(np.logaddexp(0, k * x)) / k)
        report = check_gradient(f, lambda x: 0.5 + 0 * x, np.zeros(2))
        assert report.verdict == "agrees", report
        report = check_gradient(f, lambda x: 0.55 + 0 * x, np.zeros(2))
        assert report.verdict == "wrong", report


def test_opinions_that_exclude_each_other_are_both_shown():
    """A part lost by the complex step, or a ripple finer than steps show: who knows?"""
    report = check_gradient(
        lambda x: 1e6 + np.sum(x**2) + 1e-4 * np.sum(x.real), lambda x: 2 * x + 1e-4, X
    )
    assert report.verdict == "cannot tell"
    assert "two opinions exclude each other along x[" in report.reason
    assert ": the complex step gives " in report.reason


def test_a_bump_in_its_far_tail():
    """Its slope is 1e-23 where f is 1e-14: no difference says anything of it."""
    x, centres = np.random.default_rng(4).random(5), np.linspace(0, 1, 50)

    def shape(x):
        return np.exp(-((x[:, None] - centres) ** 2) / 2e-8)

    def gradient(x):
        return -np.sum((x[:, None] - centres) * 1e8 * shape(x), axis=1)

    report = check_gradient(lambda x: np.sum(shape(x)), gradient, x)
    assert report.verdict != "wrong"
    bounds = [c["bound"] for c in report.coordinates]
    assert np.all(np.abs(report.oracle - gradient(x)) <= bounds)
    assert min(bounds) > 0


# --- flat in floats ------------------------------------------------------------------


def log_softmax(x):
    shifted = x - np.max(x)
    return -(shifted[0] - np.log(np.sum(np.exp(shifted))))


def log_softmax_gradient(x):
    p = np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x)))
    return np.r_[-np.sum(p[1:]), p[1:]]


@pytest.mark.parametrize("margin", [30.0, 36.0, 38.0, 45.0])
@pytest.mark.parametrize("size", [1.0, 1e6, 1e-8])
def test_a_saturated_softmax(margin, size):
    x = np.array([margin, 0.3, -1.0])

    def f(x):
        return size * log_softmax(x)

    report = check_gradient(f, lambda x: size * log_softmax_gradient(x), x)
    assert report.verdict == "agrees", report
    off = check_gradient(f, lambda x: 1.01 * size * log_softmax_gradient(x), x)
    assert off.verdict == "wrong"
    blind = check_gradient(real(f), lambda x: size * log_softmax_gradient(x), x)
    assert blind.verdict == "cannot tell", blind
    truth = size * log_softmax_gradient(x)
    bounds = [c["bound"] for c in blind.coordinates]
    assert np.all(np.abs(blind.oracle - truth) <= bounds)


@pytest.mark.parametrize(
    ("f", "gradient", "x"),
    [
        (lambda x: np.sum(-np.log(1 / (1 + np.exp(-x)))), lambda x: -1 / (1 + np.exp(x)),
         [36.0, 37.0]),
        (lambda x: np.sum(1 - np.tanh(x)), lambda x: -1 / np.cosh(x) ** 2, [19.0, 1.0]),
        (lambda x: np.sum(1 - np.tanh(x)), lambda x: -1 / np.cosh(x) ** 2, [25.0]),
    ],
    ids=["sigmoid", "tanh", "flat tanh"],
)  # fmt: skip
def test_saturated_units(f, gradient, x):
    assert check_gradient(f, gradient, np.array(x)).verdict == "agrees"
    assert check_gradient(real(f), gradient, np.array(x)).verdict == "cannot tell"


def test_the_smallest_slope_that_could_be_seen_is_printed():
    report = check_gradient(
        real(lambda x: 1 - np.tanh(x[0])),
        lambda x: -1 / np.cosh(x) ** 2,
        np.array([25.0]),
    )
    assert "the smallest slope that could be seen is" in report.reason


def test_a_coordinate_below_the_rounding_of_another():
    f = lambda x: 2e16 * x[0] + x[1]  # noqa: E731
    x, slope = np.array([0.5, 0.3]), np.array([2e16, 1.0])
    assert check_gradient(f, slope, x).verdict == "agrees"
    assert check_gradient(f, slope * [1, 1.01], x).verdict == "wrong"
    for claim in (slope, slope * [1, 1.01]):
        report = check_gradient(real(f), claim, x)
        assert report.verdict == "cannot tell"
        assert report.coordinates[1]["bound"] > 1


def test_a_lost_part_that_rounding_hides_blames_nobody():
    """The complex step says 0, f does not move, the claim is right: who could tell?"""

    def f(x):
        return 2e16 * np.sin(x[0]) + np.tanh(x[1].real)

    x = np.array([0.3, 0.4])
    slope = np.array([2e16 * np.cos(0.3), 1 / np.cosh(0.4) ** 2])
    assert check_gradient(f, slope, x).verdict == "cannot tell"


def test_huge_and_tiny_functions():
    for size in (1e300, 1e-290):
        f = lambda x, s=size: s * np.sum(np.sin(x))  # noqa: E731
        assert check_gradient(f, lambda x, s=size: s * np.cos(x), X).verdict == "agrees"
        report = check_gradient(f, lambda x, s=size: 1.001 * s * np.cos(x), X)
        assert report.verdict == "wrong"
        assert "claimed / true = 1.001 in all" in report.reason
