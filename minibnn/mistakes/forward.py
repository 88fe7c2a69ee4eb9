"""What if the forward pass were this? Another network or other data (E21-E24).

Each entry alters what goes in (inputs, targets, the order of weights) or what stands
between layers; the pass is run again with the package's kernels and differentiated
rightly. A gradient that fits one is right, but that of another loss.
"""

from dataclasses import replace

import numpy as np

from minibnn.mistakes.along import along, rearranged
from minibnn.mistakes.catalogue import (
    Mistake,
    family_of_mistakes,
    fine,
    hidden,
    pathwise,
)
from minibnn.mistakes.symbols import FUNCTIONS
from minibnn.numerics import magnitude, sigmoid, softplus

_PASS = "Z_l = [W_l; b_l]ᵀ [A_{l-1}; 1], A_l = a(Z_l)"
_HINT = "Run both forward passes on one row and print what each layer gives. Where do "
_HINT += "they part?"
_REVEAL = "take different rows, layers of different widths and a curved activation"


def _relu(z):
    return np.where(np.real(z) > 0, z, 0)


def _leaky(slope):
    return lambda z: np.where(np.real(z) > 0, z, slope * z)


ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": _relu,
    "softplus": softplus,
    "identity": lambda z: z,
    "sigmoid": sigmoid,
    "leaky-relu-0.01": _leaky(0.01),
    "leaky-relu-0.1": _leaky(0.1),
    "leaky-relu-0.2": _leaky(0.2),
    "elu": lambda z: np.where(np.real(z) > 0, z, np.exp(z) - 1),
    "silu": lambda z: z * sigmoid(z),
    "square": lambda z: z**2,
    "sine": np.sin,
    "exp": np.exp,
    "relu6": lambda z: np.where(np.real(z) > 6, 6, _relu(z)),
    "hard-tanh": lambda z: np.where(np.abs(np.real(z)) < 1, z, np.sign(np.real(z))),
}


def _mistake(name, wrong, changes, hint=_HINT, right=_PASS):
    return Mistake(name, "E21", wrong, right, hint, _REVEAL, changes)


@family_of_mistakes
def activations(chain):
    """Another activation, everywhere or in one layer, once more, or on the outputs."""
    if not fine(chain):
        return []
    own = ACTIVATIONS[chain.net.activation]
    found = [
        _mistake("activation-on-the-outputs", "F = a(Z_L)", (("last", lambda v, c: own),))
    ]
    found += [
        _mistake(f"outputs-through-{name}", f"F = {name}(Z_L)",
                 (("last", lambda v, c, f=f: f),))
        for name, f in (*ACTIVATIONS.items(), *_SQUASHED.items())
        if name != "identity" and f is not own
    ]  # fmt: skip
    found += [
        replace(m, name=f"{m.name}-undifferentiated",
                wrong=f"{m.wrong}, with the way back of F = Z_L",
                changes=(*m.changes, ("output", _undone)))
        for m in found
    ]  # fmt: skip
    if not hidden(chain):
        return found
    rows = [(f"forward-activation-{name}", f"a = {name}", f)
            for name, f in ACTIVATIONS.items() if f is not own]  # fmt: skip
    rows.append(("forward-activation-twice", "A = a(a(Z))", lambda z: own(own(z))))
    rows.append(("forward-activation-added", "A = Z + a(Z)", lambda z: z + own(z)))
    for name, wrong, f in rows:
        for suffix, layers in _layers(chain):
            functions = tuple(f if i in layers else own for i in range(chain.L - 1))
            found.append(
                _mistake(f"{name}{suffix}", wrong,
                         (("activations", lambda v, c, f=functions: f),))
            )  # fmt: skip
            found.append(
                _mistake(f"{name}{suffix}-undifferentiated", f"{wrong}, with the slope of "
                         f"{chain.net.activation}",
                         (("activations", lambda v, c, f=functions: f),
                          ("slopes", _own_slopes(own))))
            )  # fmt: skip
    return found


def _undone(g, c):
    """∂nll/∂F at the altered outputs, without the slope of what altered them."""
    return c.model.likelihood(c.last(c.F), c.y, c.v)[1]


