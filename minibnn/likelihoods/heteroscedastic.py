"""The heteroscedastic Gaussian likelihood: noise that depends on the input."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.special import ndtri

from minibnn.equations import equation
from minibnn.likelihoods.base import Likelihood, Shape
from minibnn.likelihoods.gaussian import gaussian_nll
from minibnn.numerics import largest_exp
from minibnn.types import Array, FloatArray


@equation("E32")
def heteroscedastic_nll(F, y):
    """Gaussian observations whose log standard deviation is an output as well.

    (E32)  nll = Σ t_bk + (r_bk e^-t_bk)²/2 + log(2 pi)/2,  r = m - y,  F = [m, t]
    Derivation.  E31 observation by observation; m and t are different outputs, so the
        gradient of F holds the slopes of E31 in F and in t side by side.
    Shapes.  F (..., S, B, 2K), y (..., B, K)  ->  nll (..., S), g_F (..., S, B, 2K).
    """
    m, t = np.split(F, 2, axis=-1)
    nll, g_m, g_t = gaussian_nll(m, y, t)
    return nll, np.concatenate([g_m, g_t], axis=-1)


class HeteroscedasticGaussian(Likelihood):
    """Normal noise whose standard deviation depends on the input (E32).

    The network needs 2 K outputs for K targets: K means, then K log standard
    deviations.

    Source.  Nix & Weigend 1994.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> likelihood, none = mb.HeteroscedasticGaussian(), np.zeros((1, 0))
    >>> F = np.array([[[3.0, np.log(0.1)], [3.0, np.log(2.0)]]])  # mean, log sd
    >>> np.sqrt(likelihood.variance(F, none)).round(2).ravel()
    array([0.1, 2. ])
    >>> mb.Model(mb.MLP([1, 8, 1]), likelihood, mb.GaussianPrior())
    Traceback (most recent call last):
    ValueError: likelihood HeteroscedasticGaussian() reads an even number ...
    """

    label, location_scale = "E32", True

    def __repr__(self) -> str:
        return "HeteroscedasticGaussian()"

    @classmethod
    def examples(cls) -> list[tuple[Self, int]]:
        """A mean and a log scale."""
        return [(cls(), 2)]

    def in_scipy(self, F: Array, v: Array) -> tuple[Any, ...]:
        """norm(m, e^t)."""
        m, t = np.split(F, 2, axis=-1)
        return "norm", m, np.exp(t)

    def check_width(self, n_outputs: int) -> None:
        """A mean and a log scale for every target."""
        if n_outputs % 2:
            raise ValueError(
                "likelihood HeteroscedasticGaussian() reads an even number of network "
                f"outputs (means, then log scales), the network has {n_outputs}"
            )

    def log_scale_outputs(self, n_outputs: int) -> slice:
        """The second half: wild first scales would drown what the means have to learn."""
        return slice(n_outputs // 2, n_outputs)

    def target_shape(self, shape: Shape) -> Shape:
        """Half as many targets as outputs."""
        return shape[:-1] + (shape[-1] // 2,)

    def __call__(
        self, F: FloatArray, y: Array, v: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Negative log-likelihood and gradient for both heads."""
        return *heteroscedastic_nll(F, y), None

    def mean(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """E[y | F]: the first half of the outputs."""
        return np.split(F, 2, axis=-1)[0]

    @np.errstate(over="ignore")
    def variance(self, F: FloatArray, v: FloatArray) -> FloatArray:
        """Var[y | F] from the second half; inf if it is larger than a float."""
        return np.exp(2.0 * np.split(F, 2, axis=-1)[1])

    @np.errstate(over="ignore")
    def sample(self, F: FloatArray, v: FloatArray, uniform: FloatArray) -> FloatArray:
        """A draw of y; of the uniform numbers the first half is used."""
        m, t = np.split(F, 2, axis=-1)
        noise = ndtri(uniform[..., : m.shape[-1]]).astype(F.dtype, copy=False)
        return m + largest_exp(t) * noise
