"""The gradient laboratory: is a gradient right, and if not, where is it wrong."""

from minibnn.checking import more_cases  # noqa: F401  (completes the example inputs)
from minibnn.checking.gradcheck import check_adjoint, check_gradient
from minibnn.checking.report import GradientReport

__all__ = ["GradientReport", "check_adjoint", "check_gradient"]
