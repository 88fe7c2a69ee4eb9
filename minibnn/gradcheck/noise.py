"""Rounding noise: how far the values of f, or a complex step, scatter near x.

Rounding is not random but periodic, so points are spaced unevenly, and what a smooth
function does is taken off as a polynomial. Noise that leaps is a staircase; what fades
nearer by, without a leap, is finer structure of f and no noise.
"""

import numpy as np

from minibnn.gradcheck.problem import EPS

UNEVEN = np.arange(12) + 0.37 * np.sin(np.arange(12.0) ** 2)


def value_noise(problem, rng, gap=1e-6, enough=2):
    """Rounding noise of f near x, never below one rounding of its value.

    More than ``enough`` roundings are looked into.
    """
    size = EPS * abs(problem.value)
    noise = _settled(problem.probe, problem, rng, gap, 1, enough * size)
    return max(noise, size) if np.isfinite(noise) else size


def step_noise(line, rng, gap=1e-6, looks=2):
    """Rounding noise of the complex step itself, seen by repeating it near x."""

    def slope(x):
        return line.at(x).slope()

    enough = 1e-13 * abs(slope(line.problem.x))
    return _settled(slope, line.problem, rng, gap, looks, enough)


def _settled(function, problem, rng, gap, looks, enough):
    """Noise over a gap; over a shorter one where it is more than enough, or none."""

    def look(gap):
        return float(local_noise(function, problem, rng, gap, looks))

    noise = look(gap)
    floor = look(1e-7 * gap) if noise > enough else noise
    for _ in range(4):
        if noise <= max(enough, 3 * floor):
            break
        d = 6 * gap * problem.scale * rng.standard_normal(problem.size)
        if noise < np.inf:
            jump = leap(function, problem.x, d, 0.1 * noise)
            if jump > 8 * floor and stairs(jump, noise):
                break
        gap /= 30
        noise = min(noise, look(gap))
    return noise


def coarse_noise(line, gap=1e-4):
    """Rounding noise of f along a line, over lengths that show wide stairs.

    Where f cancels its values are a staircase: differences over less than a stair
    are smooth, and false.
    """
    steps = gap * line.reach * UNEVEN
    return min(
        float(residual(UNEVEN, [line.probe(side * t)[0] for t in steps], 5))
        for side in (1, -1)
    )


def coarse_step_noise(line, gap=1e-3):
    """The same of the complex step, on the rougher side of x."""
    found = 0.0
    for side in (1, -1):
        points = [line.shifted(side * gap * line.reach * t).real for t in UNEVEN]
        slopes = [line.at(point).slope() for point in points]
        found = np.fmax(found, residual(UNEVEN, slopes, 5))
    return float(found)


def local_noise(function, problem, rng, gap, looks):
    """Rounding noise of a function near x, from values along random directions.

    The calmest side of x and the calmest look count, as a kink disturbs only one.
    """
    found = np.inf
    for _ in range(looks):
        d = gap * problem.scale * rng.standard_normal(problem.size)
        for side in 1, -1:
            where = side * (np.arange(6) + rng.uniform(0.1, 0.9, 6))
            values = [function(problem.x + t * d) for t in where]
            found = np.fmin(found, residual(where, values, 2))
    return found


def residual(where, values, degree):
    """Standard deviation of values about a polynomial in ``where``."""
    t = where / np.max(np.abs(where))
    basis = np.linalg.qr(np.vander(t, degree + 1))[0]
    rest = np.asarray(values) - values[0]
    rest = rest - basis @ (basis.T @ rest)
    size = np.max(np.abs(rest), axis=0)  # squares of 1e200 would overflow
    part = rest / np.where(size > 0, size, 1.0)
    return size * np.sqrt(np.sum(part**2, axis=0) / (len(t) - degree - 1))


def stairs(leap, noise):
    """Whether a leap is a stair of that noise: of its size, unlike a pole or a step."""
    return 0.1 * noise < leap < 30 * noise


def leap(function, x, d, enough=0.0):
    """The biggest jump of a function from x to x + d, found by halving towards it.

    The second difference of a smooth function fades with the square of the length. A
    staircase, such as rounding makes of a value that cancels, keeps its step. The
    search ends where no more than ``enough`` is left.
    """
    low, width, size, calm = 0.0, 1.0, np.inf, 0
    left, middle, right = (function(x + t * d) for t in (0.0, 0.5, 1.0))
    for _ in range(30):
        first = function(x + (low + width / 4) * d)
        last = function(x + (low + 3 * width / 4) * d)
        bends = abs(left - 2 * first + middle), abs(middle - 2 * last + right)
        if not bends[1] > bends[0]:
            middle, right = first, middle
        else:
            left, middle, low = middle, last, low + width / 2
        width, size = width / 2, max(bends)
        calm = calm + 1 if size <= enough else 0
        if calm == 4:  # once may be chance: points alike on stairs of equal width
            break
    return float(size)
