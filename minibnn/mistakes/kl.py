"""Mistakes in the KL itself: direction, powers, lost terms (E41)."""

import numpy as np

from minibnn.mistakes.catalogue import (
    Mistake,
    biased,
    fine,
    gaussian_kl,
    gaussian_prior,
    hidden,
    known,
    sigmas,
)

G_MEAN, G_LOG = "(mu - m0) / s0²", "(sigma/s0)² - 1"
_PRIOR = "use a prior whose scale is not 1 and differs between weights"
_PRIOR_MEAN = "use a prior whose mean is not 0"
_AWAY = "move q away from the prior: mu != m0 and sigma != s0"


def _gaussian(name, wrong, right, hint, reveal, mean=None, log_sigma=None):
    """A KL with other derivatives for mu and log sigma; None: as it should be."""

    def change(value, c):
        g_mean, g_log = value
        g_mean = g_mean if mean is None else mean(c)
        if g_log is not None and log_sigma is not None:
            g_log = log_sigma(c)
        return g_mean, g_log

    needs = (
        gaussian_prior if log_sigma is None and "sigma" not in wrong else gaussian_kl
    )
    return Mistake(name, "E41", wrong, right, hint, reveal, (("kl_q", change),), needs)


def _log(name, wrong, hint, function, reveal=_AWAY):
    wrong = f"∂KL/∂log sigma = {wrong}"
    return _gaussian(name, wrong, G_LOG, hint, reveal, log_sigma=function)


def _both(name, wrong, hint, mean, log_sigma, reveal=_PRIOR):
    return _gaussian(name, wrong, f"{G_MEAN}, {G_LOG}", hint, reveal, mean, log_sigma)


def _d(c):
    return c.mu - c.m0


def _r(c):
    return (c.sigma / c.s0) ** 2


_POWER = "Which power of the prior's standard deviation makes each term dimensionless?"
_TERMS = "Write KL = E_q log q - E_q log p. How many terms depend on sigma?"

known(
    _both("kl-direction-reversed",
          "KL(p || q): (mu - m0)/sigma², 1 - (s0² + (mu - m0)²)/sigma²",
          "Under which of the two densities is the expectation taken?",
          lambda c: _d(c) / c.sigma**2,
          lambda c: 1 - (c.s0**2 + _d(c) ** 2) / c.sigma**2, _AWAY),
    _log("kl-entropy-lost", "(sigma/s0)²", _TERMS, _r),
    _log("kl-trace-lost", "-1", _TERMS, lambda c: -np.ones_like(c.sigma)),
    _log("kl-entropy-sign", "(sigma/s0)² + 1",
         "As sigma goes to 0 the KL should grow. Does yours?", lambda c: _r(c) + 1),
    _log("kl-spread-term-lost", "0", "Can sigma move at all without data?",
         lambda c: 0 * c.sigma),
    _gaussian("kl-mean-term-lost", "∂KL/∂mu = 0", G_MEAN,
              "Does the KL not care where q is centred?", _AWAY,
              mean=lambda c: 0 * c.mu),
    _gaussian("kl-prior-mean-ignored", "∂KL/∂mu = mu / s0²", G_MEAN,
              "Where does the prior want mu to be?", _PRIOR_MEAN,
              mean=lambda c: c.mu / c.s0**2),
    _gaussian("kl-prior-mean-sign", "∂KL/∂mu = (mu + m0) / s0²", G_MEAN,
              "Where does the prior want mu to be?", _PRIOR_MEAN,
              mean=lambda c: (c.mu + c.m0) / c.s0**2),
    _gaussian("kl-mean-sign", "∂KL/∂mu = (m0 - mu) / s0²", G_MEAN,
              "Does a step against your gradient move mu towards m0?", _AWAY,
              mean=lambda c: -_d(c) / c.s0**2),
    _both("kl-prior-scale-unsquared", "(mu - m0)/s0, sigma²/s0 - 1", _POWER,
          lambda c: _d(c) / c.s0, lambda c: c.sigma**2 / c.s0 - 1),
    _both("kl-prior-scale-ignored", "mu - m0, sigma² - 1", _POWER,
          _d, lambda c: c.sigma**2 - 1),
    _both("kl-prior-variance-taken-for-scale", "(mu - m0)/s0⁴, sigma²/s0⁴ - 1",
          "Is GaussianPrior's second argument a variance or a standard deviation?",
          lambda c: _d(c) / c.s0**4, lambda c: c.sigma**2 / c.s0**4 - 1),
    _both("kl-prior-precision-inverted", "(mu - m0) s0², sigma² s0² - 1", _POWER,
          lambda c: _d(c) * c.s0**2, lambda c: (c.sigma * c.s0) ** 2 - 1),
    _gaussian("kl-divided-by-posterior-variance", "∂KL/∂mu = (mu - m0) / sigma²",
              G_MEAN, "Whose spread measures the distance of the means?", _AWAY,
              mean=lambda c: _d(c) / c.sigma**2),
    _log("kl-ratio-unsquared", "sigma/s0 - 1", "Is the ratio one of variances?",
         lambda c: c.sigma / c.s0 - 1),
    _log("kl-sigma-unsquared", "sigma/s0² - 1", "Is the ratio one of variances?",
         lambda c: c.sigma / c.s0**2 - 1),
    _log("kl-half-lost-in-log", "(sigma/s0)² - 2", "Half of log(r) is?",
         lambda c: _r(c) - 2),
    _log("kl-half-twice-in-log", "(sigma/s0)² - ½", "Half of log(r) is?",
         lambda c: _r(c) - 0.5),
    _log("kl-half-twice-in-trace", "(sigma/s0)²/2 - 1", "What is dr/dlog sigma?",
         lambda c: _r(c) / 2 - 1),
    _log("kl-half-lost-in-trace", "2 (sigma/s0)² - 1", "What is dr/dlog sigma?",
         lambda c: 2 * _r(c) - 1),
    _log("kl-mean-in-spread", "(sigma² + (mu - m0)²)/s0² - 1",
         "Which terms of the KL depend on sigma?",
         lambda c: (c.sigma**2 + _d(c) ** 2) / c.s0**2 - 1),
    _log("kl-inverse-ratio", "1 - (s0/sigma)²", "Which variance stands on top?",
         lambda c: 1 - (c.s0 / c.sigma) ** 2),
)  # fmt: skip


