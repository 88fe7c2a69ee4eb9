"""Rows with unknowns of their own: the ELBO of each under a linear decoder, exactly."""

from __future__ import annotations

import numpy as np

from minibnn.equations import equation
from minibnn.numerics import HALF_LOG_2PI
from minibnn.priors.gaussian_kl import gaussian_kl
from minibnn.types import FloatArray
from minibnn.validation.arguments import as_float_array, check_positive, check_shape


@equation("E57")
def row_elbos(
    W: FloatArray, Y: FloatArray, noise_sd: float, mean: FloatArray, sigma: FloatArray
) -> FloatArray:
    """ELBO of every row, each with a code w_k ~ N(0, I) of its own.

    (E57)  ELBO_k = E_q[log p(y_k|w)] - KL(q_k || p),   Σ_k ELBO_k <= log p(D),
           E_q[log p(y_k|w)] = -(|y_k - W μ_k|² + Σ_i |W_i|² σ_ki²)/(2 s²) - n/2 log 2πs²

    Derivation.  Rows are independent, so log p(D) = Σ_k log p(y_k), and by E04 each term
        is ELBO_k + KL(q_k || p(w|y_k)); the last is never negative. Under
        q_k = N(μ_k, diag(σ_k²)) the residual y_k - W w has the mean y_k - W μ_k and its
        pixels have the variances Σ_i W_ji² σ_ki²; a mean square is a squared mean plus a
        variance.
    Source.  Kingma & Welling 2014, eqs. 2 and 3.
    Shapes.  W (n, C), Y (K, n), mean, sigma (K, C) -> (K,)

    Parameters
    ----------
    W : array (n, C)
        The decoder: n pixels from C codes.
    Y : array (K, n)
        The rows.
    noise_sd : float > 0
        s, of every pixel.
    mean, sigma : arrays (K, C)
        q of each row; sigma > 0.

    Returns
    -------
    array (K,)
        In nats.

    Raises
    ------
    ValueError, TypeError
        If a shape does not fit, or noise_sd or a sigma is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from minibnn.exact import row_elbos
    >>> W, Y = np.array([[1.0], [2.0]]), np.array([[0.5, 1.5], [-1.0, -0.4]])
    >>> row_elbos(W, Y, 0.5, [[0.6], [-0.3]], [[0.2], [0.2]]).round(3)
    array([-2.361, -3.086])
    """
    W = as_float_array("W", W, ndim=2)
    Y = as_float_array("Y", Y, ndim=2)
    noise_sd = check_positive("noise_sd", noise_sd)
    mean, sigma = as_float_array("mean", mean), as_float_array("sigma", sigma)
    check_shape("Y", Y, (len(Y), len(W)))
    for name, value in (("mean", mean), ("sigma", sigma)):
        check_shape(name, value, (len(Y), W.shape[1]))
    if (sigma <= 0).any():
        raise ValueError(f"sigma must be positive, got {sigma.min()}")
    squares = ((Y - mean @ W.T) ** 2).sum(1) + sigma**2 @ (W**2).sum(0)
    constant = len(W) * (HALF_LOG_2PI + np.log(noise_sd))
    kl = gaussian_kl(mean, sigma, np.log(sigma), 0.0, 1.0)[0]
    return -0.5 * squares / noise_sd**2 - constant - kl.sum(1)
