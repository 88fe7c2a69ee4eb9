"""The linearised Laplace posterior: a Gaussian at the mode, predicting with tangents.

Around the mode the network is replaced by its first-order expansion; for that linear
model Gaussian noise gives the posterior of E91, and other likelihoods the Gaussian with
their curvature. It predicts with the same linear network, never with the original one:
the Gauss-Newton posterior is the posterior of *that* model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.linalg import block_diag, solve_triangular

from minibnn.equations import equation
from minibnn.exact.conjugate import prior_moments
from minibnn.likelihoods import ALL
from minibnn.model import Model
from minibnn.prediction.inference_dict import inference_dict, one_chain
from minibnn.prediction.prediction import MOST_SAMPLES, Prediction, kept_features
from minibnn.rng import seed_sequence
from minibnn.types import ArrayLike, FloatArray, Rng
from minibnn.validation.arguments import (
    as_float_array,
    as_inputs,
    check_all,
    check_instance,
    check_int,
    check_shape,
)
from minibnn.validation.doors import door
from minibnn.validation.own import keep_arrays
from minibnn.validation.pieces import in_turn


@equation("E98")
def laplace_root(
    J: FloatArray, T: FloatArray, prior_scale: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Root of the Gauss-Newton posterior covariance at the mode.

    (E98)  Λ = Σ_b J_bᵀ H_b J_b + diag(1/s0²) = RᵀR,   cov = R⁻¹ R⁻ᵀ
    Derivation.  The second derivative of Σ_b nll_b(f_b(w)) is Σ_b J_bᵀ H_b J_b, with
        H_b = ∂²nll/∂f² and J_b = ∂f_b/∂w, plus Σ_b (∂nll/∂f) ∂²f_b/∂w². The second sum
        vanishes for the linearised network f(w*) + J (w - w*), and with it what could
        make the precision indefinite. With H_b = T_bᵀT_b, RᵀR is the QR of the stacked
        rows T_b J_b and diag(1/s0), as in E91. Where H_b depends on y (StudentT) its
        mean over y takes its place, which no outlier makes negative.
    Source.  MacKay 1992; Immer, Korzepa & Bauer 2021, eqs. 8-11.
    Shapes.  J (B, C, P), T (B, C, C), s0 (P,) -> R⁻¹ (P, P), R (P, P)
    """
    rows = (T @ J).reshape(-1, J.shape[-1])
    stacked = np.vstack([rows, np.diag(1 / prior_scale)])
    R = np.asarray(np.linalg.qr(stacked, mode="r"))
    R *= np.where(np.diag(R) < 0, -1.0, 1.0)[:, None]
    return solve_triangular(R, np.eye(len(R))), R


@equation("E56")
def laplace_evidence(log_joint: float, log_det: float, n_weights: int) -> float:
    """Laplace's approximation of the log evidence, from the joint density at its mode.

    (E56)  log p(D) ≈ log p(D, w*) + P/2 log 2π - log det R,   RᵀR = Λ
    Derivation.  At a mode w* the slope of log p(D, w) vanishes; to second order it is
        log p(D, w*) - |R (w - w*)|²/2. With z = R (w - w*) the integral over w is
        p(D, w*) ∫ e^(-|z|²/2) dz / det R, and each of the P integrals is √2π. For a
        linear model with Gaussian noise the second order is all there is (E92).
    Source.  MacKay 1992.
    """
    return float(log_joint + 0.5 * n_weights * np.log(2 * np.pi) - log_det)


MOST = 1e150  # above which squares overflow
CHUNK = 4_000_000  # numbers of the activations and Jacobian rows held at once


