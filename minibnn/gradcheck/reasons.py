"""The sentences of a report: what is wrong and where, or what to change."""

import math

import numpy as np

from minibnn.gradcheck.claim import SAFETY

UNSTEADY_F = (
    "f gives different values at the same x ({:.9g}, then {:.9g}). It may draw new "
    "noise at each call: hold the noise fixed (common random numbers), one draw for f "
    "and grad alike. Or it may keep a state that moves on from call to call (a counter, "
    "running averages, an environment): start from the same state in each call."
)
ROUNDING = (
    "grad {} moves by {:.1e} when x moves by one unit in the last place: rounding hides "
    "the answer. Use a stable formula, or float64."
)
EDGE = (
    "f gave no finite value on one side of x {}, at every step tried: x may lie on the "
    "edge of the domain of f (then move it inside), or f may overflow there (then scale "
    "it down)."
)
UNSETTLED = (
    "differences {} settle at no step: each gives another slope. f may have kinks or "
    "jumps at every length near x, or change faster than floats can show. Move x, or let "
    "f accept complex arguments."
)
CONTESTED = (
    "two opinions exclude each other along {}: the complex step gives {:.9g} +- {:.1e}, "
    "differences give {:.9g} +- {:.1e}. f may lose an imaginary part there, or have "
    "structure finer than differences resolve. Move x, or write f in smooth, complex-safe "
    "steps."
)
SPLIT = (
    "differences along {} contradict each other: {:.9g} over long steps, {:.9g} over "
    "short ones, and no step between settles it. f may have very fine structure or jumps "
    "near x. Move x, or let f accept complex arguments."
)
STILL = (
    "f does not move at all along {}: the smallest slope that could be seen is {:.1e}. It "
    "may be flat there, or saturated, and rounding hides what is left. Use a stable "
    "formula, let f accept complex arguments, or move x."
)
COARSE = (
    "f shows its slope {} only to +- {:.1e}: its values carry rounding noise, or kinks "
    "crowd the point. Compute f in float64, drop large constants, let it accept complex "
    "arguments, or move x."
)
OVERLOOKED = (
    "f contradicts itself along a random direction: the slope is {:.9g} over steps of "
    "{:.1e}, as grad claims, but over shorter ones off by {:.1e}. f may have fine "
    "structure near x that longer steps pass over. Move x, or check fewer parameters at "
    "once."
)
GRAD_ADDS = (
    "grad gives twice the gradient when it is called a second time at the same x ({}): "
    "each answer seems to be added to the last. Set the gradient to zero at the start of "
    "each call (zero_grad)."
)
UNSTEADY_GRAD = (
    "grad gives different values at the same x ({}). It may draw new noise at each call: "
    "hold the noise fixed (common random numbers), the same draw as f. Or it may keep a "
    "state from call to call: running averages, a counter, a sum."
)


def unsteady_grad(problem, claim):
    """Say which coordinate of the claim moved, and what may be behind it."""
    first, second = claim.g, claim.g + claim.copies[0]
    i = int(np.argmax(np.abs(claim.copies[0])))
    seen = f"{problem.name(i)}: {first[i]:.9g}, then {second[i]:.9g}"
    added = np.allclose(second, 2 * first, rtol=1e-9, atol=0)
    return (GRAD_ADDS if added else UNSTEADY_GRAD).format(seen)


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
    i = open_ones[np.argmax(np.where(j.contested, np.inf, j.bound)[open_ones])]
    name, slope, bound = problem.name(i), j.opinions.second[i], j.bound[i]
    along = f"along {name}"
    if j.contested[i]:
        value, own = (a[i] for a in j.opinions.first)
        return CONTESTED.format(name, value, own, slope.value, slope.bound)
    if slope.split:
        return SPLIT.format(name, *slope.split)
    if not math.isfinite(bound):
        return (EDGE if slope.edge else UNSETTLED).format(along)
    if slope.still:
        return STILL.format(name, bound)
    if 2 * j.allowance[i] > bound:
        return ROUNDING.format(f"at {name}", j.allowance[i] / SAFETY)
    return COARSE.format(along, bound)


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
