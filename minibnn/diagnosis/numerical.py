"""Gradients that are right but for their numerics, told by size and pattern of the error.

A finite difference has an error that can be worked out, or one of the size rounding
makes of it; single precision an error like that of our own gradient in float32. A
gradient that was rescaled, clipped or thresholded after it was right shows it itself.
"""

import numpy as np

from minibnn.diagnosis.error_pattern import patternless
from minibnn.mistakes.catalogue import Mistake

MOST_WEIGHTS = 500  # numbers up to which finite differences are tried
STEPS = tuple(10.0**-k for k in range(1, 14))
LEAST = 6  # entries that one number has to explain
SOME = 8  # coordinates tried before all are
EPS = np.finfo(float).eps
_RIGHT = "the gradient, in full precision"
_AFTER = "What happens between the gradient and the place where you read it?"


def _mistake(name, wrong, hint, label="E51", right=_RIGHT):
    return Mistake(name, label, wrong, right, hint, "take a point that is no optimum")


def explanation(search):
    """A mistake of this kind that fits, or None."""
    for find in (rescaled, clipped, thresholded, in_some_entries, step_of_adam,
                 differences, single):  # fmt: skip
        found = find(search)
        if found is not None:
            return found
    return None


def nothing(search):
    """A gradient that is 0 everywhere."""
    if search.g.any():
        return None
    return _mistake("gradient-zero", "your gradient is zero", "Does your function "
                    "return what it computed, or what it began with?")  # fmt: skip


# --- what was done to a right gradient afterwards -------------------------------------


def rescaled(search):
    """Each array of the right gradient times a number of its own."""
    keys, factors = search.blocks.keys, {}
    for key, cut in keys.items():
        right, given = search.chain.right[cut], search.g[cut]
        factors[key] = float(right @ given / (right @ right)) if right.any() else 1.0
    whole = np.concatenate([factors[k] * search.chain.right[c] for k, c in keys.items()])
    if not search.agrees(whole).all() or len(search.g) < 8:
        return None
    words = ", ".join(f"{f:.6g} × ∂loss/∂{k}" for k, f in factors.items())
    norms = [np.linalg.norm(search.g[cut]) for cut in keys.values()]
    norms.append(np.linalg.norm(search.g))
    round_norm = [n for n in norms if abs(n - float(f"{n:.1g}")) < 1e-9 * n]
    if round_norm:
        return _mistake("gradient-cut-to-a-length",
                        f"{words}: its length is {round_norm[0]:.6g}", _AFTER)  # fmt: skip
    if len({f"{f:.9g}" for f in factors.values()}) == 1:
        return None  # one factor for all: that is measured elsewhere
    return _mistake("arrays-rescaled", words, "Which factor do mu and rho not share?")


def clipped(search):
    """The right gradient, but nowhere larger than some number."""
    for cut in (slice(None), *search.blocks.keys.values()):
        most = np.abs(search.g[cut]).max()
        at = np.abs(search.g[cut]) >= most * (1 - 1e-12)
        whole = search.chain.right.copy()
        whole[cut] = np.clip(whole[cut], -most, most)
        if at.sum() > 1 and search.agrees(whole).all():
            return _mistake("gradient-clipped", f"every entry within ±{most:.6g}", _AFTER)
    return None


def step_of_adam(search):
    """g / (|g| + t) with one small t: the first step of Adam, not the gradient."""
    right, size = search.chain.right, np.abs(search.g)
    if size.max() > 1 or np.median(size) < 0.5 or not size.all():
        return None
    t = float(np.median(np.abs(right) * (1 / size - 1)))
    if not search.agrees(right / (np.abs(right) + t)).all():
        return None
    return _mistake("normalised-entry-by-entry", f"g / (|g| + {t:.3g})", _AFTER)


def thresholded(search):
    """Entries of the right gradient that are exactly 0."""
    zero = (search.g == 0) & (search.chain.right != 0)
    if not np.array_equal(zero, search.wrong) or zero.sum() < 3:
        return None
    size = np.abs(search.chain.right)
    if size[zero].max() < size[~zero].min() or zero.all():
        wrong = f"0 where the gradient is smaller than {size[~zero].min():.3g}"
        return _mistake("small-entries-set-to-zero", wrong, _AFTER)
    names = [search.blocks.coordinate(i) for i in np.flatnonzero(zero)[:3]]
    return _mistake("entries-set-to-zero", f"0 in {zero.sum()} entries: "
                    f"{', '.join(names)}, ...", "Which coordinates does your loop "
                    "visit?")  # fmt: skip


