"""The few type names that signatures use, for editors and type checkers.

An array-like goes in, an array comes out. ``Array`` says nothing of its numbers: kernels
keep the dtype they are given.
"""

from os import PathLike
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[Any]
FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
Params: TypeAlias = dict[str, FloatArray]  # free numbers of a family, or their gradients
Rng: TypeAlias = int | np.random.SeedSequence | np.random.Generator | None
Path: TypeAlias = str | PathLike[str]

__all__ = ["Array", "ArrayLike", "FloatArray", "IntArray", "Params", "Path", "Rng"]
