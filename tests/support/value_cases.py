"""A value test for every label that has no derivative of its own to be checked.

Schedules, optimisers, the plateau rule, estimators whose gradient is no derivative,
entropies, averages and exact answers: ``VALUES[label]()`` compares the package with
slow words, scipy or quadrature and raises AssertionError.
"""

from itertools import combinations

import numpy as np
from scipy import integrate, optimize, stats

import minibnn as mb
from minibnn.book import trace
from minibnn.estimators.pathwise import mirrored
from minibnn.exact import conjugate as exact
from minibnn.exact.average_variance import average_variances
from minibnn.exact.laplace import laplace_evidence, laplace_root
from minibnn.exact.latent_rows import row_elbos
from minibnn.families.full_covariance import curvature_step, full_covariance_step
from minibnn.families.mean_field import mean_field_step
from minibnn.families.normal import Normal as Q
from minibnn.gradcheck.central import central_error
from minibnn.likelihoods.gaussian import gaussian_nll
from minibnn.likelihoods.location_scale import location_scale_information
from minibnn.likelihoods.student_t import student_t_nll
from minibnn.mcmc.adaptation import StepSearch
from minibnn.mcmc.ais import Path, anneal
from minibnn.mcmc.ess import effective_size
from minibnn.mcmc.leapfrog import leapfrog
from minibnn.mcmc.r_hat import potential_reduction
from minibnn.objective import objective
from minibnn.prediction import predictive
from minibnn.prediction.crps import crps
from minibnn.prediction.prediction import predict
from minibnn.prediction.raw_units import RawUnits
from minibnn.prediction.relu_variance import relu_network_variance, unit_variance
from minibnn.priors.functions import output_variance
from minibnn.priors.learned import learned_scales
from minibnn.rupture.sigmoid_gaussian import sigmoid_gaussian_nll

VALUES = {}  # label -> function without arguments


def value(label):
    """Register the value test of a label."""

    def register(test):
        if label in VALUES:
            raise ValueError(f"{label} already has a value test")
        VALUES[label] = test
        return test

    return register


def close(got, want, rtol=1e-12, atol=1e-14):
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)


# --- E0x: what the subject rests on ----------------------------------------------------


@value("E07")
def rows_multiply():
    """The joint density of independent rows, as scipy has it for all rows at once."""
    net = mb.MLP([2, 3, 1], activation="tanh")
    model = mb.Model(net, mb.Gaussian(0.7), mb.GaussianPrior())
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(5, 2)), rng.normal(size=5), rng.normal(size=(2, 13))
    nll, _ = model.nll(w, *model.batch(X, y))
    for one, f in zip(nll, net(w, X)[..., 0], strict=True):
        joint = stats.multivariate_normal(f, 0.7**2 * np.eye(5))
        close(one, -joint.logpdf(y))


def spring():
    """A line through the origin: model, X, y; normal densities of w and of all of y."""
    X, y = np.array([[0.5], [-1.2], [1.7]]), np.array([0.8, -1.9, 3.3])
    net = mb.MLP([1, 1], bias=False)
    model = mb.Model(net, mb.Gaussian(0.6), mb.GaussianPrior(1.3, 0.7))
    spread = 0.49 * X @ X.T + 0.36 * np.eye(3)
    return model, X, y, spread


@value("E01")
def posterior_is_the_normal_of_w_given_y():
    """w and y are jointly normal; the textbook conditional of w given y."""
    model, X, y, spread = spring()
    gain = np.linalg.solve(spread, 0.49 * X[:, 0])
    mean, variance = 1.3 + gain @ (y - 1.3 * X[:, 0]), 0.49 - gain @ (0.49 * X[:, 0])
    w = np.array([-0.4, 1.6, 2.9])
    got = mb.grid_posterior(model, X, y).log_density(w[:, None])
    close(got, stats.norm.logpdf(w, mean, np.sqrt(variance)), rtol=1e-10)


@value("E02")
def evidence_is_the_integral_of_the_joint():
    """Against the normal density of y, and against scipy's quadrature for labels."""
    model, X, y, spread = spring()
    want = stats.multivariate_normal(1.3 * X[:, 0], spread).logpdf(y)
    close(mb.grid_posterior(model, X, y).log_evidence, want, rtol=1e-11)
    labels = mb.Model(model.net, mb.Bernoulli(), mb.GaussianPrior(0.4, 1.5))

    def joint(w):
        p = 1 / (1 + np.exp(-X[:, 0] * w))
        return np.where([1, 0, 0], p, 1 - p).prod() * stats.norm.pdf(w, 0.4, 1.5)

    want = np.log(integrate.quad(joint, -12, 12, epsabs=1e-13)[0])
    close(mb.grid_posterior(labels, X, [1, 0, 0]).log_evidence, want, rtol=1e-9)


