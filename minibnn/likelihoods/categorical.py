"""The categorical likelihood: one of K classes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.special import softmax

from minibnn.equations import equation
from minibnn.likelihoods.base import Likelihood, Shape, total_of
from minibnn.numerics import difference, log1p
from minibnn.types import Array, ArrayLike, FloatArray, IntArray
from minibnn.validation.arguments import check_all, check_int
from minibnn.validation.labels import one_hot, remedy


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
    lead, rest = difference(F, top)
    odds = np.exp(lead)
    others = (odds + odds * rest) * ~hot
    o = others.sum(axis=-1, keepdims=True)
    total = o + np.exp(-M)
    return total_of(M + log1p(o + np.expm1(-M))), others / total - hot * (o / total)


class Categorical(Likelihood):
    """Labels 0 .. K-1 from K logits (E34).

    Parameters
    ----------
    n_classes : int, optional
        K >= 2; the network needs K outputs. By default K is as many as it has.

    Raises
    ------
    ValueError, TypeError
        If n_classes is not an integer >= 2.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> likelihood, none = mb.Categorical(3), np.zeros((1, 0))
    >>> logits = np.array([[[0.0, 0.0, 0.0], [5.0, 0.0, 0.0]]])  # (S, B, C)
    >>> nll, slope, _ = likelihood(logits, np.array([2, 0]), none)
    >>> slope.round(2)  # p less the label's indicator: much to learn, little to learn
    array([[[ 0.33,  0.33, -0.67],
            [-0.01,  0.01,  0.01]]])
    """

    label, kind, support = "E34", "classification", "labels"
    canonical = exclusive = True
    argument_kinds = ("optional count",)
    n_classes: int | Any  # None: as many as there are outputs

    def __init__(self, n_classes: int | None = None) -> None:
        if n_classes is not None:
            n_classes = check_int("n_classes", n_classes, minimum=2)
        self.n_classes = self.n_labels = n_classes

    def __repr__(self) -> str:
        return f"Categorical({'' if self.n_classes is None else self.n_classes})"

    @classmethod
    def examples(cls) -> list[tuple[Self, int]]:
        """Three classes."""
        return [(cls(3), 3)]

    def hessian_root(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """diag p - p pᵀ is TᵀT for T = diag(√p) (I - 1 pᵀ); it does not depend on y.

        Parameters
        ----------
        F : array (..., C)
        v : array (0,)
        """
        p = self.mean(F, v)
        return np.sqrt(p)[..., None] * (np.eye(F.shape[-1]) - p[..., None, :])

    def check_width(self, n_outputs: int) -> None:
        """K outputs for K classes."""
        if self.n_classes not in (None, n_outputs):
            raise ValueError(
                f"likelihood {self!r} reads {self.n_classes} network output(s), "
                f"the network has {n_outputs}"
            )
        if n_outputs < 2:
            raise ValueError(
                "likelihood Categorical() reads one network output per class, at least "
                f"2, the network has {n_outputs}; two classes and one output are "
                "Bernoulli()"
            )

    def target_shape(self, shape: Shape) -> Shape:
        """One label per row."""
        return shape[:-1] + (1,)

    def shape_hint(self, got: Shape, wanted: Shape) -> str:
        """Rows as long as there are classes are one-hot labels, most likely."""
        return one_hot(got, wanted, self.n_classes)

    def targets(self, y: ArrayLike, shape: Shape) -> IntArray:
        """Integer labels (..., B)."""
        if self.n_classes is None:
            return Categorical(shape[-1]).targets(y, shape)
        return super().targets(y, shape)[..., 0].astype(np.intp)

    def check_values(self, y: FloatArray) -> FloatArray:
        """Labels are whole numbers from 0 to K - 1."""
        good = (y >= 0) & (y < self.n_classes) & (y == np.floor(y))
        wanted = f"whole numbers from 0 to {self.n_classes - 1}"
        return check_all("y", y, good, wanted, lambda: remedy(y, self.n_classes))

    def __call__(
        self, F: FloatArray, y: Array, v: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Negative log-likelihood and gradient for the logits."""
        return *categorical_nll(F, y), None

    def mean(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """Class probabilities."""
        return softmax(F, axis=-1)

    def variance(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """p (1 - p) of every class, 1 - p summed from the others so that none cancels."""
        p = self.mean(F, v)
        others = np.zeros_like(p)
        others[..., 1:] += np.cumsum(p, -1)[..., :-1]
        others[..., :-1] += np.cumsum(p[..., ::-1], -1)[..., -2::-1]
        return p * others

    def sample(self, F: FloatArray, v: FloatArray, uniform: FloatArray) -> IntArray:
        """The class whose interval of cumulated probability holds the number."""
        steps = np.cumsum(self.mean(F, v), -1)[..., :-1]
        return (uniform[..., :1] > steps).sum(-1)[..., None]
