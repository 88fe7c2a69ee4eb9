"""What independent weights cost a linear model: the mean variance of its predictions."""

from __future__ import annotations

import numpy as np

from minibnn.equations import equation
from minibnn.types import FloatArray


@equation("E90")
def average_variances(
    precision: FloatArray, prior_scale: FloatArray, noise_sd: float, n: int
) -> tuple[float, float]:
    """Var f averaged over the n training inputs: exact, and under the best mean field.

    (E90)  tr(C Λ⁻¹) = σ²/n (P - Σ_i (Λ⁻¹)_ii / s0_i²)
           <= tr(C diag(Λ)⁻¹) = σ²/n (P - Σ_i 1 / (Λ_ii s0_i²)),   C = ΦᵀΦ/n

    Derivation.  f = Φ w with known noise σ and prior N(m0, diag(s0²)) has the posterior
        precision Λ = ΦᵀΦ/σ² + diag(1/s0²), so C = σ²/n (Λ - diag(1/s0²)). Put in, Λ Λ⁻¹
        has the trace P, and so has Λ diag(Λ)⁻¹, whose diagonal is one. What is left is
        the prior's part, and there the weight that is too sure counts: 1/Λ_ii, its
        variance where all others are known, is at most (Λ⁻¹)_ii, its variance.
    Shapes.  precision (P, P), prior_scale (P,) -> two floats

    Parameters
    ----------
    precision : array (P, P)
        Λ, as ``exact_posterior(...).precision`` has it.
    prior_scale : array (P,)
        s0, the prior's standard deviations.
    noise_sd : float
        σ, of the noise of y.
    n : int
        Rows of the data.

    Returns
    -------
    exact, independent : floats
        In squared units of y.

    Examples
    --------
    >>> import minibnn as mb
    >>> from minibnn.exact import average_variances
    >>> X, y = [[1.0], [2.0], [3.0]], [0.9, 2.1, 2.8]
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior(0.0, 1.0))
    >>> posterior = mb.exact_posterior(model, X, y)
    >>> exact, independent = average_variances(posterior.precision, [1.0, 1.0], 0.5, 3)
    >>> round(exact, 3), round(independent, 3)
    (0.131, 0.159)
    """
    ratio, prior_scale = noise_sd**2 / n, np.asarray(prior_scale)
    marginal, alone = np.diag(np.linalg.inv(precision)), 1.0 / np.diag(precision)
    exact, independent = (
        ratio * (len(precision) - (variance / prior_scale**2).sum())
        for variance in (marginal, alone)
    )
    return float(exact), float(independent)