@value("E05")
def density_of_one_more_row():
    """Data and target together over data alone: the densities of four and three rows."""
    model, X, y, spread = spring()
    precision = 1 / 0.49 + (X.T @ X).item() / 0.36
    mean = (1.3 / 0.49 + X[:, 0] @ y / 0.36) / precision
    levels = (np.arange(20_000) + 0.5) / 20_000  # draws that lie evenly in probability
    draws = stats.norm.ppf(levels, mean, precision**-0.5)[:, None]

    def chunks(seed, n, size):
        return (draws[k : k + size] for k in range(0, n, size))

    new, seed = np.array([[0.9]]), np.random.SeedSequence(0)
    got = predict(model, chunks, new, len(draws), seed).log_prob([1.4])
    x = np.append(X[:, 0], 0.9)
    wider = 0.49 * np.outer(x, x) + 0.36 * np.eye(4)
    want = stats.multivariate_normal(1.3 * x, wider).logpdf([*y, 1.4])
    want -= stats.multivariate_normal(1.3 * X[:, 0], spread).logpdf(y)
    close(got, want, rtol=1e-5)  # 20,000 even draws leave out a little of the tails


@value("E09")
def a_central_difference_is_off_by_what_the_formula_says():
    """Rounding stays below its part and comes near it; the other part is exact for x^3."""
    x, h = np.linspace(1.0, 2.0, 2000), 2.0**-12
    for unit, kind in ((2.0**-53, float), (2.0**-24, np.float32)):
        up, down = (np.exp(x + side * h).astype(kind).astype(float) for side in (1, -1))
        off = np.abs((up - down) / (2 * h) - np.exp(x) * np.sinh(h) / h)
        rounding, _ = central_error(np.exp(x + h), 1e-300, h, unit)
        assert 0.3 < (off / rounding).max() <= 1.0
    error, _ = central_error(0.0, 6.0, 0.25)
    close(error, (2.25**3 - 1.75**3) / 0.5 - 12.0)

    def cost(log_h):
        return central_error(-1.7, 4.2, np.exp(log_h))[0]

    found = optimize.minimize_scalar(cost, bracket=(-20.0, -10.0), tol=1e-12)
    close(np.exp(found.x), central_error(-1.7, 4.2, 1.0)[1], rtol=1e-5)


@value("E03")
def kl_is_a_mean_of_numbers_that_are_not_negative():
    """By quadrature of the definition, for two closed priors and one that is q itself."""
    mean, sd = np.array([0.4, -1.1, 0.2]), np.array([0.5, 0.9, 1.7])
    q = Q(mean, sd, np.log(sd))
    w = mean + sd * np.linspace(-12, 12, 48_001)[:, None]
    mass = stats.norm.pdf(w, mean, sd) * sd * 0.0005
    for prior in (mb.GaussianPrior(mean, sd), mb.GaussianPrior(0.2, 0.7)):
        ratio = stats.norm.pdf(w, *prior.mean_and_sd(3)) / stats.norm.pdf(w, mean, sd)
        terms = ratio - 1.0 - np.log(ratio)
        assert terms.min() > -1e-12
        got = mb.MeanField().kl(q, prior)[0]
        close(got, (mass * terms).sum(), rtol=1e-9, atol=1e-12)
        close(got, -(mass * np.log(ratio)).sum(), rtol=1e-9, atol=1e-12)
        assert (got > 0.1) == (prior.mean.ndim == 0)


@value("E08")
def one_step_with_a_pencil():
    """The slopes by complex step through the loss written out."""
    given = dict(x=-0.7, y=0.4, eps=1.3, noise_sd=0.8, prior_sd=1.6)

    def loss(mu, rho):
        sigma = np.log(1 + np.exp(rho))
        f = (mu + sigma * given["eps"]) * given["x"]
        nll = ((f - given["y"]) / given["noise_sd"]) ** 2 / 2 + np.log(given["noise_sd"])
        v = (sigma / given["prior_sd"]) ** 2
        kl = (mu / given["prior_sd"]) ** 2 / 2 + (v - 1 - np.log(v)) / 2
        return nll + np.log(2 * np.pi) / 2 + kl

    for mu, rho in ((0.3, 0.9), (-1.1, -2.0)):
        found = trace.one_weight(mu=mu, rho=rho, **given)
        number = {one.line: one.number for one in (*found.ahead, *found.back)}
        close(number["E08f"], loss(mu, rho))
        close(number["E08i"], loss(mu + 1e-30j, rho).imag / 1e-30)
        close(number["E08l"], loss(mu, rho + 1e-30j).imag / 1e-30)
def line_in_words():
    """A weight w ~ N(0.3, 0.9²), y = w x + noise: model, X, y and both log densities."""
    X, y, q = np.array([[0.7], [-1.2], [0.4]]), np.array([0.9, -0.2, 0.5]), (0.5, 0.4)
    prior = mb.GaussianPrior(0.3, 0.9)
    model = mb.Model(mb.MLP([1, 1], bias=False), mb.Gaussian(0.6), prior)

    def log_joint(w, power=1.0):
        likelihood = stats.norm.logpdf(y[:, None], X * w, 0.6).sum(0)
        return stats.norm.logpdf(w, 0.3, 0.9) + power * likelihood

    return model, X, y, q, log_joint


