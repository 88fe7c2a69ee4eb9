"""The rupture study: every model on the same rows, and a likelihood of its own."""

from minibnn.rupture.sigmoid_gaussian import SigmoidGaussian
from minibnn.rupture.study import Study, rupture_study

__all__ = ["rupture_study", "Study", "SigmoidGaussian"]
