"""Every family x likelihood x prior x estimator: a proved gradient, or a refusal."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from support.combination_cases import (
    ESTIMATORS,
    FAMILIES,
    KL_WEIGHT,
    LIKELIHOODS,
    N_DATA,
    PRIORS,
    B,
    S,
    make_data,
    make_family,
    make_model,
    make_params,
    missing,
    refusal,
    summary,
)
from support.likelihoods import targets_of
from support.oracles import log_q, log_q_complex, step_every_coordinate, trapezoid

import minibnn as mb
from minibnn.objective import objective

CELLS = list(itertools.product(FAMILIES, LIKELIHOODS, PRIORS, ESTIMATORS))
CHECKED = [cell for cell in CELLS if missing(*cell) is None]
REFUSED = [cell for cell in CELLS if missing(*cell) is not None]


def frozen_path_loss(problem):
    """What sticking the landing differentiates: log q keeps the parameters it had."""
    model, family, params, noise, A, y = problem
    q_now = family.natural(params)[0]

    def frozen_log_q(w):
        if not family.tasks:
            return log_q(q_now, w)
        tasks = enumerate(zip(q_now.mean, q_now.sigma, strict=True))
        each = [log_q(type(q_now)(m, s), w[..., t, :, :]) for t, (m, s) in tasks]
        return np.stack(each, -2)

    def loss(p):
        w, _ = family.sample(family.natural(p)[0], noise)
        nll, _ = model.nll(w, A, y)
        kl = frozen_log_q(w) - model.weight_prior.log_prob(w)[0]
        return (N_DATA / B * nll + KL_WEIGHT * kl).mean(-1)

    return loss


def score_loss(problem):
    """A function whose slope is the score estimator: frozen advantages times log q."""
    model, family, params, noise, A, y = problem
    w, _ = family.sample(family.natural(params)[0], noise)
    nll = model.nll(w, A, y)[0]
    log_prior = model.weight_prior.log_prob(w)[0]

    def less_others(f):
        others = [np.delete(f, s, -1).mean(-1) for s in range(f.shape[-1])]
        return f - np.stack(others, -1)

    def loss(p):
        q = family.natural(p)[0]
        each = log_q_complex(q.mean, q.sigma, q.low, w)
        data = (less_others(nll) * each).mean(-1)
        if model.weight_prior.has_closed_kl:
            kl = family.kl(q, model.weight_prior)[0]
        else:
            kl = family.neg_entropy(q)[0] + (less_others(-log_prior) * each).mean(-1)
        return N_DATA / B * data + KL_WEIGHT * kl

    return loss


def plain_loss(problem, estimator):
    """The loss itself at fixed noise."""
    model, family, _, noise, A, y = problem
    rest = (noise, A, y, N_DATA, KL_WEIGHT, estimator)
    return lambda p: objective(model, family, p, *rest)[0]


def make_problem(family, likelihood, prior, estimator):
    """Model, family, params, noise and canonical data of a cell; and X, y."""
    model = make_model(likelihood, prior, estimator)
    family = make_family(family, model)
    X, y = make_data(family, model)
    shape = ESTIMATORS[estimator][0].noise_shape(model, family, S, B)
    noise = np.random.default_rng(2).normal(size=family.tasks + shape)
    params = make_params(family, model)
    return (model, family, params, noise, *model.batch(X, y)), (X, y)


@pytest.mark.sample(3)
@pytest.mark.parametrize("cell", CHECKED, ids=" | ".join)
def test_gradient_is_the_complex_step(cell):
    problem, (X, y) = make_problem(*cell)
    estimator = ESTIMATORS[cell[-1]][0]
    losses = {"StickTheLanding": frozen_path_loss, "ScoreFunction": score_loss}
    name = type(estimator).__name__
    loss = losses[name](problem) if name in losses else plain_loss(problem, estimator)

    model, family, params, noise, _, _ = problem
    call = (model, family, params, noise, X, y)
    value, grads, parts = mb.neg_elbo(
        *call, n_data=N_DATA, kl_weight=KL_WEIGHT, estimator=estimator
    )
    _, data, _ = mb.neg_elbo(*call, n_data=N_DATA, kl_weight=0.0, estimator=estimator)

    np.testing.assert_allclose(value, parts["nll"] + KL_WEIGHT * parts["kl"])
    if name == "ScoreFunction":  # its value is the pathwise one, only the slope differs
        path = mb.neg_elbo(*call, n_data=N_DATA, kl_weight=KL_WEIGHT)[0]
        np.testing.assert_allclose(value, path, rtol=1e-13)
    else:
        np.testing.assert_allclose(value, loss(params), rtol=1e-12)
    want = step_every_coordinate(
        lambda p: loss(p).sum(-1) if family.tasks else loss(p), params
    )
    got = np.concatenate([grads[key] for key in params])
    part = np.concatenate([data[key] for key in params])
    allowed = 1e-11 * (np.abs(part) + np.abs(got - part)) + 1e-15
    assert np.all(np.abs(got - want) <= allowed), np.max(np.abs(got - want) / allowed)


@pytest.mark.parametrize("cell", REFUSED, ids=" | ".join)
def test_refusal_names_the_missing_piece(cell):
    model = make_model(*cell[1:])
    family = make_family(cell[0], model)
    X, y = make_data(family, model)
    with pytest.raises(ValueError, match=missing(*cell)) as refused:
        mb.fit(model, family, X, y, estimator=ESTIMATORS[cell[-1]][0], max_steps=1)
    assert type(ESTIMATORS[cell[-1]][0]).__name__ in str(refused.value)
    assert refusal(*cell) == str(refused.value)


def test_every_cell_is_checked_or_refused():
    assert len(CELLS) == len(FAMILIES) * len(LIKELIHOODS) * len(PRIORS) * len(
        ESTIMATORS
    )
    for cell in CELLS:
        assert (refusal(*cell) is None) == (missing(*cell) is None), cell


def test_the_table_in_the_documents_is_what_the_package_says():
    page = Path(__file__).parents[2] / "tutorials" / "combinations.md"
    assert summary() in page.read_text(encoding="utf-8"), summary()


SCORE_CELLS = [cell for cell in CHECKED if cell[-1] == "ScoreFunction"]


def two_weight_model(likelihood, prior):
    """A model of two weights, for which expectations are sums over a plane of nodes."""
    like, outputs = LIKELIHOODS[likelihood]
    if like.exclusive:
        like, outputs = type(like)(2), 2
    bias = outputs == 1 and not like.n_weights
    net = mb.MLP([1, outputs], bias=bias)
    prior = {"ScaleMixture": mb.ScaleMixturePrior(0.4, 1.1, 0.7)}.get(
        prior, PRIORS[prior]
    )
    return mb.Model(net, like, prior)


@pytest.mark.sample(4)
@pytest.mark.parametrize("cell", SCORE_CELLS, ids=" | ".join)
def test_score_function_is_right_in_expectation(cell):
    """Quadrature nodes as noise; the truth is the slope of the expected loss."""
    family_name, likelihood, prior, _ = cell
    model = two_weight_model(likelihood, prior)
    family = make_family(family_name, model)
    params = make_params(family, model, seed=3)
    if family.tasks:
        params["phi"] *= 0.4
        params["phi"][-2:] -= 1.2  # the biases of rho
    else:
        params["rho"] -= 1.5  # narrow beside what the nodes resolve
    rng = np.random.default_rng(4)
    X = 0.8 * rng.normal(size=(*family.tasks, B, 1))
    y = targets_of(model.likelihood, (*family.tasks, B, model.net.n_outputs), rng)
    A, y = model.batch(X, y)
    nodes, weights = trapezoid(53, 2)

    def expected_loss(p):
        q = family.natural(p)[0]
        w, _ = family.sample(q, nodes)
        kl = family.neg_entropy(q)[0] - model.weight_prior.log_prob(w)[0] @ weights
        if model.weight_prior.has_closed_kl:
            kl = family.kl(q, model.weight_prior)[0]
        loss = N_DATA / B * (model.nll(w, A, y)[0] @ weights) + KL_WEIGHT * kl
        return loss.sum(-1) if family.tasks else loss

    q, pull_params = family.natural(params)
    lead = (len(nodes), *(1 for _ in family.tasks))
    noise = np.broadcast_to(
        nodes.reshape(*lead, 1, 2), (len(nodes), *family.tasks, 1, 2)
    )
    _, pull, (_, g_kl) = mb.ScoreFunction()(model, family, q, noise, A, y)
    g_data = pull(N_DATA / B)
    mean = combined(g_data, g_kl, weights, q)
    got = np.concatenate([pull_params(mean)[key] for key in params])
    want = step_every_coordinate(expected_loss, params)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-11 * np.abs(want).max())


def combined(g_data, g_kl, weights, q):
    """Expected cotangent: data term plus weighted KL term, nodes summed out."""
    total = {}
    for field in q._fields:
        terms = [(1.0, getattr(g_data, field)), (KL_WEIGHT, getattr(g_kl, field))]
        terms = [(c, g) for c, g in terms if g is not None]
        shape = getattr(q, field if field == "low" else "mean")
        if terms:
            total[field] = sum(
                c * (np.tensordot(weights, g, 1) if g.ndim > shape.ndim else g)
                for c, g in terms
            )
    return type(q)(**total)
