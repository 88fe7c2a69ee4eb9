"""Central differences with a certified bound, and a guard against kinks.

Romberg's table extrapolates the central difference D(h) = f' + O(h^2). The bound of
an entry is twice its disagreement with its neighbours, plus what rounding noise in
f can do, plus what the even part of f says about a kink: the gap between the two
one-sided slopes must shrink like h, and does not when a kink lies inside (-h, h).

Steps that are long beside what f does near x can agree on a false slope. So where a
rival (the claim, the complex step) lies outside of the bound, shorter steps are asked
too, down to where rounding would hide the rival: ``Ladder.settle``.
"""

import math

import numpy as np

from minibnn.gradcheck import kinks
from minibnn.gradcheck.problem import EPS
from minibnn.gradcheck.slopes import Rung, Slope

# Steps shrink by the root of this, the error terms h^2, h^4, ... of D by its powers.
# Irrational on purpose: seen at h, 2h, 4h, ... a fast wave can pass for a slow one.
FACTOR = 5
RUNGS = 48  # steps of one descent, at most


class Ladder:
    """Steps that go down one line until rounding takes over."""

    def __init__(self, line, value, noise, guard=True):
        self.line, self.value, self.noise, self.guard = line, value, noise, guard
        self.best, self.rungs, self.last_move = Slope(), [], None
        self.known, self.gone, self.denied = {}, False, math.inf

    def rung(self, h):
        """Measure at one step; None where f has no value on one side."""
        if h not in self.known:
            self.known[h] = *self.line.probe(h), *self.line.probe(-h)
        up, plus, down, minus = self.known[h]
        if not (math.isfinite(up) and math.isfinite(down)) or plus * minus >= 0:
            self.gone = self.gone or not math.isfinite(up + down)
            return None
        self._watch(h, up, down)
        noise = max(self.noise, EPS * max(abs(up), abs(down)))
        right, left = (up - self.value) / plus, (down - self.value) / minus
        width = plus - minus
        rung = Rung(0.5 * width, left, right, noise / h)
        rung.centre.append((up - down) / width)
        rung.bend.append(rung.gap / rung.h)
        return rung

    def _watch(self, h, up, down):
        """Learn the grain of f's values: where f stops to move, it leaps or it glides.

        A saturated f is flat in floats although its slope is not zero. Its last change
        before it goes flat is then a leap, and shows the rounding inside of f.
        """
        if up != self.value or down != self.value:
            if self.last_move is None or h < abs(self.last_move[0]):
                side = 1 if up != self.value else -1
                self.last_move = side * h, abs((up if side > 0 else down) - self.value)
        elif self.last_move and h < abs(self.last_move[0]):
            length, change = self.last_move
            self.last_move = None
            if change > 4 * self.noise:
                leap = self.line.leap(length, change / 64)
                self.noise = max(self.noise, leap if leap > change / 64 else 0.0)

    def descend(self, start, rel, size, rungs=RUNGS):
        """Shorten the step until the bound is ``rel`` of the slope or gets no better.

        Where a rung does not help (a kink or a singularity lies inside) the table
        starts again at an eighth of the step. Returns the best Slope.
        """
        noise, self.best, self.rungs = self.noise, Slope(), []
        h, table, last, jump = start, [], Slope(), 8.0
        for _ in range(rungs):
            rung = self.rung(h)
            if rung is None:
                table, last, h = [], Slope(), self._shorter(h)
                continue
            if self.noise > 3 * noise:  # f is rougher than it looked: begin again
                return self.descend(start, rel, size, rungs)
            self.rungs.append(rung)
            found = self._extend(table, rung)
            if self._overtaken(rung):
                self.best = found
            self.best = min(self.best, found, key=lambda slope: slope.bound)
            if self._done(rung, rel, size):
                break
            stuck = len(table) >= 3 and found.bound > max(
                last.bound / 4, 3 * found.noise
            )
            table, last = ([], Slope()) if stuck else (table, found)
            h /= jump if stuck else math.sqrt(FACTOR)
            jump *= 8 if stuck and rungs < RUNGS else 1  # few rungs: make haste
        return self.best

    def _shorter(self, h):
        """A step after one that left the domain: perhaps by more than all of x."""
        return self.line.grain / 4 if self.line.grain < h else h / 8

    def _extend(self, table, rung):
        """Add a rung to Romberg's table and give its best entry."""
        table.append(rung)
        if len(table) == 1:
            return Slope(noise=6 * rung.noise)
        above, best = table[-2], Slope(noise=6 * rung.noise)
        for j in range(1, len(table)):
            for row, old in (rung.centre, above.centre), (rung.bend, above.bend):
                row.append(row[j - 1] + (row[j - 1] - old[j - 1]) / (FACTOR**j - 1))
            bound = self._bound(rung, above, j) + self._stray(table, j)
            if bound < best.bound:
                best = Slope(rung.centre[j], bound, 6 * rung.noise)
                best.first, best.step = table[-1 - j].h, rung.h
                best.away = abs(rung.centre[0] - best.value)
        return best

    def _bound(self, rung, above, j):
        neighbours = [rung.centre[j - 1], above.centre[j - 1], *above.centre[j : j + 1]]
        spread = max(abs(rung.centre[j] - other) for other in neighbours)
        kink = kinks.share(rung, above, j) if self.guard else 0.0
        return 2 * spread + 6 * rung.noise + kink

    def _overtaken(self, rung):
        """Whether a shorter step is further off than those behind the best slope."""
        away = abs(rung.centre[0] - self.best.value)
        return away > self.best.bound + self.best.away + 6 * rung.noise

    def _stray(self, table, j):
        """Plain differences have to come closer to what they are extrapolated to."""
        first, last = table[-1 - j], table[-1]
        old, new = (abs(r.centre[0] - last.centre[j]) for r in (first, last))
        return 2 * new if new > 0.5 * old + 6 * last.noise else 0.0

    def _done(self, rung, rel, size):
        good = self.best.bound <= rel * max(abs(self.best.value), size)
        hopeless = 12 * rung.noise >= self.best.bound
        return good or hopeless or kinks.seen(self)

    # -- shorter steps, where somebody contradicts ------------------------------------

    def settle(self, best, rivals, doubt, rel, size):
        """Let shorter steps judge between the best slope and what it excludes.

        ``doubt`` is an error that is suspected without a rival to name. Returns a slope
        which no shorter step contradicts that could show the matter, or one without a
        bound.
        """
        long = best.value
        for _ in range(4):
            gaps = [abs(r - best.value) for r in rivals if best.excess(r, 0.0) > 0]
            gaps += [doubt] if doubt > best.bound else []
            if best.kink or not gaps or not (other := self._against(best, min(gaps))):
                return best
            fine = 0.1 * min(gaps) / max(abs(best.value), size, 1e-300)
            start = self._straight(min(gaps), other.h)
            again = self.descend(start, min(rel, fine), size)
            if not math.isfinite(again.bound):
                return Slope(split=(long, other.centre[0]))
            if not again.excess(best.value, best.bound) > 0:
                return again
            best = again
        return Slope(split=(long, best.value))

    def _against(self, best, doubt):
        """The first shorter rung to contradict; none is asked that noise would blur."""
        h = best.step / 8
        while 18 * max(self.noise, EPS * abs(self.value)) < doubt * h:
            rung = self.rung(h)
            if rung is not None:
                away = abs(rung.centre[0] - best.value)
                if away > best.bound + 6 * rung.noise:
                    return rung
            elif h < EPS * self.line.grain:
                break
            h /= 8
        return None

    def _straight(self, doubt, longest):
        """The longest step over which f still runs as straight as over shorter ones.

        Asked from below, from the shortest step that noise lets show the doubt.
        """
        h = 18 * max(self.noise, EPS * abs(self.value)) / doubt
        slope, blur, top = math.nan, 0.0, longest
        while h < longest:
            if rung := self.rung(h):
                away = abs(rung.centre[0] - slope)
                if away > 0.1 * doubt + blur + 6 * rung.noise:
                    break
                slope, blur, top = rung.centre[0], 6 * rung.noise, h
            h *= 4
        return top

    def wake(self, start):
        """How coarse f is where it lies flat: its least change, far enough away."""
        for climb in range(1, 5):
            for far in (start * 16.0**climb, -start * 16.0**climb):
                value = self.line.probe(far)[0]
                if math.isfinite(value) and value != self.value:
                    return self._least_change(far, value)
        return EPS * max(1.0, abs(self.value))  # as where something is added to 1

    def _least_change(self, far, value):
        near = 0.0
        for _ in range(54):
            middle = 0.5 * (near + far)
            between = self.line.probe(middle)[0]
            if between == self.value:
                near = middle
            else:
                far, value = middle, between
        return abs(value - self.value)


