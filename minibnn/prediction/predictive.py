"""Predictive quantities: averages over posterior samples that keep their last digits.

Samples are axis 0: arrays are (S, N), or (S, N, C) with C classes. The naive forms
lose everything just where a Bayesian looks: log mean exp(z) overflows, E f² - (E f)²
and H(mean) - mean H cancel and go negative. Nothing here is checked; the dtype is kept.
"""

import numpy as np
from scipy.special import softmax

from minibnn.equations import equation


@equation("E81")
def predictive_mean(means):
    """Mean of the predictive distribution: the average of the samples' means.

    (E81)  E[y] = 1/S Σ_s E[y | w_s]

    Derivation.  The predictive density is the mixture p(y) = 1/S Σ_s p(y | w_s), and
                 the mean is linear in the density. For class probabilities the same
                 line reads p(y = k) = 1/S Σ_s p_sk: probabilities are averaged, never
                 logits or log-probabilities.
    Shapes.      means (S, ...)  →  (...)
    """
    return _average(means)


@equation("E82")
def predictive_variance(means, variances):
    """Variance of the predictive distribution in two parts: (aleatoric, epistemic).

    (E82)  Var[y] = 1/S Σ_s v_s + 1/S Σ_s (m_s - m̄)²

    Derivation.  With m_s, v_s mean and variance of p(y | w_s) and m̄ from E81,
                 E[y²] = 1/S Σ (v_s + m_s²), so
                 Var[y] = 1/S Σ v_s + 1/S Σ m_s² - m̄²  (law of total variance).
                 The last two terms are the spread of the m_s; they are summed as
                 squares after subtracting first m_0 and then the mean, so that they
                 cannot cancel and equal samples give exactly 0.
    Shapes.      means, variances (S, ...)  →  (...), (...)
    """
    with np.errstate(invalid="ignore", over="ignore"):
        spread = means - means[:1]
        epistemic = _average((spread - _average(spread)) ** 2)
    # only means beyond the largest float differ by nan: their spread has no bound
    return _average(variances), np.where(np.isnan(epistemic), np.inf, epistemic)


@equation("E05", "E83")
def log_mean_exp(z, axis=0):
    """Log of the mean of exp(z): the log predictive density from z_s = log p(y | w_s).

    (E05)  p(y | x, D) = ∫ p(y | x, w) p(w | D) dw ≈ 1/S Σ_s p(y | x, w_s)
    (E83)  log 1/S Σ_s e^{z_s} = m + log1p(1/S Σ_s expm1(z_s - m))

    Derivation.  p(y | x, D) = p(D, y | x) / p(D). Given w rows are independent (E07), so
                 the upper one is ∫ p(y | x, w) p(D | w) p(w) dw, and p(D | w) p(w) / p(D)
                 is the posterior (E01). Draws of it, or of the q that stands in its
                 place, turn the integral into a mean. Its log:
                 log(1/S Σ e^z) = m + log(1/S Σ e^{z-m}) for every m, and
                 1/S Σ e^{z-m} = 1 + 1/S Σ expm1(z-m). m = max z where that could over-
                 or underflow; else m = 0, so that m and the logarithm cannot cancel.
                 Where the mean of e^{z-m} is below 1/2, log itself is accurate and
                 log1p is not.
    Shapes.      z (S, ...)  →  (...); any other axis likewise. z_s = -inf is allowed.
    """
    z = np.moveaxis(z, axis, 0)
    top = np.max(z, axis=0)
    shift = np.where(np.abs(top) > 60, top, 0)
    z = z - np.where(np.isfinite(shift), shift, 0)
    excess = _average(np.expm1(z))
    with np.errstate(divide="ignore"):  # log 0 = -inf is the answer if all z are -inf
        small = np.log(np.minimum(_average(np.exp(z)), 0.5))
    return shift + np.where(excess > -0.5, np.log1p(np.maximum(excess, -0.5)), small)


@equation("E84")
def bernoulli_entropy(logits):
    """Entropy of a yes/no outcome from its logit l, in nats.

    (E84)  H = a σ(-a) + log1p(e^{-a}),  a = |l|

    Derivation.  H = -p log p - (1-p) log(1-p) is even in l, so take l = a ≥ 0. With
                 log p = -log1p(e^{-a}) and log(1-p) = -a - log1p(e^{-a}) it is
                 H = log1p(e^{-a}) + a (1-p), 1-p = σ(-a) = e^{-a}/(1+e^{-a}):
                 two terms ≥ 0, where the form in p loses 1-p for a > 36.
    Shapes.      elementwise.
    """
    a = np.abs(logits)
    half, small = np.exp(-a / 2), np.exp(-a)
    # a e^{-a} in two steps: e^{-a} is denormal from 708 on, H only from 715
    return (a * half) * half / (1 + small) + np.log1p(small)


