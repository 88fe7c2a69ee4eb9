"""The network: dense layers, activations and their slopes, all derived by hand."""

from minibnn.nn.mlp import MLP

__all__ = ["MLP"]
