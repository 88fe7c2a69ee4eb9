"""What a room holds: the classes in its files, and its estimators as tests take them."""

import importlib
import pkgutil

from minibnn import estimators


def defined(room):
    """Classes that the files of a room define."""
    for info in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        for thing in vars(importlib.import_module(info.name)).values():
            if isinstance(thing, type) and thing.__module__ == info.name:
                yield thing


_EXAMPLES = [cls.examples() for cls in estimators.ALL]
# one of a kind, whatever networks it is tried on
ESTIMATORS = list({repr(e): e for examples in _EXAMPLES for e, *_ in examples}.values())
