"""From the evidence to a report: which of the three verdicts, with which bound."""

import numpy as np

from minibnn.gradcheck import reasons
from minibnn.gradcheck.claim import SAFETY
from minibnn.gradcheck.report import AGREES, CANNOT_TELL, WRONG, GradientReport

# Directions decide when they resolve this part of a coordinate: double, single.
RESOLVED, RESOLVED_SINGLE = 0.01, 0.1


def unsteady(problem, tol, reason):
    """Report that nothing can be said of a function that does not repeat itself."""
    return GradientReport(CANNOT_TELL, reason=reason, size=problem.size, tol=tol,
                          calls=dict(problem.calls))  # fmt: skip


def by_coordinates(problem, j):
    """Report on every coordinate by itself."""
    relative, relative_bound = j.relative(j.error), j.relative(j.bound)
    verdict = _worst(j.status)
    chosen = np.flatnonzero((j.status == verdict) | (verdict != WRONG))
    top = chosen[np.argmax(j.error[chosen])]
    widest = top if verdict == WRONG else chosen[np.argmax(j.bound[chosen])]
    return GradientReport(
        verdict,
        error=float(j.error[top]),
        bound=float(j.bound[widest]),
        relative_error=float(relative[chosen].max()),
        relative_bound=float(relative_bound[chosen].max()),
        reason=reasons.sentence(problem, j, verdict, relative),
        judge=j.opinions.judge,
        size=problem.size,
        tol=j.tol,
        notes=j.opinions.notes + reasons.hints(j, verdict, relative),
        calls=dict(problem.calls),
        gradient=j.claimed,
        oracle=j.truth,
        problem=problem,
        differences=j.difference,
        **_tables(problem, j, relative),
    )


def _worst(status):
    return next((v for v in (WRONG, CANNOT_TELL) if (status == v).any()), AGREES)


def _tables(problem, j, relative):
    def block(name, index):
        worst = index[np.argmax(relative[index])]
        return {
            "name": name,
            "size": len(index),
            "status": _worst(j.status[index]),
            "error": float(j.error[index].max()),
            "bound": float(j.bound[index].max()),
            "relative_error": float(relative[worst]),
            "worst": problem.name(worst),
        }

    names = [problem.name(i) for i in range(problem.size)]
    columns = {"name": names, "status": j.status, "gradient": j.claimed,
               "oracle": j.truth, "error": j.error, "bound": j.bound,
               "rounding": j.allowance}  # fmt: skip
    rows = zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True)
    return {
        "blocks": [block(*item) for item in problem.blocks.items()],
        "coordinates": [dict(zip(columns, row, strict=True)) for row in rows],
        "kinks": [
            {"name": names[i], "low": float(j.low[i]), "high": float(j.high[i])}
            for i in np.flatnonzero(j.kink)
        ],
    }


def by_directions(problem, d):
    """Report on many parameters, seen along random directions."""
    verdict, reason = _along(problem, d)
    row = max(d.sharp, key=lambda row: np.nan_to_num(abs(row.error), nan=-1.0))
    bound, scale = max(row.bound + row.allowance for row in d.sharp), d.unit
    if verdict == WRONG and d.found:
        row, bound, scale = d.found, d.found.bound, abs(d.found.truth) or d.unit
    return GradientReport(
        verdict,
        error=float(abs(row.error)),
        bound=float(bound),
        relative_error=float(abs(row.error) / scale),
        relative_bound=float(bound / scale),
        reason=reason,
        judge=d.judge,
        mode="directions",
        size=problem.size,
        tol=d.tol,
        notes=list(d.notes),
        calls=dict(problem.calls),
        blocks=_block_rows(problem, d),
        directions=[
            {"block": r.block, "claimed": r.claimed, "oracle": r.truth,
             "error": abs(r.error), "bound": r.bound, "rounding": r.allowance}
            for r in d.rows
        ],
        miss=_miss(d),
        gradient=d.claim.g,
        problem=problem,
    )


def _miss(d):
    """The relative error that escapes all directions with a small probability.

    ``usual`` holds where a coordinate has its full weight, ``relative_error`` for all.
    """
    chance = 1e-6 if d.looks >= 8 else 1e-3
    usual = float(0.798 * d.resolved / chance ** (1 / d.looks))
    return {"relative_error": float(usual * d.smallest), "usual": usual,
            "probability": chance, "directions": d.looks}  # fmt: skip


def _along(problem, d):
    bad = np.flatnonzero(~np.isfinite(d.claim.g))
    if bad.size:
        return WRONG, f"grad returned {d.claim.g[bad[0]]} at {problem.name(bad[0])}"
    if d.where is not None:
        open_still = d.shared and not d.found
        return CANNOT_TELL if open_still else WRONG, reasons.misled(problem, d)
    where = "along a random direction"
    if not np.isfinite(d.resolved):
        return CANNOT_TELL, reasons.EDGE.format(where)
    if d.odd > 0:
        step = d.served.step
        said = d.rows[0].claimed, step, d.odd / step
        return CANNOT_TELL, reasons.OVERLOOKED.format(*said)
    if d.resolved > (RESOLVED if d.claim.eps < 1e-10 else RESOLVED_SINGLE):
        row = min(d.rows, key=lambda row: row.bound + row.allowance)
        if row.allowance > row.bound:
            return CANNOT_TELL, reasons.ROUNDING.format(where, row.allowance / SAFETY)
        return CANNOT_TELL, reasons.COARSE.format(where, row.bound)
    return AGREES, ""


def _block_rows(problem, d):
    sizes = {"all": problem.size, **{k: len(v) for k, v in problem.blocks.items()}}
    rows = {}
    for row in d.sharp:
        if row.block not in rows or abs(row.error) > abs(rows[row.block].error):
            rows[row.block] = row
    guilty = d.where is not None
    place = problem.name(d.where[0]) if guilty else ""
    return [
        {
            "name": name,
            "size": sizes[name],
            "error": abs(row.error),
            "bound": row.bound,
            "relative_error": abs(row.error) / d.unit,
            "status": WRONG if guilty and d.off(row) > 0 else AGREES,
            "worst": place if guilty and d.off(row) > 0 else "",
        }
        for name, row in rows.items()
    ]
