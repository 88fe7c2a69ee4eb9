"""The gradient checker on networks: right gradients agree, planted mistakes do not."""

import itertools

import numpy as np
import pytest
from support.gradcheck_mistakes import mistakes
from support.gradcheck_nets import LIKELIHOODS, REGIMES, Net, right_gradients, visible

from minibnn.gradcheck import check_gradient

X20 = np.random.default_rng(20).normal(size=20)


def real_softplus(x):
    """No complex step through this one."""
    return np.logaddexp(0, x)


CASES = list(itertools.product(REGIMES, ("relu", "tanh"), LIKELIHOODS))


def some(test):
    """Of the cases a few are quick."""
    return pytest.mark.sample(11)(
        pytest.mark.parametrize(("regime", "act", "lik"), CASES)(test)
    )


@some
def test_right_gradients_agree(regime, act, lik):
    net = Net(regime, act, lik, 0, sizes=(2, 2, 2))
    for name, gradient in right_gradients(net).items():
        report = check_gradient(net.loss, gradient, net.x)
        assert report.verdict == "agrees", f"{name}\n{report}"
        assert report.judge == "complex step"


@pytest.mark.parametrize(("regime", "act", "lik"), CASES[::7])
def test_right_gradients_agree_without_complex_step(regime, act, lik):
    net = Net(regime, act, lik, 1, sizes=(2, 2, 2), scale=real_softplus)
    for gradient in (net.gradient, lambda x: net.gradient(x.astype(np.float32))):
        report = check_gradient(net.loss, gradient, net.x)
        assert report.verdict == "agrees", report
        assert report.judge == "central differences"


def planted(net, some):
    """Some of the mistakes, if they move a coordinate of this network's gradient."""
    return [item for item in list(mistakes(net).items())[some] if visible(net, item[1])]


@some
def test_planted_mistakes_are_wrong(regime, act, lik):
    net = Net(regime, act, lik, 0, sizes=(2, 2, 2, 2))
    first = 2 * REGIMES.index(regime) + 11 * LIKELIHOODS.index(lik) + (act == "relu")
    for name, gradient in planted(net, slice(first, None, 31)):
        report = check_gradient(net.loss, gradient, net.x)
        assert report.verdict == "wrong", f"{name}\n{report}"


@pytest.mark.optional
def test_every_kind_of_planted_mistake_is_wrong_at_a_generic_point():
    net = Net("generic", "tanh", "categorical", 0, sizes=(2, 2, 2))
    kinds = planted(net, slice(None))
    assert len(kinds) > 60
    for name, gradient in kinds:
        report = check_gradient(net.loss, gradient, net.x)
        assert report.verdict == "wrong", f"{name}\n{report}"


def test_many_parameters_right_and_wrong():
    net = Net("generic", "relu", "categorical", 3, sizes=(4, 15, 15, 3))
    for name, gradient in right_gradients(net).items():
        report = check_gradient(net.loss, gradient, net.x, blocks=halves(net))
        assert report.verdict == "agrees", f"{name}\n{report}"
    for name, gradient in planted(net, slice(0, None, 4)):
        report = check_gradient(net.loss, gradient, net.x, blocks=halves(net))
        assert report.verdict == "wrong", f"{name}\n{report}"
    assert report.mode == "directions"


def halves(net):
    return {"mu": net.P, "rho": net.P}


@pytest.mark.optional
def test_bounds_hold_and_are_tight():
    step, ladder = [], []
    for regime in REGIMES:
        net = Net(regime, "tanh", "bernoulli", 5, sizes=(2, 3, 2))
        truth = check_gradient(net.loss, net.gradient, net.x)
        step.append(truth.bound / np.abs(truth.gradient).max())
        net.softplus = real_softplus
        report = check_gradient(net.loss, net.gradient, net.x)
        ladder.append(report.bound / np.abs(report.gradient).max())
        bounds = np.array([c["bound"] for c in report.coordinates])
        known = np.array([c["bound"] for c in truth.coordinates])
        assert np.all(np.abs(report.oracle - truth.oracle) <= bounds + known)
    assert np.median(step) < 1e-13
    assert np.median(ladder) < 2e-6  # differences leave room for what is finer


def test_worst_coordinate_is_named():
    net = Net("big", "tanh", "gaussian", 2)

    def wrong(x):
        g = net.gradient(x)
        g[7] *= 1 + 2e-8
        return g

    names = [f"w{i}" for i in range(net.x.size)]
    report = check_gradient(net.loss, wrong, net.x, names=names, blocks=halves(net))
    assert report.verdict == "wrong"
    assert "worst w7: " in report.reason
    assert [b["status"] for b in report.blocks] == ["wrong", "agrees"]
    assert [c["name"] for c in report.coordinates if c["status"] == "wrong"] == ["w7"]
    assert report.relative_error == pytest.approx(2e-8, rel=1e-3)
    assert report.error == pytest.approx(2e-8 * abs(net.gradient(net.x)[7]), rel=1e-3)
    assert report.bound < 1e-3 * report.error


def test_common_factor_is_named():
    report = check_gradient(lambda x: np.sum(x**2), lambda x: x, X20)
    assert "claimed / true = 0.5 in all of them" in report.reason


def test_small_coordinates_beside_huge_ones():
    scale = 10.0 ** np.linspace(-12, 12, 20)

    def wrong(i):
        return lambda x: scale * np.cos(x) * (1 + 2e-8 * (np.arange(20) == i))

    for i in (None, 0, 9, 19):
        report = check_gradient(lambda x: np.sum(scale * np.sin(x)), wrong(i), X20)
        assert report.verdict == ("agrees" if i is None else "wrong")


def test_float32_at_its_own_resolution():
    net = Net("generic", "tanh", "categorical", 4)
    x = net.x.astype(np.float32)
    assert check_gradient(net.loss, net.gradient, x).verdict == "agrees"
    report = check_gradient(net.loss, lambda x: net.gradient(x) * np.float32(1.001), x)
    assert report.verdict == "wrong"
    given = net.gradient(x)
    assert given.dtype == np.float32
    assert check_gradient(net.loss, given, x).verdict == "agrees"


def test_hidden_float32_in_a_float64_gradient_is_wrong():
    report = check_gradient(
        lambda x: np.sum(np.sin(x)),
        lambda x: np.cos(x.astype(np.float32)).astype(float),
        X20,
    )
    assert report.verdict == "wrong"
    assert "float32 array inside grad" in report.notes[0]


# --- the large sample ----------------------------------------------------------------


@pytest.mark.slow
def test_large_sample():
    """Five hundred right and more than a thousand wrong gradients, no verdict amiss."""
    right, wrong, bounds = [], [], []
    for seed in (10, 11):
        for regime, act, lik in CASES:
            net = Net(regime, act, lik, seed)
            for name, gradient in right_gradients(net).items():
                report = check_gradient(net.loss, gradient, net.x)
                bounds.append(report.bound / np.abs(report.gradient).max())
                right.append((regime, act, lik, name, report.verdict))
            for name, gradient in planted(net, slice(seed % 2, None, 2)):
                report = check_gradient(net.loss, gradient, net.x)
                wrong.append((regime, act, lik, name, report.verdict))
    assert len(right) >= 500
    assert len(wrong) >= 1000
    assert [case for case in right if case[-1] != "agrees"] == []
    assert [case for case in wrong if case[-1] != "wrong"] == []
    assert np.median(bounds) < 1e-13
