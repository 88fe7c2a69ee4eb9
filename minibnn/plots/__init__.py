"""Pictures of a fitted network. Every function draws on ``ax`` and returns it.

``ax=None`` takes the current axes. Nothing is shown, saved or set for other figures;
for the look of the book use ``matplotlib.style.context("minibnn.book")``.
"""

from minibnn.plots.look import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, axes
from minibnn.plots.network import (
    ALIVE,
    SURE,
    alive_units,
    draw_network,
    outgoing_ratios,
    unit_orders,
    weight_blocks,
)
from minibnn.plots.probabilities import predictive_histogram, reliability
from minibnn.plots.regression import band
from minibnn.plots.training import elbo_curve, running_mean
from minibnn.plots.weights import prior_posterior

__all__ = [
    "band",
    "elbo_curve",
    "reliability",
    "predictive_histogram",
    "prior_posterior",
    "draw_network",
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
