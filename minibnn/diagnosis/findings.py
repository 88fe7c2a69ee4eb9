"""What a diagnosis says: ranked findings, facts, and what could not be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from minibnn.mistakes.catalogue import Description
from minibnn.tables import Table, html_of
from minibnn.validation.doors import door


@dataclass(frozen=True)
class Finding:
    """One likely mistake: its name, equation, formulas, hint, and the evidence.

    Attributes
    ----------
    name, label, wrong, right, hint : str
        As in the catalogue.
    where : str
        The blocks it was found in.
    explained : float
        Share of the squared error that is gone once it is accounted for, 0 to 1.
    before, after : float
        Largest error of a coordinate relative to the terms it is a sum of, before and
        after accounting for it (and for those named before it).
    rank : int
        1 for the best explanation; two mistakes at once share a rank.
    """

    name: str
    label: str
    wrong: str
    right: str
    hint: str
    where: str
    explained: float
    before: float
    after: float
    rank: int

    def __str__(self) -> str:
        return (
            f"{self.rank}. {self.name} ({self.label}), {self.where}\n"
            f"   yours:  {self.wrong}\n   right:  {self.right}\n"
            f"   error {self.before:.1e} -> {self.after:.1e}, "
            f"{100 * self.explained:.4g} % explained\n   hint:   {self.hint}"
        )

    def cells(self) -> list[str]:
        """The same as the cells of a table."""
        name, share = f"{self.name} ({self.label})", f"{100 * self.explained:.4g} %"
        return [
            str(self.rank), name, self.where, self.wrong, self.right, share, self.hint
        ]  # fmt: skip


def _small(error):
    """An error in words; below 1e-12 its digits are those of the machine."""
    return f"{error:.1e}" if error >= 1e-12 else "better than 1e-12"


@door
@dataclass(frozen=True)
class Diagnosis:
    """What :func:`diagnose` found.

    Attributes
    ----------
    verdict : {"no mistake", "right if", "mistake", "none fits"}
        "right if": right on a condition that cannot be checked here, because the
        function takes no ``n_data``, or no ``model`` and so no prior.
    mistakes : tuple of Finding
        Ranked; the findings of rank 1 together are the best explanation. Lower ranks
        give the same numbers at this point.
    facts : tuple of str
        What is known besides: where the gradient is right, which term or link is.
    clean : dict of str to bool
        Block name -> whether the gradient is right there.
    error : float
        Largest error of a coordinate relative to the terms it is a sum of.
    hidden : tuple of Description
        Known mistakes that cannot be seen at this point (see ``points.lint``).
    condition : str
        Of the verdict "right if", such as "N = 40"; else empty. ``mistakes`` then are
        what it is if that does not hold, where this has a name.
    """

    verdict: Literal["no mistake", "right if", "mistake", "none fits"]
    mistakes: tuple[Finding, ...]
    facts: tuple[str, ...]
    clean: dict[str, bool]
    error: float
    hidden: tuple[Description, ...]
    condition: str = ""

    def __str__(self) -> str:
        head, *facts = self._words()
        return "\n".join([head, *map(str, self.mistakes), *(f"- {f}" for f in facts)])

    def _words(self) -> list[str]:
        """What is said before the mistakes, and each fact that is told after them."""
        head = {
            "no mistake": f"no mistake: the gradient is right to {_small(self.error)}",
            "right if": f"right to {_small(self.error)}, if in your run {self.condition}"
            + ("; if not:" if self.mistakes else ""),
            "none fits": f"wrong by {self.error:.1e}, and no known mistake fits",
            "mistake": f"wrong by {self.error:.1e}; most likely",
        }[self.verdict]
        facts = list(self.facts)
        if self.hidden:
            names = ", ".join(m.name for m in self.hidden[:4])
            more = ", ..." if len(self.hidden) > 4 else ""
            facts.append(
                f"{len(self.hidden)} known mistakes would not show at this point: "
                f"{names}{more}"
            )
        return [head, *facts]

    def __repr__(self) -> str:
        found = [f"{m.name} ({m.label})" for m in self.mistakes if m.rank == 1]
        named = f": {', '.join(found[:2])}" + ", ..." * (len(found) > 2) if found else ""
        return f"Diagnosis({self.verdict}, error {self.error:.1e}{named})"

    def _repr_html_(self) -> str:
        heads = ["rank", "mistake", "where", "yours", "right", "explained", "hint"]
        rows = [m.cells() for m in self.mistakes]
        head, *rest = self._words()
        table = [Table(heads, rows, "><<<<><")] if rows else []
        return html_of([head, *table, *rest])

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        return {
            "verdict": self.verdict,
            "condition": self.condition,
            "error": self.error,
            "mistakes": [vars(finding).copy() for finding in self.mistakes],
            "facts": list(self.facts),
            "clean": dict(self.clean),
            "hidden": [mistake.name for mistake in self.hidden],
        }
