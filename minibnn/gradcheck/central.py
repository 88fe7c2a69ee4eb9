"""How far a central difference is off, and with which step it is off the least."""

from __future__ import annotations

from minibnn.equations import equation
from minibnn.gradcheck.problem import EPS


@equation("E09")
def central_error(
    value: float, third: float, h: float, unit: float = EPS / 2
) -> tuple[float, float]:
    """Error of (J(x + h) - J(x - h)) / (2 h) beside J'(x), and the step of the least.

    (E09)  error = h^2 |J'''| / 6 + unit |J| / h,   least at h^3 = 3 unit |J| / |J'''|

    Derivation. In J(x + h) - J(x - h) the even terms of both Taylor series cancel. What
    is left, 2 h J' + h^3 J''' / 3 + ..., is divided by 2 h: the first part of the error.
    Both values are rounded to the nearest number the computer has, each by up to
    unit |J|, so their difference by up to 2 unit |J|; divided by 2 h that is the second
    part. Its derivative by h is h |J'''| / 3 - unit |J| / h^2, which is 0 at the step
    given. With less h the second part grows, with more the first.

    Parameters
    ----------
    value, third : float
        J and its third derivative at x.
    h : float > 0
    unit : float
        Relative rounding of one number: 1.1e-16 in float64, 6e-8 in float32.

    Returns
    -------
    error, step : float
        An upper bound as long as the terms in h^4 and the rounding inside J are small.
    """
    error = h**2 * abs(third) / 6 + unit * abs(value) / h
    return error, (3 * unit * abs(value) / abs(third)) ** (1 / 3)