def romberg(line, value, noise, rel=1e-13, size=0.0, guard=True, start=0.23,
            rungs=RUNGS, rivals=(), doubt=0.0):  # fmt: skip
    """Derivative of f along a line by guarded Romberg differences.

    ``value`` and ``noise`` are f and its rounding noise at the point; the descent
    ends early once the bound is ``rel`` x max(|slope|, ``size``), or after ``rungs``
    steps. No value of ``rivals``, and no error ``doubt``, is excluded before shorter
    steps have been asked. Bound: Ridders (1982), doi:10.1016/S0141-1195(82)80057-0,
    doubled.
    """
    ladder = Ladder(line, value, noise, guard)
    best = ladder.descend(start * line.reach, rel, size, rungs)
    around = max((abs(r.left) + abs(r.right) for r in ladder.rungs[:1]), default=0)
    if jump := kinks.slopes_of(ladder):
        return jump
    best = best if rel > 1e-10 else _longer_steps(ladder, best, start, rel, size)
    best = ladder.settle(best, rivals, doubt, rel, size)
    best = kinks.slopes_of(ladder) or best
    best.still = all(up == down == value for up, _, down, _ in ladder.known.values())
    if best.still:
        ladder.noise = max(ladder.noise, ladder.wake(start * line.reach))
    best.around, best.grain, best.edge = around, ladder.noise, ladder.gone
    return best


