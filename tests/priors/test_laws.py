"""Every prior obeys these laws; a class of the room that is missing from ALL is seen."""

import numpy as np
import pytest
from scipy import stats
from support.rooms import defined

import minibnn as mb
from minibnn import priors
from minibnn.priors.base import Prior
from minibnn.priors.joint import JointPrior
from minibnn.tape import Program

N = 3
JOINT = JointPrior(mb.LaplacePrior(0.6), mb.GaussianPrior(-0.4, 0.8), N - 1)
EVERY = [p for cls in priors.ALL for p in cls.examples(N)] + [JOINT]
CLOSED = [p for p in EVERY if p.has_closed_kl]
each = pytest.mark.parametrize("prior", EVERY, ids=lambda p: repr(p)[:40])
closed = pytest.mark.parametrize("prior", CLOSED, ids=lambda p: repr(p)[:40])
GRID, CELL = np.linspace(-60, 60, 600_001, retstep=True)


def density(prior, i):
    """The density of weight i on the grid; the others stay at 0."""
    w = np.zeros((len(GRID), N))
    at_zero = prior.log_prob(w[:1])[0]
    w[:, i] = GRID
    p = np.exp(prior.log_prob(w)[0] - at_zero)
    return p / (p.sum() * CELL), at_zero, p.sum() * CELL


def test_no_prior_is_missing():
    found = {c for c in defined(priors) if hasattr(c, "log_prob")}
    assert found == {*priors.ALL, Prior, JointPrior}
    assert all(getattr(mb, cls.__name__) is cls for cls in priors.ALL)


@each
def test_the_density_has_mass_one(prior):
    """At w = 0 the whole is Π 1 / (mass of the i-th density over its value there)."""
    at_zero = density(prior, 0)[1]
    masses = [density(prior, i)[2] for i in range(N)]
    assert at_zero + np.log(masses).sum() == pytest.approx(0, abs=1e-6)


@each
def test_mean_and_sd_are_those_of_the_density(prior):
    for i, (mean, sd) in enumerate(zip(*prior.mean_and_sd(N), strict=True)):
        p = density(prior, i)[0] * CELL
        assert p @ GRID == pytest.approx(mean, abs=1e-7)
        assert np.sqrt(p @ (GRID - mean) ** 2) == pytest.approx(sd, rel=1e-6)


@each
def test_draws_have_the_density(prior):
    """Kolmogorov's test: a right sampler fails it once in a hundred million times."""
    w = prior.draw((4000, N), np.random.default_rng(3))
    assert w.shape == (4000, N)
    for i in range(N):
        below = np.cumsum(density(prior, i)[0]) * CELL
        found = stats.kstest(w[:, i], lambda x, below=below: np.interp(x, GRID, below))
        assert found.pvalue > 1e-8


@each
def test_the_slope_is_that_of_the_density(prior):
    w = 1.3 * np.random.default_rng(0).normal(size=(4, N))
    report = mb.check_gradient(
        lambda w: prior.log_prob(w)[0].sum(), lambda w: prior.log_prob(w)[1], w
    )
    assert report.verdict == "agrees"


@closed
def test_the_kl_is_the_integral_of_q_log_q_over_p(prior):
    m, s = np.array([0.7, -0.3, 1.1]), np.array([0.4, 1.3, 0.9])
    value = prior.kl(m, s, np.log(s))[0]
    for i in range(N):
        q = stats.norm(m[i], s[i])
        inside = np.abs(GRID - m[i]) < 12 * s[i]
        x, p = GRID[inside], density(prior, i)[0][inside]
        want = (q.pdf(x) * (q.logpdf(x) - np.log(p))).sum() * CELL
        assert value[i] == pytest.approx(want, rel=1e-6)


@closed
def test_the_gradient_of_the_kl_is_its_own(prior):
    x = {"m": np.array([0.7, -0.3, 1.1]), "log_s": np.array([-0.9, 0.2, -0.1])}

    def run(x):
        return prior.kl(x["m"], np.exp(x["log_s"]), x["log_s"])

    def gradient(x):
        return dict(zip(x, run(x)[1:], strict=True))

    assert mb.check_gradient(lambda x: run(x)[0].sum(), gradient, x).verdict == "agrees"


def answers(prior, w):
    """Everything it says of weights w: the density, the KL at them with spread 1/2."""
    found = dict(zip(("value", "slope"), prior.log_prob(w), strict=True))
    if prior.has_closed_kl:
        s = np.full_like(w, 0.5)
        names = ("kl", "g_m", "g_log_s")
        found |= zip(names, prior.kl(w, s, np.log(s)), strict=True)
    return found


@each
def test_float32_stays_float32(prior):
    w = np.random.default_rng(0).normal(size=(4, N)).astype(np.float32)
    assert {a.dtype for a in answers(prior, w).values()} == {np.dtype(np.float32)}


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_weight_gives_nan_or_an_overflow(prior, dtype):
    rows = np.array([-1e15, -750.0, -40.0, -1e-20, 0.0, 40.0, 1e15], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = answers(prior, np.repeat(rows[:, None], N, 1))
    assert all(np.isfinite(a).all() for a in found.values())


@each
def test_it_can_be_recorded(prior):
    rng = np.random.default_rng(0)
    w = rng.normal(size=(4, N))
    program = Program(lambda w: answers(prior, w), {"w": w})
    w[...] = rng.normal(size=w.shape)
    program()
    for name, want in answers(prior, w).items():
        np.testing.assert_allclose(program.outputs[name], want, rtol=1e-12)
