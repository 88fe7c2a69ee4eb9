"""Estimators: how the expected negative log-likelihood becomes a number and a gradient.

An estimator is one file: its formula first, then the class, a :class:`base.Estimator`
with ``label``, ``check``, ``noise_shape``, ``__call__`` and ``examples()``. To add one:
write such a file, import it here and name it in ``__all__``: that makes it public. The laws
of ``tests/estimators``, the audit and the tables of what combines take it from there.
"""

from minibnn.estimators.exact import Exact
from minibnn.estimators.flipout import Flipout
from minibnn.estimators.local_reparam import LocalReparam
from minibnn.estimators.pathwise import Pathwise
from minibnn.estimators.score_function import ScoreFunction
from minibnn.estimators.stick_the_landing import StickTheLanding

__all__ = [  # in reading order
    "Pathwise",
    "LocalReparam",
    "Flipout",
    "ScoreFunction",
    "StickTheLanding",
    "Exact",
]
ALL = tuple(globals()[name] for name in __all__)
