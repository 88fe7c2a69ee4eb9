"""Priors beyond the Gaussian, and Gaussian scales learned from the data."""

import numpy as np

from minibnn.kernels.doors import door
from minibnn.kernels.equations import equation
from minibnn.kernels.keep import kept
from minibnn.kernels.model import Model, check_protocol
from minibnn.kernels.prior_kernels import (
    laplace_kl,
    laplace_log_density,
    scale_mixture_log_density,
)
from minibnn.kernels.priors import GaussianPrior
from minibnn.kernels.validate import (
    as_float_array,
    check_all,
    check_fraction,
    check_instance,
    check_not_empty,
    check_number,
    check_shape,
)

SCALES = (1e-100, 1e100)  # squares of scales, and of their quotient, are floats


class ScaleMixturePrior:
    """pi N(0, s1²) + (1 - pi) N(0, s2²) for every weight: a spike and a slab (E45).

    Its KL has no closed form, so it is sampled with the weights.

    Parameters
    ----------
    pi : float in (0, 1)
        Share of the first component.
    s1, s2 : float
        The two standard deviations, between 1e-100 and 1e100.
    """

    has_closed_kl = False
    length = None

    def __init__(self, pi=0.5, s1=1.0, s2=0.0025):
        self.s1 = check_number("s1", s1, *SCALES)
        self.s2 = check_number("s2", s2, *SCALES)
        self.pi = check_fraction("pi", pi)
        if self.pi in (0.0, 1.0):
            only = self.s1 if self.pi else self.s2
            raise ValueError(
                f"pi must be a number > 0 and < 1, got {self.pi}: one component alone "
                f"is GaussianPrior(0.0, {only:g})"
            )

    def __repr__(self):
        return f"ScaleMixturePrior({self.pi:g}, {self.s1:g}, {self.s2:g})"

    def log_prob(self, w):
        """Log density summed over weights, and its gradient (E45)."""
        value, gradient = scale_mixture_log_density(w, self.pi, self.s1, self.s2)
        return value.sum(-1), gradient


class LaplacePrior:
    """Independent Laplace densities e^(-|w|/b) / (2b): the prior behind the L1 penalty.

    Its KL from a Gaussian is closed (E46).

    Parameters
    ----------
    b : float or array (P,)
        Mean of |w|; the standard deviation is b √2.
    """

    has_closed_kl = True

    def __init__(self, b=1.0):
        b = as_float_array("b", b, ndim=(0, 1), dtype=np.float64)
        check_not_empty("b", b)
        self.b = kept(check_all("b", b, b > 0, "a scale > 0"))

    def __repr__(self):
        return (
            f"LaplacePrior({f'{self.b:g}' if self.b.ndim == 0 else f'<{len(self.b)}>'})"
        )

    @property
    def length(self):
        """Number of weights it is made for, or None if one number serves all."""
        return len(self.b) if self.b.ndim else None

    def kl(self, m, s, log_s):
        """KL(N(m, s²) || prior) per weight, with gradients for m and log s (E46)."""
        return laplace_kl(m, s, log_s, self.b)

    def log_prob(self, w):
        """Log density summed over weights, and its gradient (E47)."""
        value, gradient = laplace_log_density(w, self.b)
        return value.sum(-1), gradient


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
    check_instance("model", model, Model)
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
