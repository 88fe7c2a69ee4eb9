"""A Bayesian network for numbers: predictions with their standard deviations."""

from __future__ import annotations

from typing import Any, Literal, Self, overload

import numpy as np

from minibnn.likelihoods import Gaussian, HeteroscedasticGaussian, Poisson, StudentT
from minibnn.scikit.manners import seed_of
from minibnn.scikit.network import Network, chosen
from minibnn.scikit.table import (
    check_given,
    inputs,
    numbers_of,
    rows_that_count,
    without_gaps,
)
from minibnn.types import ArrayLike, FloatArray
from minibnn.validation.arguments import as_float_array, check_int, check_same_length

LIKELIHOODS = {
    "gaussian": lambda: Gaussian("learned"),
    "heteroscedastic": HeteroscedasticGaussian,
    "student_t": lambda: StudentT(4.0, "learned"),
    "poisson": Poisson,
}


class BNNRegressor(Network):
    """A Bayesian neural network for one or several numbers a row.

    It has the manners of scikit-learn and works in its pipelines and searches; neither
    needs the other. Inputs and targets are standardised inside and predictions given in
    raw units; constant columns are fine. Equal rows are fitted as one row with the sum of
    their weights, in an order of their own, so that with one ``random_state`` a row of
    weight 2 and the row given twice lead to the same network.

    Parameters
    ----------
    hidden : tuple of int, or int
        Widths of the hidden layers; () makes a linear model.
    activation : {"relu", "tanh", "softplus", "identity"}
    likelihood : {"gaussian", "heteroscedastic", "student_t", "poisson"} or an object
        The noise: normal of one learned size, normal of a size that depends on the
        inputs, with outliers (4 degrees of freedom), or that of counts. A scale in an
        object, ``Gaussian(0.1)``, is in standard deviations of y.
    prior_scale : float
        Standard deviation of the prior of every weight.
    family : {"mean_field", "full_covariance", "point"} or an object
        The form of the posterior. "point" has one weight vector and no uncertainty of it.
    max_steps : int or "auto"
    batch_size : int, optional
    restarts : int
        As in ``minibnn.fit``.
    n_samples : int
        Networks drawn for a prediction.
    random_state : int, RandomState, Generator or None
        Equal integers give equal networks.
    verbose : bool
        Report progress on standard error.

    Attributes
    ----------
    result_ : FitResult
        What ``minibnn.fit`` returns: ELBO, history, whether it has converged.
    n_features_in_ : int
    feature_names_in_ : array (D,) of str
        Only where the columns of X had names.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> X = np.linspace(10, 20, 40)[:, None]
    >>> y = 1000 + 50 * X[:, 0]
    >>> model = mb.BNNRegressor(hidden=(), max_steps=300, random_state=0).fit(X, y)
    >>> mean, sd = model.predict([[12.0], [18.0]], return_std=True)
    >>> mean.round(-2)
    array([1600., 1900.])
    >>> sd.shape
    (2,)
    """

    _estimator_type = "regressor"
    _multi_output = True

    def __init__(
        self,
        hidden: Any = (50,),
        activation: str = "relu",
        *,
        likelihood: Any = "gaussian",
        prior_scale: float = 1.0,
        family: Any = "mean_field",
        max_steps: Any = "auto",
        batch_size: int | None = None,
        restarts: int = 1,
        n_samples: int = 1000,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.likelihood = likelihood
        self.prior_scale = prior_scale
        self.family = family
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.restarts = restarts
        self.n_samples = n_samples
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the network, from nothing.

        Parameters
        ----------
        X : array or frame (n, D)
        y : array (n,) or (n, K)
        sample_weight : array (n,), optional
            How often each row counts: finite, not negative, not all 0.

        Raises
        ------
        ValueError, TypeError
            Naming the argument or the parameter that does not fit.

        Warns
        -----
        FitWarning
            Where ``max_steps`` is left open and the fit is not to be trusted.
        """
        check_given(self, y)
        table, numbers = inputs(self, X, new=True), targets(y)
        like = chosen("likelihood", self.likelihood, LIKELIHOODS, "targets")
        if like.kind == "classification":
            raise ValueError(
                f"likelihood must be one of numbers, got {like!r}: use BNNClassifier"
            )
        table, rows, weights = rows_that_count(table, numbers, sample_weight)
        rows = rows.reshape(len(rows), -1)
        K = rows.shape[1]
        width = next(C for C in (K, 2 * K) if like.target_shape((1, C))[-1] == K)
        self._fit(table, rows, weights, like, width)
        self._target_shape = numbers.shape[1:]
        return self

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[False] = False) -> FloatArray: ...

    @overload
    def predict(
        self, X: ArrayLike, return_std: Literal[True]
    ) -> tuple[FloatArray, FloatArray]: ...

    def predict(
        self, X: ArrayLike, return_std: bool = False
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """The mean of y, and its standard deviation where that is asked for.

        Parameters
        ----------
        X : array or frame (n, D)
        return_std : bool
            The deviation holds both the noise and what is not known of the network; see
            ``predictive`` for the two apart, intervals and densities.

        Returns
        -------
        array (n,) or (n, K), as y was, or a pair of them
        """
        pred = self.predictive(X)
        mean = self._as_targets(pred.mean)
        return (mean, self._as_targets(pred.std)) if return_std else mean

    def sample_y(
        self, X: ArrayLike, n_samples: int = 1, random_state: Any = 0
    ) -> FloatArray:
        """Draws of y, noise included: each of one network for all rows.

        Parameters
        ----------
        X : array or frame (n, D)
        n_samples : int
        random_state : int, RandomState, Generator or None

        Returns
        -------
        array (n, n_samples), or (n, K, n_samples) where y was (n, K)
        """
        self._check_fitted()
        n, table = check_int("n_samples", n_samples), inputs(self, X)
        seed = seed_of("random_state", random_state)
        draws = self.result_.predict(table, n, seed).sample(n, seed)
        return np.stack([self._as_targets(draw) for draw in draws], axis=-1)

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """R², 1 at best and 0 for a constant; with several targets the mean over them.

        Parameters
        ----------
        X : array or frame (n, D)
        y : array (n,) or (n, K)
        sample_weight : array (n,), optional
        """
        mean, rows = self.predict(X), targets(y)
        check_same_length(X=mean, y=rows)
        mean, rows, w = rows_that_count(mean, rows, sample_weight)
        rows, mean, w = rows.reshape(len(w), -1), mean.reshape(len(w), -1), w[:, None]
        left = (w * (rows - mean) ** 2).sum(0)
        spread = (w * (rows - (w * rows).sum(0) / w.sum()) ** 2).sum(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(spread > 0, left / spread, np.where(left > 0, 1.0, 0.0))
        return float(np.mean(1.0 - share))

    def _as_targets(self, array: FloatArray) -> FloatArray:
        """Predictions (n,) or (n, K) in the shape y had."""
        return array.reshape(len(array), *self._target_shape)


def targets(y: ArrayLike) -> FloatArray:
    """Numbers (n,) or (n, K), all finite."""
    objects = isinstance(y, np.ndarray) and y.dtype == object
    y = numbers_of("y", np.asarray(y)) if objects else y
    return without_gaps("y", as_float_array("y", y, ndim=(1, 2), finite=False))
