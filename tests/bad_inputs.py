"""Bad inputs as data: category, call, the argument the error names, words it says.

``REFUSED`` rows end in an error of the package, ``ANSWERED`` rows in a defined result
(a function of the result says whether it is the one). Calls take nothing and use the
small problem below, which no call may change.
"""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

import minibnn as mb
from minibnn.checking.gradcheck import check_adjoint, check_gradient
from minibnn.study import datasets, metrics, rupture_data

NAN, INF = np.nan, np.inf
N, D = 12, 2
RNG = np.random.default_rng(11)
X, Y = RNG.normal(size=(N, D)), RNG.integers(0, 2, N).astype(float)
COUNTS, REALS, LABELS = RNG.poisson(2.0, N), RNG.normal(size=N), np.arange(N) % 3
NET = mb.MLP([D, 3, 1], "tanh")
PRIOR, FAMILY = mb.GaussianPrior(), mb.MeanField()
YES_NO = mb.Model(NET, mb.Bernoulli(), PRIOR)
LINE = mb.Model(mb.MLP([D, 1]), mb.Gaussian(0.5), PRIOR)
CLASSES = mb.Model(mb.MLP([D, 3]), mb.Categorical(3), PRIOR)
COUNTED = mb.Model(mb.MLP([D, 1]), mb.Poisson(), PRIOR)
TWO = mb.Model(mb.MLP([D, 2]), mb.HeteroscedasticGaussian(), PRIOR)
P = YES_NO.n_weights
PARAMS = {"mu": np.zeros(P), "rho": np.full(P, -2.0)}
OTHER = {"mu": np.zeros(3), "rho": np.full(3, -2.0)}  # of the linear model
NOISE = RNG.normal(size=(2, P))
RESULT = mb.fit(YES_NO, FAMILY, X, Y, rng=0, start=None, max_steps=2)
CHAINS = mb.hmc(LINE, X, REALS, rng=0, n_chains=2, n_draws=8, n_warmup=20)
PRED = RESULT.predict(X, n_samples=5)
EXACT = mb.exact_posterior(LINE, X, REALS)
PROBABILITIES = np.full(N, 0.25)


class Row(NamedTuple):
    """One call and what it must come to."""

    category: str
    call: object
    name: object  # the argument named; or the check of a defined result
    words: str = ""


class Sparse:
    """Stands for a scipy.sparse matrix."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape


Sparse.__module__ = "scipy.sparse._csr"


class Frame:
    """Stands for a pandas frame: something that knows how to become an array."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype)

    def __len__(self):
        return len(self.array)


class Failing(Frame):
    """A frame that cannot become an array."""

    def __array__(self, dtype=None, copy=None):
        raise TypeError("no numbers here")


def put(array, value, index=0):
    """A float copy with one entry replaced."""
    out = np.array(array, dtype=float)
    out.flat[index] = value
    return out


def frozen(array):
    """A copy that may not be written to."""
    array = np.array(array)
    array.flags.writeable = False
    return array


def fit(model=YES_NO, family=FAMILY, X=X, y=Y, **kwargs):
    """A fit of two steps."""
    options = {"rng": 0, "max_steps": 2, "start": None} | kwargs
    return mb.fit(model, family, X, y, **options)


def loss(model=YES_NO, family=FAMILY, params=PARAMS, noise=NOISE, X=X, y=Y, **kwargs):
    """The objective at fixed noise."""
    return mb.neg_elbo(model, family, params, noise, X, y, **kwargs)


def hmc(model=LINE, X=X, y=REALS, **kwargs):
    """Few draws by HMC."""
    options = {"rng": 0, "n_chains": 2, "n_draws": 8, "n_warmup": 20} | kwargs
    return mb.hmc(model, X, y, **options)


def square(x):
    """A function for the checker, and with ``twice`` its gradient."""
    return np.sum(x * x)


def twice(x):
    return 2 * x


def checked(f=square, grad=twice, x=(1.0, 2.0), **kwargs):
    return check_gradient(f, grad, np.asarray(x), **kwargs)


def moved(rate):
    """A fit whose schedule gives ``rate``."""
    return fit(optimizer=mb.Adam(lambda step, max_steps: rate))


def network(context, width=None):
    """An inference network for the small classifier."""
    width = 2 * P if width is None else width
    return mb.InferenceNetwork(mb.MLP([2, width]), context)


class NanOptimizer(mb.SGD):
    """An optimiser with a mistake of its own."""

    def update(self, theta, g, state, step, max_steps):
        theta += NAN


def interrupted(info):
    raise KeyboardInterrupt


def finite(result):
    """The usual answer: everything about a fit is a number."""
    return np.isfinite(result.elbo) and all(
        np.isfinite(a).all() for a in (*result.params.values(), result.history["loss"])
    )


def sane(prediction):
    """Finite means, no negative variance."""
    parts = prediction.mean, prediction.std, prediction.aleatoric, prediction.epistemic
    return all(np.isfinite(a).all() and (a >= 0).all() for a in parts[1:]) and (
        np.isfinite(prediction.mean).all()
    )


def same(result):
    """A run like the plain one on the same numbers."""
    return np.allclose(result.params["mu"], fit(X=np.asarray(X)).params["mu"], atol=1e-6)


