"""Names for the coordinates of a gradient: which array, which layer, weight or bias."""

import numpy as np


class Blocks:
    """Flat coordinates of ``params``, cut into contiguous blocks that mistakes respect.

    An array with one number per weight is cut into W and b of every layer and the
    likelihood's own weights; any other array is one block.
    """

    def __init__(self, model, params):
        self.shapes = {key: np.shape(array) for key, array in params.items()}
        self.net, self.n_weights = model.net, model.n_weights
        self.names, sizes, self.keys = [], [], {}
        start = 0
        for key, shape in self.shapes.items():
            size = int(np.prod(shape))
            for name, length in self._cuts(shape):
                self.names.append((key, *name))
                sizes.append(length)
            self.keys[key] = slice(start, start + size)
            start += size
        ends = np.cumsum(sizes)
        self.size = start
        self.starts = (ends - sizes).astype(int)
        self.slices = [slice(int(e - n), int(e)) for e, n in zip(ends, sizes, strict=True)]

    def _cuts(self, shape):
        """((layer, "W" | "b"), length) in flat order; layer None for the rest."""
        if shape != (self.n_weights,):
            return [((None, ""), int(np.prod(shape)))]
        cuts = []
        for i, (rows, H) in enumerate(self.net.shapes, 1):
            cuts.append(((i, "W"), (rows - self.net.bias) * H))
            if self.net.bias:
                cuts.append(((i, "b"), H))
        if self.n_weights > self.net.n_weights:
            own = self.n_weights - self.net.n_weights
            cuts.append(((None, "log noise scale"), own))
        return cuts

    def flat(self, parts):
        """A dict of arrays as one vector."""
        return np.concatenate([np.ravel(parts[key]) for key in self.shapes])

    def split(self, flat):
        """The inverse of :meth:`flat`."""
        return {key: flat[cut].reshape(self.shapes[key]) for key, cut in self.keys.items()}

    def all_in(self, good):
        """For each block, whether a property holds in all its coordinates (..., n)."""
        return np.logical_and.reduceat(good, self.starts, axis=-1)

    def where(self, mask):
        """Say in words which blocks a boolean mask over blocks selects."""
        chosen = [name for name, yes in zip(self.names, mask, strict=True) if yes]
        if len(chosen) == len(self.names):
            return "everywhere"
        words = []
        for key in self.shapes:
            here = [name for name in chosen if name[0] == key]
            mine = [name for name in self.names if name[0] == key]
            if here:
                whole = len(here) == len(mine)
                words.append(key + ("" if whole else _layers(here, mine)))
        return ", ".join(words)

    def coordinate(self, i):
        """Name coordinate i, as ``mu[17] (layer 2, W[3, 1])``."""
        b = int(np.searchsorted(self.starts, i, side="right")) - 1
        key, layer, kind = self.names[b]
        spot = np.unravel_index(i - self.keys[key].start, self.shapes[key])
        name = f"{key}[{', '.join(map(str, spot))}]"
        if layer is None:
            return f"{name} ({kind})" if kind else name
        inside = i - self.starts[b]
        H = self.net.sizes[layer]
        at = f"{inside // H}, {inside % H}" if kind == "W" else f"{inside}"
        return f"{name} (layer {layer}, {kind}[{at}])"


def _layers(here, mine):
    """Which of the blocks of one array: all biases, all weights, or a list."""
    for kind, word in (("b", " of the biases"), ("W", " of the weights W")):
        alike = [name for name in mine if name[2] == kind]
        if here == alike:
            return word
    parts = [f"layer {n[1]} {n[2]}" if n[1] else n[2] for n in here]
    return " of " + ", ".join(parts)


def parts_of(chain):
    """Masks of the parts of w that people forget: name -> mask (P,)."""
    n = chain.model.n_weights
    layer, bias = np.full(n, -1), np.zeros(n, bool)
    for i, cut in enumerate(chain.net.slices):
        layer[cut] = i
    bias[: chain.net.n_weights] = chain.net.is_bias
    found = {}
    if chain.net.bias:
        found = {"in-biases": bias, "in-weights-W": ~bias}
    if chain.L > 1:
        for i in range(chain.L):
            found[f"in-layer-{i + 1}"] = layer == i
            if chain.net.bias:
                found[f"in-biases-of-layer-{i + 1}"] = (layer == i) & bias
                found[f"in-W-of-layer-{i + 1}"] = (layer == i) & ~bias
        if chain.net.bias:
            found["in-biases-but-the-last-layer's"] = bias & (layer != chain.L - 1)
        found |= {"but-in-the-last-layer": layer != chain.L - 1,
                  "but-in-the-first-layer": layer != 0}  # fmt: skip
    if (layer < 0).any():
        found["in-the-noise-scale"] = layer < 0
    return found
