"""Likelihoods: how a network's output becomes a density over targets.

Protocol, all shapes counted from the right: ``(F, y, v) -> nll (..., S), g_F, g_v`` with
outputs F (..., S, B, C), targets y (..., B, K) and the likelihood's own weights
v (..., S, n_weights). For prediction: ``mean``, ``variance``, ``sample`` (uniform noise
is an argument) and ``row_nll``. The derivations stand in ``likelihood_kernels``.
"""

import numpy as np
from scipy.special import ndtri

from minibnn.kernels.closed_forms import expected_gaussian_nll
from minibnn.kernels.keep import kept
from minibnn.kernels.labels import one_hot, remedy
from minibnn.kernels.likelihood_kernels import (
    bernoulli_nll,
    categorical_nll,
    gaussian_nll,
    sigmoid_gaussian_nll,
)
from minibnn.kernels.maps import sigmoid
from minibnn.kernels.priors import GaussianPrior
from minibnn.kernels.validate import (
    as_float_array,
    check_all,
    check_int,
    check_number,
    check_positive,
    describe,
)


class Likelihood:
    """What all likelihoods share; a concrete one overrides what differs."""

    n_weights = 0  # weights of its own, at the end of w
    own_prior = None  # the prior over them
    kind = "regression"
    exclusive = False  # whether the outputs are the classes of one label
    location_scale = False  # whether mean + sd y has the density it should, in new units
    expected_nll = None  # its mean under uncertain outputs, where that is closed

    def initial_weights(self):
        """Where its own weights start."""
        return np.zeros(self.n_weights)

    def log_scale_outputs(self, n_outputs):
        """Which network outputs are log scales, a slice; a new network has 0 there."""
        return slice(0)

    def check_width(self, n_outputs):
        """Raise ValueError unless it can read that many network outputs."""

    def target_shape(self, shape):
        """Shape of canonical targets for outputs (..., B, C)."""
        return shape

    def targets(self, y, shape):
        """Check y against outputs of ``shape`` (..., B, C); (n,) equals (n, 1)."""
        shape = self.target_shape(shape)
        y = as_float_array("y", y, allow_bool=self.kind == "classification")
        one_column = shape[-1] == 1 and y.shape == shape[:-1]
        if y.shape != shape and not one_column:
            wanted = f"{shape}" + (f" or {shape[:-1]}" if shape[-1] == 1 else "")
            hint = self.shape_hint(y.shape, shape)
            if not hint and shape[-1] == 1 and y.size == np.prod(shape):
                hint = f"; use np.reshape(y, {shape})"
            raise ValueError(
                f"y must have shape {wanted} to go with X, got {y.shape}{hint}"
            )
        y = self.check_values(y)  # as it was given, so that an index means something
        return y[..., None] if one_column else y

    def shape_hint(self, got, wanted):
        """What a wrong shape of y may mean, as the end of a sentence."""
        return ""

    def check_values(self, y):
        """Raise ValueError unless every target is possible."""
        return y

    def row_nll(self, F, y, v):
        """Negative log density of every row alone: (S, B, C), (B, K), (S, n) -> (S, B).

        The kernel itself, with rows moved to where replicas stand.
        """
        rows, _, _ = self(F.swapaxes(0, 1)[:, :, None, :], y[:, None, ...], v)
        return rows.T


