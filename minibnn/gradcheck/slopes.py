"""What differences say: a slope with its bound, and what one step shows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Slope:
    """A derivative along a line: the truth lies within ``bound`` of ``value``.

    At a kink ``low`` and ``high`` are the two one-sided slopes; otherwise nan.
    """

    value: float = math.nan
    bound: float = math.inf
    noise: float = 0.0  # the part of the bound that is rounding
    low: float = math.nan
    high: float = math.nan
    first: float = math.nan  # the longest step behind it
    step: float = math.nan  # and the shortest
    grain: float = 0.0  # rounding noise of f, as far as it showed
    around: float = 0.0  # the size of slopes further off
    still: bool = False  # f did not move at all
    edge: bool = False  # f had no value on one side
    away: float = 0.0  # of the plain difference over the shortest step
    split: tuple[float, ...] = ()  # what long and short steps say, where they contradict

    @property
    def kink(self) -> bool:
        """Whether the slope jumps at the point itself."""
        return not math.isnan(self.low)

    def excess(self, value: float, bound: float) -> float:
        """By how much value +- bound lies outside what this slope allows."""
        if not math.isfinite(self.bound):
            return -math.inf
        if self.kink:
            away = max(self.low - value, value - self.high, 0.0)
        else:
            away = abs(value - self.value)
        return float(away - bound - self.bound)


@dataclass
class Rung:
    """What one step h shows: slopes on either side, and f's rounding over h."""

    h: float
    left: float
    right: float
    noise: float
    centre: list[float] = field(default_factory=list)  # Romberg row of the central slope
    bend: list[float] = field(default_factory=list)  # Romberg row of (right - left) / h

    @property
    def gap(self) -> float:
        """How far the one-sided slopes lie apart."""
        return self.right - self.left
