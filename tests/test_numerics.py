"""The last digits: kernels against exact arithmetic, and at the ends of their range.

The bars are errors in ulp that stable formulas were measured to reach; a kernel may
take twice that at most and 4 ulp at the median. Each row names its grid.
"""

from typing import Any, NamedTuple

import numpy as np
import pytest
from support.exact_values import STORED
from support.ulp import ulp_errors

from minibnn.families.scales import inverse_softplus, softplus_scale
from minibnn.likelihoods.bernoulli import bernoulli_nll
from minibnn.likelihoods.categorical import categorical_nll
from minibnn.likelihoods.gaussian import gaussian_nll
from minibnn.likelihoods.student_t import _student_t_constant, student_t_nll
from minibnn.numerics import log1p, sigmoid, softplus
from minibnn.priors.gaussian_kl import gaussian_kl
from minibnn.priors.laplace import laplace_kl
from minibnn.priors.scale_mixture import scale_mixture_log_density

TARGET = np.zeros((1, 1))  # y of one observation


class Row(NamedTuple):
    """A quantity, its grid (columns of floats), its exact value and its bar in ulp."""

    kernel: Any
    grid: Any  # rng -> tuple of arrays
    exact: Any  # (mpmath, *numbers) -> number, or (number, sum of absolute terms)
    bar: float
    digits: int = 60


def uniform(low, high, n=300):
    return lambda rng: (rng.uniform(low, high, n),)


def log_uniform(low, high, n=300, signs=(1,)):
    return lambda rng: (rng.choice(signs, n) * 10 ** rng.uniform(low, high, n),)


def both(*grids):
    """Grids one after another, column by column."""
    return lambda rng: tuple(
        map(np.concatenate, zip(*(g(rng) for g in grids), strict=True))
    )


def side_by_side(*grids):
    return lambda rng: sum((g(rng) for g in grids), ())


def log_sigma(rho):
    return softplus_scale(rho)[0][1]


def log_slope(rho):
    return softplus_scale(rho)[1](None, np.ones_like(rho))


def each(kernel, *args):
    """An nll kernel on single observations: columns -> (nll, gradients), flat."""
    outputs = kernel(*(a[:, None, None] for a in args))
    return [out.reshape(len(args[0])) for out in outputs]


def one_class(*logits):
    """Categorical nll and its slope along the true logit, which is the last one."""
    F = np.stack(logits, -1)[:, None, :]
    value, g_F = categorical_nll(F, np.array([F.shape[-1] - 1]))
    return value, g_F[:, 0, -1]


def kl(s, s0):
    return gaussian_kl(np.zeros_like(s), s, np.log(s), 0.0, s0)


def kl_from_rho(rho, s0):
    (s, log_s), pull = softplus_scale(rho)
    return pull(None, gaussian_kl(np.zeros_like(s), s, log_s, 0.0, s0)[2])


def mp_softplus(mp, x):
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def mp_sigmoid(mp, x):
    return mp.exp(x) / (1 + mp.exp(x)) if x < 0 else 1 / (1 + mp.exp(-x))


def mp_kl(mp, s, s0):
    r = (s / s0) ** 2
    return (r - 1 - mp.log(r)) / 2


def mp_categorical(mp, *z):
    return mp.log1p(mp.fsum(mp.exp(a - z[-1]) for a in z[:-1]))


def mp_categorical_slope(mp, *z):
    top = mp.fsum(mp.exp(a - z[-1]) for a in z[:-1])
    return -top / (1 + top)


def mp_student_constant(mp, df):
    half = df / 2
    gap = mp.loggamma(half) - mp.loggamma(half + mp.mpf(1) / 2)
    return gap + mp.log(df * mp.pi) / 2


def mp_student(mp, r):
    return 2 * mp.log1p(r * r / 3) + mp_student_constant(mp, mp.mpf(3))


def mp_gaussian(mp, r, t):
    return t + (r * mp.exp(-t)) ** 2 / 2 + mp.log(2 * mp.pi) / 2


def mp_mixture(mp, w):
    """0.25 N(0, 1.5^2) + 0.75 N(0, 0.1^2), and the sum of absolute terms."""
    parts = [(0.25, 1.5), (0.75, 0.1)]
    wide, slim = (mp.log(p) - mp.log(s) - (w / s) ** 2 / 2 for p, s in parts)
    half = mp.log(2 * mp.pi) / 2
    value = wide + mp_softplus(mp, slim - wide) - half
    return value, abs(wide) + half