@equation("E85")
def categorical_entropy(logits):
    """Entropy over C classes from logits (or log-probabilities), in nats.

    (E85)  H = log1p(r) + Σ_{j≠k} e^{d_j} (-d_j) / (1+r),  r = Σ_{j≠k} e^{d_j},
           d_j = z_j - z_k,  k = argmax z

    Derivation.  p_j = e^{d_j}/(1+r) and log p_j = d_j - log1p(r), so
                 H = -Σ p_j log p_j = log1p(r) - Σ p_j d_j with d_k = 0 and d_j ≤ 0:
                 a sum of terms ≥ 0. A shift of all logits changes nothing.
    Shapes.      logits (..., C)  →  (...); -inf marks an impossible class.
    """
    top = np.argmax(logits, axis=-1, keepdims=True)
    d = logits - np.take_along_axis(logits, top, axis=-1)
    e = np.exp(d)
    np.put_along_axis(e, top, 0, axis=-1)
    r = np.sum(e, axis=-1)
    d = np.where(e > 0, d, 0)  # 0 · inf
    return np.log1p(r) - np.sum(e * d, axis=-1) / (1 + r)


@equation("E86")
def mutual_information(logits):
    """Mutual information of the class and the weights (BALD), in nats, never negative.

    (E86)  I = 1/S Σ_s Σ_k p̄_k ψ((p_sk - p̄_k)/p̄_k),  ψ(t) = (1+t) log(1+t) - t

    Derivation.  I = H(p̄) - 1/S Σ_s H(p_s) = 1/S Σ_s Σ_k p_sk log(p_sk/p̄_k), the mean
                 KL of the samples from their mean. With t = p_sk/p̄_k - 1 the summand
                 is p̄_k (1+t) log(1+t), and 1/S Σ_s t = 0 lets us subtract t. Every
                 term is then ≥ 0 and of second order in t: nothing cancels.
                 Where p_sk - p̄_k is small it comes from the logits' differences.
    Shapes.      logits (S, ..., C)  →  (...)
    """
    mean, spread = _mean_and_spread(_classes_first(logits))
    possible = mean > 0
    t = np.where(possible, spread, 0) / np.where(possible, mean, 1)
    terms = _psi(np.maximum(t, -1))
    return np.sum(mean[..., 0] * np.mean(terms, axis=-1), axis=0)


def bernoulli_mutual_information(logits):
    """Mutual information of a yes/no outcome and the weights: E86 with logits (l, 0).

    Shapes: logits (S, ...) → (...).
    """
    return mutual_information(np.stack([logits, np.zeros_like(logits)], axis=-1))


def _classes_first(logits):
    """Logits (S, ..., C) as (C, ..., S): sums over few classes are then quick."""
    return np.ascontiguousarray(np.moveaxis(np.moveaxis(logits, -1, 0), 1, -1))


def _mean_and_spread(z):
    """Logits (C, ..., S) → p̄ (C, ..., 1), p_s - p̄ (C, ..., S), accurate however small.

    With D = z_s - z_0, centred so that Σ p_0 D = 0, the change of log p is
    D - log1p(Σ p_0 expm1(D)), and p_s - p_0 = p_0 expm1(that). Used where all |D| < 1.
    """
    p = softmax(z, axis=0)
    mean, step = np.mean(p, axis=-1, keepdims=True), z - z[..., :1]
    step = step - np.sum(p[..., :1] * step, axis=0)
    spread, near = p - mean, np.max(np.abs(step), axis=(0, -1)) < 1
    first, step = p[:, near, :1], step[:, near]
    moved = np.log1p(np.sum(first * np.expm1(step), axis=0))
    change = first * np.expm1(step - moved)
    spread[:, near] = change - np.mean(change, axis=-1, keepdims=True)
    return mean, spread


def _psi(t):
    """(1+t) log(1+t) - t for t ≥ -1; near 0 its series Σ_{k≥2} (-t)^k/(k(k-1))."""
    v = np.where(t > -1, t, 0)  # 0 log 0 = 0 at t = -1
    psi, near = (1 + t) * np.log1p(v) - t, np.abs(t) < 0.1
    u = t[near]
    series = np.zeros_like(u)
    for k in range(18, 1, -1):  # 0.1^17 / 171 is below one ulp of the first term
        series = 1 / (k * (k - 1)) - u * series
    psi[near] = u**2 * series
    return psi


def _average(values):
    """Mean over axis 0; NumPy adds pairwise only along contiguous memory."""
    return np.mean(np.ascontiguousarray(np.moveaxis(values, 0, -1)), axis=-1)
