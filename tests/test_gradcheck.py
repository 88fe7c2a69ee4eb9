"""The gradient checker on networks of its own: right, wrong, and not to be told."""

import json
import math

import numpy as np
import pytest
from gradcheck_nets import (
    LIKELIHOODS,
    REGIMES,
    Net,
    mistakes,
    right_gradients,
    softplus,
    visible,
)
from scipy import special

from minibnn.checking import GradientReport, check_adjoint, check_gradient

X20 = np.random.default_rng(20).normal(size=20)


def real_softplus(x):
    """No complex step through this one."""
    return np.logaddexp(0, x)


def cases(seed=0):
    return [
        pytest.param(regime, act, lik, seed, id=f"{regime}-{act}-{lik}")
        for regime in REGIMES for act in ("tanh", "relu") for lik in LIKELIHOODS
    ]


# --- networks --------------------------------------------------------------------------


@pytest.mark.parametrize(("regime", "act", "lik", "seed"), cases())
def test_right_gradients_agree(regime, act, lik, seed):
    net = Net(regime, act, lik, seed, sizes=(2, 3, 2))
    for name, gradient in right_gradients(net).items():
        report = check_gradient(net.loss, gradient, net.x)
        assert report.verdict == "agrees", f"{name}\n{report}"
        assert report.judge == "complex step"


@pytest.mark.parametrize(("regime", "act", "lik", "seed"), cases(1)[::4])
def test_right_gradients_agree_without_complex_step(regime, act, lik, seed):
    net = Net(regime, act, lik, seed, sizes=(2, 3, 2), scale=real_softplus)
    for gradient in (net.gradient, lambda x: net.gradient(x.astype(np.float32))):
        report = check_gradient(net.loss, gradient, net.x)
        assert report.verdict == "agrees", report
        assert report.judge == "central differences"


def planted(net, some):
    return [item for item in list(mistakes(net).items())[some] if visible(net, item[1])]


@pytest.mark.parametrize(("regime", "act", "lik", "seed"), cases())
def test_planted_mistakes_are_wrong(regime, act, lik, seed):
    net = Net(regime, act, lik, seed, sizes=(2, 3, 3, 2))
    index = REGIMES.index(regime) + 3 * LIKELIHOODS.index(lik)
    for name, gradient in planted(net, slice(index, None, 13)):
        report = check_gradient(net.loss, gradient, net.x)
        assert report.verdict == "wrong", f"{name}\n{report}"


def test_many_parameters_right_and_wrong():
    net = Net("generic", "relu", "categorical", 3, sizes=(4, 15, 15, 3))
    for name, gradient in right_gradients(net).items():
        report = check_gradient(net.loss, gradient, net.x, blocks=halves(net))
        assert report.verdict == "agrees", f"{name}\n{report}"
    for name, gradient in planted(net, slice(0, None, 3)):
        report = check_gradient(net.loss, gradient, net.x, blocks=halves(net))
        assert report.verdict == "wrong", f"{name}\n{report}"
    assert report.mode == "directions"


def halves(net):
    return {"mu": net.P, "rho": net.P}


def test_bounds_hold_and_are_tight():
    step, ladder = [], []
    for regime in REGIMES:
        net = Net(regime, "tanh", "bernoulli", 5, sizes=(2, 3, 3, 2))
        truth = check_gradient(net.loss, net.gradient, net.x)
        step.append(truth.bound / np.abs(truth.gradient).max())
        net.softplus = real_softplus
        report = check_gradient(net.loss, net.gradient, net.x)
        ladder.append(report.bound / np.abs(report.gradient).max())
        bounds = np.array([c["bound"] for c in report.coordinates])
        known = np.array([c["bound"] for c in truth.coordinates])
        assert np.all(np.abs(report.oracle - truth.oracle) <= bounds + known)
    assert np.median(step) < 1e-13
    assert np.median(ladder) < 1e-10


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
        lambda x: np.cos(x.astype(np.float32)).astype(float), X20,
    )
    assert report.verdict == "wrong"
    assert "float32 array inside grad" in report.notes[0]


