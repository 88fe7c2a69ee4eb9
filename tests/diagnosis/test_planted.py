"""The diagnosis before mistakes planted in an implementation of somebody else's."""

import functools
import pickle
from dataclasses import replace

import numpy as np
import pytest
from support.planted_mistakes import PLANTED, gradient

import minibnn as mb
from minibnn.diagnosis import points

LIKELIHOODS = {
    "Bernoulli": (mb.Bernoulli(), 2),
    "Categorical": (mb.Categorical(3), 3),
    "HeteroscedasticGaussian": (mb.HeteroscedasticGaussian(), 2),
}


@functools.cache  # what was worked out for a case is kept beside it
def make_case(likelihood, seed=0):
    like, n_outputs = LIKELIHOODS[likelihood]
    net = mb.MLP([3, 4, n_outputs], activation="tanh")
    return points.generic(
        mb.Model(net, like, mb.GaussianPrior(0.3, 1.4)), mb.MeanField(), rng=seed
    )


def named(mistakes, likelihood, seed=0):
    """(what is wrong, names in order of rank, whether the first and first three fit)."""
    case = make_case(likelihood, seed)
    for wrong, likelihoods, words, methods in mistakes:
        if likelihood in likelihoods:
            found = mb.diagnose(gradient(case, methods), case)
            if found.verdict != "no mistake":
                names = [finding.name for finding in found.mistakes]
                fits = [any(w in name for w in words) for name in names]
                yield wrong, names, any(fits[:1]), any(fits[:3]), found


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_other_implementation_is_right(likelihood):
    for seed in range(2):
        case = make_case(likelihood, seed)
        assert mb.diagnose(gradient(case), case).verdict == "no mistake"


@pytest.mark.optional
def test_a_sample_of_planted_mistakes_is_named():
    results = list(named(PLANTED[::3], "Bernoulli"))
    missed = [(wrong, names) for wrong, names, first, _, _ in results if not first]
    assert len(results) >= 12
    assert len(missed) <= 1, missed


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_planted_mistakes_are_named(likelihood):
    results = [r for seed in (1, 2) for r in named(PLANTED, likelihood, seed)]
    missed = [(wrong, names) for wrong, names, first, _, _ in results if not first]
    assert np.mean([first for _, _, first, _, _ in results]) >= 0.9, missed
    assert np.mean([three for _, _, _, three, _ in results]) >= 0.97, missed


def test_what_nobody_knows_is_located():
    case, rng = make_case("Bernoulli"), np.random.default_rng(0)
    g = {key: array.copy() for key, array in case.gradient().items()}
    layer = case.model.net.slices[0]
    g["rho"][layer] += rng.normal(size=layer.stop - layer.start)
    found = mb.diagnose(g, case)
    assert found.verdict == "none fits"
    assert found.facts[0] == "wrong in rho of layer 1 W, layer 1 b"
    assert any("mu is right" in fact for fact in found.facts)
    assert not any("row(s)" in fact for fact in found.facts)


@pytest.mark.optional
def test_results_cross_a_process():
    case = make_case("Bernoulli")
    spoilt = {key: 2 * array for key, array in case.gradient().items()}
    for result in (mb.diagnose(spoilt, case), points.lint(case)):
        again = pickle.loads(pickle.dumps(result))
        assert str(again) == str(result)


@pytest.mark.optional
def test_noise_of_precision_is_no_mistake_of_the_outputs():
    case = make_case("Bernoulli")
    rng = np.random.default_rng(3)
    g = {k: a * (1 + 3e-7 * rng.normal(size=a.shape)) for k, a in case.gradient().items()}
    found = mb.diagnose(g, case)
    assert "∂nll/∂F" not in " ".join(found.facts)
    assert found.verdict == "none fits" or found.mistakes[0].name == "float32-inside"


@pytest.mark.slow
def test_another_case_is_worked_out_anew():
    case = make_case("Bernoulli")
    assert mb.diagnose(case.gradient(), case).verdict == "no mistake"
    params = {**case.params, "mu": case.params["mu"] + 0.5}
    other = replace(case, params=params)
    assert mb.diagnose(other.gradient(), other).verdict == "no mistake"
    assert mb.diagnose(other.gradient(), case).verdict != "no mistake"
