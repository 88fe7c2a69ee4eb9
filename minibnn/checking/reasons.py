"""The sentences of a report: what is wrong and where, or what to change."""

import math

import numpy as np

UNSTEADY_F = (
    "f gives different values at the same x ({:.9g}, then {:.9g}): it draws new noise "
    "at each call. Hold the noise fixed (common random numbers): draw it once and pass "
    "the same array to f and to grad, or seed the generator inside both alike."
)
UNSTEADY_GRAD = (
    "grad gives different values at the same x: it draws new noise at each call. Hold "
    "the noise fixed (common random numbers) and use the same draw as f."
)


def sentence(problem, j, verdict, relative):
    """Say why a verdict over coordinates is not "agrees"."""
    concerned = np.flatnonzero(j.status == verdict)
    if verdict == "wrong":
        return wrong(problem, j, concerned, relative)
    return undecided(problem, j, concerned) if verdict == "cannot tell" else ""


def wrong(problem, j, guilty, relative):
    """Say which coordinate is worst, by how much, and whether a factor fits all."""
    i = guilty[np.argmax(np.nan_to_num(relative[guilty], nan=np.inf))]
    text = f"{len(guilty)} of {problem.size} coordinates, worst {problem.name(i)}: "
    if not np.isfinite(j.claimed[i]):
        return text + f"grad returned {j.claimed[i]}"
    text += off_by(j.claimed[i], j.truth[i], j.bound[i])
    ratio = j.claimed[guilty] / np.where(j.truth[guilty] == 0, np.nan, j.truth[guilty])
    if len(guilty) > 1 and np.ptp(ratio) <= 1e-6 * abs(ratio[0]):
        text += f"; claimed / true = {ratio[0]:.9g} in all of them"
    return text


def off_by(claimed, truth, bound):
    """Say what was claimed, what it is, and the difference."""
    error = abs(claimed - truth)
    text = f"claimed {claimed:.9g}, is {truth:.9g}, off by {error:.2e} +- {bound:.1e}"
    if truth == 0:
        return text
    ratio = error / abs(truth)
    percent = 1e-4 < ratio < 100
    return text + (f" ({100 * ratio:.3g} %)" if percent else f" (relative {ratio:.1e})")


def undecided(problem, j, open_ones):
    """Say why a coordinate cannot be judged and what would help."""
    i = open_ones[np.argmax(j.bound[open_ones] + j.allowance[open_ones])]
    name = problem.name(i)
    if not math.isfinite(j.bound[i]):
        return edge(f"along {name}")
    if j.allowance[i] > j.bound[i]:
        return rounding(f"at {name}", j.allowance[i])
    return coarse(f"along {name}", j.bound[i])


def rounding(where, allowance):
    """Say that the gradient is mostly rounding."""
    return (
        f"grad {where} moves by {allowance / 64:.1e} when x moves by one unit in the "
        "last place: rounding hides the answer. Use a stable formula, or float64."
    )


def edge(where):
    """Say that f ends at the point."""
    return (
        f"f has no finite value on one side of x {where}, however small the step: x "
        "lies on the edge of the domain of f. Move it inside."
    )


def coarse(where, bound):
    """Say that differences do not resolve the slope."""
    return (
        f"f shows its slope {where} only to +- {bound:.1e}: its values carry rounding "
        "noise, or kinks crowd the point. Compute f in float64, drop large constants, "
        "let it accept complex arguments, or move x."
    )


def hints(j, verdict, relative):
    """Remarks that help to read the verdict."""
    guilty = j.status == "wrong"
    slight = guilty.mean() > 0.2 and np.all(relative[guilty] < 2e-6)
    if verdict == "wrong" and j.claim.eps < 1e-10 and slight:
        return [
            "every error is of the size of float32 rounding: is there a float32 array "
            "inside grad?"
        ]
    small = (j.bound > 0.01 * np.abs(j.truth)) & (j.truth != 0)
    if verdict == "agrees" and small.any():
        return [f"{small.sum()} coordinates are too small for the bound to say much"]
    return []


def misled(problem, d):
    """Say where a failing direction was traced to."""
    if d.found is not None:
        return (
            f"{problem.name(d.where[0])}: "
            + off_by(d.found.claimed, d.found.truth, d.found.bound)
            + "; others may be wrong too"
        )
    first, last = problem.name(d.where[0]), problem.name(d.where[-1])
    if not d.shared:
        return f"the error is spread over {len(d.where)} coordinates, {first} to {last}"
    return (
        f"differences disagree with grad among {first} to {last}, but no coordinate "
        "could be shown to be wrong: let f accept complex arguments, or check fewer "
        "parameters at once."
    )


def brief(error):
    """An exception in one short line."""
    text = " ".join(str(error).split())
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"{type(error).__name__}: {text}"
