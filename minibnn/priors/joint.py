"""Two priors side by side: of the network and of the likelihood's own weights."""

from __future__ import annotations

import numpy as np

from minibnn.priors.base import Prior
from minibnn.types import FloatArray


class JointPrior(Prior):
    """One prior for the network's weights, another for the likelihood's own."""

    def __init__(self, network_prior: Prior, own_prior: Prior, n_network: int) -> None:
        own = slice(n_network, None)
        self.parts = ((network_prior, slice(None, n_network)), (own_prior, own))
        self.has_closed_kl = network_prior.has_closed_kl and own_prior.has_closed_kl
        self.is_gaussian = network_prior.is_gaussian and own_prior.is_gaussian

    def kl(
        self, m: FloatArray, s: FloatArray, log_s: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Per-weight KL and gradients of both parts, side by side."""
        parts = [p.kl(m[..., i], s[..., i], log_s[..., i]) for p, i in self.parts]
        value, g_m, g_log_s = (np.concatenate(a, -1) for a in zip(*parts, strict=True))
        return value, g_m, g_log_s

    def log_prob(self, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log density of both parts added up, and its gradient."""
        (a, g_a), (b, g_b) = (prior.log_prob(w[..., i]) for prior, i in self.parts)
        return a + b, np.concatenate([g_a, g_b], -1)

    def mean_and_sd(self, n_weights: int) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of each weight, (P,)."""
        parts = [p.mean_and_sd(n) for p, n in self._sizes(n_weights)]
        mean, sd = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return mean, sd

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Weights (..., P) of this shape from both parts."""
        sizes = self._sizes(shape[-1])
        return np.concatenate([p.draw((*shape[:-1], n), rng) for p, n in sizes], -1)

    def _sizes(self, n_weights: int) -> list[tuple[Prior, int]]:
        return [(prior, len(range(*i.indices(n_weights)))) for prior, i in self.parts]
