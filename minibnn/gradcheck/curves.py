"""Pictures of a gradient check: the V, the order of the remainder, the block map."""

import numpy as np

from minibnn.gradcheck.lines import Direction, complex_step
from minibnn.gradcheck.problem import EPS
from minibnn.gradcheck.romberg import romberg
from minibnn.validation.arguments import as_rng, check_axes, check_choice

STEP = "step h along a random direction"


def draw(report, ax=None, kind="step", rng=0):
    """Draw one kind of picture of a report; see GradientReport.plot."""
    kinds = {"step": _step, "taylor": _taylor, "blocks": _blocks}
    check_choice("kind", kind, kinds)
    rng = as_rng(rng)
    if report.problem is None or not report.blocks:
        raise ValueError(f"kind {kind!r} needs a function that repeats itself")
    if report.problem.forgotten and kind != "blocks":
        raise ValueError(
            f"kind {kind!r} needs f, which a report does not keep when it is pickled "
            "or copied: draw it where the check was made, or draw kind 'blocks'"
        )
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1]
    check_axes(ax)
    with np.errstate(all="ignore"):
        kinds[kind](report, ax, rng)
    return ax


def _sweep(report, rng):
    """A random direction, its claimed slope, and f on either side of x."""
    problem = report.problem
    d = problem.reach * rng.standard_normal(problem.size)
    line = Direction(problem, d)
    steps = line.reach * np.logspace(-12, -0.5, 47)
    up = np.array([line.probe(h)[0] for h in steps])
    down = np.array([line.probe(-h)[0] for h in steps])
    return line, float(report.gradient @ d), steps, up, down


def _step(report, ax, rng):
    line, claimed, steps, up, down = _sweep(report, rng)
    truth, floor = _oracle(report, line)
    central, forward = (up - down) / (2 * steps), (up - report.problem.value) / steps
    scale = abs(truth) or 1.0
    for slopes, style, label in (
        (forward, "s:", "forward difference"),
        (central, "o-", "central difference"),
    ):
        errors = _shown(np.abs(slopes - truth) / scale)
        ax.loglog(steps, errors, style, ms=3, label=label)
    ax.axhline(max(floor / scale, EPS / 4), color="k", ls="--", label=report.judge)
    claim = max(abs(claimed - truth) / scale, EPS / 4)
    ax.axhline(claim, color="C3", ls="-.", label="claimed gradient")
    ax.set(xlabel=STEP, ylabel="relative error of the slope")
    ax.set_title(f"gradient {report.verdict}")
    ax.legend()


def _oracle(report, line):
    """The judge's slope along the line and how far it may be off."""
    if report.judge == "complex step":
        first, second = complex_step(line)
        return first, abs(first - second)
    problem = report.problem
    slope = romberg(line, problem.value, EPS * abs(problem.value))
    return slope.value, slope.bound


def _shown(errors):
    """Zero has no place on a logarithmic axis: show it as a quarter of a rounding."""
    return np.maximum(errors, EPS / 4)


def _taylor(report, ax, rng):
    _, claimed, steps, up, _ = _sweep(report, rng)
    value = report.problem.value
    first = np.abs(up - value)
    second = np.abs(up - value - steps * claimed)
    floor = EPS * abs(value) or EPS
    for rest, style, label in ((first, "s:", "|f(x+hd) - f(x)|"),
                               (second, "o-", "|f(x+hd) - f(x) - h g.d|")):  # fmt: skip
        ax.loglog(steps, np.maximum(rest, floor), style, ms=3, label=label)
    top = np.nanmax(np.where(np.isfinite(second), second, np.nan))
    for order in (1, 2):
        line = np.maximum(top * (steps / steps[-1]) ** order, floor)
        style = "--" if order == 2 else ":"
        ax.loglog(steps, line, "k", lw=0.7, ls=style, label=f"slope {order}")
    ax.set(xlabel=STEP, ylabel="Taylor remainder", title=f"gradient {report.verdict}")
    ax.legend()


def _blocks(report, ax, rng):
    del rng  # nothing is drawn at random here
    names = [block["name"] for block in report.blocks]
    rows = np.arange(len(names))
    errors = np.array([b["relative_error"] for b in report.blocks], dtype=float)
    colours = {"agrees": "C0", "wrong": "C3", "cannot tell": "0.6"}
    ax.barh(rows, _shown(errors), left=EPS / 8, label="relative error",
            color=[colours[b["status"]] for b in report.blocks])  # fmt: skip
    ax.axvline(report.tol, color="k", ls="--", label="tolerance")
    ax.set_xscale("log")
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.set(xlabel="largest relative error", title=f"gradient {report.verdict}")
    ax.legend()
