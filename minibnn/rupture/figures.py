"""The figures of the rupture study, one function each: ``study -> Figure``."""

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure

from minibnn import plots
from minibnn.rupture.claims import IMPORTANCE_OF
from minibnn.rupture.displaced_labels_figure import displacement
from minibnn.rupture.unit_cost import ALIVE, unit_costs

STYLE = "minibnn.book"
COLOURS = {"hmc": plots.BLUE, "mf": plots.RED, "recipe": plots.ORANGE}
WORDS = {"hmc": "HMC", "mf": "mean field", "recipe": "published recipe"}
MARKS = {"hmc": "o", "mf": "s", "recipe": "^"}


def panels(*shape, size=(16, 9), **options):
    """A figure and its axes."""
    figure = Figure(figsize=size)
    return figure, figure.subplots(*shape, **options)


def headline(figure, text):
    """A line above all panels."""
    figure.suptitle(text, x=0.01, ha="left", size=15)


def best(study):
    """The mean-field fit that pictures show: the best restart of the first seed."""
    return study.rows["best"].predictors[0]


# --- weights -------------------------------------------------------------------------


def network(study):
    """The network, and what the likelihood loses if a hidden unit is removed."""
    result = best(study)
    figure, ax = panels(size=(16, 9))
    names = study.dataset.names
    drawn = plots.draw_network(result, names=names, outputs=["through"], ax=ax)
    cost = unit_costs(result, study.dataset.X, study.dataset.y)
    means, sds = plots.weight_blocks(result)
    order = plots.unit_orders(means, sds)[1]
    alive = cost[order] > ALIVE
    spots = drawn["units"][1].get_offsets()  # the hidden units, from the top down
    edge = np.where(alive, "#333333", "#BBBBBB")
    ax.scatter(*spots.T, s=900, c="white", edgecolors=edge, linewidths=2, zorder=4)
    for (x, y), unit, on in zip(spots, order, alive, strict=True):
        text = f"{cost[unit]:.0f}" if on else "×"
        colour = "#222222" if on else "#999999"
        ax.text(x, y, text, ha="center", va="center", size=11, color=colour, zorder=5)
    ax.set_title(
        f"{alive.sum()} of {len(order)} hidden units are alive: the number is the "
        "log-likelihood (nats) lost when the unit is removed,\n× at most 1 nat. "
        "Units sorted by |mean| / sd of the outgoing weight; lines: colour and width "
        "mean, opacity |mean| / sd"
    )
    bar = ax.inset_axes([0.3, -0.03, 0.4, 0.018])
    figure.colorbar(drawn["weights"], cax=bar, orientation="horizontal")
    bar.set_xlabel("posterior mean of a weight")
    return figure


def weights(study):
    """Prior against posterior: the weights into the strongest unit and a dead one."""
    result, names = best(study), list(study.dataset.names)
    figure, (left, right) = panels(1, 2, size=(16, 7))
    means, sds = plots.weight_blocks(result)
    order = plots.unit_orders(means, sds)[1]
    cost = unit_costs(result, study.dataset.X, study.dataset.y)
    for ax, unit, head in (
        (left, order[0], "Into the strongest unit"),
        (right, order[-1], "Into the weakest unit"),
    ):
        width = means[0].shape[1]
        into = unit + width * np.array([names.index(n) for n in SHOWN])
        plots.prior_posterior(result, into, names=SHOWN, ax=ax)
        ax.set_title(f"{head}: removing it costs {max(cost[unit], 0):.0f} nats")
        ax.set_xlabel("weight of a standardised input")
    return figure


SHOWN = ["sxy", "syy", "mud", "drop", "dc"]


# --- predictions ---------------------------------------------------------------------


def telling_cases(prediction, count=6):
    """Indices of test ruptures from surely stopped to surely through: evenly in p."""
    wanted = np.linspace(0.02, 0.98, count)
    order = np.argsort(prediction.mean)
    spots = np.searchsorted(prediction.mean[order], wanted)
    return np.unique(order[np.clip(spots, 0, len(order) - 1)])[:count]


def single_ruptures(study):
    """How the probability of single ruptures is distributed over networks."""
    y, reference = study.dataset.y_test, study.predictions["hmc"][0]
    cases = telling_cases(reference, 7)
    cases = cases[np.argsort(reference.mean[cases])]
    figure, axes = panels(1, 3, size=(16, 9), sharey=True)
    headline(
        figure,
        "Seven test ruptures: how P(through) spreads over the sampled networks. Black "
        "tick: the mean, which is the prediction. Orange broke through",
    )
    for ax, key in zip(axes, IMPORTANCE_OF, strict=True):
        prediction = study.predictions[key][0]
        names = [f"{i}: {'through' if y[i] else 'stopped'}" for i in cases]
        plots.predictive_histogram(prediction, cases, y, names=names, ax=ax)
        ax.set_title(WORDS[key][0].upper() + WORDS[key][1:])
        ax.set_xlabel("P(through) under each network")
    return figure


