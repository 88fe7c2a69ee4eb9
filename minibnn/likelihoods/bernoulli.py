"""The Bernoulli likelihood: labels 0 or 1."""

import numpy as np
from scipy.special import expit

from minibnn.equations import equation
from minibnn.likelihoods.base import Likelihood, targets_of, times, total_of
from minibnn.numerics import largest_exp, log_one_plus, sigmoid
from minibnn.validation.arguments import check_all
from minibnn.validation.labels import one_hot, remedy


@equation("E33")
def bernoulli_nll(F, y):
    """Bernoulli observation y in {0, 1} with logit F.

    (E33)  nll = log(1 + e^x),   x = (1 - 2y) F,   dnll/dF = (1 - 2y) sigmoid(x)

    Derivation.  P(y=1) = 1/(1 + e^-F) and P(y=0) = 1/(1 + e^F), hence
    P(y) = 1/(1 + e^x) for both labels and nll = softplus(x). By the chain rule
    dnll/dF = sigmoid(x) dx/dF, which is sigmoid(F) - y without the cancellation.

    Shapes.  F (...,S,B,C), y (...,B,C)  ->  nll (...,S), g_F (...,S,B,C).
    """
    sign = 1 - 2 * targets_of(F, y)
    x = times(F, sign)
    e = largest_exp(x)
    one_plus = 1 + e
    nll = np.maximum(x, log_one_plus(one_plus, e))  # where e^x overflows, it is x
    g_F = e / one_plus
    return total_of(nll), np.multiply(g_F, sign, out=g_F)


class Bernoulli(Likelihood):
    """Labels 0 or 1 from the logit f: p = 1 / (1 + exp(-f)) (E33)."""

    label, kind, support, canonical = "E33", "classification", "labels", True

    def __repr__(self):
        return "Bernoulli()"

    @classmethod
    def examples(cls):
        """The one there is, and its one output: the logit."""
        return [(cls(), 1)]

    def in_scipy(self, F, v):
        """bernoulli(p)."""
        return "bernoulli", expit(F)

    def hessian_root(self, F, v):
        """√(p (1 - p)) on the diagonal; it does not depend on y."""
        return np.sqrt(sigmoid(F) * sigmoid(-F))[..., None] * np.eye(F.shape[-1])

    def shape_hint(self, got, wanted):
        """Two columns for one output are one-hot labels, most likely."""
        if got == wanted[:-1] and wanted[-1] > 1:
            k, one = wanted[-1], "one label of all is for Categorical()"
            return f"; {k} outputs are {k} answers to every row, {one}"
        return one_hot(got, wanted, 2)

    def check_values(self, y):
        """Labels are 0 or 1."""
        good = (y == 0) | (y == 1)
        return check_all("y", y, good, "0 or 1 everywhere", lambda: remedy(y, 2))

    def __call__(self, F, y, v):
        """Negative log-likelihood and gradient for the logits."""
        return *bernoulli_nll(F, y), None

    def mean(self, F, v):
        """Probability of label 1."""
        return sigmoid(F)

    def variance(self, F, v):
        """p (1 - p), without cancellation at either end."""
        return sigmoid(F) * sigmoid(-F)

    def sample(self, F, v, uniform):
        """Label 1 where the uniform number falls below p."""
        return (uniform < sigmoid(F)).astype(F.dtype)
