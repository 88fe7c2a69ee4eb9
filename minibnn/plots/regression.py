"""A prediction along one input: the mean, and bands of what is not known."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.special import ndtri

from minibnn.plots.checks import (
    check_prediction,
    column_of,
    points_of,
    support_of,
    title_of,
)
from minibnn.plots.look import BLUE, RED, SKY, Artists, Look, axes, legend
from minibnn.prediction.prediction import Prediction
from minibnn.types import ArrayLike
from minibnn.validation.arguments import as_float_array, as_vector, check_fraction
from minibnn.validation.arguments import check_same_length as same_length
from minibnn.validation.doors import door


@door
def band(
    prediction: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    data: tuple[ArrayLike, ArrayLike] | None = None,
    truth: ArrayLike | None = None,
    level: float = 0.95,
    output: int | None = None,
    ax: Axes | None = None,
) -> Artists:
    """Draw a prediction along one input, with bands of its kinds of uncertainty.

    Regression: the wide band holds a new target with probability ``level``; the narrow
    one holds the mean of a network that was drawn, and is what more data would
    remove (epistemic). Classification: the line is the probability, the one band holds
    that of a network. Everything is in the units of the prediction: raw ones where the
    fit standardised its data.

    Parameters
    ----------
    prediction : Prediction or GaussianPrediction
        What is predicted at N rows.
    X : array (N,) or (N, 1)
        The input of those rows, in any order. Of several inputs the column to draw
        against; predict at rows in which only that one changes.
    y : array (N,), optional
        Targets observed at X, drawn as dots.
    data : pair of arrays (n,), optional
        Other points (x, y), such as the training data.
    truth : array (N,), optional
        The curve behind the data, at X.
    level : float
        What the bands hold, in (0, 1).
    output : int, optional
        Which output, or class, where there are several.
    ax : Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    dict
        "ax"; "mean" (Line2D); "interval" and "epistemic" (PolyCollection), the latter
        alone with classification, and left out where a ``Point`` is one network;
        "targets", "data" and "truth" where they were given.

    Raises
    ------
    ValueError
        X of more than one column, lengths that differ, or several outputs and none
        chosen.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> pred = mb.exact_posterior(model, X, [0.1, 1.2, 1.8]).predict(X)
    >>> drawn = mb.plots.band(pred, X, [0.1, 1.2, 1.8], ax=Figure().add_subplot())
    >>> list(drawn)
    ['ax', 'interval', 'epistemic', 'mean', 'targets']
    >>> drawn["interval"].get_label()
    '95 % predictive interval'
    """
    column = column_of(check_prediction(prediction), output)
    x, mean = _one_column(X), prediction.mean[column]
    same_length(X=x, prediction=mean)
    level, ax = check_fraction("level", level, strict=True), axes(ax)
    targets, curve = _along("y", y, mean, True), _along("truth", truth, mean)
    points = None if data is None else points_of(data)
    order = np.argsort(x, kind="stable")
    x, percent = x[order], f"{100 * level:g} %"
    drawn: Artists = {"ax": ax}

    def fill(name: str, bounds: Any, **look: Any) -> None:
        low, high = (bound[column][order] for bound in bounds)
        drawn[name] = ax.fill_between(x, low, high, lw=0, **look)

    if support_of(prediction) == "labels":
        inner, said = prediction.interval(level), f"{percent} of networks (epistemic)"
    else:
        outer = f"{percent} predictive interval"
        fill("interval", prediction.interval(level), color=SKY, alpha=0.35, label=outer)
        inner = _means(prediction, level)
        said = f"{percent} interval of the mean (epistemic)"
    if _n_networks(prediction) > 1:
        fill("epistemic", inner, color=BLUE, alpha=0.4, label=said)
    (drawn["mean"],) = ax.plot(x, mean[order], color=BLUE, label="mean")
    if curve is not None:
        look: Look = dict(color=RED, ls="--", lw=1.5, label="truth")
        (drawn["truth"],) = ax.plot(x, curve[order], **look)
    dots: Look = dict(ls="", marker="o", color="k", ms=4)
    if targets is not None:
        (drawn["targets"],) = ax.plot(x, targets[order], label="targets", **dots)
    if points is not None:
        (drawn["data"],) = ax.plot(*points, label="data", **dots)
    ax.set_xlabel(title_of(X, "x"))
    names = "P(y = 1)" if column is ... else f"P(y = {column[1]})", title_of(y, "y")
    ax.set_ylabel(names[0] if support_of(prediction) == "labels" else names[1])
    legend(ax)
    return drawn


def _one_column(X: ArrayLike) -> NDArray[Any]:
    """X as (N,); several columns are refused with what to do."""
    array = as_float_array("X", X, ndim=(1, 2), allow_bool=True)
    if array.ndim == 2 and array.shape[1] > 1:
        raise ValueError(
            f"X must be one column to draw against, got shape {array.shape}: pass that "
            "column, X[:, 0] say, and predict at rows in which only it changes"
        )
    return as_vector("X", array)


def _along(name: str, values: Any, mean: Any, labels: bool = False) -> Any:
    """Values at the rows of the prediction, or None."""
    if values is None:
        return None
    values = as_vector(name, values, allow_bool=labels)
    same_length(**{name: values, "prediction": mean})
    return values


def _n_networks(prediction: Any) -> float:
    """How many networks were asked; one alone says nothing of what it does not know."""
    return prediction._n_samples if isinstance(prediction, Prediction) else np.inf


def _means(prediction: Any, level: float) -> Any:
    """Between which bounds the means of networks lie, (lower, upper)."""
    tails = 0.5 - level / 2, 0.5 + level / 2
    if isinstance(prediction, Prediction):
        return np.quantile(prediction.samples, tails, axis=0)
    return [prediction.mean + ndtri(q) * np.sqrt(prediction.epistemic) for q in tails]
