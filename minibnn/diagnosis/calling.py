"""How a reader's function is called, and what it may return.

A function says by the names of its arguments what it wants. Names are those of a
:class:`Case` or of the formulas, so ``noise`` and ``eps`` mean the same, in any order.
What the model is made of can be asked for too: ``noise_sd``, ``m0``, ``s0``.
"""

import inspect

import numpy as np

from minibnn.likelihoods.gaussian import Gaussian
from minibnn.priors.gaussian import GaussianPrior
from minibnn.validation.describe import ArgumentTypeError, describe
from minibnn.validation.signature import signature_of

SAME = {
    "parameters": "params", "theta": "params", "p": "params",
    "eps": "noise", "epsilon": "noise", "x": "X", "inputs": "X",
    "Y": "y", "target": "y", "targets": "y",
    "N": "n_data", "T": "kl_weight", "beta": "kl_weight", "sigma_y": "noise_sd",
    "prior_mean": "m0", "prior_sd": "s0", "prior_scale": "s0",
}  # fmt: skip
DATA = ("params", "noise", "X", "y")  # the order where names say nothing
NUMBERS = ("n_data", "kl_weight")
FIELDS = ("model", "family", "estimator", *NUMBERS, "noise", "X", "y")


def held(case):
    """What a case can give to a function, by name."""
    params = {key: np.array(array) for key, array in case.params.items()}
    values = {name: getattr(case, name) for name in FIELDS}
    values |= {"S": case.noise.shape[-2], "B": len(case.X)}
    likelihood, prior = case.model.likelihood, case.model.prior
    if isinstance(likelihood, Gaussian) and not likelihood.learned:
        values["noise_sd"] = likelihood.scale
    if isinstance(prior, GaussianPrior):
        values |= {"m0": prior.mean, "s0": prior.scale}
    return {**params, **values, "params": params, "case": case}


class Call:
    """A function and what it is given: ``takes`` names the parts of a case.

    Raises
    ------
    ArgumentTypeError (a TypeError)
        If it wants something that no case holds.
    """

    def __init__(self, function, case):
        self.function, self.signature = function, signature_of(function)
        self.wanted = list(self.signature.parameters.values())
        self.keys, self.held = set(case.params), held(case)
        self.parts = self._parts()
        self.takes = set(self.parts.values()) | self._rest()
        if "case" in self.takes:
            self.takes |= {"model", *NUMBERS, *DATA}
        if "model" in self.takes:
            self.takes |= {"m0", "s0"}

    def _parts(self):
        """Name of an argument -> the part of the case it is given."""
        places = [p for p in self.wanted if p.kind in (p.POSITIONAL_ONLY,
                                                       p.POSITIONAL_OR_KEYWORD)]
        needed = [p for p in places if p.default is p.empty]
        if 1 in (len(places), len(needed)):
            if self._meaning(places[0].name) not in ("params", *self.keys):
                return {places[0].name: "case"}
        parts = {p.name: self._meaning(p.name) for p in self.wanted}
        parts = {name: part for name, part in parts.items() if part}
        order = self._order(places)
        for i, p in enumerate(places):
            free = i < len(order) and order[i] not in parts.values()
            if p.name not in parts and p.default is p.empty and free:
                parts[p.name] = order[i]
        for p in self.wanted:
            rest = p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
            if p.name not in parts and p.default is p.empty and not rest:
                raise ArgumentTypeError(self._refusal(p.name))
        return parts

    def _meaning(self, name):
        """The part of a case that is called so, or None."""
        name = name if name in self.keys else SAME.get(name, name)
        return name if name in self.held else None

    def _order(self, places):
        """The parts in their order; none, where a known name stands elsewhere."""
        first = bool(places) and places[0].name == "model"
        order = ("model", "family", *DATA) if first else DATA
        known = [self._meaning(p.name) for p in places]
        alike = all(part in (None, right) for part, right in zip(known, order,
                                                                 strict=False))
        return order if alike else ()

    def _rest(self):
        """What goes into ``*args`` and ``**kwargs``."""
        given, kinds = self.parts.values(), {p.kind for p in self.wanted}
        rest = set()
        if inspect.Parameter.VAR_POSITIONAL in kinds:
            rest |= set(DATA) - set(given)
        if inspect.Parameter.VAR_KEYWORD in kinds:
            rest |= set(NUMBERS) - set(given)
            rest |= {"estimator"} if "model" in given else set()
        return rest

    def _refusal(self, name):
        return (
            f"student_gradient wants {name!r}, and a case has nothing of that name: give "
            "it yourself, for example student_gradient=lambda params, eps, X, y: "
            f"yours(params, eps, X, y, {name}=...)"
        )

    def answer(self):
        """What the function returns."""
        values, given, rest = self.held, {}, self._rest()
        for p in self.wanted:
            if p.name in self.parts:
                given[p.name] = values[self.parts[p.name]]
            elif p.kind is p.VAR_POSITIONAL:
                given[p.name] = tuple(values[n] for n in DATA if n in rest)
            elif p.kind is p.VAR_KEYWORD:
                given[p.name] = {n: values[n] for n in rest if n not in DATA}
        bound = inspect.BoundArguments(self.signature, given)
        try:
            return self.function(*bound.args, **bound.kwargs)
        except Exception as error:
            error.add_note(
                f"diagnose gave it S = {values['S']} draws and B = {values['B']} rows; if "
                "it has sizes of its own, make a case of these: mb.diagnosis.points."
                "Case(model, family, params, noise, X, y, n_data=N)"
            )
            raise


def gradient_in(answer, case):
    """The dict of arrays in what a function returned, or was given for an answer.

    It may stand beside other things in a tuple, or be arrays one by one, in the order
    of the parameters.
    """
    keys = list(case.params)
    items = list(answer) if isinstance(answer, tuple | list) else [answer]
    dicts = [item for item in items if isinstance(item, dict)]
    for item in dicts:
        if set(item) == set(keys):
            return item
    arrays = [item for item in items if getattr(item, "ndim", 0)]
    if not dicts and len(items) > 1 and len(arrays) == len(keys):
        return dict(zip(keys, arrays, strict=True))
    got = sorted(dicts[0], key=str) if dicts else describe(answer)
    raise ArgumentTypeError(
        f"student_gradient must be, or return, a dict with the keys {sorted(keys)} (or "
        f"the arrays {', '.join(keys)} in this order), got {got}"
    )
