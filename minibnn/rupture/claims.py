"""Three claims about the rupture data, and what the numbers of this run say to each.

The claims are those of the published study (Ahamed and Uddin, arXiv 1911.09660).
"""

import numpy as np

from minibnn import metrics
from minibnn.validation.arguments import as_rng

IMPORTANCE_OF = ("hmc", "mf", "recipe")
IMPORTANCE_SAMPLES = 100  # weight samples behind one shuffled prediction
PUBLISHED_GAIN = 2.34  # per cent weighted F1 over a plain network, as claimed
WORDS = {"hmc": "HMC", "mf": "mean field", "recipe": "the published recipe"}
NORMAL = ("sxx", "syy")
OUTCOMES = ("true positive", "true negative", "false positive", "false negative")


def look_at_claims(study, rng):
    """Compute what the claims are about; fills ``study.claims``."""
    study.claims = {
        "importance": importances(study, rng),
        "gain": gain(study),
        "uncertainty": uncertainties(study),
    }


# --- "normal stress matters most" ----------------------------------------------------


def importances(study, rng):
    """Permutation importance under three posteriors, and how odd its inputs are."""
    found, s = {"names": study.dataset.names}, study.settings
    draws = min(s.chains, s.members) * s.hmc_draws  # a chain starts from each member
    n_samples = min(IMPORTANCE_SAMPLES, draws)
    for key, own in zip(IMPORTANCE_OF, rng.spawn(len(IMPORTANCE_OF)), strict=True):
        predictors = study.rows[key].predictors
        each = [
            importance(p, study.dataset, s.shuffles, child, n_samples)
            for p, child in zip(predictors, own.spawn(len(predictors)), strict=True)
        ]
        sd = np.std(each, 0, ddof=1) if len(each) > 1 else None
        found[key] = {"drop": np.mean(each, 0), "sd": sd}
    found["impossible"] = impossible_shares(study.raw.X_test, rng)
    return found


def importance(predictor, dataset, shuffles, rng, n_samples=IMPORTANCE_SAMPLES):
    """Mean drop in weighted F1 when a column of the test rows is shuffled, (8,)."""
    X, y = dataset.X_test, dataset.y_test

    def f1(X):
        return metrics.f1(y, predictor.predict(X, n_samples).mean)

    drops = [
        np.mean([f1(shuffled(X, column, rng)) for _ in range(shuffles)])
        for column in range(X.shape[1])
    ]
    return f1(X) - np.array(drops)


def shuffled(X, column, rng):
    """A copy of X with the values of one column dealt out anew."""
    X = X.copy()
    X[:, column] = rng.permutation(X[:, column])
    return X


def impossible_shares(raw, rng):
    """Share of rows whose stress state breaks physics after a column is shuffled, (8,).

    Shear stress must lie between dynamic and static strength, and the ratio of the
    normal stresses within the range it has in the rows as they are.
    """
    rng, ratios = as_rng(rng), raw[:, 2] / raw[:, 4]
    limits = ratios.min(), ratios.max()

    def share(X):
        sxx, sxy, syy, mud, drop = X[:, 2:7].T
        u, ratio = (sxy / np.abs(syy) - mud) / drop, sxx / syy
        bad = (u < 0) | (u > 1) | (ratio < limits[0]) | (ratio > limits[1])
        return bad.mean()

    return np.array([share(shuffled(raw, j, rng)) for j in range(raw.shape[1])])


# --- "2.34 % above a plain network" --------------------------------------------------


def gain(study):
    """The recipe against a plain network and against mean field, row by row."""
    return {
        "recipe - mle": paired(study, "recipe", "mle"),
        "recipe - logistic": paired(study, "recipe", "logistic"),
        "mf - recipe": paired(study, "mf", "recipe"),
        "hmc - ensemble": paired(study, "hmc", "ensemble"),
        "se_of_a_test": one_test(study),
        "threshold": best_threshold(study),
    }


def paired(study, first, second):
    """Difference in accuracy and its standard error over the test rows, in points."""
    a, b = (hits(study, key) for key in (first, second))
    difference = 100 * (a - b)
    se = difference.std(ddof=1) / np.sqrt(len(difference))
    return {"points": float(difference.mean()), "se": float(se)}


def hits(study, key):
    """Share of seeds that get each test row right, (n,)."""
    y = study.dataset.y_test
    return np.mean([(p.mean > 0.5) == y for p in study.predictions[key]], axis=0)


def one_test(study):
    """Standard error, in points, of the recipe's accuracy on this many test rows."""
    p = hits(study, "recipe").mean()
    return float(100 * np.sqrt(p * (1 - p) / len(study.dataset.y_test)))


