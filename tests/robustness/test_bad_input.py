"""Bad input: each row a call, the argument its error must name, and words it must say.

Every error is a ValueError or TypeError raised by the package itself (not from inside
NumPy), says what came and what is wanted, and comes before anything has changed.
NumPy warnings would fail the test: pytest turns them into errors of another type.
"""


import numpy as np
import pytest
from support.refusals import check_refusal

import minibnn as mb

pytestmark = pytest.mark.usefixtures("unrecorded")  # steps are no subject here

N, D = 12, 2
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(N, D)), RNG.integers(0, 2, N).astype(float)
NET = mb.MLP([D, 3, 1])
MODEL = mb.Model(NET, mb.Bernoulli(), mb.GaussianPrior())
CLASSES = mb.Model(mb.MLP([D, 3]), mb.Categorical(3), mb.GaussianPrior())
REAL = mb.Model(mb.MLP([D, 2]), mb.Gaussian(0.5), mb.GaussianPrior())
FAMILY = mb.MeanField()
P = MODEL.n_weights
PARAMS = {"mu": np.zeros(P), "rho": np.full(P, -2.0)}
NOISE = RNG.normal(size=(2, P))
HUGE = np.random.default_rng(2).normal(size=P) * 1e300  # whose outputs meet as inf - inf
RESULT = mb.fit(MODEL, FAMILY, X, Y, rng=0, start=None, max_steps=2)
PRED = RESULT.predict(X, n_samples=5)
W = np.zeros(P)


def with_value(array, value, index=3):
    """A copy with one bad entry."""
    out = np.array(array, dtype=float)
    out.flat[index] = value
    return out


def neg_elbo(
    model=MODEL, family=FAMILY, params=PARAMS, noise=NOISE, X=X, y=Y, **kwargs
):
    return mb.neg_elbo(model, family, params, noise, X, y, **kwargs)


def fit(model=MODEL, family=FAMILY, X=X, y=Y, **kwargs):
    return mb.fit(model, family, X, y, **({"rng": 0, "max_steps": 2} | kwargs))


def params(**changed):
    return PARAMS | changed


class NoLearningRate:
    """An optimiser without a schedule."""

    def init(self, theta):
        return {}

    def update(self, *args):
        pass


NAN, INF = np.nan, np.inf
TALL = np.ones((N + 1, D))

