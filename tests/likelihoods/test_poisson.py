"""The sampler of counts: at the steps of the distribution, and where counts are large."""

import numpy as np
from scipy import stats

import minibnn as mb

NONE = np.zeros((3, 0))


def test_a_number_on_a_step_is_reached_there():
    F = 2 * np.random.default_rng(0).normal(size=(3, 5, 1))
    count = np.floor(np.exp(F))
    at_steps = stats.poisson(np.exp(F)).cdf(count)
    np.testing.assert_array_equal(mb.Poisson().sample(F, NONE, at_steps), count)


def test_large_counts_are_those_of_scipy_too():
    """Exact up to a rate of 1e5; above within one count, and right on average."""
    like, u = mb.Poisson(), np.linspace(0.001, 0.999, 400)[None, :, None]
    for rate in (150.0, 3e3, 9e4, 2e5, 1e7):
        F = np.full_like(u, np.log(rate))
        gap = like.sample(F, NONE, u) - stats.poisson(np.exp(F)).ppf(u)
        if rate < 1e5:
            np.testing.assert_array_equal(gap, 0)
        assert np.abs(gap).max() <= 1
        assert abs(gap.mean()) < 0.2
