"""Mistakes in the variance path of local reparameterization (E62)."""

import numpy as np

from minibnn.mistakes.along import in_all
from minibnn.mistakes.catalogue import Mistake, hidden, known, local

_DRAW = "∂z/∂v = eps / (2 √v)"
_SQUARE = "Differentiate √v, slowly."
_SAME = "Which eps made this pre-activation?"
_SAMPLES = "take S >= 3 samples"


def _each(function):
    """The same change in every layer: ``function(value, sd, eps)``."""

    def change(values, c):
        out = []
        for i, half in enumerate(values):
            sd = np.sqrt(c.back_var[i].swapaxes(-1, -2) @ c.squares[i])
            out.append(function(half, sd, 2 * half * sd))
        return out

    return (("half_noise", change),)


def _slope(name, wrong, hint, function, reveal="take variances other than 1"):
    return Mistake(name, "E62", f"∂z/∂v = {wrong}", _DRAW, hint, reveal,
                   _each(function), local)  # fmt: skip


def _all(link, function):
    return ((link, in_all(function)),)


def _sigma(function):
    return (("samples", lambda value, c: (value[0], function(value[1], c))),)


def _local_and_hidden(c):
    return local(c) and hidden(c)


_MOMENTS = "∂v/∂sigma = 2 sigma ∘ a²"
_INPUT = "∂v/∂a = 2 a ∘ Σ sigma²"
_WIDE = "take sigmas other than ½ and 1"
_HOW = "v = Σ sigma² a². How does it change with sigma, how with a?"
_BOTH = "By how many ways does an input reach the next pre-activation?"
_DEEP = "take a network with a hidden layer and sigmas that are not tiny"

known(
    __name__,
    _slope("local-half-missing", "eps / √v", _SQUARE, lambda h, sd, e: 2 * h),
    _slope("local-root-missing", "eps / (2 v)", _SQUARE, lambda h, sd, e: h / sd),
    _slope("local-variance-taken-for-sd", "eps / 2", _SQUARE, lambda h, sd, e: h * sd),
    _slope("local-chain-of-sd-missing", "eps", _SQUARE, lambda h, sd, e: e),
    _slope("local-root-upside-down", "eps √v / 2", _SQUARE, lambda h, sd, e: h * sd**2),
    _slope("eps-missing", "1 / (2 √v)", _SQUARE, lambda h, sd, e: 1 / (2 * sd)),
    _slope("eps-sign", "-eps / (2 √v)", _SQUARE, lambda h, sd, e: -h),
    _slope("eps-of-the-next-sample", "eps_{s+1} / (2 √v)", _SAME,
           lambda h, sd, e: np.roll(e, -1, 0) / (2 * sd), _SAMPLES),
    _slope("eps-of-the-previous-sample", "eps_{s-1} / (2 √v)", _SAME,
           lambda h, sd, e: np.roll(e, 1, 0) / (2 * sd), _SAMPLES),
    _slope("eps-samples-reversed", "eps_{S-s} / (2 √v)", _SAME,
           lambda h, sd, e: e[::-1] / (2 * sd), _SAMPLES),
    _slope("eps-of-the-first-sample", "eps_1 / (2 √v)", _SAME,
           lambda h, sd, e: e[:1] / (2 * sd), _SAMPLES),
    _slope("eps-of-the-next-row", "eps_{b+1} / (2 √v)", _SAME,
           lambda h, sd, e: np.roll(e, -1, 2) / (2 * sd), "take more than one row"),
    _slope("eps-of-the-next-unit", "eps_{h+1} / (2 √v)", _SAME,
           lambda h, sd, e: np.roll(e, -1, 1) / (2 * sd), "take wider layers"),
    _slope("eps-shared-over-rows", "the first row's eps / (2 √v)", _SAME,
           lambda h, sd, e: np.broadcast_to(e[:, :, :1], e.shape) / (2 * sd),
           "take more than one row"),
    Mistake("local-inputs-unsquared", "E62", "∂v/∂sigma = 2 sigma ∘ a", _MOMENTS, _HOW,
            "take inputs other than 0 and 1",
            (("squares", lambda value, c: c.inputs),), local),
    Mistake("local-two-missing", "E62", "∂v/∂sigma = sigma ∘ a²", _MOMENTS, _HOW, _WIDE,
            _sigma(lambda g, c: g / 2), local),
    Mistake("local-sigma-missing", "E62", "∂v/∂sigma = 2 a²", _MOMENTS, _HOW, _WIDE,
            _sigma(lambda g, c: g / c.sigma), local),
    Mistake("local-two-sigma-missing", "E62", "∂v/∂sigma = a²", _MOMENTS, _HOW, _WIDE,
            _sigma(lambda g, c: g / c.sigma / 2), local),
    Mistake("local-sigma-squared", "E62", "∂v/∂sigma = 2 sigma² ∘ a²", _MOMENTS, _HOW,
            _WIDE, _sigma(lambda g, c: g * c.sigma), local),
    Mistake("local-variance-path-to-inputs-lost", "E62", "∂z/∂a through the mean alone",
            "through mean and variance", _BOTH, _DEEP,
            _all("twice_inputs", lambda a, c: 0 * a), _local_and_hidden),
    Mistake("local-mean-path-to-inputs-lost", "E62", "∂z/∂a through the variance alone",
            "through mean and variance", _BOTH, _DEEP,
            _all("back", lambda M, c: 0 * M), _local_and_hidden),
    Mistake("local-input-two-missing", "E62", "∂v/∂a = a ∘ Σ sigma²", _INPUT, _HOW,
            _DEEP, _all("twice_inputs", lambda a, c: a / 2), _local_and_hidden),
    Mistake("local-input-factor-missing", "E62", "∂v/∂a = 2 Σ sigma²", _INPUT, _HOW,
            _DEEP, _all("twice_inputs", lambda a, c: np.full_like(a, 2.0)),
            _local_and_hidden),
    Mistake("local-input-factors-missing", "E62", "∂v/∂a = Σ sigma²", _INPUT, _HOW,
            _DEEP, _all("twice_inputs", lambda a, c: np.ones_like(a)),
            _local_and_hidden),
    Mistake("local-variance-unsquared", "E62", "∂v/∂a = 2 a ∘ Σ sigma", _INPUT, _HOW,
            _DEEP, _all("back_var", lambda V, c: np.sqrt(V)), _local_and_hidden),
)  # fmt: skip