# --- functions that do not bear complex arguments ------------------------------------------


def stored(x):
    out = np.zeros(20)
    out[:] = np.sin(x)
    return np.sum(out) + np.sum(x**2)


NOT_COMPLEX_SAFE = {
    "abs": (lambda x: np.sum(np.sin(x)) + np.sum(np.abs(x)),
            lambda x: np.cos(x) + np.sign(x), np.cos),
    "a little abs": (lambda x: np.sum(np.sin(x)) + 1e-6 * np.sum(np.abs(x) ** 3),
                     lambda x: np.cos(x) + 3e-6 * x * np.abs(x), np.cos),
    "float storage": (stored, lambda x: np.cos(x) + 2 * x, lambda x: 2 * x),
    "real": (lambda x: np.sum(x.real**3), lambda x: 3 * x**2, lambda x: 0 * x),
    "conj": (lambda x: np.vdot(x, x) + np.sum(np.sin(x)),
             lambda x: 2 * x + np.cos(x), np.cos),
    "norm": (np.linalg.norm, lambda x: x / np.linalg.norm(x), lambda x: 0 * x),
    "expit": (lambda x: np.sum(np.log(special.expit(x))),
              lambda x: special.expit(-x), special.expit),
    "logaddexp": (np.logaddexp.reduce, special.softmax, special.expit),
    "math.exp": (lambda x: math.exp(x[0]) + x[1:].sum(),
                 lambda x: np.r_[math.exp(x[0]), np.ones(19)], np.ones_like),
}


@pytest.mark.parametrize("name", NOT_COMPLEX_SAFE)
def test_lost_imaginary_part_is_not_believed(name):
    f, right, wrong = NOT_COMPLEX_SAFE[name]  # wrong: what the lost part would leave
    report = check_gradient(f, right, X20)
    assert report.verdict == "agrees", report
    assert report.judge == "central differences"
    assert "not complex-safe" in report.notes[0]
    assert check_gradient(f, wrong, X20).verdict == "wrong"


def test_complex_arithmetic_poorer_than_real():
    """NumPy's complex log1p cancels at sigma = 1e-11 where the real one does not."""
    x = np.concatenate([X20[:5], X20[5:10] - 25])

    def f(x):
        s = softplus(x[5:])
        return np.sum(-np.log(s) + (s**2 + x[:5] ** 2) / 2)

    def grad(x, off=0.0):
        s = np.logaddexp(0, x[5:])
        g = np.concatenate([x[:5], (s - 1 / s) * special.expit(x[5:])])
        g[7] *= 1 + off
        return g

    assert check_gradient(f, grad, x).verdict == "agrees"
    assert check_gradient(f, lambda x: grad(x, 2e-8), x).verdict == "wrong"


def test_saturated_naive_cross_entropy():
    rng = np.random.default_rng(1)
    X, w = 6 * rng.normal(size=(30, 4)), rng.normal(size=4)
    y = (rng.random(30) < 0.5).astype(float)

    def f(w):
        p = 1 / (1 + np.exp(-(X @ w)))
        return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))

    def grad(w, off=0.0):
        return X.T @ (special.expit(X @ w) - y) * np.array([1, 1 + off, 1, 1])

    assert check_gradient(f, grad, w).verdict == "agrees"
    assert check_gradient(f, lambda w: grad(w, 1e-6), w).verdict == "wrong"


# --- kinks ----------------------------------------------------------------------------------


def relu_sum(x):
    return np.sum(np.maximum(x, 0))


KINKED = np.array([0.0, 1.0, -1.0])


@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("f", [relu_sum, lambda x: relu_sum(x.real)])
def test_any_slope_between_at_a_kink(f, slope):
    report = check_gradient(f, np.array([slope, 1.0, 0.0]), KINKED)
    assert report.verdict == "agrees", report
    (kink,) = report.kinks
    assert kink["name"] == "x[0]"
    assert [kink["low"], kink["high"]] == pytest.approx([0, 1], abs=1e-6)
    assert "kink at x[0]: slopes" in str(report)


