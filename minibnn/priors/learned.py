"""Prior scales learned from the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minibnn.equations import equation
from minibnn.priors.gaussian import GaussianPrior
from minibnn.types import ArrayLike, FloatArray
from minibnn.validation.arguments import (
    as_float_array,
    check_instance,
    check_protocol,
    check_shape,
)
from minibnn.validation.doors import door


@equation("E48")
def learned_scales(net, mean, var, prior_mean=0.0):
    """The prior scale of each layer that maximises the ELBO, given q.

    (E48)  s0² = mean over the layer's weights of (m_i - m0)² + v_i
    Derivation.  Only the KL depends on s0. Summed over n weights (E41) it is
        n log s0 + Σ ((m_i - m0)² + v_i) / (2 s0²) + const; its slope in log s0,
        n - Σ(...)/s0², is negative below and positive above the s0 of E48: the one
        minimum. Total correlation does not depend on the prior: marginals suffice.
    Source.  MacKay 1992 (evidence framework), here for the ELBO.
    Shapes.  mean, var (..., P), P >= the network's; result (..., layers).
    """
    squares = (mean - prior_mean) ** 2 + var
    return np.stack([np.sqrt(squares[..., part].mean(-1)) for part in net.slices], -1)


@door
def learned_prior(
    model: Any,  # a Model and a Family: both know priors, so no prior knows them
    family: Any,
    params: Mapping[str, FloatArray],
    mean: ArrayLike = 0.0,
) -> GaussianPrior:
    """The Gaussian prior, one scale per layer, under which this q has the largest ELBO.

    Alternate it with fits to learn prior scales (type-II maximum likelihood, E48).

    Parameters
    ----------
    model : Model
    family : MeanField, FullCovariance or another with a spread
    params : dict of arrays
        Of the family, as ``family.init`` makes them or ``result.params`` holds them.
    mean : float or array (P,)
        Prior mean: one number, or one per weight of the network.

    Returns
    -------
    GaussianPrior
        For the network's weights; its ``scale`` is (P,), constant within a layer.

    Raises
    ------
    ValueError, TypeError
        For a family without a spread, and naming what does not fit.

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.1), mb.GaussianPrior())
    >>> family = mb.MeanField(sigma=0.5)
    >>> params = family.init(model, rng=0)
    >>> params["mu"][:6] = 0.0  # the first layer's weights say nothing
    >>> prior = mb.learned_prior(model, family, params)
    >>> round(float(prior.scale[0]), 6), bool(prior.scale[-1] > 0.5)
    (0.5, True)
    """
    check_protocol("model", model, "log_joint")
    check_protocol("family", family, "natural")
    if not family.has_elbo:
        raise ValueError(f"family {family!r} has no ELBO, so no prior maximises it")
    shapes = family.shapes(model)
    if set(check_instance("params", params, dict)) != set(shapes):
        got = sorted(map(str, params))
        raise ValueError(f"params must be a dict with {sorted(shapes)}, got {got}")
    for key, shape in shapes.items():
        array = as_float_array(f"params[{key!r}]", params[key])
        check_shape(f"params[{key!r}]", array, array.shape[: -len(shape)] + shape)
    mean, n = as_float_array("mean", mean, ndim=(0, 1)), model.net.n_weights
    check_shape("mean", mean, (n,) * mean.ndim)
    of_weights, var = family.marginals(family.natural(params)[0])
    with np.errstate(over="ignore"):  # a scale of inf is refused as a prior
        scales = learned_scales(model.net, of_weights[..., :n], var[..., :n], mean)
    return GaussianPrior.per_layer(model.net, scales, mean)