def jacobian(net: Any, w: FloatArray, A: FloatArray) -> FloatArray:
    """Derivatives of every output by every weight, w (P,), A (B, D+1) -> (B, C, P).

    The network's own pullback, one row of features to a replica, one output at a time.
    """
    return in_turn(lambda rows: _jacobian_rows(net, w, rows), A, CHUNK // net.n_weights)


def _jacobian_rows(net, w, A):
    rows, columns = A[:, None, :], []
    for c in range(net.n_outputs):
        copies = np.broadcast_to(w, (len(A), 1, net.n_weights))
        F, pull = net.apply(copies, rows)
        cotangent = np.zeros_like(F)
        cotangent[..., c] = 1.0
        columns.append(pull(cotangent)[:, 0])
    return np.stack(columns, 1)


def own_precisions(likelihood: Any, n_numbers: int) -> FloatArray:
    """Posterior precisions (n,) of the likelihood's own weights: of log s, if learned.

    The log scale belongs to every observation, and by E38 it shares no information with
    the outputs: Λ of E98 gets one more row and column with E[∂²nll/∂t²] of the n_numbers
    observations and the prior's 1/sd² where they meet, and zeros elsewhere.
    """
    if not likelihood.n_weights:
        return np.zeros(0)
    prior_scale = np.broadcast_to(likelihood.own_prior.scale, 1)
    return n_numbers * likelihood.own_information + 1.0 / prior_scale**2


@door
def laplace(
    model: Model, X: ArrayLike, y: ArrayLike, weights: ArrayLike, *, rng: Rng = None
) -> LaplacePosterior:
    """Linearised Laplace posterior around ``weights``, normally a MAP fit.

    Its precision is Gauss-Newton's: second derivatives by the outputs (their mean over y,
    where they depend on y), none of the network. A learned log s is one more weight: 2
    for every observation and output (2 df / (df + 3) for StudentT), and independent of
    the others.

    Parameters
    ----------
    model : Model
        Likelihood with a ``hessian_root``: Gaussian or StudentT (scale known or
        learned), Bernoulli, Categorical; a GaussianPrior.
    X, y : arrays (N, D) and (N,) or (N, K)
        The data that ``weights`` were fitted to.
    weights : array (P,)
        The mode: ``fit(model, Point(), ...).params["mu"]``.
    rng : int, SeedSequence, Generator or None
        Where predictions draw their noise from unless told otherwise.

    Returns
    -------
    LaplacePosterior

    Raises
    ------
    ValueError, TypeError
        If the likelihood has no output-space Hessian here or an argument does not fit.

    Examples
    --------
    >>> import minibnn as mb
    >>> X, y = [[-1.0], [0.0], [2.0]], [0.5, 1.0, 3.0]
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> exact = mb.exact_posterior(model, X, y)  # of a linear model: Laplace's too
    >>> gap = mb.laplace(model, X, y, exact.mean).log_evidence - exact.log_evidence
    >>> abs(gap) < 1e-9
    True
    """
    check_curvature(check_instance("model", model, Model).likelihood)
    A, y = model.batch(X, y, ndim=2, dtype=np.float64)
    w = as_float_array("weights", weights, ndim=1, dtype=np.float64)
    check_shape("weights", w, (model.n_weights,))
    n = model.net.n_weights
    _, s0 = prior_moments(model.prior, n)
    with np.errstate(all="ignore"):  # what is too large is told below
        F, J = model.net.apply(w[None, :n], A)[0][0], jacobian(model.net, w[:n], A)
        log_joint, gradient = model.log_joint_kernel(w[None], A, y)
    for name, value in (("log joint", log_joint), ("slopes of the outputs", J)):
        moderate = np.abs(value) < MOST  # also False for nan
        check_all(name, value, moderate, "moderate; weights, X or y are too large")
    root, R = laplace_root(J, model.likelihood.hessian_root(F, w[n:]), s0)
    own = np.sqrt(own_precisions(model.likelihood, F.size))
    root = block_diag(root, np.diag(1 / own)) if len(own) else root
    log_det = np.log(np.diag(R)).sum() + np.log(own).sum()
    evidence = laplace_evidence(log_joint[0], log_det, len(w))
    slope = float(np.linalg.norm(gradient[0] @ root))
    return LaplacePosterior(model, w, root, evidence, slope, seed_sequence(rng))


def check_curvature(likelihood: Any) -> None:
    """Raise unless the output-space Hessian of the likelihood is known here."""
    if likelihood.hessian_root is None:
        *names, last = (cls.__name__ for cls in ALL if cls.hessian_root)
        raise ValueError(
            f"model.likelihood must be {', '.join(names)} or {last}, got {likelihood!r}"
        )


class _Tangent:
    """The linearised network, in the place of the network, for predictions."""

    def __init__(self, net, w):
        self.net, self.w, self.sizes = net, w[: net.n_weights], net.sizes
        self.n_weights, self.n_outputs = net.n_weights, net.n_outputs

    def apply(self, w, A):
        """Outputs f(w*) + J (w - w*), (S, B, C)."""
        J = jacobian(self.net, self.w, A)
        change = (w - self.w) @ J.reshape(-1, J.shape[-1]).T
        F = self.net.apply(self.w[None], A)[0]
        return F + change.reshape(len(w), *J.shape[:2]), None


@dataclass
class _TangentModel:
    net: _Tangent
    likelihood: Any


@door
@dataclass(frozen=True)
class LaplacePosterior:
    """N(mean, root rootᵀ) over the weights of the network linearised at ``mean``.

    Attributes
    ----------
    model : Model
        With the network as it was, not linearised.
    mean : array (P,)
        The mode it was made at; a learned log s is the last of it.
    root : array (P, P)
        w = mean + root z with z ~ N(0, I) is a draw.
    log_evidence : float
        Laplace's approximation, in nats; wrong if ``mean`` is not a mode.
    slope : float
        Length of the log joint's gradient in posterior standard deviations: how far
        from a mode ``mean`` is; below 0.1 is close.
    prediction_seed : SeedSequence
        Where draws begin unless they are given an ``rng``.

    Examples
    --------
    >>> import minibnn as mb
    >>> X, y = [[-2.0], [-1.0], [0.0], [1.0]], [0, 0, 1, 1]
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Bernoulli(), mb.GaussianPrior())
    >>> mode = mb.fit(model, mb.Point(), X, y, rng=0).params["mu"]
    >>> posterior = mb.laplace(model, X, y, mode, rng=0)
    >>> posterior.slope < 0.1
    True
    >>> posterior.predict([[-2.0], [2.0]]).mean.round(1)
    array([0.2, 0.8])
    """

    model: Model = field(repr=False)
    mean: FloatArray = field(repr=False)
    root: FloatArray = field(repr=False)
    log_evidence: float
    slope: float
    prediction_seed: np.random.SeedSequence = field(repr=False)

    def __post_init__(self) -> None:
        keep_arrays(self)

    def __repr__(self) -> str:
        return (
            f"LaplacePosterior({len(self.mean)} weights, log evidence about "
            f"{self.log_evidence:.6g} nats, slope {self.slope:.2g})"
        )

    @property
    def cov(self) -> FloatArray:
        """Posterior covariance, (P, P)."""
        return self.root @ self.root.T

    @property
    def variances(self) -> FloatArray:
        """Marginal posterior variances, (P,)."""
        return (self.root**2).sum(1)

    def sample_weights(self, n_samples: int, rng: Rng = None) -> FloatArray:
        """Independent draws, meant for the linearised network.

        Parameters
        ----------
        n_samples : int
            S.
        rng : int, SeedSequence, Generator or None
            None begins ``prediction_seed`` anew: equal calls, equal draws.

        Returns
        -------
        array (S, P)
        """
        seed = self.prediction_seed if rng is None else seed_sequence(rng)
        n_samples = check_int("n_samples", n_samples, maximum=MOST_SAMPLES)
        return next(self._weight_chunks(seed, n_samples, n_samples))

    def output_moments(self, X: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the linearised f.

        Parameters
        ----------
        X : array (N, D)

        Returns
        -------
        mean, sd : arrays (N,) or (N, C)
        """
        A = self.model.features(X, ndim=2, dtype=np.float64)
        net = self.model.net
        w, root = self.mean[: net.n_weights], self.root[: net.n_weights]
        F = net.apply(w[None], A)[0][0]
        sd = np.sqrt(((jacobian(net, w, A) @ root) ** 2).sum(-1))
        return (F[:, 0], sd[:, 0]) if F.shape[1] == 1 else (F, sd)

    def predict(
        self, X: ArrayLike, n_samples: int = 1000, rng: Rng = None
    ) -> Prediction:
        """Posterior predictive of the linearised network; see `minibnn.Prediction`.

        Parameters
        ----------
        X : array (N, D)
        n_samples : int
            S, draws of the weights.
        rng : int, SeedSequence, Generator or None
            None begins ``prediction_seed`` anew: equal calls, equal answers.
        """
        A = kept_features(self.model, as_inputs(X, dtype=np.float64))
        tangent = _TangentModel(
            _Tangent(self.model.net, self.mean), self.model.likelihood
        )
        n_samples = check_int("n_samples", n_samples, maximum=MOST_SAMPLES)
        seed = self.prediction_seed if rng is None else seed_sequence(rng)
        return Prediction(tangent, self._weight_chunks, A, n_samples, seed)

    def to_inference_dict(
        self,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        n_samples: int = 1000,
        rng: Rng = None,
    ) -> dict[str, dict[str, Any]]:
        """Draws with names, and what the linearised network says of data, for ArviZ.

        See :meth:`minibnn.FitResult.to_inference_dict`.

        Parameters
        ----------
        X, y : arrays (N, D) and (N,) or (N, K), optional
            The data again, both or neither.
        n_samples : int
            Independent draws, of one chain.
        rng : int, SeedSequence, Generator or None
            None: the posterior's own stream, from its beginning.

        Returns
        -------
        dict of dicts of arrays (1, draw, ...)

        Raises
        ------
        ValueError, TypeError
            If X or y is alone, or does not fit the model.

        Examples
        --------
        >>> import minibnn as mb
        >>> data = mb.datasets.linear(rng=0)
        >>> model = mb.Model(mb.MLP([3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> w = mb.exact_posterior(model, data.X, data.y).mean
        >>> posterior = mb.laplace(model, data.X, data.y, w, rng=0)
        >>> found = posterior.to_inference_dict(data.X, data.y, n_samples=50)
        >>> found["posterior"]["W1"].shape
        (1, 50, 3, 1)
        """
        seed = self.prediction_seed if rng is None else seed_sequence(rng)
        weights = self.sample_weights(n_samples, seed)

        def predicted(X):
            return self.predict(X, len(weights), seed)

        return inference_dict(self.model, weights, one_chain, predicted, X, y)

    def _weight_chunks(
        self, seed: np.random.SeedSequence, n_samples: int, size: int
    ) -> Iterator[FloatArray]:
        # all at once: every further chunk would ask for the Jacobian again
        z = np.random.default_rng(seed).standard_normal((n_samples, len(self.mean)))
        yield self.mean + z @ self.root.T
