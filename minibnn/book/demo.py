"""The main job in front of the reader's eyes: verify, six steps, predict, draw.

The network is that of the rupture study: 8 inputs, 12 hidden units, the log odds that
an earthquake breaks through a bump on its fault.
"""

from pathlib import Path
from textwrap import wrap

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure

from minibnn import datasets, metrics, plots
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.mean_field import MeanField
from minibnn.likelihoods.bernoulli import Bernoulli
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.priors.gaussian import GaussianPrior
from minibnn.rupture.figures import telling_cases
from minibnn.svi.elbo import neg_elbo
from minibnn.svi.estimate import estimate_elbo
from minibnn.svi.fit import fit
from minibnn.validation.arguments import as_rng

RESTARTS = 4
WINDOW = 200  # steps over which convergence is looked at


def demo(data=None, out=None, rng=0, report=None):
    """Run the whole chain once and return its numbers as a dict of plain Python values.

    Parameters
    ----------
    data : str or Path, optional
        Folder with the three published rupture files; default: the synthetic stand-in.
    out : str or Path, optional
        Folder for demo.png and demo.svg, made if missing; None draws nothing.
    rng : seed or Generator
    report : function, optional
        Called with one line of text per stage.

    Raises
    ------
    ValueError, OSError
        If a folder or file is not as expected, before anything is computed.
    """
    say = teller(report)
    data_rng, start_rng, fit_rng = as_rng(rng).spawn(3)
    dataset = datasets.rupture(data, rng=data_rng).standardised()
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
    model = Model(MLP([8, 12, 1]), Bernoulli(), GaussianPrior(0.0, 1.0))
    numbers = {"verify": verified(say), "data": described(dataset, say)}
    numbers["start"] = first_step(model, dataset, start_rng, say)
    result, numbers["fit"] = fitted(model, dataset, fit_rng, say)
    prediction = result.predict(dataset.X_test)
    numbers["test"] = scored(prediction, dataset.y_test, say)
    if out is not None:
        numbers["files"] = save(picture(result, prediction, dataset), Path(out))
        say("picture", ", ".join(numbers["files"]))
    return numbers


def teller(report):
    """A function (head, text) that hands wrapped lines to ``report``, or to nobody."""

    def say(head, text):
        if report is not None:
            lines = wrap(text, 68)
            report(f"{head:<12}" + ("\n" + 12 * " ").join(lines))

    return say


def verified(say):
    """Every labelled gradient against its two oracles."""
    from minibnn.audit.verify import verify

    rows = verify()
    agree = sum(row["verdict"] == "agrees" for row in rows)
    worst = max(float(row["complex_step"]) for row in rows)
    say(
        "verify",
        f"{agree} of {len(rows)} gradients agree with the complex step and "
        f"with differences; largest error {worst:.0e}",
    )
    return {"gradients": len(rows), "agree": agree, "worst_complex_step": worst}


def described(dataset, say):
    """What is fitted to what."""
    share = float(dataset.y.mean())
    say(
        "data",
        f"{dataset.note} {len(dataset.y)} rows to fit, {len(dataset.y_test)} to test, "
        f"{len(dataset.names)} inputs; {100 * share:.0f} % break through",
    )
    return {
        "note": dataset.note, "rows": len(dataset.y), "test_rows": len(dataset.y_test),
        "share_of_ones": share,
    }


def first_step(model, dataset, rng, say):
    """Steps 1 to 4 once, by hand, at the place where training begins."""
    X, y, family = dataset.X, dataset.y, MeanField()
    params = family.init(model, rng)
    say(
        "1 start",
        f"{model.n_weights} weights become {model.n_weights} means, "
        f"N(0, 2/fan-in), and sds, all {family.sigma:g}",
    )
    elbo, se = estimate_elbo(model, family, params, *model.batch(X, y), rng)
    say(
        "2 objective",
        f"ELBO at the start {elbo:.1f} ± {se:.1f}, the lower bound on "
        "log p(D) to be raised",
    )
    noise = rng.standard_normal(Pathwise().noise_shape(model, family, 1, len(y)))
    loss, grads, parts = neg_elbo(model, family, params, noise, X, y)
    say(
        "3 sample",
        f"one network w = mu + sigma eps: data term {parts['nll']:.0f} + "
        f"KL {parts['kl']:.0f} = loss {loss:.0f}",
    )
    error = slope_error(model, family, params, noise, X, y, grads)
    norms = {key: float(np.linalg.norm(g)) for key, g in grads.items()}
    say(
        "4 gradients",
        f"|d loss/d mu| = {norms['mu']:.0f}, |d loss/d rho| = "
        f"{norms['rho']:.0f}; complex step along them: error {error:.0e}",
    )
    return {
        "elbo": float(elbo), "elbo_se": float(se), "loss": float(loss),
        "nll": float(parts["nll"]), "kl": float(parts["kl"]), "gradient_norms": norms,
        "slope_error": error,
    }