class LocationScale(Likelihood):
    """Outputs are locations; one scale s for all, known or learned as t = log s.

    Parameters
    ----------
    scale : float or "learned"
        The noise scale. "learned": t = log s is one more uncertain weight, the last of
        w, with the prior N(*log_scale_prior); meant for standardised targets.
    log_scale_prior : (float, float)
        Mean and standard deviation of the normal prior over log s.
    """

    location_scale = True
    df = np.inf  # degrees of freedom: normal noise has infinitely many

    def __init__(self, scale=1.0, log_scale_prior=(0.0, 1.0)):
        self.learned = isinstance(scale, str) and scale == "learned"
        if isinstance(scale, str) and not self.learned:
            raise ValueError(f'scale must be a number > 0 or "learned", got {scale!r}')
        self.scale = scale if self.learned else check_positive("scale", scale)
        self.n_weights = int(self.learned)
        self.log_scale_prior = kept(log_scale_prior)
        if self.learned:
            self.own_prior = _log_scale_prior(self.log_scale_prior)

    def __repr__(self):
        return f"{type(self).__name__}(scale={self.scale!r})"

    def initial_weights(self):
        """log s starts at its prior mean."""
        return np.broadcast_to(self.own_prior.mean, 1) if self.learned else np.zeros(0)

    def log_scale(self, v):
        """log s with axes for rows and outputs."""
        return v[..., None] if self.learned else np.log(self.scale)

    def __call__(self, F, y, v):
        """Negative log-likelihood, gradients for F and for log s."""
        nll, g_F, g_t = self.kernel(F, y, self.log_scale(v))
        return nll, g_F, g_t.sum((-1, -2))[..., None] if self.learned else None

    def mean(self, F, v):
        """The location of y."""
        return F


class Gaussian(LocationScale):
    """Normal noise of one standard deviation (E31).

    Parameters
    ----------
    scale : float or "learned"
        The noise standard deviation. "learned": t = log s is one more uncertain weight,
        the last of w, with the prior N(*log_scale_prior); meant for standardised
        targets.
    log_scale_prior : (float, float)
        Mean and standard deviation of the normal prior over log s.
    """

    kernel = staticmethod(gaussian_nll)

    def variance(self, F, v):
        """Var[y | F], one value per output."""
        variance = np.exp(2.0 * self.log_scale(v)).astype(F.dtype)
        return np.broadcast_to(variance, F.shape)

    def sample(self, F, v, uniform):
        """A draw of y for each uniform number."""
        noise = np.exp(self.log_scale(v)) * ndtri(uniform)
        return F + noise.astype(F.dtype, copy=False)

    def expected_nll(self, m, v, c, y, t, var_t):
        """E[nll] for outputs of mean m, variance v, covariance c with log s (E66).

        m, v, c (..., B, C), t and var_t (..., 1) or, for a known scale, (..., 0).
        """
        if self.learned:
            t, var_t = t[..., None], var_t[..., None]
        else:
            t, var_t = np.asarray(np.log(self.scale), m.real.dtype), 0.0
        value, g_m, g_v, g_c, g_t = expected_gaussian_nll(m, v, c, y, t, var_t)
        g_t, g_var_t = (g.sum((-1, -2))[..., None] for g in (g_t, 1.0 - g_t))
        return value, g_m, g_v, g_c, g_t, g_var_t


class Bernoulli(Likelihood):
    """Labels 0 or 1 from the logit f: p = 1 / (1 + exp(-f)) (E33)."""

    kind = "classification"

    def __repr__(self):
        return f"{type(self).__name__}()"

    def shape_hint(self, got, wanted):
        """Two columns for one output are one-hot labels, most likely."""
        return one_hot(got, wanted, 2)

    def check_values(self, y):
        """Labels are 0 or 1."""
        good = (y == 0) | (y == 1)
        return check_all("y", y, good, "0 or 1 everywhere", lambda: remedy(y, 2))

    def __call__(self, F, y, v):
        """Negative log-likelihood and gradient for the logits."""
        return *bernoulli_nll(F, y), None

    def mean(self, F, v):
        """Probability of label 1."""
        return sigmoid(F)

    def variance(self, F, v):
        """p (1 - p), without cancellation at either end."""
        return sigmoid(F) * sigmoid(-F)

    def sample(self, F, v, uniform):
        """Label 1 where the uniform number falls below p."""
        return (uniform < sigmoid(F)).astype(F.dtype)


