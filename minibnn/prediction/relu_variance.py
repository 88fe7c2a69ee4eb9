"""The variance of one hidden ReLU layer with independent normal weights, exactly."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from minibnn.equations import equation
from minibnn.families.normal import Normal
from minibnn.nn.mlp import MLP
from minibnn.numerics import HALF_LOG_2PI
from minibnn.types import ArrayLike, FloatArray
from minibnn.validation.arguments import as_inputs


@equation("E89")
def unit_variance(
    mean: FloatArray, sd: FloatArray, out_mean: FloatArray, out_sd: FloatArray
) -> FloatArray:
    """Variance of w max(0, Z) for independent w and Z ~ N(mean, sd²), elementwise.

    (E89)  Var[w A] = sd_w² E[A²] + mean_w² Var[A],   A = max(0, Z)

    Derivation.  Var[w A] = E[w²] E[A²] - E[w]² E[A]² by independence, and E[w²] = sd_w²
        + mean_w². With k = mean/sd, P = Φ(k) and n = φ(k): E[A] = mean P + sd n and E[A²]
        = (mean² + sd²) P + mean sd n. Both parts grow with mean and with sd: ∂E[A²] = 2
        E[A], 2 sd P and ∂Var[A] = 2 E[A] (1 - P), 2 (sd P - E[A] n), where sd P - E[A] n
        = sd P Var[e | Z > 0] + (1 - P) E[A] n / P >= 0 with Z = mean + sd e. The mean of Z
        is linear in x, its sd grows with |x|: at a point between two others and nearer to
        the origin than both, neither exceeds that of one of them, so the variance of the
        network there is at most the sum of the variances at the two.
    Source.  Foong et al. 2020, theorem 1.
    Shapes.  all (...) -> (...)
    """
    k = mean / sd
    inside, density = ndtr(k), np.exp(-0.5 * k * k - HALF_LOG_2PI)
    first = mean * inside + sd * density
    second = (mean * mean + sd * sd) * inside + mean * sd * density
    variance: FloatArray = out_sd**2 * second + out_mean**2 * (second - first * first)
    return variance


def relu_network_variance(q: Normal, net: MLP, X: ArrayLike) -> FloatArray:
    """Variance of f under independent normal weights of a net with one ReLU layer.

    Parameters
    ----------
    q : Normal
        Means and sigmas (P,), as ``result.q`` of a mean-field fit has them.
    net : MLP
        Of sizes [D, H, 1], ReLU, with biases.
    X : array (N, D)

    Returns
    -------
    array (N,)

    Raises
    ------
    ValueError
        If the network is another one, or q has correlations.

    Examples
    --------
    >>> import minibnn as mb
    >>> from minibnn.prediction import relu_network_variance
    >>> model = mb.Model(
    ...     mb.MLP([1, 3, 1], activation="relu"), mb.Gaussian(0.1), mb.GaussianPrior()
    ... )
    >>> q, _ = mb.MeanField().natural(mb.MeanField().init(model, rng=0))
    >>> near, left, right = relu_network_variance(q, model.net, [[0.5], [-1.0], [2.0]])
    >>> bool(near <= left + right)  # nearer to the origin than two on either side
    True
    """
    if len(net.sizes) != 3 or net.sizes[-1] != 1 or net.activation != "relu":
        raise ValueError(f"net must be MLP([D, H, 1], activation='relu'), got {net!r}")
    if not net.bias:
        raise ValueError("net must have biases, got bias=False")
    if q.low is not None:
        raise ValueError("q must have independent weights, got a full covariance")
    A = net.features(as_inputs(X))
    (mean, out_mean), (sd, out_sd) = net.blocks(q.mean), net.blocks(q.sigma)
    Z, spread = A @ mean, np.sqrt((A * A) @ sd**2)
    H = net.sizes[1]
    units = unit_variance(Z, spread, out_mean[:H, 0], out_sd[:H, 0])
    variance: FloatArray = units.sum(-1) + out_sd[H, 0] ** 2
    return variance
