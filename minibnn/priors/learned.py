"""Prior scales learned from the data."""

import numpy as np

from minibnn.equations import equation
from minibnn.priors.gaussian import GaussianPrior
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
def learned_prior(model, family, params, mean=0.0):
    """The Gaussian prior, one scale per layer, under which this q has the largest ELBO.

    Alternate it with fits to learn prior scales (type-II maximum likelihood). Raises
    ValueError for a family without a spread, and naming what does not fit. ``mean``: one
    number, or one per weight of the network.
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
    moments = (part[..., :n] for part in family.marginals(family.natural(params)[0]))
    with np.errstate(over="ignore"):  # a scale of inf is refused as a prior
        scales = learned_scales(model.net, *moments, mean)
    return GaussianPrior.per_layer(model.net, scales, mean)