@value("E04")
def evidence_is_elbo_and_kl():
    """Each of the three numbers by a sum of its own over a fine grid of weights."""
    model, X, y, (mean, sd), log_joint = line_in_words()
    w, step = np.linspace(-8, 8, 40001, retstep=True)
    log_p, log_q = log_joint(w), stats.norm.logpdf(w, mean, sd)
    evidence = np.log(np.exp(log_p).sum() * step)
    elbo = (np.exp(log_q) * (log_p - log_q)).sum() * step
    kl = (np.exp(log_q) * (log_q - log_p + evidence)).sum() * step
    q = Q(np.array([mean]), np.array([sd]), np.log([sd]))
    for posterior in (mb.exact_posterior(model, X, y), mb.grid_posterior(model, X, y)):
        got = posterior.decompose(q)
        close([got.log_evidence, got.elbo, got.kl_posterior], [evidence, elbo, kl], 1e-9)
        assert abs(got.residual) < 1e-9


@value("E54")
def a_weight_on_the_kl_tempers_the_likelihood():
    """The q that a fit with KL weight T ends at has the moments of p L^(1/T)."""
    model, X, y, _, log_joint = line_in_words()
    w = np.linspace(-8, 8, 40001)
    for T in (0.4, 1.0, 2.5):
        mass = np.exp(log_joint(w, 1 / T))
        mean = np.average(w, weights=mass)
        sd = np.sqrt(np.average((w - mean) ** 2, weights=mass))
        q = mb.fit(
            model, mb.MeanField(), X, y, rng=0, estimator=mb.Exact(), kl_weight=T
        ).q
        close([q.mean[0], q.sigma[0]], [mean, sd], rtol=1e-5)


@value("E56")
def laplace_evidence_of_normal_weights():
    """Three weights, any covariance: the density of y, and the mode that scipy finds."""
    rng = np.random.default_rng(5)
    X, spread = rng.normal(size=(6, 3)), np.diag([0.5, 1.4, 2.0])
    y, noise = rng.normal(size=6), 0.3 * np.eye(6)
    rows, prior = stats.multivariate_normal(y, noise), stats.multivariate_normal(cov=spread)
    found = optimize.minimize(lambda w: -rows.logpdf(X @ w) - prior.logpdf(w), np.zeros(3))
    R = np.linalg.cholesky(X.T @ X / 0.3 + np.linalg.inv(spread)).T
    want = stats.multivariate_normal(cov=X @ spread @ X.T + noise).logpdf(y)
    got = laplace_evidence(-found.fun, np.log(np.diag(R)).sum(), 3)
    close(got, want, rtol=1e-9)


# --- E3x: what an observation tells ----------------------------------------------------


@value("E37")
def labels_as_normal_numbers():
    F, y = np.array([[[0.3, -1.7]], [[4.0, 0.0]]]), np.array([[1.0, 0.0]])
    nll, _, _ = sigmoid_gaussian_nll(F, y, np.log(0.8))
    close(nll, -stats.norm.logpdf(y, 1 / (1 + np.exp(-F)), 0.8).sum((1, 2)))


@value("E38")
def information_is_the_mean_hessian():
    """Expected second derivatives by quadrature over the density of scipy."""
    for df in (0.5, 3.0, 30.0, np.inf):
        noise = stats.t(df) if np.isfinite(df) else stats.norm()
        u = (np.arange(200_000) + 0.5) / 200_000
        y, t = 0.3 + np.exp(-0.7) * noise.ppf(u)[:, None], -0.7

        def slopes(F, t, y=y, df=df):
            F = np.full((1, *y.shape), F)
            known = np.isfinite(df)
            _, g_F, g_t = student_t_nll(F, y, t, df) if known else gaussian_nll(F, y, t)
            return np.stack([g_F.mean(), g_t.mean()])

        by_F, by_t = slopes(0.3 + 1e-30j, t), slopes(0.3 + 0j, t + 1e-30j)
        hessian = np.stack([by_F.imag, by_t.imag]) / 1e-30
        of_F, of_t = location_scale_information(df)
        want = np.diag([of_F * np.exp(1.4), of_t])
        close(hessian, want, rtol=2e-4, atol=1e-9)


# --- E4x: a prior learned from q -----------------------------------------------------


@value("E48")
def learned_scales_minimise_the_kl():
    """The scale of each layer is where scipy finds the smallest KL of that layer."""
    rng = np.random.default_rng(0)
    net = mb.MLP([2, 3, 1])
    mean, sd = rng.normal(size=13), rng.uniform(0.1, 1, 13)
    got = learned_scales(net, mean, sd**2, 0.3)

    def kl(log_s0, part):
        s0 = np.exp(log_s0)
        ratio = (sd[part] ** 2 + (mean[part] - 0.3) ** 2) / s0**2
        return np.sum(np.log(s0 / sd[part]) + (ratio - 1) / 2)

    for scale, part in zip(got, (slice(0, 9), slice(9, 13)), strict=True):
        best = optimize.minimize_scalar(kl, (-3, 2), args=(part,), tol=1e-12)
        close(np.log(scale), best.x, atol=1e-6)


@value("E49")
def variance_of_outputs_by_enumeration():
    """Weights that are -s or +s, all of their 2^13 sign patterns: no draw, no formula."""
    net, X = mb.MLP([1, 2, 2, 1]), np.array([[0.7], [-1.9]])
    s = np.random.default_rng(0).uniform(0.5, 2, net.n_weights)
    signs = 2 * (np.arange(2**13)[:, None] >> np.arange(13) & 1) - 1
    F = net(signs * s, X)
    close(F.mean(0), 0)
    close(output_variance(net, mb.GaussianPrior(0.0, s), X), (F**2).mean(0))


