"""Pictures of Markov chains: where they have been, and whether they agree."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.special import ndtr

from minibnn.mcmc.chains import Chains
from minibnn.mcmc.r_hat import LEAST_DRAWS, r_hat, rank_normalise
from minibnn.metrics import MOST_BINS
from minibnn.plots.binomial import binomial_band
from minibnn.plots.checks import indices, labels
from minibnn.plots.look import CYCLE, LINE, PALE, Artists, Look, panels
from minibnn.types import ArrayLike, FloatArray
from minibnn.validation.arguments import (
    as_inputs,
    check_instance,
    check_int,
    check_rows,
)
from minibnn.validation.doors import door

SHOWN = 4  # quantities, where none are chosen
TALL = 0.85  # of the room of a chain


@door
def trace(
    chains: Chains,
    X: ArrayLike | None = None,
    *,
    which: ArrayLike | None = None,
    names: Any = None,
    ax: Any = None,
) -> Artists:
    """Draw the draws of every chain in their order, a panel for each quantity.

    Chains that have forgotten where they began look alike and like noise; a chain that
    stays by itself, drifts or stands still has not. Ticks at the foot are divergences.
    The lines are labelled: ``drawn["ax"][0].legend()`` tells which chain is which.
    Hidden units may swap places, so judge by the outputs at X rather than by weights.

    Parameters
    ----------
    chains : Chains
        What ``hmc`` returned.
    X : array (N, D), optional
        Look at the network outputs at these rows; by default at the weights.
    which : indices (k,), optional
        Which weights, or which outputs; by default the four on which the chains agree
        least, by R-hat, the worst first.
    names : sequence of k str, optional
        By default "w[5]", "f(X[5])", and with several outputs "f(X[5])[1]".
    ax : sequence of k Axes, optional
        Where to draw, one for each quantity; by default a new figure of pyplot.

    Returns
    -------
    dict
        "ax" (list of k Axes); "chains" (k lists of Line2D, one for each chain);
        "divergences" (list of k Line2D), where there are any.

    Raises
    ------
    ValueError
        A quantity that is not there, or another number of axes than of quantities.

    Examples
    --------
    >>> import minibnn as mb
    >>> from matplotlib.figure import Figure
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 1.2, 1.8]
    >>> chains = mb.hmc(model, X, y, rng=0, n_chains=2, n_draws=20, n_warmup=20)
    >>> drawn = mb.plots.trace(chains, which=[0, 1], ax=Figure().subplots(2, 1))
    >>> [ax.get_ylabel() for ax in drawn["ax"]]
    ['w[0]', 'w[1]']
    """
    draws, names = _quantities(chains, X, which, names)
    axes = panels(ax, len(names), 1.3)
    diverging = np.nonzero(chains.stats["diverging"].any(axis=0))[0]
    drawn: Artists = {"ax": axes, "chains": [], "divergences": []}
    for k, one in enumerate(axes):
        lines = []
        for c, values in enumerate(draws[..., k]):
            look: Look = dict(color=CYCLE[c % len(CYCLE)], lw=0.7, alpha=0.8)
            lines += one.plot(values, label=f"chain {c}", **look)
        drawn["chains"].append(lines)
        if len(diverging):
            foot: Look = dict(ls="", marker="|", color="k", ms=12)
            foot["transform"] = one.get_xaxis_transform()
            drawn["divergences"] += one.plot(diverging, 0 * diverging, **foot)
        one.set_ylabel(names[k])
        _say_agreement(one, draws[..., k])
    axes[-1].set_xlabel("draw")
    return drawn


@door
def rank(
    chains: Chains,
    X: ArrayLike | None = None,
    *,
    which: ArrayLike | None = None,
    names: Any = None,
    n_bins: int = 20,
    ax: Any = None,
) -> Artists:
    """Draw the histogram of the ranks of every chain's draws among those of all chains.

    If the chains agree each histogram is flat. One that leans says that its chain lies
    higher or lower than the others; a hump or a bowl, that it is narrower or wider. The
    band holds 95 % of the bars of independent draws; those of a chain are not quite
    independent, so a few more leave it.

    Parameters
    ----------
    chains : Chains
        Two chains or more.
    X : array (N, D), optional
        Look at the network outputs at these rows; by default at the weights.
    which : indices (k,), optional
        Which weights, or which outputs; by default the four on which the chains agree
        least, by R-hat, the worst first.
    names : sequence of k str, optional
        By default as ``trace`` names them.
    n_bins : int
        Bins of each histogram.
    ax : sequence of k Axes, optional
        Where to draw, one for each quantity; by default a new figure of pyplot.

    Returns
    -------
    dict
        "ax" (list of k Axes); "chains" (k lists of StepPatch, one for each chain).

    Raises
    ------
    ValueError
        One chain alone, a quantity that is not there, or another number of axes.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021, sec. 4.2.

    Examples
    --------
    >>> import minibnn as mb
    >>> from matplotlib.figure import Figure
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 1.2, 1.8]
    >>> chains = mb.hmc(model, X, y, rng=0, n_chains=2, n_draws=20, n_warmup=20)
    >>> drawn = mb.plots.rank(chains, X, which=[2], ax=Figure().add_subplot())
    >>> drawn["ax"][0].get_title(loc="left")
    'f(X[2])'
    """
    draws, names = _quantities(chains, X, which, names)
    n_bins = check_int("n_bins", n_bins, maximum=MOST_BINS)
    if len(draws) < 2:
        raise ValueError("chains must be at least 2, got 1: its ranks are always flat")
    axes = panels(ax, len(names), 1.7)
    drawn: Artists = {"ax": axes, "chains": []}
    for k, one in enumerate(axes):
        drawn["chains"].append(_ranks(one, draws[..., k], n_bins))
        one.set_title(names[k], loc="left", fontsize="medium")
        _say_agreement(one, draws[..., k])
    axes[-1].set_xlabel("rank among all chains, 0 to 1")
    return drawn


def _quantities(
    chains: Chains, X: Any, which: Any, names: Any
) -> tuple[FloatArray, list[str]]:
    """Draws (chain, draw, k) of what is looked at, and the k names."""
    check_instance("chains", chains, Chains, "what hmc(...) returned")
    if X is None:
        values = chains.weights
    else:
        values = chains.outputs(check_rows("X", as_inputs(X)))
    known = _names(values.shape[2:], X is None)
    draws = values.reshape(*values.shape[:2], -1)
    if which is None:
        which = np.argsort(-r_hat(draws), kind="stable")[:SHOWN]
    which = indices("which", which, len(known))
    return draws[..., which], labels("names", names, [known[i] for i in which])


def _names(shape: tuple[int, ...], weights: bool) -> list[str]:
    """The names of all weights, or of the outputs at all rows."""
    if weights:
        return [f"w[{i}]" for i in range(shape[0])]
    rows = [f"f(X[{i}])" for i in range(shape[0])]
    if len(shape) == 1:
        return rows
    return [f"{row}[{c}]" for row in rows for c in range(shape[1])]


def _say_agreement(ax: Axes, draws: FloatArray) -> None:
    """R-hat above the panel, where there are draws enough to know it."""
    if draws.shape[1] >= LEAST_DRAWS:
        ax.set_title(f"R-hat {r_hat(draws):.3f}", loc="right", fontsize="medium")


def _ranks(ax: Axes, draws: FloatArray, n_bins: int) -> list[Any]:
    """A histogram for each chain, the first on top, with what is expected."""
    count, n = draws.shape
    places, edges = ndtr(rank_normalise(draws)), np.linspace(0, 1, n_bins + 1)
    heights = np.array([np.histogram(one, edges)[0] for one in places]) / n
    low, high = (b[0] for b in binomial_band(np.full(1, 1 / n_bins), n))
    unit = TALL / max(heights.max(), high)
    made = []
    for c, height in enumerate(heights):
        base = count - 1 - c
        colour = CYCLE[c % len(CYCLE)]
        band = base + unit * low, base + unit * high
        ax.fill_between([0, 1], *band, color=PALE, alpha=0.7, lw=0)
        look: Look = dict(baseline=base, fill=True, color=colour, alpha=0.55)
        made.append(ax.stairs(base + unit * height, edges, **look))
        ax.plot([0, 1], [base + unit / n_bins] * 2, color="k", lw=0.8, ls="--")
        ax.plot([0, 1], [base, base], color=LINE, lw=0.8)
    ax.set(xlim=(0, 1), ylim=(0, count))
    ax.set_yticks(np.arange(count)[::-1] + 0.4, [f"chain {c}" for c in range(count)])
    ax.tick_params(axis="y", length=0)
    return made
