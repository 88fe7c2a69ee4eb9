"""Objects as data: which class, which arguments; enough to build them again.

Every public class keeps each constructor argument in an attribute of the same name, so
the constructor's signature says all that has to be written down.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minibnn.validation.arguments import check_instance
from minibnn.validation.describe import ArgumentTypeError
from minibnn.validation.doors import door
from minibnn.validation.signature import signature_of

CLASSES: dict[str, type] = {}  # name -> class that may be rebuilt from a file


@door
def rebuildable(*classes: type) -> None:
    """Allow these classes in files; nothing else is ever constructed by reading.

    A class of your own keeps each constructor argument in an attribute of the same
    name. It must be allowed before a file that holds it is written, and in the program
    that reads it.

    Parameters
    ----------
    *classes : classes
        Known by their names from now on; a later one of the same name takes its place.

    Raises
    ------
    TypeError
        For what is no class.

    Examples
    --------
    >>> import minibnn as mb
    >>> class Wide(mb.GaussianPrior):
    ...     pass
    >>> mb.rebuildable(Wide)
    >>> data = mb.datasets.linear(n=20, d=1)
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), Wide(0.0, 10.0))
    >>> result = mb.fit(model, mb.MeanField(), data.X, data.y, rng=0, max_steps=10)
    >>> result.save("wide.npz")
    >>> type(mb.FitResult.load("wide.npz").model.prior).__name__
    'Wide'
    """
    for cls in classes:
        check_instance("classes", cls, type, "classes")
    CLASSES.update({cls.__name__: cls for cls in classes})


def to_recipe(value: Any) -> Any:
    """JSON-ready description of a number, text, array, list or known object."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.str}
    if isinstance(value, list | tuple):
        return [to_recipe(item) for item in value]
    name = type(value).__name__
    if CLASSES.get(name) is not type(value):
        raise ArgumentTypeError(f"cannot save {value!r}: {name} is not a class of minibnn")
    arguments = signature_of(type(value)).parameters
    return {"class": name, "with": {a: to_recipe(getattr(value, a)) for a in arguments}}


def seed_facts(seed: np.random.SeedSequence) -> Any:
    """A SeedSequence as JSON knows it: entropy (of any kind) and spawn key."""
    return to_recipe([seed.entropy, list(seed.spawn_key)])


def seed_from(facts: Any) -> np.random.SeedSequence:
    """The SeedSequence that ``seed_facts`` described."""
    entropy, spawn_key = from_recipe(facts)
    return np.random.SeedSequence(entropy, spawn_key=tuple(spawn_key))


def from_recipe(recipe: Any) -> Any:
    """The object a recipe describes; ValueError for a class that is not known."""
    if isinstance(recipe, list):
        return [from_recipe(item) for item in recipe]
    if not isinstance(recipe, dict):
        return recipe
    if "array" in recipe:
        return np.array(recipe["array"], dtype=recipe["dtype"])
    if recipe.get("class") not in CLASSES:
        raise ValueError(f"cannot build a {recipe.get('class')!r}: not a known class")
    arguments = {key: from_recipe(item) for key, item in recipe["with"].items()}
    return CLASSES[recipe["class"]](**arguments)


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays as JSON knows them; not finite becomes null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
