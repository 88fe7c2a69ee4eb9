"""Every family, likelihood, prior and estimator, where nothing is special."""

import re

import numpy as np
from support.likelihoods import LIKELIHOODS, targets_of

import minibnn as mb

B, D, N_DATA, S, KL_WEIGHT, TASKS = 4, 2, 7, 3, 0.7, 2

PRIORS = {
    "Gaussian": mb.GaussianPrior(0.2, 0.7),
    "Laplace": mb.LaplacePrior(0.6),
    "ScaleMixture": mb.ScaleMixturePrior(0.3, 1.3, 0.4),
}
ESTIMATORS = {  # name -> (estimator, hidden layers, activation)
    "Pathwise": (mb.Pathwise(), (3,), "tanh"),
    "Pathwise antithetic": (mb.Pathwise(antithetic=True), (3,), "tanh"),
    "LocalReparam": (mb.LocalReparam(), (3,), "tanh"),
    "Flipout": (mb.Flipout(), (3,), "tanh"),
    "ScoreFunction": (mb.ScoreFunction(), (3,), "tanh"),
    "StickTheLanding": (mb.StickTheLanding(), (3,), "tanh"),
    "Exact, linear": (mb.Exact(), (), "tanh"),
    "Exact, one ReLU layer": (mb.Exact(), (3,), "relu"),
    "Exact, one tanh layer": (mb.Exact(), (3,), "tanh"),
}
FAMILIES = ("MeanField", "FullCovariance", "InferenceNetwork", "Point")


def make_family(name, model):
    """A family of that name, fit for the model."""
    if name != "InferenceNetwork":
        return getattr(mb, name)()
    context = np.array([[0.4, -1.1], [1.3, 0.2]])[:TASKS]
    return mb.InferenceNetwork(mb.MLP([2, 3, 2 * model.n_weights], "tanh"), context)


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
