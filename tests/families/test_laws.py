"""Every family obeys these laws; a class of the room that is missing from ALL is seen."""

import numpy as np
import pytest
from support.oracles import covariance, hermite
from support.rooms import defined

import minibnn as mb
from minibnn import families
from minibnn.families.base import Family
from minibnn.families.normal import Normal, add
from minibnn.families.scales import ScaledFamily
from minibnn.tape import NotRecordable, Program

P = 3
MODEL = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.6), mb.GaussianPrior.examples(P)[-1])
EVERY = [f for cls in families.ALL for f in cls.examples(P)]


def having(attribute=None):
    """The families that have something, or all, as the argument of a law."""
    chosen = [f for f in EVERY if attribute is None or getattr(f, attribute)]
    return pytest.mark.parametrize("family", chosen, ids=repr)


def params_of(family, dtype=float, seed=0):
    rng = np.random.default_rng(seed)
    params = family.init(MODEL, rng=rng)
    for key, start in params.items():
        noise = 0.4 * rng.normal(size=start.shape)
        params[key] = start * np.exp(noise) if key == "rho" else start + noise
    return {key: a.astype(dtype) for key, a in params.items()}


def full(c, q):
    """A cotangent without None."""
    return add(c, Normal(*(None if a is None else np.zeros_like(a) for a in q)))


def q_of(family, seed=0):
    """q of one task, all its arrays filled."""
    q, _ = family.natural(params_of(family, seed=seed))
    return Normal(*(a[(0,) * len(family.tasks)] if a is not None else None for a in q))


def test_no_family_is_missing():
    found = {c for c in defined(families) if hasattr(c, "check_params")}
    assert found == {*families.ALL, Family, ScaledFamily}
    assert all(getattr(mb, cls.__name__) is cls for cls in families.ALL)


@having()
def test_a_family_is_no_other(family):
    """Siblings: nobody has to know another family to know what this one does."""
    assert not set(type(family).__mro__[1:]) & set(families.ALL)


@having()
def test_it_has_what_it_says(family):
    needs = {"has_moments": "moments", "has_natural_step": "natural_step",
             "has_curvature_step": "curvature_step", "reads_context": "at",
             "has_elbo": "density"}  # fmt: skip
    for attribute, method in needs.items():
        assert getattr(family, attribute) == hasattr(family, method)


@having()
def test_init_has_its_shapes_and_is_valid(family):
    params = family.init(MODEL, rng=0)
    assert {k: v.shape for k, v in params.items()} == family.shapes(MODEL)
    family.check_params(params)
    family.keep_valid(params)
    assert family.natural(params)[0].mean.shape == (*family.tasks, P)


@having("literal")
def test_a_sigma_outside_its_range_is_told_and_lifted(family):
    params = params_of(family)
    params["rho"][1] = -0.1
    with pytest.raises(ValueError, match=r"params\['rho'\]"):
        family.check_params(params)
    family.keep_valid(params, clip=0.02)
    assert params["rho"][1] == 0.02


@having("has_elbo")
def test_samples_have_the_moments_of_q(family):
    """By Gauss-Hermite nodes: mean, marginals and covariance to rounding."""
    q, (nodes, weights) = q_of(family), hermite(4, P)
    w, _ = family.sample(q, nodes)
    mean = weights @ w
    cov = (w - mean).T @ ((w - mean) * weights[:, None])
    np.testing.assert_allclose(mean, q.mean, atol=1e-13)
    np.testing.assert_allclose(np.diag(cov), family.marginals(q)[1], rtol=1e-12)
    np.testing.assert_allclose(cov, covariance(q), atol=1e-13)
    if family.has_moments:
        np.testing.assert_allclose(family.moments(q)[:2], (mean, np.diag(cov)), rtol=1e-12)


@having("has_elbo")
def test_the_density_is_that_of_the_samples(family):
    """log q(w), its slope in w; E[log q] = -entropy, and the score has mean zero."""
    q, (nodes, weights) = q_of(family), hermite(4, P)
    w, _ = family.sample(q, nodes)
    log_q, slope, score = family.density(q, nodes)
    x, precision = w - q.mean, np.linalg.inv(covariance(q))
    log_det = np.linalg.slogdet(2 * np.pi * covariance(q))[1]
    want = -0.5 * (np.einsum("si,ij,sj->s", x, precision, x) + log_det)
    np.testing.assert_allclose(log_q, want, rtol=1e-11)
    np.testing.assert_allclose(slope, -x @ precision, rtol=1e-9, atol=1e-11)
    assert weights @ log_q == pytest.approx(family.neg_entropy(q)[0], rel=1e-12)
    c = score(weights)
    low = c.mean if c.low is None else np.tril(c.low, -1)
    parts = c.mean, c.log_sigma, low
    assert max(np.abs(part).max() for part in parts) < 1e-10


@having("has_elbo")
def test_the_kl_is_the_mean_of_log_q_over_p(family):
    q, (nodes, weights) = q_of(family), hermite(4, P)
    w, _ = family.sample(q, nodes)
    log_ratio = family.density(q, nodes)[0] - MODEL.prior.log_prob(w)[0]
    assert family.kl(q, MODEL.prior)[0] == pytest.approx(weights @ log_ratio, rel=1e-11)


