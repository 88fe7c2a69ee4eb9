"""The catalogue: mistakes people make in the gradient of the negative ELBO.

A mistake is a few changed links of the chain (see ``chain``), with the wrong and the
right formula, a hint that does not give the answer away, and what to change in a
set-up where it cannot be seen. ``catalogue(chain)`` lists those that can be made at a
case: nobody forgets a noise scale where there is none.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

PAGES = ("objective", "kl", "scale", "noise", "local", "likelihood", "network", "order")
MAKERS = []  # functions chain -> list of Mistake, in the order they are to be named


@dataclass(frozen=True)
class Mistake:
    """One known mistake.

    Attributes
    ----------
    name : str
        Short and fixed, words joined by hyphens.
    label : str
        Equation whose derivation is concerned, such as "E53".
    wrong, right : str
        The formula as mistaken and as it should be.
    hint : str
        A question that leads there.
    reveal : str
        What to change in a set-up that hides it.
    changes : tuple of (link, function)
        How it changes the chain.
    """

    name: str
    label: str
    wrong: str
    right: str
    hint: str
    reveal: str
    changes: tuple = ()
    needs: Callable[[Any], bool] | None = None

    def __repr__(self):
        return f"<{self.name} ({self.label}): {self.wrong}, should be {self.right}>"

    @property
    def links(self):
        """The links it changes."""
        return {link for link, _ in self.changes}


def known(*mistakes):
    """Register mistakes in the order in which they are to be suspected."""
    MAKERS.append(lambda chain: list(mistakes))


def family_of_mistakes(make):
    """Register a function chain -> list of mistakes, for those that come in numbers."""
    MAKERS.append(make)
    return make


def catalogue(chain):
    """Every known mistake that can be made at a case, labels filled in."""
    for page in PAGES:  # each page registers its mistakes once, when it is first read
        importlib.import_module(f"minibnn.checking.mistakes_{page}")
    found = []
    for make in MAKERS:
        found += [
            replace(mistake, label=chain.label(mistake.label))
            for mistake in make(chain)
            if _possible(mistake, chain)
        ]
    return found


def _possible(mistake, chain):
    if not chain.fine and mistake.links - {"data", "kl", "total"}:
        return False
    return mistake.needs is None or bool(mistake.needs(chain))


# --- conditions, read as "this mistake needs ..." ------------------------------------


def fine(chain):
    """Needs every link."""
    return chain.fine


def sigmas(chain):
    """Needs standard deviations to learn."""
    return chain.fine and chain.has_rho


def pathwise(chain):
    """Needs weights that are sampled."""
    return sigmas(chain) and not chain.local


def local(chain):
    """Needs pre-activations that are sampled."""
    return chain.fine and chain.local


def gaussian_prior(chain):
    """Needs a Gaussian prior."""
    return chain.fine and chain.gaussian_prior


def gaussian_kl(chain):
    """Needs the KL between Gaussians."""
    return sigmas(chain) and chain.gaussian_prior


def hidden(chain):
    """Needs a hidden layer."""
    return chain.fine and chain.L > 1


def biased(chain):
    """Needs biases."""
    return chain.fine and chain.net.bias
