"""A Bayesian network for classes: probabilities that know what they do not know."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np

from minibnn.likelihoods import Bernoulli, Categorical
from minibnn.scikit.manners import sklearns
from minibnn.scikit.network import Network
from minibnn.scikit.table import check_given, inputs, rows_that_count
from minibnn.types import Array, ArrayLike, FloatArray
from minibnn.validation.arguments import check_same_length
from minibnn.validation.describe import ArgumentTypeError
from minibnn.validation.doors import callers_level
from minibnn.validation.frames import plain_array


class BNNClassifier(Network):
    """A Bayesian neural network for two or more classes.

    It has the manners of scikit-learn and works in its pipelines, searches and
    calibrations; neither needs the other. Labels may be text or numbers. Inputs are
    standardised inside; constant columns are fine. Equal rows are fitted as one row with
    the sum of their weights, in an order of their own, so that with one ``random_state``
    a row of weight 2 and the row given twice lead to the same network.

    Parameters
    ----------
    hidden : tuple of int, or int
        Widths of the hidden layers; () makes a linear model.
    activation : {"relu", "tanh", "softplus", "identity"}
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
    classes_ : array (K,)
        The labels, sorted. Two have a Bernoulli likelihood, more a Categorical one.
    result_ : FitResult
        What ``minibnn.fit`` returns: ELBO, history, whether it has converged.
    n_features_in_ : int
    feature_names_in_ : array (D,) of str
        Only where the columns of X had names.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.where(X[:, 0] > 0, "right", "left")
    >>> model = mb.BNNClassifier(hidden=(), max_steps=300, random_state=0).fit(X, y)
    >>> print(*model.predict([[-0.9], [0.9]]))
    left right
    >>> model.predict_proba([[-0.9], [0.9]]).shape
    (2, 2)
    """

    _estimator_type = "classifier"

    def __init__(
        self,
        hidden: Any = (50,),
        activation: str = "relu",
        *,
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
        y : array (n,)
            Labels: text, integers, booleans.
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
        table, words = inputs(self, X, new=True), labels(y)
        table, words, weights = rows_that_count(table, words, sample_weight)
        classes, codes = np.unique(words, return_inverse=True)
        K = len(classes)
        if K < 2:
            raise ValueError(
                f"y must hold two classes or more, got one class, {classes[0]!r}, in the "
                "rows that count"
            )
        likelihood = Bernoulli() if K == 2 else Categorical(K)
        rows: FloatArray = codes[:, None].astype(float)
        self._fit(table, rows, weights, likelihood, 1 if K == 2 else K)
        self.classes_ = classes
        return self

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Probabilities (n, K) of the classes, in the order of ``classes_``.

        Parameters
        ----------
        X : array or frame (n, D)
        """
        p = self.predictive(X).mean
        return p if p.ndim == 2 else np.stack([1.0 - p, p], axis=-1)

    def predict_log_proba(self, X: ArrayLike) -> FloatArray:
        """Their logarithms (n, K).

        Parameters
        ----------
        X : array or frame (n, D)
        """
        with np.errstate(divide="ignore"):  # of a class that cannot be: -inf
            return np.log(self.predict_proba(X))

    def predict(self, X: ArrayLike) -> Array:
        """The most probable label (n,) of each row.

        Parameters
        ----------
        X : array or frame (n, D)
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """The share of right labels, each counted with its weight.

        Parameters
        ----------
        X : array or frame (n, D)
        y : array (n,)
        sample_weight : array (n,), optional
        """
        found, words = self.predict(X), labels(y)
        check_same_length(X=found, y=words)
        found, words, weights = rows_that_count(found, words, sample_weight)
        return float(np.average(found == words, weights=weights))


def labels(y: ArrayLike) -> Array:
    """Labels (n,) of one kind, none missing."""
    try:
        array: Array = plain_array(y)
    except ValueError as error:
        raise ValueError(f"y must hold a label for each row: {error}") from error
    if array.ndim == 2 and array.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the "
            "shape of y to (n_samples,), for example using ravel().",
            sklearns("DataConversionWarning", UserWarning),
            stacklevel=callers_level(),
        )
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"y should be a 1d array, one label for each row, got shape {array.shape}"
        )
    if array.dtype.kind == "f":
        return whole_numbers(array)
    if array.dtype.kind == "O":
        return of_one_kind(array)
    if array.dtype.kind not in "iubUS":
        raise ArgumentTypeError(f"y must hold labels, got an array of {array.dtype}")
    return array


def whole_numbers(y: FloatArray) -> FloatArray:
    """Labels that are floats: finite, and nothing measured."""
    if not np.isfinite(y).all():
        raise ValueError(
            "y must hold labels, got NaN or inf: leave out the rows without one"
        )
    if (y != np.floor(y)).any():
        raise ValueError(
            "Unknown label type: continuous. y must hold classes, and numbers that are "
            "no whole ones are measured: use BNNRegressor"
        )
    return y


def of_one_kind(y: Array) -> Array:
    """Labels that are objects: all of them text, or all of them numbers."""
    if all(isinstance(label, str) for label in y):
        return y
    try:
        numbers = y.astype(float)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"y must hold labels of one kind, text or whole numbers: {error}"
        ) from error
    whole_numbers(numbers)
    return np.array(y.tolist())
