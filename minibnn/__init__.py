"""Bayesian neural networks by stochastic variational inference, derived by hand.

The names below stand in reading order: the model, the variational family, the
objective, the loop, the prediction, the check.
"""

from minibnn import datasets, metrics
from minibnn.diagnosis import points
from minibnn.diagnosis.diagnose import diagnose
from minibnn.estimators import *
from minibnn.exact.conjugate import exact_posterior
from minibnn.exact.laplace import laplace
from minibnn.exact.normal_sample import normal_log_likelihood
from minibnn.exact.quadrature import grid_posterior
from minibnn.families import *
from minibnn.gradcheck.gradcheck import check_adjoint, check_gradient
from minibnn.gradcheck.report import GradientReport
from minibnn.likelihoods import *
from minibnn.mcmc.ais import ais
from minibnn.mcmc.hmc import hmc
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.optim.adam import Adam
from minibnn.optim.cosine import Cosine
from minibnn.optim.momentum import Momentum
from minibnn.optim.natural import NaturalGradient
from minibnn.optim.plateau import Plateau
from minibnn.optim.robbins_monro import RobbinsMonro
from minibnn.optim.sgd import SGD
from minibnn.prediction.prediction import Prediction
from minibnn.priors import *
from minibnn.priors.learned import learned_prior
from minibnn.recipe import rebuildable
from minibnn.rupture.sigmoid_gaussian import SigmoidGaussian as _SigmoidGaussian
from minibnn.standardise import Standardiser
from minibnn.svi.checkpoint import Checkpoint
from minibnn.svi.elbo import neg_elbo
from minibnn.svi.failure import FitError
from minibnn.svi.fit import fit
from minibnn.svi.fit_warning import FitWarning
from minibnn.svi.result import FitResult
from minibnn.validation.doors import door as _door
from minibnn.version import __version__

_classes = [value for value in list(globals().values()) if isinstance(value, type)]
rebuildable(*_classes)
for _public in _classes:
    _door(_public)