REFUSED = {
    # --- data -----------------------------------------------------------------------
    "X-0d": Row("data", lambda: fit(X=3.0), "X", "dimension(s), got shape ()"),
    "X-1d": Row("data", lambda: fit(X=X[0]), "X", "(2,)"),
    "X-3d-no-replicas": Row("data", lambda: fit(X=X[None], y=Y[None]), "replicas", "1 data sets"),
    "X-4d": Row("data", lambda: fit(X=X[None, None]), "X", "(1, 1, 12, 2)"),
    "X-3d-other-replicas": Row("data", lambda: fit(X=np.stack([X] * 2), y=np.stack([Y] * 2), replicas=3), "X", "2 data sets"),
    "X-3d-y-2d-wrong": Row("data", lambda: fit(X=np.stack([X] * 2), y=Y, replicas=2), "y", "(2, 12, 1)"),
    "X-no-columns": Row("data", lambda: fit(X=X[:, :0]), "X", "(12, 0)"),
    "X-no-rows-3d": Row("data", lambda: fit(X=np.zeros((2, 0, D)), y=np.zeros((2, 0)), replicas=2), "X", "at least one row"),
    "X-nan-late": Row("data", lambda: fit(X=put(X, NAN, -1)), "X", "nan at index (11, 1) (1 of 24"),
    "X-minus-inf": Row("data", lambda: fit(X=put(X, -INF)), "X", "-inf at index (0, 0)"),
    "X-all-nan": Row("data", lambda: fit(X=X * NAN), "X", "24 of 24"),
    "X-overflow-of-squares": Row("data", lambda: fit(X=X * 1e300), "", "X"),
    "X-huge-lbfgs": Row("data", lambda: fit(X=X * 1e300, start="auto", model=LINE, y=REALS), "step 0", "data term"),
    "X-huge-loss": Row("data", lambda: loss(X=X * 1e300, model=mb.Model(mb.MLP([D, 3, 1]), mb.Gaussian(), PRIOR), y=REALS * 1e300), "X", "too large"),
    "y-huge": Row("data", lambda: fit(model=LINE, y=REALS * 1e300), "step 0", "data term"),
    "y-2d-for-one": Row("data", lambda: fit(y=np.stack([Y, Y], 1)), "y", "(12, 2)"),
    "y-0d": Row("data", lambda: fit(y=1.0), "y", "got ()"),
    "y-3d": Row("data", lambda: fit(y=Y[:, None, None]), "y", "(12, 1, 1)"),
    "y-shorter": Row("data", lambda: fit(y=Y[:-1]), "y", "(11,)"),
    "y-empty": Row("data", lambda: fit(y=[]), "y", "(0,)"),
    "y-single-broadcast": Row("data", lambda: fit(y=[1.0]), "y", "(1,)"),
    "y-nan-real": Row("data", lambda: fit(model=LINE, y=put(REALS, NAN, 5)), "y", "nan at index 5"),
    "predict-3d": Row("data", lambda: RESULT.predict(X[None]), "X", "(1, 12, 2)"),
    "predict-0d": Row("data", lambda: RESULT.predict(1.0), "X", "got shape ()"),
    "predict-inf": Row("data", lambda: RESULT.predict(put(X, INF)), "X", "inf"),
    "predict-text": Row("data", lambda: RESULT.predict("X"), "X", "'X'"),
    "predict-none": Row("data", lambda: RESULT.predict(None), "X", "None"),
    "log_prob-row": Row("data", lambda: PRED.log_prob(Y[None]), "y", "(1, 12)"),
    "log_prob-nan": Row("data", lambda: PRED.log_prob(put(Y, NAN)), "y", "nan"),
    "hmc-X-nan": Row("data", lambda: hmc(X=put(X, NAN)), "X", "nan"),
    "hmc-X-3d": Row("data", lambda: hmc(X=X[None]), "X", "(1, 12, 2)"),
    "hmc-y-nan": Row("data", lambda: hmc(y=put(REALS, NAN)), "y", "nan"),
    "hmc-y-huge": Row("data", lambda: hmc(y=REALS * 1e200), "log joint", "inf"),
    "hmc-X-huge": Row("data", lambda: hmc(X=X * 1e300), "log joint", ""),
    "chains-predict-nan": Row("data", lambda: CHAINS.predict(put(X, NAN)), "X", "nan"),
    "chains-predict-wide": Row("data", lambda: CHAINS.predict(np.ones((2, 5))), "X", "(2, 5)"),
    "chains-r_hat-nan": Row("data", lambda: CHAINS.r_hat(put(X, NAN)), "X", "nan"),
    "chains-outputs-huge": Row("data", lambda: CHAINS.outputs(X * 0 + 1.7e308), "outputs", "too large"),
    "chains-ess-1d": Row("data", lambda: CHAINS.ess(X[0]), "X", "(2,)"),
    "exact-X-nan": Row("data", lambda: mb.exact_posterior(LINE, put(X, NAN), REALS), "X", "nan"),
    "exact-y-short": Row("data", lambda: mb.exact_posterior(LINE, X, REALS[1:]), "y", "(11,)"),
    "exact-X-huge": Row("data", lambda: mb.exact_posterior(LINE, X * 1e300, REALS), "X", ""),
    "exact-predict-nan": Row("data", lambda: EXACT.predict(put(X, NAN)), "X", "nan"),
    "laplace-X-nan": Row("data", lambda: mb.laplace(YES_NO, put(X, NAN), Y, np.zeros(P)), "X", "nan"),
    "laplace-weights": Row("data", lambda: mb.laplace(YES_NO, X, Y, np.zeros(P - 1)), "weights", f"({P - 1},)"),
    "laplace-weights-nan": Row("data", lambda: mb.laplace(YES_NO, X, Y, put(np.zeros(P), NAN)), "weights", "nan"),
    "laplace-huge": Row("data", lambda: mb.laplace(YES_NO, X, Y, np.full(P, 1e300)), "weights", ""),
    "ais-X-nan": Row("data", lambda: mb.ais(LINE, put(X, NAN), REALS, rng=0), "X", "nan"),
    "ais-huge": Row("data", lambda: mb.ais(LINE, X, REALS * 1e200, rng=0, n_particles=4, n_temperatures=3), "", ""),
    "grid-X-nan": Row("data", lambda: mb.grid_posterior(mb.Model(mb.MLP([1, 1]), mb.Bernoulli(), PRIOR), put(X[:, :1], NAN), Y), "X", "nan"),
    "grid-size": Row("data", lambda: mb.grid_posterior(YES_NO, X, Y), "model", "1 or 2 weights"),
    "normal-constant": Row("data", lambda: __import__("minibnn.inference.normal_sample", fromlist=["x"]).normal_maximum([1.0, 1.0]), "x", "two different"),
    "normal-sigma": Row("data", lambda: mb.normal_log_likelihood([1.0], 0.0, -1.0), "sigma", "> 0"),
    "normal-sigma-nan": Row("data", lambda: mb.normal_log_likelihood([1.0], 0.0, NAN), "sigma", ""),
    "normal-x-nan": Row("data", lambda: mb.normal_log_likelihood([NAN], 0.0, 1.0), "x", "nan"),
    "normal-x-text": Row("data", lambda: mb.normal_log_likelihood(["a"], 0.0, 1.0), "x", ""),
    # --- labels ---------------------------------------------------------------------
    "labels-two": Row("labels", lambda: fit(y=put(Y, 2, 3)), "y", "got 2.0 at index"),
    "labels-from-one": Row("labels", lambda: fit(CLASSES, y=LABELS + 1), "y", "0 to 2, got 3"),
    "labels-negative-class": Row("labels", lambda: fit(CLASSES, y=LABELS - 1), "y", "-1"),
    "labels-plus-minus": Row("labels", lambda: fit(y=np.where(Y > 0, 1, -1)), "y", "got -1"),
    "labels-half": Row("labels", lambda: fit(CLASSES, y=LABELS + 0.5), "y", "whole numbers"),
    "labels-words": Row("labels", lambda: fit(CLASSES, y=np.array(["cat", "dog", "cow"] * 4)), "y", "real numbers"),
    "labels-digits-as-text": Row("labels", lambda: fit(y=np.array(["0", "1"] * 6)), "y", "real numbers"),
    "labels-bytes": Row("labels", lambda: fit(y=np.array([b"0", b"1"] * 6)), "y", "real numbers"),
    "labels-one-hot": Row("labels", lambda: fit(CLASSES, y=np.eye(3)[LABELS]), "y", "one-hot"),
    "labels-one-hot-int": Row("labels", lambda: fit(CLASSES, y=np.eye(3, dtype=int)[LABELS]), "y", "one-hot"),
    "labels-one-hot-two": Row("labels", lambda: fit(y=np.eye(2)[Y.astype(int)]), "y", "(12, 2)"),
    "labels-object": Row("labels", lambda: fit(y=Y.astype(object)), "y", "object"),
    "labels-none": Row("labels", lambda: fit(y=[None] * N), "y", "object"),
    "labels-complex": Row("labels", lambda: fit(y=Y + 0j), "y", "complex"),
    "labels-dates": Row("labels", lambda: fit(y=np.arange(N).astype("datetime64[D]")), "y", "datetime64"),
    "labels-uint8-255": Row("labels", lambda: fit(y=(Y * 255).astype(np.uint8)), "y", "got 255"),
    "labels-int8-wrapped": Row("labels", lambda: fit(CLASSES, y=(LABELS + 126).astype(np.int8)), "y", "got"),
    "labels-huge-int": Row("labels", lambda: fit(CLASSES, y=np.full(N, 2**62)), "y", "got 4"),
    "labels-inf": Row("labels", lambda: fit(CLASSES, y=put(LABELS, INF)), "y", "inf"),
    "labels-epsilon": Row("labels", lambda: fit(y=Y + 1e-12), "y", "0 or 1"),
    "labels-bool-for-real": Row("labels", lambda: fit(LINE, y=Y > 0), "y", "bool"),
    "labels-ragged": Row("labels", lambda: fit(y=[[1], [0, 1]] * 6), "y", "equal length"),
    "counts-half": Row("labels", lambda: fit(COUNTED, y=COUNTS + 0.5), "y", "count"),
    "counts-negative": Row("labels", lambda: fit(COUNTED, y=COUNTS - 10), "y", "count"),
    "counts-text": Row("labels", lambda: fit(COUNTED, y=[str(c) for c in COUNTS]), "y", "real numbers"),
    "counts-nan": Row("labels", lambda: fit(COUNTED, y=put(COUNTS, NAN)), "y", "nan"),
    "counts-bool": Row("labels", lambda: fit(COUNTED, y=Y > 0), "y", "bool"),
    "hetero-both": Row("labels", lambda: fit(TWO, y=np.ones((N, 2))), "y", "(12, 1)"),
    "log_prob-minus": Row("labels", lambda: PRED.log_prob(2 * Y - 1), "y", "0 or 1"),
    "hmc-labels": Row("labels", lambda: hmc(CLASSES, y=LABELS + 1), "y", "0 to 2"),
    "loss-labels": Row("labels", lambda: loss(y=Y + 1), "y", "0 or 1"),
    "accuracy-from-one": Row("labels", lambda: metrics.accuracy(Y + 1, PROBABILITIES), "y", "0..1"),
    "accuracy-strings": Row("labels", lambda: metrics.accuracy(["a"] * N, PROBABILITIES), "y", "real numbers"),
    "f1-negative": Row("labels", lambda: metrics.f1(Y - 1, PROBABILITIES), "y", "0..1"),
    "auroc-one-kind": Row("labels", lambda: metrics.auroc(PROBABILITIES, np.zeros(N)), "is_error", "0 errors among 12"),
    "auroc-two": Row("labels", lambda: metrics.auroc(PROBABILITIES, np.full(N, 2)), "is_error", "0 or 1"),
    # --- types and memory -----------------------------------------------------------
    "X-complex-zero": Row("types", lambda: fit(X=X + 0j), "X", "complex"),
    "X-object-mixed": Row("types", lambda: fit(X=np.array([[1, "a"]] * N, object)), "X", "object"),
    "X-masked-some": Row("types", lambda: fit(X=np.ma.masked_less(X, 0)), "X", "mask"),
    "y-masked": Row("types", lambda: fit(y=np.ma.masked_equal(Y, 0)), "y", "mask"),
    "X-sparse": Row("types", lambda: fit(X=Sparse(X)), "X", "toarray"),
    "X-list-of-none": Row("types", lambda: fit(X=[[1.0, None]] * N), "X", "object"),
    "X-dict": Row("types", lambda: fit(X={"a": [1.0]}), "X", "dict"),
    "X-set": Row("types", lambda: fit(X={1.0, 2.0}), "X", "set"),
    "X-generator": Row("types", lambda: fit(X=(row for row in X)), "X", "object"),
    "X-bytes": Row("types", lambda: fit(X=b"abc"), "X", "bytes"),
    "X-function": Row("types", lambda: fit(X=fit), "X", "object"),
    "X-frame-of-text": Row("types", lambda: fit(X=Frame([["a", "b"]] * N)), "X", "real numbers"),
    "X-frame-failing": Row("types", lambda: fit(X=Failing(X)), "X", "no numbers here"),
    "X-structured": Row("types", lambda: fit(X=np.zeros(N, [("a", float), ("b", float)])), "X", "real numbers"),
    "X-timedelta": Row("types", lambda: fit(X=X.astype("timedelta64[s]")), "X", "timedelta"),
    "X-float16-overflowed": Row("types", lambda: fit(X=put(X, 1e5).astype(np.float16)) if False else fit(X=np.full((N, D), np.inf, np.float16)), "X", "inf"),
    "X-longdouble-too-large": Row("types", lambda: fit(X=np.full((N, D), np.longdouble("1e4000"))), "X", ""),
    "X-python-int-too-large": Row("types", lambda: fit(X=[[10**400, 1]] * N), "X", ""),
    "y-float64-into-float32": Row("types", lambda: fit(LINE, X=X.astype(np.float32), y=put(REALS, 1e300)), "y", "float32"),
    "start-into-float32": Row("types", lambda: fit(X=X.astype(np.float32), start=PARAMS | {"mu": np.full(P, 1e300)}), "start", "float32"),
    "predict-into-float32": Row("types", lambda: fit(X=X.astype(np.float32)).predict(X * 1e200), "X", "float32"),
    "params-strings": Row("types", lambda: loss(params=PARAMS | {"mu": ["a"] * P}), "params['mu']", "numbers"),
    "params-object": Row("types", lambda: loss(params=PARAMS | {"mu": np.zeros(P, object)}), "params['mu']", "numbers"),
    "params-masked": Row("types", lambda: loss(params=PARAMS | {"mu": np.ma.zeros(P)}), "params['mu']", "mask"),
    "params-sparse": Row("types", lambda: loss(params=PARAMS | {"mu": Sparse(np.zeros(P))}), "params['mu']", ""),
    "params-bool": Row("types", lambda: loss(params=PARAMS | {"mu": np.zeros(P, bool)}), "params['mu']", "numbers"),
    "noise-text": Row("types", lambda: loss(noise="noise"), "noise", "'noise'"),
    "noise-masked": Row("types", lambda: loss(noise=np.ma.array(NOISE)), "noise", "mask"),
    "noise-ragged": Row("types", lambda: loss(noise=[[1.0], [1.0, 2.0]]), "noise", "length"),
    "n_data-bool": Row("types", lambda: loss(n_data=True), "n_data", "True"),
    "kl_weight-array": Row("types", lambda: loss(kl_weight=np.ones(3)), "kl_weight", "shape (3,)"),
    "kl_weight-complex": Row("types", lambda: loss(kl_weight=1j), "kl_weight", "1j"),
    "sizes-generator-empty": Row("types", lambda: mb.MLP(iter([])), "sizes", ""),
    "sizes-array-float": Row("types", lambda: mb.MLP(np.array([2.0, 1.0])), "sizes[0]", "integer"),
    "sizes-dict": Row("types", lambda: mb.MLP({2: 1, 3: 1}), "sizes", ""),
    "sizes-none": Row("types", lambda: mb.MLP([2, None]), "sizes[1]", "None"),
    "metric-masked": Row("types", lambda: metrics.rmse(np.ma.array([1.0]), [1.0]), "y", "mask"),
    "metric-complex": Row("types", lambda: metrics.brier(Y, PROBABILITIES + 0j), "p", "complex"),
    "metric-object": Row("types", lambda: metrics.nll(Y, PROBABILITIES.astype(object)), "p", "object"),
    # --- model and options ------------------------------------------------------------
    "sizes-huge": Row("model", lambda: mb.MLP([10**7, 10**7, 1]).n_weights and mb.Model(mb.MLP([10**7, 10**9, 1]), mb.Bernoulli(), PRIOR).initial_weights(0), "", ""),
    "activation-number": Row("model", lambda: mb.MLP([2, 1], 3), "activation", "3 (int)"),
    "activation-function": Row("model", lambda: mb.MLP([2, 1], np.tanh), "activation", "'tanh'"),
    "bias-none": Row("model", lambda: mb.MLP([2, 1], bias=None), "bias", "None"),
    "prior-scale-inf": Row("model", lambda: mb.GaussianPrior(0, INF), "scale", "inf"),
    "prior-scale-empty": Row("model", lambda: mb.GaussianPrior(0, []), "scale", ""),
    "prior-scale-bool": Row("model", lambda: mb.GaussianPrior(0, True), "scale", "bool"),
    "prior-per-layer": Row("model", lambda: mb.GaussianPrior.per_layer(NET, [1.0]), "scales", "(2,)"),
    "prior-per-layer-net": Row("model", lambda: mb.GaussianPrior.per_layer([2, 1], [1.0]), "net", "MLP"),
    "prior-fan-in": Row("model", lambda: mb.GaussianPrior.fan_in(NET, 0.0), "scale", "> 0"),
    "prior-fan-in-net": Row("model", lambda: mb.GaussianPrior.fan_in("net"), "net", "MLP"),
    "laplace-b": Row("model", lambda: mb.LaplacePrior(0.0), "b", "> 0"),
    "laplace-b-nan": Row("model", lambda: mb.LaplacePrior(NAN), "b", "nan"),
    "laplace-b-matrix": Row("model", lambda: mb.LaplacePrior(np.ones((2, 2))), "b", "(2, 2)"),
    "mixture-pi-above": Row("model", lambda: mb.ScaleMixturePrior(1.5), "pi", "1.5"),
    "mixture-pi-below": Row("model", lambda: mb.ScaleMixturePrior(-0.1), "pi", "-0.1"),
    "mixture-pi-one": Row("model", lambda: mb.ScaleMixturePrior(1.0), "pi", "< 1"),
    "mixture-pi-nan": Row("model", lambda: mb.ScaleMixturePrior(NAN), "pi", "nan"),
    "mixture-pi-array": Row("model", lambda: mb.ScaleMixturePrior([0.5, 0.5]), "pi", "length 2"),
    "mixture-s2": Row("model", lambda: mb.ScaleMixturePrior(0.5, 1.0, -1.0), "s2", "-1.0"),
    "student-df": Row("model", lambda: mb.StudentT(0), "df", "> 0"),
    "student-df-inf": Row("model", lambda: mb.StudentT(INF), "df", "inf"),
    "student-scale": Row("model", lambda: mb.StudentT(3, -1.0), "scale", "-1.0"),
    "log-scale-prior-text": Row("model", lambda: mb.Gaussian("learned", "ab"), "log_scale_prior", ""),
    "log-scale-prior-three": Row("model", lambda: mb.Gaussian("learned", (0, 1, 2)), "log_scale_prior", "(mean, sd)"),
    "log-scale-prior-nan": Row("model", lambda: mb.Gaussian("learned", (NAN, 1)), "log_scale_prior", "nan"),
    "hetero-odd": Row("model", lambda: mb.Model(NET, mb.HeteroscedasticGaussian(), PRIOR), "likelihood", "even number"),
    "categorical-bool": Row("model", lambda: mb.Categorical(True), "n_classes", "True"),
    "antithetic-number": Row("model", lambda: mb.Pathwise(antithetic=1), "antithetic", "True or False"),
    "sigma-negative-start": Row("model", lambda: mb.MeanField(sigma=-0.1), "sigma", "-0.1"),
    "sigma-array": Row("model", lambda: mb.MeanField(sigma=[0.1, 0.2]), "sigma", "length 2"),
    "full-scale": Row("model", lambda: mb.FullCovariance("log"), "scale", "'log'"),
    "network-context": Row("model", lambda: network(np.ones(5)), "context", "(5,)"),
    "network-context-nan": Row("model", lambda: network([NAN, 1.0]), "context", "nan"),
    "network-identity": Row("model", lambda: mb.InferenceNetwork(mb.MLP([2, 26]), [1.0, 2.0], "identity"), "scale", "'identity'"),
    "network-no-net": Row("model", lambda: mb.InferenceNetwork([2, 26], [1.0, 2.0]), "network", "MLP"),
    "network-width": Row("model", lambda: fit(family=network([1.0, 2.0], 7)), "network", f"{2 * P} outputs"),
    "network-at": Row("model", lambda: network([1.0, 2.0]).at([1.0]), "context", "(1,)"),
    "result-at": Row("model", lambda: RESULT.at([1.0]), "family", "context"),
    "learned-prior-point": Row("model", lambda: mb.learned_prior(YES_NO, mb.Point(), {"mu": np.zeros(P)}), "family", "Point()"),
    "learned-prior-params": Row("model", lambda: mb.learned_prior(YES_NO, FAMILY, {"mu": np.zeros(P)}), "params", "rho"),
    "prior-of-other-model": Row("model", lambda: mb.Model(NET, mb.Bernoulli(), mb.LaplacePrior(np.ones(4))), "prior", "4 weights"),
    "params-of-other-model": Row("model", lambda: loss(params=OTHER), "params['mu']", "(3,)"),
    "start-of-other-model": Row("model", lambda: fit(start=OTHER), "start['mu']", "(3,)"),
    "start-of-other-family": Row("model", lambda: fit(start={"mu": np.zeros(P)}), "start", "['mu', 'rho']"),
    "start-wrong-keys": Row("model", lambda: fit(start={"mean": np.zeros(P), "sd": np.ones(P)}), "start", "['mean', 'sd']"),
    "start-nan": Row("model", lambda: fit(start=PARAMS | {"mu": np.full(P, NAN)}), "start['mu']", "nan"),
    "start-complex": Row("model", lambda: fit(start=PARAMS | {"mu": np.zeros(P, complex)}), "start['mu']", "real"),
    "start-number": Row("model", lambda: fit(start=1), "start", "1 (int)"),
    "noise-of-other-size": Row("model", lambda: loss(noise=np.zeros((2, 3))), "noise", "(2, 3)"),
    "samples-zero": Row("model", lambda: fit(n_samples=0), "n_samples", ">= 1, got 0"),
    "samples-float": Row("model", lambda: fit(n_samples=2.0), "n_samples", "integer"),
    "batch-zero": Row("model", lambda: fit(batch_size=0), "batch_size", ">= 1"),
    "batch-negative": Row("model", lambda: fit(batch_size=-5), "batch_size", "-5"),
    "batch-float": Row("model", lambda: fit(batch_size=4.0), "batch_size", "4.0"),
    "batch-text": Row("model", lambda: fit(batch_size="4"), "batch_size", "'4'"),
    "batch-fraction": Row("model", lambda: fit(batch_size=0.5), "batch_size", "0.5"),
    "steps-negative": Row("model", lambda: fit(max_steps=-1), "max_steps", "-1"),
    "steps-none": Row("model", lambda: fit(max_steps=None), "max_steps", "None"),
    "steps-scientific": Row("model", lambda: fit(max_steps=1e3), "max_steps", "1000.0"),
    "restarts-zero": Row("model", lambda: fit(restarts=0), "restarts", ">= 1"),
    "replicas-zero": Row("model", lambda: fit(replicas=0), "replicas", ">= 1"),
    "replicas-and-restarts": Row("model", lambda: fit(replicas=2, restarts=2), "restarts", "only one"),
    "optimizer-text": Row("model", lambda: fit(optimizer="adam"), "optimizer", "'adam'"),
    "optimizer-class": Row("model", lambda: fit(optimizer=mb.Adam), "optimizer", "Adam(0.01)"),
    "optimizer-number": Row("model", lambda: fit(optimizer=0.01), "optimizer", "0.01"),
    "natural-point": Row("model", lambda: fit(family=mb.Point(), optimizer=mb.NaturalGradient(0.1)), "optimizer", "Point()"),
    "lr-inf": Row("model", lambda: mb.Adam(INF), "lr", "inf"),
    "lr-list": Row("model", lambda: mb.SGD([0.1, 0.01]), "lr", "length 2"),
    "lr-bool": Row("model", lambda: mb.SGD(True), "lr", "True"),
    "schedule-nan": Row("model", lambda: moved(NAN), "lr", "nan"),
    "schedule-inf": Row("model", lambda: moved(INF), "lr", "inf"),
    "schedule-negative": Row("model", lambda: moved(-0.1), "lr", "-0.1"),
    "schedule-text": Row("model", lambda: moved("fast"), "lr", "'fast'"),
    "schedule-none": Row("model", lambda: moved(None), "lr", "None"),
    "schedule-array": Row("model", lambda: moved(np.ones(3)), "lr", "(3,)"),
    "kl_weight-fit": Row("model", lambda: fit(kl_weight=-0.5), "kl_weight", "-0.5"),
    "kl_weight-inf": Row("model", lambda: fit(kl_weight=INF), "kl_weight", "inf"),
    "warmup-above": Row("model", lambda: fit(kl_warmup=1.5), "kl_warmup", "<= 1"),
    "warmup-text": Row("model", lambda: fit(kl_warmup="linear"), "kl_warmup", "'linear'"),
    "clip-zero": Row("model", lambda: fit(family=mb.MeanField("identity"), clip=0), "clip", "> 0"),
    "clip-softplus": Row("model", lambda: fit(clip=0.1), "clip", "identity"),
    "stop-string": Row("model", lambda: fit(stop="plateau"), "stop", "'plateau'"),
    "callback-list": Row("model", lambda: fit(callback=[print]), "callback", "length 1"),
    "estimator-exact": Row("model", lambda: fit(estimator=mb.Exact()), "estimator", "Bernoulli()"),
    "estimator-full-local": Row("model", lambda: fit(family=mb.FullCovariance(), estimator=mb.LocalReparam()), "estimator", "independent"),
    "plateau-float": Row("model", lambda: mb.Plateau(window=10.0), "window", "integer"),
    "interval-zero": Row("model", lambda: PRED.interval(0.0), "level", "> 0"),
    "interval-text": Row("model", lambda: PRED.interval("95%"), "level", "'95%'"),
    "predict-samples-float": Row("model", lambda: RESULT.predict(X, n_samples=10.0), "n_samples", "10.0"),
    "hmc-model": Row("model", lambda: hmc(model=NET), "model", "Model"),
    "hmc-chains": Row("model", lambda: hmc(n_chains=0), "n_chains", ">= 1"),
    "hmc-draws": Row("model", lambda: hmc(n_draws=0), "n_draws", ">= 1"),
    "hmc-draws-float": Row("model", lambda: hmc(n_draws=1e2), "n_draws", "100.0"),
    "hmc-warmup": Row("model", lambda: hmc(n_warmup=5), "n_warmup", ">= 20"),
    "hmc-path": Row("model", lambda: hmc(path_length=0), "path_length", "> 0"),
    "hmc-accept": Row("model", lambda: hmc(target_accept=1.0), "target_accept", "< 1"),
    "hmc-leapfrog": Row("model", lambda: hmc(max_leapfrog=0), "max_leapfrog", ">= 1"),
    "hmc-init-shape": Row("model", lambda: hmc(init=np.zeros((3, 3))), "init", "(3, 3)"),
    "hmc-init-nan": Row("model", lambda: hmc(init=np.full((2, 3), NAN)), "init", "nan"),
    "hmc-init-huge": Row("model", lambda: hmc(init=np.full((2, 3), 1e200)), "init", "inf"),
    "hmc-verbose": Row("model", lambda: hmc(verbose="yes"), "verbose", "'yes'"),
    "chains-samples": Row("model", lambda: CHAINS.predict(X, n_samples=10**6), "n_samples", "<= 16"),
    "exact-not-linear": Row("model", lambda: mb.exact_posterior(YES_NO, X, Y), "likelihood", "Gaussian"),
    "exact-model": Row("model", lambda: mb.exact_posterior("model", X, Y), "model", "'model'"),
    "exact-level": Row("model", lambda: EXACT.predict(X).interval(2), "level", "2"),
    "laplace-poisson": Row("model", lambda: mb.laplace(COUNTED, X, COUNTS, np.zeros(3)), "likelihood", "Poisson()"),
    "laplace-prior": Row("model", lambda: mb.laplace(mb.Model(NET, mb.Bernoulli(), mb.LaplacePrior()), X, Y, np.zeros(P)), "prior", "LaplacePrior"),
    "ais-particles": Row("model", lambda: mb.ais(LINE, X, REALS, n_particles=1), "n_particles", ">= 4"),
    "ais-generating": Row("model", lambda: mb.ais(LINE, X, REALS, generating_weights=np.zeros(5)), "generating_weights", "(5,)"),
    "grid-tol": Row("model", lambda: mb.grid_posterior(mb.Model(mb.MLP([1, 1]), mb.Bernoulli(), PRIOR), X[:, :1], Y, tol=0), "tol", "> 0"),
    "dataset-n": Row("model", lambda: datasets.cubic(n=0), "n", ">= 1"),
    "dataset-n-float": Row("model", lambda: datasets.two_moons(n=10.0), "n", "integer"),
    "dataset-noise": Row("model", lambda: datasets.blundell(noise=-1), "noise", "> 0"),
    "dataset-noise-nan": Row("model", lambda: datasets.linear(noise=NAN), "noise", "nan"),
    "dataset-labels": Row("model", lambda: datasets.rupture(labels="fixed"), "labels", "'repaired'"),
    "dataset-damage": Row("model", lambda: datasets.rupture(damage=1), "damage", "True or False"),
    "dataset-standardised": Row("model", lambda: datasets.cubic().standardised("y"), "targets", "True or False"),
    "dataset-class-targets": Row("model", lambda: datasets.two_moons().standardised(True), "targets", "class labels"),
    "rupture-width": Row("model", lambda: rupture_data.log_odds(X), "X", "(12, 2)"),
    "rupture-sign": Row("model", lambda: rupture_data.log_odds(np.ones((3, 8))), "X", "syy"),
    "run-one-label": Row("model", lambda: rupture_data.longest_repeated_label_run([1]), "y", "at least 2"),
    "columns-names": Row("model", lambda: rupture_data.check_column_names(np.ones((3, 8)), ["a"] * 8), "names", "['"),
    "metric-lengths": Row("model", lambda: metrics.accuracy(Y[1:], PROBABILITIES), "y", "(11,)"),
    "metric-outer": Row("model", lambda: metrics.rmse(REALS[:, None], REALS[None]), "mean", "(1, 12)"),
    "metric-empty": Row("model", lambda: metrics.accuracy([], []), "p", "empty"),
    "metric-probability": Row("model", lambda: metrics.brier(Y, PROBABILITIES + 1), "p", "[0, 1]"),
    "metric-row-sum": Row("model", lambda: metrics.nll(LABELS, np.full((N, 3), 0.5)), "p", "1.5"),
    "metric-log": Row("model", lambda: metrics.nll(Y, PROBABILITIES, log=True), "p", "log-probabilities"),
    "metric-log-flag": Row("model", lambda: metrics.nll(Y, PROBABILITIES, log=1), "log", "True or False"),
    "metric-nan": Row("model", lambda: metrics.ece(Y, put(PROBABILITIES, NAN)), "p", "nan"),
    "metric-bins": Row("model", lambda: metrics.ece(Y, PROBABILITIES, n_bins=0), "n_bins", ">= 1"),
    "metric-on": Row("model", lambda: metrics.ece(Y, PROBABILITIES, on="all"), "on", "'confidence'"),
    "metric-average": Row("model", lambda: metrics.f1(Y, PROBABILITIES, average="micro"), "average", "'weighted'"),
    "metric-threshold": Row("model", lambda: metrics.accuracy(Y, PROBABILITIES, threshold=2), "threshold", "<= 1"),
    "metric-curve": Row("model", lambda: metrics.reliability_curve(LABELS, np.eye(3)[LABELS]), "p", "two classes"),
    "metric-coverage": Row("model", lambda: metrics.coverage(REALS, REALS + 1, REALS), "lower", "<= upper"),
    "metric-auroc-nan": Row("model", lambda: metrics.auroc(put(PROBABILITIES, NAN), Y), "score", "nan"),
    "metric-rmse-inf": Row("model", lambda: metrics.rmse(put(REALS, INF), REALS), "y", "inf"),
    "check-f": Row("model", lambda: checked(f=3.0), "f", "float"),
    "check-x-int": Row("model", lambda: checked(x=[1, 2]), "x", "astype(float)"),
    "check-x-nan": Row("model", lambda: checked(x=[NAN, 1.0]), "x", "nan"),
    "check-x-empty": Row("model", lambda: checked(x=[]), "x", "empty"),
    "check-x-text": Row("model", lambda: checked(x=["a"]), "x", "dtype"),
    "check-x-dict-empty": Row("model", lambda: check_gradient(square, twice, {}), "x", "empty"),
    "check-grad-shape": Row("model", lambda: checked(grad=lambda x: x[:1]), "grad", "(1,)"),
    "check-grad-text": Row("model", lambda: checked(grad="2x"), "grad", ""),
    "check-grad-none": Row("model", lambda: checked(grad=lambda x: None), "grad", "object"),
    "check-f-array": Row("model", lambda: checked(f=lambda x: x), "f", "one number"),
    "check-f-none": Row("model", lambda: checked(f=lambda x: None), "f", "real number"),
    "check-f-nan": Row("model", lambda: checked(f=lambda x: x[0] * NAN), "f", "nan"),
    "check-tol": Row("model", lambda: checked(tol=0), "tol", "positive"),
    "check-tol-text": Row("model", lambda: checked(tol="1e-9"), "tol", "str"),
    "check-kinks": Row("model", lambda: checked(kinks="relu"), "kinks", "'guard'"),
    "check-kinks-list": Row("model", lambda: checked(kinks=["guard"]), "kinks", "'guard'"),
    "check-names": Row("model", lambda: checked(names=["a"]), "names", "1 of them"),
    "check-blocks": Row("model", lambda: checked(blocks={"a": 1}), "blocks", "2 coordinates"),
    "check-most": Row("model", lambda: checked(max_coordinates=-1), "max_coordinates", "-1"),
    "check-adjoint": Row("model", lambda: check_adjoint(square, 3.0, np.ones(2)), "pullback", "float"),
    # --- run time ---------------------------------------------------------------------
    "diverging-sgd": Row("run", lambda: fit(LINE, y=REALS, optimizer=mb.SGD(1e3), max_steps=200), "step", "learning rate"),
    "diverging-adam": Row("run", lambda: fit(LINE, y=REALS, optimizer=mb.Adam(1e200), max_steps=50), "step", "learning rate"),
    "diverging-natural": Row("run", lambda: fit(optimizer=mb.NaturalGradient(1e9), max_steps=50), "step", ""),
    "optimizer-nan": Row("run", lambda: fit(optimizer=NanOptimizer(0.1)), "step", ""),
    "sigma-left": Row("run", lambda: fit(family=mb.MeanField("identity"), optimizer=mb.SGD(10.0), max_steps=50), "sigma", "clip"),
    "overflow-rate": Row("run", lambda: fit(COUNTED, X=X * 1e4, y=COUNTS), "step 0", "data term"),
    "prior-too-narrow": Row("run", lambda: fit(mb.Model(NET, mb.Bernoulli(), mb.GaussianPrior(0, 1e-200))), "step 0", "KL"),
    "rho-so-large": Row("run", lambda: fit(family=mb.MeanField("exp"), start=PARAMS | {"rho": np.full(P, 800.0)}), "step 0", ""),
    # --- randomness -------------------------------------------------------------------
    "rng-negative": Row("rng", lambda: fit(rng=-1), "rng", "-1"),
    "rng-bool": Row("rng", lambda: fit(rng=True), "rng", "True"),
    "rng-float": Row("rng", lambda: fit(rng=1.0), "rng", "1.0"),
    "rng-text": Row("rng", lambda: fit(rng="seed"), "rng", "'seed'"),
    "rng-legacy": Row("rng", lambda: fit(rng=np.random.RandomState(0)), "rng", "RandomState"),
    "rng-legacy-module": Row("rng", lambda: fit(rng=np.random), "rng", "module"),
    "rng-list": Row("rng", lambda: fit(rng=[1, "a"]), "rng", "length 2"),
    "rng-float-list": Row("rng", lambda: fit(rng=[1.5]), "rng", "length 1"),
    "rng-nan": Row("rng", lambda: fit(rng=np.float64(NAN)), "rng", "nan"),
    "rng-array-negative": Row("rng", lambda: fit(rng=np.array([-1])), "rng", "array"),
    "rng-dict": Row("rng", lambda: fit(rng={}), "rng", "dict"),
    "rng-predict": Row("rng", lambda: RESULT.predict(X, rng=-3), "rng", "-3"),
    "rng-hmc": Row("rng", lambda: hmc(rng=1.5), "rng", "1.5"),
    "rng-datasets": Row("rng", lambda: datasets.cubic(rng="0"), "rng", "'0'"),
    "rng-rupture": Row("rng", lambda: datasets.rupture(rng=np.random.RandomState(0)), "rng", "RandomState"),
    "rng-check": Row("rng", lambda: checked(rng="0"), "rng", "'0'"),
    "rng-check-negative": Row("rng", lambda: checked(rng=-1), "rng", "-1"),
    "rng-check-legacy": Row("rng", lambda: checked(rng=np.random.RandomState(0)), "rng", "RandomState"),
    "rng-sample": Row("rng", lambda: RESULT.sample_weights(3, rng=0.5), "rng", "0.5"),
    "rng-ais": Row("rng", lambda: mb.ais(LINE, X, REALS, rng=-1), "rng", "-1"),
    "rng-laplace": Row("rng", lambda: mb.laplace(YES_NO, X, Y, np.zeros(P), rng="a"), "rng", "'a'"),
}
