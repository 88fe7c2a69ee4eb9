"""The question put to the checker: one function, one claimed gradient, one point.

Everything the user hands over is validated here and laid out flat, so that the
oracles see a real vector and a scalar function and nothing else.
"""

import copy
from collections.abc import Iterable

import numpy as np

from minibnn.validation.arguments import check_int
from minibnn.validation.describe import ArgumentTypeError, describe

EPS = float(np.finfo(float).eps)


def function(value, what):
    """Return ``value`` if it can be called, or raise an error that names it."""
    if not callable(value) or isinstance(value, type):
        raise ArgumentTypeError(f"{what} must be a function, got {describe(value)}")
    return value


def floating(value, what):
    """Return ``value`` as a finite float array, or raise an error that names it."""
    array = as_array(value, what)
    if array.dtype.kind != "f":
        hint = "; convert it with astype(float)" if array.dtype.kind in "iub" else ""
        wanted = "must hold real floating-point numbers"
        raise ArgumentTypeError(f"{what} {wanted}, got dtype {array.dtype}{hint}")
    if array.size == 0:
        raise ValueError(f"{what} is empty, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} must be finite, got nan or inf in it")
    return array


def as_array(value, what):
    """Return ``value`` as an array, or raise an error that names it."""
    if np.ma.isMaskedArray(value):
        raise ArgumentTypeError(f"{what} must be a plain array, got a masked one")
    if getattr(value, "requires_grad", False) is True:
        raise ArgumentTypeError(
            f"{what} is a tensor that requires grad: a plain array or number is "
            "wanted, so give value.detach().numpy(), or value.item() for one number"
        )
    try:
        return np.asarray(value)
    except ValueError as error:  # a ragged list
        raise ValueError(f"{what} must be an array, got {describe(value)}") from error
    except (TypeError, RuntimeError) as error:  # an array of another library
        raise ArgumentTypeError(
            f"{what} must be an array, got {type(value).__name__}: {error}"
        ) from error


def scalar(value, what):
    """Return what ``what`` gave as a float, or raise an error that names it."""
    if type(value) is float:
        return value
    array = as_array(value, what)
    if array.dtype.kind not in "fiu":
        got = describe(value) + _take(value, what, 0)
        raise ArgumentTypeError(f"{what} must return a real number, got {got}")
    if array.size != 1:
        raise ValueError(f"{what} must return one number, got shape {array.shape}")
    return float(array.reshape(()))


def _take(value, what, i):
    """How to hand over a function that returns the loss and the gradient together."""
    if not isinstance(value, tuple) or len(value) < 2:
        return ""
    return f"; if yours returns (loss, gradient), give {what}=lambda x: yours(x)[{i}]"


class Layout:
    """The way between a flat vector and the array, or dict of arrays, of the user."""

    def __init__(self, x):
        self.keyed = isinstance(x, dict)
        items = x.items() if self.keyed else [("x", x)]
        arrays = {key: floating(value, f"x[{key!r}]" if self.keyed else "x")
                  for key, value in items}  # fmt: skip
        if not arrays:
            raise ValueError("x is empty, got a dict without arrays")
        ends = np.cumsum([a.size for a in arrays.values()])
        self.parts = {
            key: (slice(int(end) - a.size, int(end)), a.shape, a.dtype)
            for end, (key, a) in zip(ends, arrays.items(), strict=True)
        }
        self.size = int(ends[-1])
        self.flat = np.concatenate([a.ravel() for a in arrays.values()], dtype=float)

    def unflatten(self, flat, original=False):
        """Give the user's form of ``flat``; ``original`` restores the dtype of x."""
        parts = {
            key: (flat[cut].astype(kind) if original else flat[cut]).reshape(shape)[()]
            for key, (cut, shape, kind) in self.parts.items()
        }
        return parts if self.keyed else parts["x"]

    def flatten(self, tree, what):
        """Give (flat float64, machine epsilon) of a tree that must look like x."""
        if self.keyed and not isinstance(tree, dict):
            got = describe(tree) + _take(tree, what, 1)
            raise ArgumentTypeError(f"{what} must be a dict like x, got {got}")
        tree = tree if self.keyed else {"x": tree}
        if set(tree) != set(self.parts):
            got, want = sorted(map(str, tree)), sorted(map(str, self.parts))
            raise ValueError(f"{what} must have the keys of x, {want}, got {got}")
        leaves = [self._leaf(tree[key], f"{what}[{key!r}]" if self.keyed else what, shape)
                  for key, (_, shape, _) in self.parts.items()]  # fmt: skip
        eps = max(_resolution(leaf.dtype) for leaf in leaves)
        return np.concatenate([leaf.ravel() for leaf in leaves], dtype=float), eps

    @staticmethod
    def _leaf(value, what, shape):
        array = as_array(value, what)
        if array.dtype.kind not in "fiu":
            raise ArgumentTypeError(f"{what} must hold real numbers, got {describe(value)}")
        if array.dtype.kind in "iu":  # a fraction may have been lost on the way
            raise ArgumentTypeError(
                f"{what} must hold floating-point numbers, got whole numbers of dtype "
                f"{array.dtype}; make the array with float entries, or astype(float)"
            )
        if array.shape != shape:
            raise ValueError(f"{what} must have the shape of x, {shape}, got {array.shape}")
        return array

    def name(self, i):
        """Name coordinate ``i`` as the user would write it."""
        for key, (cut, shape, _) in self.parts.items():
            if i < cut.stop:
                spot = np.unravel_index(i - cut.start, shape) if shape else ()
                return str(key) + (f"[{','.join(map(str, spot))}]" if spot else "")
        raise IndexError(i)


