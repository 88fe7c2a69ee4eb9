"""Mistakes with the noise, and with the mean over samples, made often (E14, E61)."""

import numpy as np

from minibnn.mistakes.catalogue import Mistake, fine, known, pathwise, sigmas

_RIGHT = "∂loss/∂sigma = (N/B) (1/S) Σ_s g_s ∘ eps_s"
_WHICH = "w = mu + sigma ∘ eps: which number multiplies a small change of sigma?"
_SAME = "Which eps made the weights at which g_s was computed?"
_SAMPLES = "take S >= 3 samples"
_LOOP = "What does a loop return that overwrites instead of adding?"


def _eps(name, wrong, hint, function, reveal="take noise that is not ±1"):
    return Mistake(name, "E14", f"(N/B) (1/S) Σ_s {wrong}", _RIGHT, hint, reveal,
                   (("eps", function),), pathwise)  # fmt: skip


def _alone(name, wrong, hint, s, weight):
    """Sample s alone, as if it were all there is, or still divided by S."""

    def function(g, c):
        out = np.zeros_like(g)
        out[s] = g[s] * weight(c)
        return out

    change = ("samples", lambda value, c: tuple(
        None if g is None else function(g, c) for g in value))  # fmt: skip
    return Mistake(name, "E61", wrong, "(1/S) Σ_s over all samples", hint, _SAMPLES,
                   (change,), fine)  # fmt: skip


known(
    __name__,
    _eps("eps-missing", "g_s", _WHICH, lambda e, c: np.ones_like(e)),
    _eps("eps-sign", "-g_s ∘ eps_s", _WHICH, lambda e, c: -e),
    _eps("eps-times-sigma", "g_s ∘ sigma ∘ eps_s",
         "Do you differentiate for sigma or for log sigma?",
         lambda e, c: c.sigma * e, "take sigma other than 1"),
    _eps("eps-replaced-by-weight", "g_s ∘ w_s", _WHICH, lambda e, c: c.w),
    _eps("eps-of-the-next-sample", "g_s ∘ eps_{s+1}", _SAME,
         lambda e, c: np.roll(e, -1, 0), _SAMPLES),
    _eps("eps-samples-reversed", "g_s ∘ eps_{S-s}", _SAME, lambda e, c: e[::-1],
         _SAMPLES),
    _eps("eps-of-the-first-sample", "g_s ∘ eps_1", _SAME,
         lambda e, c: np.broadcast_to(e[:1], e.shape), _SAMPLES),
    _eps("eps-averaged", "g_s ∘ (mean of eps)",
         "Is a mean of products the product of the means?",
         lambda e, c: np.broadcast_to(e.mean(0), e.shape), _SAMPLES),
    _eps("eps-shifted-by-one-weight", "g_si eps_s,i+1", _SAME,
         lambda e, c: np.roll(e, -1, 1)),
    _eps("eps-reversed", "g_si eps_s,P-i", _SAME, lambda e, c: e[:, ::-1]),
    _alone("only-first-sample", "the first sample alone", _LOOP, 0, lambda c: c.S),
    _alone("only-last-sample", "the last sample alone", _LOOP, -1, lambda c: c.S),
    _alone("only-first-sample-over-s", "the first sample over S",
           "How many terms does your sum have?", 0, lambda c: 1),
    Mistake("reparameterization-detached", "E14", "no data term for sigma", _RIGHT,
            "Does the data not care how wide q is?", "take noise that is not 0",
            (("dsigma", lambda value, c: 0 * value),), sigmas),
    Mistake("mean-detached", "E14", "no data term for mu", "(N/B) (1/S) Σ_s g_s",
            "Does the data not care where q is?", "take data that pulls",
            (("samples", lambda value, c: (0 * value[0], value[1])),), sigmas),
)  # fmt: skip
