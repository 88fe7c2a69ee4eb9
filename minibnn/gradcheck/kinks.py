"""The kink guard: at a kink the slopes left and right of a point stay apart.

Of a smooth function the gap between the two one-sided slopes shrinks like the step h.
Where it does not, a kink lies inside (-h, h), and central differences would give the
mean of two slopes with a false bound. A kink at the point itself keeps its gap down to
where rounding would hide it; any slope between the two sides is then a right answer.
"""

from minibnn.gradcheck.problem import EPS
from minibnn.gradcheck.slopes import Slope


def share(rung, above, j):
    """What a kink inside the steps of two neighbouring rungs may do to entry j."""
    change = rung.h * abs(rung.bend[j] - above.bend[j - 1])
    return 2 * max(0.0, change - 12 * rung.noise)


def seen(ladder):
    """Whether the gap stays the same, down to where rounding would hide it."""
    if not ladder.guard or len(ladder.rungs) < 2:
        return False
    before, rung = ladder.rungs[-2:]
    gap = abs(rung.gap)
    alike = gap > 50 * rung.noise and abs(rung.gap - before.gap) < 0.05 * gap
    near = rung.h <= 1e-7 * ladder.line.reach and rung.h < ladder.denied
    return alike and near and _holds(ladder, rung)


def _holds(ladder, rung):
    """Whether the gap is still there at the shortest step that can show it."""
    shortest = 100 * rung.noise * rung.h / abs(rung.gap)
    if shortest > 0.3 * rung.h:
        return True
    other = ladder.rung(shortest)
    if other is None or abs(other.gap - rung.gap) < 0.1 * abs(rung.gap):
        return True
    ladder.denied = 1e-2 * rung.h  # round at a smaller scale: ask again further down
    return False


def slopes_of(ladder):
    """The interval of slopes at a kink, from the two smallest steps; None without one."""
    if not seen(ladder):
        return None
    coarse, fine = ladder.rungs[-2:]
    ratio = coarse.h / fine.h
    sides = [
        (b + (b - a) / (ratio - 1), abs(b - a))
        for a, b in ((coarse.left, fine.left), (coarse.right, fine.right))
    ]
    bound = 2 * max(move for _, move in sides) + 6 * fine.noise
    low, high = sorted(slope for slope, _ in sides)
    middle = 0.5 * (low + high)
    return Slope(middle, bound, 6 * fine.noise, low, high, coarse.h, fine.h)


def at_the_point(line, slope):
    """Whether the complex step jumps within a few roundings of x, as at a kink there.

    It does not if the kink is only too close to x for differences.
    """
    move = 8 * EPS * line.grain * line.d
    sides = [line.at(line.problem.x + side * move).slope() for side in (-1, 1)]
    return abs(sides[1] - sides[0]) > 0.1 * (slope.high - slope.low)
