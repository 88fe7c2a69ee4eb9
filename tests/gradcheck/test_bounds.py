"""What is printed is true: edges near by, small beside huge, ripples, flat, rounding."""

import numpy as np
import pytest
from support.checker_survey import EXACT, FLOATS, mpmath
from support.gradcheck_nets import real

from minibnn.gradcheck import check_gradient

pytestmark = pytest.mark.optional  # mpmath

BOTH = pytest.mark.parametrize("form", [lambda f: f, real], ids=["complex", "real"])


def check(f, gradient, x, claim=None, form=lambda f: f):
    """Check a claim, and that each reported slope is within its bound of the truth.

    f and gradient are written over a namespace of functions, floats or exact.
    """
    x = np.array(x, dtype=float)

    def slopes(x):
        return np.array(gradient(FLOATS, x), dtype=float)

    report = check_gradient(form(lambda x: f(FLOATS, x)), claim or slopes, x)
    with mpmath.workdps(50):
        exact = gradient(EXACT, np.array([mpmath.mpf(v) for v in x], dtype=object))
        for c, truth in zip(report.coordinates, exact, strict=True):
            assert abs(mpmath.mpf(c["oracle"]) - truth) <= c["bound"], (c, truth)
            if report.verdict == "agrees":
                off = abs(mpmath.mpf(c["gradient"]) - truth)
                assert off <= c["bound"] + 1.001e-9 * abs(truth), (c, truth)
    return report


@BOTH
@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-8])
@pytest.mark.parametrize("given", [False, True])
def test_f_may_raise_anything_beside_x(form, gap, given):
    x = np.array([3.0, 0.5])

    def f(z):
        if np.any(z.real > x * (1 + gap)):
            raise np.linalg.LinAlgError("not positive definite")
        return np.sum(z**3) + z[0] * z[1]

    def gradient(z):
        return 3 * z**2 + z[::-1]

    claim = gradient(x) if given else gradient
    assert check_gradient(form(f), claim, x).verdict == "agrees"
    claim = 1.01 * gradient(x) if given else lambda z: 1.01 * gradient(z)
    assert check_gradient(form(f), claim, x).verdict == "wrong"


@BOTH
@pytest.mark.parametrize("far", [False, True])
def test_waves_of_every_size(form, far):
    """Some are below the rounding of others; lengths from 1e-6 to 1e2."""
    size = np.array([1e-10, 1e-3, 1e5, 3e11])
    length = np.array([1.0, 1e-6, 1e-3, 1e2])
    x = np.array([0.3, 0.7, 1.1, 0.9]) if far else 1.3 * length
    slopes = size / length * np.cos(x / length)
    for claim in (slopes, slopes * [1, 1, 1.01, 1], slopes[::-1].copy(), 0 * x):
        report = check(
            lambda m, x: np.sum(size * m.sin(x / length)),
            lambda m, x: size / length * m.cos(x / length),
            x,
            lambda z, claim=claim: claim,
            form,
        )
        assert (report.verdict == "wrong") <= (claim is not slopes)
        if form is not real:
            assert (report.verdict == "agrees") == (claim is slopes)


@BOTH
@pytest.mark.parametrize(("size", "rate"), [(3e-12, 3e4), (2e-12, 1e5), (1e-11, 3e4)])
def test_a_ripple_near_the_rounding_of_f(form, size, rate):
    def f(m, x):
        return np.sum(x**2 + size * m.sin(rate * x))

    def gradient(m, x):
        return 2 * x + size * rate * m.cos(rate * x)

    x = [1.7, -0.3, 9.0]
    assert check(f, gradient, x, form=form).verdict == "agrees"
    off = check(f, gradient, x, lambda x: 1.01 * gradient(FLOATS, x), form)
    assert off.verdict == "wrong"
    smooth = check(f, gradient, x, lambda x: 2 * x, form)
    assert smooth.verdict == "wrong" or form is real


@pytest.mark.parametrize(("size", "rate"), [(1e-7, 2e4), (1e-6, 3e3), (1e-9, 1e5)])
def test_a_ripple_over_directions(size, rate):
    x = np.random.default_rng(3).normal(size=450)
    report = check_gradient(
        real(lambda x: np.sum(x**2 + size * np.sin(rate * x))),
        lambda x: 2 * x + size * rate * np.cos(rate * x),
        x,
    )
    assert report.verdict != "wrong"
    assert all(d["error"] <= d["bound"] + d["rounding"] for d in report.directions)


@pytest.mark.parametrize("margin", [20.0, 35.5, 36.2, 36.6, 40.0, 60.0])
@pytest.mark.parametrize("factor", [1.0, 0.0, 1.01])
def test_where_f_is_flat_in_floats(margin, factor):
    def slopes(m, x):
        one, two = m.exp(x[1] - x[0]), m.exp(x[2] - x[0])
        total = 1 + one + two
        return np.array([-(one + two) / total, one / total, two / total])

    report = check(
        lambda m, x: m.log(1 + m.exp(x[1] - x[0]) + m.exp(x[2] - x[0])),
        slopes,
        [margin, 0.4, -0.7],
        lambda x: factor * slopes(FLOATS, x),
        real,
    )
    assert (report.verdict == "wrong") <= (factor != 1)
    assert min(c["bound"] for c in report.coordinates) > 0


