"""Whole objectives for the audit: families x scales x likelihoods x estimators."""

from itertools import product

from minibnn.audit.problems import elbo_problem, example_targets
from minibnn.estimators.local_reparam import LocalReparam
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.mean_field import MeanField
from minibnn.families.point import Point
from minibnn.likelihoods import ALL
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.priors.gaussian import GaussianPrior

N_ROWS, N_DATA = 4, 19
LIKELIHOODS = {}  # name -> (likelihood, outputs)
for _kind in ALL:
    for _like, _width in _kind.examples():
        _name = _kind.__name__ + "(learned)" * bool(_like.n_weights)
        LIKELIHOODS[_name] = _like, _width
FAMILIES = {f"MeanField({s})": MeanField(s) for s in ("softplus", "exp", "identity")}


def network_case(likelihood, family, estimator, activation):
    """The negative ELBO of a 2-3-C network at a generic point."""

    def make(rng):
        kind, width = LIKELIHOODS[likelihood]
        net = MLP([2, 3, width], activation=activation)
        n = net.n_weights
        prior = GaussianPrior(0.4 * rng.normal(size=n), rng.uniform(0.5, 2.0, n))
        model = Model(net, kind, prior)
        params = {"mu": rng.normal(size=model.n_weights)}
        if family.has_elbo:  # a positive rho is a valid sigma for every scale
            params["rho"] = rng.uniform(0.1, 1.2, model.n_weights)
        y = example_targets(kind, rng, (N_ROWS, width))
        batch = rng.normal(size=(N_ROWS, 2)), y
        return elbo_problem(model, family, estimator, params, rng, batch, N_DATA)

    return make


FIRST = next(iter(LIKELIHOODS))
MODELS = {}
for _like, (_name, _family), _estimator in product(
    LIKELIHOODS, FAMILIES.items(), (Pathwise(), LocalReparam())
):
    if _like == FIRST or _family.scale == "softplus":
        MODELS[f"{_name} {_like} {_estimator!r}"] = network_case(
            _like, _family, _estimator, "tanh"
        )
for _like in LIKELIHOODS:
    MODELS[f"Point {_like} relu"] = network_case(_like, Point(), Pathwise(), "relu")
