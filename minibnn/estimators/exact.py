"""Exact: the data term in closed form, where there is one (E66, E67)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import erfc

from minibnn.equations import equation
from minibnn.estimators.base import (
    Estimate,
    Estimator,
    check_closed_kl,
    check_independent,
    closed_kl,
)
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.base import Family
from minibnn.families.normal import Normal
from minibnn.model import Model
from minibnn.numerics import rectified
from minibnn.types import Array, FloatArray

_FAR = 40.0  # standard deviations beyond which a Gaussian's tail is zero in any float


@equation("E67")
def rectified_moments(
    m: FloatArray, v: FloatArray
) -> tuple[FloatArray, FloatArray, Callable[..., tuple[FloatArray, FloatArray]]]:
    """Mean and variance of max(z, 0) for z ~ N(m, v), and the way back.

    (E67)  E = m Φ + s φ,   Var = v (Φ + x² Φ Φ̄ + x φ (Φ̄ - Φ) - φ²),   x = m/s, s = √v
           ∂E/∂m = Φ,  ∂E/∂v = φ/(2s),  ∂Var/∂m = 2 E Φ̄,  ∂Var/∂v = Φ - E φ/s
    Derivation.  With z = m + s eps, z > 0 where eps > -x. ∫_{-x}^∞ φ = Φ(x),
        ∫ eps φ = φ(x) and ∫ eps² φ = Φ - x φ give E and E[z²; z > 0] = (m² + v) Φ + m s
        φ; subtracting E² with Φ̄ = 1 - Φ leaves Var, where nothing of size m² is left
        to cancel. By Stein's lemma ∂E/∂v = E[δ(z)]/2 = φ/(2s), ∂E[z₊²]/∂v = P(z > 0) =
        Φ, and ∂E[z₊²]/∂m = 2E.
        Far to the left both are differences of nearly equal numbers; there, with
        u = -x and J_n = ∫_0^∞ t^n/n! e^(-t²/2 - ut) dt, E = s φ J_1 and E[z²; z > 0] =
        2 v φ J_2. Integration by parts gives J_(n-1) = u J_n + (n+1) J_(n+1), where
        nothing is subtracted (and J_(-1) = 1).
    Source.  Frey & Hinton 1999; Hernandez-Lobato & Adams 2015, sec. 3.2.
    Shapes.  any, elementwise; pull: (g_E, g_Var) -> (g_m, g_v)
    """
    floor = np.sqrt(np.finfo(v.real.dtype).tiny)
    s = np.where(v.real > floor**2, np.sqrt(v), floor)
    x = m / s
    x = np.where(np.abs(x.real) > _FAR, np.copysign(_FAR, x.real), x)
    above, below = 0.5 * erfc(-x / math.sqrt(2)), 0.5 * erfc(x / math.sqrt(2))
    bell = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    mean, shape = rectified(m, s, x, above, below, bell)

    def pull(g_mean: FloatArray, g_var: FloatArray) -> tuple[FloatArray, FloatArray]:
        g_m = g_mean * above + g_var * 2.0 * mean * below
        slope = bell / s
        return g_m, 0.5 * g_mean * slope + g_var * (above - mean * slope)

    return mean, v * shape, pull


class Exact(Estimator):
    """The ELBO and its gradient without a sample.

    For a Gaussian likelihood (known or learned scale) and a prior with closed KL:
    linear models (an MLP without hidden layer) with every family, and networks with one
    hidden ReLU layer with independent weights. A point is always exact. Where the
    outputs are not linear in the weights, only their first two moments enter the
    Gaussian likelihood, which is why no further approximation is made. Memory of the
    linear case grows like rows x outputs x weights.

    Examples
    --------
    >>> import minibnn as mb, numpy as np
    >>> net = mb.MLP([1, 4, 1], activation="relu")
    >>> model = mb.Model(net, mb.Gaussian(0.5), mb.GaussianPrior())
    >>> family, rng = mb.MeanField(sigma=0.3), np.random.default_rng(0)
    >>> params, data = family.init(model, rng), ([[-1.0], [2.0]], [0.0, 1.0])
    >>> none, many = np.zeros((1, 0)), rng.normal(size=(99_999, model.n_weights))
    >>> exact, *_ = mb.neg_elbo(model, family, params, none, *data, estimator=mb.Exact())
    >>> sampled, *_ = mb.neg_elbo(model, family, params, many, *data)
    >>> bool(abs(sampled - exact) < 0.01 * exact)
    True
    """

    label, exact = "E67", True

    @classmethod
    def examples(cls) -> list[tuple[Estimator, tuple[int, ...], str]]:
        """The two kinds of networks with a closed form."""
        return [(cls(), (3,), "relu"), (cls(), (), "tanh")]

    def check(self, model: Model, family: Family) -> None:
        """Raise ValueError naming what is missing."""
        if not family.has_elbo:
            return
        if model.likelihood.expected_nll is None:
            raise ValueError(
                f"estimator Exact() needs a likelihood whose mean has a closed form, "
                f"such as Gaussian; {model.likelihood!r} has none: use Pathwise()"
            )
        check_closed_kl(self, model, family)
        depth = len(model.net.shapes)
        if depth > 2 or (depth == 2 and model.net.activation != "relu"):
            raise ValueError(
                f"estimator Exact() needs a linear model or one hidden ReLU layer, "
                f"{model.net!r} has no closed form: use Pathwise()"
            )
        if depth == 2:
            check_independent(self, family)

    def noise_shape(
        self, model: Model, family: Family, n_samples: int, n_rows: int
    ) -> tuple[int, int]:
        """No noise, one value."""
        return 1, 0

    def __call__(
        self,
        model: Model,
        family: Family,
        q: Normal,
        noise: FloatArray,
        A: FloatArray,
        y: Array,
    ) -> Estimate:
        """The expected negative log-likelihood of E66, as if it were one sample."""
        if not family.has_elbo:
            return Pathwise()(model, family, q, noise, A, y)
        moments = linear_moments if len(model.net.shapes) == 1 else relu_moments
        (m, v, c, t, var_t), pull_moments = moments(model.net, family, q, A)
        nll, *gradients = model.likelihood.expected_nll(m, v, c, y, t, var_t)

        def pull(factor: float | FloatArray) -> Normal:
            return pull_moments(*(factor * g for g in gradients))

        return nll[..., None], pull, closed_kl(model, family, q)


def linear_moments(net, family, q, A):
    """Moments of a linear model's outputs f = [x; 1]ᵀ W and of the log scale.

    Unit vectors as noise give the columns of L, w = mu + L eps; f is linear, so the
    columns pass through the model (U) and Var f = Σ U², Cov(f, t) = Σ U tau.
    """
    n, n_all = net.n_weights, q.mean.shape[-1]
    unit = np.eye(n_all, dtype=q.mean.real.dtype)
    columns, pull_columns = family.sample(q._replace(mean=np.zeros_like(q.mean)), unit)
    U = A[..., None, :, :] @ net.blocks(columns[..., :n])[0]
    tau = columns[..., n:]
    lead = columns.shape[:-2]
    m = A @ net.blocks(q.mean[..., :n])[0]
    tau_ = tau[..., None] if n_all > n else np.zeros((1, 1), U.dtype)
    v, c = (U * U).sum(-3), (U * tau_).sum(-3)

    def pull(g_m, g_v, g_c, g_t, g_var_t):
        g_v, g_c = g_v[..., None, :, :], g_c[..., None, :, :]
        g_U = 2.0 * U * g_v + tau_ * g_c
        g_W = (A[..., None, :, :].swapaxes(-1, -2) @ g_U).reshape(lead + (-1, n))
        g_mean = (A.swapaxes(-1, -2) @ g_m).reshape(lead + (n,))
        if n_all > n:
            g_tau = (
                2.0 * tau * g_var_t[..., None, :] + (U * g_c).sum((-1, -2))[..., None]
            )
            g_W = np.concatenate([g_W, g_tau], -1)
            g_mean = np.concatenate([g_mean, g_t], -1)
        return pull_columns(g_W)._replace(mean=g_mean)

    return (m, v, c, q.mean[..., n:], (tau * tau).sum(-2)), pull


def relu_moments(net, family, q, A):
    """Moments of f = W2ᵀ [max(W1ᵀ [x; 1], 0); 1], all weights independent.

    Pre-activations are independent Gaussians; the rectified ones have mean h and
    variance k (E67). With M, V mean and variance of W2: E f = Mᵀ h and
    Var f = (M²)ᵀ k + Vᵀ (k + h²), by the law of total variance.
    """
    mean, var, pull_family = family.moments(q)
    n, squares = net.n_weights, A * A
    (M1, M), (V1, V) = net.blocks(mean[..., :n]), net.blocks(var[..., :n])
    units, k_units, pull_units = rectified_moments(A @ M1, squares @ V1)
    width = units.shape[-1]
    h, k = net.features(units), net.features(k_units)
    k[..., width:] = 0.0  # the constant input does not vary
    m, v = h @ M, k @ (M * M) + (k + h * h) @ V

    def pull(g_m, g_v, g_c, g_t, g_var_t):
        T = np.swapaxes
        g_M = T(h, -1, -2) @ g_m + 2.0 * M * (T(k, -1, -2) @ g_v)
        g_V = T(k + h * h, -1, -2) @ g_v
        g_h = g_m @ T(M, -1, -2) + 2.0 * h * (g_v @ T(V, -1, -2))
        g_k = g_v @ T(M * M + V, -1, -2)
        g_z, g_zz = pull_units(g_h[..., :width], g_k[..., :width])
        At, St = A.swapaxes(-1, -2), squares.swapaxes(-1, -2)
        return pull_family(
            flat([At @ g_z, g_M], g_t, mean), flat([St @ g_zz, g_V], g_var_t, mean)
        )

    return (m, v, np.zeros_like(m), mean[..., n:], var[..., n:]), pull


def flat(blocks, own, like):
    """Layers' blocks and the likelihood's own weights side by side, (..., P)."""
    parts = [b.reshape(b.shape[:-2] + (-1,)) for b in blocks]
    parts += [own] if sum(p.shape[-1] for p in parts) < like.shape[-1] else []
    return np.concatenate(parts, -1)
