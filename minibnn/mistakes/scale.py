"""Mistakes in the chain rule from rho to sigma that are made often (E11, E12, E13)."""

import numpy as np

from minibnn.mistakes.catalogue import Mistake, rule, sigmas
from minibnn.numerics import sigmoid, softplus

SLOPES = {"softplus": "sigmoid(rho)", "exp": "e^rho", "identity": "1"}
PLACES = {  # suffix -> (words, whether in the data term, whether in the KL)
    "": ("data term and KL", True, True),
    "-in-data": ("the data term", True, False),
    "-in-kl": ("the KL", False, True),
}
_AT = "At which argument is the derivative of softplus taken?"
_WHICH = "Is sigmoid the derivative of softplus, or the function you differentiated?"
_WRONG = {  # name -> (formula, hint, ∂sigma/∂rho)
    "missing": ("1", "You have ∂loss/∂sigma. Which number does the optimiser change?",
                lambda value, c: np.ones_like(value)),
    "twice": ("its square", "Count the chain rule's factors between sigma and rho.",
              lambda value, c: value**2),
    "inverted": ("its inverse", "Is it d sigma/d rho or d rho/d sigma?",
                 lambda value, c: 1 / value),
}  # fmt: skip
_OF_SOFTPLUS = {
    "at-sigma": ("sigmoid(sigma)", _AT, lambda value, c: sigmoid(c.sigma)),
    "at-minus-rho": ("sigmoid(-rho)", _AT, lambda value, c: sigmoid(-c.rho)),
    "sigmoid-differentiated": ("sigmoid(rho) (1 - sigmoid(rho))", _WHICH,
                               lambda value, c: value * (1 - value)),
    "softplus-at-sigma": ("softplus(sigma)", _WHICH, lambda value, c: softplus(c.sigma)),
    "of-exp": ("sigma", "By which function does this family turn rho into sigma?",
               lambda value, c: c.sigma),
}  # fmt: skip


@rule(sigmas)
def chain_rule(chain):
    """Each wrong slope in the data term, in the KL, and in both."""
    table = {**_WRONG, **(_OF_SOFTPLUS if chain.family.scale == "softplus" else {})}
    for suffix, place in PLACES.items():
        for name, (wrong, hint, slope) in table.items():
            yield Mistake(f"scale-chain-{name}{suffix}", "scale",
                          f"∂sigma/∂rho = {wrong} in {place[0]}",
                          f"∂sigma/∂rho = {SLOPES[chain.family.scale]}", hint,
                          "take rho at which ∂sigma/∂rho is not 1 and differs "
                          "between weights", in_places(slope, place))  # fmt: skip


def in_places(slope, place):
    """Another ∂sigma/∂rho in the terms of a place; ∂log sigma/∂rho is it over sigma."""
    changes = (("dsigma", slope),) if place[1] else ()
    over = ("dlog", lambda value, c: slope(value * c.sigma, c) / c.sigma)
    return (*changes, over) if place[2] else changes
