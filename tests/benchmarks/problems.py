"""Generated problems, written once: what the goals of the package are measured on.

``PROBLEMS[name]`` has ``draw(seed)``, which gives the rows as a :class:`Rows`, and
``model()``. N counts the rows to fit; three more are drawn for every seven of them and
are used once, to test. Inputs and real targets have mean 0 and standard deviation 1 over
the rows to fit, unless the noise of the model is a known number: then they stay raw.
Formulas are written out; scikit-learn is asked only for its own data sets.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

import minibnn as mb

SEEDS = range(5)


class Rows(NamedTuple):
    """X (N, D), y (N,) to fit, X_test (n, D), y_test (n,) to test."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


class Problem(NamedTuple):
    """``draw(seed) -> Rows`` and ``model() -> mb.Model``."""

    draw: object
    model: object


def total(n_fit):
    """Rows to draw where seven of ten are to be fitted."""
    return round(n_fit / 0.7)


def split(X, y, rng, raw=False):
    """Rows in a random order, the first seven of ten to fit, standardised on them."""
    order, n_fit = rng.permutation(len(X)), round(0.7 * len(X))
    fit, test = order[:n_fit], order[n_fit:]
    if not raw:
        X = standardised(X, fit)
        y = y if y.dtype.kind in "iu" else standardised(y, fit)
    return Rows(X[fit], y[fit], X[test], y[test])


def standardised(array, fit):
    """Columns less their mean, over their sd, of the rows to fit; a constant is 0."""
    centred = array - array[fit].mean(axis=0)
    constant = np.ptp(array[fit], axis=0) == 0
    return np.where(
        constant, 0.0, centred / np.where(constant, 1, array[fit].std(axis=0))
    )


# --- classification ------------------------------------------------------------------


def moons(seed, n_fit=280):
    """Half circles of radius 1 round (0, 0) and (1, 1/2), noise sd 0.2."""
    rng = np.random.default_rng(seed)
    data = mb.datasets.two_moons(total(n_fit), rng, noise=0.2)
    return split(data.X, data.y, rng)


def circles(seed, n_fit=280):
    """Circles of radius 1 (label 0) and 1/2 (label 1), noise sd 0.1."""
    rng = np.random.default_rng(seed)
    y = np.arange(total(n_fit)) % 2
    angle = rng.uniform(0, 2 * np.pi, len(y))
    X = np.column_stack([np.cos(angle), np.sin(angle)]) * (1 - 0.5 * y)[:, None]
    return split(X + rng.normal(0, 0.1, X.shape), y, rng)


def wide(seed, n_fit=700, d=200, matter=10):
    """N(0, 1) columns of which ten matter: log odds X w with w ~ N(0, 1)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(total(n_fit), d))
    odds = X[:, :matter] @ rng.normal(size=matter)
    return split(X, (rng.uniform(size=len(X)) < expit(odds)).astype(int), rng)


def five_classes(seed, n_fit=700, d=20):
    """Gaussian classes: means of sd 0.5, factors of the covariance N(0, 1/d) x 0.5..1.5."""
    rng = np.random.default_rng(seed)
    y = np.arange(total(n_fit)) % 5
    means, z = rng.normal(0, 0.5, (5, d)), rng.normal(size=(len(y), d))
    factors = (
        rng.normal(size=(5, d, d))
        / np.sqrt(d)
        * np.linspace(0.5, 1.5, 5)[:, None, None]
    )
    X = means[y] + np.einsum("nij,nj->ni", factors[y], z)
    return split(X, y, rng)


def imbalanced(seed, n_fit=2100, d=10, positives=0.02):
    """The largest 2 % of X w + logistic noise, w ~ N(0, 1), are the positives."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(total(n_fit), d))
    score = X @ rng.normal(size=d) + rng.logistic(size=len(X))
    return split(X, (score > np.quantile(score, 1 - positives)).astype(int), rng)


def coin(seed, n_fit=280, d=10):
    """Labels that have nothing to do with the columns."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(total(n_fit), d))
    return split(X, rng.integers(0, 2, len(X)), rng)


# --- regression ----------------------------------------------------------------------


def sine(seed, n_fit=140):
    """y = sin 2x + (0.05 + 0.3 [x > 0]) noise, x uniform on (-2, 2)."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, total(n_fit))
    y = np.sin(2 * x) + (0.05 + 0.3 * (x > 0)) * rng.normal(size=len(x))
    return split(x[:, None], y, rng)


