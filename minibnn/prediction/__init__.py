"""What sampled networks say of new rows, and how sure they are."""

from minibnn.prediction.prediction import Prediction

__all__ = ["Prediction"]
