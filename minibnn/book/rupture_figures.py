"""Figures of chapter 17: what gave the labels away, a blunt likelihood, when to ask."""

import numpy as np
from matplotlib.figure import Figure

from minibnn import datasets
from minibnn.book.colours import GRADIENT, LIKELIHOOD, PRIOR, Q
from minibnn.book.records import recorded
from minibnn.book.registry import figure
from minibnn.families.point import Point
from minibnn.likelihoods.bernoulli import bernoulli_nll
from minibnn.rupture.displaced_labels_figure import TWO
from minibnn.rupture.models import model
from minibnn.rupture.sigmoid_gaussian import sigmoid_gaussian_nll
from minibnn.svi.fit import fit

BLOCK = np.arange(100, 425)  # rows whose own labels stand 75 rows further down
LOST = 500  # first row after the labels that stand nowhere


def by_shift():
    """Log-likelihood of the block's labels, taken from 0 to 149 rows below."""
    data = datasets.rupture(rng=0, damage=True, labels="published").standardised()
    others = np.r_[0 : BLOCK[0], LOST : len(data.y)]
    line = model(sizes=(8, 1))
    how = {"start": "lbfgs", "max_steps": 200, "rng": 0}
    prediction = fit(line, Point(), data.X[others], data.y[others], **how).predict(
        data.X[BLOCK]
    )
    shifts = np.arange(150)
    scores = [prediction.log_prob(data.y[BLOCK + shift]).sum() for shift in shifts]
    return data.y, shifts, np.array(scores)


@figure("E33", tolerance=1e-3)
def displaced_labels(rng):
    """The copied labels above their originals, and the shift that the inputs want."""
    y, shifts, scores = by_shift()
    run = datasets.longest_repeated_label_run(y)
    rows = np.arange(run.start - 12, run.start + run.length + 12)
    drawn = Figure(figsize=(11, 6.4))
    top, low = drawn.subplots(2, 1, height_ratios=(1, 2.2))
    extent = (rows[0] - 0.5, rows[-1] + 0.5, -0.5, 1.5)
    bands = np.stack([y[rows - run.lag], y[rows]])
    top.imshow(bands, cmap=TWO, aspect="auto", extent=extent, interpolation="none")
    top.axhline(0.5, color="white", lw=8)
    ends = run.start - 0.5, run.start + run.length - 0.5
    top.vlines(ends, -0.5, 1.5, color=GRADIENT, lw=3)
    top.set_yticks([1, 0], [f"label of row - {run.lag}", "label of the row"])
    top.set_title("Without inputs: a stretch of labels repeats")
    top.set_xlabel("row as stored (blue: 1, grey: 0)")
    low.plot(shifts, scores, color=PRIOR)
    best = int(np.argmax(scores))
    low.plot(best, scores[best], "o", color=Q, ms=10)
    low.annotate(f"{best} rows", (best, scores[best]), (12, -5), textcoords="offset points")
    low.set(xlabel="labels taken from so many rows below",
            ylabel="log-likelihood of\nrows 100 to 424 (nats)")  # fmt: skip
    low.set_title("With inputs: labels of which rows fit the block?")
    return drawn, {"scores": scores, "bands": bands}


@figure("E33", "E37")
def blunt_likelihood(rng):
    """Loss and slope of one label 1: Bernoulli against least squares on labels."""
    f = np.linspace(-8, 6, 281)
    F, y, none = f[None, :, None], np.ones((len(f), 1), int), np.zeros((1, 1))
    slopes = {
        "Bernoulli": bernoulli_nll(F, y)[1].ravel(),
        "Normal(sigmoid(f), 1)": sigmoid_gaussian_nll(F, y, none)[1].ravel(),
    }
    m = 1 / (1 + np.exp(-f))
    drawn = Figure(figsize=(11, 4.8))
    left, right = drawn.subplots(1, 2)
    for (name, slope), style in zip(slopes.items(), ("-", "--"), strict=True):
        left.plot(f, slope, color=LIKELIHOOD, ls=style, label=name)
        curvature = (m * (1 - m)) ** (1 if style == "-" else 2)
        right.plot(f, curvature, color=LIKELIHOOD, ls=style, label=name)
    left.axhline(0, color=PRIOR, lw=1)
    left.set(xlabel="log odds f", ylabel="slope of the loss, label 1", ylim=(-1.05, 0.25))
    left.legend(loc="upper left")
    left.set_title("Sure and wrong: who is corrected?")
    right.set(xlabel="log odds f", ylabel="mean curvature of the loss", ylim=(0, 0.36))
    right.legend(loc="upper left")
    right.set_title("What one label is worth")
    return drawn, {name.split("(")[0]: slope for name, slope in slopes.items()}


MISSED, FALSE_ALARM, ASKED = 10.0, 1.0, 0.5  # costs


@figure("E33", "E81")
def ask_or_decide(rng):
    """Mean cost against the share that is asked: by expected cost, and by sd."""
    fresh = {name: np.array(v) for name, v in recorded("rupture_stand_in")["fresh"].items()}
    p, truth = fresh["p"], fresh["truth"]
    expected = np.minimum(MISSED * p, FALSE_ALARM * (1 - p))
    says_stop = MISSED * p < FALSE_ALARM * (1 - p)
    paid = np.where(says_stop, MISSED * truth, FALSE_ALARM * (1 - truth))
    share = np.arange(len(p) + 1) / len(p)
    drawn = Figure(figsize=(9, 5.4))
    ax = drawn.subplots()
    found = {}
    rules = {
        "expected cost": (expected, Q, "-"),
        "sd of p over draws": (fresh["sd"], PRIOR, "--"),
    }
    for name, (order, colour, style) in rules.items():
        kept = np.append(paid[np.argsort(-order, kind="stable")][::-1].cumsum()[::-1], 0.0)
        found[name] = kept / len(p) + ASKED * share
        ax.plot(share, found[name], color=colour, ls=style, label=f"ask by {name}")
    at = np.mean(expected > ASKED)
    ax.plot(at, np.interp(at, share, found["expected cost"]), "o", color=Q, ms=10,
            label="ask where the best decision costs > 0.5")  # fmt: skip
    ax.set(xlabel="share of ruptures that are asked", ylabel="mean cost of a rupture")
    ax.set(xlim=(0, 1), ylim=(0, None))
    ax.legend(loc="upper left")
    return drawn, {"by_cost": found["expected cost"], "by_sd": found["sd of p over draws"]}
