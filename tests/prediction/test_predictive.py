"""E81 to E86 against 60-digit arithmetic, identities, and the extremes."""

import numpy as np
import pytest
from support.ulp import ulp_errors

from minibnn.prediction import predictive as kernel

EPS = np.finfo(float).eps


def on_grid(values):
    """Round to a binary grid, so that differences of inputs carry no rounding error."""
    return np.round(values * 2.0**30) / 2.0**30


@pytest.fixture
def mp():
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        yield mpmath


def softmax(mp, row):
    e = [mp.exp(mp.mpf(float(z))) for z in row]
    return [x / mp.fsum(e) for x in e]


def entropy(mp, p):
    return -mp.fsum(x * mp.log(x) for x in p)


# --- the textbook formulas, where they are good enough -------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def naive_entropy(p):
    return -np.sum(p * np.log(p), axis=-1)


def naive_softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def naive_information(z):
    p = naive_softmax(z)
    return naive_entropy(p.mean(axis=0)) - naive_entropy(p).mean(axis=0)


TEXTBOOK = {  # label: kernel, textbook formula, shape of the arguments
    "E81": (kernel.predictive_mean, lambda f: sum(f) / len(f), (7, 5)),
    "E82": (
        lambda f: sum(kernel.predictive_variance(f, np.exp(f))),
        lambda f: np.mean(np.exp(f) + f**2, axis=0) - np.mean(f, axis=0) ** 2,
        (7, 5),
    ),
    "E83": (kernel.log_mean_exp, lambda z: np.log(np.mean(np.exp(z), axis=0)), (7, 5)),
    "E84": (
        kernel.bernoulli_entropy,
        lambda z: naive_entropy(np.stack([sigmoid(z), sigmoid(-z)], axis=-1)),
        (7, 5),
    ),
    "E85": (
        kernel.categorical_entropy,
        lambda z: naive_entropy(naive_softmax(z)),
        (7, 5, 3),
    ),
    "E86": (kernel.mutual_information, naive_information, (7, 5, 3)),
}


@pytest.mark.parametrize("label", TEXTBOOK)
def test_kernel(label):
    stable, textbook, shape = TEXTBOOK[label]
    for seed in range(10):
        z = 1.5 * np.random.default_rng(seed).normal(size=shape)
        np.testing.assert_allclose(stable(z), textbook(z), rtol=1e-12, atol=1e-14)


# --- last digits ---------------------------------------------------------------------


def test_e81_last_digits(mp):
    f = np.random.default_rng(3).lognormal(size=(1000, 50))
    true = [mp.fsum(mp.mpf(float(x)) for x in column) / 1000 for column in f.T]
    errors = ulp_errors(kernel.predictive_mean(f), true)
    assert errors.max() <= 4
    assert np.median(errors) <= 1


def exact_variance(mp, column):
    values = [mp.mpf(float(x)) for x in column]
    mean = mp.fsum(values) / len(values)
    return mp.fsum((x - mean) ** 2 for x in values) / len(values)


@pytest.mark.parametrize(
    ("offset", "bound"), [(0, 4), (1, 4), (1e6, 2), (1e10, 1.4), (1e12, 1.4)]
)
def test_e82_last_digits(mp, offset, bound):
    f = offset + np.random.default_rng(0).normal(size=(64, 100))
    errors = ulp_errors(
        kernel.predictive_variance(f, f)[1], [exact_variance(mp, c) for c in f.T]
    )
    assert errors.max() <= bound
    assert np.median(errors) <= 1


@pytest.mark.parametrize("samples", [1, 4, 100, 1000])
@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1, 30, 1000])
@pytest.mark.parametrize("side", [-1, 1])
def test_e83_last_digits(mp, samples, scale, side):
    """All z of one sign, from 1e-12 to 1e3; a sum that crosses zero cannot be exact."""
    z = side * scale * np.random.default_rng(1).exponential(size=(samples, 30))
    true = [
        mp.log(mp.fsum(mp.exp(mp.mpf(float(x))) for x in column) / samples)
        for column in z.T
    ]
    errors = ulp_errors(kernel.log_mean_exp(z), true)
    assert errors.max() <= (1.4 if scale >= 30 else 4)
    assert np.median(errors) <= 1


