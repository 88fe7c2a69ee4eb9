"""Mistakes in the KL made often: direction, powers, lost terms (E41)."""

import numpy as np

from minibnn.mistakes.catalogue import (
    Mistake,
    biased,
    gaussian_kl,
    gaussian_prior,
    known,
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

    means = log_sigma is None and "sigma" not in wrong
    needs = gaussian_prior if means else gaussian_kl
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
    __name__,
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
    _log("kl-ratio-unsquared", "sigma/s0 - 1", "Is the ratio one of variances?",
         lambda c: c.sigma / c.s0 - 1),
    _log("kl-half-lost-in-log", "(sigma/s0)² - 2", "Half of log(r) is?",
         lambda c: _r(c) - 2),
    _log("kl-half-lost-in-trace", "2 (sigma/s0)² - 1", "What is dr/dlog sigma?",
         lambda c: 2 * _r(c) - 1),
    _log("kl-mean-in-spread", "(sigma² + (mu - m0)²)/s0² - 1",
         "Which terms of the KL depend on sigma?",
         lambda c: (c.sigma**2 + _d(c) ** 2) / c.s0**2 - 1),
    _log("kl-inverse-ratio", "1 - (s0/sigma)²", "Which variance stands on top?",
         lambda c: 1 - (c.s0 / c.sigma) ** 2),
)  # fmt: skip


def _own(c):
    """Which weights are the likelihood's own."""
    return np.arange(c.model.n_weights) >= c.net.n_weights


def _has_own(c):
    return gaussian_prior(c) and c.model.likelihood.n_weights > 0


def _without_biases(value, c):
    keep = ~np.concatenate([c.net.is_bias, np.zeros(_own(c).sum(), bool)])
    return tuple(None if g is None else np.where(keep, g, 0) for g in value)


def _with_prior(m0, s0, value, c):
    g_log = None if value[1] is None else (c.sigma / s0) ** 2 - 1
    return (c.mu - m0) / s0**2, g_log


def _of_the_network(value, c):
    """The KL of log s with the prior of the network's first weight."""
    m0, s0 = (np.where(_own(c), a[0], a) for a in (c.m0, c.s0))
    return _with_prior(m0, s0, value, c)


_PARTS = "Which weights have a prior?"
known(
    __name__,
    Mistake("kl-biases-left-out", "E51", "the KL of the W alone", "of all weights",
            _PARTS, _AWAY, (("kl_q", _without_biases),), biased, placed=True),
    Mistake("kl-prior-of-the-network-for-the-noise-scale", "E41",
            "the prior of the network's weights for log s", "log s has its own prior",
            _PARTS, _PRIOR, (("kl_q", _of_the_network),), _has_own, placed=True),
    Mistake("kl-prior-of-the-neighbour", "E41", "prior of weight i + 1 for weight i",
            "prior of weight i", "Do prior and weights have the same order?", _PRIOR,
            (("kl_q", lambda value, c: _with_prior(
                np.roll(c.m0, -1), np.roll(c.s0, -1), value, c)),), gaussian_prior),
)  # fmt: skip
