"""A one-dimensional regression: the mean, and bands of its two kinds of uncertainty."""

import numpy as np

from minibnn.exact.conjugate import GaussianPrediction
from minibnn.plots.checks import points_of
from minibnn.plots.look import BLUE, RED, SKY, axes
from minibnn.prediction.prediction import Prediction
from minibnn.validation.arguments import (
    as_float_array,
    as_vector,
    check_instance,
    check_shape,
)
from minibnn.validation.doors import door


@door
def band(x, prediction, ax=None, data=None, truth=None):
    """Draw a one-dimensional regression with its two kinds of uncertainty.

    x (n,): inputs in increasing order; prediction: a ``Prediction`` at them; data: a
    pair (x, y) of arrays; truth (n,): the curve behind the data.
    """
    kinds = Prediction, GaussianPrediction
    ax, mean = axes(ax), check_instance("prediction", prediction, kinds).mean
    x = check_shape("x", as_vector("x", x), mean.shape)
    if truth is not None:
        truth = as_float_array("truth", truth, shape=mean.shape)
    if data is not None:
        data = points_of(data)
    epistemic, total = np.sqrt(prediction.epistemic), prediction.std
    outer = dict(color=SKY, alpha=0.35, lw=0, label="± 2 sd of y (with noise)")
    inner = dict(color=BLUE, alpha=0.4, lw=0, label="± 2 sd of f (epistemic)")
    ax.fill_between(x, mean - 2 * total, mean + 2 * total, **outer)
    ax.fill_between(x, mean - 2 * epistemic, mean + 2 * epistemic, **inner)
    ax.plot(x, mean, color=BLUE, label="mean")
    if truth is not None:
        ax.plot(x, truth, color=RED, ls="--", lw=1.5, label="truth")
    if data is not None:
        ax.plot(*data, "o", color="k", ms=4, label="data")
    ax.set_xlabel("x")
    ax.set_ylabel("y")
    return ax
