"""The rupture study: every model on the same rows, and a likelihood of its own."""

from minibnn.rupture.sigmoid_gaussian import SigmoidGaussian
