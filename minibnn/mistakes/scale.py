"""Mistakes in the chain rule from rho to sigma (E11, E12, E13)."""

import numpy as np

from minibnn.mistakes.catalogue import Mistake, family_of_mistakes
from minibnn.numerics import sigmoid, softplus

_SLOPES = {
    "softplus": "sigmoid(rho)",
    "exp": "e^rho",
    "identity": "1",
}
_HINT = {
    "missing": "You have ∂loss/∂sigma. Which number does the optimiser change?",
    "twice": "Count the chain rule's factors between sigma and rho.",
    "inverted": "Is it d sigma/d rho or d rho/d sigma?",
}
_OTHER = "By which function does this family turn rho into sigma?"
_REVEAL = "take rho at which ∂sigma/∂rho is not 1 and differs between weights"
_PLACES = {
    "": ("data term and KL", True, True),
    "-in-data": ("the data term", True, False),
    "-in-kl": ("the KL", False, True),
}


@family_of_mistakes
def chain_rule(chain):
    """Each wrong slope in the data term, in the KL, and in both."""
    if not (chain.fine and chain.has_rho):
        return []
    right = f"∂sigma/∂rho = {_SLOPES[chain.family.scale]}"
    found = []
    for suffix, (words, in_data, in_kl) in _PLACES.items():
        for name, wrong, hint, slope in _wrong_slopes(chain):
            changes = (("dsigma", slope),) if in_data else ()
            changes += (("dlog", _through_sigma(slope)),) if in_kl else ()
            wrong = f"∂sigma/∂rho = {wrong} in {words}"
            found.append(
                Mistake(f"scale-chain-{name}{suffix}", "scale", wrong, right, hint,
                        _REVEAL, changes)
            )  # fmt: skip
    return found + _log_chains(chain)


def _through_sigma(slope):
    """∂log sigma/∂rho = (∂sigma/∂rho) / sigma."""
    return lambda value, c: slope(c.dsigma, c) / c.sigma


def _wrong_slopes(chain):
    """(name, formula, hint, slope) of what people put for ∂sigma/∂rho."""
    yield "missing", "1", _HINT["missing"], lambda value, c: np.ones_like(value)
    yield "twice", "its square", _HINT["twice"], lambda value, c: value**2
    yield "inverted", "its inverse", _HINT["inverted"], lambda value, c: 1 / value
    if chain.family.scale != "exp":
        yield "of-exp", "sigma", _OTHER, lambda value, c: c.sigma
        yield "e-to-the-rho", "e^rho", _OTHER, lambda value, c: np.exp(c.rho)
    if chain.family.scale != "softplus":
        yield "of-softplus", "sigmoid(rho)", _OTHER, lambda value, c: sigmoid(c.rho)
    else:
        yield from _wrong_sigmoids()


def _wrong_sigmoids():
    hint = "At which argument is the derivative of softplus taken?"
    yield "at-sigma", "sigmoid(sigma)", hint, lambda value, c: sigmoid(c.sigma)
    yield "at-minus-rho", "sigmoid(-rho)", hint, lambda value, c: sigmoid(-c.rho)
    hint = "Is sigmoid the derivative of softplus, or the function you differentiated?"
    yield ("sigmoid-differentiated", "sigmoid(rho) (1 - sigmoid(rho))", hint,
           lambda value, c: value * (1 - value))  # fmt: skip
    yield (
        "softplus-at-sigma",
        "softplus(sigma)",
        hint,
        lambda value, c: softplus(c.sigma),
    )


def _log_chains(chain):
    """The KL's path: the step from log sigma, or from sigma, lost or doubled."""
    scale = chain.family.scale
    right = f"∂log sigma/∂rho = {_SLOPES[scale]} / sigma"
    rows = [
        ("kl-sigma-gradient-for-log", "∂KL/∂sigma where ∂KL/∂log sigma is meant",
         lambda value, c: value / c.sigma),
        ("kl-log-gradient-times-sigma", "sigma ∂KL/∂log sigma",
         lambda value, c: value * c.sigma),
    ]  # fmt: skip
    hint = "For which of sigma, log sigma and rho did you differentiate the KL?"
    return [
        Mistake(name, "scale", f"∂KL/∂rho = {wrong}", right, hint, _REVEAL,
                (("dlog", function),))
        for name, wrong, function in rows
    ]  # fmt: skip
