"""A random small model with data, made from one number."""

from dataclasses import dataclass

import numpy as np
from support import rooms
from support.likelihoods import EXAMPLES, targets_of

import minibnn as mb
from minibnn.nn.activations import ACTIVATIONS

PRIORS = (
    lambda rng, n: mb.GaussianPrior(rng.normal(), 10 ** rng.uniform(-1, 1)),
    lambda rng, n: mb.GaussianPrior(rng.normal(size=n), 10 ** rng.uniform(-1, 1, n)),
    lambda rng, n: mb.LaplacePrior(10 ** rng.uniform(-1, 1)),
    lambda rng, n: mb.LaplacePrior(10 ** rng.uniform(-1, 1, n)),
    lambda rng, n: mb.ScaleMixturePrior(rng.uniform(), 1.0, 10 ** rng.uniform(-2, 0)),
)
ESTIMATORS = (None, *rooms.ESTIMATORS)
OPTIMIZERS = (
    lambda rate: mb.SGD(1e-3 * rate),
    lambda rate: mb.Momentum(1e-3 * rate),
    mb.Adam,
    lambda rate: mb.Adam(mb.Cosine(rate)),
)


@dataclass
class Case:
    """What fit is given."""

    model: mb.Model
    family: object
    estimator: object
    X: np.ndarray
    y: np.ndarray
    options: dict

    def __str__(self):
        return (
            f"{self.model}, {self.family}, {self.estimator}, X {self.X.dtype} "
            f"{self.X.shape}, {self.options}"
        )


def pick(rng, values):
    return values[int(rng.integers(len(values)))]


def make_likelihood(rng):
    """(likelihood, its outputs for one to three targets)."""
    like, width = pick(rng, EXAMPLES)
    return like, width if like.exclusive else width * int(rng.integers(1, 4))


def make_family(rng, model):
    """Any family; the full covariance and the inference network for few weights."""
    scale, sigma = pick(rng, ("softplus", "exp")), 10 ** rng.uniform(-3, -0.5)
    kind = pick(rng, ("MeanField",) * 3 + ("identity", "Point", "Full", "Network"))
    few = model.n_weights <= 12
    if kind == "Point":
        return mb.Point()
    if kind == "identity":
        return mb.MeanField("identity", sigma)
    if kind == "Full" and few:
        return mb.FullCovariance(scale, sigma)
    if kind == "Network" and few:
        tasks = pick(rng, ((), (1,), (2,)))
        net = mb.MLP([2, 3, 2 * model.n_weights], pick(rng, ("tanh", "relu")))
        return mb.InferenceNetwork(net, rng.normal(size=(*tasks, 2)), scale, sigma)
    return mb.MeanField(scale, sigma)


def steep(likelihood, estimator):
    """Whether gradients have no bound, so that a plain step may go anywhere."""
    exponential = likelihood.support == "counts"
    exponential |= likelihood.log_scale_outputs(2) != slice(0)
    return exponential or isinstance(estimator, mb.ScoreFunction)


def make_case(seed):
    """The case of a number."""
    rng = np.random.default_rng([71, seed])
    likelihood, outputs = make_likelihood(rng)
    hidden = rng.integers(1, 6, int(rng.integers(0, 3))).tolist()
    sizes = [int(rng.integers(1, 5)), *hidden, outputs]
    net = mb.MLP(sizes, pick(rng, sorted(ACTIVATIONS)), bool(rng.integers(2)))
    model = mb.Model(net, likelihood, pick(rng, PRIORS)(rng, net.n_weights))
    family = make_family(rng, model)
    n, tasks = int(rng.integers(1, 15)), family.tasks
    scale = 10.0 ** rng.uniform(-3, 0.5)
    X = (scale * rng.normal(size=(*tasks, n, sizes[0]))).astype(
        pick(rng, (np.float64, np.float64, np.float32))
    )
    y = targets_of(likelihood, (*tasks, n, outputs), rng)
    rate = 10.0 ** rng.uniform(-4, -2)
    literal = getattr(family, "scale", None) == "identity"
    estimator = pick(rng, ESTIMATORS)
    makers = OPTIMIZERS[2:] if steep(likelihood, estimator) else OPTIMIZERS
    options = {
        "rng": int(rng.integers(10**6)),
        "n_samples": int(rng.integers(1, 5)),
        "batch_size": pick(rng, (None, 1, 2, 3, 5, 50)),
        "kl_weight": pick(rng, (1.0, 1.0, 0.3, 0.0)),
        "kl_warmup": pick(rng, (0.0, 0.5)),
        "optimizer": mb.Adam(1e-5) if literal else pick(rng, makers)(rate),
        "clip": family.sigma / 10 if literal else None,
        "replicas": None if tasks else pick(rng, (None, None, 2)),
    }
    return Case(model, family, estimator, X, y, options)
