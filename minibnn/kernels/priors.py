"""Priors over the weights: a closed-form KL where one exists, a log density always.

Protocol: ``log_prob(w) -> (value (...,), gradient (..., P))`` and, where
``has_closed_kl``, ``kl(m, s, log_s) -> (value per weight, g_m, g_log_s)``.
"""

import numpy as np

from minibnn.kernels.gaussian_kl import gaussian_kl, gaussian_log_density
from minibnn.kernels.keep import kept
from minibnn.kernels.network import MLP
from minibnn.kernels.validate import (
    as_float_array,
    check_all,
    check_instance,
    check_not_empty,
    check_positive,
)

LEAST_SCALE = 1e-150


class GaussianPrior:
    """Independent Gaussians N(mean_i, scale_i²); ``scale`` is a standard deviation.

    Parameters
    ----------
    mean, scale : float or array (P,)
        One number for all weights, or one per weight in flat order.

    Raises
    ------
    ValueError
        If a value is not finite, a scale is not positive or below 1e-150 (the square of
        a weight over it would overflow), or the lengths differ.
    """

    has_closed_kl = True

    def __init__(self, mean=0.0, scale=1.0):
        mean = as_float_array("mean", mean, ndim=(0, 1), dtype=np.float64)
        scale = as_float_array("scale", scale, ndim=(0, 1), dtype=np.float64)
        scale = check_all("scale", scale, scale > 0, "a standard deviation > 0")
        wanted = f"at least {LEAST_SCALE}, or the penalty on any weight is infinite"
        check_all("scale", scale, scale >= LEAST_SCALE, wanted)
        self.mean, self.scale = kept(mean), kept(scale)
        check_not_empty("mean", self.mean)
        check_not_empty("scale", self.scale)
        if mean_and_scale_differ(self.mean, self.scale):
            raise ValueError(
                "mean and scale must have equal lengths, "
                f"got {self.mean.shape} and {self.scale.shape}"
            )

    @classmethod
    def per_layer(cls, net, scales, mean=0.0):
        """One standard deviation per layer of ``net``, biases included.

        Raises ValueError unless there are as many scales as layers.
        """
        check_instance("net", net, MLP, "an MLP")
        scales = as_float_array("scales", scales, shape=(len(net.shapes),))
        sizes = [rows * h for rows, h in net.shapes]
        return cls(mean, np.repeat(scales, sizes))

    @classmethod
    def fan_in(cls, net, scale=1.0, bias_scale=1.0):
        """Weights N(0, scale² / fan-in), biases N(0, bias_scale²).

        Then the variance of a pre-activation does not grow with the width of the layer
        before it. Source: Neal 1996, sec. 2.1.
        """
        check_instance("net", net, MLP, "an MLP")
        scale = check_positive("scale", scale)
        bias_scale = check_positive("bias_scale", bias_scale)
        scales = np.where(net.is_bias, bias_scale, scale / np.sqrt(net.fan_in))
        return cls(0.0, scales)

    def __repr__(self):
        show = [
            f"{a:g}" if a.ndim == 0 else f"<{len(a)}>" for a in (self.mean, self.scale)
        ]
        return f"GaussianPrior({', '.join(show)})"

    @property
    def length(self):
        """Number of weights it is made for, or None if one number serves all."""
        return max((len(a) for a in (self.mean, self.scale) if a.ndim), default=None)

    def kl(self, m, s, log_s):
        """KL(N(m, s²) || prior) per weight, with gradients for m and log s (E41)."""
        return gaussian_kl(m, s, log_s, *self._cast(m))

    def log_prob(self, w):
        """Log density summed over weights, and its gradient (E42)."""
        value, gradient = gaussian_log_density(w, *self._cast(w))
        return value.sum(-1), gradient

    def _cast(self, like):
        """Mean and scale in the precision of the weights they meet."""
        real = np.zeros(0, like.dtype).real.dtype
        return self.mean.astype(real), self.scale.astype(real)


def mean_and_scale_differ(mean, scale):
    """Whether both are arrays and their lengths differ."""
    return mean.ndim == scale.ndim == 1 and len(mean) != len(scale)


class JointPrior:
    """One prior for the network's weights, another for the likelihood's own."""

    def __init__(self, network_prior, own_prior, n_network):
        self.parts = ((network_prior, slice(None, n_network)),)
        self.parts += ((own_prior, slice(n_network, None)),)
        self.has_closed_kl = network_prior.has_closed_kl and own_prior.has_closed_kl

    def kl(self, m, s, log_s):
        """Per-weight KL and gradients of both parts, side by side."""
        parts = [p.kl(m[..., i], s[..., i], log_s[..., i]) for p, i in self.parts]
        return tuple(np.concatenate(arrays, -1) for arrays in zip(*parts, strict=True))

    def log_prob(self, w):
        """Log density of both parts added up, and its gradient."""
        (a, g_a), (b, g_b) = (prior.log_prob(w[..., i]) for prior, i in self.parts)
        return a + b, np.concatenate([g_a, g_b], -1)
