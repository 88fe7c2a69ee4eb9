"""Priors: what is believed of the weights before the data, one file a prior.

A file shows the formulas first, then the class: ``log_prob(w)`` (E4x), where
``has_closed_kl`` also ``kl(m, s, log_s)``, ``mean_and_sd(n_weights)``,
``draw(shape, rng)``, ``length`` (of how many weights, None for any number),
``is_gaussian``, ``labels`` (which formula a method is) and ``examples(n_weights)``.

To add one: write such a file, import it here and name it in ``__all__``: that makes it
public. The laws of ``tests/priors``, the audit and the tables of what combines take it
from there.
"""

from minibnn.priors.gaussian import GaussianPrior
from minibnn.priors.laplace import LaplacePrior
from minibnn.priors.scale_mixture import ScaleMixturePrior

__all__ = ["GaussianPrior", "ScaleMixturePrior", "LaplacePrior"]  # in reading order
ALL = tuple(globals()[name] for name in __all__)
