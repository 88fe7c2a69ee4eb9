"""Numbers rounded, cut or clipped somewhere on the way, by rule.

A place (parameters, weights, inputs, outputs, a gradient) and a rounding: float32,
float16, a few decimals, a bound. Where the rest is computed in full precision, this
gives an exact gradient to compare with.
"""

import numpy as np

from minibnn.mistakes.along import of_inputs
from minibnn.mistakes.catalogue import Mistake, fine, pathwise, rule
from minibnn.mistakes.kl_symbols import in_the_formulas, in_the_value
from minibnn.mistakes.rows import at_outputs
from minibnn.mistakes.symbols import KEPT, drawn

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


def _mistakes(name, words, places):
    for place, changes in places.items():
        slug = place.replace(",", "").replace(" ", "-")
        yield Mistake(f"{slug}-{name}", "E51", f"{place} {words}", "in full precision",
                      _HINT, _REVEAL, changes, touches=())  # fmt: skip


def _altered(chain, **fields):
    """The package's gradient at a case with other arrays; NaN where there is none."""
    case = chain.case
    try:
        return type(case)(**{**vars(case), **fields}).gradient()
    except ValueError:
        return {key: np.full_like(a, np.nan) for key, a in case.params.items()}


def _everything(f):
    """Parameters, noise and inputs rounded before anything is computed."""

    def change(total, c):
        params = {k: f(a) for k, a in c.case.params.items()}
        found = _altered(c, params=params, X=f(c.case.X), noise=f(c.case.noise))
        return c.blocks.flat(found)

    return (("total", change),)


@rule(fine)
def roundings(chain):
    """Every place with every rounding."""
    for name, (words, f) in ROUNDINGS.items():
        plain = lambda g, c, f=f: f(g)  # noqa: E731
        places = {
            "gradient": (("total", plain),),
            "data gradient": (("data", plain),),
            "outputs": (("output", at_outputs(f)),),
            "output gradient": (("output", plain),),
            "inputs": (("features", plain),),
            "params, noise and inputs": _everything(f),
        }
        if pathwise(chain):
            places["weights"] = (
                drawn(lambda n, e, f=f: f(n.mu + n.sigma * e)), KEPT)  # fmt: skip
            places["noise"] = (("noise", plain),)
            places["errors on the way back"] = (
                ("output", plain), ("passed", plain),
                ("errors", lambda v, c, f=f: [f(g) for g in v]))  # fmt: skip
        yield from _mistakes(f"rounded-{name}", words, places)


@rule(fine)
def bounds(chain):
    """Every place with every bound, its slope 0 beyond."""
    for name, (words, f) in BOUNDS.items():
        plain = lambda g, c, f=f: f(g)  # noqa: E731
        places = {
            "gradient": (("total", plain),),
            "data gradient": (("data", plain),),
            "output gradient": (("output", plain),),
            "outputs": (("last", lambda v, c, f=f: f),),
            "outputs, undifferentiated": (("output", at_outputs(f)),),
            "inputs": (("features", of_inputs(f)),),
        }
        if pathwise(chain):
            places |= _draw_places(f)
        if chain.has_rho and chain.gaussian_prior:
            slots, number = ("trace", "entropy"), lambda x, n, f=f: f(x)
            places["sigma in the KL"] = (("kl_q", in_the_value(slots, number)),)
            places["sigma in the KL, undifferentiated"] = (
                ("kl_q", in_the_formulas(slots, number)),)  # fmt: skip
        yield from _mistakes(f"clipped-{name}", words, places)


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
        places[place] = (drawn(function),)
        places[f"{place}, undifferentiated"] = (drawn(function), KEPT)
    for key in ("mu", "rho"):
        places[f"parameters {key}"] = _parameters(key, f, True)
        places[f"parameters {key}, undifferentiated"] = _parameters(key, f, False)
    return places


def _parameters(key, f, differentiated):
    """A parameter bounded before draw and KL, its gradient 0 beyond the bounds or not."""

    def change(total, c):
        own = c.case.params[key]
        found = _altered(c, params={**c.case.params, key: f(own)})
        if differentiated:  # the slope of f is 1 inside, 0 outside
            found[key] = found[key] * f(own + 1j).imag
        return c.blocks.flat(found)

    return (("total", change),)
