"""Bayesian neural networks by stochastic variational inference, derived by hand.

The names below stand in reading order: the model, the variational family, the
objective, the loop, the prediction, the check.
"""

from minibnn.checking import points
from minibnn.checking.diagnose import diagnose
from minibnn.checking.gradcheck import check_adjoint, check_gradient
from minibnn.checking.report import GradientReport
from minibnn.inference.ais import ais
from minibnn.inference.checkpoint import Checkpoint
from minibnn.inference.doubts import FitWarning
from minibnn.inference.elbo import neg_elbo
from minibnn.inference.exact import exact_posterior
from minibnn.inference.hmc import hmc
from minibnn.inference.laplace import laplace
from minibnn.inference.natural import NaturalGradient
from minibnn.inference.normal_sample import normal_log_likelihood
from minibnn.inference.optimizers import SGD, Adam, Cosine, Momentum, RobbinsMonro
from minibnn.inference.predict import Prediction
from minibnn.inference.quadrature import grid_posterior
from minibnn.inference.recipe import rebuildable
from minibnn.inference.result import FitResult
from minibnn.inference.run import FitError
from minibnn.inference.standardiser import Standardiser
from minibnn.inference.stopping import Plateau
from minibnn.inference.svi import fit
from minibnn.kernels.doors import door as _door
from minibnn.kernels.estimators import LocalReparam, Pathwise
from minibnn.kernels.exact_elbo import Exact
from minibnn.kernels.families import MeanField, Point
from minibnn.kernels.full_covariance import FullCovariance
from minibnn.kernels.inference_network import InferenceNetwork
from minibnn.kernels.likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    SigmoidGaussian,
)
from minibnn.kernels.model import Model
from minibnn.kernels.more_estimators import Flipout, ScoreFunction, StickTheLanding
from minibnn.kernels.more_likelihoods import HeteroscedasticGaussian, Poisson, StudentT
from minibnn.kernels.more_priors import LaplacePrior, ScaleMixturePrior, learned_prior
from minibnn.kernels.network import MLP
from minibnn.kernels.priors import GaussianPrior
from minibnn.study import datasets, metrics
from minibnn.version import __version__

_classes = [value for value in list(globals().values()) if isinstance(value, type)]
rebuildable(*_classes)
for _public in _classes:
    _door(_public)
