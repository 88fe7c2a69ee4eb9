"""The Bernoulli likelihood: labels 0 or 1."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.special import expit

from minibnn.equations import equation
from minibnn.likelihoods.base import Likelihood, Shape, targets_of, times, total_of
from minibnn.numerics import largest_exp, log_one_plus, sigmoid
from minibnn.types import Array, FloatArray
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
    """Labels 0 or 1 from the logit f: p = 1 / (1 + exp(-f)) (E33).

    Several outputs are several labels, independent given the outputs.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> likelihood, none = mb.Bernoulli(), np.zeros((1, 0))
    >>> logits = np.array([[[-2.0], [0.0], [2.0]]])  # (S, B, C)
    >>> likelihood.mean(logits, none).round(2).ravel()
    array([0.12, 0.5 , 0.88])
    >>> nll, slope, _ = likelihood(logits, np.array([[0], [1], [1]]), none)
    >>> slope.round(2).ravel()  # p - y
    array([ 0.12, -0.5 , -0.12])
    """

    label, kind, support, canonical = "E33", "classification", "labels", True

    def __repr__(self) -> str:
        return "Bernoulli()"

    @classmethod
    def examples(cls) -> list[tuple[Self, int]]:
        """The one there is, and its one output: the logit."""
        return [(cls(), 1)]

    def in_scipy(self, F: Array, v: Array) -> tuple[Any, ...]:
        """bernoulli(p)."""
        return "bernoulli", expit(F)

    def hessian_root(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """√(p (1 - p)) on the diagonal; it does not depend on y.

        Parameters
        ----------
        F : array (..., C)
        v : array (0,)
        """
        return np.sqrt(sigmoid(F) * sigmoid(-F))[..., None] * np.eye(F.shape[-1])

    # Where self is any Likelihood, others of labels may take the method from here.

    def shape_hint(self: Likelihood, got: Shape, wanted: Shape) -> str:
        """Two columns for one output are one-hot labels, most likely."""
        if got == wanted[:-1] and wanted[-1] > 1:
            k, one = wanted[-1], "one label of all is for Categorical()"
            return f"; {k} outputs are {k} answers to every row, {one}"
        return one_hot(got, wanted, 2)

    def check_values(self: Likelihood, y: FloatArray) -> FloatArray:
        """Labels are 0 or 1."""
        good = (y == 0) | (y == 1)
        return check_all("y", y, good, "0 or 1 everywhere", lambda: remedy(y, 2))

    def __call__(
        self, F: FloatArray, y: Array, v: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Negative log-likelihood and gradient for the logits."""
        return *bernoulli_nll(F, y), None

    def mean(self: Likelihood, F: FloatArray, v: FloatArray) -> FloatArray:
        """Probability of label 1."""
        return sigmoid(F)

    def variance(self: Likelihood, F: FloatArray, v: FloatArray) -> FloatArray:
        """p (1 - p), without cancellation at either end."""
        return sigmoid(F) * sigmoid(-F)

    def sample(
        self: Likelihood, F: FloatArray, v: FloatArray, uniform: FloatArray
    ) -> FloatArray:
        """Label 1 where the uniform number falls below p."""
        return (uniform < sigmoid(F)).astype(F.dtype)
