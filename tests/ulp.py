"""Errors in units in the last place, against exact values of any precision."""

import numpy as np


def ulp_errors(computed, exact):
    """|computed - exact| / ulp(exact) for each entry.

    `computed` is a float array; `exact` a sequence of numbers of higher precision
    (mpmath) of the same length. A NaN or an infinity counts as infinitely wrong.
    """
    computed = np.asarray(computed)
    tiniest = float(np.finfo(computed.dtype).smallest_subnormal)
    errors = np.full(computed.size, np.inf)
    for i, (value, truth) in enumerate(zip(computed.ravel(), exact, strict=True)):
        if np.isfinite(value):
            rounded = np.abs(computed.dtype.type(truth))
            unit = max(float(np.spacing(rounded)), tiniest)
            errors[i] = float(abs(type(truth)(float(value)) - truth) / unit)
    return errors
