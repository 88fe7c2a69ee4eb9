"""Wrong index and wrong statistic: one rule for every axis of every link.

An array has named axes: sample, row, unit, output, weight. Along each of them people
take the neighbour's entry, the first or last for all, the reverse order, a mean or sum
in place of the entries. ``ALONG`` holds these operations once; ``views`` applies them
to arrays with one number per weight, along the whole vector, within a layer, within W
or b, along the inputs or the units of W.
"""

import numpy as np


def _one_for_all(index):
    def take(a, k):
        return np.broadcast_to(np.take(a, [index], k), a.shape)

    return take


def _statistic(function):
    def take(a, k):
        return np.broadcast_to(function(a, axis=k, keepdims=True), a.shape)

    return take


def _alone(index):
    def take(a, k):
        out = np.zeros_like(a)
        at = [slice(None)] * a.ndim
        at[k] = index
        out[tuple(at)] = a[tuple(at)]
        return out

    return take


def _all_but(index):
    return lambda a, k: a - _alone(index)(a, k)


def _shifted(step):
    """The neighbour's entry, and 0 where there is no neighbour."""

    def take(a, k):
        rolled = np.roll(a, step, k)
        return _all_but(0 if step > 0 else -1)(rolled, k)

    return take


def _every_second(start):
    def take(a, k):
        out = np.moveaxis(np.zeros_like(a), k, 0)
        out[start::2] = np.moveaxis(a, k, 0)[start::2]
        return np.moveaxis(out, 0, k)

    return take


def _largest_alone(a, k):
    size = np.abs(a)
    return np.where(size == size.max(k, keepdims=True), a, 0)


def _spanned(a, k):
    low = a.min(k, keepdims=True)
    return (a - low) / (a.max(k, keepdims=True) - low)


def _standardised(a, k):
    return (a - a.mean(k, keepdims=True)) / a.std(k, keepdims=True)


def _reflected(a, k):
    """Every second entry is minus the one before it."""
    out = np.moveaxis(a.copy(), k, 0)
    n = len(out) // 2
    out[1 : 2 * n : 2] = -out[0 : 2 * n : 2]
    return np.moveaxis(out, 0, k)


ALONG = {  # name -> (words, function(array, axis)); {} is the axis
    "of-the-next-{}": ("of the next {}", lambda a, k: np.roll(a, -1, k)),
    "of-the-previous-{}": ("of the previous {}", lambda a, k: np.roll(a, 1, k)),
    "{}-reversed": ("{}s in reversed order", lambda a, k: np.flip(a, k)),
    "of-the-first-{}": ("of the first {} for all", _one_for_all(0)),
    "of-the-last-{}": ("of the last {} for all", _one_for_all(-1)),
    "averaged-over-{}": ("averaged over {}s", _statistic(np.mean)),
    "summed-over-{}": ("summed over {}s", _statistic(np.sum)),
    "largest-{}": ("the largest over {}s", _statistic(np.max)),
    "only-first-{}": ("0 but for the first {}", _alone(0)),
    "only-last-{}": ("0 but for the last {}", _alone(-1)),
    "cumulated-over-{}": ("cumulated over {}s", lambda a, k: np.cumsum(a, k)),
    "centred-over-{}": ("less its mean over {}s",
                         lambda a, k: a - a.mean(k, keepdims=True)),
    "standardised-over-{}": ("standardised over {}s", _standardised),
    "{}-by-reflection": ("every second {} minus the one before", _reflected),
    "lost-for-the-first-{}": ("0 for the first {}", _all_but(0)),
    "lost-for-the-last-{}": ("0 for the last {}", _all_but(-1)),
    "shifted-to-the-next-{}": ("of the next {}, 0 at the end", _shifted(-1)),
    "shifted-to-the-previous-{}": ("of the previous {}, 0 at the start", _shifted(1)),
    "every-second-{}-from-the-first": ("0 for {}s 2, 4, ...", _every_second(0)),
    "every-second-{}-from-the-second": ("0 for {}s 1, 3, ...", _every_second(1)),
    "largest-{}-alone": ("0 but for the largest {}", _largest_alone),
    "scaled-to-one-over-{}": ("scaled to 0..1 over {}s", _spanned),
    "{}-sorted": ("sorted over {}s", lambda a, k: np.sort(a, k)),
}  # fmt: skip


def along(axis, names=ALONG):
    """(name, words, function(array, k)) for one named axis."""
    for name in names:
        words, function = ALONG[name]
        yield name.format(axis), words.format(axis), function


def views(chain):
    """(axis name, apply(array, op)) for arrays (..., P) with one number per weight."""
    yield "weight", lambda a, op: op(a, a.ndim - 1)
    if chain.L > 1:
        yield "weight-in-its-layer", lambda a, op: _each(chain, a, op, _layers)
    yield "weight-in-its-tensor", lambda a, op: _each(chain, a, op, _tensors)
    if chain.net.bias:
        yield "bias-entry", lambda a, op: _each(chain, a, op, _biases)
        yield "entry-of-W", lambda a, op: _each(chain, a, op, _flat_matrices)
    yield "input-of-W", lambda a, op: _each(chain, a, _at(op, -2), _matrices)
    yield "unit-of-W", lambda a, op: _each(chain, a, _at(op, -1), _matrices)


def _at(op, k):
    return lambda block, last: op(block, block.ndim + k)


