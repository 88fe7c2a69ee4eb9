"""Densities of single weights: prior and q."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from minibnn.plots.checks import indices, labels
from minibnn.plots.look import BLUE, CYCLE, PALE, Artists, Look, axes, legend
from minibnn.plots.network import weight_blocks
from minibnn.priors.gaussian import gaussian_log_density
from minibnn.svi.result import FitResult
from minibnn.types import ArrayLike
from minibnn.validation.doors import door

REACH = np.linspace(-5, 5, 201)  # standard deviations that are drawn of a q
TALLEST = 6.0  # times the prior's height: a surer q leaves the picture


@door
def prior_posterior(
    result: FitResult,
    weights: ArrayLike | None = None,
    *,
    names: Any = None,
    ax: Axes | None = None,
) -> Artists:
    """Draw the prior density of some weights and what the data made of each.

    Up to seven weights have a colour and a name each. Of more, all are thin and blue. A
    q that is much narrower than the prior is cut off at the top.

    Parameters
    ----------
    result : FitResult
        One run, without replicas, of a family with standard deviations.
    weights : indices (k,), optional
        Which entries of the flat weight vector; by default all weights of the network.
    names : sequence of k str, optional
        By default "w[0]" and so on.
    ax : Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    dict
        "ax"; "priors" (list of PolyCollection, one for each prior that differs);
        "posteriors" (list of Line2D: q of each weight).

    Raises
    ------
    ValueError
        A point, several runs, or a weight that is not there.

    Examples
    --------
    >>> import minibnn as mb
    >>> from matplotlib.figure import Figure
    >>> model = mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), mb.GaussianPrior())
    >>> X, y = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    >>> result = mb.fit(
    ...     model, mb.MeanField(), X, y, rng=0, max_steps=2, start=None
    ... )
    >>> drawn = mb.plots.prior_posterior(result, [0, 3], ax=Figure().add_subplot())
    >>> [line.get_label() for line in drawn["posteriors"]]
    ['w[0]', 'w[3]']
    """
    weight_blocks(result)  # one run, with standard deviations
    q, prior, n = result.q, result.model.prior, result.model.net.n_weights
    chosen = np.arange(n) if weights is None else indices("weights", weights, n)
    names = labels("names", names, [f"w[{i}]" for i in chosen])
    ax = axes(ax)
    drawn: Artists = {"ax": ax, "priors": [], "posteriors": []}
    priors = _distinct(prior, chosen, n)
    mean, sigma = q.mean[chosen], q.sigma[chosen]
    w = _range(priors, mean, sigma)
    for k, one in enumerate(priors):
        density = np.exp(one.log_prob(w[:, None])[0])
        look: Look = dict(color=PALE, alpha=0.8 / len(priors), lw=0)
        label = None if k else "prior" + "s" * (len(priors) > 1)
        drawn["priors"].append(ax.fill_between(w, density, label=label, **look))
    highest, many = ax.dataLim.y1, len(chosen) > len(CYCLE)
    for k, (m, s) in enumerate(zip(mean, sigma, strict=True)):
        near = m + s * REACH
        label, look = names[k], dict(color=CYCLE[k % len(CYCLE)])
        if many:
            label = None if k else f"q of {len(chosen)} weights"
            look = dict(color=BLUE, lw=0.8, alpha=0.4)
        density = np.exp(gaussian_log_density(near, m, s)[0])
        drawn["posteriors"] += ax.plot(near, density, label=label, **look)
    ax.set_xlim(w[0], w[-1])
    tall = ax.dataLim.y1 > TALLEST * highest
    ax.set_ylim(0, 1.05 * (TALLEST * highest if tall else ax.dataLim.y1))
    ax.set_xlabel("weight")
    ax.set_ylabel("density (peaks cut off)" if tall else "density")
    legend(ax)
    return drawn


def _distinct(prior: Any, chosen: Any, n: int) -> list[Any]:
    """The priors of the chosen weights, each of one weight and each once."""
    rows = np.column_stack(prior.mean_and_sd(n))[chosen]
    _, first = np.unique(rows, axis=0, return_index=True)
    return [_of_weight(prior, chosen[i]) for i in np.sort(first)]


def _of_weight(prior: Any, i: int) -> Any:
    """A prior with numbers for every weight, as that of weight i alone."""
    one = copy(prior)
    for name, value in vars(prior).items():
        if np.ndim(value) == 1:
            setattr(one, name, value[i])
    return one


def _range(priors: Any, mean: Any, sigma: Any) -> NDArray[np.float64]:
    """Where all densities have most of their mass."""
    m0, s0 = np.array([one.mean_and_sd(1) for one in priors])[..., 0].T
    low = min(np.min(m0 - 3 * s0), np.min(mean - 4 * sigma))
    high = max(np.max(m0 + 3 * s0), np.max(mean + 4 * sigma))
    return np.linspace(low, high, 801)
