"""What all priors share, and what of each of them may be asked."""

from __future__ import annotations

from typing import Self

import numpy as np

from minibnn.types import FloatArray


class Prior:
    """A density over weights that are independent of one another.

    One of a reader's own needs ``log_prob`` and ``mean_and_sd``; with ``kl`` it says
    ``has_closed_kl``, and annealed importance sampling asks for ``draw``.
    """

    has_closed_kl: bool = False  # else the KL is sampled together with the weights
    is_gaussian: bool = False
    labels: tuple[tuple[str, str], ...] = ()  # (method, label of its formula)

    @property
    def length(self) -> int | None:
        """Number of weights it is made for, or None if it serves any number."""
        return None

    def log_prob(self, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log density summed over weights, and its gradient.

        Parameters
        ----------
        w : array (..., P)

        Returns
        -------
        value : array (...)
        gradient : array (..., P)
        """
        raise NotImplementedError

    def kl(
        self, m: FloatArray, s: FloatArray, log_s: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """KL(N(m, s²) || prior) of each weight, and its slopes, where it is closed.

        Parameters
        ----------
        m, s, log_s : arrays (..., P)
            Means and standard deviations; log s on its own, because s may underflow.

        Returns
        -------
        value, g_m, g_log_s : arrays (..., P)
        """
        raise NotImplementedError

    def mean_and_sd(self, n_weights: int) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of each weight.

        Parameters
        ----------
        n_weights : int
            P.

        Returns
        -------
        mean, sd : arrays (P,)
        """
        raise NotImplementedError

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Weights drawn from the prior.

        Parameters
        ----------
        shape : tuple of int
            (..., P).
        rng : Generator

        Returns
        -------
        w : array of this shape
        """
        raise NotImplementedError

    @classmethod
    def examples(cls, n_weights: int) -> list[Self]:
        """Priors worth testing.

        Parameters
        ----------
        n_weights : int
            P, for those that say something of each weight.
        """
        return []
