"""The network: dense layers, activations and their slopes, all derived by hand."""