def test_stairs_of_the_complex_step():
    """The textbook softmax at 36.3: 1 + 3e-16 is rounded, in the complex step as well."""
    for rest in [0.3, -1.0], [0.4, -0.7], [0.1, 0.2]:
        for margin in 35.9, 36.1, 36.3, 36.5:

            def slopes(m, x):
                one, two = m.exp(x[1] - x[0]), m.exp(x[2] - x[0])
                total = 1 + one + two
                return np.array([-(one + two) / total, one / total, two / total])

            report = check(
                lambda m, x: -m.log(m.exp(x[0]) / np.sum(m.exp(x))),
                slopes,
                [margin, *rest],
            )
            assert report.verdict != "wrong"


@BOTH
def test_the_truth_does_not_hang_on_the_claim(form):
    weight = np.array([1e6, 1.0, 1e-3])
    x = np.array([2e3, 0.7, 1e-2])
    slopes = 1e5 * np.cos(1e5 * x) * weight
    for claim in (slopes[::-1].copy(), slopes * [1, 0, 1], 1e-7 * slopes, 0 * x):
        report = check(
            lambda m, x: np.sum(weight * m.sin(1e5 * x)),
            lambda m, x: weight * 1e5 * m.cos(1e5 * x),
            x,
            lambda z, claim=claim: claim,
            form,
        )
        assert report.verdict != "agrees"


@BOTH
@pytest.mark.parametrize("rate", [4119.027316459548, 3e4, 1e5, 1e6])
def test_the_rounding_of_an_argument_inside_f(form, rate):
    def gradient(m, x):
        return rate * m.cos(rate * x)

    for x in [0.11, 5.0], [0.9, 0.33], [1.7400399524647845, 1.1287763184732742]:
        for factor in 1, 0:
            report = check(
                lambda m, x: np.sum(m.sin(rate * x)),
                gradient,
                x,
                lambda x, c=factor: c * gradient(FLOATS, x),
                form,
            )
            assert report.verdict == ("agrees" if factor else "wrong")


def test_rounding_that_was_excused_is_part_of_the_bound():
    """A line at 4e14 with a width of 1e9: one rounding of x moves the gradient."""
    at = 4.2e14 + np.linspace(-3, 3, 9) * 1e9

    def slope(m, x):
        z = (at - x[0]) / 1.1e9
        return np.array([np.sum(2 * z / 1.1e9 / (1 + z**2) ** 2)])

    for off in 0, 1e-8, 1e-7, 1e-5:
        report = check(
            lambda m, x: np.sum(1 / (1 + ((at - x[0]) / 1.1e9) ** 2)),
            slope,
            [4.2e14 + 3e8],
            lambda x, off=off: (1 + off) * slope(FLOATS, x),
        )
        assert report.verdict == "agrees" or off
    assert report.verdict == "wrong"


@BOTH
def test_small_beside_large(form):
    """A saddle, an entropy, gravity: what a plain difference shows is decided."""
    cases = [
        (lambda m, x: (x[0] / 1e6 - 2) * (x[1] - 1e-4),
         lambda m, x: np.array([(x[1] - 1e-4) / 1e6, x[0] / 1e6 - 2]), [2.1e6, 3e-4]),
        (lambda m, x: m.sin(x[0] / 1e6) * x[1] ** 2,
         lambda m, x: np.array([m.cos(x[0] / 1e6) * x[1] ** 2 / 1e6,
                                2 * x[1] * m.sin(x[0] / 1e6)]), [0.0, 3.0]),
        (lambda m, x: -6.674e-11 * x[1] * x[2] / x[0] + x[2] * x[3] ** 2 / 2,
         lambda m, x: np.array([6.674e-11 * x[1] * x[2] / x[0] ** 2,
                                -6.674e-11 * x[2] / x[0],
                                x[3] ** 2 / 2 - 6.674e-11 * x[1] / x[0],
                                x[2] * x[3]]), [6.4e6, 6e24, 1e3, 7.8e3]),
    ]  # fmt: skip
    for f, gradient, x in cases:
        assert check(f, gradient, x, form=form).verdict == "agrees"
        off = check(f, gradient, x, lambda x, g=gradient: 1.01 * g(FLOATS, x), form)
        assert off.verdict == "wrong"
        none = check(f, gradient, x, lambda x: 0 * x, form)
        assert none.verdict == "wrong"


def test_one_cancelled_slope_excuses_no_other():
    def gradient(x):
        return np.array([x[1] / 1e6 + 3e-18 * x[0] ** 2, 1.01 * x[0] / 1e6])

    report = check_gradient(
        lambda x: x[0] * x[1] / 1e6 + x[0] ** 3 * 1e-18,
        gradient,
        np.array([2e6, -12.0]),
    )
    assert report.verdict == "wrong"
