"""What the gradient check found: a verdict, its bound, and where to look."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from minibnn.tables import Table, html_of
from minibnn.types import FloatArray, Rng

if TYPE_CHECKING:  # editors know what plot gives; nothing is loaded before it draws
    from matplotlib.axes import Axes

AGREES, WRONG, CANNOT_TELL = "agrees", "wrong", "cannot tell"
ALIGN = "<>>>><<"  # of the columns of the table
LONGEST_NAME = 24  # of a block, in that table


@dataclass(eq=False, repr=False)
class GradientReport:
    """The outcome of a gradient check; printed, it is its table.

    Attributes
    ----------
    verdict : {"agrees", "wrong", "cannot tell"}
    error, bound : float
        Largest absolute error, and the certified bound on what is left open: the true
        error lies within error +- bound. For "wrong" both belong to the worst of the
        wrong coordinates. Units of f per unit of x; along random directions, per
        coordinate of the usual gradient size.
    relative_error, relative_bound : float
        The same, each coordinate against itself (where it is zero: against the usual
        gradient of its block).
    reason : str
        One sentence: what is wrong and where, or what to change.
    judge : {"complex step", "central differences", ""}
        "" where nothing was judged, for f or grad is not steady.
    mode : {"coordinates", "directions"}
        Each coordinate by itself, or random directions (many parameters).
    size : int
        P, the number of parameters.
    tol : float
        Relative error of a coordinate that still counted as right.
    blocks, coordinates, directions, kinks, notes : list
        See :meth:`to_dict`.
    miss : dict or None
        Along directions, "relative_error", that is seen in any one coordinate, and the
        "probability" with which a larger one escapes; "usual": the same without the
        coordinates whose gradient is too small to have its full weight.
    calls : dict
        How often "f" (real), "f_complex" and "grad" were called.
    gradient, oracle : (P,)
        Claimed and true values; oracle is None for directions.
    differences : (P,) or None
        What the differences alone say; they stop as soon as they settle the matter
        where the complex step is the judge; None for directions.
    problem : object
        f, x and the blocks, which ``plot`` needs.

    Examples
    --------
    >>> import numpy as np
    >>> import minibnn as mb
    >>> x = np.array([0.5, 2.0])
    >>> report = mb.check_gradient(lambda x: np.sum(np.sin(x)), np.cos(x) + [0, 1], x)
    >>> report
    <GradientReport: wrong (2 parameters, by complex step)>
    >>> round(report.error, 9), report.bound < 1e-12
    (1.0, True)
    >>> [spot["name"] for spot in report.coordinates if spot["status"] == "wrong"]
    ['x[1]']
    """

    verdict: Literal["agrees", "wrong", "cannot tell"]
    error: float = math.nan
    bound: float = math.inf
    relative_error: float = math.nan
    relative_bound: float = math.inf
    reason: str = ""
    judge: str = ""
    mode: Literal["coordinates", "directions"] = "coordinates"
    size: int = 0
    tol: float = math.nan
    blocks: list[dict[str, Any]] = field(default_factory=list)
    coordinates: list[dict[str, Any]] = field(default_factory=list)
    directions: list[dict[str, Any]] = field(default_factory=list)
    kinks: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    miss: dict[str, float] | None = None
    calls: dict[str, int] = field(default_factory=dict)
    gradient: FloatArray | None = None
    oracle: FloatArray | None = None
    differences: FloatArray | None = None
    problem: Any = None

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<GradientReport: {self.verdict} ({self._scope()})>"

    def table(self) -> str:
        """Give the report as a short readable text."""
        head, *parts = self._parts()
        lines = [line for part in parts for line in str(part).splitlines()]
        return "\n".join([head, *("  " + line for line in lines)])

    def _repr_html_(self):
        return html_of(self._parts())

    def _parts(self):
        """Verdict, reason, certificate, the table of blocks, and what is left to say."""
        parts = [f"gradient {self.verdict} ({self._scope()})"]
        parts += [self.reason] * bool(self.reason)
        if self.blocks:
            heads = ["block", "size", "error", "bound", "relative", "status", "worst"]
            parts += [self._certificate(), Table(heads, map(_cells, self.blocks), ALIGN)]
        for k in self.kinks[:5]:
            slopes = f"slopes {k['low']:.6g} to {k['high']:.6g}"
            parts.append(f"kink at {k['name']}: {slopes}, anything between is accepted")
        parts += ["note: " + note for note in self.notes]
        if calls := self.calls:
            asked = f"f {calls['f']} real and {calls['f_complex']} complex"
            parts.append(f"calls: {asked}, grad {calls['grad']}")
        return parts

    def _scope(self):
        scope = f"{self.size} parameter" + "s" * (self.size != 1)
        if self.mode == "directions":
            scope += f", {len(self.directions)} random directions"
        return scope + (f", by {self.judge}" if self.judge else "")

    def _certificate(self):
        text = f"error {_short(self.error)} +- {_short(self.bound)}"
        text += f", relative {_short(self.relative_error)}"
        if self.miss:
            least, usual = self.miss["relative_error"], self.miss["usual"]
            small = "" if least < 1.05 * usual else f" (the smallest: {_short(least)})"
            text += (
                f"; a coordinate off by more than {_short(usual)} of itself{small} "
                f"escapes with probability {_short(self.miss['probability'])}"
            )
        return text

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain numbers, strings and lists, ready for JSON.

        Keys are the attributes; nan and inf become None. ``coordinates`` has name,
        status, gradient, oracle, error, bound and rounding (what rounding in grad may
        explain) of each; ``directions`` block, claimed, oracle, error, bound and
        rounding; ``blocks`` name, size, status, error, bound, relative_error and
        worst; ``kinks`` name, low and high.
        """
        skip = {"gradient", "oracle", "differences", "problem"}
        names = [name for name in self.__dataclass_fields__ if name not in skip]
        return {name: _plain(getattr(self, name)) for name in names}

    def plot(
        self,
        ax: "Axes | None" = None,
        kind: Literal["step", "taylor", "blocks"] = "step",
        rng: Rng = 0,
    ) -> "Axes":
        """Draw the evidence and give the axes.

        Parameters
        ----------
        ax : Axes, optional
            Made if None.
        kind : {"step", "taylor", "blocks"}
            "step": error of central differences against the step, the V, with the floor
            of the complex step; "taylor": remainder against the step, slope 2 for a
            right gradient, 1 for a wrong one; "blocks": relative error and bound of
            each block.
        rng : int, SeedSequence, Generator or None
            Of the random direction of "step" and "taylor".

        Raises
        ------
        ValueError
            Unknown kind, or "step" and "taylor" where f is not steady, or forgotten by
            a pickle.
        """
        from minibnn.gradcheck.curves import draw

        return draw(self, ax, kind, rng)


def _cells(block):
    """One row of the table of blocks."""
    errors = (_short(block[key]) for key in ("error", "bound", "relative_error"))
    name, size = block["name"][:LONGEST_NAME], str(block["size"])
    return [name, size, *errors, block["status"], str(block["worst"])]


def _short(value):
    return f"{value:.1e}" if value is not None and math.isfinite(value) else "-"


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value if value is None else str(value)
