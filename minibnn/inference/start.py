"""The start: L-BFGS on the ELBO at a few fixed noises.

With the noise held fixed the ELBO is an ordinary smooth function and a deterministic
optimiser runs down it quickly. It overfits those noises: its objective is never
reported, and stochastic steps follow.
"""

import numpy as np
from scipy.optimize import minimize

from minibnn.inference.flat import Flat
from minibnn.kernels.estimators import Pathwise
from minibnn.kernels.objective import objective

SAMPLES = 16
ITERATIONS = 400
SMALLEST_SIGMA = 1e-8  # of the literal sigma during L-BFGS; the entropy keeps it away
MOST_WORK = 2e7  # samples x rows x weights of one evaluation, above which it is skipped


def worth_a_start(model, family, n_rows, exact):
    """Whether ``start="auto"`` uses it: only for families and sizes it pays for."""
    work = SAMPLES * n_rows * model.n_weights
    return exact or (family.fixed_noise_start and work <= MOST_WORK)


def standardised_noise(rng, shape):
    """Normals with mean exactly 0 and variance 1 over the samples."""
    eps = rng.standard_normal(shape)
    eps -= eps.mean(-2, keepdims=True)
    return eps / eps.std(-2, keepdims=True)


def bounds(family, flat):
    """Where rho is sigma itself it stays positive; everything else is free."""
    if getattr(family, "scale", None) != "identity":
        return None
    lowest = {"rho": SMALLEST_SIGMA}
    return [
        (lowest.get(key), None) for key, size in flat.sizes.items() for _ in range(size)
    ]


def lbfgs_start(
    model, family, params, A, y, kl_weight, rng, estimator, iterations=ITERATIONS
):
    """Params after L-BFGS on the ELBO at fixed noise, in double precision inside.

    An exact estimator has no noise: then it is the ELBO itself that is maximised.
    """
    estimator = estimator if estimator.exact else Pathwise()
    shape = estimator.noise_shape(model, family, SAMPLES, A.shape[-2])
    noise = standardised_noise(rng, family.tasks + shape)
    flat = Flat(params, np.float64)
    A = A.astype(np.float64, copy=False)

    def fun(theta):
        loss, gradient, _ = objective(
            model,
            family,
            flat.split(theta),
            noise,
            A,
            y,
            A.shape[-2],
            kl_weight,
            estimator,
        )
        return float(np.sum(loss)), flat.join(gradient())

    found = minimize(
        fun,
        flat.theta,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds(family, flat),
        options={"maxiter": iterations},
    )
    if not np.isfinite(found.fun):
        return params
    dtype = next(iter(params.values())).dtype
    return {key: part.astype(dtype) for key, part in flat.split(found.x).items()}
