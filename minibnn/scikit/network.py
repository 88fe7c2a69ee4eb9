"""The network that regressor and classifier share: how it is made, fitted and asked."""

from __future__ import annotations

import numbers
from typing import Any

from minibnn.families import FullCovariance, MeanField, Point
from minibnn.model import Model
from minibnn.nn import MLP
from minibnn.prediction import Prediction
from minibnn.priors import GaussianPrior
from minibnn.scikit.manners import Manners, seed_of
from minibnn.scikit.table import inputs, one_of_each
from minibnn.svi import FitResult, FitWarning, fit
from minibnn.types import ArrayLike, FloatArray
from minibnn.validation.arguments import check_choice, check_int, check_positive
from minibnn.validation.describe import ArgumentTypeError, describe

FAMILIES = {
    "mean_field": MeanField,
    "full_covariance": FullCovariance,
    "point": Point,
}


class Network(Manners):
    """A Bayesian network for a table: columns are scaled inside, and predictions back."""

    hidden: Any
    activation: Any
    prior_scale: Any
    family: Any
    max_steps: Any
    batch_size: Any
    restarts: Any
    n_samples: Any
    random_state: Any
    verbose: Any
    result_: FitResult

    def _fit(
        self, X: FloatArray, y: FloatArray, weights: FloatArray, likelihood: Any, width: int
    ) -> None:
        """Fit to checked rows X (n, D), y (n, K), weights (n,), by so many outputs."""
        check_int("n_samples", self.n_samples)
        X, y, sample_weight = one_of_each(X, y, weights)
        sizes = [X.shape[1], *widths(self.hidden), width]
        prior = GaussianPrior(0.0, check_positive("prior_scale", self.prior_scale))
        try:
            self.result_ = fit(
                Model(MLP(sizes, self.activation), likelihood, prior),
                chosen("family", self.family, FAMILIES, "natural"),
                X,
                y,
                rng=seed_of("random_state", self.random_state),
                max_steps=self.max_steps,
                batch_size=self.batch_size,
                restarts=self.restarts,
                verbose=self.verbose,
                standardise=True,
                sample_weight=sample_weight,
            )
        except FitWarning as warning:  # an error, where a filter makes it one
            if warning.result is not None:
                self.result_ = warning.result
            raise

    def predictive(self, X: ArrayLike) -> Prediction:
        """The whole predictive distribution: intervals, quantiles, densities, samples.

        Parameters
        ----------
        X : array or frame (n, D)
            In the units and the order of the columns of ``fit``.

        Returns
        -------
        Prediction
            Of y in its own units; labels are numbered in the order of ``classes_``.

        Raises
        ------
        ValueError
            If there was no fit, or X does not fit; its subclass NotFittedError, that of
            scikit-learn where it is loaded, in the first case.
        """
        self._check_fitted()
        rows, n = inputs(self, X), check_int("n_samples", self.n_samples)
        return self.result_.predict(rows, n)


def widths(hidden: Any) -> list[int]:
    """Widths of the hidden layers: a number is one layer, () a linear model."""
    if isinstance(hidden, numbers.Integral):
        hidden = [hidden]
    if isinstance(hidden, list | tuple) or getattr(hidden, "ndim", 0) == 1:
        return [check_int("hidden", width) for width in hidden]
    raise ArgumentTypeError(
        "hidden must be widths of layers, such as (50,) or 50; () is a linear model; got "
        f"{describe(hidden)}"
    )


def chosen(name: str, value: Any, table: dict[str, Any], method: str) -> Any:
    """An object: one of the table by its name, or that given, which has the method."""
    if isinstance(value, str):
        return table[check_choice(name, value, table)]()
    if isinstance(value, type) or not callable(getattr(value, method, None)):
        words = ", ".join(map(repr, table))
        raise ArgumentTypeError(
            f"{name} must be one of {words} or an object of minibnn, got {describe(value)}"
        )
    return value
