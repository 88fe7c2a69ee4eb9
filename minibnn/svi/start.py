"""The start: L-BFGS on the ELBO at a few fixed noises.

With the noise held fixed the ELBO is an ordinary smooth function and a deterministic
optimiser runs down it quickly. It overfits those noises: its objective is never
reported, and stochastic steps follow.
"""

import itertools

import numpy as np
import scipy

from minibnn.estimators.pathwise import Pathwise
from minibnn.families.scales import SCALES
from minibnn.objective import objective
from minibnn.progress import SILENT
from minibnn.svi.interrupt import Interrupted
from minibnn.svi.params import Flat

SAMPLES = 16
ITERATIONS = 400
SMALLEST_SLOPE = 1e-8
FLAT = 1e-6  # slope at which a minimum has been reached
ROUNDING = 1e-12  # of a loss, relative
LAST_STEPS = 20
SMALLEST_SIGMA = 1e-8  # of the literal sigma during L-BFGS; the entropy keeps it away
MOST_WORK = 4e6  # samples x rows x weights of one evaluation, above which it is skipped
NARROW = 1e-3  # sigma from which means move as if there were no noise
WIDE = 0.05  # sigma from which no noise is fitted away


def worth_a_start(model, family, n_rows, exact):
    """Whether ``start="auto"`` uses it: only for families and sizes it pays for."""
    work = SAMPLES * n_rows * model.n_weights
    return exact or (family.fixed_noise_start and work <= MOST_WORK)


def narrow(family, params):
    """Params of which no sigma is above NARROW: the means find their places first.

    Noise prunes hidden units before they have learned anything, and a unit that lies at
    its prior seldom comes back. Where sigma itself is moved it stays as it is: a step
    would leave (0, inf).
    """
    return with_sigma(family, params, NARROW, np.minimum)


def with_sigma(family, params, sigma, bound):
    """Params with every sigma bounded by ``sigma``, from above or from below."""
    if "rho" not in params or family.literal:
        return params
    rho = params["rho"]
    limit = rho.dtype.type(SCALES[family.scale].inverse(sigma))
    return {**params, "rho": bound(rho, limit)}


def standardised_noise(rng, shape):
    """Normals with mean exactly 0 and variance 1 over the samples."""
    eps = rng.standard_normal(shape)
    eps -= eps.mean(-2, keepdims=True)
    return eps / eps.std(-2, keepdims=True)


def bounds(family, flat):
    """Where rho is sigma itself it stays positive; everything else is free."""
    if not family.literal:
        return None
    lowest = {"rho": SMALLEST_SIGMA}
    return [
        (lowest.get(key), None) for key, size in flat.sizes.items() for _ in range(size)
    ]


def lbfgs_start(
    model,
    family,
    params,
    A,
    y,
    kl_weight,
    rng,
    estimator,
    iterations=ITERATIONS,
    progress=SILENT,
):
    """(params, loss) after L-BFGS on the ELBO at fixed noise, in double precision inside.

    An exact estimator has no noise: then it is the ELBO itself that is maximised.
    A descent that ends where a unit further the loss would fall by more than it has so far
    was ended by the rounding of a steep loss: then params are those given. It begins with
    no sigma below WIDE: from a smaller one it fits the noises away.
    Ctrl-C raises ``Interrupted`` with the best params so far.
    """
    estimator = estimator if estimator.exact else Pathwise()
    shape = estimator.noise_shape(model, family, SAMPLES, A.shape[-2])
    noise = standardised_noise(rng, family.tasks + shape)
    problem = model, family, A, y, kl_weight, estimator
    wide = params if estimator.exact else with_sigma(family, params, WIDE, np.maximum)
    flat = Flat(wide, np.float64)
    before = loss_at(problem, flat, noise)(flat.theta)[0]
    better, found = descend(problem, wide, noise, {"maxiter": iterations}, progress)
    lost = found.status == 0 and np.abs(found.jac).max() > before - found.fun
    return (params if lost else better), float(found.fun)


def loss_at(problem, flat, noise):
    """The loss at fixed noise and its gradient as a function of one vector."""
    model, family, A, y, kl_weight, estimator = problem
    A = A.astype(np.float64, copy=False)

    def fun(theta):
        data = flat.split(theta), noise, A, y, A.shape[-2]
        loss, gradient, _ = objective(model, family, *data, kl_weight, estimator)
        return float(np.sum(loss)), flat.join(gradient())

    return fun


def descend(problem, params, noise, options, progress=SILENT):
    """L-BFGS on the loss at fixed noise: (params, what ``minimize`` says of the end)."""
    flat = Flat(params, np.float64)
    dtype = next(iter(params.values())).dtype
    best, loss_of = [np.inf, flat.theta], loss_at(problem, flat, noise)
    evaluations = itertools.count(1)
    method = {"method": "L-BFGS-B", "bounds": bounds(problem[1], flat), "jac": True}

    def fun(theta):
        loss, gradient = loss_of(theta)
        if loss < best[0]:
            best[:] = loss, theta.copy()
        progress(next(evaluations), lambda _: f"ELBO at fixed noise {-best[0]:.2f}")
        return loss, gradient

    def params_of(theta):
        return {key: part.astype(dtype) for key, part in flat.split(theta).items()}

    try:
        found = scipy.optimize.minimize(fun, flat.theta, options=options, **method)
    except KeyboardInterrupt:
        raise Interrupted(params_of(best[1])) from None
    return (params_of(found.x) if np.isfinite(found.fun) else params), found


def to_the_optimum(problem, params, evaluations):
    """Params at a minimum of a loss without noise, and whether it is one.

    L-BFGS ends where the loss no longer falls for its rounding. The gradient still tells
    the way: Newton's method, its Hessian seen through differences of gradients, finds
    the zero of it nearby.
    """
    model, family, A, _, _, estimator = problem
    noise = np.zeros(family.tasks + estimator.noise_shape(model, family, 1, len(A)))
    options = {"ftol": 0.0, "gtol": SMALLEST_SLOPE, "maxls": 50, "maxcor": 50}
    options |= {"maxiter": evaluations, "maxfun": evaluations}
    params, found = descend(problem, params, noise, options)
    if not np.isfinite(found.fun):
        return params, False
    loss, slope = found.fun, np.abs(found.jac).max()
    if slope > SMALLEST_SLOPE:
        fun = loss_at(problem, Flat(params, np.float64), noise)
        theta, new = newton(fun, found.x), Flat(params)
        new_loss, gradient = fun(theta)
        if np.abs(gradient).max() < slope and new_loss <= loss + ROUNDING * abs(loss):
            slope = np.abs(gradient).max()
            params = new.split(theta.astype(new.theta.dtype))
    return params, bool(slope <= FLAT)


def newton(fun, theta):
    """A zero of the gradient near theta, or theta."""
    options = {"fatol": SMALLEST_SLOPE, "maxiter": LAST_STEPS, "line_search": None}
    try:
        krylov = {"method": "krylov", "options": options}
        return scipy.optimize.root(lambda x: fun(x)[1], theta, **krylov).x
    except ValueError:  # it has gone where nothing is finite
        return theta
