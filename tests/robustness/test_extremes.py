"""No nan, no negative KL, entropy, information or variance, whatever the numbers.

Over the ranges a scale, a logit or a count may take, extremes included, for the objects
that users hold: families with priors, likelihoods, and predictions.
"""

import itertools

import numpy as np
import pytest
from support.likelihoods import LIKELIHOODS

import minibnn as mb
from minibnn.prediction.prediction import Prediction

RHO = np.unique(np.concatenate([
    [-5000.0, -800.0, -745.2, -745.0, -708.4, -100.0, -40.0, -37.0, -36.9, -1e-300, 0.0],
    [1e-300, 0.5413, 0.6931, 36.9, 37.0, 40.0, 88.8, 100.0, 300.0, 700.0],
    np.linspace(-60.0, 60.0, 301),
]))  # fmt: skip
SIGMA = 10.0 ** np.concatenate([np.linspace(-300, 150, 226), np.linspace(-3, 3, 301)])
MEANS = np.array([0.0, 1e-300, -1e-8, 0.3, -5.0, 1e4, -1e100])
LOGITS = np.array(
    [0.0, 1e-300, -1e-9, 0.1, -3.0, 36.9, -37.1, 709.0, -746.0, 1e4, -1e4]
)
PRIORS = {
    "Gaussian": mb.GaussianPrior(0.3, 0.7),
    "Gaussian narrow": mb.GaussianPrior(0.0, 1e-100),
    "Gaussian wide": mb.GaussianPrior(-2.0, 1e100),
    "Laplace": mb.LaplacePrior(0.5),
    "Laplace narrow": mb.LaplacePrior(1e-100),
    "Laplace wide": mb.LaplacePrior(1e100),
}
SCALES = {"softplus": RHO, "exp": RHO, "identity": SIGMA}


@pytest.fixture(autouse=True)
def numpy_as_users_have_it():
    """Divisions and invalid operations warn, which is an error; what overflows is inf."""
    with np.errstate(divide="warn", over="ignore", invalid="warn"):
        yield


def posteriors(scale):
    """Every mean with every raw scale, one weight each: params (n, 1)."""
    pairs = np.array(list(itertools.product(MEANS, SCALES[scale])))
    return {"mu": pairs[:, :1], "rho": pairs[:, 1:]}


def kl_of(family, prior, params):
    q, pull = family.natural(params)
    value, cotangent = family.kl(q, prior)
    return q, value, pull(cotangent)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kl_is_never_negative_nor_nan(scale, prior, dtype):
    params = posteriors(scale)
    if dtype == np.float32:
        fits = np.all([np.abs(v) < 1e30 for v in params.values()], 0)[:, 0]
        params = {key: v[fits].astype(dtype) for key, v in params.items()}
        if scale == "identity":
            usable = params["rho"][:, 0] > 1e-30
            params = {key: v[usable] for key, v in params.items()}
        if "wide" in prior or "narrow" in prior:
            pytest.skip("no such scale in single precision")
    q, value, grads = kl_of(mb.MeanField(scale), PRIORS[prior], params)
    assert not np.isnan(value).any()
    assert value.min() >= 0
    assert np.all(q.sigma >= 0)
    assert np.isfinite(q.log_sigma[np.isfinite(q.sigma)]).all()
    for key in grads:
        nan = np.isnan(grads[key])
        assert not nan.any(), (key, params["mu"][nan][:3], params["rho"][nan][:3])
    moderate = (np.abs(params["mu"]) < 1e9) & (q.sigma < 1e9)
    if "narrow" not in prior:
        assert np.isfinite(value[moderate[:, 0]]).all()


@pytest.mark.parametrize("scale", ["softplus", "exp"])
def test_kl_of_a_posterior_equal_to_its_prior_is_zero(scale):
    """To rounding of rho, wherever sigma is."""
    sigma = 10.0 ** np.linspace(-100, 100, 401)
    family = mb.MeanField(scale)
    for s in sigma:
        params = {"mu": np.array([0.2]), "rho": mb.MeanField(scale, s).init(
            ONE_WEIGHT, rng=0)["rho"]}  # fmt: skip
        value = kl_of(family, mb.GaussianPrior(0.2, s), params)[1]
        assert 0 <= value < 1e-24 + 1e-31 * np.log(s) ** 2


ONE_WEIGHT = mb.Model(mb.MLP([1, 1], bias=False), mb.Bernoulli(), mb.GaussianPrior())


