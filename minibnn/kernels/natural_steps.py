"""Natural-gradient steps on a Gaussian: the gradient in the geometry of distributions.

The plain gradient is steepest in the numbers that happen to describe q; the natural
one, the Fisher matrix inverted times it, is steepest in KL(q || q_new), whatever the
numbers. Both steps are pure functions of q and its cotangents.
"""

import numpy as np
from scipy.linalg import solve_triangular

from minibnn.kernels.equations import equation

upper_solve = np.vectorize(solve_triangular, signature="(n,n),(n,m)->(n,m)")


@equation("E77")
def mean_field_step(q, g_mu, g_log_sigma, a):
    """A natural-gradient step on independent Gaussians; new (mu, log sigma).

    (E77)  mu <- mu - a sigma² ∂loss/∂mu,
           log sigma <- log sigma - (a/2) ∂loss/∂(log sigma)

    Derivation.  The Fisher matrix is E[score scoreᵀ]. With eps = (w - mu)/sigma the
        scores are eps/sigma and eps² - 1, so its entries are E[eps²]/sigma² = 1/sigma²,
        E[(eps² - 1)²] = 3 - 2 + 1 = 2 and E[eps (eps² - 1)] = 0: inverting the diagonal
        gives E77. On a quadratic loss with Hessian Λ and sigma² = 1/Λ_ii the first line
        at a = 1 is a Jacobi iteration: it diverges where Λ is far from diagonal.
    Source.  Amari 1998; Khan & Rue 2023 (the Bayesian learning rule), sec. 3.
    Shapes.  all (..., P); a is a number.
    """
    return q.mean - a * q.sigma**2 * g_mu, q.log_sigma - 0.5 * a * g_log_sigma


@equation("E78")
def full_covariance_step(q, g_mu, g_log_sigma, g_low, a):
    """A step of size a in the natural parameters of N(mu, Σ); new (mu, sigma, low).

    (E78)  Λ <- Λ + 2a ∂loss/∂Σ,   mu <- mu - a Λ_new⁻¹ ∂loss/∂mu,   Λ = Σ⁻¹

    Derivation.  In an exponential family the natural gradient for the natural
        parameters (Λmu, -Λ/2) is the plain gradient for the expectations (mu, Σ + mu
        muᵀ), namely (g_mu - 2 G mu, G) with G = ∂loss/∂Σ. So -Λ/2 <- -Λ/2 - a G, and
        Λ_new mu_new = Λ mu - a (g_mu - 2 G mu) = Λ_new mu - a g_mu. On a conjugate
        model 2G = Λ_post - Λ: a = 1 lands on the posterior in one step.
        From the factor: Σ = L Lᵀ gives LᵀGL = (B + Bᵀ)/2, B the lower triangle of
        Lᵀ ∂loss/∂L with its diagonal halved, so Λ_new = L⁻ᵀ M L⁻¹, M = I + a (B + Bᵀ).
        With M = U Uᵀ, U upper triangular, L_new = L U⁻ᵀ is lower triangular again.
        L = diag(sigma) T, T = I + low: row i of sigma ∂loss/∂L is g_low off the
        diagonal and g_log_sigma - Σ_j low_ij g_low_ij on it.
    Source.  Khan & Rue 2023, eq. 11; Murray 2016 (Cholesky derivative).
    Shapes.  g_mu, g_log_sigma (..., P), g_low (..., P, P) strictly lower.

    Raises ValueError where M is not positive definite: the step is too long.
    """
    eye = np.eye(q.mean.shape[-1], dtype=q.mean.dtype)
    T = eye + q.low
    diagonal = g_log_sigma - (q.low * g_low).sum(-1)
    B = np.tril(T.swapaxes(-1, -2) @ (g_low + eye * diagonal[..., None, :]))
    M = eye + a * (B + B.swapaxes(-1, -2)) * (1.0 - 0.5 * eye)
    return with_precision(q, M, g_mu, a)


@equation("E79")
def curvature_step(q, G, d, g_mu, a):
    """A step of size a with the curvature of the model; new (mu, sigma, low).

    (E79)  Λ <- (1 - a) Λ + a (GᵀG + diag(d)),   mu <- mu - a Λ_new⁻¹ ∂loss/∂mu

    Derivation.  E78 with 2 ∂loss/∂Σ = E_q[∇² nll] + diag(d) - Λ: for a Gaussian q the
        slope of an expectation in Σ is half the mean second derivative (Price), the
        prior is independent in the weights, and the entropy gives -Λ. A network's
        second derivatives can be indefinite; their mean over targets y drawn from the
        model itself cannot: from ∫ p(y|w) dy = 1, differentiated twice,
        E_y[∇² nll] = E_y[∇nll ∇nllᵀ] (Fisher). Rows are independent and their slopes
        have mean zero, so N/R times the outer products of R rows' slopes, each at its own
        w ~ q and y ~ p(y|w), has that mean: GᵀG with the slopes times √(N/R) as rows.
        Then Λ_new >= (1 - a) Λ: no step a < 1 is too long to have a covariance.
        With Z = G L, M = Lᵀ Λ_new L = (1 - a) I + a (ZᵀZ + Lᵀ diag(d) L).
    Source.  Martens 2020, sec. 9; Khan et al. 2018 (VOGN), here with all P² entries.
    Shapes.  G (..., R, P), d and g_mu (..., P).

    Raises ValueError where G is so large that M has no Cholesky factor.
    """
    eye = np.eye(q.mean.shape[-1], dtype=q.mean.dtype)
    L = q.sigma[..., None] * (eye + q.low)
    Z = np.concatenate([G @ L, np.sqrt(d)[..., None] * L], axis=-2)
    M = (1.0 - a) * eye + a * (Z.swapaxes(-1, -2) @ Z)
    return with_precision(q, M, g_mu, a)


def with_precision(q, M, g_mu, a):
    """(mu, sigma, low) of precision L⁻ᵀ M L⁻¹ after a step of size a of the mean."""
    T = np.eye(q.mean.shape[-1], dtype=q.mean.dtype) + q.low
    try:
        U = np.linalg.cholesky(M[..., ::-1, ::-1])[..., ::-1, ::-1]
    except np.linalg.LinAlgError:
        raise ValueError(
            f"a natural-gradient step of size {a:g} makes the precision indefinite; "
            "take a smaller one"
        ) from None
    pivots = np.diagonal(U, axis1=-2, axis2=-1)
    TK = upper_solve(U, T.swapaxes(-1, -2)).swapaxes(-1, -2)
    sigma, T = q.sigma / pivots, np.tril(TK * pivots[..., None])
    through = (T.swapaxes(-1, -2) @ (sigma * g_mu)[..., None])[..., 0]
    mu = q.mean - a * sigma * (T @ through[..., None])[..., 0]
    return mu, sigma, np.tril(T, -1)
