"""The ELBO for users: the checked door to `minibnn/objective.py`, which derives it."""

import numpy as np

from minibnn.estimators.local_reparam import LocalReparam
from minibnn.estimators.pathwise import Pathwise
from minibnn.model import Model
from minibnn.objective import objective
from minibnn.validation.arguments import (
    as_numbers,
    check_instance,
    check_int,
    check_number,
    check_protocol,
    check_shape,
)
from minibnn.validation.describe import describe
from minibnn.validation.doors import door


@door
def neg_elbo(
    model, family, params, noise, X, y, *, n_data=None, kl_weight=1.0, estimator=None
):
    """The negative ELBO at fixed noise, its gradient, and its two parts (E51-E53).

    Parameters
    ----------
    params : dict of arrays
        As ``family.init`` makes them; complex values are allowed (complex step).
    noise : array (S, M)
        Standard normals; M from ``estimator.noise_shape(model, family, S, B)``.
    X, y : arrays (B, D) and (B,) or (B, K)
        A minibatch.
    n_data : int, optional
        N, the rows of the whole data set; by default the batch is all there is.
    kl_weight : float
        1 gives the ELBO; 0 leaves the likelihood alone.
    estimator : optional
        Default: the pathwise one.

    Returns
    -------
    loss : float
        ``parts["nll"] + kl_weight * parts["kl"]``, to be minimised.
    grads : dict of arrays
        Keys and shapes of ``params``.
    parts : dict
        "nll" (mean over S, carries N/B) and "kl" (never carries the weight; for
        ``Point`` the penalty -log p(w)).

    Raises
    ------
    ValueError, TypeError
        Naming the argument that does not fit.
    """
    estimator = Pathwise() if estimator is None else estimator
    check_combination(model, family, estimator)
    A, y = model.batch(X, y)
    if A.ndim == 3 and family.tasks not in ((), A.shape[:1]):
        raise ValueError(
            f"X must hold {family.tasks[0]} data sets, one per context of {family!r}, "
            f"got {len(A)}"
        )
    params = check_params(family, model, params)
    noise = check_noise(estimator, model, family, noise, A.shape[-2])
    check_replicas(family, params, noise, A)
    n_data = A.shape[-2] if n_data is None else n_data
    n_data = check_int("n_data", n_data, minimum=A.shape[-2])
    kl_weight = check_number("kl_weight", kl_weight, minimum=0.0)
    with np.errstate(all="ignore"):  # an overflow shows as inf in the loss it returns
        data = params, noise, A, y, n_data, kl_weight
        loss, gradient, parts = objective(model, family, *data, estimator)
        grads = gradient()
    check_numbers(loss, grads)
    return loss, grads, parts


def lead_of(family, params):
    """The leading shape of q (...,); ValueError unless all params have one axis."""
    leads = {array.shape[:-1] for array in params.values()}
    if len(leads) > 1:
        shapes = ", ".join(f"{key} {array.shape}" for key, array in params.items())
        raise ValueError(f"params must have equal replica axes, got {shapes}")
    return family.natural(params)[0].mean.shape[:-1]


def check_replicas(family, params, noise, A):
    """Raise unless noise and X have no replica axis or that of params."""
    lead = lead_of(family, params)
    for name, array in (("noise", noise), ("X", A)):
        if array.shape[:-2] not in ((), lead):
            raise ValueError(
                f"{name} must have no replica axis or that of params, {lead}, "
                f"got {array.shape[:-2]}"
            )


def check_numbers(loss, grads):
    """Raise where an overflow left something that is not a number."""
    bad = [f"grads[{key!r}]" for key, g in grads.items() if np.isnan(g).any()]
    if np.isnan(loss).any():
        bad.insert(0, "loss")
    if bad:
        raise ValueError(
            f"params are too large for floating-point numbers: {' and '.join(bad)} "
            "came out as nan; wanted params (or X) of moderate size"
        )


def check_combination(model, family, estimator):
    """Raise unless the three are what they should be and fit together."""
    check_instance("model", model, Model)
    check_protocol("family", family, "natural")
    check_protocol("estimator", estimator, "noise_shape")
    estimator.check(model, family)


def check_params(family, model, params, name="params"):
    """Params with the family's keys, its shapes from the right, finite numbers."""
    shapes = family.shapes(model)
    if not isinstance(params, dict) or set(params) != set(shapes):
        keys = list(params) if isinstance(params, dict) else describe(params)
        raise ValueError(f"{name} must be a dict with {sorted(shapes)}, got {keys}")
    checked = {}
    for key, shape in shapes.items():
        array = as_numbers(f"{name}[{key!r}]", params[key])
        check_shape(f"{name}[{key!r}]", array, array.shape[: -len(shape)] + shape)
        checked[key] = array
    family.check_params(checked)
    return checked


def check_noise(estimator, model, family, noise, n_rows):
    """Noise (..., S, M) of the size the estimator asks for."""
    noise = as_numbers("noise", noise)
    size = estimator.noise_shape(model, family, 1, n_rows)[1]
    if noise.ndim < 2 or noise.shape[-1] != size or noise.shape[-2] < 1:
        raise ValueError(
            f"noise must have shape (S, {size}) for {estimator!r}, got {noise.shape}"
        )
    return noise


def default_estimator(model, family):
    """Local reparameterization where it is possible, else pathwise."""
    try:
        LocalReparam().check(model, family)
    except ValueError:
        return Pathwise()
    return LocalReparam()
