"""The catalogue: mistakes people make in the gradient of the negative ELBO.

A mistake is a few changed links of the chain (see ``chain``), with the wrong and the
right formula, a hint that does not give the answer away, and what to change in a
set-up where it cannot be seen. ``catalogue(chain)`` lists those that can be made at a
case: nobody forgets a noise scale where there is none.

Few stand in lists, each with a hint of its own. Most are made by rule: a generator that
puts every wrong symbol, index or function into one place. What a rule makes needs no
line in a list, but for what people do most.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

LISTED = ("objective", "kl", "scale", "noise", "local", "likelihood", "network", "arrays")
BY_RULE = (
    "kl_symbols", "draw", "indices", "operands", "forward", "data", "loss", "noise_scale",
    "rows", "slopes", "precision",
)  # fmt: skip
Maker = Callable[[Any], Iterable["Mistake"]]  # of a Chain, which stands a floor above
MAKERS: dict[str, list[Maker]] = {}  # by module, in the order of suspicion


@dataclass(frozen=True)
class Description:
    """A known mistake in words: what results hold, and what crosses a process.

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
    """

    name: str
    label: str
    wrong: str
    right: str
    hint: str
    reveal: str

    def __repr__(self) -> str:
        return f"<{self.name} ({self.label}): {self.wrong}, should be {self.right}>"


@dataclass(frozen=True, repr=False)
class Mistake(Description):
    """One known mistake: its description, and what it does to the chain.

    Attributes
    ----------
    changes : tuple of (link, function)
        How it changes the chain.
    needs : function, optional
        chain -> whether it can be made there.
    touches : tuple of str
        Arrays of the gradient it changes, () for any; those made by rule are tried only
        where just these arrays are wrong.
    placed : bool
        Whether its name says which weights it is made at: it is false unless it explains
        all of them.
    """

    changes: tuple[tuple[str, Callable[..., Any]], ...] = ()
    needs: Callable[[Any], bool] | None = None
    touches: tuple[str, ...] = ("mu", "rho")
    placed: bool = False

    @property
    def links(self) -> set[str]:
        """The links it changes."""
        return {link for link, _ in self.changes}

    @property
    def description(self) -> Description:
        """The same in words alone."""
        names = ("name", "label", "wrong", "right", "hint", "reveal")
        return Description(*(getattr(self, name) for name in names))


def known(page: str, *mistakes: Mistake) -> None:
    """Register mistakes of a page in the order in which they are to be suspected."""
    MAKERS.setdefault(page, []).append(lambda chain: mistakes)


def rule(needs: Callable[[Any], bool]) -> Callable[[Maker], Maker]:
    """Register a generator chain -> mistakes, for those that come in numbers."""

    def register(make: Maker) -> Maker:
        MAKERS.setdefault(make.__module__, []).append(
            lambda chain: make(chain) if needs(chain) else ()
        )
        return make

    return register


def catalogue(chain: Any, pages: Iterable[str] = LISTED) -> list[Mistake]:
    """The mistakes of some pages that can be made at a case, labels filled in."""
    found: list[Mistake] = []
    for page in pages:  # each page registers its mistakes once, when it is first read
        module = importlib.import_module(f"minibnn.mistakes.{page}")
        for make in MAKERS[module.__name__]:
            with np.errstate(all="ignore"):
                found += [
                    mistake
                    if mistake.label[0] == "E"
                    else replace(mistake, label=chain.label(mistake.label))
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


def sampled(chain):
    """Needs weights of the network that are sampled, or a point estimate."""
    return chain.fine and not chain.local


def biased(chain):
    """Needs biases."""
    return chain.fine and chain.net.bias


def labels(chain):
    """Needs targets that are labels."""
    return chain.fine and chain.model.likelihood.kind == "classification"


def canonical(chain):
    """Needs labels whose -log probability has the derivative p(F) - y."""
    return labels(chain) and chain.model.likelihood.canonical


def classes(chain):
    """Needs one label of several classes, an output for each."""
    return chain.fine and chain.model.likelihood.exclusive


def one_scale(chain):
    """Needs a noise scale that is a number for all outputs, known or learned."""
    return chain.fine and chain.model.likelihood.log_scale(chain.v) is not None


def heads(chain):
    """Needs outputs that are log scales beside those that are locations."""
    own = chain.model.likelihood.log_scale_outputs(chain.C)
    return chain.fine and own != slice(0)


def real_outputs(chain):
    """Needs one target for each output."""
    return chain.fine and not heads(chain)
