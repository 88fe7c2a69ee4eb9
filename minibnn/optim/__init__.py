"""What moves parameters, and when to stop: optimisers, schedules, stopping rules.

One file each. Optimisers (E71-E73, E77-E79 through ``natural``) are subclasses of
``base.Optimizer``; a schedule is any function of (step, max_steps); a stopping rule any
function of the history, ``stopping.Rule`` what a run asks.
"""

from minibnn.optim.adam import Adam
from minibnn.optim.cosine import Cosine
from minibnn.optim.momentum import Momentum
from minibnn.optim.natural import NaturalGradient
from minibnn.optim.plateau import Plateau
from minibnn.optim.robbins_monro import RobbinsMonro
from minibnn.optim.sgd import SGD

__all__ = [
    "SGD",
    "Momentum",
    "Adam",
    "NaturalGradient",
    "Cosine",
    "RobbinsMonro",
    "Plateau",
]