def _kept(selects):
    """The KL on some weights only."""

    def change(value, c):
        keep = selects(c)
        return tuple(None if g is None else np.where(keep, g, 0) for g in value)

    return (("kl_q", change),)


def _layer_of(c):
    """Number of the layer of every weight, -1 for the likelihood's own."""
    layers = [np.full(part.stop - part.start, i) for i, part in enumerate(c.net.slices)]
    own = np.full(c.model.likelihood.n_weights, -1)
    return np.concatenate([*layers, own])


def _is_bias(c):
    own = np.zeros(c.model.likelihood.n_weights, bool)
    return np.concatenate([c.net.is_bias, own])


def _tensor_mean(value, c):
    """Each W and each b averages its own KL."""
    size = np.ones(c.model.n_weights)
    key = next(iter(c.blocks.keys))
    for name, cut in zip(c.blocks.names, c.blocks.slices, strict=True):
        if name[0] == key:
            size[cut] = cut.stop - cut.start
    return tuple(None if g is None else g / size for g in value)


def _rolled(value, c):
    m0, s0 = np.roll(c.m0, -1), np.roll(c.s0, -1)
    g_log = None if value[1] is None else (c.sigma / s0) ** 2 - 1
    return (c.mu - m0) / s0**2, g_log


def _has_own(c):
    return c.model.likelihood.n_weights > 0


def _of_the_network(value, c):
    """The KL of log s with the prior of the network's first weight."""
    own = _layer_of(c) < 0
    m0, s0 = np.where(own, c.m0[0], c.m0), np.where(own, c.s0[0], c.s0)
    g_log = None if value[1] is None else (c.sigma / s0) ** 2 - 1
    return (c.mu - m0) / s0**2, g_log


def _sampled(value, c):
    """The pathwise gradient of log q - log p at the samples, as a KL."""
    z = (c.w - c.m0) / c.s0**2
    return z.mean(0), (z * c.noise).mean(0) * c.sigma - 1


_PARTS = "Which weights have a prior?"
known(
    Mistake("kl-averaged-over-each-tensor", "E51", "each W and b averages its own KL",
            "the sum over all weights", "Is the KL of several weights a sum or a mean?",
            "take tensors of more than one weight", (("kl_q", _tensor_mean),), fine),
    Mistake("kl-biases-left-out", "E51", "the KL of the W alone", "of all weights",
            _PARTS, _AWAY, _kept(lambda c: ~_is_bias(c)), biased, placed=True),
    Mistake("kl-only-last-layer", "E51", "the KL of the last layer", "of all layers",
            _PARTS, _AWAY, _kept(lambda c: _layer_of(c) == c.L - 1), hidden,
            placed=True),
    Mistake("kl-only-first-layer", "E51", "the KL of the first layer", "of all layers",
            _PARTS, _AWAY, _kept(lambda c: _layer_of(c) == 0), hidden, placed=True),
    Mistake("kl-last-layer-left-out", "E51", "the KL without the last layer",
            "of all layers", _PARTS, _AWAY, _kept(lambda c: _layer_of(c) != c.L - 1),
            hidden, placed=True),
    Mistake("kl-noise-scale-left-out", "E51", "no prior on the log noise scale",
            "the KL of every entry of w", _PARTS, _AWAY,
            _kept(lambda c: _layer_of(c) >= 0), lambda c: fine(c) and _has_own(c),
            placed=True),
    Mistake("kl-prior-of-the-network-for-the-noise-scale", "E41",
            "the prior of the network's weights for log s", "log s has its own prior",
            _PARTS, _PRIOR, (("kl_q", _of_the_network),),
            lambda c: gaussian_prior(c) and _has_own(c), placed=True),
    Mistake("kl-prior-of-the-neighbour", "E41", "prior of weight i + 1 for weight i",
            "prior of weight i", "Do prior and weights have the same order?",
            _PRIOR, (("kl_q", _rolled),), gaussian_prior),
    Mistake("kl-sampled", "E41", "(1/S) Σ_s (w_s - m0)/s0² ∘ (1, eps_s sigma) - (0, 1)",
            f"{G_MEAN}, {G_LOG}",
            "A sample of log q - log p is unbiased, but is it what the loss contains?",
            "take few samples", (("kl_q", _sampled),),
            lambda c: sigmas(c) and c.gaussian_prior and not c.local),
)  # fmt: skip