AROUND = both(uniform(-745, 745), uniform(-10, 10), log_uniform(-300, 0, 200, (-1, 1)))
LEFT = both(uniform(-5000, 745), uniform(-60, 60), uniform(-2, 3))
NEAR = side_by_side(log_uniform(-16, -0.31, signs=(-1, 1)), log_uniform(-3, 3))
APART = side_by_side(log_uniform(-75, 75), log_uniform(-75, 75))
LOGITS = both(*(side_by_side(*3 * [uniform(-a, a)]) for a in (1, 10, 100, 300)))


def near(rng):
    """s within a factor 1.5 of s0, down to neighbouring floats."""
    step, s0 = NEAR(rng)
    return s0 * (1 + step), s0


def middle(rng):
    """s and s0 within a factor of 4.5."""
    return np.exp(rng.uniform(-1.5, 1.5, 600)), np.exp(rng.uniform(-0.1, 0.1, 600))


STANDARD_DEVIATIONS = both(near, middle, APART)

ROWS = {
    "softplus": Row(softplus, AROUND, mp_softplus, 0.96),
    "inverse softplus": Row(
        inverse_softplus,
        both(log_uniform(-300, np.log10(600)), uniform(0.01, 3)),
        lambda mp, y: mp.log(mp.expm1(y)),
        0.72,
        digits=650,
    ),
    "sigmoid": Row(sigmoid, AROUND, mp_sigmoid, 1.4),
    "sigmoid from sigma": Row(
        lambda x: softplus_scale(x)[1](np.ones_like(x), None),
        AROUND,
        mp_sigmoid,
        1.4,
    ),
    "log sigma": Row(log_sigma, LEFT, lambda mp, x: mp.log(mp_softplus(mp, x)), 1.9),
    "slope of log sigma": Row(
        log_slope,
        LEFT,
        lambda mp, x: mp_sigmoid(mp, x) / mp_softplus(mp, x),
        2.7,
    ),
    "KL": Row(lambda *a: kl(*a)[0], STANDARD_DEVIATIONS, mp_kl, 3.8),
    "dKL/dlog sigma": Row(
        lambda *a: kl(*a)[2],
        STANDARD_DEVIATIONS,
        lambda mp, s, s0: (s / s0) ** 2 - 1,
        1.6,
    ),
    "dKL/drho": Row(
        kl_from_rho,
        side_by_side(uniform(-5000, 700), log_uniform(-2, 2)),
        lambda mp, rho, s0: (
            ((mp_softplus(mp, rho) / s0) ** 2 - 1)
            * (mp_sigmoid(mp, rho) / mp_softplus(mp, rho))
        ),
        26,
    ),
    "Bernoulli": Row(
        lambda f: each(lambda F: bernoulli_nll(F, TARGET), f)[0],
        AROUND,
        mp_softplus,
        0.9,
    ),
    "categorical": Row(lambda *z: one_class(*z)[0], LOGITS, mp_categorical, 1.1),
    "dcategorical/dz_y": Row(
        lambda *z: one_class(*z)[1], LOGITS, mp_categorical_slope, 1.9
    ),
    "Gaussian": Row(
        lambda r, t: each(lambda F, T: gaussian_nll(F, TARGET, T), r, t)[0],
        side_by_side(log_uniform(-10, 153), uniform(0, 350)),
        mp_gaussian,
        1.3,
        digits=200,
    ),
    "Student t": Row(
        lambda r: each(lambda F: student_t_nll(F, TARGET, 0.0, 3.0), r)[0],
        log_uniform(-10, 300),
        mp_student,
        1.3,
    ),
    "Student t constant": Row(
        lambda df: np.array([_student_t_constant(float(a)) for a in df]),
        log_uniform(-1, 15),
        mp_student_constant,
        1.5,
    ),
    "scale mixture": Row(
        lambda w: scale_mixture_log_density(w, 0.25, 1.5, 0.1)[0],
        both(uniform(-5, 5), log_uniform(-8, 6)),
        mp_mixture,
        34,
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_error_in_ulp_against_exact_arithmetic(name):
    mpmath = pytest.importorskip("mpmath")
    row = ROWS[name]
    grid = row.grid(np.random.default_rng(20))
    computed = row.kernel(*grid)
    with mpmath.workdps(row.digits):
        columns = (map(mpmath.mpf, column.tolist()) for column in grid)
        points = zip(*columns, strict=True)
        exact = [row.exact(mpmath, *point) for point in points]
        cancels = isinstance(exact[0], tuple)
        exact = zip(*exact, strict=True) if cancels else [exact]
        errors = ulp_errors(computed, *exact)
    print(f"{name}: max {errors.max():.2f}, median {np.median(errors):.2f} ulp")
    assert errors.max() <= 2 * row.bar
    assert np.median(errors) <= 4


@pytest.mark.parametrize("name", STORED)
def test_error_in_ulp_against_stored_values(name):
    """The same bars where mpmath is not installed, at a few telling points."""
    points, exact = zip(*STORED[name], strict=True)
    columns = [np.array(column) for column in zip(*points, strict=True)]
    errors = ulp_errors(ROWS[name].kernel(*columns), exact)
    assert errors.max() <= 2 * ROWS[name].bar


def test_every_row_has_stored_values():
    assert set(STORED) == set(ROWS)


def test_kl_is_never_negative_and_zero_only_at_equality():
    rng = np.random.default_rng(3)
    s0 = 10 ** rng.uniform(-3, 3, 20000)
    s = s0 * (1 + rng.integers(-40, 41, s0.size) * 2.0**-53)
    value, _, slope = kl(s, s0)
    assert np.all(value >= 0)
    assert np.array_equal(value == 0, s == s0)
    assert np.array_equal(np.sign(slope), np.sign(s - s0))


def test_kl_stays_exact_where_sigma_underflows():
    (s, log_s), pull = softplus_scale(np.array([-5000.0]))
    value, _, g_log_s = gaussian_kl(np.zeros(1), s, log_s, 0.0, np.e)
    assert s[0] == 0
    assert value[0] == pytest.approx(5000 + 1 - 0.5, rel=1e-15)
    assert pull(None, g_log_s)[0] == -1
    value, _, g_log_s = laplace_kl(np.zeros(1), s, log_s, 2.0)
    assert value[0] == pytest.approx(5000 + np.log(4) - np.log(2 * np.pi * np.e) / 2)
    assert g_log_s[0] == -1


def floats_around(centre, dtype, n=20):
    """A number, the floats next to it on either side, and some at every distance."""
    down = up = dtype(centre)
    found = [down]
    for _ in range(n):
        down, up = np.nextafter(down, dtype(-np.inf)), np.nextafter(up, dtype(np.inf))
        found += [down, up]
    steps = [sign * 10.0**-k for k in range(1, 16) for sign in (-1, 1)]
    far = [dtype(centre * (1 + step)) for step in steps]
    return np.array([*found, *far], dtype)


SEAMS = {  # zeros, where nothing may be lost, and places where the formula changes
    "inverse softplus": (inverse_softplus, [np.log(2), 0.4, 1.0], 0.72),
    "log sigma": (log_sigma, [np.log(np.e - 1), -37.0, -0.16, 1.24], 1.9),
    "softplus": (softplus, [0.0, -37.0], 0.96),
    "sigmoid": (sigmoid, [0.0, 37.0], 1.4),
    "slope of log sigma": (log_slope, [0.0, -39.0, 1.0], 2.7),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", SEAMS)
def test_no_digit_is_lost_next_to_zeros_and_seams(name, dtype):
    mp = pytest.importorskip("mpmath")
    function, centres, bar = SEAMS[name]
    exact = ROWS[name].exact
    with mp.workdps(80):
        for centre in centres:
            x = floats_around(centre, dtype)
            want = [exact(mp, mp.mpf(float(value))) for value in x]
            assert ulp_errors(function(x), want).max() <= max(2 * bar, 4.0) + 0.5


def test_log1p_of_complex_numbers():
    z = np.array([1e-18 + 1e-19j, 0.3 - 0.8j, -0.7 + 2j, 1e5 + 1e5j])
    np.testing.assert_allclose(np.expm1(log1p(z)), z, rtol=1e-14)


def test_single_number_gives_single_number():
    assert [np.ndim(f(0.7)) for f in (softplus, sigmoid)] == [0, 0]
