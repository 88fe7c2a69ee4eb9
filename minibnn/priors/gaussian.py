"""The Gaussian prior: its density, its scales, its draws."""

from __future__ import annotations

from typing import Self

import numpy as np

from minibnn.equations import equation
from minibnn.nn.mlp import MLP
from minibnn.numerics import HALF_LOG_2PI, constant_like
from minibnn.priors.base import Prior
from minibnn.priors.gaussian_kl import gaussian_kl
from minibnn.types import ArrayLike, FloatArray
from minibnn.validation.arguments import (
    as_float_array,
    check_all,
    check_instance,
    check_not_empty,
    check_positive,
)
from minibnn.validation.own import kept


@equation("E42")
def gaussian_log_density(w, m0, s0):
    """Log density of N(m0, s0^2) at each weight.

    (E42)  log p(w) = -((w - m0)/s0)^2 / 2 - log s0 - log(2 pi)/2
           dlog p/dw = -(w - m0)/s0^2

    Derivation.  The logarithm of exp(-z^2/2) / (s0 sqrt(2 pi)) with z = (w - m0)/s0;
    dlog p/dw = -z dz/dw = -z/s0.

    Shapes.  w (...,), m0, s0 broadcast  ->  value, g_w (...,).
    """
    m0, s0 = constant_like(w, m0), constant_like(w, s0)
    z = (w - m0) / s0
    with np.errstate(over="ignore"):
        return -0.5 * z * z - np.log(s0) - HALF_LOG_2PI, -z / s0


LEAST_SCALE = 1e-150


class GaussianPrior(Prior):
    """Independent Gaussians N(mean_i, scale_i²); ``scale`` is a standard deviation.

    Parameters
    ----------
    mean, scale : float or array (P,)
        One number for all weights, or one per weight in flat order. By default the
        standard normal.

    Raises
    ------
    ValueError, TypeError
        If a value is not finite, a scale is not positive or below 1e-150 (the square of
        a weight over it would overflow), or the lengths differ.

    Examples
    --------
    >>> import minibnn as mb
    >>> mb.GaussianPrior(0.0, 0.5)
    GaussianPrior(0, 0.5)
    >>> net = mb.MLP([100, 50, 1])
    >>> prior = mb.GaussianPrior.fan_in(net)  # the more inputs, the smaller the weights
    >>> float(prior.scale[0]), prior.length
    (0.1, 5101)
    """

    mean: FloatArray
    scale: FloatArray
    has_closed_kl = is_gaussian = True
    labels = (("kl", "E41"), ("log_prob", "E42"))

    def __init__(self, mean: ArrayLike = 0.0, scale: ArrayLike = 1.0) -> None:
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
    def per_layer(cls, net: MLP, scales: ArrayLike, mean: ArrayLike = 0.0) -> Self:
        """One standard deviation per layer, biases included.

        Parameters
        ----------
        net : MLP
        scales : array (layers,)
            Standard deviations > 0, from the input to the output.
        mean : float or array (P,)

        Raises
        ------
        ValueError, TypeError
            Unless there are as many scales as layers.
        """
        check_instance("net", net, MLP, "an MLP")
        scales = as_float_array("scales", scales, shape=(len(net.shapes),))
        sizes = [rows * h for rows, h in net.shapes]
        return cls(mean, np.repeat(scales, sizes))

    @classmethod
    def fan_in(cls, net: MLP, scale: float = 1.0, bias_scale: float = 1.0) -> Self:
        """Weights N(0, scale² / fan-in), biases N(0, bias_scale²).

        Then the variance of a pre-activation does not grow with the width of the layer
        before it. Source: Neal 1996, sec. 2.1.

        Parameters
        ----------
        net : MLP
        scale, bias_scale : float
            Both > 0.

        Raises
        ------
        ValueError, TypeError
            Naming the argument that does not fit.
        """
        check_instance("net", net, MLP, "an MLP")
        scale = check_positive("scale", scale)
        bias_scale = check_positive("bias_scale", bias_scale)
        scales = np.where(net.is_bias, bias_scale, scale / np.sqrt(net.fan_in))
        return cls(0.0, scales)

    def __repr__(self) -> str:
        show = [
            f"{a:g}" if a.ndim == 0 else f"<{len(a)}>" for a in (self.mean, self.scale)
        ]
        return f"GaussianPrior({', '.join(show)})"

    @property
    def length(self) -> int | None:
        """Number of weights it is made for, or None if one number serves all."""
        return max((len(a) for a in (self.mean, self.scale) if a.ndim), default=None)

    def kl(
        self, m: FloatArray, s: FloatArray, log_s: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """KL(N(m, s²) || prior) per weight, with gradients for m and log s (E41)."""
        return gaussian_kl(m, s, log_s, self.mean, self.scale)

    def log_prob(self, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log density summed over weights, and its gradient (E42)."""
        value, gradient = gaussian_log_density(w, self.mean, self.scale)
        return value.sum(-1), gradient

    def mean_and_sd(self, n_weights: int) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of each weight, (P,)."""
        mean, scale = self.mean, self.scale
        return np.broadcast_to(mean, n_weights), np.broadcast_to(scale, n_weights)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Weights (..., P) of this shape from the prior."""
        return self.mean + self.scale * rng.standard_normal(shape)

    @classmethod
    def examples(cls, n_weights: int) -> list[Self]:
        """One number for all weights, and one per weight."""
        i = np.arange(n_weights)
        return [cls(0.2, 0.7), cls(0.6 * np.cos(1.0 + i), 1.2 + 0.9 * np.sin(i))]


def mean_and_scale_differ(mean, scale):
    """Whether both are arrays and their lengths differ."""
    return mean.ndim == scale.ndim == 1 and len(mean) != len(scale)