@pytest.mark.parametrize("prior", PRIORS)
def test_full_covariance_kl(prior):
    """Total correlation included: with rows of low up to 1e100."""
    family = mb.FullCovariance()
    size = np.concatenate([[0.0, 1e-300, 1e-160, 1e100], 10.0 ** np.arange(-20, 21)])
    grid = np.array(list(itertools.product([-5000.0, -40.0, 0.0, 40.0], size)))
    params = {
        "mu": np.tile([0.1, -0.2], (len(grid), 1)),
        "rho": np.repeat(grid[:, :1], 2, 1),
        "low": grid[:, 1:],
    }
    with np.errstate(invalid="ignore"):  # a slope of inf times a low of 0
        _, value, grads = kl_of(family, PRIORS[prior], params)
    assert not np.isnan(value).any()
    assert value.min() >= 0
    for key in grads:
        assert prior == "Gaussian narrow" or not np.isnan(grads[key]).any()


@pytest.mark.parametrize("prior", [*PRIORS.values(), mb.ScaleMixturePrior()], ids=repr)
def test_log_density_and_slope(prior):
    w = np.concatenate([-SIGMA, [0.0], SIGMA])[:, None]
    value, gradient = prior.log_prob(w)
    assert not np.isnan(value).any()
    assert not np.isnan(gradient).any()
    assert np.all(value < np.inf)


def outputs_of(width):
    """Every combination of extreme outputs, (n, width)."""
    return np.array(list(itertools.product(LOGITS, repeat=width)))


class Outputs(mb.MLP):
    """A network whose outputs are its weights: predictions of given outputs."""

    def apply(self, w, A):
        n_rows = A.shape[-2]
        return w.reshape(*w.shape[:-1], n_rows, -1), None


def prediction(likelihood, F, v):
    """The Prediction of outputs F (S, N, C) and own weights v (S, k)."""
    n_samples, n_rows, width = F.shape
    net = Outputs([1, width], bias=False)
    net.n_weights = n_rows * width
    model = mb.Model.__new__(mb.Model)
    model.net, model.likelihood = net, likelihood
    w = np.concatenate([F.reshape(n_samples, -1), v], 1)

    def chunks(seed, n_samples, size):
        yield w

    A = np.zeros((n_rows, 1), F.dtype)
    return Prediction(model, chunks, A, n_samples, np.random.SeedSequence(0))


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("spread", [0.0, 1e-300, 1e-12, 1e-6, 1.0, 1e4])
def test_predictions(name, spread):
    """Entropies, information and variances of extreme outputs, equal and unequal."""
    likelihood, width = LIKELIHOODS[name]
    grid = outputs_of(width)
    shift = np.random.default_rng(0).normal(size=(7, 1, width))
    F = grid[None] + spread * shift
    pred = prediction(likelihood, F, np.zeros((7, likelihood.n_weights)))
    for part in (pred.mean, pred.std, pred.aleatoric, pred.epistemic):
        assert not np.isnan(part).any()
    for part in (pred.std, pred.aleatoric, pred.epistemic):
        assert part.min() >= 0
    if spread == 0:
        finite = np.isfinite(pred.mean)
        zero = pred.epistemic == 0
        assert zero.all() if likelihood.exclusive else zero[finite].all()
    if likelihood.kind == "classification":
        states = 3 if likelihood.exclusive else 2
        total = pred.aleatoric + pred.epistemic
        assert total.max() <= np.log(states) * (1 + 1e-14)
    lower, upper = pred.interval(0.9)
    assert not np.isnan(lower).any()
    assert np.all(lower <= upper)


@pytest.mark.parametrize(
    "family", [mb.MeanField(), mb.MeanField("exp"), mb.FullCovariance()], ids=repr
)
@pytest.mark.parametrize("rho", [-5000.0, -745.0, -40.0, 0.0, 40.0, 300.0])
def test_samples_moments_and_entropy(family, rho):
    params = {key: np.full(shape, 0.3) for key, shape in family.shapes(TINY).items()}
    params["rho"][:] = rho
    q, _ = family.natural(params)
    eps = np.random.default_rng(0).normal(size=(5, TINY.n_weights))
    w, _ = family.sample(q, eps)
    assert np.isfinite(w).all()
    _, var = family.marginals(q)
    assert np.all(var >= 0)
    value, cotangent = family.neg_entropy(q)
    assert np.isfinite(value)
    assert np.isfinite(cotangent.log_sigma).all()


TINY = mb.Model(mb.MLP([1, 2, 1]), mb.Bernoulli(), mb.GaussianPrior())