def friedman1(seed, n_fit=350):
    """Friedman 1991, five of ten uniform columns matter, noise sd 1."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(total(n_fit), 10))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
    y += 10 * X[:, 3] + 5 * X[:, 4] + rng.normal(size=len(X))
    return split(X, y, rng)


def circuit(seed, which, n_fit=350):
    """Friedman 1991: impedance (which=2) or phase (3) of a circuit, without noise."""
    rng = np.random.default_rng(seed)
    low = np.array([0, 40 * np.pi, 0, 1])
    high = np.array([100, 560 * np.pi, 1, 11])
    X = rng.uniform(low, high, (total(n_fit), 4))
    reactance = X[:, 1] * X[:, 2] - 1 / (X[:, 1] * X[:, 3])
    y = np.hypot(X[:, 0], reactance) if which == 2 else np.arctan(reactance / X[:, 0])
    return split(X, y, rng)


def linear(seed, n_fit=70, d=3):
    """y = X w + 0.3 noise with w, X ~ N(0, 1): the posterior is known exactly. Raw."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(total(n_fit), d))
    y = X @ rng.normal(size=d) + rng.normal(0, 0.3, len(X))
    return split(X, y, rng, raw=True)


def large(seed, n_fit=1000, d=8):
    """A sum of smooth bends of 8 columns, noise sd 0.3 of its own."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(total(n_fit), d))
    y = np.tanh(X @ rng.normal(size=(d, 4))).sum(axis=1)
    return split(X, y + rng.normal(0, 0.3, len(X)), rng)


CENTRES = np.array([[-1.0, -1.0], [1.0, 1.0]])  # 2.8 apart


def two_clusters(seed, n_fit=100):
    """Inputs of sd 0.3 round two centres, targets a draw of the prior + 0.1 noise. Raw."""
    rng, model = np.random.default_rng(seed), two_clusters_model()
    near = np.arange(total(n_fit)) % 2
    X = CENTRES[near] + rng.normal(0, 0.3, (len(near), 2))
    w = model.prior.scale * rng.normal(size=(1, model.n_weights))
    y = model.net.apply(w, model.features(X))[0][0, :, 0]
    y = y + rng.normal(0, 0.1, len(y))  # the clusters take turns: 50 of each are fitted
    return Rows(X[:n_fit], y[:n_fit], X[n_fit:], y[n_fit:])


def between(n=101):
    """t (n,) from -1.5 to 1.5 and points (n, 2): the slice through both centres."""
    t = np.linspace(-1.5, 1.5, n)
    return t, t[:, None] * np.ones(2)


# --- few rows ------------------------------------------------------------------------


def few_real(seed, n_fit, d):
    """y = x0 + sin 2 x1 + x2 x3 / 2 + 0.3 noise."""
    return _few(seed, n_fit, d, lambda mean, X, rng: mean + rng.normal(0, 0.3, len(X)))


def few_heteroscedastic(seed, n_fit, d):
    """The same mean, noise sd 0.1 where x0 < 0 and 0.5 elsewhere."""

    def noisy(mean, X, rng):
        return mean + np.where(X[:, 0] < 0, 0.1, 0.5) * rng.normal(size=len(X))

    return _few(seed, n_fit, d, noisy)


def few_counts(seed, n_fit, d):
    """Counts of rate exp(mean / 2 + 1/2); counts stay counts."""
    return _few(
        seed, n_fit, d, lambda mean, X, rng: rng.poisson(np.exp(mean / 2 + 0.5))
    )


def _few(seed, n_fit, d, targets):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(total(n_fit), d))
    mean = X[:, 0] + np.sin(2 * X[:, 1]) + 0.5 * X[:, 2] * X[:, 3]
    return split(X, targets(mean, X, rng), rng)


# --- models --------------------------------------------------------------------------


def network(sizes, likelihood, activation="relu"):
    """A model with the prior N(0, 1) on every weight."""
    net = mb.MLP(sizes, activation=activation)
    return mb.Model(net, likelihood, mb.GaussianPrior(0.0, 1.0))


def model_of(*args, **kwargs):
    """What makes that network when called."""
    return partial(network, *args, **kwargs)


def linear_model():
    """Three weights, no bias, known noise: conjugate."""
    net = mb.MLP([3, 1], bias=False)
    return mb.Model(net, mb.Gaussian(0.3), mb.GaussianPrior(0.0, 1.0))


def two_clusters_model():
    """Prior sd 4 / sqrt(fan-in), biases 1, noise 0.1 known (Foong et al. 2020)."""
    net = mb.MLP([2, 50, 1])
    return mb.Model(net, mb.Gaussian(0.1), mb.GaussianPrior.fan_in(net, 4.0))


LEARNED = mb.Gaussian("learned")
PROBLEMS = {
    "moons 20": Problem(moons, model_of([2, 20, 1], mb.Bernoulli())),
    "moons 50": Problem(moons, model_of([2, 50, 1], mb.Bernoulli())),
    "circles": Problem(circles, model_of([2, 50, 1], mb.Bernoulli())),
    "wide": Problem(wide, model_of([200, 50, 1], mb.Bernoulli())),
    "five classes": Problem(five_classes, model_of([20, 50, 5], mb.Categorical(5))),
    "imbalanced": Problem(imbalanced, model_of([10, 50, 1], mb.Bernoulli())),
    "coin": Problem(coin, model_of([10, 50, 1], mb.Bernoulli())),
    "two clusters": Problem(two_clusters, two_clusters_model),
    "sine": Problem(sine, model_of([1, 50, 2], mb.HeteroscedasticGaussian())),
    "friedman1": Problem(friedman1, model_of([10, 50, 1], LEARNED)),
    "friedman2": Problem(partial(circuit, which=2), model_of([4, 50, 1], LEARNED)),
    "friedman3": Problem(partial(circuit, which=3), model_of([4, 50, 1], LEARNED)),
    "linear": Problem(linear, linear_model),
    "large": Problem(large, model_of([8, 200, 1], LEARNED, activation="tanh")),
}

FEW = {
    "gaussian": (few_real, LEARNED, 1),
    "student": (few_real, mb.StudentT(4.0, "learned"), 1),
    "poisson": (few_counts, mb.Poisson(), 1),
    "heteroscedastic": (few_heteroscedastic, mb.HeteroscedasticGaussian(), 2),
}
for kind, (draw, likelihood, outputs) in FEW.items():
    for n in (14, 20, 40, 80):
        for d in (6, 7, 8):
            for h in (20, 50):
                PROBLEMS[f"few {kind} N={n} {d}-{h}-{outputs}"] = Problem(
                    partial(draw, n_fit=n, d=d), model_of([d, h, outputs], likelihood)
                )


# --- scikit-learn's own sets, where it is installed ----------------------------------


def installed(seed, name):
    """A data set of scikit-learn, split at random."""
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return split(X, y, np.random.default_rng(seed))


def from_sklearn():
    """Its four classification sets, or nothing where it is not installed."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return {}
    sizes = {"iris": [4, 50, 3], "wine": [13, 50, 3], "digits": [64, 50, 10]}
    found = {
        name: Problem(partial(installed, name=name), model_of(s, mb.Categorical(s[-1])))
        for name, s in sizes.items()
    }
    found["breast_cancer"] = Problem(
        partial(installed, name="breast_cancer"), model_of([30, 50, 1], mb.Bernoulli())
    )
    return found


