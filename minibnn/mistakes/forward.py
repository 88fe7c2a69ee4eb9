"""What if the forward pass were this? Another network or other data (E21-E24).

Each entry alters what goes in (inputs, targets, the order of weights) or what stands
between layers; the pass is run again with the package's kernels and differentiated
rightly. A gradient that fits one is right, but that of another loss.
"""

import numpy as np

from minibnn.mistakes.along import along, in_all, rearranged
from minibnn.mistakes.catalogue import Mistake, fine, hidden, pathwise, rule, sampled
from minibnn.mistakes.rows import at_outputs
from minibnn.mistakes.symbols import FUNCTIONS, KEPT, drawn
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


def _mistake(name, wrong, *changes, hint=_HINT, right=_PASS):
    return Mistake(name, "E21", wrong, right, hint, _REVEAL, changes)


@rule(fine)
def outputs(chain):
    """The activation, or another function, on the outputs; with the old way back too."""
    own = ACTIVATIONS[chain.net.activation]
    rows = [("activation-on-the-outputs", "F = a(Z_L)", own)]
    rows += [
        (f"outputs-through-{name}", f"F = {name}(Z_L)", f)
        for name, f in (*ACTIVATIONS.items(), *_SQUASHED.items())
        if name != "identity" and f is not own
    ]
    for name, wrong, f in rows:
        change = ("last", lambda v, c, f=f: f)
        yield _mistake(name, wrong, change)
        yield _mistake(f"{name}-undifferentiated", f"{wrong}, with the way back of F = Z_L",
                       change, ("output", at_outputs(f)))  # fmt: skip


_SQUASHED = {"half": lambda z: z / 2, "double": lambda z: 2 * z,
             "minus": lambda z: -z}  # fmt: skip


@rule(hidden)
def activations(chain):
    """Another activation, everywhere or in one layer, or once more."""
    own = ACTIVATIONS[chain.net.activation]
    rows = [(name, f"a = {name}", f) for name, f in ACTIVATIONS.items() if f is not own]
    rows += [("twice", "A = a(a(Z))", lambda z: own(own(z))),
             ("added", "A = Z + a(Z)", lambda z: z + own(z))]  # fmt: skip
    # the right activation's slope at the pre-activations of the altered pass
    slopes = ("slopes", lambda values, c: [
        np.imag(own(Z + 1e-30j)) / 1e-30 for Z in c.Z[: len(values)]])  # fmt: skip
    every = [("", range(chain.L))]
    every += [(f"-in-layer-{i + 1}", (i,)) for i in range(chain.L - 1) if chain.L > 2]
    for name, wrong, f in rows:
        for suffix, layers in every:
            functions = tuple(f if i in layers else own for i in range(chain.L - 1))
            change = ("activations", lambda v, c, f=functions: f)
            name_here = f"forward-activation-{name}{suffix}"
            yield _mistake(name_here, wrong, change)
            yield _mistake(f"{name_here}-undifferentiated",
                           f"{wrong}, with the slope of {chain.net.activation}", change,
                           slopes)  # fmt: skip


@rule(sampled)
def orders(chain):
    """The flat vector of weights read in another order."""
    for name, words, f in rearranged(chain):
        index = f(np.arange(float(chain.model.n_weights)))
        if (index != np.floor(index)).any() or index.max() >= len(index):
            continue
        if index.min() < 0:
            continue
        order = index.astype(int)
        change = ("order", lambda v, c, o=order: o)
        for suffix, more in (("", ()), ("-forward-alone", _HERE)):
            yield _mistake(f"weights-{name}{suffix}", f"W and b {words}", change, *more,
                           hint="In which order does the flat vector hold W and b?",
                           right="per layer W row by row, then b")  # fmt: skip


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


@rule(pathwise)
def uses(chain):
    """Weights, or some of them, that enter their layer changed."""
    for name, (wrong, f) in _USES.items():
        for part, mask in {"": np.array(True), **chain.parts}.items():
            name_here, where = f"weights-{name}{part and '-'}{part}", f" {part}"
            words = f"{wrong} for w{where.replace('-', ' ')}"
            change = drawn(_masked(mask, f))
            hint = "How does each weight enter its layer?"
            yield _mistake(name_here, words, change, hint=hint)
            yield _mistake(f"{name_here}-undifferentiated",
                           f"{words}, with the way back of w", change, KEPT, hint=hint)


def _masked(mask, f):
    def draw(n, e):
        w = n.mu + n.sigma * e
        return np.where(mask, f(w, n.chain), w)

    return draw


@rule(hidden)
def hidden_units(chain):
    """Activations shared, dropped or normalised along an axis, with the old way back."""
    constant = "taken for constant on the way back"
    for k, axis in enumerate(("sample", "unit", "row")):
        for name, words, op in along(axis):
            f = lambda A, op=op, k=k: op(A, k)  # noqa: E731
            inside = ("hidden", lambda v, c, f=f: f)
            yield _mistake(f"hidden-{name}", f"A {words}, {constant}", inside)
            yield _mistake(f"pre-activation-{name}", f"Z {words}, {constant}",
                           ("before", lambda v, c, f=f: f))  # fmt: skip
            yield _mistake(f"hidden-{name}-and-slopes", f"A and a'(Z) {words}", inside,
                           ("slopes", in_all(lambda v, c, f=f: f(v))))  # fmt: skip
