"""Shapes that do not fit: what a wrong one may mean, and what to do about it.

Each hint is the end of a sentence, or nothing.
"""

from __future__ import annotations

import numpy as np

from minibnn.types import Array


def check_width(name: str, array: Array, width: int) -> Array:
    """Return inputs (..., n, D) if D is ``width``; ValueError with a hint otherwise."""
    if array.shape[-1:] == (width,):
        return array
    shape = array.shape
    lead = ("R, N", "N")[len(shape) < 3]
    hint = f"a network of {shape[-1]} inputs begins with MLP([{shape[-1]}, ...])"
    if len(shape) == 2 and shape[0] == width:
        hint = f"transposed? use {name}.T"
    elif shape[-1] == width + 1:
        hint = f"is y a column of {name}? leave it out; or {hint}"
    raise ValueError(
        f"{name} must have shape ({lead}, {width}), a column for each input of the "
        f"network, got shape {shape}; {hint}"
    )


def of_dimensions(name: str, shape: tuple[int, ...]) -> str:
    """A table was wanted."""
    if not shape:
        return f"; one number is np.reshape({name}, (1, 1))"
    if len(shape) != 1:
        return ""
    one_row = f"one row? use {name}[:1] or {name}[0][None]; " if name == "X" else ""
    return f"; {one_row}one column is np.asarray({name})[:, None]"


def of_targets(got: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Targets (..., N, K) were wanted."""
    if len(wanted) == 3 and got == wanted[:1]:
        return (
            f"; X with 3 axes is {wanted[0]} data sets, one for each replica; images "
            "want X.reshape(len(X), -1)"
        )
    if wanted[:-1] in (got, got[:-1]):
        return (
            f"; the outputs of the network are for {wanted[-1]} target(s) of every row"
        )
    if len(got) == 1:
        return f"; X has {wanted[-2]} rows and y has {got[0]}"
    return ""


def without(name: str, array: Array) -> str:
    """Some rows of the data are not finite: leave them out."""
    if name not in ("X", "y") or array.ndim not in (1, 2):
        return ""
    rows = np.isfinite(array).reshape(len(array), -1).all(1)
    if not rows.any():
        return ""
    each = ".all(axis=1)" * (array.ndim == 2)
    return f"; leave such rows out: keep = np.isfinite({name}){each}; X[keep], y[keep]"
