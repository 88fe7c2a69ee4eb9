"""Rows that count more or less than once: a likelihood whose targets carry weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minibnn.equations import equation
from minibnn.likelihoods.categorical import Categorical
from minibnn.likelihoods.student_t import StudentT
from minibnn.types import Array, ArrayLike, FloatArray
from minibnn.validation.arguments import as_float_array, check_all, check_protocol


@equation("E39")
def weighted_nll(
    rows: Array, g_F: Array, g_v: Array | None, weights: Array
) -> tuple[Array, Array, Array | None]:
    """Rows that stand for w_b rows each, from what every row says alone.

    (E39)  nll = Σ_b w_b nll_b,   dnll/dF_b = w_b dnll_b/dF_b,   dnll/dv = Σ_b w_b dnll_b/dv

    Derivation.  Given w the rows are independent, so a row that is there n times has the
        density p^n and adds n nll_b; nothing asks that the exponent be whole. Outputs F_b
        enter the term of their own row alone, weights v of the likelihood that of every
        row. For w_b no whole number p^w_b is no density of y any more (its mass is not
        one), so ELBO and evidence are those of a weighted sum, not of data.

    Shapes.  rows (...,B,S), g_F (...,B,S,C), g_v (...,B,S,n) or None, weights (...,B)
        ->  nll (...,S), g_F (...,S,B,C), g_v (...,S,n) or None
    """
    w = weights[..., :, None]
    g_F = (g_F * w[..., None]).swapaxes(-3, -2)
    if g_v is not None:
        g_v = (g_v * w[..., None]).sum(axis=-3)
    return (rows * w).sum(axis=-2), g_F, g_v


class Weighted:
    """A likelihood whose rows count as often as their weights say (E39).

    The weight of a row is the last column of its targets, so that minibatches, replicas
    and folds take both together. A row of weight 2 is two equal rows, one of weight 0 is
    none. ``fit(..., sample_weight=)`` makes one for a fit; on its own it is for
    ``log_joint``, ``neg_elbo``, ``hmc`` and what else takes a model. Weights are no part
    of a prediction, which is that of ``likelihood``, and so is all else asked of it.
    ``laplace``, ``exact_posterior`` and ``diagnose`` refuse one.

    Parameters
    ----------
    likelihood : Gaussian, Bernoulli, ...
        Of a row of weight 1.

    Raises
    ------
    ValueError
        If it is no likelihood, or weighted itself.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> X, y, weight = np.array([[0.1], [0.7]]), np.array([0, 1]), np.array([1, 2])
    >>> net, prior = mb.MLP([1, 1]), mb.GaussianPrior(0, 1)
    >>> model = mb.Model(net, mb.Weighted(mb.Bernoulli()), prior)
    >>> value, _ = model.log_joint(np.ones(2), X, np.column_stack([y, weight]))
    >>> plain = mb.Model(net, mb.Bernoulli(), prior)
    >>> twice, _ = plain.log_joint(np.ones(2), X[[0, 1, 1]], y[[0, 1, 1]])
    >>> bool(abs(value - twice) < 1e-12)
    True
    """

    label = "E39"
    canonical = False
    in_scipy = None
    hessian_root = None  # it would have to know the weights, and is asked without targets

    def __init__(self, likelihood: Any) -> None:
        self.likelihood = check_protocol("likelihood", likelihood, "targets")
        if isinstance(likelihood, Weighted):
            raise ValueError(f"likelihood must be without weights, got {likelihood!r}")

    def __repr__(self) -> str:
        return f"Weighted({self.likelihood!r})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "likelihood":  # of an object not made yet
            raise AttributeError(name)
        return getattr(self.likelihood, name)

    def target_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of targets: one column more than those of ``likelihood``.

        Parameters
        ----------
        shape : tuple of int
            Of the network's outputs, (..., B, C).
        """
        shape = self.likelihood.target_shape(shape)
        return (*shape[:-1], shape[-1] + 1)

    def targets(self, y: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
        """Checked targets, the last column their weights.

        Parameters
        ----------
        y : array (..., B, K + 1)
        shape : tuple of int
            Of the network's outputs, (..., B, C).
        """
        both, wanted = as_float_array("y", y), self.target_shape(shape)
        if both.shape != wanted:
            raise ValueError(
                f"y must have shape {wanted} to go with X, its last column the weights "
                f"of {self!r}, got {both.shape}; use np.column_stack([y, weight])"
            )
        return with_weights(
            self.likelihood.targets(both[..., :-1], shape),
            checked_weights("y[..., -1]", both[..., -1], both.shape[:-1]),
        )

    def __call__(
        self, F: Array, y: FloatArray, v: Array
    ) -> tuple[Array, Array, Array | None]:
        """Negative log-likelihood, gradients for F and for the likelihood's own weights.

        Parameters
        ----------
        F : array (..., S, B, C)
            Outputs of the network.
        y : array (..., B, K + 1)
            What ``targets`` gives.
        v : array (..., S, n)
            Own weights of ``likelihood``.
        """
        # every row alone, where the kernel expects a replica
        alone = y[..., :-1] if self.exclusive else y[..., None, :-1]
        F, v = F.swapaxes(-3, -2)[..., None, :], v[..., None, :, :]
        rows, g_F, g_v = self.likelihood(F, alone, v)
        return weighted_nll(rows, g_F[..., 0, :], g_v, y[..., -1])

    def row_nll(self, F: Array, y: FloatArray, v: Array) -> Array:
        """Negative log density (S, B) of every row, whatever its weight.

        Parameters
        ----------
        F : array (S, B, C)
            Outputs of the network.
        y : array (B, K + 1)
            What ``targets`` gives.
        v : array (S, n)
            Own weights of ``likelihood``.
        """
        rows: Array = self.likelihood.row_nll(F, split_weights(self, y)[0], v)
        return rows

    @property
    def expected_nll(self) -> Callable[..., tuple[Array, ...]] | None:
        """E[nll] in closed form where ``likelihood`` has one (E66), else None."""
        return self.likelihood.expected_nll and self._expected_nll

    def _expected_nll(self, m, v, c, y, t, var_t):
        w = y[..., -1]
        outputs = (a[..., None, :] for a in (m, v, c, y[..., :-1], t, var_t))
        rows, *of_rows, g_t, g_var_t = self.likelihood.expected_nll(*outputs)
        of_rows = (g[..., 0, :] * w[..., None] for g in of_rows)
        own = ((g * w[..., None]).sum(axis=-2) for g in (g_t, g_var_t))
        return (rows * w).sum(axis=-1), *of_rows, *own

    def example_targets(self, uniform: FloatArray) -> FloatArray:
        """Those of ``likelihood``, with weights between 0 and 3.

        Parameters
        ----------
        uniform : array (..., K + 1)
            Numbers in (0, 1).
        """
        y = self.likelihood.example_targets(uniform[..., :-1])
        return np.concatenate([y, 3.0 * uniform[..., -1:]], axis=-1)

    @classmethod
    def examples(cls) -> list[tuple[Weighted, int]]:
        """A likelihood with a weight of its own, and one whose targets are labels."""
        return [(cls(Categorical(3)), 3), (cls(StudentT(4.0, "learned")), 1)]


def with_weights(y: Array, weights: Array) -> FloatArray:
    """Targets (..., B, K), or labels (..., B), and weights (..., B) as one array."""
    y = y if y.ndim > weights.ndim else y[..., None]
    return np.concatenate([y, weights[..., None]], axis=-1)


def checked_weights(name: str, weights: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    """Weights of ``shape`` (..., B): finite, not negative, in no data set all zero."""
    array: FloatArray = as_float_array(name, weights, allow_bool=True)
    if array.shape != shape:
        raise ValueError(
            f"{name} must have shape {shape}, one weight for each row of X, "
            f"got {array.shape}"
        )
    check_all(name, array, array >= 0, "0 or more")
    if not array.any(axis=-1).all():
        raise ValueError(f"{name} must be above 0 in some row, got zero in all")
    return array


def unweighted(likelihood: Any) -> Any:
    """The likelihood of a row of weight 1: what a prediction asks."""
    return likelihood.likelihood if isinstance(likelihood, Weighted) else likelihood


def split_weights(likelihood: Any, y: Array) -> tuple[Array, Array | None]:
    """Canonical targets without weights, and the weights (..., B), None if all are 1."""
    if not isinstance(likelihood, Weighted):
        return y, None
    return y[..., 0] if likelihood.exclusive else y[..., :-1], y[..., -1]
