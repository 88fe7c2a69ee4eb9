"""Negative log-likelihoods of one observation each, with their gradients.

Elementwise over network outputs F (..., S, B, C), then summed over the last two axes
to nll (..., S). Targets y have no sample axis: (..., B, C), or (..., B) class numbers.
F may be a transposed view; results keep its memory layout and its dtype. Kernels are
analytic in F and in the log scale t. Arguments are not checked here.
"""

import math

import numpy as np
from scipy.special import gammaln

from minibnn.kernels.equations import equation
from minibnn.kernels.gaussian_kl import HALF_LOG_2PI
from minibnn.kernels.maps import largest_exp, log1p, magnitude
from minibnn.plan.tape import short_on_tape


def _targets(F, y):
    """Targets in the real dtype of F, with a sample axis: (..., 1, B, C)."""
    return np.asanyarray(y, dtype=F.real.dtype)[..., None, :, :]


def _residual(F, y):
    """F - y in the memory layout of F."""
    return np.subtract(F, _targets(F, y), out=np.empty_like(F))


def _log_scale(F, t):
    """A real log scale in the real dtype of F; a complex one as it is."""
    t = np.asanyarray(t)
    return t if t.dtype.kind == "c" else t.astype(F.real.dtype, copy=False)


def _difference(a, b):
    """a - b and its rounding error (Knuth), for exponents whose last digit matters."""
    d = a - b
    v = d - a
    return d, (a - (d - v)) - (b + v)


def _total(elementwise):
    """Sum over observations B and outputs C: (..., S, B, C) -> (..., S)."""
    return elementwise.sum(axis=(-2, -1))


@equation("E31")
@np.errstate(over="ignore")
def gaussian_nll(F, y, t):
    """Gaussian observation with mean F and log standard deviation t.

    (E31)  nll = t + (r e^-t)^2/2 + log(2 pi)/2,   r = F - y
           dnll/dF = r e^-2t,   dnll/dt = 1 - (r e^-t)^2

    Derivation.  -log of exp(-r^2/(2 s^2)) / (s sqrt(2 pi)) with s = e^t. With
    v = r e^-t: dv/dF = e^-t and dv/dt = -v, so dnll/dF = v e^-t and
    dnll/dt = 1 + v dv/dt = 1 - v^2.

    Shapes.  F (...,S,B,C), y (...,B,C), t broadcasts to F  ->  nll (...,S), g_F and
    elementwise g_t of the shape of F; the caller sums g_t to the shape of t.
    """
    t = _log_scale(F, t)
    precision = largest_exp(-t)
    v = _residual(F, y) * precision
    return _total(t + (0.5 * v) * v + HALF_LOG_2PI), v * precision, 1 - v * v


@equation("E33")
def bernoulli_nll(F, y):
    """Bernoulli observation y in {0, 1} with logit F.

    (E33)  nll = log(1 + e^x),   x = (1 - 2y) F,   dnll/dF = (1 - 2y) sigmoid(x)

    Derivation.  P(y=1) = 1/(1 + e^-F) and P(y=0) = 1/(1 + e^F), hence
    P(y) = 1/(1 + e^x) for both labels and nll = softplus(x). By the chain rule
    dnll/dF = sigmoid(x) dx/dF, which is sigmoid(F) - y without the cancellation.

    Shapes.  F (...,S,B,C), y (...,B,C)  ->  nll (...,S), g_F (...,S,B,C).
    """
    sign = 1 - 2 * _targets(F, y)
    x = np.multiply(sign, F, out=np.empty_like(F))
    e = largest_exp(x)
    one_plus = 1 + e
    nll = np.maximum(x, _log_one_plus(one_plus, e))  # where e^x overflows, it is x
    g_F = e / one_plus
    return _total(nll), np.multiply(g_F, sign, out=g_F)


@short_on_tape(lambda one_plus, e: np.log(one_plus))
def _log_one_plus(one_plus, e):
    """log(1 + e), which keeps the digits of a small e."""
    return log1p(e)


@equation("E34")
def categorical_nll(F, y):
    """Class y in 0..C-1 with logits F over the last axis.

    (E34)  nll = M + log(sum_j e^(F_j - max F)),   M = max F - F_y,
           dnll/dF_j = p_j for j != y,   dnll/dF_y = -sum_(j != y) p_j

    Derivation.  nll = -log p_y with p = softmax(F), dnll/dF_j = p_j - [j = y], and
    p_y - 1 is minus the sum of the others. With o = sum_(j != y) e^(F_j - max F) the
    sum in E34 is o + e^-M, so nll = M + log1p(o + expm1(-M)). If y leads, M = 0 and
    nll = log1p(o) keeps a loss of 4e-18 at a lead of 40, which 1 + o would lose. If
    not, o >= 1 and nothing cancels.

    Shapes.  F (...,S,B,C), y (...,B) int  ->  nll (...,S), g_F (...,S,B,C).
    """
    hot = np.empty_like(F, dtype=bool)
    np.equal(np.asanyarray(y)[..., None, :, None], np.arange(F.shape[-1]), out=hot)
    top = F.max(axis=-1, keepdims=True)
    M = top - (F * hot).sum(axis=-1, keepdims=True)
    lead, rest = _difference(F, top)
    odds = np.exp(lead)
    others = (odds + odds * rest) * ~hot
    o = others.sum(axis=-1, keepdims=True)
    total = o + np.exp(-M)
    return _total(M + log1p(o + np.expm1(-M))), others / total - hot * (o / total)