def _resolution(dtype):
    return max(EPS, float(np.finfo(dtype).eps)) if dtype.kind == "f" else EPS


class Problem:
    """A scalar function and its claimed gradient at a point, all of it flat.

    ``calls`` counts the evaluations of f (real and complex) and of grad. f is given
    float64 whatever the dtype of x; grad is given the dtype of x.
    """

    def __init__(self, f, grad, x, names=None, blocks=None):
        self.layout = Layout(x)
        self.x, self.size = self.layout.flat, self.layout.size
        self._f, self._grad = function(f, "f"), grad
        if isinstance(grad, type):
            function(grad, "grad")
        self._names = _names(names, self.size)
        self.blocks = _blocks(blocks, self.layout)
        self.calls = {"f": 0, "f_complex": 0, "grad": 0}
        self.trouble = None
        self.value = self.at(self.x)
        if not np.isfinite(self.value):
            raise ValueError(f"f returned {self.value} at x; it must be finite there")
        self.measure(np.zeros(self.size))

    def measure(self, gradient=None):
        """Set ``reach``, how far a first step goes, and ``scale``, a size of each x_i.

        Numbers of one block may have different units: a number is its own unit. A zero
        has none. It goes as far as it takes to change f by as much as f is large, and
        no further than its block is large; ``gradient`` tells where to ask f would
        take too long.
        """
        size, usual = np.abs(self.x), self._typical()
        if gradient is None:
            unit = [self._unit(i, usual[i]) for i in np.flatnonzero(size == 0)]
            self.reach = size.copy()
            self.reach[size == 0] = unit
        else:
            effect = np.abs(gradient) * size
            effect = effect[np.isfinite(effect) & (effect > 0)]
            share = np.median(effect) / np.abs(gradient) if effect.size else np.inf
            share = np.where(np.isfinite(share) & (share > 0), share, np.inf)
            self.reach = np.maximum(size, np.minimum(usual, share))
        self.scale = np.where(size == 0, self.reach, size)

    def _unit(self, i, unit):
        """Length along a coordinate that is zero over which f changes by itself."""
        for _ in range(4):
            point = self.x.copy()
            point[i] = 1e-6 * unit
            change = abs(self.probe(point) - self.value)
            least = 1e-6 * abs(self.value)
            if not change > least > 0:
                break
            unit *= max(least / change, 1e-6)
            if change < 10 * least:
                break
        return unit

    def _typical(self):
        """A usual size of the numbers in the block of each coordinate; 1 for zeros."""
        typical = np.ones(self.size)
        for index in self.blocks.values():
            sizes = np.abs(self.x[index])
            typical[index] = np.median(sizes[sizes > 0]) if sizes.any() else 1.0
        return typical

    def name(self, i):
        """Name coordinate ``i``."""
        return self._names[i] if self._names else self.layout.name(int(i))

    def at(self, flat):
        """Give f at a real flat point."""
        self.calls["f"] += 1
        given = flat.copy()
        value = scalar(self._f(self.layout.unflatten(given)), "f")
        if flat is self.x:
            _unchanged([given], [flat], "f")
        return value

    def probe(self, flat):
        """Give f near x, nan where it has no value; the exception is remembered."""
        return self._near(self.at, flat, np.nan)

    def complex_probe(self, flat):
        """Give f at a complex point near x, nan where it has no value."""
        return self._near(self.complex_at, flat, complex(np.nan, np.nan))

    def _near(self, function, flat, missing):
        try:
            return function(flat)
        except MemoryError:
            raise
        except Exception as error:  # people raise anything outside of a domain
            self.trouble = error
            return missing

    def complex_at(self, flat):
        """Give f at a complex flat point; raises TypeError if a real number returns."""
        self.calls["f_complex"] += 1
        value = np.asarray(self._f(self.layout.unflatten(flat)))
        if value.dtype.kind != "c" or value.size != 1:
            raise TypeError("f returns a real number for a complex argument")
        return complex(value.reshape(()))

    def __getstate__(self):
        """Leave f and grad behind: they are often local, and cannot be pickled."""
        lost = {"_f": None, "_grad": None, "trouble": None}
        return self.__dict__ | lost

    @property
    def forgotten(self):
        """Whether f was left behind by a pickle."""
        return self._f is None

    @property
    def grad_is_function(self):
        """Whether the gradient can be asked for at other points than x."""
        return callable(self._grad)

    def gradient(self, flat):
        """Give the claimed gradient (flat float64, machine epsilon) at a flat point."""
        if not self.grad_is_function:
            return self.layout.flatten(self._grad, "grad")
        self.calls["grad"] += 1
        given = self.layout.unflatten(flat, original=True)
        held = list(given.values()) if self.layout.keyed else [given]
        before = copy.deepcopy(held) if flat is self.x else None
        tree = self._grad(given)
        if flat is self.x:
            _unchanged(held, before, "grad")
        return self.layout.flatten(tree, "grad")

    def gradient_near(self, flat):
        """Give the claimed gradient near x, nan where it has none."""
        try:
            return self.gradient(flat)[0]
        except MemoryError:
            raise
        except Exception:  # as for f: outside of its domain
            return np.full(self.size, np.nan)

    @property
    def resolution(self):
        """The machine epsilon of x."""
        return max(_resolution(kind) for _, _, kind in self.layout.parts.values())


