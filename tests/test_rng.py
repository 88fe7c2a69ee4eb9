"""The noise: standard normals whatever way they are made, dealt in one fixed order."""

import numpy as np
import pytest
from scipy import stats

from minibnn.rng import BLOCK, Normals

DTYPES = [np.float32, np.float64]


def row(dtype, size, seed=3):
    out = np.empty(size, dtype)
    Normals(np.random.default_rng(seed), dtype).fill(out)
    return out


@pytest.mark.parametrize("dtype", DTYPES)
def test_how_they_are_taken_changes_nothing(dtype):
    """Pieces of any size, with a save and a restore between them, are the same row."""
    rng, normals = np.random.default_rng(0), Normals(np.random.default_rng(3), dtype)
    whole, parts, left = row(dtype, 5 * BLOCK + 17), [], 5 * BLOCK + 17
    while left:
        part = np.empty(min(int(rng.integers(1, 2 * BLOCK)), left), dtype)
        normals.fill(part)
        parts.append(part)
        left -= part.size
        state = normals.state()
        normals = Normals(np.random.default_rng(99), dtype)
        normals.restore(state)
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "first", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1]
)
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_save_at_the_edge_of_a_block(first, pieces, dtype):
    """A block may be used up in one piece, made in its place, or in two."""
    normals = Normals(np.random.default_rng(3), dtype)
    for size in (first // 2, first - first // 2) if pieces == 2 else (first,):
        normals.fill(np.empty(size, dtype))
    other = Normals(np.random.default_rng(99), dtype)
    other.restore(normals.state())
    after = np.empty(BLOCK + 5, dtype), np.empty(BLOCK + 5, dtype)
    for one, out in zip((normals, other), after, strict=True):
        one.fill(out)
        np.testing.assert_array_equal(out, row(dtype, first + BLOCK + 5)[first:])


@pytest.mark.parametrize("dtype", DTYPES)
def test_strided_targets(dtype):
    target = np.zeros((3, 4, 5), dtype)
    normals = Normals(np.random.default_rng(3), dtype)
    normals.fill(target[:, ::2])
    np.testing.assert_array_equal(target[:, ::2].ravel(), row(dtype, 30))
    long = np.zeros((2, BLOCK + 1), dtype)[:, 1:]
    Normals(np.random.default_rng(3), dtype).fill(long)
    np.testing.assert_array_equal(long.ravel(), row(dtype, 2 * BLOCK))


def test_float64_is_numpys_own_stream():
    own = np.random.default_rng(3).standard_normal(BLOCK)
    np.testing.assert_array_equal(row(np.float64, BLOCK), own)


def test_float32_is_standard_normal():
    """Moments, tails, distribution and independence; each test fails once in 1e8."""
    x = row(np.float32, 100 * BLOCK, seed=7).astype(float)
    n, limit = x.size, stats.norm.isf(0.5e-8)
    for value, sd in (
        (x.mean(), 1.0),
        (x.var() - 1.0, np.sqrt(2.0)),
        ((x**3).mean(), np.sqrt(15.0)),
        ((x**4).mean() - 3.0, np.sqrt(96.0)),
        ((x[1:] * x[:-1]).mean(), 1.0),  # neighbours
    ):
        assert abs(value) < limit * sd / np.sqrt(n)
    blocks = x.reshape(100, 2, BLOCK // 2)  # the two normals of a Box-Muller pair
    for power in (1, 2):
        pair = ((blocks[:, 0] ** power) * (blocks[:, 1] ** power)).ravel()
        assert abs(pair.mean() - (power == 2)) < limit * pair.std() / np.sqrt(pair.size)
    for tail in (3.0, 4.0, 5.0):
        p = 2 * stats.norm.sf(tail)
        assert stats.binomtest(int((np.abs(x) > tail).sum()), n, p).pvalue > 1e-8
    assert stats.kstest(x[:: n // 100_000], "norm").pvalue > 1e-8
    assert np.isfinite(x).all()
    assert len(np.unique(x[:BLOCK])) > 0.99 * BLOCK


def test_the_tails_end_where_the_words_do():
    """sqrt(2 log 2^33) = 6.76: the longest radius a 32-bit word can give."""
    assert np.abs(row(np.float32, 20 * BLOCK)).max() < 6.8
