"""Independent truth for families, priors and estimators, written another way.

Nothing here is shared with the package: covariance matrices are dense, densities are
textbook formulas, posteriors come from normal equations.
"""

import itertools

import numpy as np

STEP = 1e-20


def step_every_coordinate(f, params):
    """Im f(params + ih e_i) / h for every number: all of them in one vectorised call.

    ``f`` takes params with a leading axis and returns one value per entry of it.
    """
    sizes = [array.shape[-1] for array in params.values()]
    n, start, moved = sum(sizes), 0, {}
    for (key, array), size in zip(params.items(), sizes, strict=True):
        z = np.repeat(array[None], n, 0).astype(complex)
        z[start + np.arange(size), np.arange(size)] += 1j * STEP
        moved[key], start = z, start + size
    value = np.asarray(f(moved))
    assert value.dtype.kind == "c", "f drops the imaginary part"
    return value.imag / STEP


def factor(q):
    """The Cholesky factor L (..., P, P) of a Gaussian family's q, as a dense matrix."""
    n = q.sigma.shape[-1]
    low = np.zeros(q.sigma.shape + (n,)) if q.low is None else q.low
    return q.sigma[..., :, None] * (np.eye(n) + low)


def covariance(q):
    """L Lᵀ."""
    L = factor(q)
    return L @ np.swapaxes(L, -1, -2)


def log_q(q, w):
    """Log density of one real Gaussian q (P,) at weights w (..., P), by precision."""
    cov = covariance(q)
    d = w - q.mean
    quadratic = np.einsum("...i,ij,...j->...", d, np.linalg.inv(cov), d)
    log_det = np.linalg.slogdet(2 * np.pi * cov)[1]
    return -0.5 * quadratic - 0.5 * log_det


def log_q_complex(mean, sigma, low, w):
    """The same for complex params (one replica per entry) at real weights (S, P)."""
    n = mean.shape[-1]
    T = np.eye(n) + (0 if low is None else low)
    d = (w - mean[..., None, :]) / sigma[..., None, :]
    e = np.linalg.solve(T + np.zeros(d.shape[:-2] + (n, n)), np.swapaxes(d, -1, -2))
    log_det = np.log(sigma).sum(-1)[..., None] + n * np.log(2 * np.pi) / 2
    return -0.5 * (e * e).sum(-2) - log_det


def gaussian_kl(m_q, cov_q, m_p, cov_p):
    """KL between two Gaussians by traces and determinants."""
    inverse, d = np.linalg.inv(cov_p), m_p - m_q
    log_dets = np.linalg.slogdet(cov_p)[1] - np.linalg.slogdet(cov_q)[1]
    return 0.5 * (np.trace(inverse @ cov_q) + d @ inverse @ d - len(d) + log_dets)


def posterior(X, y, noise, prior_mean, prior_sd):
    """Mean, covariance, log evidence of linear regression, noise sd ``noise``."""
    n, d = X.shape
    precision = X.T @ X / noise**2 + np.diag(np.broadcast_to(prior_sd, d) ** -2.0)
    cov = np.linalg.inv(precision)
    prior_mean = np.broadcast_to(prior_mean, d)
    mean = cov @ (X.T @ y / noise**2 + prior_mean / prior_sd**2)
    spread = noise**2 * np.eye(n) + (X * np.broadcast_to(prior_sd, d) ** 2) @ X.T
    r = y - X @ prior_mean
    log_det = np.linalg.slogdet(2 * np.pi * spread)[1]
    return mean, cov, -0.5 * (r @ np.linalg.solve(spread, r) + log_det)


def hermite(n, dims):
    """Gauss-Hermite nodes (n^dims, dims) and weights for standard normals."""
    x, w = np.polynomial.hermite_e.hermegauss(n)
    return _product(x, w / w.sum(), dims)


def trapezoid(n, dims, ends=9.0):
    """Trapezoid rule for standard normals: exact for analytic integrands."""
    x = np.linspace(-ends, ends, n)
    w = np.exp(-0.5 * x * x)
    return _product(x, w / w.sum(), dims)


def _product(x, w, dims):
    nodes = np.array(list(itertools.product(x, repeat=dims))).reshape(-1, dims)
    weights = np.array(list(itertools.product(w, repeat=dims))).reshape(-1, dims)
    return nodes, weights.prod(-1)
