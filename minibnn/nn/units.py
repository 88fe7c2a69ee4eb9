"""Which hidden units are in use: those with an outgoing weight that is surely not zero."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minibnn.types import Array, FloatArray
from minibnn.validation.doors import door

ALIVE = 2.0  # largest outgoing |mean| / sd above which a unit counts as used


@door
def outgoing_ratios(means: Sequence[Array], sds: Sequence[Array]) -> list[FloatArray]:
    """Largest |mean| / sd among the outgoing weights of every unit, layer by layer.

    Parameters
    ----------
    means, sds : sequences of arrays (..., D, H)
        Of the weights, one array for each layer, biases left out.

    Returns
    -------
    list of arrays (..., D)
        Of the inputs, then of the hidden units of every layer.

    Examples
    --------
    >>> from minibnn.nn.units import outgoing_ratios
    >>> import numpy as np
    >>> outgoing_ratios([np.array([[3.0, -8.0], [1.0, 0.0]])], [np.full((2, 2), 2.0)])
    [array([4. , 0.5])]
    """
    return [np.max(np.abs(m) / s, axis=-1) for m, s in zip(means, sds, strict=True)]
