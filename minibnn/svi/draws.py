"""Weights drawn from a fitted q, a few at a time, the replicas taken in turn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from minibnn.families.normal import Normal
from minibnn.model import Model
from minibnn.prediction.prediction import MANY
from minibnn.rng import Normals
from minibnn.tape import Repeated
from minibnn.types import FloatArray


class Draws:
    """Draws from q of a family; q may have leading axes, those of its replicas."""

    def __init__(self, model: Model, family: Any, q: Normal) -> None:
        self.model, self.family, self.q = model, family, q
        self.lead: tuple[int, ...] = q.mean.shape[:-1]
        self.n_replicas = int(np.prod(self.lead))

    def chunks(
        self, seed: np.random.SeedSequence, n_samples: int, size: int
    ) -> Iterator[FloatArray]:
        """Yield weights (s, P), s about ``size``, in an order that no size changes.

        Where there are many, each holds until the next.
        """
        dtype, replicas = self.q.mean.dtype, self.n_replicas
        normals = Normals(np.random.default_rng(seed), dtype)
        n_noise = self.family.noise_size(self.model)
        draw = Repeated(
            partial(self._weights, self.q), repeats=n_samples // size >= MANY
        )
        left = n_samples
        while left > 0:
            rounds = min(-(-left // replicas), max(1, size // replicas))
            eps = draw.room((rounds, *self.lead, n_noise), dtype)
            normals.fill(eps)
            yield draw(eps)[:left]
            left -= rounds * replicas

    def _weights(self, q: Normal, eps: FloatArray) -> FloatArray:
        """Noise (rounds, ..., M) -> weights (s, P), the replicas taken in turn."""
        w, _ = self.family.sample(q, np.moveaxis(eps, 0, -2))  # (..., rounds, P)
        return np.moveaxis(w, -2, 0).reshape(-1, w.shape[-1])
