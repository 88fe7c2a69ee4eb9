"""What may be handed to the gradient checker, and what it says of the rest."""

import json
import math

import numpy as np
import pytest

from minibnn.gradcheck import check_gradient

X20 = np.random.default_rng(20).normal(size=20)

# --- what may be handed over ---------------------------------------------------------


def test_shapes_dicts_lists_and_numbers():
    x = {"W": X20[:6].reshape(2, 3), "b": X20[6:9]}
    report = check_gradient(
        lambda p: np.sum(np.tanh(p["W"]) @ p["b"]),
        lambda p: {
            "b": np.tanh(p["W"]).sum(0),
            "W": (1 - np.tanh(p["W"]) ** 2) * p["b"],
        },
        x,
    )
    assert report.verdict == "agrees"
    assert [c["name"] for c in report.coordinates][4:7] == ["W[1,1]", "W[1,2]", "b[0]"]
    assert [b["name"] for b in report.blocks] == ["W", "b"]
    for f, grad, x in (
        (math.exp, math.exp, 0.7),
        (lambda x: x[0] * x[1], [2.0, 1.0], [1.0, 2.0]),
        (lambda x: x**2, lambda x: 2 * x, np.array([[3.0]])),
    ):
        assert check_gradient(f, grad, x).verdict == "agrees"


def adds_to_x(x):
    x += 1
    return np.sum(x**2)


def doubles_x(x):
    x *= 2
    return x


@pytest.mark.parametrize("keyed", [False, True])
def test_who_changes_x_is_named(keyed):
    x = X20.copy()
    given = {"a": X20[:2], "b": x} if keyed else x

    def wrapped(function):
        def call(x):
            return function(x["b"] if keyed else x)

        return call

    def tree(function):
        return lambda x: x | {"b": function(x["b"])} if keyed else function(x)

    with pytest.raises(ValueError, match="f must leave its argument alone"):
        check_gradient(wrapped(adds_to_x), tree(double), given)
    with pytest.raises(ValueError, match="grad must leave its argument alone"):
        check_gradient(wrapped(square), tree(doubles_x), given)
    assert np.array_equal(x, X20)


def test_nan_in_the_gradient_is_wrong():
    for many in (20, 2000):
        x = np.linspace(0.5, 2, many)
        report = check_gradient(
            lambda x: np.sum(np.sin(x)),
            lambda x: np.where(x > 1.9, np.nan, np.cos(x)),
            x,
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"f": 3}, "f must be a function"),
        ({"f": lambda x: x**2}, r"f must return one number, got shape \(3,\)"),
        ({"f": lambda x: None}, "f must return a real number"),
        ({"f": lambda x: 1j}, "f must return a real number"),
        ({"f": lambda x: np.nan}, "f returned nan at x"),
        ({"f": lambda x: np.inf}, "f returned inf at x"),
        (
            {"grad": lambda x: x[:2]},
            r"grad must have the shape of x, \(3,\), got \(2,\)",
        ),
        ({"grad": lambda x: 1.0}, "grad must have the shape of x"),
        ({"grad": lambda x: None}, "grad must hold real numbers"),
        ({"grad": lambda x: 1j * x}, "grad must hold real numbers"),
        ({"grad": [2, 2, 2]}, r"grad must hold floating-point.*astype\(float\)"),
        ({"grad": lambda x: np.arange(3)}, "grad must hold floating-point"),
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
        ({"names": np.array(1.0)}, r"names must be 1-D, got an array of shape \(\)"),
        ({"names": np.full((3, 1), "a")}, r"names must be 1-D.*\(3, 1\)"),
        ({"blocks": np.full((3, 1), "a")}, r"blocks must be 1-D.*\(3, 1\)"),
        ({"blocks": ["a", "b"]}, "blocks must cover the 3 coordinates of x, got 2"),
        (
            {"blocks": {"a": 2, "b": 2}},
            "blocks must cover the 3 coordinates of x, got 4",
        ),
        ({"blocks": {"a": 1.5, "b": 1.5}}, r"blocks\['a'\] must be an integer"),
        ({"blocks": 3}, "blocks must be a sequence"),
        ({"tol": 0}, "tol must be"),
        ({"tol": -1e-3}, "tol must be"),
        ({"tol": np.nan}, "tol must be"),
        ({"tol": "small"}, "tol must be"),
        ({"kinks": "smooth"}, "kinks must be"),
        ({"kinks": None}, "kinks must be"),
        ({"rng": "a"}, "rng must be"),
        ({"rng": -1}, "rng must be"),
        ({"max_coordinates": -1}, "max_coordinates must be"),
        ({"max_coordinates": 2.5}, "max_coordinates must be"),
    ],
)
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

    for f, grad, kind in (
        (fail, double, OwnError),
        (square, fail, OwnError),
        (fail_elsewhere, double, ValueError),
    ):
        with pytest.raises(kind, match="mine"):
            check_gradient(f, grad, X20)


