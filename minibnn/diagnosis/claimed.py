"""The claimed gradient: however it is handed over, a dict of finite arrays."""

import inspect

import numpy as np

from minibnn.gradcheck.problem import as_array
from minibnn.validation.arguments import check_finite, check_shape
from minibnn.validation.describe import ArgumentTypeError, describe


def claimed_gradient(given, case):
    """(dict of float64 arrays, dtype it came in) of a gradient or a function of it."""
    if isinstance(given, type):
        raise ArgumentTypeError(
            f"student_gradient must be a dict or a function, got {describe(given)}"
        )
    gradient = _called(given, case) if callable(given) else given
    if isinstance(gradient, tuple) and len(gradient) > 1:  # (loss, gradient, ...)
        gradient = gradient[1]
    if not isinstance(gradient, dict) or set(gradient) != set(case.params):
        got = sorted(gradient) if isinstance(gradient, dict) else describe(gradient)
        raise ArgumentTypeError(
            "student_gradient must be, or return, a dict with the keys "
            f"{sorted(case.params)}, got {got}"
        )
    arrays = {
        key: _checked(f"student_gradient[{key!r}]", gradient[key], np.shape(array))
        for key, array in case.params.items()
    }
    kinds = [array.dtype for array in arrays.values()]
    dtype = max(kinds, key=lambda kind: np.finfo(kind).eps)
    return {key: array.astype(float) for key, array in arrays.items()}, dtype


def _checked(name, value, shape):
    array = as_array(value, name)
    if array.dtype.kind not in "fiu":
        raise ArgumentTypeError(f"{name} must hold real numbers, got {describe(value)}")
    if array.dtype.kind in "iu":
        raise ArgumentTypeError(
            f"{name} must hold floating-point numbers, got whole numbers of dtype "
            f"{array.dtype}; make the array with float entries, or astype(float)"
        )
    return check_finite(name, check_shape(name, array, shape))


def _called(function, case):
    """Call a student's function with what it asks for."""
    names = list(inspect.signature(function).parameters.values())
    wanted = [p for p in names if p.default is p.empty and p.kind in _POSITIONAL]
    positional = [p for p in names if p.kind in _POSITIONAL]
    given = {"n_data": case.n_data, "kl_weight": case.kl_weight}
    params = {key: np.array(array) for key, array in case.params.items()}
    data = params, case.noise, case.X, case.y
    if positional and positional[0].name == "model":
        return function(
            case.model, case.family, *data, **given, estimator=case.estimator
        )
    if len(positional) == 1 or len(wanted) == 1:
        return function(case)
    named = {p.name for p in names if p.kind != p.VAR_POSITIONAL}
    return function(*data, **{key: given[key] for key in given if key in named})


_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def frozen_noise(function, case, first):
    """Whether a second call gives the same gradient again."""
    second, _ = claimed_gradient(function, case)
    return all(np.array_equal(first[key], second[key]) for key in first)


def takes(function, name):
    """Whether a student's function is told the number ``name`` of a case."""
    names = list(inspect.signature(function).parameters.values())
    positional = [p for p in names if p.kind in _POSITIONAL]
    wanted = [p for p in positional if p.default is p.empty]
    if len(positional) == 1 or len(wanted) == 1:
        return True
    return positional[0].name == "model" or name in {p.name for p in names}
