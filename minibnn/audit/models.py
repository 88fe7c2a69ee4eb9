"""Whole objectives for the audit: families x scales x likelihoods x estimators."""

from itertools import product

from minibnn.audit.examples import elbo_problem
from minibnn.estimators.local_reparam import LocalReparam
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.mean_field import MeanField
from minibnn.families.point import Point
from minibnn.likelihoods.bernoulli import Bernoulli
from minibnn.likelihoods.categorical import Categorical
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.priors.gaussian import GaussianPrior

N_ROWS, N_DATA = 4, 19

LIKELIHOODS = {
    "Bernoulli": (Bernoulli(), 1, lambda rng: rng.integers(0, 2, N_ROWS)),
    "Gaussian": (Gaussian(0.7), 2, lambda rng: rng.normal(size=(N_ROWS, 2))),
    "Gaussian(learned)": (
        Gaussian("learned", log_scale_prior=(-0.4, 0.8)),
        1,
        lambda rng: rng.normal(size=N_ROWS),
    ),
    "Categorical": (Categorical(3), 3, lambda rng: rng.integers(0, 3, N_ROWS)),
}
FAMILIES = {f"MeanField({s})": MeanField(s) for s in ("softplus", "exp", "identity")}


def network_case(likelihood, family, estimator, activation):
    """The negative ELBO of a 2-3-C network at a generic point."""

    def make(rng):
        kind, width, draw_y = LIKELIHOODS[likelihood]
        net = MLP([2, 3, width], activation=activation)
        n = net.n_weights
        prior = GaussianPrior(0.4 * rng.normal(size=n), rng.uniform(0.5, 2.0, n))
        model = Model(net, kind, prior)
        params = {"mu": rng.normal(size=model.n_weights)}
        if family.has_elbo:  # a positive rho is a valid sigma for every scale
            params["rho"] = rng.uniform(0.1, 1.2, model.n_weights)
        batch = rng.normal(size=(N_ROWS, 2)), draw_y(rng)
        return elbo_problem(model, family, estimator, params, rng, batch, N_DATA)

    return make


MODELS = {}
for _like, (_name, _family), _estimator in product(
    LIKELIHOODS, FAMILIES.items(), (Pathwise(), LocalReparam())
):
    MODELS[f"{_name} {_like} {_estimator!r}"] = network_case(
        _like, _family, _estimator, "tanh"
    )
for _like in LIKELIHOODS:
    MODELS[f"Point {_like} relu"] = network_case(_like, Point(), Pathwise(), "relu")