def slope_error(model, family, params, noise, X, y, grads):
    """Relative error of the slope along the gradient, judged by the complex step."""
    claimed = sum((g * g).sum() for g in grads.values())
    h = 1e-20
    moved = {key: params[key] + 1j * h * grads[key] for key in params}
    loss, _, _ = neg_elbo(model, family, moved, noise, X, y)
    return float(abs(loss.imag / h - claimed) / claimed)


def fitted(model, dataset, rng, say):
    """Steps 5 and 6: update until the ELBO has converged; keep the best restart."""
    say(
        "5 update",
        f"mu <- mu - a dmu, rho <- rho - a drho: {RESTARTS} restarts of "
        "L-BFGS, then Adam steps",
    )
    how = {"start": "lbfgs", "restarts": RESTARTS}  # small sigmas end lower here
    result = fit(model, MeanField(), dataset.X, dataset.y, rng=rng, **how)
    elbo = result.history["elbo"]
    first, last = elbo[-2 * WINDOW : -WINDOW], elbo[-WINDOW:]
    rise = float(last.mean() - first.mean())
    rise_se = float(np.sqrt((first.var(ddof=1) + last.var(ddof=1)) / WINDOW))
    tried = sorted((value for value, _ in result.restarts), reverse=True)
    tried = tried or [result.elbo]
    say(
        "6 repeat",
        f"until the ELBO stops rising, {len(elbo)} steps: {result.elbo:.1f} ± "
        f"{result.elbo_se:.1f} (restarts {', '.join(f'{v:.0f}' for v in tried)}); "
        f"rise in the last {WINDOW} steps {rise:.1f} ± {rise_se:.1f}",
    )
    return result, {
        "elbo": result.elbo, "elbo_se": result.elbo_se, "restarts": tried,
        "last_rise": rise, "last_rise_se": rise_se,
    }


def scored(prediction, y, say):
    """Scores on held-out ruptures."""
    p = prediction.mean
    scores = {
        "log_likelihood": float(prediction.log_prob(y).mean()),
        "accuracy": metrics.accuracy(y, p), "ece": metrics.ece(y, p),
        "brier": metrics.brier(y, p), "f1": metrics.f1(y, p),
    }
    say(
        "predict",
        f"held-out log-likelihood {scores['log_likelihood']:.3f} a rupture, "
        f"accuracy {scores['accuracy']:.3f}, ECE {scores['ece']:.3f}",
    )
    return scores


# --- the picture ---------------------------------------------------------------------


def picture(result, prediction, dataset):
    """Draw network, ELBO, a few predictions and reliability on one figure."""
    with style.context("minibnn.book"):
        figure = Figure(figsize=(16, 9))
        grid = figure.add_gridspec(2, 3, width_ratios=[1.3, 1, 1])
        left, top, bottom, right = (
            figure.add_subplot(grid[spot])
            for spot in ((slice(None), 0), (0, 1), (1, 1), (slice(None), 2))
        )
        network(result, dataset.names, left)
        plots.elbo_curve(result, ax=top)
        top.set_title("ELBO: has it stopped rising?")
        plots.reliability(dataset.y_test, prediction.mean, ax=bottom)
        bottom.set_title("Given 70 %, do 70 % break through?")
        ruptures(prediction, dataset.y_test, right)
    return figure


def network(result, names, ax):
    """The network with its weights, how many are known, and the colour scale."""
    drawn = plots.draw_network(result, names=names, outputs=["through"], ax=ax)
    sure = int(np.sum(np.abs(result.q.mean) > plots.SURE * result.q.sigma))
    ax.set_title(
        f"{sure} of {result.model.n_weights} weights lie more than 3 sd from zero\n"
        "colour and width: mean;  opacity: |mean| / sd"
    )
    bar = ax.inset_axes([0.15, -0.03, 0.7, 0.02])
    bar.figure.colorbar(drawn["weights"], cax=bar, orientation="horizontal")
    bar.set_xlabel("mean of a weight under q")


def ruptures(prediction, y, ax):
    """The predictive distribution of p for a few ruptures, coloured by outcome."""
    cases = telling_cases(prediction)
    cases = cases[np.argsort(prediction.mean[cases])]
    names = [f"{i}: {'through' if y[i] else 'stopped'}" for i in cases]
    plots.predictive_histogram(prediction, cases, y, names=names, ax=ax)
    ax.set_xlabel("P(through) under each sampled network")
    ax.set_title(f"{len(cases)} test ruptures: how far 1000\nsampled networks agree")


def save(figure, folder):
    """Write demo.png and demo.svg; return their paths as text."""
    paths = [folder / "demo.png", folder / "demo.svg"]
    with style.context("minibnn.book"):
        figure.savefig(paths[0], metadata={"Software": None})
        figure.savefig(paths[1], metadata={"Date": None})
    return [str(path) for path in paths]
