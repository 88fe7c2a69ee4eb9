"""Every labelled gradient against two judges that see values only.

The complex step decides: |error| <= 1e-11 of the terms + 64 times the gradient's own
rounding noise. Extrapolated central differences are the second opinion.
"""

import numpy as np
import pytest
from support.core_oracles import complex_step, jitter_spread, romberg, worst_excess

from minibnn.audit.problems import CASES

SEEDS = (1, 2, 3)


def problem(label, seed):
    return CASES[label](np.random.default_rng(seed))


def size(gradient):
    return {key: np.abs(g) for key, g in gradient.items()}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("label", sorted(CASES))
def test_kernel(label, seed):
    f, grad, x = problem(label, seed)
    want = complex_step(f, x)
    assert worst_excess(grad(x), want, size(want), jitter_spread(grad, x)) <= 0


@pytest.mark.parametrize("label", sorted(CASES))
def test_kernel_by_differences(label):
    f, grad, x = problem(label, SEEDS[0])
    (want, error), got = romberg(f, x), grad(x)
    for key in x:
        assert np.all(np.abs(got[key] - want[key]) <= 4 * error[key])
        # the judge must be sharp enough to see a wrong factor
        assert np.all(
            error[key] <= 1e-6 * (np.abs(want[key]) + np.abs(want[key]).max())
        )


@pytest.mark.parametrize("label", sorted(CASES))
def test_case_is_worth_checking(label):
    """The point is generic: few derivatives are 0, and equal seeds repeat it."""
    f, grad, x = problem(label, SEEDS[0])
    again = problem(label, SEEDS[0])
    assert float(f(x)) == float(again.f(again.x))
    for g in grad(x).values():
        assert np.mean(g != 0) >= 0.3
        assert np.isfinite(g).all()


@pytest.mark.parametrize("label", sorted(CASES))
def test_a_planted_error_is_seen(label):
    """One coordinate wrong by a billionth of itself does not pass."""
    f, grad, x = problem(label, SEEDS[0])
    want, wrong = complex_step(f, x), {k: np.array(g) for k, g in grad(x).items()}
    key = sorted(x)[0]
    at = np.unravel_index(np.argmax(np.abs(wrong[key])), wrong[key].shape)
    wrong[key][at] *= 1 + 1e-9
    assert worst_excess(wrong, want, size(want), jitter_spread(grad, x)) > 0


@pytest.mark.parametrize("label", sorted(CASES))
def test_the_gradient_does_not_touch_its_input(label):
    f, grad, x = problem(label, SEEDS[0])
    before = {key: array.copy() for key, array in x.items()}
    first = {key: np.array(g) for key, g in grad(x).items()}
    f(x)
    for key, g in grad(x).items():
        np.testing.assert_array_equal(g, first[key])
        np.testing.assert_array_equal(x[key], before[key])
