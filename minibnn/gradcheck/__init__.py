"""Is a gradient right, and if not, where is it wrong? This room knows no network."""

from minibnn.gradcheck.gradcheck import check_adjoint, check_gradient
from minibnn.gradcheck.report import GradientReport

__all__ = ["GradientReport", "check_adjoint", "check_gradient"]
