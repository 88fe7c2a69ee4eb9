"""Every family, likelihood, prior and estimator, where nothing is special."""

import re

import numpy as np
from support.likelihoods import LIKELIHOODS, targets_of

import minibnn as mb
from minibnn import estimators, families, priors

B, D, N_DATA, S, KL_WEIGHT, TASKS = 4, 2, 7, 3, 0.7, 2


def name_of(estimator, hidden, activation):
    """As the table calls it."""
    network = ", one ReLU layer" if hidden else ", linear"
    name = repr(estimator).replace("()", "").replace("(antithetic=True)", " antithetic")
    return name + network * estimator.exact


PRIORS = {c.__name__.removesuffix("Prior"): c.examples(1)[0] for c in priors.ALL}
ESTIMATORS = {  # name -> (estimator, hidden layers, activation)
    name_of(*example): example
    for cls in estimators.ALL
    for example in sorted(cls.examples(), key=lambda example: len(example[1]))
} | {"Exact, one tanh layer": (mb.Exact(), (3,), "tanh")}
FAMILIES = tuple(cls.__name__ for cls in families.ALL)


def make_family(name, model):
    """A family of that name, fit for the model."""
    return getattr(mb, name).examples(model.n_weights)[0]


def make_params(family, model, seed=0):
    """Parameters away from every special value."""
    rng = np.random.default_rng(seed)
    params = {k: 0.6 * rng.normal(size=s) for k, s in family.shapes(model).items()}
    if "rho" in params:
        params["rho"] -= 0.7
    return params


def make_model(likelihood, prior, estimator):
    """The model of a cell."""
    like, n_outputs = LIKELIHOODS[likelihood]
    _, hidden, activation = ESTIMATORS[estimator]
    net = mb.MLP([D, *hidden, n_outputs], activation)
    return mb.Model(net, like, PRIORS[prior])


def make_data(family, model, seed=1):
    """X and y, one data set per task."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(*family.tasks, B, D))
    shape = (*family.tasks, B, model.net.n_outputs)
    return X, targets_of(model.likelihood, shape, rng)


def missing(family, likelihood, prior, estimator):
    """What the specification says a cell lacks: words of the error, or None."""
    name, point = estimator.split(",")[0], family == "Point"
    if name == "Exact" and not point:
        return missing_for_exact(family, likelihood, prior, estimator)
    if name in ("LocalReparam", "Flipout") and family in ("FullCovariance", "Point"):
        return "a family with independent weights"
    if name in ("ScoreFunction", "StickTheLanding") and point:
        return "a family with a density"
    if name == "LocalReparam" and prior == "ScaleMixture":
        return "a closed-form KL"
    return None


def missing_for_exact(family, likelihood, prior, estimator):
    """The same for the closed form and a family with a density."""
    if LIKELIHOODS[likelihood][0].expected_nll is None:
        return "a likelihood whose mean has a closed form"
    if prior == "ScaleMixture":
        return "a closed-form KL"
    if estimator == "Exact, one tanh layer":
        return "a linear model or one hidden ReLU layer"
    if estimator == "Exact, one ReLU layer" and family == "FullCovariance":
        return "a family with independent weights"
    return None


def summary():
    """The table of what combines, as Markdown, from what the package says."""
    lines = ["| estimator | " + " | ".join(FAMILIES) + " |", "|---" * 5 + "|"]
    for estimator in ESTIMATORS:
        cells = [cell_text(family, estimator) for family in FAMILIES]
        lines.append(f"| {estimator} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell_text(family, estimator):
    """Which likelihoods and priors combine with this family and estimator."""
    allowed = {
        (likelihood, prior)
        for likelihood in LIKELIHOODS
        for prior in PRIORS
        if refusal(family, likelihood, prior, estimator) is None
    }
    if not allowed:
        reason = refusal(family, "Gaussian", "Gaussian", estimator).split("needs ")[1]
        return "refused: needs " + re.split(r" \(|,", reason)[0]
    likelihoods = [k for k in LIKELIHOODS if any(k == a for a, _ in allowed)]
    priors = [p for p in PRIORS if any(p == a for _, a in allowed)]
    assert len(allowed) == len(likelihoods) * len(priors), "not a product of two lists"
    words = "any likelihood" if len(likelihoods) == len(LIKELIHOODS) else ""
    words = words or "likelihood " + " or ".join(likelihoods)
    return words + (
        "" if len(priors) == len(PRIORS) else f"; prior {' or '.join(priors)}"
    )


def refusal(family, likelihood, prior, estimator):
    """The message with which the package refuses a cell, or None."""
    model = make_model(likelihood, prior, estimator)
    try:
        ESTIMATORS[estimator][0].check(model, make_family(family, model))
    except ValueError as error:
        return str(error)
    return None