_SQUASHED = {"half": lambda z: z / 2, "double": lambda z: 2 * z,
             "minus": lambda z: -z}  # fmt: skip


def _own_slopes(own):
    """The right activation's slope at the pre-activations of the altered pass."""

    def change(values, c):
        return [np.imag(own(Z + 1e-30j)) / 1e-30
                for Z in c.Z[: len(values)]]  # fmt: skip

    return change


def _layers(chain):
    yield "", range(chain.L)
    for i in range(chain.L - 1) if chain.L > 2 else ():
        yield f"-in-layer-{i + 1}", (i,)


@family_of_mistakes
def orders(chain):
    """The flat vector of weights read in another order."""
    if not (fine(chain) and not chain.local):
        return []
    found = []
    for name, words, f in rearranged(chain):
        index = f(np.arange(float(chain.model.n_weights)))
        whole = index == np.floor(index)
        if not whole.all() or index.max() >= len(index) or index.min() < 0:
            continue
        order = index.astype(int)
        for suffix, more in (("", ()), ("-forward-alone", _HERE)):
            found.append(
                _mistake(f"weights-{name}{suffix}", f"W and b {words}",
                         (("order", lambda v, c, o=order: o), *more),
                         "In which order does the flat vector hold W and b?",
                         "per layer W row by row, then b")
            )  # fmt: skip
    return found


_HERE = (("order_back", lambda v, c: None),)


_USES = {  # how a weight enters its layer
    "lost": ("0", lambda w, c: 0 * w),
    "sign": ("-w", lambda w, c: -w),
    "doubled": ("2 w", lambda w, c: 2 * w),
    "halved": ("w/2", lambda w, c: w / 2),
    "squared": ("w²", lambda w, c: w * w),
    "modulus": ("|w|", lambda w, c: magnitude(w)),
    "over-fan-in": ("w/fan-in", lambda w, c: w / c.symbols.fan_in),
    "over-root-of-fan-in": ("w/√fan-in", lambda w, c: w / np.sqrt(c.symbols.fan_in)),
    "tanh": ("tanh w", lambda w, c: np.tanh(w)),
    "clipped": ("clip(w, -1, 1)", lambda w, c: FUNCTIONS["clipped"][1](w)),
}


@family_of_mistakes
def uses(chain):
    """Weights, or some of them, that enter their layer changed."""
    if not pathwise(chain):
        return []
    found = []
    for name, (wrong, f) in _USES.items():
        for part, mask in {"": np.array(True), **chain.parts}.items():
            where = f" {part}".replace("-", " ")
            change = (("draw", _masked(mask, f)),)
            found += [
                _mistake(f"weights-{name}{part and '-'}{part}", f"{wrong} for w{where}",
                         change, "How does each weight enter its layer?"),
                _mistake(f"weights-{name}{part and '-'}{part}-undifferentiated",
                         f"{wrong} for w{where}, with the way back of w",
                         (*change, KEPT), "How does each weight enter its layer?"),
            ]  # fmt: skip
    return found


KEPT = ("slopes_kept", lambda value, c: True)


def _masked(mask, f):
    def change(value, c):
        def draw(mu, rho, e):
            w = mu + c.right_scale(rho) * e
            return np.where(mask, f(w, c), w)

        return draw

    return change


@family_of_mistakes
def hidden_units(chain):
    """Activations shared, dropped or normalised along an axis, with the old way back."""
    if not hidden(chain):
        return []
    found = []
    for k, axis in enumerate(("sample", "unit", "row")):
        for name, words, op in along(axis):
            change = ("hidden", _along(op, k))
            found += [
                _mistake(f"hidden-{name}", f"A {words}, taken for constant on the way "
                         "back", (change,)),
                _mistake(f"pre-activation-{name}", f"Z {words}, taken for constant on the "
                         "way back", (("before", _along(op, k)),)),
                _mistake(f"hidden-{name}-and-slopes", f"A and a'(Z) {words}",
                         (change, ("slopes", lambda values, c, op=op, k=k: [
                             op(v, k) for v in values]))),
            ]  # fmt: skip
    return found


def _along(op, k):
    return lambda value, c: lambda A: op(A, k)
