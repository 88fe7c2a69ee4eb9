"""Numbers rounded, cut or clipped somewhere on the way, by rule.

A place (parameters, weights, inputs, outputs, a gradient) and a rounding: float32,
float16, a few decimals, a bound. Where the rest is computed in full precision, this
gives an exact gradient to compare with.
"""

import numpy as np

from minibnn.mistakes.along import of_inputs
from minibnn.mistakes.catalogue import Mistake, family_of_mistakes, fine, pathwise
from minibnn.mistakes.kl_rules import in_the_formulas, in_the_value
from minibnn.mistakes.symbols import Symbols

_HINT = "Print the dtype, and the first and last digits, after every line. Where do they "
_HINT += "change?"
_REVEAL = "take numbers with many digits, of many sizes"


def _to(dtype):
    return lambda x: np.real(x).astype(dtype).astype(float)


def _decimals(k):
    return lambda x: np.round(np.real(x), k)


def _between(low, high):
    """Clipped, with slope 0 outside."""
    return lambda x: np.where((np.real(x) >= low) & (np.real(x) <= high), x,
                              np.clip(np.real(x), low, high))  # fmt: skip


ROUNDINGS = {
    "float32": ("as float32", _to(np.float32)),
    "float16": ("as float16", _to(np.float16)),
    **{f"{k}-decimals": (f"to {k} decimals", _decimals(k)) for k in range(7)},
    "integers": ("as integers", lambda x: np.trunc(np.real(x))),
}
BOUNDS = {
    f"{word}-{b:g}": (f"{words} {b:g}", _between(low * b, high * b))
    for b in (1e-3, 0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 1, 1.5, 2, 3, 5, 10)
    for word, words, low, high in (
        ("within", "within ±", -1, 1),
        ("not-below", "not below", 1, np.inf),
        ("not-above", "not above", -np.inf, 1),
    )
}


def _mistake(name, place, words, changes):
    slug = place.replace(",", "").replace(" ", "-")
    return Mistake(f"{slug}-{name}", "E51", f"{place} {words}", "in full precision",
                   _HINT, _REVEAL, changes, touches=())  # fmt: skip


def _kept_draw(function):
    """Another w, whose way back is that of the right one."""

    def draw(value, c):
        return lambda mu, rho, e: function(c, mu, rho, e)

    return (("draw", draw), ("slopes_kept", lambda value, c: True))


def _everything(f):
    """Parameters, noise and inputs rounded before anything is computed."""

    def change(total, c):
        case = c.case
        rounded = Rounded(c, f)
        return rounded.gradient(case)

    return (("total", change),)


class Rounded:
    """The package's gradient at a case whose arrays were rounded."""

    def __init__(self, chain, f):
        self.chain, self.f = chain, f

    def gradient(self, case):
        """Flat, or NaN where there is none."""
        params = {k: self.f(a) for k, a in case.params.items()}
        try:
            found = type(case)(**{**vars(case), "params": params, "X": self.f(case.X),
                                  "noise": self.f(case.noise)}).gradient()  # fmt: skip
        except ValueError:
            return np.full(self.chain.blocks.size, np.nan)
        return self.chain.blocks.flat(found)


@family_of_mistakes
def roundings(chain):
    """Every place with every rounding."""
    if not fine(chain):
        return []
    found = []
    for name, (words, f) in ROUNDINGS.items():
        places = {
            "gradient": (("total", lambda g, c, f=f: f(g)),),
            "data gradient": (("data", lambda g, c, f=f: f(g)),),
            "outputs": (("output", _at_outputs(f)),),
            "output gradient": (("output", lambda g, c, f=f: f(g)),),
            "inputs": (("features", lambda A, c, f=f: f(A)),),
            "params, noise and inputs": _everything(f),
        }
        if pathwise(chain):
            places["weights"] = _kept_draw(
                lambda c, mu, rho, e, f=f: f(mu + c.right_scale(rho) * e))  # fmt: skip
            places["noise"] = (("noise", lambda e, c, f=f: f(e)),)
            places["errors on the way back"] = (
                ("output", lambda g, c, f=f: f(g)), ("passed", lambda g, c, f=f: f(g)),
                ("errors", lambda v, c, f=f: [f(g) for g in v]))  # fmt: skip
        found += [
            _mistake(f"rounded-{name}", place, words, changes)
            for place, changes in places.items()
        ]
    return found


def _at_outputs(f):
    return lambda g, c: c.model.likelihood(f(c.F), c.y, c.v)[1]


@family_of_mistakes
def bounds(chain):
    """Every place with every bound, its slope 0 beyond."""
    if not fine(chain):
        return []
    found = []
    for name, (words, f) in BOUNDS.items():
        places = {
            "gradient": (("total", lambda g, c, f=f: f(g)),),
            "data gradient": (("data", lambda g, c, f=f: f(g)),),
            "output gradient": (("output", lambda g, c, f=f: f(g)),),
            "outputs": (("last", lambda v, c, f=f: f),),
            "outputs, undifferentiated": (("output", _at_outputs(f)),),
            "inputs": (("features", of_inputs(f)),),
        }
        if pathwise(chain):
            places |= _draw_places(f)
        if chain.has_rho and chain.gaussian_prior:
            slots = ("trace", "entropy")
            change = (("kl_q", in_the_value(slots, lambda x, n, f=f: f(x))),)
            places["sigma in the KL"] = change
            places["sigma in the KL, undifferentiated"] = (
                ("kl_q", in_the_formulas(slots, lambda x, n, f=f: f(x))),)  # fmt: skip
        found += [
            _mistake(f"clipped-{name}", place, words, changes)
            for place, changes in places.items()
        ]
    return found


def _draw_places(f):
    """Bounds on the draw's symbols: rightly differentiated, or with the old way back."""
    places = {}
    for place, function in (
        ("sigma of the draw", lambda n, e: n.mu + f(n.sigma) * e),
        ("mu of the draw", lambda n, e: f(n.mu) + n.sigma * e),
        ("rho of the draw", lambda n, e: n.mu + n.chain.right_scale(f(n.rho)) * e),
        ("weights", lambda n, e: f(n.mu + n.sigma * e)),
        ("noise of the draw", lambda n, e: n.mu + n.sigma * f(e)),
    ):
        change = (("draw", _drawn(function)),)
        places[place] = change
        kept = (*change, ("slopes_kept", lambda value, c: True))
        places[f"{place}, undifferentiated"] = kept
    for key in ("mu", "rho"):
        places[f"parameters {key}"] = _parameters(key, f, True)
        places[f"parameters {key}, undifferentiated"] = _parameters(key, f, False)
    return places


def _drawn(function):
    def draw(value, c):
        return lambda mu, rho, e: function(Symbols(c, mu, rho), e)

    return draw


def _parameters(key, f, differentiated):
    """A parameter bounded before draw and KL, its gradient 0 beyond the bounds or not."""

    def change(total, c):
        case = c.case
        params = {**case.params, key: f(case.params[key])}
        try:
            found = type(case)(**{**vars(case), "params": params}).gradient()
        except ValueError:
            return np.full(c.blocks.size, np.nan)
        if differentiated:  # the slope of f is 1 inside, 0 outside
            found[key] = found[key] * f(case.params[key] + 1j).imag
        return c.blocks.flat(found)

    return (("total", change),)
