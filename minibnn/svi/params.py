"""Parameters as one flat vector with named views, for optimisers that know no names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from minibnn.types import FloatArray, Params


class Flat:
    """One vector theta (..., n) and the dict of arrays that looks into it."""

    def __init__(self, params: Params, dtype: Any = None) -> None:
        self.sizes = {key: array.shape[-1] for key, array in params.items()}
        self.theta = self.join(params).astype(dtype or params[next(iter(params))].dtype)
        self.params = self.split(self.theta)

    @classmethod
    def of_vector(cls, theta: FloatArray, sizes: Mapping[str, int]) -> Self:
        """A vector and the sizes of the arrays it is made of."""
        flat = cls.__new__(cls)
        flat.sizes, flat.theta = dict(sizes), theta
        flat.params = flat.split(theta)
        return flat

    def join(self, arrays: Params) -> FloatArray:
        """Dict of arrays -> one vector, keys in the order of the parameters."""
        return np.concatenate([arrays[key] for key in self.sizes], axis=-1)

    def split(self, theta: FloatArray) -> Params:
        """One vector -> dict of views."""
        parts, start = {}, 0
        for key, size in self.sizes.items():
            parts[key] = theta[..., start : start + size]
            start += size
        return parts