class SigmoidGaussian(Bernoulli):
    """y ~ Normal(sigmoid(f), scale²) on 0/1 labels: a published recipe, not advice (E37).

    With scale 1 each label carries a fraction of the information a Bernoulli label
    does, and the posterior is nearly that of a linear model.
    """

    def __init__(self, scale=1.0):
        self.scale = check_positive("scale", scale)

    def __repr__(self):
        return f"SigmoidGaussian(scale={self.scale:g})"

    def __call__(self, F, y, v):
        """Negative log-likelihood and gradient for the logits."""
        nll, g_F, _ = sigmoid_gaussian_nll(F, y, np.log(self.scale))
        return nll, g_F, None


class Categorical(Likelihood):
    """Labels 0 .. K-1 from K logits (E34).

    Parameters
    ----------
    n_classes : int, optional
        K >= 2; the network needs K outputs. By default K is as many as it has.
    """

    kind = "classification"
    exclusive = True

    def __init__(self, n_classes=None):
        if n_classes is not None:
            n_classes = check_int("n_classes", n_classes, minimum=2)
        self.n_classes = n_classes

    def __repr__(self):
        return f"Categorical({'' if self.n_classes is None else self.n_classes})"

    def check_width(self, n_outputs):
        """K outputs for K classes."""
        if self.n_classes is not None:
            check_width(self, n_outputs, self.n_classes)
        elif n_outputs < 2:
            raise ValueError(
                "likelihood Categorical() reads one network output per class, at least "
                f"2, the network has {n_outputs}; two classes and one output are "
                "Bernoulli()"
            )

    def target_shape(self, shape):
        """One label per row."""
        return shape[:-1] + (1,)

    def shape_hint(self, got, wanted):
        """Rows as long as there are classes are one-hot labels, most likely."""
        return one_hot(got, wanted, self.n_classes)

    def targets(self, y, shape):
        """Integer labels (..., B)."""
        if self.n_classes is None:
            return Categorical(shape[-1]).targets(y, shape)
        return super().targets(y, shape)[..., 0].astype(np.intp)

    def check_values(self, y):
        """Labels are whole numbers from 0 to K - 1."""
        good = (y >= 0) & (y < self.n_classes) & (y == np.floor(y))
        wanted = f"whole numbers from 0 to {self.n_classes - 1}"
        return check_all("y", y, good, wanted, lambda: remedy(y, self.n_classes))

    def __call__(self, F, y, v):
        """Negative log-likelihood and gradient for the logits."""
        return *categorical_nll(F, y), None

    def mean(self, F, v):
        """Class probabilities."""
        E = np.exp(F - F.max(-1, keepdims=True))
        return E / E.sum(-1, keepdims=True)

    def variance(self, F, v):
        """p (1 - p) of every class, 1 - p summed from the others so that none cancels."""
        p = self.mean(F, v)
        others = np.zeros_like(p)
        others[..., 1:] += np.cumsum(p, -1)[..., :-1]
        others[..., :-1] += np.cumsum(p[..., ::-1], -1)[..., -2::-1]
        return p * others

    def sample(self, F, v, uniform):
        """The class whose interval of cumulated probability holds the number."""
        steps = np.cumsum(self.mean(F, v), -1)[..., :-1]
        return (uniform[..., :1] > steps).sum(-1)[..., None]


def check_width(likelihood, have, want):
    """Raise ValueError unless the network has the outputs the likelihood reads."""
    if have != want:
        raise ValueError(
            f"likelihood {likelihood!r} reads {want} network output(s), "
            f"the network has {have}"
        )


def _log_scale_prior(value):
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != 2:
        raise ValueError(
            f"log_scale_prior must be (mean, sd) of log s, got {describe(value)}"
        )
    mean, sd = value
    mean = check_number("log_scale_prior[0]", mean)
    return GaussianPrior(mean, check_positive("log_scale_prior[1]", sd))
