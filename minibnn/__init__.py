"""Bayesian neural networks by stochastic variational inference, derived by hand.

The names below stand in reading order: the model, the variational family, the
objective, the loop, the prediction, the check.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from minibnn import datasets, metrics
from minibnn.diagnosis import diagnose, points
from minibnn.estimators import *
from minibnn.exact import (
    exact_posterior,
    grid_posterior,
    laplace,
    normal_log_likelihood,
)
from minibnn.families import *
from minibnn.gradcheck import GradientReport, check_adjoint, check_gradient
from minibnn.likelihoods import *
from minibnn.mcmc import ais, hmc
from minibnn.model import Model
from minibnn.nn import MLP
from minibnn.optim import *
from minibnn.prediction import Prediction
from minibnn.priors import *
from minibnn.priors.learned import learned_prior
from minibnn.recipe import rebuildable
from minibnn.rupture import SigmoidGaussian as _SigmoidGaussian
from minibnn.scikit import BNNClassifier, BNNRegressor
from minibnn.standardise import Standardiser
from minibnn.svi import Checkpoint, FitError, FitResult, FitWarning, fit, neg_elbo
from minibnn.validation.doors import door as _door
from minibnn.version import __version__

if _TYPE_CHECKING:
    from minibnn import plots

__all__ = [
    # the model: network, likelihood, prior
    "MLP",
    "Model",
    "Gaussian",
    "HeteroscedasticGaussian",
    "Bernoulli",
    "Categorical",
    "Poisson",
    "StudentT",
    "Weighted",
    "GaussianPrior",
    "ScaleMixturePrior",
    "LaplacePrior",
    "learned_prior",
    # the variational family
    "MeanField",
    "FullCovariance",
    "InferenceNetwork",
    "Point",
    # the objective and its estimators
    "neg_elbo",
    "Pathwise",
    "LocalReparam",
    "Flipout",
    "ScoreFunction",
    "StickTheLanding",
    "Exact",
    # the loop
    "fit",
    "SGD",
    "Momentum",
    "Adam",
    "NaturalGradient",
    "Cosine",
    "RobbinsMonro",
    "Plateau",
    "Checkpoint",
    "Standardiser",
    "FitResult",
    "FitWarning",
    "FitError",
    "rebuildable",
    # the prediction
    "Prediction",
    "metrics",
    "plots",
    # the same in the manners of scikit-learn
    "BNNRegressor",
    "BNNClassifier",
    # what approximations are judged by
    "exact_posterior",
    "grid_posterior",
    "laplace",
    "hmc",
    "ais",
    "normal_log_likelihood",
    # the check
    "check_gradient",
    "check_adjoint",
    "GradientReport",
    "diagnose",
    "points",
    "datasets",
    "__version__",
]

_classes = [value for value in list(globals().values()) if isinstance(value, type)]
rebuildable(*_classes)
for _public in _classes:
    _door(_public)


def __getattr__(name: str) -> object:
    """``mb.plots`` is imported when it is first asked for: matplotlib takes a while."""
    if name == "plots":
        from importlib import import_module

        return import_module("minibnn.plots")
    raise AttributeError(f"module 'minibnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