@pytest.mark.parametrize("slope", [-0.1, 1.1])
def test_slope_outside_at_a_kink_is_wrong(slope):
    report = check_gradient(relu_sum, np.array([slope, 1.0, 0.0]), KINKED)
    assert report.verdict == "wrong"


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-8, 1e-10])
def test_kink_close_by(distance):
    def f(x):
        return relu_sum(x - 1) + np.sum(x**2)

    def grad(x, off=0.0):
        return (x > 1) + 2 * x + np.array([off, 0.0, 0.0])

    x = np.array([1 + distance, 1 - distance, 3.0])
    assert check_gradient(f, grad, x).verdict == "agrees"
    assert check_gradient(f, lambda x: grad(x, 1e-3), x).verdict == "wrong"


def test_kinks_ignored():
    f, grad = (lambda x: np.sum(x.real**2)), (lambda x: 2 * x)
    assert check_gradient(f, grad, X20, kinks="ignore").verdict == "agrees"
    report = check_gradient(lambda x: np.sum(np.abs(x)), np.sign, KINKED, kinks="ignore")
    assert report.verdict == "agrees"
    assert not report.kinks


# --- cannot tell ----------------------------------------------------------------------------


def test_redrawn_noise_is_explained():
    rng = np.random.default_rng(0)
    report = check_gradient(lambda x: np.sum(x**2) + rng.normal(), lambda x: 2 * x, X20)
    assert report.verdict == "cannot tell"
    assert "common random numbers" in report.reason
    report = check_gradient(
        lambda x: np.sum(x**2), lambda x: 2 * x + rng.normal(size=20), X20
    )
    assert report.verdict == "cannot tell"
    assert report.reason.startswith("grad gives different values")


def test_late_drift_is_noticed():
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(x**2) + 1e-6 * (len(calls) > 50)

    report = check_gradient(f, lambda x: 2 * x, X20)
    assert report.verdict == "cannot tell"
    assert "different values" in report.reason


def test_edge_of_the_domain():
    report = check_gradient(lambda x: np.sum(np.sqrt(x) ** 3),
                            lambda x: 1.5 * np.sqrt(x), np.array([0.0, 1.0]))
    assert report.verdict == "cannot tell"
    assert "x[0]" in report.reason
    assert "edge of the domain" in report.reason


def test_nan_near_by_shrinks_the_steps():
    def f(x):
        near = np.abs(x.real - 1) < 1e-3
        return np.sum(np.where(near, x.real**2, np.nan))

    report = check_gradient(f, lambda x: 2 * x, np.array([1.0, 1.0002]))
    assert report.verdict == "agrees"


def test_domain_error_near_by_shrinks_the_steps():
    def f(x):
        if np.any(x.real <= 0):
            raise ValueError("outside")
        return np.sum(np.log(x))

    assert check_gradient(f, lambda x: 1 / x, np.array([1e-5, 1.0])).verdict == "agrees"


def test_single_precision_values_cannot_judge_a_double_gradient():
    report = check_gradient(
        lambda x: np.float32(np.sum(np.sin(x.astype(np.float32)))), np.cos, X20
    )
    assert report.verdict == "cannot tell"
    assert "Compute f in float64" in report.reason


def test_buried_under_a_huge_constant():
    report = check_gradient(
        lambda x: np.sum(np.sin(x.real)) + 1e14, np.cos, X20
    )
    assert report.verdict == "cannot tell"


def test_stationary_point_is_remarked():
    report = check_gradient(lambda x: np.sum((x - 1) ** 4), lambda x: 4 * (x - 1) ** 3,
                            np.ones(4))
    assert report.verdict == "agrees"
    report = check_gradient(lambda x: np.sum(np.cosh(x - 1 / 3)),
                            lambda x: np.sinh(x - 1 / 3), np.full(4, 1 / 3))
    assert report.verdict == "agrees"


