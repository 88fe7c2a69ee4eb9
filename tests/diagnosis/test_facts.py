"""What a diagnosis says besides a name: nothing that can be false."""

from dataclasses import replace

import numpy as np
import pytest

import minibnn as mb
from minibnn.diagnosis import facts, points
from minibnn.diagnosis.chain import Chain
from minibnn.diagnosis.fitted_number import made_of
from minibnn.diagnosis.points import RTOL, resolution
from minibnn.diagnosis.search import Search
from minibnn.diagnosis.student import Student


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


# --- names ----------------------------------------------------------------------------


def names_of(gradient, case):
    found = mb.diagnose(Chain(case).blocks.split(gradient), case)
    return [finding.name for finding in found.mistakes], found


def with_kl(chain, factor):
    return chain.data + factor * chain.kl


@pytest.mark.parametrize("likelihood", [mb.Bernoulli(), mb.Gaussian("learned")])
def test_a_name_that_says_where_is_true_everywhere(likelihood):
    chain = Chain(make_case(likelihood))
    names = chain.blocks.names
    alone = np.array([n[1:] == (2, "b") for n in names])
    factor = np.where(np.repeat(alone, [c.stop - c.start for c in chain.blocks.slices]),
                      1.0, 0.0)  # fmt: skip
    said, _ = names_of(with_kl(chain, factor), chain.case)
    assert said[0] == "kl-alone-in-biases-of-layer-2"
    assert "kl-alone-in-biases" not in said
    assert "kl-biases-left-out" not in names_of(with_kl(chain, 1 - factor), chain.case)[0]


def test_the_prior_of_the_network_for_the_noise_scale_is_named():
    chain = Chain(make_case(mb.Gaussian("learned", (-0.4, 0.7))))
    m0, s0 = chain.m0.copy(), chain.s0.copy()
    m0[-1], s0[-1] = m0[0], s0[0]
    kl = {"mu": chain.beta * (chain.mu - m0) / s0**2,
          "rho": chain.beta * ((chain.sigma / s0) ** 2 - 1) * chain.dlog}  # fmt: skip
    said, _ = names_of(chain.data + chain.blocks.flat(kl), chain.case)
    assert said[0] == "kl-prior-of-the-network-for-the-noise-scale"


@pytest.mark.parametrize("array", ["mu", "rho"])
def test_the_noise_scale_s_own_coordinates_are_a_place_and_no_name(array):
    chain = Chain(make_case(mb.Gaussian("learned")))
    spoilt = chain.right.copy()
    spoilt[chain.blocks.keys[array].stop - 1] *= 1.2345
    said, found = names_of(spoilt, chain.case)
    assert said == []
    assert found.verdict == "none fits"
    assert found.facts[0] == f"wrong in {array} of log noise scale"


@pytest.mark.parametrize(
    ("name", "data", "kl"),
    [
        ("n-over-b-less-one", lambda N, B, S: B / (B - 1), lambda N, B, S: 1),
        ("n-over-b-rounded-up", lambda N, B, S: -(-N // B) * B / N, lambda N, B, S: 1),
        ("data-factor-missing", lambda N, B, S: B * S / N, lambda N, B, S: 1),
        ("data-factor-on-the-kl", lambda N, B, S: B * S / N, lambda N, B, S: N / B / S),
        ("n-over-b-on-the-kl", lambda N, B, S: B / N, lambda N, B, S: N / B),
    ],
)
def test_plain_factors_are_named(name, data, kl):
    chain = Chain(make_case())
    counts = chain.N, chain.B, chain.S
    said, _ = names_of(data(*counts) * chain.data + kl(*counts) * chain.kl, chain.case)
    assert said[0] == name


def test_no_factor_is_made_of_counts_that_do_not_belong_together():
    chain = Chain(make_case())
    N, B, S = chain.N, chain.B, chain.S
    assert made_of(N / (S + 1), chain) is None
    assert made_of(N / B, chain) == "N B^-1"
    assert made_of(N**2 / B**2, chain) is None
    assert made_of(S**-0.5, chain) == "S^-0.5"
    assert made_of(1 / (B - 1) / (S - 1), chain) is None
    assert made_of(0.0, chain) is None


def test_an_array_left_out_raises_no_warning():
    chain = Chain(make_case())
    for term in (chain.data, chain.kl):
        with np.errstate(all="raise"):
            names_of(chain.right - term, chain.case)
    with np.errstate(all="raise"):
        assert made_of(0.0, chain) is None


def test_a_prior_of_one_number_is_not_rearranged():
    chain = Chain(make_case())
    bias = chain.net.is_bias
    m0 = np.where(bias, 0.0, chain.m0)  # the biases are pulled to 0
    kl = chain.kl.copy()
    kl[chain.blocks.keys["mu"]] = chain.beta * (chain.mu - m0) / chain.s0**2
    said, _ = names_of(chain.data + kl, chain.case)
    assert said[0] == "kl-prior-mean-ignored"
    assert not any("centred" in name or "weight" in name for name in said)


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("name", "slopes"),
    [
        ("log-scale-of-the-previous-row", lambda t, r: (
            r * np.exp(-2 * np.roll(t, 1, 1)),
            1 - r**2 * np.exp(-2 * np.roll(t, 1, 1)))),
        ("squared-residual-averaged-over-row", lambda t, r: (
            r * np.exp(-2 * t), 1 - (r**2).mean(1, keepdims=True) * np.exp(-2 * t))),
        ("scale-head-over-rows", lambda t, r: (
            r * np.exp(-2 * t), (1 - r**2 * np.exp(-2 * t)) / r.shape[1])),
        ("scale-head-value", lambda t, r: (
            r * np.exp(-2 * t), t + r**2 * np.exp(-2 * t) / 2)),
    ],
)  # fmt: skip
def test_heads_of_other_rows_are_named(name, slopes):
    chain = Chain(make_case(mb.HeteroscedasticGaussian(), 2))
    m, t = np.split(chain.F, 2, axis=-1)
    output = np.concatenate(slopes(t, m - chain.y), -1)
    gradient = chain.gradient((("output", lambda g, c: output),))
    assert names_of(gradient, chain.case)[0][0] == name


def test_one_large_number_is_not_read_as_a_pattern():
    chain = Chain(make_case(mb.Gaussian("learned"), widths=(5,)))
    for seed in range(20):
        error = np.random.default_rng(seed).normal(size=chain.blocks.size)
        for cut in chain.blocks.keys.values():
            error[cut.stop - 1] = 1e4 * (chain.mu[-1] + 3)  # the noise scale's own
        assert "look at these first" not in said_of(chain.right + error, chain.case)
