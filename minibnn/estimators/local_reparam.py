"""Local reparameterization: sampled pre-activations instead of weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minibnn.equations import equation
from minibnn.estimators.base import (
    Estimate,
    Estimator,
    check_closed_kl,
    check_independent,
    closed_kl,
)
from minibnn.families.base import Family
from minibnn.families.normal import Normal
from minibnn.model import Model
from minibnn.types import Array, FloatArray


@equation("E62")
def local_draw(
    mean: FloatArray, var: FloatArray, eps: FloatArray
) -> tuple[FloatArray, Callable[[FloatArray], FloatArray]]:
    """Draw a Gaussian from its mean and variance instead of from its causes.

    (E62)  z = m + √v ∘ eps
    Derivation.  A pre-activation z_hb = Σ_d w_dh a_db is a sum of independent Gaussians,
        hence Gaussian with m = Σ_d mu_dh a_db and v = Σ_d sigma²_dh a²_db; drawing it
        directly leaves the expected loss as it is. ∂z/∂m = 1, ∂z/∂v = eps / (2 √v).
        Where v = 0 (a dead layer's zero inputs) z = m has no noise and no slope.
    Source.  Kingma, Salimans & Welling 2015, sec. 2.3.
    Shapes.  any, elementwise; pull: g_z -> g_v (g_m is g_z itself)
    """
    sd = np.sqrt(var)

    def pull(g: FloatArray) -> FloatArray:
        tiny = np.finfo(sd.dtype).tiny  # below it 1/√v = √v/v has its slope 0 at v = 0
        return 0.5 * g * eps * sd / np.maximum(var, tiny)

    return mean + sd * eps, pull


def local_dense(mean, var, g_mean, g_var, eps, bias):
    """A dense layer (E21) on means and, with squared inputs, on variances; then (E62).

    mean, var and their gradients (..., D+1, H), eps (..., S, H, B).
    """
    n_in = mean.shape[-2] - bias
    mean_T, var_T = (a[..., None, :, :].swapaxes(-1, -2) for a in (mean, var))

    def layer(A, out):
        squares = A * A
        Z, pull_draw = local_draw(mean_T @ A, var_T @ squares, eps)
        out[...] = Z

        def pull(g, input_wanted):
            g_v = pull_draw(g)
            g_mean[...] = (A @ g.swapaxes(-1, -2)).sum(-3)
            g_var[...] = (squares @ g_v.swapaxes(-1, -2)).sum(-3)
            if not input_wanted:
                return None
            back_m = mean[..., None, :n_in, :] @ g
            back_v = var[..., None, :n_in, :] @ g_v
            return back_m + 2.0 * A[..., :n_in, :] * back_v

        return pull

    return layer


def local_layers(net, moments, gradients, A, noise):
    """One local layer per dense layer, each with its share of the noise; and the rest."""
    layers, used, n_rows = [], 0, A.shape[-2]
    blocks = [net.blocks(array) for array in (*moments, *gradients)]
    for mean, var, g_mean, g_var in zip(*blocks, strict=True):
        width = mean.shape[-1]
        eps = noise[..., used : used + width * n_rows]
        used += width * n_rows
        eps = eps.reshape(noise.shape[:-1] + (width, n_rows))
        layers.append(local_dense(mean, var, g_mean, g_var, eps, net.bias))
    return layers, noise[..., used:]


def local_nll(
    model: Model, family: Family, q: Normal, noise: FloatArray, A: FloatArray, y: Array
) -> tuple[FloatArray, Callable[[float | FloatArray], Normal]]:
    """The data term of (E62), nll (..., S), and its pullback."""
    mean, var, pull_moments = family.moments(q)
    dtype = np.result_type(mean, var, A, noise)
    g_mean, g_var = np.empty_like(mean, dtype), np.empty_like(mean, dtype)
    n, net = model.net.n_weights, model.net
    layers, rest = local_layers(net, (mean, var), (g_mean, g_var), A, noise)
    lead = np.broadcast_shapes(mean.shape[:-1] + (1,), noise.shape[:-1])
    F, pull_net = net.run(A, layers, lead, g_mean)
    v, pull_v = local_draw(mean[..., None, n:], var[..., None, n:], rest)
    nll, g_F, g_v = model.likelihood(F, y, v)

    def pull(c: float | FloatArray) -> Normal:
        pull_net(c * g_F)
        if g_v is not None:
            g_mean[..., n:] = c * g_v.sum(-2)
            g_var[..., n:] = c * pull_v(g_v).sum(-2)
        return pull_moments(g_mean, g_var)

    return nll, pull


class LocalReparam(Estimator):
    """Sample pre-activations, not weights: every row has noise of its own (E62).

    Far less gradient noise than :class:`Pathwise` for the same cost in matrix products.
    Needs a family with independent weights and a prior with a closed KL.

    Examples
    --------
    >>> import minibnn as mb, numpy as np
    >>> model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), mb.GaussianPrior())
    >>> family, rng = mb.MeanField(sigma=0.5), np.random.default_rng(0)
    >>> params, X = family.init(model, rng), rng.normal(size=(50, 2))
    >>> def spread(estimator):
    ...     shape = estimator.noise_shape(model, family, 1, len(X))
    ...     noises = rng.normal(size=(50, *shape))
    ...     data = X, X[:, 0] > 0
    ...     losses = [
    ...         mb.neg_elbo(model, family, params, noise, *data, estimator=estimator)[0]
    ...         for noise in noises
    ...     ]
    ...     return np.std(losses)
    >>> bool(spread(mb.LocalReparam()) < 0.5 * spread(mb.Pathwise()))
    True
    """

    label = "E62"

    def check(self, model: Model, family: Family) -> None:
        """Raise ValueError naming what is missing."""
        check_independent(self, family)
        check_closed_kl(self, model, family)

    def noise_shape(
        self, model: Model, family: Family, n_samples: int, n_rows: int
    ) -> tuple[int, int]:
        """(S, B x units + the likelihood's own weights)."""
        units = sum(model.net.sizes[1:])
        return n_samples, n_rows * units + model.likelihood.n_weights

    def __call__(
        self,
        model: Model,
        family: Family,
        q: Normal,
        noise: FloatArray,
        A: FloatArray,
        y: Array,
    ) -> Estimate:
        """(E62) in every layer of the network and for the likelihood's own weights."""
        return *local_nll(model, family, q, noise, A, y), closed_kl(model, family, q)