PROBLEMS |= from_sklearn()


# --- what every network has to beat --------------------------------------------------


def logistic_regression(rows, penalty=1.0):
    """Probabilities (n, C) at the test rows: softmax of X W + b, penalty |W|²/2.

    The intercepts b are free, as is usual. Of two classes it is w = W_1 - W_0 that is
    penalised by |w|²/2; at the optimum W_0 = -W_1, so that |W|²/2 is half of it.
    """
    classes = int(max(rows.y.max(), rows.y_test.max())) + 1
    penalty = 2 * penalty if classes == 2 else penalty
    hot = np.eye(classes)[rows.y]
    A = np.column_stack([rows.X, np.ones(len(rows.X))])

    def loss(flat):
        W = flat.reshape(-1, classes)
        F = A @ W
        value = 0.5 * penalty * np.sum(W[:-1] ** 2) - np.sum(
            hot * log_softmax(F, axis=1)
        )
        gradient = A.T @ (softmax(F, axis=1) - hot)
        gradient[:-1] += penalty * W[:-1]
        return value, gradient.ravel()

    start = np.zeros(A.shape[1] * classes)
    W = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000}).x
    A_test = np.column_stack([rows.X_test, np.ones(len(rows.X_test))])
    return softmax(A_test @ W.reshape(-1, classes), axis=1)
