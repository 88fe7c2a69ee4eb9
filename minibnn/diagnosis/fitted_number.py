"""The number in a mistake: measured on the gradient at hand, then checked.

The families of ``mistakes.measured`` differ in one number each. It is taken where the
family is nearest to the gradient; the mistake is believed only if that one number
explains every coordinate.
"""

from itertools import product

import numpy as np

from minibnn.mistakes.catalogue import Mistake

FIRST_STEP = 1e-7
LEAST = 6  # coordinates that one number has to explain


def fitted(search, which):
    """(family, t, blocks) where one number makes a family agree, round numbers first."""
    found = []
    for family in which(search.chain):
        t = _number(search, family)
        if t is None:
            continue
        total = search.chain.gradient(family.changes(t))
        fits = search.blocks.all_in(search.agrees(total))
        needed = fits & ~search.right_in
        used = np.repeat(needed, search.sizes) & search.wrong
        if not (fits | search.right_in).all() or used.sum() < LEAST:
            continue
        if search.convincing(needed, 1000 * search.blocks.size):
            found.append((family, t, needed))
    return sorted(found, key=lambda f: not _round(f[1], search.chain, f[0]))


def _round(t, chain, family):
    """Whether a number is one that people write, or is made of the case's counts."""
    number = 1 + t if "{1+t}" in family.wrong else t
    short = abs(number - float(f"{number:.1e}")) <= 1e-7 * abs(number)
    return short or made_of(number, chain) is not None


def _number(search, family):
    """The t at which the family is nearest to the claimed gradient, or None."""
    chain, wrong = search.chain, np.repeat(~search.right_in, search.sizes)
    weight = wrong / chain.magnitude

    def left(t):
        return (search.g - chain.gradient(family.changes(t))) * weight

    old, at_old = FIRST_STEP, left(FIRST_STEP)
    direction = left(0.0) - at_old
    length = direction @ direction
    if not np.isfinite(length) or length == 0:
        return None
    t = FIRST_STEP * float(direction @ left(0.0)) / length
    for _ in range(12):
        now = left(t)
        direction = at_old - now
        length = direction @ direction
        if not np.isfinite(length) or length == 0 or t == old:
            break
        step = (t - old) * float(direction @ now) / length
        old, at_old, t = t, now, t + step
        if abs(step) <= 1e-14 * (1 + abs(t)):
            break
    return t if np.isfinite(t) and t != 0 else None


def mistake(chain, family, t):
    """The mistake that a family is at t, with its number in the formula."""
    words = family.wrong.replace("{t}", f"{t:.6g}")
    made = made_of(1 + t, chain) if "{1+t}" in words else None
    words = words.replace("{1+t}", f"{1 + t:.6g}" + (f" = {made}" if made else ""))
    if family.name == "loss-wrong-factor" and -1 < 1 + t < 0 and not made:
        words += ", as the step of an optimiser"
    return Mistake(family.name, chain.label(family.label), words, family.right,
                   family.hint, "take a point where the term is not 0",
                   family.changes(t))  # fmt: skip


PARTNERS = {  # a symbol that is made of another stands beside that one alone
    "(S-1)": "S", "(S+1)": "S", "(B-1)": "B", "(N-B)": "NB", "(1-beta)": ("beta",),
    "ceil(N/B)": "NB", "floor(N/B)": "NB", "(nu+1)": ("nu",), "nu": ("(nu+1)",),
    "log 2": (), "P": "", "L": "", "C": "",
}  # fmt: skip
NEVER_ALONE = ("(S-1)", "(S+1)", "(B-1)", "nu", "(nu+1)")


def made_of(factor, chain):
    """The factor as a count, or a product of two that belong together, or None."""
    nu = chain.model.likelihood.df
    symbols = {"N": chain.N, "B": chain.B, "S": chain.S, "beta": chain.beta,
               "P": chain.blocks.n_weights, "L": chain.L, "C": chain.C, "2": 2.0,
               "(B-1)": chain.B - 1, "(S-1)": chain.S - 1, "(S+1)": chain.S + 1,
               "(N-B)": chain.N - chain.B, "(1-beta)": 1 - chain.beta,
               "ceil(N/B)": -(-chain.N // chain.B), "floor(N/B)": chain.N // chain.B,
               "nu": nu, "(nu+1)": nu and nu + 1, "log 2": np.log(2)}  # fmt: skip
    symbols = {k: v for k, v in symbols.items() if 0 < v < np.inf and v != 1}
    powers = [(k, p) for p in (1, -1, 2, 0.5, -0.5) for k in symbols]
    sign = "-" if factor < 0 else ""
    alone = [(one,) for one in powers if one[0] not in NEVER_ALONE
             and (one[1] in (1, -1) or one[0] in "NBS2")]  # fmt: skip
    pairs = [p for p in product(powers, repeat=2) if _belong(*p)]
    for parts in alone + pairs if factor else ():
        value = np.prod([symbols[k] ** p for k, p in parts])
        if abs(value / abs(factor) - 1) < 1e-9:
            return sign + " ".join(_power(k, p) for k, p in parts)
    return None


def _belong(first, second):
    """Whether two powers are seen in one factor: N/B, N²/B, B/(B-1), but not B (S+1)."""
    (a, p), (b, q) = first, second
    if a == b or 1 not in (abs(p), abs(q)):
        return False
    return b in PARTNERS.get(a, (b,)) and a in PARTNERS.get(b, (a,))


def _power(symbol, p):
    return symbol if p == 1 else f"{symbol}^{p:g}"
