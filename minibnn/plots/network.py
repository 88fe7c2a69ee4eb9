"""A fitted network drawn: its units, its weights and how sure each is."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import CenteredNorm, LinearSegmentedColormap
from numpy.typing import NDArray

from minibnn.nn.units import ALIVE, outgoing_ratios
from minibnn.plots.checks import labels
from minibnn.plots.look import BLUE, RED, Artists, Look, axes
from minibnn.svi.result import FitResult
from minibnn.validation.arguments import check_instance
from minibnn.validation.doors import door

SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "#D0D0D0", RED])
SURE = 3.0  # |mean| / sd from which a weight is drawn without transparency


@door
def draw_network(
    result: FitResult,
    *,
    names: Any = None,
    outputs: Any = None,
    ax: Axes | None = None,
) -> Artists:
    """Draw the units and weights of a fitted network; biases are left out.

    Colour and width of a line: mean of the weight under q. Opacity: how sure its sign
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
    ax : Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    dict
        "ax"; "weights" (LineCollection, which can be given to a colour bar); "units"
        (list of PathCollection, one for each layer); "names" and "outputs" (lists of
        Text).

    Raises
    ------
    ValueError
        A family without standard deviations, several runs, or the wrong number of names.

    Examples
    --------
    >>> import minibnn as mb
    >>> from matplotlib.figure import Figure
    >>> model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), mb.GaussianPrior())
    >>> X, y = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    >>> result = mb.fit(
    ...     model, mb.MeanField(), X, y, rng=0, max_steps=2, start=None
    ... )
    >>> drawn = mb.plots.draw_network(result, names=["a", "b"], ax=Figure().add_subplot())
    >>> len(drawn["weights"].get_segments())
    9
    """
    means, sds = weight_blocks(result)
    ax, net = axes(ax), result.model.net
    names = labels("names", names, [f"x{i}" for i in range(net.n_inputs)])
    outputs = labels("outputs", outputs, [], net.n_outputs)
    orders = unit_orders(means, sds)
    columns = [_column(x, len(order)) for x, order in enumerate(orders)]
    drawn: Artists = {"ax": ax, "units": []}
    drawn["weights"] = ax.add_collection(_weights(columns, orders, means, sds))
    size = 170 * min(1.0, 20 / max(net.sizes)) ** 2  # in points², so that none overlap
    for spots, alive in zip(columns, alive_units(means, sds, orders), strict=True):
        edge = np.where(alive, "#333333", "#BBBBBB")
        look: Look = dict(s=size, c="white", edgecolors=edge, linewidths=1.8, zorder=3)
        drawn["units"].append(ax.scatter(*spots.T, **look))
    drawn["names"] = _write(ax, columns[0], names, "right", -11)
    last = columns[-1][: len(outputs)]
    drawn["outputs"] = _write(ax, last, outputs, "left", 11)
    ax.set_xlim(-0.1, len(orders) - 0.9)
    ax.set_ylim(-0.01, 1.01)
    ax.axis("off")
    return drawn


@door
def weight_blocks(
    result: FitResult,
) -> list[list[NDArray[np.floating[Any]]]]:
    """Means and sds of the weights under q, one (D, H) array per layer each.

    Parameters
    ----------
    result : FitResult
        One run, without replicas, of a family with standard deviations.

    Returns
    -------
    list of two lists of arrays (D, H)
        Means, then standard deviations; biases are left out.

    Raises
    ------
    ValueError
        A family without standard deviations, or several runs.

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), mb.GaussianPrior())
    >>> X, y = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    >>> result = mb.fit(
    ...     model, mb.MeanField(), X, y, rng=0, max_steps=2, start=None
    ... )
    >>> means, sds = mb.plots.weight_blocks(result)
    >>> [m.shape for m in means]
    [(2, 3), (3, 1)]
    """
    net, q = check_instance("result", result, FitResult).model.net, result.q
    if q.sigma is None:
        raise ValueError(
            "result must be of a family with standard deviations, got "
            f"{result.family!r}: fit with MeanField() or FullCovariance()"
        )
    if q.mean.ndim != 1:
        one = "at(context)" if result.family.tasks else "replica(i)"
        raise ValueError(
            f"result must be one run, got {len(q.mean)}: draw result.{one}"
        )
    unpacked = (net.unpack(a[: net.n_weights]) for a in (q.mean, q.sigma))
    return [[W for W, _ in layers] for layers in unpacked]


@door
def unit_orders(means: Any, sds: Any) -> list[NDArray[np.intp]]:
    """In which order the units of every layer are drawn, from the top down.

    Inputs and outputs as they are, hidden units by the largest |mean| / sd of their
    outgoing weights.

    Parameters
    ----------
    means, sds : lists of arrays (D, H)
        What ``weight_blocks`` returns.

    Returns
    -------
    list of arrays
        Indices of the units, a layer each.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> means = [np.ones((1, 2)), np.array([[0.1], [3.0]])]
    >>> sds = [np.ones((1, 2)), np.ones((2, 1))]
    >>> [order.tolist() for order in mb.plots.unit_orders(means, sds)]
    [[0], [1, 0], [0]]
    """
    hidden = [np.argsort(-r, kind="stable") for r in outgoing_ratios(means, sds)[1:]]
    return [np.arange(len(means[0])), *hidden, np.arange(means[-1].shape[1])]


@door
def alive_units(means: Any, sds: Any, orders: Any) -> list[NDArray[np.bool_]]:
    """Which units of every layer send on anything; outputs always do.

    Parameters
    ----------
    means, sds : lists of arrays (D, H)
        What ``weight_blocks`` returns.
    orders : list of arrays
        What ``unit_orders`` returns.

    Returns
    -------
    list of arrays of bool
        In the order drawn: whether an outgoing weight lies 2 sd or more from zero.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> means = [np.ones((1, 2)), np.array([[0.1], [3.0]])]
    >>> sds = [np.full((1, 2), 0.1), np.ones((2, 1))]
    >>> orders = mb.plots.unit_orders(means, sds)
    >>> [alive.tolist() for alive in mb.plots.alive_units(means, sds, orders)]
    [[True], [True, False], [True]]
    """
    ratios = [*outgoing_ratios(means, sds), np.full(means[-1].shape[1], np.inf)]
    return [r[order] > ALIVE for r, order in zip(ratios, orders, strict=True)]


def _column(x: float, count: int) -> NDArray[np.float64]:
    """Positions (count, 2) of the units of a layer, from the top down."""
    y = 1 - (np.arange(count) + 0.5) / count
    return np.column_stack([np.full(count, float(x)), y])


def _weights(columns: Any, orders: Any, means: Any, sds: Any) -> LineCollection:
    """All weights as lines; the surest are drawn last, on top."""
    segments, all_means, all_sds = [], [], []
    for layer, (m, s) in enumerate(zip(means, sds, strict=True)):
        pairs = np.ix_(orders[layer], orders[layer + 1])
        ends = [(a, b) for a in columns[layer] for b in columns[layer + 1]]
        segments += ends
        all_means.append(m[pairs].ravel())
        all_sds.append(s[pairs].ravel())
    mean, sd = np.concatenate(all_means), np.concatenate(all_sds)
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


def _write(ax: Axes, spots: Any, words: Any, side: Any, shift: float) -> list[Any]:
    """Words beside units, ``shift`` points from their middle."""
    beside = dict(xytext=(shift, 0), textcoords="offset points", ha=side, va="center")
    pairs = zip(words, spots, strict=True)
    return [ax.annotate(word, spot, **beside) for word, spot in pairs]
