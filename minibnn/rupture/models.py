"""The models of the rupture study: what is fitted to the fit rows, row after row.

Every builder gets the fit rows, the settings, a generator and the rows before it, and
returns `Row`s. A row holds one predictor for each seed, an object whose ``predict(X)``
gives what `minibnn.Prediction` gives. No builder ever sees a test row.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from minibnn.estimators.pathwise import Pathwise
from minibnn.families.full_covariance import FullCovariance
from minibnn.families.mean_field import MeanField
from minibnn.families.point import Point
from minibnn.likelihoods.bernoulli import Bernoulli
from minibnn.mcmc.ais import ais
from minibnn.mcmc.hmc import hmc
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.optim.adam import Adam
from minibnn.optim.cosine import Cosine
from minibnn.priors.gaussian import GaussianPrior
from minibnn.rupture.physics_rule import fitted_rule
from minibnn.rupture.sigmoid_gaussian import SigmoidGaussian
from minibnn.svi.fit import fit
from minibnn.types import Array, FloatArray

HIDDEN = 12


class FitRows(NamedTuple):
    """The fit rows: standardised inputs, inputs in physical units, labels."""

    X: FloatArray
    raw: FloatArray
    y: Array


@dataclass
class Row:
    """One line of the table.

    elbo: one for each seed, None where there is none. share: what part of its builder's
    time the predictor of one seed costs. seconds: filled in by whoever owns a clock.
    """

    key: str
    name: str
    predictors: list[Any]  # whatever has predict(X, n_samples, rng)
    elbo: Any = None
    share: float = 1.0
    note: str = ""
    seconds: float | None = None


def model(likelihood=None, sizes=(8, HIDDEN, 1)):
    """The network of the study with prior N(0, 1) on every weight."""
    return Model(MLP(sizes), likelihood or Bernoulli(), GaussianPrior(0.0, 1.0))


def part(result, which):
    """Some of the replicas of a fit: an index gives one run, a slice a mixture."""
    elbo = None if result.elbo is None else result.elbo[which]
    params = {key: value[which] for key, value in result.params.items()}
    return replace(result, params=params, elbo=elbo, history={})


# --- points --------------------------------------------------------------------------


def logistic(problem, settings, rng, rows):
    """A network without hidden layer; its optimum is unique, so one fit is enough."""
    line = model(sizes=(problem.X.shape[1], 1))
    result = fit(line, MeanField(), problem.X, problem.y, rng=rng)
    note = "mean field, 9 weights; one fit, because the optimum is unique"
    return [Row("logistic", "logistic regression", [result], [result.elbo], note=note)]


def points(problem, settings, rng, count, kl_weight):
    """``count`` independent point fits."""
    return fit(
        model(), Point(), problem.X, problem.y, rng=rng, replicas=count, start="lbfgs",
        max_steps=settings.steps, kl_weight=kl_weight,
    )


def maximum_likelihood(problem, settings, rng, rows):
    """No prior: weights grow for as long as one lets them."""
    found = points(problem, settings, rng, settings.seeds, 0.0)
    each = [part(found, i) for i in range(settings.seeds)]
    note = "no prior holds the weights back: the longer the run, the surer it gets"
    return [Row("mle", "maximum likelihood", each, share=1 / len(each), note=note)]


def maximum_a_posteriori(problem, settings, rng, rows):
    """Single MAP networks, and ensembles of them."""
    m, groups = settings.members, rng.spawn(settings.seeds)
    found = [points(problem, settings, group, m, 1.0) for group in groups]
    single = [part(result, 0) for result in found]
    share = 1 / settings.seeds
    return [
        Row("map", "MAP", single, share=share / m),
        Row("ensemble", f"ensemble of {m} MAP", found, share=share),
    ]


# --- the published recipe ------------------------------------------------------------


class Rescaled(NamedTuple):
    """A fit to inputs of another scale; it predicts labels, not normal densities."""

    result: Any
    mean: FloatArray
    sd: FloatArray

    def predict(self, X, n_samples=1000, rng=None):
        """Posterior predictive at X, sigmoid(f) taken as the chance of label 1."""
        labels = replace(self.result, model=model())
        return labels.predict((X - self.mean) / self.sd, n_samples, rng)


def published_recipe(problem, settings, rng, rows):
    """Normal(sigmoid(f), 1) on up-sampled labels, small steps from a wide start."""
    found = [recipe_fit(problem, settings, own) for own in rng.spawn(settings.seeds)]
    note = "the ELBO is of another likelihood and of up-sampled rows: not comparable"
    elbo = [predictor.result.elbo for predictor in found]
    share = 1 / settings.seeds
    return [Row("recipe", "published recipe", found, elbo, share, note)]


def resampled(
    X: FloatArray, y: Array, rng: np.random.Generator
) -> tuple[FloatArray, Array]:
    """The rows with those of label 1 drawn with replacement, as many as of label 0."""
    zeros, ones = (np.flatnonzero(y == k) for k in (0, 1))
    rows = np.concatenate([zeros, rng.choice(ones, len(zeros))])
    return X[rows], y[rows]


def recipe_fit(problem, settings, rng):
    """One fit of the published recipe, on its own draw of the minority."""
    X, y = resampled(problem.X, problem.y, rng)
    mean, sd = X.mean(0), X.std(0)
    network = model(SigmoidGaussian(1.0))
    n = network.n_weights
    mu, sigma = rng.standard_normal(n), np.abs(rng.standard_normal(n))
    result = fit(
        network, MeanField("exp"), (X - mean) / sd, y, rng=rng,
        start={"mu": mu, "rho": np.log(sigma)}, optimizer=Adam(1e-3),
        max_steps=settings.recipe_steps, estimator=Pathwise(),
    )
    return Rescaled(result, mean, sd)


# --- posteriors ----------------------------------------------------------------------


def mean_field(problem, settings, rng, rows):
    """Single fits, the best of some restarts by ELBO, and the average of all.

    They start with L-BFGS: here every restart ends higher from there than from small
    sigmas, which ``start="auto"`` would try too, for the same result at more cost.
    """
    n = settings.restarts
    how = {"replicas": n, "start": "lbfgs", "max_steps": settings.steps}
    found = [
        fit(model(), MeanField(), problem.X, problem.y, rng=own, **how)
        for own in rng.spawn(settings.seeds)
    ]
    first = [part(result, 0) for result in found]
    best = [part(result, int(np.argmax(result.elbo))) for result in found]
    share = 1 / settings.seeds
    return [
        Row("mf", "mean field", first, [r.elbo for r in first], share / n),
        Row("best", f"mean field, best of {n}", best, [r.elbo for r in best], share),
        Row("average", f"mean field, average of {n}", found, share=share),
    ]


def full_covariance(problem, settings, rng, rows):
    """One Gaussian over all weights, begun where the best mean field ended.

    It has all correlations still to find: the small default steps would stay near.
    """
    family, starts = FullCovariance(), rows["best"].predictors
    found = [
        fit(
            model(), family, problem.X, problem.y, rng=own,
            n_samples=settings.cov_samples, start=family.embed(start.params),
            max_steps=settings.cov_steps, optimizer=Adam(Cosine(0.02)),
        )
        for own, start in zip(rng.spawn(settings.cov_fits), starts, strict=False)
    ]
    note = "starts from the best mean field of its seed, whose seconds come on top"
    elbo = [result.elbo for result in found]
    return [Row("cov", "full covariance", found, elbo, 1 / len(found), note)]


def sampled(problem, settings, rng, rows):
    """Hamiltonian Monte Carlo: the reference, asymptotically exact."""
    start = rows["ensemble"].predictors[0].params["mu"][: settings.chains]
    chains = hmc(
        model(), problem.X, problem.y, rng=rng, n_chains=len(start),
        n_draws=settings.hmc_draws, n_warmup=settings.hmc_warmup, init=start,
    )
    note = "in place of an ELBO the log evidence, a forward estimate: low on average"
    return [Row("hmc", "HMC", [chains], note=note)]


def annealed(problem, settings, rng):
    """The log evidence of the network by annealed importance sampling."""
    return ais(
        model(), problem.X, problem.y, rng=rng, n_particles=settings.particles,
        n_temperatures=settings.temperatures, n_leapfrog=settings.leapfrog,
    )


def physics_rule(problem, settings, rng, rows):
    """A rule of physics with three constants that the fit rows choose."""
    rule = fitted_rule(problem.raw, problem.y)
    note = "exploratory: its form was chosen with all rows in view"
    return [Row("physics", "three-constant physics rule", [rule], note=note)]


BUILDERS = (
    logistic, maximum_likelihood, maximum_a_posteriori, published_recipe, mean_field,
    full_covariance, sampled, physics_rule,
)
