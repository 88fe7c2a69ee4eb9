"""Errors in units in the last place, against exact values of any precision."""

import numpy as np


def ulp_errors(computed, exact, magnitude=None):
    """|computed - exact| / ulp(exact) for each entry; NaN and inf are infinitely wrong.

    `computed` is a float array, `exact` a sequence of as many numbers of higher
    precision (mpmath) or floats. Where terms cancel, `magnitude`, the sum of their
    absolute values, gives the unit instead of `exact`.
    """
    computed = np.asarray(computed)
    errors = np.full(computed.size, np.inf)
    units = exact if magnitude is None else magnitude
    rows = zip(computed.ravel(), exact, units, strict=True)
    for i, (value, truth, unit) in enumerate(rows):
        if np.isfinite(value):
            ulp = float(np.spacing(np.abs(computed.dtype.type(unit))))
            errors[i] = float(abs(truth - float(value)) / ulp)
    return errors
