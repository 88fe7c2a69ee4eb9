"""Mistakes in the noise and in the mean over samples (E14, E61)."""

import numpy as np

from minibnn.mistakes.catalogue import (
    Mistake,
    family_of_mistakes,
    fine,
    known,
    pathwise,
    sigmas,
)

_RIGHT = "∂loss/∂sigma = (N/B) (1/S) Σ_s g_s ∘ eps_s"
_WHICH = "w = mu + sigma ∘ eps: which number multiplies a small change of sigma?"
_SAME = "Which eps made the weights at which g_s was computed?"
_SAMPLES = "take S >= 3 samples"


def _eps(
    name, wrong, hint, function, reveal="take noise that is not ±1", needs=pathwise
):
    changes = (("eps", function),)
    wrong = f"(N/B) (1/S) Σ_s {wrong}"
    return Mistake(name, "E14", wrong, _RIGHT, hint, reveal, changes, needs)


def _columns(value, c):
    """The noise of each W read column by column."""
    out = value.copy()
    for part, (rows, H) in zip(c.net.slices, c.net.shapes, strict=True):
        n = (rows - c.net.bias) * H
        block = value[:, part.start : part.start + n].reshape(len(value), H, -1)
        out[:, part.start : part.start + n] = block.swapaxes(1, 2).reshape(
            len(value), n
        )
    return out


def _restarted(value, c):
    """Every layer reads its noise from the start of the vector."""
    out = value.copy()
    for part in c.net.slices:
        out[:, part] = value[:, : part.stop - part.start]
    return out


def _every_tensor_restarted(value, c):
    """Every W and b reads its noise from the start: the same seed for each tensor."""
    out = value.copy()
    for name, cut in zip(c.blocks.names, c.blocks.slices, strict=True):
        if name[0] == "mu":
            out[:, cut] = value[:, : cut.stop - cut.start]
    return out


known(
    _eps("eps-missing", "g_s", _WHICH, lambda e, c: np.ones_like(e)),
    _eps("eps-sign", "-g_s ∘ eps_s", _WHICH, lambda e, c: -e),
    _eps("eps-times-sigma", "g_s ∘ sigma ∘ eps_s",
         "Do you differentiate for sigma or for log sigma?",
         lambda e, c: c.sigma * e, "take sigma other than 1"),
    _eps("eps-divided-by-sigma", "g_s ∘ eps_s / sigma",
         "(w - mu)/sigma is eps already.", lambda e, c: e / c.sigma,
         "take sigma other than 1"),
    _eps("eps-replaced-by-weight", "g_s ∘ w_s", _WHICH, lambda e, c: c.w),
    _eps("eps-replaced-by-sigma", "g_s ∘ sigma", _WHICH,
         lambda e, c: np.broadcast_to(c.sigma, e.shape)),
    _eps("eps-squared", "g_s ∘ eps_s²", _WHICH, lambda e, c: e * e),
    _eps("eps-modulus", "g_s ∘ |eps_s|", _WHICH, lambda e, c: np.abs(e)),
    _eps("eps-of-the-next-sample", "g_s ∘ eps_{s+1}", _SAME,
         lambda e, c: np.roll(e, -1, 0), _SAMPLES),
    _eps("eps-of-the-previous-sample", "g_s ∘ eps_{s-1}", _SAME,
         lambda e, c: np.roll(e, 1, 0), _SAMPLES),
    _eps("eps-samples-reversed", "g_s ∘ eps_{S-s}", _SAME, lambda e, c: e[::-1],
         _SAMPLES),
    _eps("eps-of-the-first-sample", "g_s ∘ eps_1", _SAME,
         lambda e, c: np.broadcast_to(e[:1], e.shape), _SAMPLES),
    _eps("eps-of-the-last-sample", "g_s ∘ eps_S", _SAME,
         lambda e, c: np.broadcast_to(e[-1:], e.shape), _SAMPLES),
    _eps("eps-averaged", "g_s ∘ (mean of eps)",
         "Is a mean of products the product of the means?",
         lambda e, c: np.broadcast_to(e.mean(0), e.shape), _SAMPLES),
    _eps("eps-shifted-by-one-weight", "g_si eps_s,i+1", _SAME,
         lambda e, c: np.roll(e, -1, 1)),
    _eps("eps-shifted-back-by-one-weight", "g_si eps_s,i-1", _SAME,
         lambda e, c: np.roll(e, 1, 1)),
    _eps("eps-reversed", "g_si eps_s,P-i", _SAME, lambda e, c: e[:, ::-1]),
    _eps("eps-column-order", "g_s ∘ eps_s read column by column",
         "In which order are the entries of W laid out?", _columns,
         "take layers with more than one row and column"),
    _eps("eps-same-for-every-layer", "g_s ∘ eps_s from its start in every layer",
         "Does every layer have noise of its own?", _restarted,
         "take more than one layer"),
    _eps("eps-same-for-every-tensor", "g_s ∘ eps_s from its start in every W and b",
         "Does every tensor have noise of its own?", _every_tensor_restarted,
         "take more than one tensor"),
)  # fmt: skip


def _samples(function):
    """The same change of the per-sample gradients for mean and sigma."""

    def change(value, c):
        return tuple(None if g is None else function(g, c) for g in value)

    return (("samples", change),)


def _chosen(name, wrong, hint, function, reveal=_SAMPLES):
    right = "(1/S) Σ_s over all samples"
    return Mistake(name, "E61", wrong, right, hint, reveal, _samples(function), fine)


def _only(s, alone):
    """Sample s alone, as if it were all there is, or still divided by S."""

    def function(g, c):
        out = np.zeros_like(g)
        out[s] = g[s] * (c.S if alone else 1)
        return out

    return function


known(
    _chosen("only-first-sample", "the first sample alone",
            "What does a loop return that overwrites instead of adding?",
            _only(0, True)),
    _chosen("only-last-sample", "the last sample alone",
            "What does a loop return that overwrites instead of adding?",
            _only(-1, True)),
    _chosen("only-first-sample-over-s", "the first sample over S",
            "How many terms does your sum have?", _only(0, False)),
    _chosen("only-last-sample-over-s", "the last sample over S",
            "How many terms does your sum have?", _only(-1, False)),
    Mistake("reparameterization-detached", "E14", "no data term for sigma", _RIGHT,
            "Does the data not care how wide q is?", "take noise that is not 0",
            (("dsigma", lambda value, c: 0 * value),), sigmas),
    Mistake("mean-detached", "E14", "no data term for mu", "(N/B) (1/S) Σ_s g_s",
            "Does the data not care where q is?", "take data that pulls",
            (("samples", lambda value, c: (0 * value[0], value[1])),), sigmas),
)  # fmt: skip


@family_of_mistakes
def dropped_samples(chain):
    """One sample left out or counted twice, for each sample."""
    if chain.S > 32 or not chain.fine:
        return []
    return [
        _chosen(f"{word}-sample-{s + 1}", f"sample {s + 1} {how}",
                "How many terms does your sum over samples have?", _weighted(s, weight))
        for s in range(chain.S)
        for word, how, weight in (("dropped", "left out", 0), ("doubled", "twice", 2))
    ]  # fmt: skip


def _weighted(s, weight):
    def function(g, c):
        out = g.copy()
        out[s] *= weight
        return out

    return function
