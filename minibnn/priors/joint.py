"""Two priors side by side: of the network and of the likelihood's own weights."""

import numpy as np


class JointPrior:
    """One prior for the network's weights, another for the likelihood's own."""

    def __init__(self, network_prior, own_prior, n_network):
        self.parts = ((network_prior, slice(None, n_network)),)
        self.parts += ((own_prior, slice(n_network, None)),)
        self.has_closed_kl = network_prior.has_closed_kl and own_prior.has_closed_kl

    @property
    def is_gaussian(self):
        """Whether both parts are."""
        return all(prior.is_gaussian for prior, _ in self.parts)

    def kl(self, m, s, log_s):
        """Per-weight KL and gradients of both parts, side by side."""
        parts = [p.kl(m[..., i], s[..., i], log_s[..., i]) for p, i in self.parts]
        return tuple(np.concatenate(arrays, -1) for arrays in zip(*parts, strict=True))

    def log_prob(self, w):
        """Log density of both parts added up, and its gradient."""
        (a, g_a), (b, g_b) = (prior.log_prob(w[..., i]) for prior, i in self.parts)
        return a + b, np.concatenate([g_a, g_b], -1)

    def mean_and_sd(self, n_weights):
        """Mean and standard deviation of each weight, (P,)."""
        parts = [p.mean_and_sd(n) for p, n in self._sizes(n_weights)]
        return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))

    def draw(self, shape, rng):
        """Weights (..., P) of this shape from both parts."""
        sizes = self._sizes(shape[-1])
        return np.concatenate([p.draw((*shape[:-1], n), rng) for p, n in sizes], -1)

    def _sizes(self, n_weights):
        return [(prior, len(range(*i.indices(n_weights)))) for prior, i in self.parts]
