"""Pictures of a fitted network. Every function draws on ``ax`` and returns it.

``ax=None`` takes the current axes. Nothing is shown, saved or set for other figures;
for the look of the book use ``matplotlib.style.context("minibnn.book")``. Colours are
those of Okabe and Ito, told apart with every kind of colour vision.
"""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import CenteredNorm, LinearSegmentedColormap
from scipy.stats import norm

from minibnn.exact.conjugate import GaussianPrediction
from minibnn.metrics import MOST_BINS, reliability_curve
from minibnn.plots.checks import indices, labels, points_of
from minibnn.prediction.prediction import Prediction
from minibnn.priors.gaussian import GaussianPrior
from minibnn.svi.result import FitResult
from minibnn.validation.arguments import (
    as_float_array,
    as_vector,
    check_all,
    check_axes,
    check_instance,
    check_int,
    check_shape,
)
from minibnn.validation.doors import door

BLUE, RED, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY, GREY = "#CC79A7", "#E69F00", "#56B4E9", "#777777"
SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "#D0D0D0", RED])
SURE = 3.0  # |mean| / sd from which a weight is drawn without transparency
ALIVE = 2.0  # largest outgoing |mean| / sd above which a unit counts as used


@door
def axes(ax=None):
    """Return ax, or the current axes of pyplot."""
    if ax is None:
        from matplotlib import pyplot as plt

        return plt.gca()
    return check_axes(ax)


# --- the network ---------------------------------------------------------------------


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
def outgoing_ratios(means, sds):
    """Largest |mean| / sd among the outgoing weights of every unit, layer by layer."""
    return [np.max(np.abs(m) / s, axis=1) for m, s in zip(means, sds, strict=True)]


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


# --- training ------------------------------------------------------------------------


@door
def running_mean(values, window):
    """Mean over the last ``window`` steps, from the first full window on."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    return (total[window:] - total[:-window]) / window


@door
def elbo_curve(result, ax=None, window=50):
    """Draw the ELBO estimate of every step, its running mean, and the final ELBO."""
    ax, elbo = axes(ax), check_instance("result", result, FitResult).history["elbo"]
    if elbo.ndim != 1:
        raise ValueError("result must be one run: take result.replica(i)")
    steps = np.arange(1, len(elbo) + 1)
    window = min(check_int("window", window), len(elbo))
    mean = running_mean(elbo, window)
    ax.plot(steps, elbo, color=SKY, lw=0.7, alpha=0.6, label="one noise a step")
    ax.plot(steps[window - 1 :], mean, color=BLUE, label=f"mean of {window} steps")
    if result.elbo is not None:
        final = f"fresh noise: {result.elbo:.1f} ± {result.elbo_se:.1f}"
        final = final.replace("-", "\N{MINUS SIGN}")
        ax.axhline(result.elbo, color=RED, ls="--", lw=1.5, label=final)
    low, high = np.quantile(elbo, [0.02, 0.999])
    ax.set_ylim(low - 0.45 * (high - low), high + 0.1 * (high - low))
    ax.set_xlabel("step")
    ax.set_ylabel("ELBO (nats)")
    ax.legend(loc="lower right")
    return ax


# --- prediction ----------------------------------------------------------------------


@door
def predictive_histogram(samples, ax=None, y=None, names=None, n_bins=40):
    """Draw, one above the other, how a probability is distributed over networks.

    samples (S, n): p of n cases under S weight samples; y (n,): labels that colour
    them; names: a label for each. The tick on each base line is the mean of p.
    """
    ax, samples = axes(ax), as_float_array("samples", samples, ndim=2)
    check_all("samples", samples, (samples >= 0) & (samples <= 1), "in [0, 1]")
    n = samples.shape[1]
    if y is not None:
        y = as_float_array("y", y, shape=(n,), allow_bool=True)
    names = labels("names", names, [f"{i}" for i in range(n)])
    edges = np.linspace(0, 1, check_int("n_bins", n_bins, maximum=MOST_BINS) + 1)
    for i in range(n):
        base = n - 1 - i
        height, _ = np.histogram(samples[:, i], edges)
        height = 0.78 * height / height.max()
        color = GREY if y is None else (RED if y[i] else BLUE)
        ax.stairs(
            base + height, edges, baseline=base, fill=True, color=color, alpha=0.75
        )
        ax.plot([0, 1], [base, base], color="#999999", lw=0.8)
        ax.plot(
            2 * [samples[:, i].mean()], [base - 0.1, base + 0.05], color="k", lw=2.5
        )
    ax.set_yticks(np.arange(n)[::-1] + 0.2, names)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.15, n - 0.05)
    return ax


@door
def reliability(y, p, ax=None, n_bins=10):
    """Draw observed frequency against predicted probability, with 95 % bars.

    A bar holds the frequencies that 95 % of data sets would show if the prediction were
    right (binomial, by the normal approximation): a dot outside its bar is a sign of
    wrong confidence. The area of a dot grows with the number of cases.
    """
    ax, curve = axes(ax), reliability_curve(y, p, n_bins)
    spread = 1.96 * np.sqrt(curve.predicted * (1 - curve.predicted) / curve.count)
    low = np.clip(curve.predicted - spread, 0, 1)
    high = np.clip(curve.predicted + spread, 0, 1)
    ax.plot([0, 1], [0, 1], color="#999999", lw=1)
    ax.vlines(
        curve.predicted, low, high, color="#BBBBBB", lw=5, label="95 % if calibrated"
    )
    size = 25 + 200 * curve.count / curve.count.max()
    ax.scatter(curve.predicted, curve.observed, size, BLUE, zorder=3, label="observed")
    ax.set_xlim(-0.04, 1.04)
    ax.set_ylim(-0.04, 1.04)
    ax.set_xlabel("predicted probability")
    ax.set_ylabel("observed frequency")
    ax.legend(loc="upper left", markerscale=0.6)
    return ax


@door
def band(x, prediction, ax=None, data=None, truth=None):
    """Draw a one-dimensional regression with its two kinds of uncertainty.

    x (n,): inputs in increasing order; prediction: a ``Prediction`` at them; data: a
    pair (x, y) of arrays; truth (n,): the curve behind the data.
    """
    kinds = Prediction, GaussianPrediction
    ax, mean = axes(ax), check_instance("prediction", prediction, kinds).mean
    x = check_shape("x", as_vector("x", x), mean.shape)
    if truth is not None:
        truth = as_float_array("truth", truth, shape=mean.shape)
    if data is not None:
        data = points_of(data)
    epistemic, total = np.sqrt(prediction.epistemic), prediction.std
    outer = dict(color=SKY, alpha=0.35, lw=0, label="± 2 sd of y (with noise)")
    inner = dict(color=BLUE, alpha=0.4, lw=0, label="± 2 sd of f (epistemic)")
    ax.fill_between(x, mean - 2 * total, mean + 2 * total, **outer)
    ax.fill_between(x, mean - 2 * epistemic, mean + 2 * epistemic, **inner)
    ax.plot(x, mean, color=BLUE, label="mean")
    if truth is not None:
        ax.plot(x, truth, color=RED, ls="--", lw=1.5, label="truth")
    if data is not None:
        ax.plot(*data, "o", color="k", ms=4, label="data")
    ax.set_xlabel("x")
    ax.set_ylabel("y")
    return ax


# --- weights -------------------------------------------------------------------------


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