@equation("E35")
@np.errstate(over="ignore")
def poisson_nll(F, y):
    """Count y = 0, 1, ... with log rate F.

    (E35)  nll = e^F - y F + log y!,   dnll/dF = e^F - y

    Derivation.  -log of rate^y e^-rate / y! with rate = e^F.

    Shapes.  F (...,S,B,C), y (...,B,C)  ->  nll (...,S), g_F (...,S,B,C).
    """
    y = _targets(F, y)
    rate = np.exp(F)
    nll = rate - np.multiply(y, F, out=np.empty_like(F)) + gammaln(y + 1)
    return _total(nll), np.subtract(rate, y, out=rate)


@equation("E36")
@np.errstate(over="ignore")
def student_t_nll(F, y, t, df):
    """Student-t observation with location F, log scale t and df degrees of freedom.

    (E36)  nll = t + (df + 1)/2 log(1 + a^2) + c(df),   a = (F - y) e^-t / sqrt(df)
           dnll/dF = (df + 1)/sqrt(df) e^-t a/(1 + a^2)
           dnll/dt = 1 - (df + 1) a^2/(1 + a^2)

    Derivation.  -log of the density Gamma((df+1)/2) / (Gamma(df/2) sqrt(df pi) e^t)
    (1 + a^2)^(-(df+1)/2); c(df) is `_student_t_constant`. The slope of
    log(1 + a^2)/2 is a/(1 + a^2), da/dF = e^-t/sqrt(df), da/dt = -a. To keep a^2 from
    overflowing put b = max(|a|, 1), k = a/b, c = k/b: then c^2 = min(a^2, 1/a^2) and
    log(1 + a^2) = 2 log b + log1p(c^2), a/(1 + a^2) = c/(1 + c^2),
    a^2/(1 + a^2) = k^2/(1 + c^2).

    Shapes.  As E31; df is one real number > 0.
    """
    t = _log_scale(F, t)
    precision = largest_exp(-t) / math.sqrt(df)
    a = _residual(F, y) * precision
    b = np.maximum(magnitude(a), 1)
    k = a / b
    c = k / b
    weight = (df + 1) / (1 + c * c)
    log_kernel = (df + 1) * (np.log(b) + 0.5 * log1p(c * c))
    nll = t + log_kernel + _student_t_constant(float(df))
    return _total(nll), weight * c * precision, 1 - weight * k * k


def _student_t_constant(df):
    """log Gamma(x) - log Gamma(x + 1/2) + log(2 x pi)/2 at x = df/2.

    A difference of two log Gammas cancels for large df. Stirling's series of the
    difference holds from x = 16 on; below, Gamma(x + 1) = x Gamma(x) leads up to there.
    """
    x = df / 2
    n = max(0, math.ceil(16 - x))
    steps = [math.log1p(0.5 / (x + i)) for i in range(n)]
    z = x + n
    terms = (1 / 8, -1 / 192, 1 / 640, -17 / 14336, 31 / 18432, -691 / 180224)
    series = sum(c * (1 / z) ** (2 * i + 1) for i, c in enumerate(terms))
    return math.fsum([HALF_LOG_2PI, series, *steps, -0.5 * math.log(z / x)])


@equation("E38")
def location_scale_information(df):
    """What one observation tells of its location F and of its log scale t.

    (E38)  E[∂²nll/∂F²] = e^-2t (1 + 1/df)/(1 + 3/df),   E[∂²nll/∂F∂t] = 0,
           E[∂²nll/∂t²] = 2/(1 + 3/df);   normal noise is df = inf: e^-2t, 0 and 2

    Derivation.  The mean of a second derivative over y ~ p(y | F, t) is the mean product
    of first derivatives, those of E36. With a from there u = a^2/(1 + a^2) has the
    Beta(1/2, df/2) distribution: mean 1/(df + 1), E[u(1 - u)] = df/((df + 1)(df + 3)),
    variance 2 df/((df + 1)^2 (df + 3)). Now dnll/dt = 1 - (df + 1) u, and the square of
    dnll/dF is (df + 1)^2/df e^-2t u(1 - u). dnll/dF is odd in y - F and dnll/dt even, so
    their product averages to 0.

    Shapes.  df a number > 0 or inf  ->  (e^2t times the first, the last), two floats.
    """
    return (1 + 1 / df) / (1 + 3 / df), 2 / (1 + 3 / df)


@equation("E37")
@np.errstate(over="ignore")
def sigmoid_gaussian_nll(F, y, t):
    """Labels y in {0, 1} taken as Normal(sigmoid(F), e^t): least squares on labels.

    Not a probability of labels: kept because published classifiers were trained so.

    (E37)  nll = t + (r e^-t)^2/2 + log(2 pi)/2,   r = sigmoid(F) - y
           dnll/dF = r e^-2t p(1 - p),   dnll/dt = 1 - (r e^-t)^2,   p = sigmoid(F)

    Derivation.  E31 with mean p, and dp/dF = p(1 - p). With x = (1 - 2y) F the residual
    is r = (1 - 2y) sigmoid(x), which does not cancel near p = y, and with e = e^-|x|
    p(1 - p) = e/(1 + e)^2 for either label.

    Shapes.  As E31.
    """
    sign = 1 - 2 * _targets(F, y)
    x = np.multiply(sign, F, out=np.empty_like(F))
    top = np.maximum(x, 0)
    e = np.exp(x - top - top)
    t = _log_scale(F, t)
    precision = np.exp(-t)
    v = np.exp(x - top) / (1 + e) * precision
    np.multiply(v, sign, out=v)
    g_F = v * precision * (e / (1 + e) ** 2)
    return _total(t + (0.5 * v) * v + HALF_LOG_2PI), g_F, 1 - v * v
