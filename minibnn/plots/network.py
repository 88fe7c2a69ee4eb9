"""A fitted network drawn: its units, its weights and how sure each is."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import CenteredNorm, LinearSegmentedColormap

from minibnn.nn.units import ALIVE, outgoing_ratios
from minibnn.plots.checks import labels
from minibnn.plots.look import BLUE, RED, axes
from minibnn.svi.result import FitResult
from minibnn.validation.arguments import check_instance
from minibnn.validation.doors import door

SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "#D0D0D0", RED])
SURE = 3.0  # |mean| / sd from which a weight is drawn without transparency


@door
def draw_network(result, ax=None, names=None, outputs=None):
    """Draw the units and weights of a fitted network; biases are left out.

    Colour and width of a line: posterior mean of the weight. Opacity: how sure its sign
    is, |mean| / sd, opaque from 3 on. Hidden units are sorted by the signal-to-noise
    ratio of their outgoing weights, strongest on top: their order in the network means
    nothing, because swapping two units changes no output. A unit whose outgoing weights
    all lie within 2 sd of zero has a pale ring.

    Parameters
    ----------
    result : FitResult
        One run, without replicas.
    names, outputs : sequences of str, optional
        Labels of the inputs and of the outputs.

    Returns
    -------
    Axes
        Its first collection holds the lines and can be given to a colour bar.
    """
    means, sds = weight_blocks(result)
    ax, net = axes(ax), result.model.net
    names = labels("names", names, [f"x{i}" for i in range(net.n_inputs)])
    outputs = labels("outputs", outputs, None, net.n_outputs)
    orders = unit_orders(means, sds)
    columns = [_column(x, len(order)) for x, order in enumerate(orders)]
    ax.add_collection(_weights(columns, orders, means, sds))
    for spots, alive in zip(columns, alive_units(means, sds, orders), strict=True):
        edge = np.where(alive, "#333333", "#BBBBBB")
        ax.scatter(
            *spots.T, s=170, c="white", edgecolors=edge, linewidths=1.8, zorder=3
        )
    _write(ax, columns[0], names, "right", -0.07)
    if outputs:
        _write(ax, columns[-1], outputs, "left", 0.07)
    ax.set_xlim(-0.1, len(orders) - 0.9)
    ax.set_ylim(-0.01, 1.01)
    ax.axis("off")
    return ax


@door
def weight_blocks(result):
    """Posterior means and sds of the weights, one (D, H) array per layer each."""
    check_instance("result", result, FitResult)
    net, q = result.model.net, result.q
    if q.mean.ndim != 1 or q.sigma is None:
        raise ValueError(
            "result must be one run of a family with standard deviations, got "
            f"{result.family!r} with means of shape {q.mean.shape}"
        )
    unpacked = (net.unpack(a[: net.n_weights]) for a in (q.mean, q.sigma))
    return [[W for W, _ in layers] for layers in unpacked]


@door
def unit_orders(means, sds):
    """Order of the units of every layer: inputs and outputs as they are, hidden units
    by the largest |mean| / sd of their outgoing weights."""
    hidden = [np.argsort(-r, kind="stable") for r in outgoing_ratios(means, sds)[1:]]
    return [np.arange(len(means[0])), *hidden, np.arange(means[-1].shape[1])]


@door
def alive_units(means, sds, orders):
    """Which units of every layer send on anything, drawn order; outputs always do."""
    ratios = [*outgoing_ratios(means, sds), np.full(means[-1].shape[1], np.inf)]
    return [r[order] > ALIVE for r, order in zip(ratios, orders, strict=True)]


def _column(x, count):
    """Positions (count, 2) of the units of a layer, from the top down."""
    y = 1 - (np.arange(count) + 0.5) / count
    return np.column_stack([np.full(count, float(x)), y])


def _weights(columns, orders, means, sds):
    """All weights as lines; the surest are drawn last, on top."""
    segments, mean, sd = [], [], []
    for layer, (m, s) in enumerate(zip(means, sds, strict=True)):
        pairs = np.ix_(orders[layer], orders[layer + 1])
        ends = [(a, b) for a in columns[layer] for b in columns[layer + 1]]
        segments += ends
        mean.append(m[pairs].ravel())
        sd.append(s[pairs].ravel())
    mean, sd = np.concatenate(mean), np.concatenate(sd)
    ratio = np.abs(mean) / sd
    top = np.argsort(ratio, kind="stable")
    return LineCollection(
        [segments[i] for i in top],
        array=mean[top],
        cmap=SIGNED,
        norm=CenteredNorm(halfrange=np.quantile(np.abs(mean), 0.98)),
        alpha=np.clip(ratio[top] / SURE, 0.07, 1.0),
        linewidths=0.6 + 3.4 * np.minimum(np.abs(mean[top]) / np.abs(mean).max(), 1),
        capstyle="round",
    )


def _write(ax, spots, words, side, shift):
    for (x, y), word in zip(spots, words, strict=True):
        ax.text(x + shift, y, word, ha=side, va="center")
