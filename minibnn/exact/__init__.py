"""Exact answers for small cases, and Laplace's: what approximations are judged by."""

from minibnn.exact.average_variance import average_variances
from minibnn.exact.conjugate import (
    Decomposition,
    ExactPosterior,
    GaussianPrediction,
    exact_posterior,
)
from minibnn.exact.laplace import LaplacePosterior, laplace
from minibnn.exact.latent_rows import row_elbos
from minibnn.exact.normal_sample import normal_log_likelihood
from minibnn.exact.quadrature import GridPosterior, grid_posterior

__all__ = [
    "average_variances",
    "row_elbos",
    "normal_log_likelihood",
    "exact_posterior",
    "ExactPosterior",
    "GaussianPrediction",
    "Decomposition",
    "grid_posterior",
    "GridPosterior",
    "laplace",
    "LaplacePosterior",
]