def test_e83_crossing_zero(mp):
    """Of mixed sign: accurate to the last digit of the largest term of the sum."""
    z = 0.1 * np.random.default_rng(2).normal(size=(64, 50))
    got = kernel.log_mean_exp(z)
    true = [
        float(mp.log(mp.fsum(mp.exp(mp.mpf(float(x))) for x in column) / 64))
        for column in z.T
    ]
    assert np.all(np.abs(got - true) <= EPS * np.mean(np.abs(z), axis=0))


def test_e84_last_digits(mp):
    rng = np.random.default_rng(3)
    logits = 10 ** rng.uniform(-12, 2.87, 300)  # up to 741
    logits = np.concatenate([logits, rng.uniform(0, 60, 300)])
    with mp.workdps(400):
        true = []
        for a in logits:
            p = 1 / (1 + mp.exp(-mp.mpf(float(a))))
            true.append(entropy(mp, [p, 1 - p]))
    for sign in (-1, 1):
        errors = ulp_errors(kernel.bernoulli_entropy(sign * logits), true)
        assert errors.max() <= 2 * 1.7
        assert np.median(errors) <= 2 * 0.4


@pytest.mark.parametrize("scale", [1e-3, 1, 10, 100])
@pytest.mark.parametrize("classes", [2, 5])
def test_e85_last_digits(mp, scale, classes):
    z = on_grid(scale * np.random.default_rng(4).normal(size=(100, classes)))
    with mp.workdps(400):
        errors = ulp_errors(
            kernel.categorical_entropy(z), [entropy(mp, softmax(mp, r)) for r in z]
        )
    assert errors.max() <= 2 * 1.7
    assert np.median(errors) <= 1


def exact_information(mp, samples):
    p = [softmax(mp, row) for row in samples]
    mean = [mp.fsum(column) / len(p) for column in zip(*p, strict=True)]
    return mp.fsum(
        x * mp.log(x / m) for row in p for x, m in zip(row, mean, strict=True)
    ) / len(p)


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 1e-2, 0.1, 0.3, 1, 5, 30])
@pytest.mark.parametrize(("classes", "gap"), [(2, 0), (2, 20), (5, 3)])
def test_e86_last_digits(mp, scale, classes, gap):
    rng = np.random.default_rng(5)
    z = scale * rng.normal(size=(16, 20, classes))
    z = on_grid(z + gap * np.arange(classes))
    z = z + rng.integers(-50, 50, size=(16, 20, 1))  # softmax does not see a shift
    with mp.workdps(200):
        true = [exact_information(mp, z[:, i]) for i in range(20)]
    errors = ulp_errors(kernel.mutual_information(z), true)
    assert errors.max() <= 2 * 12
    assert np.median(errors) <= 4
    if classes == 2:
        z[..., 1] = 0
        with mp.workdps(200):
            true = [exact_information(mp, z[:, i]) for i in range(20)]
        errors = ulp_errors(kernel.bernoulli_mutual_information(z[..., 0]), true)
        assert errors.max() <= 2 * 12


# --- identities and hand-computed cases, without mpmath ------------------------------


def test_e81_e82_by_hand():
    means = np.array([[1.0, 5.0], [3.0, 5.0]])
    aleatoric, epistemic = kernel.predictive_variance(means, [[0.5, 2.0], [1.5, 2.0]])
    assert kernel.predictive_mean(means).tolist() == [2.0, 5.0]
    assert aleatoric.tolist() == [1.0, 2.0]
    assert epistemic.tolist() == [1.0, 0.0]


def test_e82_is_the_variance_of_the_mixture():
    """Against draws from the mixture of Gaussians, within seven standard errors."""
    rng = np.random.default_rng(6)
    means, sds = rng.normal(size=(7, 1)), rng.uniform(0.5, 1.5, size=(7, 1))
    y = rng.normal(means, sds, size=(7, 40_000))
    total = sum(kernel.predictive_variance(means, sds**2))[0]
    assert abs(y.var() - total) < 7 * total * np.sqrt(2 / y.size)


def test_e82_equal_samples_have_exactly_no_epistemic_part():
    f = np.full((1000, 3), [0.1, 1e10 / 3, -7.7])
    assert kernel.predictive_variance(f, f)[1].tolist() == [0, 0, 0]


