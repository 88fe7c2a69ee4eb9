"""What is wrong with a gradient of one of our models: the search for its mistake."""

from minibnn.diagnosis import points
from minibnn.diagnosis.diagnose import diagnose

__all__ = ["diagnose", "points"]
