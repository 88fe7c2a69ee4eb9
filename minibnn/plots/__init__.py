"""Pictures of what is fitted, predicted and drawn, reached as ``mb.plots``.

Every function draws on ``ax``, by default the current axes of pyplot, and returns a dict
of what it drew, as ``Axes.boxplot`` does: "ax" is the axes, every other entry an artist,
or a list of artists where there is one for each run, row or chain. Nothing is shown,
saved or set for other figures; for the look of the book use
``matplotlib.style.context("minibnn.book")``. ``trace`` and ``rank`` have a panel for each
quantity: they take as many axes, and make a figure where none are given.
"""

from minibnn.nn.units import ALIVE, outgoing_ratios
from minibnn.plots.calibration import calibration
from minibnn.plots.chains import rank, trace
from minibnn.plots.histograms import predictive_histogram
from minibnn.plots.look import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, axes
from minibnn.plots.network import (
    SURE,
    alive_units,
    draw_network,
    unit_orders,
    weight_blocks,
)
from minibnn.plots.probabilities import reliability
from minibnn.plots.regression import band
from minibnn.plots.training import elbo_curve, running_mean
from minibnn.plots.weights import prior_posterior

__all__ = [
    "band",
    "calibration",
    "reliability",
    "predictive_histogram",
    "elbo_curve",
    "prior_posterior",
    "draw_network",
    "trace",
    "rank",
    "alive_units",
    "outgoing_ratios",
    "unit_orders",
    "weight_blocks",
    "running_mean",
    "axes",
    "ALIVE",
    "SURE",
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "RED",
    "SKY",
]
