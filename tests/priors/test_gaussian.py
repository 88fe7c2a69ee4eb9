"""The Gaussian prior against scipy and quadrature."""

import numpy as np
import pytest
from scipy import integrate, stats

import minibnn as mb

MEAN, SCALE = np.array([0.3, -1.0, 2.0]), np.array([0.5, 1.7, 3.0])


def test_gaussian_prior_density_against_scipy():
    w = np.array([[0.1, -4.0, 2.0], [1.0, 0.0, 30.0]])
    value, gradient = mb.GaussianPrior(MEAN, SCALE).log_prob(w)
    np.testing.assert_allclose(
        value, stats.norm.logpdf(w, MEAN, SCALE).sum(-1), rtol=1e-13
    )
    np.testing.assert_allclose(gradient, -(w - MEAN) / SCALE**2, rtol=1e-13)
    shared = mb.GaussianPrior(0.4, 2.0).log_prob(w)[0]
    np.testing.assert_allclose(
        shared, stats.norm.logpdf(w, 0.4, 2.0).sum(-1), rtol=1e-13
    )


@pytest.mark.parametrize("m", [-2.0, 0.3, 5.0])
@pytest.mark.parametrize("s", [0.05, 0.5, 4.0])
def test_gaussian_prior_kl_by_quadrature(m, s):
    """KL(q || p) = the integral of q log(q/p): direction, sign, arguments."""
    q, p = stats.norm(m, s), stats.norm(0.3, 0.5)

    def integrand(w):
        return q.pdf(w) * (q.logpdf(w) - p.logpdf(w))

    want, _ = integrate.quad(integrand, m - 12 * s, m + 12 * s, epsabs=1e-13)
    value, _, _ = mb.GaussianPrior(0.3, 0.5).kl(*map(np.array, (m, s, np.log(s))))
    assert value == pytest.approx(want, rel=1e-10, abs=1e-12)


def test_kl_is_zero_at_the_prior_and_there_only():
    prior = mb.GaussianPrior(MEAN, SCALE)
    value, g_m, g_log_s = prior.kl(MEAN, SCALE, np.log(SCALE))
    for array in (value, g_m, g_log_s):
        np.testing.assert_array_equal(array, 0)
    off, _, _ = prior.kl(MEAN, SCALE * (1 + 1e-7), np.log(SCALE * (1 + 1e-7)))
    assert np.all(off > 0)
