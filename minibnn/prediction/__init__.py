"""What sampled networks say of new rows, and how sure they are."""

from minibnn.prediction.prediction import Prediction
from minibnn.prediction.relu_variance import relu_network_variance

__all__ = ["Prediction", "relu_network_variance"]