def uncertainty(study):
    """Disagreement of the networks against their mean, right and wrong answers."""
    y = study.dataset.y_test
    figure, axes = panels(1, 3, size=(16, 7), sharey=True, sharex=True)
    headline(figure, "How far the networks disagree about every test rupture")
    for ax, key in zip(axes, IMPORTANCE_OF, strict=True):
        p = study.predictions[key][0]
        wrong = (p.mean > 0.5) != y
        right = dict(s=22, c=plots.BLUE, alpha=0.5, lw=0, label="right")
        ax.scatter(p.mean[~wrong], p.std[~wrong], **right)
        bad = dict(s=60, c=plots.RED, marker="x", label=f"wrong ({wrong.sum()})")
        ax.scatter(p.mean[wrong], p.std[wrong], **bad)
        ax.axvline(0.5, color="#999999", lw=1)
        ax.set_title(WORDS[key][0].upper() + WORDS[key][1:])
        ax.set_xlabel("mean of P(through)")
        ax.legend(loc="upper left")
    axes[0].set_ylabel("sd of P(through) over networks")
    axes[0].set_ylim(0, None)
    return figure


def importance(study):
    """Permutation importance, and how many shuffled rows are impossible."""
    found = study.claims["importance"]
    names, n = np.array(found["names"]), len(found["names"])
    order = np.argsort(found["hmc"]["drop"])
    figure, (ax, side) = panels(
        1, 2, size=(16, 8), sharey=True, gridspec_kw={"width_ratios": [3, 1]}
    )
    for k, key in enumerate(IMPORTANCE_OF):
        y = np.arange(n) + 0.22 * (1 - k)
        drop, sd = found[key]["drop"][order], found[key]["sd"]
        error = None if sd is None else sd[order]
        style_of = dict(fmt=MARKS[key], color=COLOURS[key], ms=9, capsize=4)
        ax.errorbar(drop, y, xerr=error, label=WORDS[key], **style_of)
    ax.axvline(0, color="#999999", lw=1)
    ax.set_yticks(np.arange(n), names[order])
    ax.set_xlabel("drop in weighted F1 when shuffled (bar: sd over seeds)")
    ax.set_title("What the networks rely on")
    ax.legend(loc="lower right")
    side.barh(np.arange(n), found["impossible"][order], 0.5, color="#BBBBBB")
    side.set_xlim(0, 1)
    side.set_xlabel("share of shuffled rows")
    side.set_title("Caveat: impossible inputs")
    return figure


def reliability(study):
    """Given 70 %, do 70 % break through?"""
    figure, axes = panels(1, 3, size=(16, 6.8), sharey=True)
    headline(figure, "Of the test ruptures given 70 %, do 70 % break through?")
    for ax, key in zip(axes, IMPORTANCE_OF, strict=True):
        p = study.predictions[key][0].mean
        plots.reliability(study.dataset.y_test, p, ax=ax)
        ece = study.scores[key]["ece"][0]
        ax.set_title(f"{WORDS[key][0].upper() + WORDS[key][1:]}: ECE {ece:.3f}")
        if key != IMPORTANCE_OF[0]:
            ax.set_ylabel("")
    return figure


def against_hmc(study):
    """Every approximation against the reference, rupture by rupture."""
    y, reference = study.dataset.y_test, study.predictions["hmc"][0].mean
    figure, axes = panels(2, 3, size=(16, 10.5), sharex=True, sharey=True)
    keys = ("recipe", "mle", "map", "ensemble", "mf", "cov")
    for ax, key in zip(axes.flat, keys, strict=True):
        p = study.predictions[key][0].mean
        ax.plot([0, 1], [0, 1], color="#999999", lw=1)
        for k, colour, mark in ((0, plots.BLUE, "o"), (1, plots.RED, "^")):
            dots = dict(s=20, c=colour, marker=mark, alpha=0.6, lw=0)
            ax.scatter(reference[y == k], p[y == k], **dots)
        name, far = study.rows[key].name, study.scores[key]["distance"][0]
        ax.set_title(f"{name[0].upper() + name[1:]}: {far:.3f}")
    for ax in axes[-1]:
        ax.set_xlabel("p of HMC")
    for ax in axes[:, 0]:
        ax.set_ylabel("p of the model")
    floor = study.reference["floor"]
    headline(
        figure,
        "Mean |p - p_HMC| over the test ruptures, first seed. Two halves of the chains "
        f"differ by {floor:.4f}. Orange triangles broke through",
    )
    return figure


# --- all of them ---------------------------------------------------------------------

FIGURES = {
    "displacement": (displacement, "Repeated labels, and the shift that undoes them"),
    "network": (network, "The network with its posterior, dead hidden units crossed"),
    "weights": (weights, "Prior and posterior of weights into two hidden units"),
    "single_ruptures": (single_ruptures, "Distribution of p for single ruptures"),
    "uncertainty": (uncertainty, "Disagreement of the networks against their mean"),
    "importance": (importance, "Permutation importance and its impossible inputs"),
    "reliability": (reliability, "Observed frequency against predicted probability"),
    "against_hmc": (against_hmc, "Every approximation against HMC"),
}


def write_figures(study, folder, say=None):
    """Write every figure as SVG and PNG; returns the names of the files."""
    names = []
    for name, (draw, _) in FIGURES.items():
        with style.context(STYLE):
            figure = draw(study)
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
            figure.savefig(folder / f"{name}.png", metadata={"Software": None})
        names += [f"{name}.svg", f"{name}.png"]
        if say:
            say(f"figure {name}")
    return names
