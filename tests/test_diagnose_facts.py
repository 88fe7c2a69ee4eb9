"""What a diagnosis says besides a name: nothing that can be false."""

from dataclasses import replace

import numpy as np
import pytest

import minibnn as mb
from minibnn.checking import facts, points
from minibnn.checking.chain import Chain
from minibnn.checking.matching import Search
from minibnn.checking.points import RTOL, resolution
from minibnn.checking.probing import Student


def make_case(likelihood=None, n_outputs=1, widths=(4,), **changed):
    net = mb.MLP([3, *widths, n_outputs], activation="tanh")
    prior = mb.GaussianPrior(0.3, 1.4)
    model = mb.Model(net, likelihood or mb.Bernoulli(), prior)
    return replace(points.generic(model, mb.MeanField(), rng=0), **changed)


def said_of(gradient, case, named=False):
    """The facts of a flat gradient; which name it would get does not matter."""
    chain = Chain(case)
    search = Search(chain, gradient, resolution(chain, np.float64), RTOL)
    return " | ".join(facts.sentences(search, Student({}, case, chain), named))


def test_rows_are_judged_by_their_own_size():
    case = make_case(mb.HeteroscedasticGaussian(), 2, (6, 6))
    y = np.array(case.y)
    y[0] = 400.0  # a row whose gradient is thousands of times that of the others
    case = replace(case, y=y)
    factor = np.ones((len(y), 1))
    factor[:3] = 0.0
    chain = Chain(case)
    said = said_of(chain.gradient((("output", lambda g, c: factor * g),)), case)
    assert "in row(s) 1, 2, 3" in said
    assert "in row(s) 1, 2, 3, " not in said


def test_a_wrong_kl_is_not_said_to_be_the_data_term():
    case = make_case(widths=(4, 5))
    chain, rng = Chain(case), np.random.default_rng(0)
    for _ in range(20):  # the KL of other weights, in any order
        said = said_of(chain.data + rng.permutation(chain.kl), case)
        assert "data term" not in said
    for part in chain.blocks.slices[:3]:
        kl = chain.kl.copy()
        kl[part] = 0
        assert "data term" not in said_of(chain.data + kl, case)


def test_a_wrong_data_term_is_still_pointed_to():
    case = make_case(widths=(4, 5), kl_weight=0.01)
    chain = Chain(case)
    slopes = (("slopes", lambda v, c: [np.cos(3 * Z) for Z in c.Z]),)
    assert "look at the data term" in said_of(chain.gradient(slopes), case)


def test_a_name_that_explains_everything_stands_alone():
    case = make_case(widths=(6, 6))
    chain = Chain(case)
    given = chain.blocks.split(chain.gradient((("data", lambda v, c: v * c.S),)))
    found = mb.diagnose(given, case)
    assert found.verdict == "mistake"
    assert found.facts == ("wrong everywhere",)


@pytest.mark.parametrize("size", [1e-2, 1e-4])
def test_a_small_mistake_is_not_taken_for_rounding(size):
    case = make_case(widths=(4, 5))
    chain, rng = Chain(case), np.random.default_rng(0)
    for _ in range(20):
        error = size * chain.magnitude * rng.uniform(-1, 1, chain.blocks.size)
        assert "rounding" not in said_of(chain.right + error, case)


def test_a_function_of_a_weight_s_own_numbers_is_not_taken_for_rounding():
    case = make_case(widths=(4, 5))
    chain = Chain(case)
    for size in (1e-6, 1e-7):
        own = size * np.concatenate([chain.mu - chain.mu.mean(), chain.mu])
        assert "rounding" not in said_of(chain.right + own, case)


def test_an_error_of_the_size_of_rounding_is_told():
    case = make_case(widths=(4, 5))
    chain, rng = Chain(case), np.random.default_rng(0)
    error = 1e-6 * chain.magnitude * rng.normal(size=chain.blocks.size)
    assert "it may be rounding" in said_of(chain.right + error, case)
