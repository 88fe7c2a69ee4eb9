"""Least squares on labels: the likelihood of a published recipe.

It stands outside the room of likelihoods, as one that a reader writes for himself would.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from minibnn.equations import equation
from minibnn.likelihoods import Bernoulli
from minibnn.likelihoods.base import (
    Likelihood,
    log_scale_of,
    targets_of,
    times,
    total_of,
)
from minibnn.numerics import HALF_LOG_2PI
from minibnn.types import Array, FloatArray
from minibnn.validation.arguments import check_positive


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
    sign = 1 - 2 * targets_of(F, y)
    x = times(F, sign)
    top = np.maximum(x, 0)
    e = np.exp(x - top - top)
    t = log_scale_of(F, t)
    precision = np.exp(-t)
    v = np.exp(x - top) / (1 + e) * precision
    np.multiply(v, sign, out=v)
    g_F = v * precision * (e / (1 + e) ** 2)
    return total_of(t + (0.5 * v) * v + HALF_LOG_2PI), g_F, 1 - v * v


class SigmoidGaussian(Likelihood):
    """y ~ Normal(sigmoid(f), scale²) on 0/1 labels: a published recipe, not advice (E37).

    With scale 1 each label carries a fraction of the information a Bernoulli label
    does, and the posterior is nearly that of a linear model. The recipe fits this
    density and then predicts labels: checks, mean, variance and draws are those of
    :class:`Bernoulli` with p = sigmoid(f), and the density is none of labels.

    Parameters
    ----------
    scale : float
        Standard deviation > 0 that the recipe gives a label.

    Raises
    ------
    ValueError, TypeError
        If the scale is not a number > 0.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> from minibnn.rupture import SigmoidGaussian
    >>> f, y, none = np.full((1, 1, 1), -8.0), np.array([[1]]), np.zeros((1, 0))
    >>> float(mb.Bernoulli()(f, y, none)[1].round(3).item())  # sure, and wrong
    -1.0
    >>> float(SigmoidGaussian()(f, y, none)[1].round(3).item())  # and never told so
    -0.0
    """

    label, kind, support = "E37", "classification", "labels"
    argument_kinds = ("positive",)
    shape_hint, check_values = Bernoulli.shape_hint, Bernoulli.check_values
    mean, variance, sample = Bernoulli.mean, Bernoulli.variance, Bernoulli.sample

    @classmethod
    def examples(cls) -> list[tuple[Self, int]]:
        """One scale."""
        return [(cls(0.8), 1)]

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = check_positive("scale", scale)

    def __repr__(self) -> str:
        return f"SigmoidGaussian(scale={self.scale:g})"

    def __call__(
        self, F: FloatArray, y: Array, v: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Negative log-likelihood and gradient for the logits."""
        nll, g_F, _ = sigmoid_gaussian_nll(F, y, np.log(self.scale))
        return nll, g_F, None