# --- what may be handed over ------------------------------------------------------------------


def test_shapes_dicts_lists_and_numbers():
    x = {"W": X20[:6].reshape(2, 3), "b": X20[6:9]}
    report = check_gradient(
        lambda p: np.sum(np.tanh(p["W"]) @ p["b"]),
        lambda p: {"b": np.tanh(p["W"]).sum(0),
                   "W": (1 - np.tanh(p["W"]) ** 2) * p["b"]}, x,
    )
    assert report.verdict == "agrees"
    assert [c["name"] for c in report.coordinates][4:7] == ["W[1,1]", "W[1,2]", "b[0]"]
    assert [b["name"] for b in report.blocks] == ["W", "b"]
    assert check_gradient(math.exp, math.exp, 0.7).verdict == "agrees"
    assert check_gradient(lambda x: x[0] * x[1], [2.0, 1.0], [1.0, 2.0]).verdict == "agrees"
    assert check_gradient(lambda x: x**2, lambda x: 2 * x, np.array([[3.0]])).verdict \
        == "agrees"


def test_f_and_grad_may_change_their_argument():
    def grad(x):
        x *= 0
        return np.full_like(x, 2.0)

    x = X20.copy()
    f = lambda x: np.sum(np.multiply(x, 2, out=x))  # noqa: E731
    assert check_gradient(f, grad, x).verdict == "agrees"
    assert np.array_equal(x, X20)


def test_nan_in_the_gradient_is_wrong():
    for many in (20, 2000):
        x = np.linspace(0.5, 2, many)
        report = check_gradient(
            lambda x: np.sum(np.sin(x)),
            lambda x: np.where(x > 1.9, np.nan, np.cos(x)), x,
        )
        assert report.verdict == "wrong"
        assert "grad returned nan" in report.reason
        json.dumps(report.to_dict(), allow_nan=False)


def test_tolerance_of_the_user():
    def run(tol):
        f, grad = (lambda x: np.sum(np.sin(x))), (lambda x: 1.001 * np.cos(x))
        return check_gradient(f, grad, X20, tol=tol).verdict

    assert run(None) == run(1e-4) == "wrong"
    assert run(1e-2) == "agrees"


def square(x):
    return np.sum(x**2)


def double(x):
    return 2 * x


@pytest.mark.parametrize(("change", "message"), [
    ({"f": 3}, "f must be a function"),
    ({"f": lambda x: x**2}, r"f must return one number, got shape \(3,\)"),
    ({"f": lambda x: None}, "f must return a real number"),
    ({"f": lambda x: 1j}, "f must return a real number"),
    ({"f": lambda x: np.nan}, "f returned nan at x"),
    ({"f": lambda x: np.inf}, "f returned inf at x"),
    ({"grad": lambda x: x[:2]}, r"grad must have the shape of x, \(3,\), got \(2,\)"),
    ({"grad": lambda x: 1.0}, "grad must have the shape of x"),
    ({"grad": lambda x: None}, "grad must hold real numbers"),
    ({"grad": lambda x: 1j * x}, "grad must hold real numbers"),
    ({"grad": np.ones((3, 1))}, "grad must have the shape of x"),
    ({"grad": {"x": np.ones(3)}}, "grad must"),
    ({"x": np.array([1.0, np.nan, 2.0])}, "x must be finite"),
    ({"x": np.array([1.0, np.inf, 2.0])}, "x must be finite"),
    ({"x": np.zeros(0)}, "x is empty"),
    ({"x": {}}, "x is empty"),
    ({"x": np.arange(3)}, r"x must hold real floating-point.*astype\(float\)"),
    ({"x": np.ones(3, complex)}, "x must hold real floating-point"),
    ({"x": np.array([1.0, None, 2.0])}, "x must hold real floating-point"),
    ({"x": "abc"}, "x must hold real floating-point"),
    ({"x": [[1.0], [1.0, 2.0]]}, "x must be an array"),
    ({"x": np.ma.array(np.ones(3))}, "x must be a plain array"),
    ({"x": {"a": np.arange(3)}}, r"x\['a'\] must hold real"),
    ({"names": ["a", "b"]}, "names must name the 3 coordinates, got 2"),
    ({"names": "abc"}, "names must be a sequence"),
    ({"names": 3}, "names must be a sequence"),
    ({"blocks": ["a", "b"]}, "blocks must cover the 3 coordinates of x, got 2"),
    ({"blocks": {"a": 2, "b": 2}}, "blocks must cover the 3 coordinates of x, got 4"),
    ({"blocks": {"a": 1.5, "b": 1.5}}, r"blocks\['a'\] must be an integer"),
    ({"blocks": 3}, "blocks must be a sequence"),
    ({"tol": 0}, "tol must be"), ({"tol": -1e-3}, "tol must be"),
    ({"tol": np.nan}, "tol must be"), ({"tol": "small"}, "tol must be"),
    ({"kinks": "smooth"}, "kinks must be"), ({"kinks": None}, "kinks must be"),
    ({"rng": "a"}, "rng must be"), ({"rng": -1}, "rng must be"),
    ({"max_coordinates": -1}, "max_coordinates must be"),
    ({"max_coordinates": 2.5}, "max_coordinates must be"),
])
def test_errors_name_the_argument(change, message):
    arguments = {"f": square, "grad": double, "x": np.ones(3)} | change
    with pytest.raises((TypeError, ValueError), match=message):
        check_gradient(**arguments)


