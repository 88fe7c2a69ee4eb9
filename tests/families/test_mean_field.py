"""Mean field and the point are what they say."""

import numpy as np
import pytest
from scipy import stats

import minibnn as mb
from minibnn.families.normal import Normal as Q

MEAN, SCALE = np.array([0.3, -1.0, 2.0]), np.array([0.5, 1.7, 3.0])


@pytest.mark.parametrize("scale", ["softplus", "exp", "identity"])
def test_mean_field_is_the_gaussian_it_says(scale):
    """init, natural and sample agree with the definition of q."""
    model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), mb.GaussianPrior())
    family = mb.MeanField(scale, sigma=0.2)
    params = family.init(model, rng=0)
    q, _ = family.natural(params)
    np.testing.assert_allclose(q.sigma, 0.2, rtol=1e-14)
    np.testing.assert_allclose(np.exp(q.log_sigma), q.sigma, rtol=1e-14)
    np.testing.assert_array_equal(q.mean, params["mu"])
    eps = np.random.default_rng(1).normal(size=(5, 13))
    np.testing.assert_allclose(family.sample(q, eps)[0], q.mean + 0.2 * eps, rtol=1e-14)
    value, _ = family.neg_entropy(q)
    assert value == pytest.approx(-stats.norm(0, 0.2).entropy() * 13, rel=1e-13)
    mean, var, _ = family.moments(q)
    np.testing.assert_array_equal(mean, q.mean)
    np.testing.assert_allclose(var, 0.04, rtol=1e-13)


def test_penalty_of_a_point_is_minus_the_prior_density():
    w = np.array([0.1, -4.0, 2.0])
    value, cotangent = mb.Point().kl(Q(w), mb.GaussianPrior(MEAN, SCALE))
    assert value == pytest.approx(-stats.norm.logpdf(w, MEAN, SCALE).sum(), rel=1e-13)
    np.testing.assert_allclose(cotangent.mean, (w - MEAN) / SCALE**2)
