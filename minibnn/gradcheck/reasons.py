"""The sentences of a report: what is wrong and where, or what to change."""

import math

import numpy as np

UNSTEADY_F = (
    "f gives different values at the same x ({:.9g}, then {:.9g}). It may draw new "
    "noise at each call: hold the noise fixed (common random numbers), one draw for f "
    "and grad alike. Or it may keep a state that moves on from call to call (a counter, "
    "running averages, an environment): start from the same state in each call."
)


def unsteady_grad(problem, claim):
    """Say which coordinate of the claim moved, and what may be behind it."""
    first, second = claim.g, claim.g + claim.copies[0]
    i = int(np.argmax(np.abs(claim.copies[0])))
    seen = f"{problem.name(i)}: {first[i]:.9g}, then {second[i]:.9g}"
    if np.allclose(second, 2 * first, rtol=1e-9, atol=0):
        return (
            f"grad gives twice the gradient when it is called a second time at the "
            f"same x ({seen}): each answer seems to be added to the last. Set the "
            "gradient to zero at the start of each call (zero_grad)."
        )
    return (
        f"grad gives different values at the same x ({seen}). It may draw new noise at "
        "each call: hold the noise fixed (common random numbers), the same draw as f. "
        "Or it may keep a state from call to call: running averages, a counter, a sum."
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
    i = open_ones[np.argmax(np.where(j.contested, np.inf, j.bound)[open_ones])]
    name = problem.name(i)
    slope = j.opinions.second[i]
    if j.contested[i]:
        return contested(name, j.opinions.first[0][i], j.opinions.first[1][i], slope)
    if slope.split:
        return split(name, *slope.split)
    if not math.isfinite(j.bound[i]):
        return (edge if slope.edge else unsettled)(f"along {name}")
    if slope.still:
        return still(name, j.bound[i])
    if 2 * j.allowance[i] > j.bound[i]:
        return rounding(f"at {name}", j.allowance[i])
    return coarse(f"along {name}", j.bound[i])


def rounding(where, allowance):
    """Say that the gradient is mostly rounding."""
    return (
        f"grad {where} moves by {allowance / 64:.1e} when x moves by one unit in the "
        "last place: rounding hides the answer. Use a stable formula, or float64."
    )


def edge(where):
    """Say that f has no values beside the point."""
    return (
        f"f gave no finite value on one side of x {where}, at every step tried: x may "
        "lie on the edge of the domain of f (then move it inside), or f may overflow "
        "there (then scale it down)."
    )


def unsettled(where):
    """Say that no two steps agree."""
    return (
        f"differences {where} settle at no step: each gives another slope. f may have "
        "kinks or jumps at every length near x, or change faster than floats can show. "
        "Move x, or let f accept complex arguments."
    )


def contested(name, value, bound, slope):
    """Give the two opinions that exclude each other."""
    return (
        f"two opinions exclude each other along {name}: the complex step gives "
        f"{value:.9g} +- {bound:.1e}, differences give {slope.value:.9g} +- "
        f"{slope.bound:.1e}. f may lose an imaginary part there, or have structure finer "
        "than differences resolve. Move x, or write f in smooth, complex-safe steps."
    )


def split(name, long, short):
    """Give the slopes of long and of short steps that contradict each other."""
    return (
        f"differences along {name} contradict each other: {long:.9g} over long steps, "
        f"{short:.9g} over short ones, and no step between settles it. f may have very "
        "fine structure or jumps near x. Move x, or let f accept complex arguments."
    )


def overlooked(d):
    """Say that short steps along a direction contradict all that was found."""
    claimed = d.rows[0].claimed
    return (
        f"f contradicts itself along a random direction: the slope is {claimed:.9g} over "
        f"steps of {d.served.step:.1e}, as grad claims, but over shorter ones off by "
        f"{d.odd / d.served.step:.1e}. f may have fine structure near x that longer steps "
        "pass over. Move x, or check fewer parameters at once."
    )


def still(name, bound):
    """Say that f does not move along a coordinate."""
    return (
        f"f does not move at all along {name}: the smallest slope that could be seen is "
        f"{bound:.1e}. It may be flat there, or saturated, and rounding hides what is "
        "left. Use a stable formula, let f accept complex arguments, or move x."
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
