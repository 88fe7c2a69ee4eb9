"""Doors: how public functions treat floating-point errors, and calls that do not fit.

``np.seterr`` belongs to the caller, often to somebody who is debugging. Here an underflow
to 0 is right, and what is not finite is looked for by name. So behind a door underflow is
ignored, and nothing else raises: it warns at most, as NumPy does unless told otherwise.

A call that does not fit a door is told what it takes (`keywords.py`); that costs nothing
where it fits.
"""

from __future__ import annotations

import functools
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType, FunctionType
from typing import Any, TypeVar, cast

import numpy as np

from minibnn.validation.keywords import refusal

PACKAGE = __name__.partition(".")[0]
_CALLER = ContextVar("caller", default=None)  # np.geterr() before the outermost door
QUIET = ("ignore", "warn")
Public = TypeVar("Public", bound=Any)


def door(public: Public) -> Public:
    """Decorate a public function, or in place the public methods of a class."""
    if not isinstance(public, type):
        return cast(Public, _behind(public))
    for cls in public.__mro__:
        if cls.__module__.partition(".")[0] == PACKAGE:
            for name, value in list(vars(cls).items()):
                if not name.startswith("_") or name in ("__call__", "__init__"):
                    _open(cls, name, value)
    return public


def _open(cls, name, value):
    """Put one attribute of a class behind a door, if it computes."""
    if isinstance(value, functools.cached_property):
        value.func = _behind(value.func)
    elif isinstance(value, property):
        setattr(cls, name, property(_behind(value.fget), doc=value.__doc__))
    elif isinstance(value, classmethod):
        setattr(cls, name, classmethod(_behind(value.__func__)))
    elif isinstance(value, FunctionType):
        setattr(cls, name, _behind(value))


def _behind(function):
    if getattr(function, "is_door", False):
        return function

    @functools.wraps(function)
    def behind_a_door(*args, **kwargs):
        try:
            if _CALLER.get() is not None:
                return function(*args, **kwargs)
            caller = np.geterr()
            token = _CALLER.set(caller)
            try:
                with np.errstate(**_relaxed(caller)):
                    return function(*args, **kwargs)
            finally:
                _CALLER.reset(token)
        except TypeError as error:
            refused = refusal(function, args, kwargs, error)
            if refused is None:
                raise
        raise refused

    behind_a_door.is_door = True
    return behind_a_door


def _relaxed(state):
    """The caller's rules without underflow, and without what ends a computation."""
    rules = {kind: how if how in QUIET else "warn" for kind, how in state.items()}
    return rules | {"under": "ignore"}


@contextmanager
def outside():
    """Within a computation: the caller's own rules, for the caller's own functions."""
    caller, token = _CALLER.get(), _CALLER.set(None)
    try:
        with np.errstate(**(caller or {})):
            yield
    finally:
        _CALLER.reset(token)


def callers_level():
    """How far up, as ``warnings.warn`` counts, the line stands that called the package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and room_of(frame) == PACKAGE:
        frame, level = frame.f_back, level + 1
    return level


def room_of(frame: FrameType) -> str:
    """The package whose code a frame runs; code given to ``exec`` may have no name."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