# --- E5x: a minibatch stands for all rows --------------------------------------------


@value("E55")
def minibatches_are_right_on_average():
    """Loss and gradient, averaged over all batches of 2 of 5 rows, are those of all."""
    rng = np.random.default_rng(3)
    X, y, eps = rng.normal(size=(5, 2)), rng.normal(size=5), rng.normal(size=(3, 13))
    family = mb.MeanField()
    model = mb.Model(mb.MLP([2, 3, 1]), mb.Gaussian(0.4), mb.GaussianPrior(0.2, 1.3))
    start = family.init(model, rng=1)

    def flat(rows):
        args = model, family, start, eps, X[rows], y[rows]
        loss, grads, _ = mb.neg_elbo(*args, n_data=5)
        return np.concatenate([[loss], grads["mu"], grads["rho"]])

    batches = [flat(list(rows)) for rows in combinations(range(5), 2)]
    close(np.mean(batches, axis=0), flat(slice(None)))
    assert np.std(batches, axis=0).min() > 1e-6  # no batch is the whole


@value("E57")
def elbos_of_rows_with_codes_of_their_own():
    """Evidence by the marginal of y, less the KL from the posterior by matrices."""
    rng = np.random.default_rng(8)
    W, Y, s = rng.normal(size=(4, 2)), rng.normal(size=(3, 4)), 0.6
    mean, sigma = rng.normal(size=(3, 2)), rng.uniform(0.2, 1.5, (3, 2))
    got = row_elbos(W, Y, s, mean, sigma)
    evidence = stats.multivariate_normal(cov=W @ W.T + s**2 * np.eye(4)).logpdf(Y)
    precision = W.T @ W / s**2 + np.eye(2)
    for k in range(3):
        shift = mean[k] - np.linalg.solve(precision, W.T @ Y[k] / s**2)
        trace = precision.diagonal() @ sigma[k] ** 2
        log_det = 2 * np.log(sigma[k]).sum() + np.linalg.slogdet(precision)[1]
        kl = 0.5 * (trace + shift @ precision @ shift - 2 - log_det)
        close(got[k], evidence[k] - kl, rtol=1e-10)
    assert (got < evidence).all()


# --- E6x: estimators whose gradient is not the derivative of their value -------------


def one_weight():
    """A Bernoulli model of one weight: X, y, model, q's mean and sigma."""
    X, y = np.array([[0.7], [-1.2], [0.4]]), np.array([1.0, 0.0, 0.0])
    net = mb.MLP([1, 1], bias=False)
    model = mb.Model(net, mb.Bernoulli(), mb.GaussianPrior(0.3, 0.8))
    params = {"mu": np.array([0.5]), "rho": np.log([0.6])}
    return X, y, model, mb.MeanField("exp"), params


def gradient(estimator, noise, n_data=7):
    X, y, model, family, params = one_weight()
    A, targets = model.batch(X, y)
    _, grads, _ = objective(
        model, family, params, noise, A, targets, n_data, 0.6, estimator
    )
    return {key: g.item() for key, g in grads().items()}


def slow_terms(eps):
    """nll, d nll/dw, log q - log p and its slope in w at w = 0.5 + 0.6 eps."""
    X, y, *_ = one_weight()
    w = 0.5 + 0.6 * eps
    p = 1 / (1 + np.exp(-X[:, 0] * w))
    nll = -np.log(np.where(y == 1, p, 1 - p)).sum()
    slope = ((p - y) * X[:, 0]).sum()
    ratio_slope = -eps / 0.6 + (w - 0.3) / 0.8**2
    return nll, slope, ratio_slope


def kl_slopes():
    """d KL / d mu and d KL / d log sigma of N(0.5, 0.6²) and N(0.3, 0.8²)."""
    return (0.5 - 0.3) / 0.8**2, 0.6**2 / 0.8**2 - 1


@value("E64")
def score_function_by_words():
    """Each loss less the mean of the others, times the score; one sample as it is."""
    eps = np.array([0.4, -1.1, 2.0])
    for used in (eps, eps[:1]):
        nll = np.array([slow_terms(e)[0] for e in used])
        want = {"mu": 0.0, "rho": 0.0}
        for i, e in enumerate(used):
            others = [nll[j] for j in range(len(used)) if j != i]
            centred = 7 / 3 * (nll[i] - (np.mean(others) if others else 0)) / len(used)
            want["mu"] += centred * e / 0.6
            want["rho"] += centred * (e**2 - 1)
        g_m, g_log_s = kl_slopes()
        want = {"mu": want["mu"] + 0.6 * g_m, "rho": want["rho"] + 0.6 * g_log_s}
        got = gradient(mb.ScoreFunction(), used[:, None])
        for key in want:
            close(got[key], want[key])


@value("E65")
def sticking_the_landing_by_words():
    """The path's slope times (1, sigma eps); no entropy term, no score."""
    eps = np.array([0.4, -1.1, 2.0])
    total = np.zeros(2)
    for e in eps:
        _, slope, ratio_slope = slow_terms(e)
        total += (7 / 3 * slope + 0.6 * ratio_slope) * np.array([1.0, 0.6 * e]) / 3
    got = gradient(mb.StickTheLanding(), eps[:, None])
    close([got["mu"], got["rho"]], total)


