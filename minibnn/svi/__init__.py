"""Stochastic variational inference: one door, ``fit.fit``, and the run behind it."""

from minibnn.svi.checkpoint import Checkpoint
from minibnn.svi.elbo import neg_elbo
from minibnn.svi.failure import FitError
from minibnn.svi.fit import fit
from minibnn.svi.fit_warning import FitWarning
from minibnn.svi.history import StepInfo
from minibnn.svi.result import FitResult

__all__ = [
    "neg_elbo",
    "fit",
    "StepInfo",
    "FitResult",
    "FitWarning",
    "FitError",
    "Checkpoint",
]