SAID = {  # name -> (what it needs, function of (family, q, noise, cotangent) -> f, c)
    "natural": (None, lambda f, q, eps, u: (
        sum((u[..., 0, :] * a).sum() for a in q[:3] if a is not None),
        Normal(*(None if a is None else u[..., 0, :] for a in q[:3])))),
    "sample": (None, lambda f, q, eps, u: (
        (u * f.sample(q, eps)[0]).sum(), f.sample(q, eps)[1](u))),
    "kl": (None, lambda f, q, eps, u: (
        f.kl(q, MODEL.prior)[0].sum(), f.kl(q, MODEL.prior)[1])),
    "neg_entropy": ("has_elbo", lambda f, q, eps, u: (
        f.neg_entropy(q)[0].sum(), f.neg_entropy(q)[1])),
    "moments": ("has_moments", lambda f, q, eps, u: (
        (u[..., :2, :] * np.stack(f.moments(q)[:2], -2)).sum(),
        f.moments(q)[2](u[..., 0, :], u[..., 1, :]))),
}  # fmt: skip
SPOKEN = [
    pytest.param(family, name, id=f"{family!r}-{name}")
    for family in EVERY
    for name, (needs, _) in SAID.items()
    if needs is None or getattr(family, needs)
]


@pytest.mark.parametrize(("family", "name"), SPOKEN)
def test_every_way_back_is_the_gradient(family, name):
    params, rng = params_of(family), np.random.default_rng(1)
    eps, u = rng.normal(size=(2, *family.tasks, 4, P))

    def run(x):
        q, pull = family.natural(x)
        value, c = SAID[name][1](family, q, eps, u)
        return value, pull(full(c, q))

    report = mb.check_gradient(lambda x: run(x)[0], lambda x: run(x)[1], params)
    assert report.verdict == "agrees"


@having("has_elbo")
def test_the_score_is_the_slope_of_log_q_at_fixed_weights(family):
    params = params_of(family)
    eps = np.random.default_rng(1).normal(size=(*family.tasks, 1, P))
    q, pull = family.natural(params)
    w, c = family.sample(q, eps)[0], np.ones((*family.tasks, 1))

    def log_q(x):
        q, _ = family.natural(x)
        e = (w - q.mean[..., None, :]) / q.sigma[..., None, :]
        if q.low is not None:
            e = np.linalg.solve(np.eye(P) + q.low, e.swapaxes(-1, -2)).swapaxes(-1, -2)
        return -(0.5 * (e * e).sum() + q.log_sigma.sum())

    got = pull(full(family.density(q, eps)[2](c), q))
    assert mb.check_gradient(log_q, lambda x: got, params).verdict == "agrees"


def outputs(family, params, eps):
    """Every array that comes out of it, back to the params."""
    q, pull = family.natural(params)
    w, pull_w = family.sample(q, eps)
    kl, c = family.kl(q, MODEL.prior)
    found = {"w": w, "kl": kl}
    for name, cotangent in (("sample", pull_w(w)), ("kl", c)):
        back = pull(full(cotangent, q))
        found |= {f"{name} {key}": a for key, a in back.items()}
    return found


@having()
def test_float32_stays_float32(family):
    params = params_of(family, np.float32)
    eps = np.random.default_rng(1).normal(size=(*family.tasks, 4, P)).astype(np.float32)
    found = outputs(family, params, eps).values()
    assert {a.dtype for a in found} == {np.dtype(np.float32)}


@having()
def test_it_can_be_recorded(family):
    rng = np.random.default_rng(1)
    inputs = {**params_of(family), "eps": rng.normal(size=(*family.tasks, 4, P))}

    def function(eps, **params):
        return outputs(family, params, eps)

    if family.literal or family.has_curvature_step:  # looks at sigma; picks a triangle
        with pytest.raises(NotRecordable):  # such a step runs directly
            Program(function, inputs)
        return
    program = Program(function, inputs)
    for key, a in inputs.items():
        a[...] = a + 0.1 * rng.normal(size=a.shape) * (1.0 if key == "eps" else np.abs(a))
    program()
    params = {k: a for k, a in inputs.items() if k != "eps"}
    for name, want in outputs(family, params, inputs["eps"]).items():
        np.testing.assert_allclose(program.outputs[name], want, rtol=1e-12, err_msg=name)


@having("has_natural_step")
def test_natural_steps_end_at_the_best_q_of_a_conjugate_model(family):
    """Where the gradient is zero, and where correlations are free at the posterior."""
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(9, 2)), rng.normal(size=9)
    steps = 1 if family.has_curvature_step else 300
    rate = 1.0 if steps == 1 else 0.3
    result = mb.fit(
        MODEL, family, X, y, estimator=mb.Exact(), max_steps=steps, rng=0,
        start=params_of(family), optimizer=mb.NaturalGradient(rate),
    )  # fmt: skip
    exact = mb.exact_posterior(MODEL, X, y)
    np.testing.assert_allclose(result.q.mean, exact.mean, atol=1e-10)
    if steps == 1:
        np.testing.assert_allclose(covariance(result.q), exact.cov, atol=1e-10)
    else:
        want = 1 / np.diag(exact.precision)
        np.testing.assert_allclose(result.q.sigma**2, want, rtol=1e-9)