@value("E68")
def mirrored_noise_cancels_the_odd_part():
    eps = np.random.default_rng(0).normal(size=(2, 3, 4))
    both = mirrored(eps)
    assert both.shape == (2, 6, 4)
    close(np.sort(both, axis=-2), np.sort(np.concatenate([eps, -eps], -2), axis=-2))
    close(both.mean(-2), 0)
    close((both**3 + both**2).mean(-2), (eps**2).mean(-2))


# --- E7x: optimisers, schedules, when to stop ----------------------------------------


def bowl():
    """A quadratic loss of two numbers: model, X, y and its gradient as a function."""
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    net = mb.MLP([2, 1], bias=False)
    model = mb.Model(net, mb.Gaussian(0.8), mb.GaussianPrior(0.3, 1.5))
    return model, X, y, lambda w: X.T @ (X @ w - y) / 0.8**2 + (w - 0.3) / 1.5**2


def walk(optimizer, steps=4):
    """Where ``fit`` with this optimiser is after some steps from (1, -1)."""
    model, X, y, _ = bowl()
    start = {"mu": np.array([1.0, -1.0])}
    options = {"rng": 0, "start": start, "max_steps": steps, "optimizer": optimizer}
    return mb.fit(model, mb.Point(), X, y, **options).params["mu"]


def by_words(move, steps=4):
    """The same by ``move(all gradients so far) -> step``."""
    slope, theta, seen = bowl()[-1], np.array([1.0, -1.0]), []
    for _ in range(steps):
        seen.append(slope(theta))
        theta = theta - move(np.array(seen))
    return theta


@value("E71")
def sgd_by_words():
    close(walk(mb.SGD(0.05)), by_words(lambda g: 0.05 * g[-1]))
    halving = mb.SGD(lambda step, max_steps: 0.1 * 0.5**step)
    close(walk(halving), by_words(lambda g: 0.1 * 0.5 ** (len(g) - 1) * g[-1]))


@value("E72")
def momentum_by_words():
    """The step at time t is the sum over k of beta^k g_(t-k)."""

    def move(g):
        return 0.02 * sum(0.8**k * old for k, old in enumerate(g[::-1]))

    close(walk(mb.Momentum(0.02, beta=0.8)), by_words(move))


@value("E73")
def adam_by_words():
    """Weighted means with weights that sum to one, of g and of g²."""

    def move(g):
        w1, w2 = (b ** np.arange(len(g))[::-1] for b in (0.8, 0.95))
        mean, square = w1 @ g / w1.sum(), w2 @ g**2 / w2.sum()
        return 0.1 * mean / (np.sqrt(square) + 1e-3)

    close(walk(mb.Adam(0.1, beta1=0.8, beta2=0.95, eps=1e-3)), by_words(move))
    first = walk(mb.Adam(0.1), steps=1)  # the first step has size lr, whatever g
    close(np.abs(first - [1.0, -1.0]), 0.1, rtol=1e-6)


@value("E74")
def robbins_monro_by_words():
    schedule = mb.RobbinsMonro(0.2, delay=10, power=0.8)
    close(schedule(0, 100), 0.2)
    close(schedule(10, 100), 0.2 * 2**-0.8)
    t = np.arange(200000)
    steps = np.array([schedule(int(i), 1) for i in t[::1000]])
    close(steps, 0.2 / (1 + t[::1000] / 10) ** 0.8)
    assert np.all(np.diff(steps) < 0)


@value("E75")
def cosine_by_words():
    schedule = mb.Cosine(0.2, final=0.01)
    close(schedule(0, 100), 0.2)
    close(schedule(50, 100), (0.2 + 0.01) / 2)
    close(schedule(25, 100), 0.01 + 0.19 * (1 + np.sqrt(0.5)) / 2)
    close(schedule(100, 100), 0.01)
    close(mb.Cosine(0.2, steps=50)(50, 1000), 0)
    close(mb.Cosine(0.2, steps=50)(70, 1000), 0)  # and stays there


@value("E76")
def plateau_by_words():
    """On both sides of the threshold, for ELBOs whose windows are known."""
    first = np.array([1.0, 3.0, 2.0, 2.0])
    error = np.sqrt(np.var(first, ddof=1) * 2 / 4)
    for rise, stops in ((-1.0, True), (0.99 * error, True), (1.01 * error, False)):
        elbo = np.concatenate([first, first + rise])
        history = {"loss": list(-elbo), "elbo": list(elbo), "kl_weight": [1.0] * 8}
        assert mb.Plateau(window=4)(history) == stops
        assert mb.Plateau(window=4, z=2.0)(history) == (rise <= 2 * error)
        short = {key: values[:-1] for key, values in history.items()}
        assert not mb.Plateau(window=4)(short)
        longer = {key: values + values[-1:] for key, values in history.items()}
        assert not mb.Plateau(window=4)(longer)  # it looks once per window
        warming = history | {"kl_weight": [0.9] + [1.0] * 7}
        assert not mb.Plateau(window=4)(warming)
    still = {"loss": [3.0] * 8, "kl_weight": [1.0] * 8}
    assert mb.Plateau(window=4)(still)  # neither rise nor noise