def best_threshold(study):
    """Points of accuracy the recipe gains by a threshold chosen on the test rows."""
    y, gains = study.dataset.y_test, []
    for prediction in study.predictions["recipe"]:
        p = prediction.mean
        best = max(metrics.accuracy(y, p, t) for t in np.unique(p))
        gains.append(100 * (best - metrics.accuracy(y, p)))
    return float(np.mean(gains))


# --- "true positives are more uncertain than true negatives" -------------------------


def uncertainties(study):
    """Mean sd of the probability over networks, by outcome, under three posteriors."""
    y = study.dataset.y_test
    found = {}
    for key in IMPORTANCE_OF:
        means = [by_outcome(p, y) for p in study.predictions[key]]
        found[key] = {name: mean_of([one[name] for one in means]) for name in OUTCOMES}
    return found


def by_outcome(prediction, y):
    """Mean predictive sd of every outcome; None where there is no such rupture."""
    guess = prediction.mean > 0.5
    masks = (guess & (y == 1), ~guess & (y == 0), guess & (y == 0), ~guess & (y == 1))
    pairs = zip(OUTCOMES, masks, strict=True)
    return {n: float(prediction.std[m].mean()) if m.any() else None for n, m in pairs}


def mean_of(values):
    """Mean of those that are there."""
    values = [v for v in values if v is not None]
    return float(np.mean(values)) if values else None


# --- in words ------------------------------------------------------------------------


def sentences(study):
    """(claim, what this run says) for every claim."""
    c = study.claims
    return [
        ("Normal stress matters most.", said_of_importance(c["importance"])),
        (
            f"The Bayesian network is {PUBLISHED_GAIN} % better than a plain one.",
            said_of_gain(c["gain"]),
        ),
        (
            "True positives are more uncertain than true negatives.",
            said_of_uncertainty(c["uncertainty"]),
        ),
    ]


def said_of_importance(found):
    """The order under each posterior, and why it is no physics."""
    names, said = found["names"], []
    for key in IMPORTANCE_OF:
        drop = found[key]["drop"]
        first = [f"{names[i]} {drop[i]:.3f}" for i in np.argsort(-drop)[:4]]
        said.append(f"under {WORDS[key]} {', '.join(first)}")
    leads = [k for k in IMPORTANCE_OF if names[np.argmax(found[k]["drop"])] in NORMAL]
    stresses = found["impossible"][2:5]
    return (
        f"A normal stress comes first under {listed(leads)}. Drop in weighted F1 when "
        f"a column is shuffled: {'; '.join(said)}. The ranking says what "
        "a network relies on, not what physics ranks: the stresses are strongly "
        f"correlated, and shuffling sxx, sxy or syy makes {_list(stresses)} of the "
        "rows stress states that cannot occur."
    )


def said_of_gain(g):
    """Signed differences with their errors."""
    plain = g["recipe - mle"]
    sure = abs(plain["points"]) > 2 * plain["se"]
    verdict = ("behind", "ahead")[plain["points"] > 0] if sure else "level"
    return (
        f"In this run the published recipe is {verdict}. Recipe minus "
        f"maximum-likelihood network: {_points(g['recipe - mle'])} of accuracy; minus "
        f"logistic regression {_points(g['recipe - logistic'])}. Mean field with a "
        f"Bernoulli likelihood minus the recipe: {_points(g['mf - recipe'])}; HMC "
        f"minus the MAP ensemble: {_points(g['hmc - ensemble'])}. One test file of "
        f"this size has a standard error of {g['se_of_a_test']:.1f} points, and a "
        f"threshold chosen on the test rows adds {g['threshold']:.1f} points to it."
    )


def said_of_uncertainty(found):
    """Mean sd by outcome."""
    said, holds = [], []
    for key in IMPORTANCE_OF:
        values = [found[key][name] for name in OUTCOMES]
        tp, tn, fp, fn = map(_sd, values)
        if (values[0] or 0.0) > (values[1] or 0.0):
            holds.append(key)
        said.append(f"{WORDS[key]}: {tp} against {tn}; errors {fp} (FP), {fn} (FN)")
    return (
        f"So it is under {listed(holds)}. Mean sd of the probability over networks, "
        "true positives against true negatives. "
        f"{'. '.join(_capital(s) for s in said)}."
    )


def listed(keys):
    """The posteriors by name, or that it is none of them."""
    return ", ".join(WORDS[key] for key in keys) or "none of the three posteriors"


def _capital(text):
    return text[0].upper() + text[1:]


def _sd(value):
    return "none" if value is None else f"{value:.3f}"


def _points(pair):
    return f"{pair['points']:+.1f} ± {pair['se']:.1f} points"


def _list(shares):
    return ", ".join(f"{100 * s:.0f} %" for s in shares)
