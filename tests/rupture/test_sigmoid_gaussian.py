"""A likelihood written outside the room: the laws that apply to it, and where it differs.

Its density is none of labels, so it has no mass one over them, and mean, variance and
draws are those of the label it predicts.
"""

import numpy as np
import pytest
from likelihoods import test_laws as laws

import minibnn as mb
from minibnn.diagnosis.chain import Chain
from minibnn.likelihoods import ALL
from minibnn.recipe import from_recipe
from minibnn.rupture import SigmoidGaussian

(LIKE, WIDTH), *_ = SigmoidGaussian.examples()
APPLY = (
    laws.test_rows_and_targets_are_independent,
    laws.test_the_gradient_is_that_of_the_value,
    laws.test_canonical_is_a_gradient_of_mean_less_target,
    laws.test_float32_stays_float32,
    laws.test_runs_are_their_own_and_memory_is_laid_out_as_the_outputs,
    laws.test_a_training_step_can_be_recorded,
    laws.test_targets_that_cannot_be_are_refused,
    laws.test_weights_of_its_own_have_a_start_and_a_prior,
)


@pytest.mark.parametrize("law", APPLY, ids=lambda law: law.__name__)
def test_law(law):
    law(LIKE, WIDTH)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_ends_of_the_range(dtype):
    laws.test_the_ends_of_the_range(LIKE, WIDTH, dtype)


@pytest.mark.parametrize("family", [mb.MeanField(), mb.FullCovariance()], ids=repr)
def test_from_fit_to_prediction(family):
    laws.test_from_fit_to_prediction(LIKE, WIDTH, family)


def test_it_is_none_of_the_room():
    assert SigmoidGaussian not in ALL
    assert not hasattr(mb, "SigmoidGaussian")


def test_its_mass_over_labels_is_not_one():
    assert np.all(laws.masses(LIKE, WIDTH)[-1].sum(1) < 0.95)


def test_it_predicts_labels_as_a_bernoulli_does():
    F, v = laws.outputs(LIKE, WIDTH, rows=5)
    u, label = np.random.default_rng(0).uniform(size=F.shape), mb.Bernoulli()
    for got, want in (
        (LIKE.mean(F, v), label.mean(F, v)),
        (LIKE.variance(F, v), label.variance(F, v)),
        (LIKE.sample(F, v, u), label.sample(F, v, u)),
    ):
        np.testing.assert_array_equal(got, want)


def test_files_know_it_by_its_name(tmp_path):
    """Those written when it stood among the others as well."""
    like = from_recipe({"class": "SigmoidGaussian", "with": {"scale": 0.3}})
    assert repr(like) == "SigmoidGaussian(scale=0.3)"
    X = np.random.default_rng(1).normal(size=(9, 2))
    model = mb.Model(mb.MLP([2, 1]), like, mb.GaussianPrior())
    result = mb.fit(model, mb.MeanField(), X, X[:, 0] > 0, rng=0, max_steps=3)
    result.save(tmp_path / "fit.npz")
    again = mb.FitResult.load(tmp_path / "fit.npz").predict(X)
    np.testing.assert_array_equal(again.mean, result.predict(X).mean)


def test_no_gauss_newton_is_known_for_it():
    model = mb.Model(mb.MLP([2, 1]), LIKE, mb.GaussianPrior())
    with pytest.raises(ValueError, match=r"must be .*Categorical.* got SigmoidGaussian"):
        mb.laplace(model, np.ones((3, 2)), [0, 1, 1], np.zeros(3))


def test_a_diagnosis_walks_its_chain():
    model = mb.Model(mb.MLP([2, 3, 1], "tanh"), LIKE, mb.GaussianPrior(0.2, 0.7))
    case = mb.points.generic(model, mb.MeanField())
    assert mb.diagnose(case.gradient(), case).verdict == "no mistake"
    assert Chain(case).label("likelihood") == "E37"
