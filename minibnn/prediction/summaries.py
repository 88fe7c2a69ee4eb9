"""What sampled networks say together of some rows: mean, variances, entropies, quantiles.

A summary is a function of a `Piece` that gives a tuple of arrays, one entry per row.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from minibnn.prediction.predictive import (
    bernoulli_entropy,
    bernoulli_mutual_information,
    categorical_entropy,
    mutual_information,
    predictive_mean,
    predictive_variance,
)
from minibnn.types import Array, FloatArray


class Piece:
    """Some rows under all S networks: outputs F (S, n, C), own weights v (S, k)."""

    def __init__(
        self, likelihood: Any, F: FloatArray, v: FloatArray, rows: slice
    ) -> None:
        self.likelihood, self.F, self.v, self.rows = likelihood, F, v, rows

    @cached_property
    def means(self) -> FloatArray:
        """E[y | w_s] of every network, (S, n, C)."""
        return self.likelihood.mean(self.F, self.v)

    def draws(self, rng: np.random.Generator, n: int) -> FloatArray:
        """What intervals are read off: n draws of y, or the probability per network."""
        if self.likelihood.kind == "classification":
            return self.means
        return self.targets(rng, n)

    def targets(self, rng: np.random.Generator, n: int) -> Array:
        """n draws of y (n, rows, K), noise included, draw i by network i mod S."""
        S, rows, width = self.F.shape
        F, v = self.F[:n], self.v[:n]
        if n <= S:
            return self.likelihood.sample(F, v, open_uniform(rng, (n, rows, width)))
        rounds = -(-n // S)
        uniform = open_uniform(rng, (rounds * S, rows, width))
        y = self.likelihood.sample(F, v, uniform.reshape(rounds, S, rows, width))
        return y.reshape(rounds * S, rows, -1)[:n]


def mean(piece: Piece) -> tuple[FloatArray, ...]:
    """The mean of the mixture."""
    return (predictive_mean(piece.means),)


def variances(piece: Piece) -> tuple[FloatArray, ...]:
    """Mean variance of y within a network, variance of its mean between networks.

    With classification the first is 0: what is asked for is the spread of a probability.
    """
    if piece.likelihood.kind == "classification":
        within = np.zeros_like(piece.means[:1])
    else:
        within = piece.likelihood.variance(piece.F, piece.v)
    return predictive_variance(piece.means, within)


def information(piece: Piece) -> tuple[FloatArray, ...]:
    """Mean entropy and mutual information from logits: of classes, or of yes or no."""
    F = piece.F
    if piece.likelihood.exclusive:
        return predictive_mean(categorical_entropy(F)), mutual_information(F)
    return predictive_mean(bernoulli_entropy(F)), bernoulli_mutual_information(F)


def quantiles(draws: FloatArray, q: FloatArray) -> list[FloatArray]:
    """Quantiles q (k,) over axis 0, a list of k arrays.

    Straight between the two draws around them, rounded like ``np.quantile``; beside an
    infinite draw there is nothing between, and the nearer one is taken.
    """
    ordered = np.array(np.moveaxis(draws, 0, -1), order="C")  # a copy, to be sorted
    ordered.sort(axis=-1)  # of contiguous numbers that is quicker than a partition
    return [_quantile(ordered, at).astype(draws.dtype) for at in q * (len(draws) - 1)]


def _quantile(ordered: FloatArray, at: float) -> FloatArray:
    """The number at the place ``at``, whole or between, of the last axis."""
    place = int(at)
    below = ordered[..., place]
    above = ordered[..., min(place + 1, ordered.shape[-1] - 1)]
    part = at - place
    with np.errstate(invalid="ignore"):
        step = above - below
        between = above - step * (1 - part) if part >= 0.5 else below + step * part
    return np.where(np.isnan(between), ordered[..., round(at)], between)


def open_uniform(rng: np.random.Generator, shape: tuple[int, int, int]) -> FloatArray:
    """Uniform numbers in (0, 1) for F (S, n, C), drawn row after row of X.

    The ends are excluded, so quantiles of the noise stay finite.
    """
    samples, rows, width = shape
    return rng.uniform(2.0**-53, 1.0, (rows, samples, width)).swapaxes(0, 1)