def _unchanged(given, before, what):
    """Raise an error that names a function which has changed its argument."""
    if not all(map(np.array_equal, given, before)):
        raise ValueError(
            f"{what} must leave its argument alone, but x came back changed: work on a "
            "copy, x = x.copy(), instead of x += ... or x[...] = ..."
        )


def _names(names, size):
    if names is None:
        return None
    names = _items(names, "names")
    if len(names) != size:
        raise ValueError(f"names must name the {size} coordinates, got {len(names)}")
    return names


def _blocks(blocks, layout):
    """Block name -> flat indices: by array of x, by sizes in a dict, or by labels."""
    if blocks is None:
        return {str(k): np.r_[cut] for k, (cut, _, _) in layout.parts.items()}
    if isinstance(blocks, dict):
        for name, size in blocks.items():
            check_int(f"blocks[{name!r}]", size, minimum=1)
        blocks = [name for name, size in blocks.items() for _ in range(size)]
    labels = np.array(_items(blocks, "blocks"))
    if len(labels) != layout.size:
        want = f"the {layout.size} coordinates of x"
        raise ValueError(f"blocks must cover {want}, got {len(labels)}")
    names = dict.fromkeys(labels.tolist())
    return {str(name): np.flatnonzero(labels == name) for name in names}


def _items(values, what):
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ArgumentTypeError(f"{what} must be a sequence, got {describe(values)}")
    if np.ndim(values) != 1 and isinstance(values, np.ndarray):
        raise ValueError(f"{what} must be 1-D, got an array of shape {values.shape}")
    return [str(value) for value in values]
