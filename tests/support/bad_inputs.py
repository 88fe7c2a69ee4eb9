"""The small world in which the calls of bad_inputs.txt and odd_inputs.txt are made.

A line of ``bad_inputs.txt`` is ``call => argument | words``: the call ends in an error
that names the argument and says the words. A line of ``odd_inputs.txt`` is
``call => check``: the call has a result, and the function ``check`` below accepts it.
No call may change what stands here.
"""

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

import minibnn as mb
from minibnn import (
    datasets,  # noqa: F401
    metrics,  # noqa: F401
)
from minibnn.datasets import rupture_data  # noqa: F401
from minibnn.exact.normal_sample import normal_maximum  # noqa: F401
from minibnn.gradcheck.gradcheck import (
    check_adjoint,  # noqa: F401
    check_gradient,
)

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
LONG = replace(CHAINS, weights=CHAINS.weights * 1e300)
ONE = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), PRIOR)
NARROW = mb.Model(mb.MLP([D, 1]), mb.Gaussian(1e-300), PRIOR)
EXACT = mb.exact_posterior(LINE, X, REALS)
PROBABILITIES = np.full(N, 0.25)


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

    def update(self, theta, g, state, lr):
        theta += NAN


def interrupted(info):
    raise KeyboardInterrupt


def single():
    """A fit in single precision."""
    return fit(LINE, X=X.astype(np.float32), y=REALS)


def wide(rho):
    """Parameters with this raw scale."""
    return PARAMS | {"rho": np.full(P, rho)}


def prior(prior):
    """The small classifier under another prior."""
    return mb.Model(NET, mb.Bernoulli(), prior)


# --- checks of defined results -------------------------------------------------------


def finite(result):
    """Everything about a fit is a number."""
    return np.isfinite(result.elbo) and all(
        np.isfinite(a).all() for a in (*result.params.values(), result.history["loss"])
    )


def sane(prediction):
    """Finite means, no negative variance."""
    parts = prediction.std, prediction.aleatoric, prediction.epistemic
    good = all(np.isfinite(a).all() and (a >= 0).all() for a in parts)
    return good and np.isfinite(prediction.mean).all()


def plain(result):
    """The fit that floats of double precision give."""
    want = fit()
    return np.array_equal(result.params["mu"], want.params["mu"])


def agrees(report):
    return report.verdict == "agrees"


def stopped(result):
    """The state so far, marked; no restart after it."""
    return result.stop_reason == "interrupted" and len(result.history["loss"]) == 1


def no_nan(value):
    """No nan anywhere; infinities are answers."""
    if isinstance(value, np.ndarray | float):
        return (
            not np.isnan(value).any() if np.asarray(value).dtype.kind == "f" else True
        )
    if isinstance(value, dict):
        return all(map(no_nan, value.values()))
    if isinstance(value, tuple | list):
        return all(map(no_nan, value))
    if is_dataclass(value):
        return all(no_nan(getattr(value, field.name)) for field in fields(value))
    return no_nan(vars(value)) if isinstance(value, mb.Prediction) else True


# --- the tables ----------------------------------------------------------------------


class Row(NamedTuple):
    """One line of a table."""

    category: str
    call: str
    wanted: str

    def __call__(self):
        """Make the call."""
        return eval(self.call, globals())


def table(name):
    """The rows of a table: call -> Row."""
    rows, category = {}, None
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    for line in filter(None, text.splitlines()):
        if line.startswith("# "):
            category = line[2:]
            continue
        call, wanted = line.split(" => ")
        assert call not in rows, call
        rows[call] = Row(category, call, wanted)
    return rows


REFUSED, ANSWERED = table("bad_inputs.txt"), table("odd_inputs.txt")
