"""A model: network, likelihood and prior, and the joint density they make."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from minibnn.equations import equation
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
from minibnn.tables import Summary, Table
from minibnn.types import Array, ArrayLike, FloatArray, Rng
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
from minibnn.validation.columns import check_same_rows
from minibnn.validation.shapes import check_width


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

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([8, 12, 1]), mb.Bernoulli(), mb.GaussianPrior(0.0, 1.0))
    >>> model
    Model(MLP([8, 12, 1], activation='relu'), Bernoulli(), GaussianPrior(0, 1))
    >>> model.n_weights
    121
    """

    def __init__(self, net: MLP, likelihood: Any, prior: Any) -> None:
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

    def __repr__(self) -> str:
        return f"Model({self.net!r}, {self.likelihood!r}, {self.prior!r})"

    def summary(self) -> Summary:
        """Layers with their shapes and numbers of weights, likelihood and prior.

        Returns
        -------
        Summary
            Prints as text, shows as HTML in a notebook; ``to_dict()`` gives the numbers:
            "layers" (a list of dicts with "inputs", "units", "weights", "biases",
            "activation"), "likelihood", "own_weights" (of the likelihood), "prior",
            "n_weights".

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> print(model.summary())
        Model of 10 weights
        layer      shape  weights  biases  activation
        hidden 1  1 -> 3        3       3  relu
        output    3 -> 1        3       1  none
        likelihood  Gaussian(scale=0.5)
        prior       GaussianPrior(0, 1)
        >>> model.summary().to_dict()["layers"][0]["units"]
        3
        """
        return summary_of(self)

    @property
    def n_weights(self) -> int:
        """P: the network's weights and the likelihood's own."""
        return self.net.n_weights + self.likelihood.n_weights

    def initial_weights(self, rng: Rng) -> FloatArray:
        """A new network's weights and the likelihood's start.

        Outputs that are log scales begin at 0 whatever the input.

        Parameters
        ----------
        rng : int, SeedSequence, Generator or None

        Returns
        -------
        array (P,)

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> model.initial_weights(0).shape
        (10,)
        """
        w, likelihood = initial_weights(self.net, as_rng(rng)), self.likelihood
        last = self.net.blocks(w)[-1]
        last[:, likelihood.log_scale_outputs(self.net.n_outputs)] = 0.0
        return np.concatenate([w, likelihood.initial_weights()])

    def batch(
        self,
        X: ArrayLike,
        y: ArrayLike,
        ndim: tuple[int, ...] | int = (2, 3),
        dtype: Any = None,
    ) -> tuple[FloatArray, Array]:
        """Checked data as the kernels want it: features and targets.

        Parameters
        ----------
        X : array (N, D), or (R, N, D)
        y : array (N,) or (N, K), or with R before
        ndim : int or tuple of int
            How many axes X may have.
        dtype : optional
            Of the features; by default that of X, float64 for whole numbers.

        Returns
        -------
        features : array (N, D+1)
            With the column of ones; without a bias X itself.
        targets : array (N, K), or labels (N,)

        Raises
        ------
        ValueError, TypeError
            Naming X or y: wrong shape, NaN or inf, a column whose squares overflow,
            labels out of range, unequal lengths, no rows.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> features, targets = model.batch([[1.0], [2.0]], [0.5, 0.6])
        >>> features.shape, targets.shape
        ((2, 2), (2, 1))
        """
        A, targets = checked_data(self, X, y, ndim, dtype)
        return A.features(), targets

    def features(
        self, X: ArrayLike, ndim: tuple[int, ...] | int = (2, 3), dtype: Any = None
    ) -> FloatArray:
        """Checked inputs with the constant column.

        Parameters
        ----------
        X : array (N, D), or (R, N, D)
        ndim, dtype : optional
            As for :meth:`batch`.

        Returns
        -------
        array (N, D+1)

        Raises
        ------
        ValueError, TypeError
            X has another number of columns, or numbers that are not finite.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> model.features([[5.0], [7.0]]).tolist()
        [[5.0, 1.0], [7.0, 1.0]]
        """
        return self.net.features(checked_inputs(self.net, X, ndim, dtype))

    def targets(self, A: Any, y: ArrayLike) -> Array:
        """Checked targets as the likelihood wants them, one for each row of features.

        Parameters
        ----------
        A : array (N, D+1)
            Features.
        y : array (N,) or (N, K)

        Returns
        -------
        array (N, K), or labels (N,)

        Raises
        ------
        ValueError
            y has another length, or values that cannot be under the likelihood.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> model.targets(model.features([[5.0], [7.0]]), [1.0, 2.0]).shape
        (2, 1)
        """
        shape = A.shape[:-1] + (self.net.n_outputs,)
        return self.likelihood.targets(y, shape)

    @equation("E07")
    def nll(self, w: Array, A: Array, y: Array) -> tuple[Array, Callable[..., Array]]:
        """Negative log-likelihood of each weight sample, and its gradient on demand.

        (E07)  p(D | w) = Π_k p(y_k | x_k, w),   nll = -Σ_k log p(y_k | x_k, w)
        Derivation.  By the product rule of probability p(y_1, y_2, ... | X, w) is the
            product of p(y_k | y_1 ... y_(k-1), X, w). The model says: given the weights,
            a target depends on its own row of X alone, so the factor is
            p(y_k | x_k, w). The logarithm makes the product a sum.

        A kernel: nothing is checked, and the dtype is kept.

        Parameters
        ----------
        w : array (..., S, P)
        A : array (..., B, D+1)
            Features.
        y : array (..., B, K)
            Targets, or labels (..., B).

        Returns
        -------
        nll : array (..., S)
            In nats, summed over rows.
        pull : function
            ``pull(c) -> g_w`` (..., S, P), the gradient of Σ_s c nll_s: there are far
            fewer outputs than weights to multiply by c.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> A, y = model.batch([[1.0], [2.0]], [0.5, 0.6])
        >>> nll, pull = model.nll(model.initial_weights(0)[None], A, y)
        >>> nll.shape, pull(1.0).shape
        ((1,), (1, 10))
        """
        n = self.net.n_weights
        F, pull_net = self.net.apply(w[..., :n], A)
        nll, g_F, g_own = self.likelihood(F, y, w[..., n:])

        def pull(c=1.0):
            g_w = pull_net(c * g_F)
            return g_w if g_own is None else np.concatenate([g_w, c * g_own], -1)

        return nll, pull

    def log_joint(
        self, w: ArrayLike, X: ArrayLike, y: ArrayLike
    ) -> tuple[Any, FloatArray]:
        """log p(y | X, w) + log p(w) and its gradient, checked. This is what HMC climbs.

        Parameters
        ----------
        w : array (P,) or (S, P)
        X : array (N, D)
        y : array (N,) or (N, K)

        Returns
        -------
        value : float or array (S,)
            In nats.
        gradient : array (P,) or (S, P)

        Raises
        ------
        ValueError, TypeError
            Naming what does not fit; w so large that the density is no number.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> value, gradient = model.log_joint([0.1] * 10, [[1.0], [2.0]], [0.5, 0.6])
        >>> round(float(value), 3), gradient.shape
        (-10.258, (10,))
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

    def log_joint_kernel(self, w: Array, A: Array, y: Array) -> tuple[Array, Array]:
        """The same without checks, on features and targets.

        Parameters
        ----------
        w : array (..., S, P)
        A : array (..., N, D+1)
        y : array (..., N, K)
            Or labels (..., N).

        Returns
        -------
        value, gradient : arrays (..., S) and (..., S, P)

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> A, y = model.batch([[1.0], [2.0]], [0.5, 0.6])
        >>> value, gradient = model.log_joint_kernel(model.initial_weights(0)[None], A, y)
        >>> value.shape, gradient.shape
        ((1,), (1, 10))
        """
        nll, pull = self.nll(w, A, y)
        log_prior, g_prior = self.weight_prior.log_prob(w)
        return log_prior - nll, g_prior - pull()


def summary_of(model: Model) -> Summary:
    """The :class:`Summary` of a model."""
    net, own = model.net, model.likelihood.n_weights
    last = len(net.shapes)
    layers = [
        {
            "inputs": rows - net.bias,
            "units": units,
            "weights": (rows - net.bias) * units,
            "biases": net.bias * units,
            "activation": net.activation if i < last else "none",
        }
        for i, (rows, units) in enumerate(net.shapes, 1)
    ]
    rows = [
        [f"hidden {i}" if i < last else "output"]
        + [f"{layer['inputs']} -> {layer['units']}"]
        + [str(layer[key]) for key in ("weights", "biases", "activation")]
        for i, layer in enumerate(layers, 1)
    ]
    heads = ["layer", "shape", "weights", "biases", "activation"]
    has = f"; it has {own} weight{'s' * (own != 1)} of its own" if own else ""
    facts = [
        ("likelihood", f"{model.likelihood!r}{has}"),
        ("prior", repr(model.prior)),
    ]
    numbers = {
        "layers": layers,
        "likelihood": repr(model.likelihood),
        "own_weights": own,
        "prior": repr(model.prior),
        "n_weights": model.n_weights,
    }
    head = f"Model of {model.n_weights} weights"
    tables = Table(heads, rows, "<>>><"), Table([], facts, "<<")
    return Summary([head, *tables], numbers)


def checked_data(model, X, y, ndim=(2, 3), dtype=None):
    """What ``Model.batch`` makes, the features still ``Inputs``: X is not copied."""
    check_same_rows(X, y)
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
    return check_width("X", X, net.n_inputs)


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
