"""A model: network, likelihood and prior, and the joint density they make."""

from copy import copy

import numpy as np

from minibnn.inputs import Inputs
from minibnn.likelihoods.weighted import (
    Weighted,
    checked_weights,
    split_weights,
    unweighted,
    with_weights,
)
from minibnn.nn.mlp import MLP, initial_weights
from minibnn.priors.joint import JointPrior
from minibnn.validation.arguments import (
    as_float_array,
    as_inputs,
    as_rng,
    check_all,
    check_instance,
    check_protocol,
    check_range,
    check_rows,
    check_shape,
    check_squares,
)


class Model:
    """p(D, w) = p(y | f(X; w)) p(w).

    Parameters
    ----------
    net : MLP
    likelihood : Bernoulli, Gaussian, Categorical, ...
        May own weights (a learned noise scale); they stand at the end of w.
    prior : GaussianPrior, ...
        Over the network's weights. The likelihood brings the prior of its own.

    Raises
    ------
    ValueError
        If the network's output width is not what the likelihood reads, or a per-weight
        prior has another length than the network has weights.
    """

    def __init__(self, net, likelihood, prior):
        self.net = check_instance("net", net, MLP, "an MLP")
        self.likelihood = check_protocol("likelihood", likelihood, "targets")
        self.prior = check_protocol("prior", prior, "log_prob")
        likelihood.check_width(net.n_outputs)
        if prior.length not in (None, net.n_weights):
            raise ValueError(
                f"prior is made for {prior.length} weights, "
                f"the network {net!r} has {net.n_weights}"
            )
        self.weight_prior = prior
        if likelihood.n_weights:
            self.weight_prior = JointPrior(prior, likelihood.own_prior, net.n_weights)

    def __repr__(self):
        return f"Model({self.net!r}, {self.likelihood!r}, {self.prior!r})"

    @property
    def n_weights(self):
        """P: the network's weights and the likelihood's own."""
        return self.net.n_weights + self.likelihood.n_weights

    def initial_weights(self, rng):
        """A new network's weights and the likelihood's start, (P,).

        Outputs that are log scales begin at 0 whatever the input.
        """
        w, likelihood = initial_weights(self.net, as_rng(rng)), self.likelihood
        last = self.net.blocks(w)[-1]
        last[:, likelihood.log_scale_outputs(self.net.n_outputs)] = 0.0
        return np.concatenate([w, likelihood.initial_weights()])

    def batch(self, X, y, ndim=(2, 3), dtype=None):
        """Checked data as the kernels want it: features (N, D+1) and targets.

        Raises ValueError or TypeError naming X or y: wrong shape, NaN or inf, a column
        whose squares overflow, labels out of range, unequal lengths, no rows.
        """
        A, y = checked_data(self, X, y, ndim, dtype)
        return A.features(), y

    def features(self, X, ndim=(2, 3), dtype=None):
        """Checked inputs with the constant column, (N, D+1)."""
        return self.net.features(checked_inputs(self.net, X, ndim, dtype))

    def targets(self, A, y):
        """Checked targets as the likelihood wants them, one for each row of features."""
        shape = A.shape[:-1] + (self.net.n_outputs,)
        return self.likelihood.targets(y, shape)

    def nll(self, w, A, y):
        """Negative log-likelihood of each weight sample, and its gradient on demand.

        w (..., S, P), features A (..., B, D+1), targets y -> nll (..., S) and
        ``pull(c) -> g_w`` (..., S, P), that of Σ_s c nll_s: there are far fewer outputs
        than weights to multiply by c.
        """
        n = self.net.n_weights
        F, pull_net = self.net.apply(w[..., :n], A)
        nll, g_F, g_own = self.likelihood(F, y, w[..., n:])

        def pull(c=1.0):
            g_w = pull_net(c * g_F)
            return g_w if g_own is None else np.concatenate([g_w, c * g_own], -1)

        return nll, pull

    def log_joint(self, w, X, y):
        """log p(y | X, w) + log p(w) and its gradient, checked.

        w (P,) -> (float, (P,)); w (S, P) -> ((S,), (S, P)). This is what HMC climbs.
        """
        w = as_float_array("w", w, ndim=(1, 2))
        check_shape("w", w, w.shape[:-1] + (self.n_weights,))
        with np.errstate(all="ignore"):  # weights too large are told below
            value, gradient = self.log_joint_kernel(np.atleast_2d(w), *self.batch(X, y))
        finite = np.isfinite(value) & ~np.isnan(gradient).any(-1)
        check_all(
            "log joint", value, finite, "a number with a gradient; w is too large"
        )
        return (value[0], gradient[0]) if w.ndim == 1 else (value, gradient)

    def log_joint_kernel(self, w, A, y):
        """The same without checks, on features and targets: (..., S), (..., S, P)."""
        nll, pull = self.nll(w, A, y)
        log_prior, g_prior = self.weight_prior.log_prob(w)
        return log_prior - nll, g_prior - pull()


def checked_data(model, X, y, ndim=(2, 3), dtype=None):
    """What ``Model.batch`` makes, the features still ``Inputs``: X is not copied."""
    X = checked_inputs(model.net, X, ndim, dtype)
    return data_of(model, check_squares("X", check_rows("X", X)), y)


def data_of(model, X, y):
    """The same of inputs that were checked, or of what stands in their place."""
    A = Inputs(X, model.net)
    y = model.targets(A, y)
    if y.dtype.kind == "f":  # real targets compute in the precision of X
        y = check_range("y", y, A.dtype).astype(A.dtype, copy=False)
    return A, y


def checked_inputs(net, X, ndim, dtype):
    """Checked inputs (..., N, D)."""
    X = as_inputs(X, ndim=ndim, dtype=dtype)
    return check_shape("X", X, X.shape[:-1] + (net.n_inputs,))


def with_likelihood(model, likelihood):
    """The same model with a likelihood that has the same weights of its own."""
    if likelihood is model.likelihood:
        return model
    model = copy(model)
    model.likelihood = likelihood
    return model


def unweighted_model(model):
    """The model of rows of weight 1: what a prediction asks."""
    return with_likelihood(model, unweighted(model.likelihood))


def unweighted_data(model, y):
    """The same, canonical targets without weights, and weights (..., B), None if all 1."""
    return unweighted_model(model), *split_weights(model.likelihood, y)


def weighted_data(model, X, y, sample_weight):
    """(model, y) in which rows count as often as ``sample_weight`` (..., N) says.

    X, y, sample_weight as ``fit`` takes them. Raises ValueError or TypeError naming what
    does not fit.
    """
    likelihood = Weighted(model.likelihood)
    shape = checked_inputs(model.net, X, (2, 3), None).shape[:-1]
    weights = checked_weights("sample_weight", sample_weight, shape)
    y = model.likelihood.targets(y, (*shape, model.net.n_outputs))
    return with_likelihood(model, likelihood), with_weights(y, weights)