def test_e83_by_hand_and_any_axis():
    z = np.log([[1.0, 2.0, 3.0], [3.0, 4.0, 0.5]])
    np.testing.assert_allclose(kernel.log_mean_exp(z), np.log([2, 3, 1.75]), rtol=1e-15)
    for axis in (1, -1):
        got = kernel.log_mean_exp(z, axis=axis)
        np.testing.assert_allclose(got, np.log([2, 2.5]), rtol=1e-15)
    minus = np.array([[-np.inf, -np.inf], [0.0, -np.inf]])
    assert kernel.log_mean_exp(minus)[1] == -np.inf
    np.testing.assert_allclose(kernel.log_mean_exp(minus)[0], -np.log(2), rtol=1e-15)


def test_e84_is_e85_with_two_classes():
    logits = np.linspace(-40, 40, 81)
    pair = np.stack([logits, np.zeros_like(logits)], axis=-1)
    got = kernel.bernoulli_entropy(logits)
    np.testing.assert_allclose(got, kernel.categorical_entropy(pair), rtol=1e-15)
    np.testing.assert_allclose(got[40], np.log(2), rtol=1e-15)


def test_e85_by_hand():
    p = np.array([[0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3]])
    expected = [1.5 * np.log(2), np.log(3)]
    for shift in (0, -700, 300):
        got = kernel.categorical_entropy(np.log(p) + shift)
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    impossible = np.array([0.0, -np.inf, 0.0])
    np.testing.assert_allclose(
        kernel.categorical_entropy(impossible), np.log(2), rtol=1e-15
    )


def test_e86_is_total_minus_mean_entropy():
    """H(mean p) = I + mean H: the split into epistemic and aleatoric uncertainty."""
    z = np.random.default_rng(7).normal(size=(50, 9, 4)) * 2
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    total = -np.sum(p.mean(0) * np.log(p.mean(0)), axis=-1)
    split = kernel.mutual_information(z) + kernel.categorical_entropy(z).mean(0)
    np.testing.assert_allclose(split, total, rtol=1e-13)


def test_classes_are_the_last_axis_and_samples_the_first():
    z = np.random.default_rng(8).normal(size=(6, 3, 4, 2))
    for function in (kernel.mutual_information, kernel.categorical_entropy):
        got = function(z)
        flat = function(z.reshape(6, 12, 2))
        np.testing.assert_allclose(got, flat.reshape(got.shape), rtol=1e-14)
    binary = kernel.bernoulli_mutual_information(z[..., 0])
    z[..., 1] = 0
    np.testing.assert_array_equal(binary, kernel.mutual_information(z))


def test_e86_two_certain_opposite_samples_disagree_by_log_2():
    got = kernel.bernoulli_mutual_information(np.array([[1e4, 5.0], [-1e4, 5.0]]))
    np.testing.assert_allclose(got, [np.log(2), 0], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_extremes_are_finite_never_negative_and_keep_the_dtype(dtype):
    values = [0, 1e-30, 1e-3, 1, 30, 88, 89, 104, 710, 745, 1e4]
    values = np.array(values + [-x for x in values], dtype)
    logits = np.array(np.meshgrid(values, values)).reshape(2, -1)  # two samples
    triple = np.stack([logits, -logits, 0 * logits], axis=-1)
    results = [
        kernel.bernoulli_entropy(logits),
        kernel.categorical_entropy(triple),
        kernel.bernoulli_mutual_information(logits),
        kernel.mutual_information(triple),
        kernel.predictive_variance(logits, np.abs(logits))[0],
        kernel.predictive_variance(logits, np.abs(logits))[1],
    ]
    for result in results:
        assert result.dtype == dtype
        assert np.all(np.isfinite(result))
        assert np.all(result >= 0)
    lme = kernel.log_mean_exp(logits)
    assert lme.dtype == dtype
    top = logits.max(0)
    slack = 2 * np.spacing(np.abs(top))
    assert np.all((lme <= top + slack) & (lme >= top - dtype(np.log(2)) - slack))
    assert np.all(kernel.mutual_information(triple) <= dtype(np.log(3)) * (1 + 1e-6))
