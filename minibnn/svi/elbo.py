"""The ELBO for users: the checked door to `minibnn/objective.py`, which derives it."""

from collections.abc import Mapping

import numpy as np

from minibnn.estimators.base import Estimator
from minibnn.estimators.local_reparam import LocalReparam
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.base import Family
from minibnn.model import Model
from minibnn.objective import objective
from minibnn.types import ArrayLike, FloatArray, Params
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
    model: Model,
    family: Family,
    params: Mapping[str, ArrayLike],
    noise: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_data: int | None = None,
    kl_weight: float = 1.0,
    estimator: Estimator | None = None,
) -> tuple[float | FloatArray, Params, Mapping[str, float | FloatArray]]:
    """The negative ELBO at fixed noise, its gradient, and its two parts (E51-E53).

    Parameters
    ----------
    model : Model
    family : MeanField, Point, ...
    params : dict of arrays
        As ``family.init`` makes them; complex values are allowed (complex step). A
        leading axis R, of all of them, is of replicas.
    noise : array (S, M) or (R, S, M)
        Standard normals; (S, M) is ``estimator.noise_shape(model, family, S, B)``.
    X, y : arrays (B, D) and (B,) or (B, K)
        A minibatch.
    n_data : int, optional
        N >= B, the rows of the whole data set; by default the batch is all there is.
    kl_weight : float >= 0
        1 gives the ELBO; 0 leaves the likelihood alone.
    estimator : Pathwise, LocalReparam, ..., optional
        Default: the pathwise one.

    Returns
    -------
    loss : float or array (R,)
        ``parts["nll"] + kl_weight * parts["kl"]`` in nats, to be minimised.
    grads : dict of arrays
        Keys and shapes of ``params``.
    parts : dict
        "nll" (mean over S, carries N/B) and "kl" (never carries the weight; for
        ``Point`` the penalty -log p(w)).

    Raises
    ------
    ValueError, TypeError
        Naming the argument that does not fit.

    Examples
    --------
    >>> import minibnn as mb, numpy as np
    >>> model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), mb.GaussianPrior())
    >>> family, rng = mb.MeanField(), np.random.default_rng(0)
    >>> params = family.init(model, rng)
    >>> noise = rng.normal(size=(5, model.n_weights))  # S = 5 samples of the weights
    >>> X, y = [[0.0, 1.0], [2.0, -1.0]], [0, 1]
    >>> loss, grads, parts = mb.neg_elbo(model, family, params, noise, X, y)
    >>> bool(loss == parts["nll"] + parts["kl"])
    True
    >>> params["mu"] = params["mu"] - 0.01 * grads["mu"]  # a step against the gradient
    >>> bool(mb.neg_elbo(model, family, params, noise, X, y)[0] < loss)
    True
    """
    estimator = Pathwise() if estimator is None else estimator
    check_combination(model, family, estimator)
    A, y = model.batch(X, y)
    if A.ndim == 3 and family.tasks not in ((), A.shape[:1]):
        raise ValueError(
            f"X must hold {family.tasks[0]} data sets, one per context of {family!r}, "
            f"got {len(A)}"
        )
    own = check_params(family, model, params)
    noise = check_noise(estimator, model, family, noise, A.shape[-2])
    check_replicas(family, own, noise, A)
    n_data = A.shape[-2] if n_data is None else n_data
    n_data = check_int("n_data", n_data, minimum=A.shape[-2])
    kl_weight = check_number("kl_weight", kl_weight, minimum=0.0)
    with np.errstate(all="ignore"):  # an overflow shows as inf in the loss it returns
        data = own, noise, A, y, n_data, kl_weight
        loss, gradient, parts = objective(model, family, *data, estimator)
        grads = gradient()
    check_numbers(loss, grads)
    return loss, grads, parts


def lead_of(family: Family, params: Params) -> tuple[int, ...]:
    """The leading shape of q (...,); ValueError unless all params have one axis."""
    leads = {array.shape[:-1] for array in params.values()}
    if len(leads) > 1:
        shapes = ", ".join(f"{key} {array.shape}" for key, array in params.items())
        raise ValueError(f"params must have equal replica axes, got {shapes}")
    return family.natural(params)[0].mean.shape[:-1]


def check_replicas(
    family: Family, params: Params, noise: FloatArray, A: FloatArray
) -> None:
    """Raise unless noise and X have no replica axis or that of params."""
    lead = lead_of(family, params)
    for name, array in (("noise", noise), ("X", A)):
        if array.shape[:-2] not in ((), lead):
            raise ValueError(
                f"{name} must have no replica axis or that of params, {lead}, "
                f"got {array.shape[:-2]}"
            )


def check_numbers(loss: float | FloatArray, grads: Params) -> None:
    """Raise where an overflow left something that is not a number."""
    bad = [f"grads[{key!r}]" for key, g in grads.items() if np.isnan(g).any()]
    if np.isnan(loss).any():
        bad.insert(0, "loss")
    if bad:
        raise ValueError(
            f"params are too large for floating-point numbers: {' and '.join(bad)} "
            "came out as nan; wanted params (or X) of moderate size"
        )


def check_combination(model: Model, family: Family, estimator: Estimator) -> None:
    """Raise unless the three are what they should be and fit together."""
    check_instance("model", model, Model)
    check_protocol("family", family, "natural")
    check_protocol("estimator", estimator, "noise_shape")
    estimator.check(model, family)


def check_params(
    family: Family, model: Model, params: Mapping[str, ArrayLike], name: str = "params"
) -> Params:
    """Params with the family's keys, its shapes from the right, finite numbers."""
    shapes = family.shapes(model)
    if not isinstance(params, dict) or set(params) != set(shapes):
        keys = list(params) if isinstance(params, dict) else describe(params)
        raise ValueError(f"{name} must be a dict with {sorted(shapes)}, got {keys}")
    checked: Params = {}
    for key, shape in shapes.items():
        array = as_numbers(f"{name}[{key!r}]", params[key])
        check_shape(f"{name}[{key!r}]", array, array.shape[: -len(shape)] + shape)
        checked[key] = array
    family.check_params(checked)
    return checked


def check_noise(
    estimator: Estimator, model: Model, family: Family, noise: ArrayLike, n_rows: int
) -> FloatArray:
    """Noise (..., S, M) of the size the estimator asks for."""
    noise = as_numbers("noise", noise)
    size = estimator.noise_shape(model, family, 1, n_rows)[1]
    if noise.ndim < 2 or noise.shape[-1] != size or noise.shape[-2] < 1:
        raise ValueError(
            f"noise must have shape (S, {size}) for {estimator!r}, got {noise.shape}"
        )
    return noise


def default_estimator(model: Model, family: Family) -> Estimator:
    """Local reparameterization where it is possible, else pathwise."""
    try:
        LocalReparam().check(model, family)
    except ValueError:
        return Pathwise()
    return LocalReparam()