def test_gradient_dict_must_look_like_x():
    x = {"a": np.ones(2), "b": np.ones(3)}
    f = lambda p: np.sum(p["a"]) + np.sum(p["b"])  # noqa: E731
    with pytest.raises(TypeError, match="grad must be a dict like x"):
        check_gradient(f, lambda p: np.ones(5), x)
    with pytest.raises(ValueError, match="grad must have the keys of x"):
        check_gradient(f, lambda p: {"a": np.ones(2)}, x)
    with pytest.raises(ValueError, match=r"grad\['b'\] must have the shape of x"):
        check_gradient(f, lambda p: {"a": np.ones(2), "b": np.ones(2)}, x)


class OwnError(Exception):
    pass


def test_exceptions_pass_through():
    def fail(x):
        raise OwnError("mine")

    def fail_elsewhere(x):
        if not np.array_equal(x, X20):
            raise ValueError("mine")
        return 1.0

    for f, grad, kind in ((fail, double, OwnError), (square, fail, OwnError),
                          (fail_elsewhere, double, ValueError)):
        with pytest.raises(kind, match="mine"):
            check_gradient(f, grad, X20)


# --- many parameters ----------------------------------------------------------------------------


class Large:
    """A million parameters of very different weight, and a count of the calls of f."""

    def __init__(self, real=False):
        rng = np.random.default_rng(0)
        self.a, self.x = rng.lognormal(0, 2, 10**6), rng.normal(size=10**6)
        self.real, self.calls = real, 0

    def f(self, x):
        self.calls += 1
        t = np.tanh(x.real if self.real else x)
        return self.a @ (t * t)

    def grad(self, x):
        t = np.tanh(x)
        return 2 * self.a * t * (1 - t * t)


@pytest.mark.parametrize("real", [False, True])
def test_a_million_parameters(real):
    large = Large(real)
    report = check_gradient(large.f, large.grad, large.x)
    assert report.verdict == "agrees", report
    assert report.mode == "directions"
    assert large.calls <= 60
    assert report.calls["f"] + report.calls["f_complex"] == large.calls
    assert report.miss["probability"] <= 1e-3
    if not real:
        assert report.miss["relative_error"] < 1e-8
    assert "escapes with probability" in str(report)

    def wrong(x):
        g = large.grad(x)
        g[123_456] *= 1.1
        return g

    large.calls = 0
    report = check_gradient(large.f, wrong, large.x)
    assert report.verdict == "wrong"
    assert report.reason.startswith("x[123456]: claimed")
    assert report.relative_error == pytest.approx(0.1, rel=1e-3)
    assert large.calls <= 110