def _longer_steps(ladder, best, start, rel, size):
    """Try steps 16, 256, ... times as long: where rounding rules they can help."""
    for climb in range(1, 7):
        enough = best.bound <= rel * max(abs(best.value), size)
        unseen = abs(best.value) < 10 * best.bound  # far away all slopes look small
        if enough or unseen or best.bound > 4 * best.noise:
            break
        longer = Ladder(ladder.line, ladder.value, ladder.noise, ladder.guard)
        found = longer.descend(start * ladder.line.reach * 16.0**climb, rel, size)
        contradicts = abs(found.value - best.value) > found.bound + best.bound
        if contradicts or not found.bound < 0.5 * best.bound:
            break
        best = found
    return best

def echo(problem, d, slopes, bound, noise, fall=8, most=12):
    """By how much f along d contradicts slopes at ever shorter steps; 0 if it does not.

    Two steps together remove the error of order h^2. A longer step may be off for good
    reasons, a kink or a bend, if a shorter one that could show as much is not.
    """
    t, odd, last = 1.0, 0.0, np.nan
    size = np.linalg.norm(slopes * d)
    for _ in range(most):
        t /= fall
        plus, minus = problem.x + t * d, problem.x - t * d
        up, down = problem.probe(plus), problem.probe(minus)
        error = (up - down - slopes @ (plus - minus)) / (2 * t)
        better = (fall**2 * error - last) / (fall**2 - 1)
        blur = 6 * max(noise, EPS * abs(up), EPS * abs(down)) / t
        slack = bound + 2 * blur + abs(better - error)
        if abs(better) > slack:
            odd = max(odd, abs(better))
        elif slack < odd / 2:
            odd = 0.0
        last = error
        if size and blur > max(1e-6 * size, odd / 4):
            break
    return float(odd)
