"""The gradient checker on many parameters, and on maps with a pullback."""

import numpy as np
import pytest

from minibnn.gradcheck import GradientReport, check_adjoint, check_gradient

# --- many parameters -----------------------------------------------------------------


class Large:
    """Parameters of very different weight, and a count of the calls of f."""

    def __init__(self, real=False, n=10**6):
        rng = np.random.default_rng(0)
        self.a, self.x = rng.lognormal(0, 2, n), rng.normal(size=n)
        self.real, self.calls = real, 0

    def f(self, x):
        self.calls += 1
        x = x.real if self.real else x
        return self.a @ (x * x + x)

    def grad(self, x):
        return self.a * (2 * x + 1)


@pytest.mark.sample(3)
@pytest.mark.parametrize(("n", "real"), [(10**5, False), (10**6, False), (10**6, True)])
def test_a_million_parameters(n, real):
    large = Large(real, n)
    report = check_gradient(large.f, large.grad, large.x)
    assert report.verdict == "agrees", report
    assert report.mode == "directions"
    assert large.calls <= 70
    first = large.calls
    assert report.calls["f"] + report.calls["f_complex"] == large.calls
    assert report.miss["probability"] <= 1e-3
    if not real:
        assert report.miss["usual"] < 1e-8
    assert "escapes with probability" in str(report)

    def wrong(x):
        g = large.grad(x)
        g[23_456] *= 1.1
        return g

    large.calls = 0
    report = check_gradient(large.f, wrong, large.x)
    assert report.verdict == "wrong"
    assert report.reason.startswith("x[23456]: claimed")
    assert report.relative_error == pytest.approx(0.1, rel=1e-3)
    assert large.calls <= first + 60


def test_lost_imaginary_part_along_directions():
    x = np.linspace(-1, 2, 1000)

    def f(x):
        return np.sum(np.sin(x)) + 1e-3 * np.sum(np.abs(x) ** 3)

    right = check_gradient(f, lambda x: np.cos(x) + 3e-3 * x * np.abs(x), x)
    assert right.verdict == "agrees"
    assert right.judge == "central differences"
    assert "not complex-safe (an imaginary part is lost" in right.notes[0]
    assert check_gradient(f, np.cos, x).verdict == "wrong"


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
    """Four directions of signs +-1 would let one in sixteen such pairs escape."""
    x = np.linspace(-1, 2, 1000)
    slope = np.ones(1000)
    slope[[5, 6]] += 1e-4, -1e-4
    for rng in range(60):
        report = check_gradient(
            lambda x: slope @ x.real, lambda x: np.ones(1000), x, rng=rng
        )
        assert report.verdict == "wrong"
        assert report.reason.startswith(("x[5]: ", "x[6]: "))


@pytest.mark.parametrize("form", [np.asarray, np.real], ids=["complex", "real"])
def test_the_printed_promise_is_kept_by_every_coordinate(form):
    rng = np.random.default_rng(1)
    c, a = np.exp(2 * rng.normal(size=2000)), np.exp(0.3 * rng.normal(size=2000))
    x = rng.normal(size=2000)

    def f(x):
        return np.sum(c * np.log(np.cosh(a * form(x))))

    def grad(x):
        return c * a * np.tanh(a * x)

    sizes = np.argsort(np.abs(grad(x)))
    miss = check_gradient(f, grad, x).miss
    assert miss["relative_error"] >= miss["usual"]
    for i in sizes[[0, 1, 1000]]:
        error = 1.5 * miss["usual" if i == sizes[1000] else "relative_error"]
        factor = np.where(np.arange(2000) == i, 1 + error, 1.0)
        for seed in range(5):
            report = check_gradient(f, lambda x, k=factor: grad(x) * k, x, rng=seed)
            assert report.verdict != "agrees", (i, error, seed)
    short = miss["usual"] < 0.5 * miss["relative_error"]
    assert short == (form is np.real)
    assert ("(the smallest: " in str(check_gradient(f, grad, x))) == short


def test_fine_structure_along_directions():
    x = np.random.default_rng(2).normal(size=500)

    def f(x):
        return np.sum(x.real**2) + 1e-7 * np.sum(np.sin(1e5 * x.real))

    assert check_gradient(f, lambda x: 2 * x, x).verdict != "agrees"


def test_many_parameters_in_mixed_units():
    """A rate among populations: as many of either."""
    rng = np.random.default_rng(3)
    big, small = 1e8 * rng.uniform(1, 2, 300), 0.1 * rng.uniform(1, 2, 300)

    def f(x):
        return np.sum((x[:300] / 1e8 * np.exp(-3 * x[300:]) - 1) ** 2)

    def grad(x):
        fall = np.exp(-3 * x[300:])
        back = 2 * (x[:300] / 1e8 * fall - 1) * fall
        return np.r_[back / 1e8, -3 * back * x[:300] / 1e8]

    x = np.r_[big, small]
    for form in (f, lambda x: f(x.real)):
        report = check_gradient(form, grad, x)
        assert report.verdict == "agrees", report
        for i in (5, 444):
            factor = np.where(np.arange(600) == i, 1.01, 1.0)
            report = check_gradient(form, lambda x, k=factor: grad(x) * k, x)
            assert report.verdict == "wrong", report
            assert report.reason.startswith(f"x[{i}]: ")


# --- adjoints ------------------------------------------------------------------------


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
    assert report.bound < 1e-12

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
    assert check_adjoint(np.sum, lambda u: u * np.ones(9), x[:9]).verdict == "agrees"
    y = x[:9].astype(np.float32)
    slope = 1 - np.tanh(y) ** 2
    report = check_adjoint(np.tanh, lambda u: u.astype(np.float32) * slope, y)
    assert report.verdict == "agrees"
    assert check_adjoint(np.tanh, lambda u: u * slope * 1.01, y).verdict == "wrong"


def test_adjoint_in_single_precision_with_cancellation():
    A = np.random.default_rng(2).normal(size=(2000, 8)).astype(np.float32)
    x = np.random.default_rng(3).normal(size=8).astype(np.float32)

    def pull(u):
        terms = A * u.astype(np.float32)[:, None]
        return np.cumsum(terms, axis=0, dtype=np.float32)[-1]

    assert check_adjoint(lambda x: A.astype(float) @ x, pull, x).verdict == "agrees"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"forward": 1}, "forward must be a function"),
        ({"pullback": 1}, "pullback must be a function"),
        ({"forward": lambda x: np.nan * x}, r"forward\(x\) must be finite"),
        ({"forward": lambda x: None}, r"forward\(x\) must hold real"),
        ({"pullback": lambda u: u[:2]}, r"pullback\(u\) must have the shape of x"),
        ({"x": np.arange(3)}, "x must hold real"),
        ({"tol": 0}, "tol must be"),
        ({"rng": 1.5}, "rng must be"),
        ({"kinks": "no"}, "kinks must be"),
    ],
)
def test_adjoint_errors_name_the_argument(change, message):
    arguments = {"forward": np.sin, "pullback": lambda u: u, "x": np.ones(3)} | change
    with pytest.raises((TypeError, ValueError), match=message):
        check_adjoint(**arguments)