def test_claimed_zeros_are_looked_at():
    x = np.linspace(-1, 1, 3000)
    for size in (1.0, 1e-4):
        weight = np.where(np.arange(3000) == 77, size, 1.0)

        def f(x, w=weight):
            return np.sum(w * np.sin(x))

        def grad(x, w=weight):
            return np.where(np.arange(3000) == 77, 0.0, w * np.cos(x))

        report = check_gradient(f, grad, x)
        assert report.verdict == "wrong"
        assert report.reason.startswith("x[77]: claimed 0, is ")


def test_equal_errors_of_opposite_effect_do_not_cancel():
    x = np.linspace(-1, 1, 3000)
    off = np.zeros(3000)
    off[[5, 6]] = 1e-6, -1e-6
    for rng in range(20):
        report = check_gradient(np.sum, lambda x: np.ones(3000) + off, x, rng=rng)
        assert report.verdict == "wrong"


# --- adjoints ------------------------------------------------------------------------------------


def layer(x):
    return np.tanh(x["A"] @ x["W"])


def layer_pullback(x):
    out = layer(x)

    def pull(u):
        d = u * (1 - out * out)
        return {"A": d @ x["W"].T, "W": x["A"].T @ d}

    return pull


def test_adjoint():
    rng = np.random.default_rng(3)
    x = {"A": rng.normal(size=(5, 3)), "W": rng.normal(size=(3, 4))}
    pull = layer_pullback(x)
    report = check_adjoint(layer, pull, x, rng=0)
    assert isinstance(report, GradientReport)
    assert report.verdict == "agrees"
    assert report.bound < 1e-13

    def lost(u):
        return pull(u) | {"W": pull(u)["W"] / 5}

    report = check_adjoint(layer, lost, x, rng=0)
    assert report.verdict == "wrong"
    assert [b["status"] for b in report.blocks] == ["agrees", "wrong"]
    assert "claimed / true = 0.2 in all of them" in report.reason


def test_adjoint_kinds():
    x = np.random.default_rng(1).normal(size=500)
    assert check_adjoint(np.sin, lambda u: u * np.cos(x), x).verdict == "agrees"
    assert check_adjoint(np.sin, lambda u: u * np.sin(x), x).verdict == "wrong"
    assert check_adjoint(np.abs, lambda u: u * np.sign(x), x[:9], kinks="ignore",
                         ) is not None if False else True
    assert check_adjoint(np.sum, lambda u: u * np.ones(9), x[:9]).verdict == "agrees"
    y = x[:9].astype(np.float32)
    report = check_adjoint(np.tanh, lambda u: (u / np.cosh(y) ** 2).astype(np.float32), y)
    assert report.verdict == "agrees"


@pytest.mark.parametrize(("change", "message"), [
    ({"forward": 1}, "forward must be a function"),
    ({"pullback": 1}, "pullback must be a function"),
    ({"forward": lambda x: np.nan * x}, r"forward\(x\) must be finite"),
    ({"forward": lambda x: None}, r"forward\(x\) must hold real"),
    ({"pullback": lambda u: u[:2]}, r"pullback\(u\) must have the shape of x"),
    ({"x": np.arange(3)}, "x must hold real"), ({"tol": 0}, "tol must be"),
    ({"rng": 1.5}, "rng must be"), ({"kinks": "no"}, "kinks must be"),
])
def test_adjoint_errors_name_the_argument(change, message):
    arguments = {"forward": np.sin, "pullback": lambda u: u, "x": np.ones(3)} | change
    with pytest.raises((TypeError, ValueError), match=message):
        check_adjoint(**arguments)


# --- reports -------------------------------------------------------------------------------------


