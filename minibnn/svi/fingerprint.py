"""What decides a run, fact by fact, and in which facts two runs differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np

from minibnn.inputs import Inputs
from minibnn.recipe import to_recipe
from minibnn.validation.pieces import PIECE
from minibnn.validation.signature import signature_of

# they look at a run or judge its end, and change no step of it
LOOKERS = """callback verbose checkpoint own_steps own_optimizer together elbo_samples
rival others""".split()
LONGEST = 60  # characters of a value in a message


def facts_of(job: Any) -> dict[str, list[str]]:
    """{name of an argument: [what a reader is shown, digest]} of all that decides it."""
    options = {k: v for k, v in vars(job.options).items() if k not in LOOKERS}
    parts = {name: getattr(job, name) for name in ("model", "family", "estimator")}
    facts = {name: fact(value) for name, value in (parts | options).items()}
    facts["rng"] = [seed_text(job), digest([json.dumps(job.given_seeds).encode()])]
    return facts | {
        "X": array_fact(job.A, ones=1),  # features have a column of ones
        "y": array_fact(job.y),
    }


def differences(
    saved: Mapping[str, Any], own: Mapping[str, list[str]]
) -> dict[str, str]:
    """{name: "it is 100 in the file, 200 here"} of the facts that differ."""
    found = {}
    for name, (here, known) in own.items():
        there, digest_there = saved.get(name, ("unknown", None))
        if known != digest_there and here != there:
            found[name] = f"{name} is {there} in the file, {here} here"
        elif known != digest_there:  # what can be shown does not tell them apart
            found[name] = f"{name} has other values, {here} as before"
    return found


def fact(value: object) -> list[str]:
    """A value as a reader is shown it, and its digest."""
    known = identity(value)
    text = known if isinstance(known, str) else repr(value)
    text = "a dict of params" if isinstance(value, dict) else text
    if len(text) > LONGEST:
        text = text[: LONGEST - 3] + "..."
    return [text, digest([json.dumps(known).encode()])]


def array_fact(array: Any, ones: int = 0) -> list[str]:
    """Type and shape of the data, and a digest of every byte, a few rows at a time."""
    shape = (*array.shape[:-1], array.shape[-1] - ones)
    text = f"{array.dtype} {shape}"
    return [text, digest(chain([text.encode()], bytes_of(array)))]


def bytes_of(array: Any) -> Iterator[bytes]:
    """The bytes of an array, or of features yet to be made, some rows at a time."""
    if array.ndim == 3:
        for part in array:
            yield from bytes_of(part)
        return
    step = max(1, PIECE * len(array) // max(1, array.size))
    for start in range(0, len(array), step):
        rows = slice(start, start + step)
        part = array.features(rows) if isinstance(array, Inputs) else array[rows]
        yield np.ascontiguousarray(part).tobytes()


def seed_text(job: Any) -> str:
    """The seed a caller gave, as far as it can be shown."""
    return "None" if job.given_seeds is None else str(job.seeds[0].entropy)


def digest(parts: Iterable[bytes]) -> str:
    """SHA-256 of bytes, given in pieces."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def identity(value: Any) -> Any:
    """What a value is, equal in every process: its recipe, or the name of its code."""
    if isinstance(value, dict):
        return {key: identity(item) for key, item in value.items()}
    try:
        return to_recipe(value)
    except (TypeError, AttributeError):
        return getattr(value, "__qualname__", None) or own_recipe(value)


def own_recipe(value: object) -> Any:
    """The class of an object of somebody's own, and its arguments where it keeps them."""
    cls = type(value)
    try:
        names = list(signature_of(cls).parameters)
    except (TypeError, ValueError):  # a class that does not tell
        names = []
    kept = {a: identity(getattr(value, a)) for a in names if hasattr(value, a)}
    return {"class": cls.__qualname__, "with": kept} if kept else cls.__qualname__
