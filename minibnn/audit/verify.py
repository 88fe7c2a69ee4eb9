"""The audit: every labelled gradient of the package, judged twice, in one table.

Each gradient meets the complex step and Romberg's central differences, which never see
a complex number and go on until they settle the matter. What is printed is the worst
error over the coordinates relative to the largest one, and the bound certified for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

import minibnn.equations as equations
from minibnn.audit.models import MODELS
from minibnn.audit.problems import CASES, Problem
from minibnn.gradcheck.gradcheck import check_gradient
from minibnn.validation.doors import door

SEED = 20
Row: TypeAlias = dict[str, Any]


@door
def verify(
    progress: Callable[[Row], object] | None = None, rng: int = SEED
) -> list[Row]:
    """Check every gradient; one row (a dict) each.

    Parameters
    ----------
    progress : function, optional
        Called with each row as soon as it is known.
    rng : int
        Seed of the example inputs.

    Returns
    -------
    list of dict
        "label", "kernel", "size" (coordinates), "complex_step" and "differences"
        (relative errors), "bound" (certified, relative) and "verdict".

    Examples
    --------
    >>> from contextlib import suppress
    >>> from minibnn.audit import verify
    >>> def look(row):
    ...     print(row["label"], row["kernel"], row["verdict"], row["bound"] < 1e-12)
    ...     raise StopIteration  # all of them take some seconds
    >>> with suppress(StopIteration):
    ...     verify(progress=look)
    E06 nn.mlp.MLP.apply agrees True
    """
    rows: list[Row] = []
    for label, make in sorted(CASES.items()):
        home = equations.LEDGER[label].removeprefix("minibnn.")
        rows.append(row(label, home, make(np.random.default_rng(rng))))
        _tell(progress, rows)
    for name, make in MODELS.items():
        rows.append(row("E51", name, make(np.random.default_rng(rng))))
        _tell(progress, rows)
    return rows


def _tell(progress: Callable[[Row], object] | None, rows: list[Row]) -> None:
    if progress is not None:
        progress(rows[-1])


def row(label: str, kernel: str, problem: Problem) -> Row:
    """Judge one gradient by the complex step and by differences alone."""
    report = check_gradient(problem.f, problem.grad, problem.x)
    gradient, differences = map(np.asarray, (report.gradient, report.differences))
    largest = max(np.abs(gradient).max(), np.finfo(float).tiny)
    apart = np.abs(gradient - differences).max()
    verdict = report.verdict
    if report.judge != "complex step":  # then one of the two witnesses is missing
        verdict = "wrong" if verdict == "wrong" else "cannot tell"
    return {
        "label": label,
        "kernel": kernel,
        "size": report.size,
        "complex_step": float(report.error / largest),
        "differences": float(apart / largest),
        "bound": float(report.bound / largest),
        "verdict": verdict,
    }


HEAD = f"{'label':<6}{'gradient':<38}{'size':>4}{'complex':>8}{'differ.':>8}{'bound':>8}"
KEY = """\
complex   how far from the complex step, at most
differ.   how far from central differences, which go on until they are sure
bound     certified: the true error is that of the complex step, +- bound
All three are relative to the largest coordinate of the gradient; size: how many
it has. q(softplus): mean field with that map to sigma; local, pathwise: how the
weights are drawn. minibnn show E14 shows a formula and where it is derived.
"""
SHORT = {
    "MeanField(": "q(",
    "HeteroscedasticGaussian": "Heteroscedastic",
    "LocalReparam()": "local",
    "Pathwise()": "pathwise",
}


def line(row: Row) -> str:
    """One row of the table as text, in 80 columns: a function by its name alone."""
    kernel = row["kernel"]
    if "." in kernel:  # a function by its path; a class stands before its method
        room, name = kernel.rsplit(".", 1)
        owner = room.rsplit(".", 1)[-1]
        kernel = name if owner.islower() else f"{owner}.{name}"
    for long, short in SHORT.items():
        kernel = kernel.replace(long, short)
    errors = "".join(f"{row[k]:>8.0e}" for k in ("complex_step", "differences", "bound"))
    return f"{row['label']:<6}{kernel:<38}{row['size']:>4}{errors}  {row['verdict']}"


def summary(rows: list[Row]) -> str:
    """One line: how many agree, and the largest error among them."""
    good = [r for r in rows if r["verdict"] == "agrees"]
    error = max((r["complex_step"] for r in good), default=float("nan"))
    return f"{len(good)} of {len(rows)} gradients agree; largest relative error {error:.1e}"
