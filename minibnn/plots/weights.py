"""Densities of single weights: prior and posterior."""

import numpy as np
from scipy.stats import norm

from minibnn.plots.checks import indices, labels
from minibnn.plots.look import axes
from minibnn.plots.network import weight_blocks
from minibnn.priors.gaussian import GaussianPrior
from minibnn.validation.arguments import check_instance
from minibnn.validation.doors import door


@door
def prior_posterior(result, weights, ax=None, names=None):
    """Draw the prior density of some weights and what the data made of each.

    weights: indices into the flat weight vector; the prior is the one of the first.
    """
    weight_blocks(result)  # one run, with standard deviations
    ax, q, prior = axes(ax), result.q, result.model.prior
    check_instance("result.model.prior", prior, GaussianPrior)
    weights = indices("weights", weights, result.model.net.n_weights)
    names = labels("names", names, [f"w[{i}]" for i in weights])
    n = result.model.net.n_weights
    mean, scale = (a[weights[0]] for a in prior.mean_and_sd(n))
    low = min(mean - 3 * scale, np.min(q.mean[weights] - 4 * q.sigma[weights]))
    high = max(mean + 3 * scale, np.max(q.mean[weights] + 4 * q.sigma[weights]))
    w = np.linspace(low, high, 801)
    ax.fill_between(w, norm.pdf(w, mean, scale), color="#BBBBBB", lw=0, label="prior")
    for k, i in enumerate(weights):
        density = norm.pdf(w, q.mean[i], q.sigma[i])
        ax.plot(w, density, label=names[k])
    ax.set_ylim(0, None)
    ax.set_xlabel("weight")
    ax.set_ylabel("density")
    ax.legend()
    return ax