# id: (call, name of the argument, words that must be in the message)
CASES = {
    # networks
    "MLP-one-width": (lambda: mb.MLP([3]), "sizes", "length 1"),
    "MLP-no-list": (lambda: mb.MLP(3), "sizes", "3 (int)"),
    "MLP-text": (lambda: mb.MLP("81"), "sizes", "'81'"),
    "MLP-zero-width": (lambda: mb.MLP([2, 0, 1]), "sizes[1]", "got 0"),
    "MLP-negative": (lambda: mb.MLP([2, -3, 1]), "sizes[1]", "got -3"),
    "MLP-float-width": (lambda: mb.MLP([2, 3.0, 1]), "sizes[1]", "integer, got 3.0"),
    "MLP-bool-width": (lambda: mb.MLP([2, True]), "sizes[1]", "True"),
    "MLP-activation": (lambda: mb.MLP([2, 1], "gelu"), "activation", "'relu'"),
    "MLP-activation-none": (lambda: mb.MLP([2, 1], None), "activation", "None"),
    "MLP-bias": (lambda: mb.MLP([2, 1], bias=1), "bias", "True or False"),
    "net-width": (lambda: NET(W, X[:, :1]), "X", "(12, 1)"),
    "net-weights": (lambda: NET(W[:-1], X), "w", f"({P}"),
    "net-nan": (lambda: NET(with_value(W, NAN), X), "w", "finite, got nan at index 3"),
    "net-overflow": (
        lambda: NET(HUGE, X * 1e10),
        "w",
        "too large",
    ),
    "unpack-width": (lambda: NET.unpack(np.zeros(5)), "w", "(5,)"),
    "pack-count": (lambda: NET.pack([(W, W)]), "layers", "2 pairs"),
    "pack-no-list": (lambda: NET.pack(3), "layers", "3 (int)"),
    "pack-pair": (lambda: NET.pack([W, W]), "layers[0]", "pair"),
    "pack-shape": (
        lambda: NET.pack([(np.zeros((3, 2)), np.zeros(3)), (np.zeros((3, 1)), [0.0])]),
        "layers[0] W",
        "(2, 3)",
    ),
    "pack-bias": (
        lambda: NET.pack([(np.zeros((2, 3)), np.zeros(2)), (np.zeros((3, 1)), [0.0])]),
        "layers[0] b",
        "(3,)",
    ),
    # models
    "Model-net": (
        lambda: mb.Model([2, 1], mb.Bernoulli(), mb.GaussianPrior()),
        "net",
        "MLP",
    ),
    "Model-likelihood": (
        lambda: mb.Model(NET, "bernoulli", mb.GaussianPrior()),
        "likelihood",
        "'bernoulli'",
    ),
    "Model-likelihood-class": (
        lambda: mb.Model(NET, mb.Bernoulli, mb.GaussianPrior()),
        "likelihood",
        "object",
    ),
    "Model-prior": (lambda: mb.Model(NET, mb.Bernoulli(), 1.0), "prior", "1.0"),
    "Model-prior-class": (
        lambda: mb.Model(NET, mb.Bernoulli(), mb.GaussianPrior),
        "prior",
        "object",
    ),
    "Model-swapped": (
        lambda: mb.Model(NET, mb.GaussianPrior(), mb.Bernoulli()),
        "likelihood",
        "GaussianPrior",
    ),
    "Model-prior-length": (
        lambda: mb.Model(NET, mb.Bernoulli(), mb.GaussianPrior(np.zeros(5))),
        "prior",
        f"5 weights, the network MLP([2, 3, 1], activation='relu') has {P}",
    ),
    "Model-classes": (
        lambda: mb.Model(NET, mb.Categorical(3), mb.GaussianPrior()),
        "likelihood",
        "3 network output(s), the network has 1",
    ),
    "log_joint-width": (lambda: MODEL.log_joint(W[:-1], X, Y), "w", f"{P}"),
    "log_joint-nan": (lambda: MODEL.log_joint(with_value(W, NAN), X, Y), "w", "nan"),
    "log_joint-overflow": (
        lambda: MODEL.log_joint(HUGE, X, Y),
        "w",
        "too large",
    ),
    "log_joint-labels": (lambda: MODEL.log_joint(W, X, Y + 1), "y", "0 or 1"),
    # priors
    "prior-scale-zero": (lambda: mb.GaussianPrior(0.0, 0.0), "scale", "> 0, got 0.0"),
    "prior-scale-negative": (
        lambda: mb.GaussianPrior(0.0, [1.0, -2.0]),
        "scale",
        "got -2.0 at index 1",
    ),
    "prior-scale-nan": (lambda: mb.GaussianPrior(0.0, NAN), "scale", "nan"),
    "prior-mean-inf": (lambda: mb.GaussianPrior(INF, 1.0), "mean", "inf"),
    "prior-mean-text": (lambda: mb.GaussianPrior("0"), "mean", "'0'"),
    "prior-mean-none": (lambda: mb.GaussianPrior(None), "mean", "None"),
    "prior-matrix": (lambda: mb.GaussianPrior(np.zeros((2, 2))), "mean", "(2, 2)"),
    "prior-lengths": (lambda: mb.GaussianPrior([0.0] * 3, [1.0] * 4), "mean", "(4,)"),
    "prior-complex": (lambda: mb.GaussianPrior(1j), "mean", "complex"),
    # likelihoods
    "Gaussian-zero": (lambda: mb.Gaussian(0.0), "scale", "> 0, got 0.0"),
    "Gaussian-negative": (lambda: mb.Gaussian(-1), "scale", "got -1"),
    "Gaussian-nan": (lambda: mb.Gaussian(NAN), "scale", "nan"),
    "Gaussian-word": (lambda: mb.Gaussian("learnt"), "scale", "'learnt'"),
    "Gaussian-array": (lambda: mb.Gaussian([1.0, 2.0]), "scale", "length 2"),
    "Gaussian-none": (lambda: mb.Gaussian(None), "scale", "None"),
    "Gaussian-prior-sd": (
        lambda: mb.Gaussian("learned", log_scale_prior=(0, 0)),
        "log_scale_prior",
        "> 0",
    ),
    "Gaussian-prior-number": (
        lambda: mb.Gaussian("learned", log_scale_prior=1.0),
        "log_scale_prior",
        "(mean, sd)",
    ),
    "Categorical-one": (lambda: mb.Categorical(1), "n_classes", ">= 2, got 1"),
    "Categorical-float": (lambda: mb.Categorical(3.0), "n_classes", "integer"),
    "SigmoidGaussian-scale": (lambda: mb.rupture.SigmoidGaussian(0), "scale", "> 0"),
    # families
    "MeanField-scale": (lambda: mb.MeanField("log"), "scale", "'softplus'"),
    "MeanField-sigma": (lambda: mb.MeanField(sigma=0.0), "sigma", "> 0"),
    "MeanField-sigma-nan": (lambda: mb.MeanField(sigma=NAN), "sigma", "nan"),
    "init-model": (lambda: FAMILY.init("net"), "model", "'net'"),
    "init-net": (lambda: FAMILY.init(NET), "model", "MLP"),
    "init-point": (lambda: mb.Point().init(NET), "model", "MLP"),
    "init-rng": (lambda: FAMILY.init(MODEL, rng="0"), "rng", "'0'"),
    "init-rng-negative": (lambda: FAMILY.init(MODEL, rng=-1), "rng", "-1"),
    "init-rng-float": (lambda: FAMILY.init(MODEL, rng=0.5), "rng", "0.5"),
    # the objective
    "neg_elbo-model": (lambda: neg_elbo(model=NET), "model", "Model"),
    "neg_elbo-family": (lambda: neg_elbo(family="meanfield"), "family", "'meanfield'"),
    "neg_elbo-family-class": (
        lambda: neg_elbo(family=mb.MeanField),
        "family",
        "object",
    ),
    "neg_elbo-estimator": (lambda: neg_elbo(estimator="local"), "estimator", "'local'"),
    "neg_elbo-local-point": (
        lambda: neg_elbo(family=mb.Point(), estimator=mb.LocalReparam()),
        "estimator",
        "Point()",
    ),
    "params-none": (lambda: neg_elbo(params=None), "params", "dict"),
    "params-array": (lambda: neg_elbo(params=np.zeros(P)), "params", "dict"),
    "params-missing": (lambda: neg_elbo(params={"mu": W}), "params", "['mu', 'rho']"),
    "params-extra": (lambda: neg_elbo(params=params(low=W)), "params", "low"),
    "params-keys": (lambda: neg_elbo(params={1: W, "mu": W}), "params", "rho"),
    "params-short": (
        lambda: neg_elbo(params=params(mu=W[1:])),
        "params['mu']",
        f"({P - 1},)",
    ),
    "params-scalar": (lambda: neg_elbo(params=params(mu=0.0)), "params['mu']", "()"),
    "params-nan": (
        lambda: neg_elbo(params=params(rho=with_value(W, NAN))),
        "params['rho']",
        "nan at index 3",
    ),
    "params-inf": (
        lambda: neg_elbo(params=params(mu=with_value(W, -INF))),
        "params['mu']",
        "-inf",
    ),
    "params-text": (lambda: neg_elbo(params=params(mu="0")), "params['mu']", "'0'"),
    "params-none-array": (
        lambda: neg_elbo(params=params(mu=None)),
        "params['mu']",
        "None",
    ),
    "params-ragged": (
        lambda: neg_elbo(params=params(mu=[[0.0], [0.0, 1.0]])),
        "params['mu']",
        "length",
    ),
    "params-replicas": (
        lambda: neg_elbo(params=params(mu=np.zeros((3, P)))),
        "params",
        "replica",
    ),
    "params-overflow": (
        lambda: neg_elbo(params=params(mu=HUGE)),
        "params",
        "nan",
    ),
    "sigma-negative": (
        lambda: neg_elbo(family=mb.MeanField("identity")),
        "sigma",
        "> 0, got -2.0",
    ),
    "sigma-zero": (
        lambda: neg_elbo(family=mb.MeanField("identity"), params=params(rho=W)),
        "sigma",
        "got 0.0 at index 0",
    ),
    "noise-none": (lambda: neg_elbo(noise=None), "noise", "None"),
    "noise-vector": (lambda: neg_elbo(noise=W), "noise", f"(S, {P})"),
    "noise-width": (lambda: neg_elbo(noise=NOISE[:, 1:]), "noise", f"(2, {P - 1})"),
    "noise-empty": (lambda: neg_elbo(noise=NOISE[:0]), "noise", f"(0, {P})"),
    "noise-nan": (lambda: neg_elbo(noise=with_value(NOISE, NAN)), "noise", "nan"),
    "noise-of-another-estimator": (
        lambda: neg_elbo(estimator=mb.LocalReparam()),
        "noise",
        "LocalReparam()",
    ),
    "noise-replicas": (
        lambda: neg_elbo(noise=np.stack([NOISE] * 3)),
        "noise",
        "replica",
    ),
    "X-replicas": (
        lambda: neg_elbo(X=np.stack([X] * 3), y=np.stack([Y] * 3)),
        "X",
        "replica",
    ),
    "n_data-zero": (lambda: neg_elbo(n_data=0), "n_data", ">= 12, got 0"),
    "n_data-float": (lambda: neg_elbo(n_data=12.0), "n_data", "integer"),
    "kl_weight-negative": (lambda: neg_elbo(kl_weight=-1), "kl_weight", ">= 0"),
    "kl_weight-nan": (lambda: neg_elbo(kl_weight=NAN), "kl_weight", "nan"),
    "kl_weight-text": (lambda: neg_elbo(kl_weight="1"), "kl_weight", "'1'"),
    # data, by way of fit
    "X-vector": (lambda: fit(X=X[:, 0]), "X", "(12,)"),
    "X-width": (lambda: fit(X=X[:, :1]), "X", "got shape (12, 1)"),
    "X-nan": (lambda: fit(X=with_value(X, NAN)), "X", "nan at index (1, 1)"),
    "X-inf": (lambda: fit(X=with_value(X, INF)), "X", "inf"),
    "X-text": (lambda: fit(X=[["a", "b"]] * N), "X", "real numbers"),
    "X-none": (lambda: fit(X=None), "X", "None"),
    "X-complex": (lambda: fit(X=X + 1j), "X", "complex"),
    "X-object": (lambda: fit(X=X.astype(object)), "X", "object"),
    "X-ragged": (lambda: fit(X=[[1.0, 2.0], [3.0]]), "X", "equal length"),
    "X-empty": (lambda: fit(X=X[:0], y=Y[:0]), "X", "at least one row"),
    "X-masked": (lambda: fit(X=np.ma.masked_array(X)), "X", "mask"),
    "X-longer": (lambda: fit(X=TALL), "y", "(13, 1)"),
    "y-longer": (
        lambda: fit(y=np.ones(N + 1)),
        "y",
        "(12, 1) or (12,) to go with X, got (13,)",
    ),
    "y-row": (lambda: fit(y=Y[None]), "y", "(1, 12)"),
    "y-none": (lambda: fit(y=None), "y", "None"),
    "y-nan": (lambda: fit(y=with_value(Y, NAN)), "y", "nan"),
    "y-two": (lambda: fit(y=with_value(Y, 2.0)), "y", "0 or 1 everywhere, got 2.0"),
    "y-minus-one": (lambda: fit(y=2 * Y - 1), "y", "0 or 1"),
    "y-probability": (lambda: fit(y=with_value(Y, 0.5)), "y", "got 0.5"),
    "y-text": (lambda: fit(y=["yes"] * N), "y", "real numbers"),
    "y-class-3": (lambda: fit(CLASSES, y=np.full(N, 3)), "y", "0 to 2, got 3"),
    "y-class-negative": (lambda: fit(CLASSES, y=np.full(N, -1)), "y", "-1"),
    "y-class-half": (lambda: fit(CLASSES, y=np.full(N, 0.5)), "y", "whole"),
    "y-one-hot": (lambda: fit(CLASSES, y=np.eye(3)[[0] * N]), "y", "(12, 3)"),
    "y-outputs": (lambda: fit(REAL, y=Y), "y", "(12, 2)"),
    "y-inf": (lambda: fit(REAL, y=np.full((N, 2), INF)), "y", "inf"),
    # options of fit
    "fit-model": (lambda: fit(model=NET), "model", "Model"),
    "fit-model-none": (lambda: fit(model=None), "model", "None"),
    "fit-family": (lambda: fit(family="meanfield"), "family", "'meanfield'"),
    "fit-family-none": (lambda: fit(family=None), "family", "None"),
    "fit-family-class": (lambda: fit(family=mb.MeanField), "family", "object"),
    "fit-estimator": (lambda: fit(estimator="local"), "estimator", "'local'"),
    "fit-estimator-class": (lambda: fit(estimator=mb.Pathwise), "estimator", "object"),
    "fit-local-point": (
        lambda: fit(family=mb.Point(), estimator=mb.LocalReparam()),
        "estimator",
        "Pathwise()",
    ),
    "rng-text": (lambda: fit(rng="0"), "rng", "'0'"),
    "rng-float": (lambda: fit(rng=0.0), "rng", "0.0"),
    "rng-negative": (lambda: fit(rng=-1), "rng", "-1"),
    "rng-legacy": (
        lambda: fit(rng=np.random.RandomState(0)),
        "rng",
        "Generator",
    ),
    "n_samples-zero": (lambda: fit(n_samples=0), "n_samples", ">= 1, got 0"),
    "n_samples-float": (lambda: fit(n_samples=2.0), "n_samples", "integer"),
    "batch_size-zero": (lambda: fit(batch_size=0), "batch_size", ">= 1, got 0"),
    "batch_size-float": (lambda: fit(batch_size=0.5), "batch_size", "0.5"),
    "max_steps-zero": (lambda: fit(max_steps=0), "max_steps", ">= 1, got 0"),
    "max_steps-inf": (lambda: fit(max_steps=INF), "max_steps", "integer"),
    "restarts-zero": (lambda: fit(restarts=0), "restarts", ">= 1"),
    "replicas-zero": (lambda: fit(replicas=0), "replicas", ">= 1"),
    "restarts-and-replicas": (
        lambda: fit(restarts=2, replicas=2),
        "restarts",
        "only one",
    ),
    "replicas-of-data": (
        lambda: fit(X=np.stack([X] * 3), y=np.stack([Y] * 3), replicas=2),
        "replicas",
        "must be 3, got 2",
    ),
    "replicas-missing": (
        lambda: fit(X=np.stack([X] * 3), y=np.stack([Y] * 3)),
        "replicas",
        "must be 3",
    ),
    "kl_warmup-high": (lambda: fit(kl_warmup=1.5), "kl_warmup", "<= 1"),
    "kl_warmup-negative": (lambda: fit(kl_warmup=-0.1), "kl_warmup", ">= 0"),
    "fit-kl_weight": (lambda: fit(kl_weight=-1.0), "kl_weight", ">= 0"),
    "clip-zero": (lambda: fit(family=mb.MeanField("identity"), clip=0), "clip", "> 0"),
    "clip-without-need": (lambda: fit(clip=0.1), "clip", "identity"),
    "clip-of-a-point": (lambda: fit(family=mb.Point(), clip=0.1), "clip", "Point()"),
    "optimizer-text": (lambda: fit(optimizer="adam"), "optimizer", "'adam'"),
    "optimizer-number": (lambda: fit(optimizer=0.01), "optimizer", "0.01"),
    "optimizer-class": (lambda: fit(optimizer=mb.Adam), "optimizer", "Adam(0.01)"),
    "optimizer-schedule": (
        lambda: fit(optimizer=mb.Cosine(0.1)),
        "optimizer",
        "update",
    ),
    "optimizer-no-lr": (lambda: fit(optimizer=NoLearningRate()), "optimizer", "lr"),
    "start-text": (lambda: fit(start="warm"), "start", "'warm'"),
    "start-array": (lambda: fit(start=W), "start", "dict"),
    "start-keys": (lambda: fit(start={"mu": W}), "start", "['mu', 'rho']"),
    "start-shape": (lambda: fit(start=params(mu=W[1:])), "start['mu']", f"({P - 1},)"),
    "start-nan": (
        lambda: fit(start=params(mu=with_value(W, NAN))),
        "start['mu']",
        "nan",
    ),
    "start-complex": (lambda: fit(start=params(mu=W + 1j)), "start['mu']", "complex"),
    "start-replicas": (
        lambda: fit(start=params(mu=np.zeros((2, P)))),
        "start['mu']",
        f"(2, {P})",
    ),
    "start-other-replicas": (
        lambda: fit(start=params(mu=np.zeros((2, P))), replicas=3),
        "start['mu']",
        f"(3, {P})",
    ),
    "start-sigma": (
        lambda: fit(family=mb.MeanField("identity"), start=PARAMS),
        "sigma",
        "> 0",
    ),
    "stop-number": (lambda: fit(stop=10), "stop", "10"),
    "stop-class": (lambda: fit(stop=mb.Plateau), "stop", "Plateau"),
    "callback-text": (lambda: fit(callback="print"), "callback", "'print'"),
    "verbose-number": (lambda: fit(verbose=1), "verbose", "True or False"),
    # optimisers, schedules, the plateau rule
    "lr-zero": (lambda: mb.SGD(0.0), "lr", "> 0, got 0.0"),
    "lr-negative": (lambda: mb.Adam(-0.1), "lr", "-0.1"),
    "lr-nan": (lambda: mb.Momentum(NAN), "lr", "nan"),
    "lr-text": (lambda: mb.SGD("0.1"), "lr", "Cosine(0.02)"),
    "lr-class": (lambda: mb.SGD(mb.Cosine), "lr", "Cosine(0.02)"),
    "beta": (lambda: mb.Momentum(0.1, beta=1.5), "beta", "<= 1"),
    "beta1": (lambda: mb.Adam(0.1, beta1=1.0), "beta1", "below 1"),
    "beta2": (lambda: mb.Adam(0.1, beta2=-0.1), "beta2", ">= 0"),
    "eps": (lambda: mb.Adam(0.1, eps=0), "eps", "> 0"),
    "Cosine-lr": (lambda: mb.Cosine(0), "lr", "> 0"),
    "Cosine-final": (lambda: mb.Cosine(0.1, final=-1), "final", ">= 0"),
    "Cosine-steps": (lambda: mb.Cosine(0.1, steps=0), "steps", ">= 1"),
    "RobbinsMonro-power": (
        lambda: mb.RobbinsMonro(0.1, power=0.5),
        "power",
        "(0.5, 1]",
    ),
    "RobbinsMonro-delay": (lambda: mb.RobbinsMonro(0.1, delay=0), "delay", "> 0"),
    "Plateau-window": (lambda: mb.Plateau(window=1), "window", ">= 2"),
    "Plateau-z": (lambda: mb.Plateau(z=0), "z", "> 0"),
    # prediction
    "predict-width": (lambda: RESULT.predict(X[:, :1]), "X", "(12, 1)"),
    "predict-vector": (lambda: RESULT.predict(X[0]), "X", "(2,)"),
    "predict-nan": (lambda: RESULT.predict(with_value(X, NAN)), "X", "nan"),
    "predict-overflow": (lambda: RESULT.predict(X * 0 + 1.7e308), "X", "too large"),
    "predict-column": (
        lambda: RESULT.predict(X * 0 + [1.7e308, 1.6e308]),
        "X",
        "the largest number is 1.7e+308, in column 0 of X",
    ),
    "predict-samples": (lambda: RESULT.predict(X, n_samples=0), "n_samples", ">= 1"),
    "predict-rng": (lambda: RESULT.predict(X, rng="1"), "rng", "'1'"),
    "sample-weights": (lambda: RESULT.sample_weights(0), "n_samples", ">= 1"),
    "interval-level": (lambda: PRED.interval(1.0), "level", "< 1"),
    "interval-percent": (lambda: PRED.interval(95), "level", "95"),
    "log_prob-length": (lambda: PRED.log_prob(Y[1:]), "y", "(11,)"),
    "log_prob-label": (lambda: PRED.log_prob(Y + 1), "y", "0 or 1"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case):
    check_refusal(*CASES[case], most=400)


def test_the_table_is_long():
    assert len(CASES) >= 60


def test_a_refused_call_leaves_its_arguments_alone():
    """Also a generator: it has not moved when the call is refused."""
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    start = {key: array.copy() for key, array in PARAMS.items()}
    for bad in ({"max_steps": 0}, {"stop": 3}, {"clip": 0.1}, {"y": Y + 5}):
        with pytest.raises(ValueError, match=r"must|clip"):
            fit(**({"rng": generator, "start": start} | bad))
    assert generator.bit_generator.state == before
    for key, array in PARAMS.items():
        np.testing.assert_array_equal(start[key], array)


# --- defined results at the edges ----------------------------------------------------


def test_one_row_one_input_one_weight():
    model = mb.Model(mb.MLP([1, 1], bias=False), mb.Gaussian(1.0), mb.GaussianPrior())
    result = mb.fit(model, FAMILY, [[1.0]], [2.0], rng=0, max_steps=5)
    assert np.isfinite(result.elbo)
    assert result.predict([[3.0]], n_samples=4).mean.shape == (1,)


@pytest.mark.sample(3)
@pytest.mark.parametrize("kind", [list, np.float32, np.int64, "F", "stride"])
def test_data_of_many_forms_mean_the_same(kind):
    """Lists, integers, Fortran order and strided views all train alike."""
    A = np.round(X * 4)
    wide = np.zeros((N, 2 * D))
    wide[:, ::2] = A
    forms = {
        list: A.tolist(),
        "F": np.asfortranarray(A),
        "stride": wide[:, ::2],
        np.float32: A.astype(np.float32),
        np.int64: A.astype(np.int64),
    }
    got, want = fit(X=forms[kind], y=Y.astype(int).tolist()), fit(X=A)
    if kind is np.float32:  # a single-precision run has noise of its own
        assert got.elbo == pytest.approx(want.elbo, rel=0.2)
    else:
        np.testing.assert_allclose(got.params["mu"], want.params["mu"], atol=1e-12)


def test_an_infinite_loss_is_an_answer():
    """A residual too large to square: the loss is inf, not nan, and nothing warns."""
    y = np.full((N, 2), 1e200)
    params = {"mu": np.zeros(6), "rho": np.zeros(6)}
    loss, _, parts = mb.neg_elbo(REAL, FAMILY, params, np.zeros((1, 6)), X, y)
    assert loss == parts["nll"] == np.inf


def test_labels_all_of_one_kind_are_data_too():
    for label in (0.0, 1.0):
        result = fit(y=np.full(N, label), max_steps=50)
        assert np.isfinite(result.elbo)