def _each(chain, a, op, cut):
    """``op`` on every part of the flat vector, each in its own shape."""
    out = np.array(a)
    for part, shape in cut(chain.net):
        block = out[..., part]
        changed = op(block.reshape(block.shape[:-1] + shape), block.ndim - 1)
        out[..., part] = np.reshape(changed, block.shape)
    return out


def _layers(net):
    return [(part, (part.stop - part.start,)) for part in net.slices]


def _matrices(net):
    found = []
    for part, (rows, H) in zip(net.slices, net.shapes, strict=True):
        n = (rows - net.bias) * H
        found.append((slice(part.start, part.start + n), (rows - net.bias, H)))
    return found


def _flat_matrices(net):
    return [(part, (shape[0] * shape[1],)) for part, shape in _matrices(net)]


def _biases(net):
    return [part for part in _tensors(net) if part not in _flat_matrices(net)]


def _tensors(net):
    found = []
    for part, (rows, H) in zip(net.slices, net.shapes, strict=True):
        n = part.start + (rows - net.bias) * H
        found.append((slice(part.start, n), (n - part.start,)))
        if net.bias:
            found.append((slice(n, part.stop), (H,)))
    return found


# --- rearrangements of the flat vector -------------------------------------------------


def _columns(a, chain):
    """Each W read column by column."""
    def turn(block, k):
        return block.swapaxes(-1, -2).reshape(block.shape)

    def untouched(net):
        return [(part, (shape[1], shape[0])) for part, shape in _matrices(net)]

    return _each(chain, a, turn, untouched)


def _transposed(a, chain):
    """Each W transposed before it is laid out flat."""
    return _each(chain, a, lambda block, k: block.swapaxes(-1, -2), _matrices)


def _restarted(a, chain):
    """Every layer reads from the start of the vector."""
    return _from_start(a, [part for part, _ in _layers(chain.net)])


def _every_tensor_restarted(a, chain):
    parts = [part for part in chain.blocks.slices if part.stop <= a.shape[-1]]
    return _from_start(a, parts)


def _from_start(a, parts):
    out = np.array(a)
    for part in parts:
        out[..., part] = a[..., : part.stop - part.start]
    return out


def _bias_like(first):
    """The biases take what belongs to the first or last row of W."""
    def change(a, chain):
        out, (rows, H) = np.array(a), (0, 0)
        for part, (rows, H) in zip(chain.net.slices, chain.net.shapes, strict=True):
            if chain.net.bias and rows > 1:
                end = part.start + H if first else part.stop - H
                out[..., part.stop - H : part.stop] = a[..., end - H : end]
        return out

    return change


def _reversed_layers(a, chain):
    own = a[..., chain.net.n_weights :]
    parts = [a[..., part] for part in reversed(chain.net.slices)]
    return np.concatenate([*parts, own], -1)


def _weights_then_biases(a, chain):
    own, bias = a[..., chain.net.n_weights :], chain.net.is_bias
    inner = a[..., : chain.net.n_weights]
    return np.concatenate([inner[..., ~bias], inner[..., bias], own], -1)


def _bias_first(a, chain):
    def blocks(net):
        return list(zip(net.slices, net.shapes, strict=True))

    return _each(chain, a, lambda block, k: np.roll(block, 1, -2), blocks)


REORDERED = {
    "in-column-order": ("W column by column", _columns),
    "transposed": ("W transposed", _transposed),
    "restarted-in-every-layer": ("from its start in every layer", _restarted),
    "restarted-in-every-tensor": ("from its start in every W, b",
                                  _every_tensor_restarted),
    "of-the-first-row-for-biases": ("of W's first row for b", _bias_like(True)),
    "of-the-last-row-for-biases": ("of W's last row for b", _bias_like(False)),
    "layers-reversed": ("last layer first", _reversed_layers),
    "weights-then-biases": ("all W, then all b", _weights_then_biases),
    "bias-first": ("b before W", _bias_first),
}  # fmt: skip


def rearranged(chain):
    """(name, words, function(array (..., P))) by index, statistic and order."""
    for axis, apply in views(chain):
        for name, words, op in along(axis):
            yield name, words, lambda a, apply=apply, op=op: apply(a, op)
    for name, (words, function) in REORDERED.items():
        yield name, words, lambda a, f=function: f(a, chain)
        back = function(np.arange(float(chain.model.n_weights)), chain).argsort()
        yield f"{name}-undone", f"{words}, the other way round", _taken(back)


def _taken(index):
    return lambda a: a[..., index]


def of_inputs(f):
    """A change of the features that leaves the row of ones of the bias alone."""

    def change(A, c):
        n = A.shape[-1] - c.net.bias
        return np.concatenate([f(A[..., :n]), A[..., n:]], -1)

    return change


# --- lists with one array for each layer -----------------------------------------------


def in_layer(i, function):
    """The change of entry i of a list of layers."""
    return lambda values, c: [*values[:i], function(values[i], c), *values[i + 1 :]]


def in_all(function):
    """The same change of every entry."""
    return lambda values, c: [function(value, c) for value in values]


def borrowed(i, j):
    """Entry j in the place of entry i."""
    return lambda values, c: [*values[:i], values[j], *values[i + 1 :]]


def alike(sizes):
    """Pairs (i, j) whose sizes agree: one can stand for the other."""
    n = range(len(sizes))
    return [(i, j) for i in n for j in n if i != j and sizes[i] == sizes[j]]
