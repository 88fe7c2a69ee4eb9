"""The audit: every labelled gradient of the package, judged twice, in one table.

Each gradient meets the complex step and Romberg's central differences, which never see
a complex number and go on until they settle the matter. What is printed is the worst
error over the coordinates relative to the largest one, and the bound certified for it.
"""

import numpy as np

import minibnn.equations as equations
from minibnn.audit.models import MODELS
from minibnn.audit.problems import CASES
from minibnn.gradcheck.gradcheck import check_gradient
from minibnn.validation.doors import door

SEED = 20


@door
def verify(progress=None, rng=SEED):
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
    """
    rows = []
    for label, make in sorted(CASES.items()):
        home = equations.LEDGER[label].removeprefix("minibnn.")
        rows.append(row(label, home, make(np.random.default_rng(rng))))
        _tell(progress, rows)
    for name, make in MODELS.items():
        rows.append(row("E51", name, make(np.random.default_rng(rng))))
        _tell(progress, rows)
    return rows


def _tell(progress, rows):
    if progress is not None:
        progress(rows[-1])


def row(label, kernel, problem):
    """Judge one gradient by the complex step and by differences alone."""
    report = check_gradient(problem.f, problem.grad, problem.x)
    largest = max(np.abs(report.gradient).max(), np.finfo(float).tiny)
    apart = np.abs(report.gradient - report.differences).max()
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


HEAD = f"{'label':<6}{'gradient':<60}{'size':>5}{'complex':>10}{'differ.':>10}{'bound':>10}"


def line(row):
    """One row of the table as text."""
    errors = "".join(
        f"{row[k]:>10.1e}" for k in ("complex_step", "differences", "bound")
    )
    return f"{row['label']:<6}{row['kernel']:<60}{row['size']:>5}{errors}  {row['verdict']}"


def summary(rows):
    """One line: how many agree, and the largest error among them."""
    good = [r for r in rows if r["verdict"] == "agrees"]
    error = max((r["complex_step"] for r in good), default=float("nan"))
    return f"{len(good)} of {len(rows)} gradients agree; largest relative error {error:.1e}"


def table(rows):
    """The whole table and its summary line."""
    return "\n".join([HEAD, *map(line, rows), summary(rows)])
