"""Variational families: from free numbers to a normal q over the weights, and back.

A family is one file: its formulas first, then the class, a :class:`base.Family` that
says of itself what it has; ``labels``, which formula a method is; and
``examples(n_weights)``, families for so many weights. One that ``reads_context`` has
contexts in its examples, and then one posterior for each of its ``tasks``.

To add one: write such a file, import it here and name it in ``__all__``: that makes it
public. The laws of ``tests/families``, the audit and the tables of what combines take it
from there. What speaks of q alone can be taken from a family whose q is of the same form.
"""

from minibnn.families.full_covariance import FullCovariance
from minibnn.families.inference_network import InferenceNetwork
from minibnn.families.mean_field import MeanField
from minibnn.families.point import Point

__all__ = ["MeanField", "FullCovariance", "InferenceNetwork", "Point"]  # reading order
ALL = tuple(globals()[name] for name in __all__)
