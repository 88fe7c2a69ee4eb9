"""Likelihoods, one file each: formula and derivation, object, moments, sampler, examples.

Adding one touches four places. (1) A new file: value and gradient in one function under
the next free label E3x, first; then the object, whose class says of itself what differs
from ``base.Likelihood``: label, support, examples for the tests, its name in scipy.
(2) One import below, and its name: that makes it public, saved in files, audited, and
tested by ``tests/likelihoods/test_laws.py`` and every table of tests. (3) Its name in
``minibnn/__init__.py``, a line of CHANGELOG.md.
(4) A paragraph of the book with the displayed equation. Nothing decided by values, new
arrays by ``np.empty_like``: then a training step can be recorded. ``Weighted`` stands
apart: it has another one inside and is no density of y, so that no law of mass holds.
"""

from minibnn.likelihoods.bernoulli import Bernoulli
from minibnn.likelihoods.categorical import Categorical
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.likelihoods.heteroscedastic import HeteroscedasticGaussian
from minibnn.likelihoods.poisson import Poisson
from minibnn.likelihoods.student_t import StudentT
from minibnn.likelihoods.weighted import Weighted

__all__ = [  # in reading order
    "Gaussian",
    "HeteroscedasticGaussian",
    "Bernoulli",
    "Categorical",
    "Poisson",
    "StudentT",
    "Weighted",
]
ALL = [globals()[name] for name in __all__ if name != "Weighted"]
