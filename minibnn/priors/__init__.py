"""Priors: what is believed of the weights before the data, one file a prior.

A file shows the formulas first, then the class, a :class:`base.Prior`, which says what
may be asked of it.

To add one: write such a file, import it here and name it in ``__all__``: that makes it
public. The laws of ``tests/priors``, the audit and the tables of what combines take it
from there.
"""

from minibnn.priors.gaussian import GaussianPrior
from minibnn.priors.laplace import LaplacePrior
from minibnn.priors.scale_mixture import ScaleMixturePrior

__all__ = ["GaussianPrior", "ScaleMixturePrior", "LaplacePrior"]  # in reading order
ALL = tuple(globals()[name] for name in __all__)
