"""Likelihoods: how a network's output becomes a density over targets.

Shapes are counted from the right, and noise is an argument: nothing here draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from scipy.special import ndtri

from minibnn.priors.base import Prior
from minibnn.types import Array, ArrayLike, FloatArray
from minibnn.validation.arguments import as_float_array
from minibnn.validation.shapes import of_targets

Shape = tuple[int, ...]


class Likelihood:
    """What all likelihoods share; a concrete one overrides what differs.

    One of a reader's own needs ``__call__`` to be trained, and to predict ``mean``,
    ``variance`` and ``sample``.
    """

    label: str = "E31"  # of its equation; or of that which it resembles most
    n_weights: int = 0  # weights of its own, at the end of w
    own_prior: Prior | Any = None  # over them; None where there are none
    kind: str = "regression"  # or "classification"
    support: str = "reals"  # where targets live: or counts, or labels 0 .. n_labels - 1
    n_labels: int | Any = 2  # None: as many as there are outputs
    exclusive: bool = False  # whether the outputs are the classes of one label
    canonical: bool = False  # whether dnll/dF is the mean of y less y
    location_scale: bool = False  # other units of y change but those of F and s
    df: float = np.inf  # degrees of freedom of the noise; normal: infinitely many
    argument_kinds: tuple[str, ...] = ()  # of the constructor, for tests of bad ones
    # Closed forms that some have, and others have not:
    expected_nll: Callable[..., tuple[FloatArray, ...]] | Any = None  # at uncertain F
    hessian_root: Callable[[FloatArray, FloatArray], FloatArray] | Any = None  # by F

    @classmethod
    def examples(cls) -> list[tuple[Self, int]]:
        """What is worth testing: likelihoods, with their outputs for one target each."""
        return []

    def in_scipy(self, F: Array, v: Array) -> tuple[Any, ...] | None:
        """The same in ``scipy.stats``, to be compared with: its name, its arguments.

        Parameters
        ----------
        F, v : arrays
            As in ``mean``.

        Returns
        -------
        (name, *arguments), or None where scipy has none.
        """
        return None

    def __call__(
        self, F: FloatArray, y: Array, v: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Negative log-likelihood, summed over rows and outputs, and its slopes.

        Parameters
        ----------
        F : array (..., S, B, C)
            The network's outputs at B rows, for each of S weight samples.
        y : array (..., B, K)
            Targets, as ``targets`` makes them; classes are (..., B).
        v : array (..., S, n_weights)
            Weights of the likelihood's own.

        Returns
        -------
        nll : array (..., S)
        g_F : array (..., S, B, C)
            Slope in F.
        g_v : array (..., S, n_weights) or None
            Slope in v, where it has weights.
        """
        raise NotImplementedError

    def mean(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """E[y | F, v]; of classes the probability of each.

        Parameters
        ----------
        F : array (..., S, B, C)
        v : array (..., S, n_weights)

        Returns
        -------
        array (..., S, B, K)
        """
        raise NotImplementedError

    def variance(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """Var[y | F, v], inf where there is none; of classes that of each indicator.

        Parameters
        ----------
        F, v : arrays
            As in ``mean``.

        Returns
        -------
        array (..., S, B, K)
        """
        raise NotImplementedError

    def sample(self, F: FloatArray, v: FloatArray, uniform: FloatArray) -> Array:
        """A target for each row of outputs.

        Parameters
        ----------
        F, v : arrays
            As in ``mean``.
        uniform : array (..., S, B, C)
            Uniform numbers in (0, 1), the only randomness.

        Returns
        -------
        array (..., S, B, K); labels of classes are (..., S, B, 1)
        """
        raise NotImplementedError

    @property
    def own_information(self) -> float:
        """E[second derivative] of one observation by each weight of its own."""
        raise NotImplementedError

    def example_targets(self, uniform: FloatArray) -> FloatArray:
        """A target for each number: any that can be, no draw of the model.

        Parameters
        ----------
        uniform : array
            In (0, 1).
        """
        if self.support == "reals":
            return 1.5 * ndtri(uniform)
        if self.support == "counts":
            return np.floor(6.0 * uniform * uniform)
        return np.floor(self.n_labels * uniform)

    def initial_weights(self) -> FloatArray:
        """Where its own weights start."""
        return np.zeros(self.n_weights)

    def log_scale(self, v: FloatArray) -> FloatArray | Any:
        """log of the noise scale, where there is one for all rows and outputs, or None.

        Parameters
        ----------
        v : array (..., S, n_weights)

        Returns
        -------
        array (..., S, 1, 1), a number if the scale is known, or None
        """
        return None

    def log_scale_outputs(self, n_outputs: int) -> slice:
        """Which network outputs are log scales; a new network has 0 there.

        Parameters
        ----------
        n_outputs : int
            C.
        """
        return slice(0)

    def check_width(self, n_outputs: int) -> None:
        """Raise ValueError unless it can read that many network outputs.

        Parameters
        ----------
        n_outputs : int
            C.
        """

    def target_shape(self, shape: Shape) -> Shape:
        """Shape of canonical targets.

        Parameters
        ----------
        shape : tuple of int
            Of the outputs, (..., B, C).
        """
        return shape

    def targets(self, y: ArrayLike, shape: Shape) -> Array:
        """Targets as the kernels want them.

        Parameters
        ----------
        y : array (..., B, K), or (..., B) for one column
        shape : tuple of int
            Of the outputs they belong to, (..., B, C).

        Raises
        ------
        ValueError, TypeError
            For a wrong shape, or a target that cannot be.
        """
        shape = self.target_shape(shape)
        y = as_float_array("y", y, allow_bool=self.kind == "classification")
        one_column = shape[-1] == 1 and y.shape == shape[:-1]
        if y.shape != shape and not one_column:
            wanted = f"{shape}" + (f" or {shape[:-1]}" if shape[-1] == 1 else "")
            hint = self.shape_hint(y.shape, shape)
            if not hint and shape[-1] == 1 and y.size == np.prod(shape):
                hint = f"; use np.reshape(y, {shape})"
            hint = hint or of_targets(y.shape, shape)
            raise ValueError(
                f"y must have shape {wanted} to go with X, got {y.shape}{hint}"
            )
        y = self.check_values(y)  # as it was given, so that an index means something
        return y[..., None] if one_column else y

    def shape_hint(self, got: Shape, wanted: Shape) -> str:
        """What a wrong shape of y may mean, as the end of a sentence.

        Parameters
        ----------
        got, wanted : tuples of int
        """
        return ""

    def check_values(self, y: FloatArray) -> FloatArray:
        """Raise ValueError unless every target is possible; return y.

        Parameters
        ----------
        y : array
        """
        return y

    def row_nll(self, F: FloatArray, y: Array, v: FloatArray) -> FloatArray:
        """Negative log density of every row alone.

        The kernel itself, with rows moved to where replicas stand.

        Parameters
        ----------
        F : array (S, B, C)
        y : array (B, K) or labels (B,)
        v : array (S, n_weights)

        Returns
        -------
        array (S, B)
        """
        rows, _, _ = self(F.swapaxes(0, 1)[:, :, None, :], y[:, None, ...], v)
        return rows.T


def targets_of(F, y):
    """Targets in the real dtype of F, with a sample axis: (..., 1, B, C)."""
    return np.asanyarray(y, dtype=F.real.dtype)[..., None, :, :]


def times(F, y):
    """y F, for y of shape (..., B, C) or its like, in memory that lies as F does.

    Outputs of a network are a transposed view. What NumPy makes of it and of an array
    that lies otherwise lies otherwise too, and whatever is made of that with F walks
    through one of the two crosswise.
    """
    return np.multiply(y, F, out=np.empty_like(F))


def residual(F, y):
    """F - y in memory that lies as F does, as in `times`."""
    return np.subtract(F, targets_of(F, y), out=np.empty_like(F))


def log_scale_of(F, t):
    """A real log scale in the real dtype of F; a complex one as it is."""
    t = np.asanyarray(t)
    return t if t.dtype.kind == "c" else t.astype(F.real.dtype, copy=False)


def total_of(elementwise):
    """Sum over observations B and outputs C: (..., S, B, C) -> (..., S)."""
    return elementwise.sum(axis=(-2, -1))
