"""Flipout: other signs of the weights' noise for every row."""

from __future__ import annotations

import numpy as np

from minibnn.equations import equation
from minibnn.estimators.base import (
    Estimate,
    Estimator,
    check_independent,
    closed_kl,
    needs_samples,
    sampled_kl,
)
from minibnn.families.base import Family
from minibnn.families.normal import Normal
from minibnn.model import Model
from minibnn.types import Array, FloatArray


@equation("E63")
def flipout_dense(mean, shift, g_mean, g_shift, flip_in, flip_out, bias):
    """A dense layer whose weight noise has other signs for every row.

    (E63)  z_b = Wᵀ a_b + t_b ∘ (Δᵀ (a_b ∘ s_b)),   Δ = sigma ∘ eps,  s_b, t_b = ±1
    Derivation.  Row b meets the weights W + Δ ∘ s_b t_bᵀ. Each entry of Δ is symmetric
        and independent of the others, so Δ ∘ s_b t_bᵀ has the law of Δ: every row's
        loss keeps its mean, and rows share |Δ| only. Both terms are dense layers (E21),
        the second with inputs a_b ∘ s_b and a cotangent g_b ∘ t_b.
    Source.  Wen et al. 2018, eq. 3-5.
    Shapes.  mean (..., 1, D+1, H), shift, g_mean, g_shift (..., S, D+1, H),
        flip_in (..., S, D+1, B), flip_out (..., S, H, B)
    """
    n_in = mean.shape[-2] - bias

    def layer(A, out):
        flipped = A * flip_in
        noisy = flip_out * (shift.swapaxes(-1, -2) @ flipped)
        out[...] = mean.swapaxes(-1, -2) @ A + noisy

        def pull(g, input_wanted):
            g_noisy = g * flip_out
            g_mean[...] = A @ g.swapaxes(-1, -2)
            g_shift[...] = flipped @ g_noisy.swapaxes(-1, -2)
            if not input_wanted:
                return None
            back = flip_in[..., :n_in, :] * (shift[..., :n_in, :] @ g_noisy)
            return mean[..., :n_in, :] @ g + back

        return pull

    return layer


class Flipout(Estimator):
    """One weight noise for the batch, its signs flipped for every row (E63).

    Decorrelates the rows' gradients at twice the cost in matrix products. Needs a
    family with independent weights, whose noise is symmetric.

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), mb.GaussianPrior())
    >>> size = mb.Flipout().noise_shape(model, mb.MeanField(), 4, 50)
    >>> size == (4, 13 + 50 * (3 + 3 + 4 + 1))  # 13 weights; signs for every row
    True
    """

    label = "E63"

    def check(self, model: Model, family: Family) -> None:
        """Raise ValueError naming what is missing."""
        check_independent(self, family)

    def noise_shape(
        self, model: Model, family: Family, n_samples: int, n_rows: int
    ) -> tuple[int, int]:
        """(S, P + B x (inputs + outputs of every layer)); of the rest only signs."""
        signs = sum(rows + width for rows, width in model.net.shapes)
        return n_samples, model.n_weights + n_rows * signs

    def __call__(
        self,
        model: Model,
        family: Family,
        q: Normal,
        noise: FloatArray,
        A: FloatArray,
        y: Array,
    ) -> Estimate:
        """(E63) in every layer; the likelihood's own weights have one noise for all."""
        n, net, n_weights = model.net.n_weights, model.net, q.mean.shape[-1]
        eps = noise[..., :n_weights]
        w, pull_w = family.sample(q, eps)
        shift = q.sigma[..., None, :] * eps
        dtype = np.result_type(w, A)
        lead = np.broadcast_shapes(w.shape[:-1], A.shape[:-2] + (1,))
        shape = lead + (n_weights,)
        g_mean, g_shift = (np.zeros_like(w, dtype, shape=shape) for _ in range(2))
        blocks = [net.blocks(a) for a in (q.mean[..., None, :], shift, g_mean, g_shift)]
        signs = row_signs(net, noise[..., n_weights:], A.shape[-2])
        layers = [
            flipout_dense(*arrays, net.bias)  # type: ignore[call-arg]  # six arrays
            for arrays in zip(*blocks, *signs, strict=True)
        ]
        F, pull_net = net.run(A, layers, lead, g_mean)
        nll, g_F, g_v = model.likelihood(F, y, w[..., n:])

        def pull(c: float | FloatArray) -> Normal:
            pull_net(c * g_F)
            if g_v is not None:
                g_mean[..., n:] = g_shift[..., n:] = c * g_v
            return Normal(mean=g_mean.sum(-2), sigma=(g_shift * eps).sum(-2))

        if needs_samples(model, family):
            return nll, pull, sampled_kl(model, family, q, w, pull_w)
        return nll, pull, closed_kl(model, family, q)


def row_signs(net, noise, n_rows):
    """Signs of inputs (..., S, D+1, B) and outputs (..., S, H, B) of every layer."""
    signs = np.copysign(1.0, noise.real)
    ends = np.cumsum([n_rows * width for shape in net.shapes for width in shape])
    parts = np.split(signs, ends[:-1], axis=-1)
    parts = [p.reshape(p.shape[:-1] + (-1, n_rows)) for p in parts]
    return parts[::2], parts[1::2]