def fisher(log_q, theta, draws):
    """Fisher matrix E[score scoreᵀ], the scores from central differences of log q."""
    h = 1e-5
    score = np.array(
        [(log_q(theta + h * e, draws) - log_q(theta - h * e, draws)) / (2 * h)
         for e in np.eye(len(theta))]
    )  # fmt: skip
    return score


@value("E77")
def mean_field_step_is_fisher_inverse_times_gradient():
    """The Fisher matrix by Gauss-Hermite quadrature of squared scores."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    weights /= weights.sum()
    theta = np.array([0.3, np.log(0.7)])

    def log_q(theta, w):
        return stats.norm.logpdf(w, theta[0], np.exp(theta[1]))

    score = fisher(log_q, theta, 0.3 + 0.7 * nodes)
    matrix = (score * weights) @ score.T
    g = np.array([1.3, -0.8])
    want = theta - 0.2 * np.linalg.solve(matrix, g)
    q = Q(theta[:1], np.exp(theta[1:]), theta[1:])
    mu, log_sigma = mean_field_step(q, g[:1], g[1:], 0.2)
    close([mu.item(), log_sigma.item()], want, rtol=1e-7)


@value("E78")
def full_covariance_step_by_matrices():
    """The step in textbook form: precision and mean, with dloss/dcov by its entries."""
    rng = np.random.default_rng(1)
    P, a = 3, 0.4
    low, sigma = np.tril(0.5 * rng.normal(size=(P, P)), -1), rng.uniform(0.5, 1.5, P)
    mu, b = rng.normal(size=P), rng.normal(size=P)
    H = rng.normal(size=(P, P))
    H = H @ H.T + np.eye(P)
    # the loss b'mu + trace(H cov)/2: its slopes in mu and cov are b and H/2
    L = sigma[:, None] * (np.eye(P) + low)
    g_L = H @ L  # d trace(H L L')/2 / dL
    g_low = np.tril(sigma[:, None] * g_L, -1)
    g_log_sigma = (g_L * L).sum(-1)
    got = full_covariance_step(
        Q(mu, sigma, np.log(sigma), low), b, g_log_sigma, g_low, a
    )
    precision = np.linalg.inv(L @ L.T) + a * H
    new_L = got[1][:, None] * (np.eye(P) + got[2])
    close(np.linalg.inv(new_L @ new_L.T), precision, rtol=1e-10)
    close(got[0], mu - a * np.linalg.solve(precision, b), rtol=1e-10)


@value("E79")
def curvature_step_by_matrices():
    """The step in textbook form: precision and mean."""
    rng = np.random.default_rng(2)
    P, R, a = 3, 5, 0.3
    low, sigma = np.tril(0.5 * rng.normal(size=(P, P)), -1), rng.uniform(0.5, 1.5, P)
    mu, b, d = rng.normal(size=P), rng.normal(size=P), rng.uniform(0.5, 2.0, P)
    G = rng.normal(size=(R, P))
    L = sigma[:, None] * (np.eye(P) + low)
    got = curvature_step(Q(mu, sigma, np.log(sigma), low), G, d, b, a)
    precision = (1 - a) * np.linalg.inv(L @ L.T) + a * (G.T @ G + np.diag(d))
    new_L = got[1][:, None] * (np.eye(P) + got[2])
    close(np.linalg.inv(new_L @ new_L.T), precision, rtol=1e-10)
    close(got[0], mu - a * np.linalg.solve(precision, b), rtol=1e-10)


# --- E8x: averages over samples ------------------------------------------------------

LOGITS = np.random.default_rng(5).normal(size=(6, 4, 3))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def entropy(p):
    return -(p * np.log(p)).sum(-1)


@value("E81")
def mean_of_a_mixture():
    close(predictive.predictive_mean(LOGITS), sum(LOGITS) / 6)


@value("E82")
def variance_of_a_mixture():
    """Second moment less squared mean of the mixture of the six distributions."""
    variances = np.exp(LOGITS[::-1])
    aleatoric, epistemic = predictive.predictive_variance(LOGITS, variances)
    second = sum(v + m**2 for m, v in zip(LOGITS, variances, strict=True)) / 6
    close(aleatoric + epistemic, second - (sum(LOGITS) / 6) ** 2)
    close(aleatoric, sum(variances) / 6)


@value("E83")
def log_of_a_mean():
    close(predictive.log_mean_exp(LOGITS), np.log(sum(np.exp(LOGITS)) / 6))


@value("E84")
def entropy_of_a_coin():
    z = LOGITS[:, 0]
    close(
        predictive.bernoulli_entropy(z), stats.bernoulli(1 / (1 + np.exp(-z))).entropy()
    )


@value("E85")
def entropy_of_classes():
    close(
        predictive.categorical_entropy(LOGITS), stats.entropy(softmax(LOGITS), axis=-1)
    )


@value("E86")
def information_is_total_less_mean_entropy():
    p = softmax(LOGITS)
    want = entropy(p.mean(0)) - entropy(p).mean(0)
    close(predictive.mutual_information(LOGITS), want, rtol=1e-10)


@value("E87")
def density_in_other_units():
    """That of scipy with location and scale in the units of y, for each data set's own."""
    rng = np.random.default_rng(4)
    F, v, y = rng.normal(size=(5, 3, 2)), np.zeros((5, 0)), 1e3 * rng.normal(size=(3, 2))
    for mean, sd in ((np.ones(2), np.array([2.0, 1e3])), rng.uniform(1, 9, (2, 2, 2))):
        got = RawUnits(mb.Gaussian(0.4), mean, sd).row_nll(F, y, v)
        m, s = (np.atleast_2d(u)[np.arange(5) % (u.size // 2), None] for u in (mean, sd))
        close(got, -stats.norm.logpdf(y, m + s * F, 0.4 * s).sum(-1))


@value("E88")
def score_of_draws_by_all_pairs():
    """The double sum over pairs of different draws, with odd and even numbers of them."""
    for S in (2, 7, 40):
        x, y = LOGITS.repeat(7, 0)[:S] + np.arange(S)[:, None, None], LOGITS[0] + 3.0
        apart = np.abs(x[:, None] - x[None]).sum((0, 1)) / (S * (S - 1))
        close(crps(x, y), np.abs(x - y).mean(0) - apart / 2, rtol=1e-11)


# --- E9x: exact answers --------------------------------------------------------------


def whitened():
    rng = np.random.default_rng(2)
    Phi, z = rng.normal(size=(6, 3)), rng.normal(size=6)
    return Phi, z, rng.normal(size=3), rng.uniform(0.5, 2, 3)


@value("E89")
def variance_of_one_relu_layer():
    """By quadrature for one unit, by draws for a network; and the bound of theorem 1."""
    rng = np.random.default_rng(5)
    for mean, sd, m, s in ((0.4, 1.3, -0.7, 0.5), (-1.1, 0.6, 1.4, 0.2)):
        def power(k, mean=mean, sd=sd):
            density = stats.norm(mean, sd).pdf
            return integrate.quad(lambda z: z**k * density(z), 0, mean + 12 * sd)[0]

        want = (s**2 + m**2) * power(2) - (m * power(1)) ** 2
        close(unit_variance(mean, sd, m, s), want, rtol=1e-8)
    net = mb.MLP([1, 3, 1], activation="relu")
    q = Q(rng.normal(size=10), rng.uniform(0.1, 1.0, 10))
    w, X = q.mean + q.sigma * rng.normal(size=(200_000, 10)), np.array([[-0.8], [1.5]])
    drawn = net(w, X)[..., 0]
    assert np.allclose(drawn.var(0), relu_network_variance(q, net, X), rtol=0.03)
    for _ in range(50):
        q = Q(2 * rng.normal(size=10), rng.exponential(size=10))
        left, right = -rng.uniform(0.1, 2.0), rng.uniform(0.1, 2.0)
        near = rng.uniform(-1, 1) * min(-left, right)
        a, b, between = relu_network_variance(q, net, [[left], [right], [near]])
        assert between <= a + b


@value("E90")
def average_predictive_variance():
    """From the matrices of a linear model, row by row."""
    rng = np.random.default_rng(6)
    Phi, s0, sd = rng.normal(size=(12, 3)) @ rng.normal(size=(3, 3)), np.ones(3), 0.7
    s0[:2] = 1.4, 0.6
    precision = Phi.T @ Phi / sd**2 + np.diag(s0**-2)
    cov, alone = np.linalg.inv(precision), np.diag(1 / np.diag(precision))
    got = average_variances(precision, s0, sd, 12)
    close(got, [np.mean([x @ V @ x for x in Phi]) for V in (cov, alone)], rtol=1e-10)
    assert got[0] < got[1]


@value("E91")
def posterior_by_normal_equations():
    Phi, z, m0, s0 = whitened()
    R, c, r = exact.stacked_qr(Phi, z, m0, s0)
    precision = Phi.T @ Phi + np.diag(s0**-2)
    close(R.T @ R, precision)
    mean = np.linalg.solve(precision, Phi.T @ z + m0 / s0**2)
    close(np.linalg.solve(R, c), mean, rtol=1e-11)
    rest = ((Phi @ mean - z) ** 2).sum() + (((mean - m0) / s0) ** 2).sum()
    close(r**2, rest, rtol=1e-11)
    assert np.all(np.diag(R) > 0)


@value("E92")
def evidence_is_the_density_of_the_data():
    Phi, z, m0, s0 = whitened()
    R, _, r = exact.stacked_qr(Phi, z, m0, s0)
    cov = Phi @ np.diag(s0**2) @ Phi.T + np.eye(6)
    want = stats.multivariate_normal(Phi @ m0, cov).logpdf(z)
    close(exact.log_evidence(R, r, s0, 6), want, rtol=1e-11)


# --- E9x: Markov chains ------------------------------------------------------------


@value("E94")
def leapfrog_on_a_spring():
    """For log density -k w²/2 one step is a 2 x 2 matrix of determinant one."""
    k, scale, step = np.array([[0.7, 2.0]]), np.array([[1.3, 0.4]]), np.array([[0.3]])
    w, p = np.array([[0.5, -1.0]]), np.array([[-0.2, 0.8]])

    def density(w):
        return -0.5 * (k * w * w).sum(1), -k * w

    got_w, got_p, value, slope = leapfrog(density, w, p, -k * w, step, scale, 5)
    for i in range(2):
        e, a = 0.3, k[0, i] * scale[0, i] ** 2  # in u = w / scale
        one = [
            [1 - e * e * a / 2, e],
            [-e * a * (1 - e * e * a / 4), 1 - e * e * a / 2],
        ]
        close(np.linalg.det(one), 1)
        u, moved = np.linalg.matrix_power(one, 5) @ [w[0, i] / scale[0, i], p[0, i]]
        close([got_w[0, i], got_p[0, i]], [u * scale[0, i], moved])
    close(value, density(got_w)[0])
    close(slope, -k * got_w)
    back_w, back_p, _, _ = leapfrog(density, got_w, -got_p, slope, step, scale, 5)
    close(back_w, w)
    close(back_p, -p)


@value("E95")
def step_search_as_sums():
    """Log steps are weighted sums of accept - target; what is kept, their mean by m."""
    accepts = np.random.default_rng(0).uniform(size=(9, 2))
    step = np.array([0.1, 0.3])
    search, log_steps = StepSearch(step, 0.8), []
    for m, accept in enumerate(accepts, start=1):
        search.update(accept)
        gains = np.arange(1, m + 1) ** -0.6
        log_steps.append(np.log(step) + gains @ (accepts[:m] - 0.8))
        close(np.log(search.step), log_steps[-1], rtol=1e-11)
        mean = np.average(log_steps, axis=0, weights=np.arange(1, m + 1))
        close(np.log(search.final), mean, rtol=1e-11)


def chains(rho=0.0, shape=(4, 50, 2), seed=0):
    """First-order autoregressive chains of unit variance."""
    rng = np.random.default_rng(seed)
    draws = rng.normal(size=shape)
    for t in range(1, shape[1]):
        draws[:, t] = rho * draws[:, t - 1] + np.sqrt(1 - rho**2) * draws[:, t]
    return draws


@value("E96")
def potential_reduction_by_words():
    draws = chains() + np.arange(4)[:, None, None] * np.array([0.0, 1.0])
    n = draws.shape[1]
    within = np.mean([np.var(chain, axis=0, ddof=1) for chain in draws], axis=0)
    between = n * np.var([chain.mean(0) for chain in draws], axis=0, ddof=1)
    want = np.sqrt(((n - 1) / n * within + between / n) / within)
    close(potential_reduction(draws), want)
    assert want[0] < 1.05 < 1.3 < want[1]


@value("E97")
def effective_size_of_known_chains():
    """m n (1 - rho)/(1 + rho) for autoregressive chains, within its sampling error."""
    for rho in (0.0, 0.5, 0.8, -0.3):
        draws = chains(rho, (4, 5000, 3))
        want = 20000 * (1 - rho) / (1 + rho)
        close(effective_size(draws), want, rtol=0.12)
    apart = chains(0.0, (4, 500, 1)) + 5 * np.arange(4)[:, None, None]
    assert effective_size(apart) < 10


@value("E98")
def laplace_precision_entry_by_entry():
    rng = np.random.default_rng(3)
    J, T = rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 2, 2))
    s0 = rng.uniform(1, 2, 3)
    root, R = laplace_root(J, T, s0)
    want = np.diag(s0**-2)
    for jacobian, t in zip(J, T, strict=True):
        want += jacobian.T @ (t.T @ t) @ jacobian
    close(R.T @ R, want)
    close(root @ root.T @ want, np.eye(3), atol=1e-12)
    close(np.tril(R, -1), 0)


@value("E99")
def annealing_of_one_gaussian_weight():
    """One step is importance sampling from the prior; many find p(D) both ways."""
    y, s = 1.2, 0.4
    rng = np.random.default_rng(4)

    def parts(w):
        prior, likelihood = stats.norm.logpdf(w[:, 0]), stats.norm.logpdf(y, w[:, 0], s)
        return prior, -w, likelihood, (y - w) / s**2

    w = rng.normal(size=(500, 1))
    one = Path(np.array([0.0, 1.0]), np.full(2, 0.3), np.ones((2, 1)))
    close(anneal(parts, w, one, 3, rng), stats.norm.logpdf(y, w[:, 0], s))
    truth = stats.norm.pdf(y, 0, np.sqrt(1 + s**2))
    many = Path(np.linspace(0, 1, 21) ** 2, np.full(21, 0.3), np.ones((21, 1)))
    forward = np.exp(anneal(parts, w, many, 3, rng)) / truth
    posterior = y / (1 + s**2) + rng.normal(size=(500, 1)) * s / np.sqrt(1 + s**2)
    back = truth / np.exp(anneal(parts, posterior, many, 3, rng, reverse=True))
    for ratio in (forward, back):
        assert abs(ratio.mean() - 1) < 6 * ratio.std() / np.sqrt(500)
    single = np.exp(stats.norm.logpdf(y, w[:, 0], s)) / truth
    assert forward.std() < 0.7 * single.std()  # that is what annealing is for