def in_some_entries(search):
    """A term times a number in some entries, all others right."""
    wrong = search.wrong
    if wrong.sum() < LEAST or wrong.all():
        return None
    error = (search.g - search.chain.right)[wrong]
    for word, term in (("kl", search.chain.kl), ("data", search.chain.data)):
        part = term[wrong]
        with np.errstate(all="ignore"):
            c = float(np.median(error / part))
        slack = search.allowance[wrong] + 1e-9 * np.abs(part)
        if np.isfinite(c) and (np.abs(error - c * part) <= slack).all():
            some = [search.blocks.coordinate(i) for i in np.flatnonzero(wrong)[:3]]
            missing = abs(c + 1) < 1e-9
            name = f"{word}-missing" if missing else f"{word}-wrong-factor"
            return _mistake(f"{name}-in-some-entries", f"{1 + c:.4g} × the {word} term in "
                            f"{wrong.sum()} entries: {', '.join(some)}, ...",
                            "Which weights does this term visit, and which not?",
                            right="the term in every entry")  # fmt: skip
    return None


# --- finite differences ---------------------------------------------------------------


def differences(search):
    """Forward, backward or central differences of the loss with some step."""
    if search.blocks.size > MOST_WEIGHTS:
        return None
    case, everywhere = search.chain.case, np.arange(search.blocks.size)
    loss = case.loss(case.params)
    typical = float(np.median(np.abs(search.g - search.chain.right)))
    some = everywhere[:: max(1, len(everywhere) // SOME)]
    for h in STEPS:
        noise = EPS * abs(loss) / h
        if noise > 20 * typical:
            break
        if not any(_close(search, *kind[1:], noise, loss, some)
                   for kind in _kinds(search, loss, h, some)):  # fmt: skip
            continue
        for kind, value, width in _kinds(search, loss, h, everywhere):
            if _close(search, value, width, noise, loss, everywhere):
                return _difference(kind, h, typical, noise)
    return None


def _kinds(search, loss, h, at):
    """(kind, differences at some coordinates, what they were divided by)."""
    up, down = (_moved(search, sign * h, at) for sign in (1, -1))
    yield "forward", (up - loss) / h, h
    yield "backward", (loss - down) / h, h
    yield "central", (up - down) / (2 * h), 2 * h
    yield "central, without the 2 of 2 h:", (up - down) / h, h


def _close(search, value, width, noise, loss, at):
    """Whether differences are the gradient but for their rounding, and explain more."""
    left = np.abs(search.g[at] - value)
    error = np.linalg.norm((search.g - search.chain.right)[at])
    told = np.linalg.norm(left) < 0.2 * error or len(at) < search.blocks.size
    near = (left <= 16 * noise + search.allowance[at]).all()
    return near and (told or _steps(search, width, loss))


def _steps(search, width, loss):
    """Whether the gradient times the step is a whole number of the loss's roundings."""
    counts = np.abs(search.g) * width / np.spacing(abs(loss)) * 4
    use = (counts > 0.5) & (counts < 1e7)
    off = np.abs(counts - np.round(counts))
    return use.sum() >= 10 and np.mean(off[use] < 1e-3) > 0.95


def _difference(kind, h, typical, noise):
    rest = "its rounding" if typical < 3 * noise else "the length of its step"
    return _mistake("numerical-gradient", f"{kind} differences with h = {h:g}: the "
                    f"error is that of {rest}", "Is this a formula, or the difference "
                    "of two losses?")  # fmt: skip


def _moved(search, h, at):
    """The loss with each of some parameters in turn moved by h."""
    chain = search.chain
    flat = chain.blocks.flat(chain.params)
    out = []
    for i in at:
        moved = flat.copy()
        moved[i] += h
        out.append(chain.case.loss(chain.blocks.split(moved)))
    return np.array(out)


# --- single precision -----------------------------------------------------------------


def single(search):
    """An error of the size and evenness that float32 makes of our own gradient."""
    chain, case = search.chain, search.chain.case
    relative = np.abs(search.g - chain.right) / chain.magnitude
    if relative.max() > 1e-3:
        return None
    params = {k: a.astype(np.float32) for k, a in case.params.items()}
    X, noise = (a.astype(np.float32) for a in (case.X, case.noise))
    try:
        near = type(case)(**{**vars(case), "params": params, "X": X, "noise": noise})
        ours = chain.blocks.flat(near.gradient()).astype(float)
    except (ValueError, FloatingPointError):
        return None
    unit = np.abs(ours - chain.right) / chain.magnitude
    ratios = np.array([_rms(relative[cut]) / max(_rms(unit[cut]), 1e-9)
                       for cut in chain.blocks.slices if cut.stop - cut.start > 3])
    middle = np.median(ratios) if len(ratios) else 0.0
    even = (ratios < 8 * middle).all() and (ratios > middle / 8).all()
    if not (0.05 < middle < 30 and even and patternless(search)):
        return None
    return _mistake("float32-inside", f"the gradient to {relative.max():.0e}, the size of "
                    "rounding in float32", "Print the dtype after every line. Where does "
                    "it change?")  # fmt: skip


def _rms(x):
    return float(np.sqrt(np.mean(x**2)))