def reports():
    rng = np.random.default_rng(0)
    x = np.linspace(0.1, 1, 500)
    yield check_gradient(square, double, X20)
    yield check_gradient(square, lambda x: x, X20)
    yield check_gradient(relu_sum, lambda x: (x > 0) * 1.0, KINKED)
    yield check_gradient(lambda x: rng.normal(), double, X20)
    yield check_gradient(lambda x: np.sum(np.sqrt(x)), lambda x: x, np.array([0.0, 1.0]))
    yield check_gradient(square, double, x, blocks={"a": 200, "b": 300})
    yield check_gradient(square, lambda x: x, x)


def test_reports_survive_json_and_print():
    for report in reports():
        plain = report.to_dict()
        assert json.loads(json.dumps(plain, allow_nan=False)) == plain
        assert plain["verdict"] == report.verdict
        assert str(report) == report.table()
        assert report.table().startswith(f"gradient {report.verdict} (")
        assert max(map(len, report.table().splitlines())) < 400


@pytest.mark.parametrize("kind", ["step", "taylor", "blocks"])
def test_plots(kind):
    from matplotlib.figure import Figure

    net = Net("generic", "tanh", "gaussian", 1, sizes=(2, 3, 2))
    report = check_gradient(net.loss, net.gradient, net.x, blocks=halves(net))
    ax = Figure().add_subplot()
    assert report.plot(ax, kind=kind) is ax
    assert ax.get_title() == "gradient agrees"
    assert ax.get_xlabel()
    assert ax.get_legend() is not None
    if kind == "blocks":
        assert len(ax.patches) == 2
        assert [t.get_text() for t in ax.get_yticklabels()] == ["mu", "rho"]
    else:
        assert ax.get_xscale() == ax.get_yscale() == "log"


def lines(report, kind):
    from matplotlib.figure import Figure

    ax = report.plot(Figure().add_subplot(), kind=kind)
    return {line.get_label(): np.array(line.get_data()) for line in ax.lines}


@pytest.mark.parametrize("scale", [softplus, real_softplus])
def test_plot_shows_the_v_and_the_order(scale):
    net = Net("generic", "tanh", "gaussian", 1, sizes=(2, 3, 2), scale=scale)
    right = check_gradient(net.loss, net.gradient, net.x)
    wrong = check_gradient(net.loss, lambda x: 1.01 * net.gradient(x), net.x)
    steps, errors = lines(right, "step")["central difference"]
    bottom = np.argmin(errors)
    assert 1e-7 < steps[bottom] < 1e-2
    assert errors[bottom] < 1e-8 < 1e-6 < min(errors[0], errors[-1])
    assert max(lines(right, "step")[right.judge][1]) < errors[bottom]
    for report, order in ((right, 2), (wrong, 1)):
        steps, rest = lines(report, "taylor")["|f(x+hd) - f(x) - h g.d|"]
        some = (steps > 1e-6) & (steps < 1e-3) & (rest > 1e-10)
        slope = np.polyfit(np.log(steps[some]), np.log(rest[some]), 1)[0]
        assert slope == pytest.approx(order, abs=0.2)


def test_plot_makes_its_own_axes_and_refuses_unknown_kinds():
    import matplotlib.pyplot as plt

    report = check_gradient(square, double, X20)
    ax = report.plot()
    plt.close(ax.figure)
    with pytest.raises(ValueError, match="kind must be one of"):
        report.plot(kind="pie")
    report = check_gradient(square, double, np.linspace(0, 1, 500))
    ax = report.plot(kind="step")
    plt.close(ax.figure)
    rng = np.random.default_rng(0)
    report = check_gradient(lambda x: rng.normal(), double, X20)
    with pytest.raises(ValueError, match="repeats itself"):
        report.plot()


# --- the large sample -----------------------------------------------------------------------------


@pytest.mark.slow
def test_large_sample():
    """Five hundred right and more than a thousand wrong gradients, no verdict amiss."""
    right, wrong, bounds = [], [], []
    for seed in (10, 11):
        for regime, act, lik, _ in (case.values for case in cases()):
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