# --- what f may do beside x ----------------------------------------------------------


class OutsideError(Exception):
    pass


def logs(error):
    """Sum of logs that complains, as people write it, where x is not positive."""

    def f(x):
        if np.any(np.real(x) <= 0):
            raise error("x must be positive")
        return np.sum(np.log(x))

    return f


RAISED = (ValueError, FloatingPointError, AssertionError, RuntimeError, IndexError,
          TypeError, KeyError, NotImplementedError, OutsideError)  # fmt: skip


@pytest.mark.parametrize("error", RAISED, ids=lambda error: error.__name__)
def test_whatever_f_raises_beside_x_is_no_value(error):
    for x in (np.array([0.1, 5.0, 6.0]), np.array([1e-5, 1.0])):
        report = check_gradient(logs(error), lambda x: 1 / x, x)
        assert report.verdict == "agrees", report
        assert check_gradient(logs(error), lambda x: 1.01 / x, x).verdict == "wrong"
        with pytest.raises(error):  # at x itself it passes through
            check_gradient(logs(error), lambda x: 1 / x, -x)
    many = np.linspace(0.01, 6, 500)
    assert check_gradient(logs(error), lambda x: 1 / x, many).verdict == "agrees"


def test_what_grad_raises_beside_x_is_no_value():
    x = np.array([1.0, 2.0])

    def grad(z):
        if not np.array_equal(z, x):
            raise OutsideError("beside x")
        return 2 * z

    assert check_gradient(square, grad, x).verdict == "agrees"
    assert check_gradient(square, lambda z: 1.01 * grad(z), x).verdict == "wrong"


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_beside_x_passes_through(error):
    for size in (3, 500):
        x = np.linspace(1, 2, size)

        def f(z, x=x):
            if not np.array_equal(z, x):
                raise error
            return np.sum(z)

        with pytest.raises(error):
            check_gradient(f, np.ones_like, x)


class Tensor:
    """What matters here of a tensor that records its operations."""

    requires_grad = True

    def detach(self):
        raise AssertionError("the caller has to decide about this")

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


@pytest.mark.parametrize("who", ["f", "grad", "x"])
@pytest.mark.parametrize("keyed", [False, True])
def test_a_tensor_that_requires_grad_is_named(who, keyed):
    def given(value, name):
        value = Tensor() if name == who else value
        return {"a": value} if keyed and name != "f" else value

    with pytest.raises(TypeError, match=f"{who}.* requires grad.*detach"):
        check_gradient(
            lambda x: given(1.0, "f"),
            lambda x: given(np.ones(3), "grad"),
            given(np.ones(3), "x"),
        )


# --- what was seen, and what it may be -----------------------------------------------


def test_a_gradient_that_is_added_up_is_not_called_noise():
    total = np.zeros(20)

    def grad(x):
        total[:] += 2 * x
        return total.copy()

    report = check_gradient(square, grad, X20)
    assert report.verdict == "cannot tell"
    assert "twice the gradient" in report.reason
    assert "zero_grad" in report.reason
    assert "noise" not in report.reason


def test_a_state_that_moves_on_is_offered_beside_noise():
    calls = []

    def f(x):
        calls.append(0)
        return np.sum(x**2) + 0.1 * len(calls)

    report = check_gradient(f, double, X20)
    assert report.verdict == "cannot tell"
    assert "may draw new noise" in report.reason
    assert "may keep a state" in report.reason
    assert (
        f"{np.sum(X20**2) + 0.1:.9g}, then {np.sum(X20**2) + 0.2:.9g}" in report.reason
    )


def test_no_value_beside_x_has_two_readings():
    report = check_gradient(
        lambda x: 1.0 if x[0].real == 0 else np.inf, lambda x: x, np.zeros(1)
    )
    assert report.verdict == "cannot tell"
    assert "edge of the domain" in report.reason
    assert "may overflow" in report.reason
