"""What every likelihood of the room obeys; a new one is found by itself (no list)."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import cumulative_trapezoid
from support.likelihoods import EXAMPLES, targets_of
from support.rooms import defined

import minibnn as mb
from minibnn import likelihoods
from minibnn.audit.problems import likelihood_case
from minibnn.equations import LEDGER
from minibnn.likelihoods.base import Likelihood
from minibnn.tape.program import Program

laws = pytest.mark.parametrize(("like", "width"), EXAMPLES, ids=repr)


def having(fact):
    """The examples whose class has something that not every class has."""
    examples = [e for e in EXAMPLES if getattr(e[0], fact) is not None]
    return pytest.mark.parametrize(("like", "width"), examples, ids=repr)


def classes_of_the_room():
    """Every likelihood in its files that is not a base of another one there."""
    found = {c for c in defined(likelihoods) if issubclass(c, Likelihood)}
    bases = {base for c in found for base in c.__mro__[1:]}
    return found - bases


def test_all_holds_every_likelihood_of_the_room():
    assert classes_of_the_room() <= set(likelihoods.ALL)
    for cls in likelihoods.ALL:
        assert getattr(mb, cls.__name__) is cls
        assert cls.examples()
        assert LEDGER[cls.label].startswith(f"{cls.__module__}."), "formula beside object"


def outputs(like, width, rows=1, dtype=float):
    """Outputs (3, rows, width) and weights of its own (3, n)."""
    rng = np.random.default_rng(0)
    F = rng.normal(size=(3, rows, width)).astype(dtype)
    return F, (0.3 * rng.normal(size=(3, like.n_weights))).astype(dtype)


def grid_of(like):
    """All targets (n,) that count, and the size of the cell of each."""
    if like.support == "reals":
        x, step = np.linspace(-40, 40, 8001, retstep=True)
        return np.sinh(x), step * np.cosh(x)  # the trapezoidal rule in x
    y = np.arange(400.0 if like.support == "counts" else like.n_labels)
    return y, np.ones(len(y))


def masses(like, width):
    """F, v, y and the mass (3, n) of every cell, at each of three outputs."""
    F, v = outputs(like, width)
    y, cell = grid_of(like)
    rows = np.broadcast_to(F, (3, len(y), width))
    targets = like.targets(y[:, None], rows.shape[1:])
    return F, v, y, np.exp(-like.row_nll(rows, targets, v)) * cell


@laws
def test_the_density_has_mass_one(like, width):
    np.testing.assert_allclose(masses(like, width)[-1].sum(1), 1, rtol=1e-9)


@laws
def test_mean_and_variance_are_those_of_the_density(like, width):
    F, v, y, p = masses(like, width)
    mean, variance = like.mean(F, v)[:, 0], like.variance(F, v)[:, 0]
    want, second = (p @ y)[:, None], (p * (y - (p @ y)[:, None]) ** 2).sum(1)[:, None]
    if like.exclusive:  # of the indicator of every class
        want, second = p, p * (1 - p)
    np.testing.assert_allclose(mean, want, rtol=1e-8, atol=1e-9)
    if np.isfinite(variance).all():
        np.testing.assert_allclose(variance, second, rtol=1e-8)
    else:
        assert second.min() > 1e3  # and more on a wider grid


@laws
def test_the_sampler_is_the_quantile_function(like, width):
    """For labels which number gives which is free: each comes as often as it should."""
    F, v, y, p = masses(like, width)
    u = (np.arange(1000) + 0.5) / 1000
    shape = (3, len(u), width)
    uniform = np.broadcast_to(u[:, None], shape)
    draws = like.sample(np.broadcast_to(F, shape), v, uniform)[..., 0]
    for s in range(3):
        if like.support == "labels":
            often = np.bincount(draws[s].astype(int), minlength=like.n_labels) / 1000
            np.testing.assert_allclose(often, p[s], atol=1.1e-3)
        elif like.support == "counts":
            below = np.concatenate([[0.0], np.cumsum(p[s])])
            at = draws[s].astype(int)
            assert np.all((below[at] - 1e-9 <= u) & (u <= below[at + 1] + 1e-9))
        else:
            x = np.arcsinh(y)
            below = cumulative_trapezoid(p[s] / (x[1] - x[0]), x, initial=0)
            reached = np.interp(np.arcsinh(draws[s]), x, below)
            np.testing.assert_allclose(reached, u, atol=1e-4)


@pytest.mark.parametrize(
    ("like", "width"),
    [e for e in EXAMPLES if e[0].in_scipy(*outputs(*e)) is not None],
    ids=repr,
)
def test_it_is_what_scipy_calls_by_that_name(like, width):
    """Value, mean, variance and quantiles, where the class names one: no shared code."""
    F, v = outputs(like, width, rows=5)
    name, *arguments = like.in_scipy(F, v)
    truth = getattr(stats, name)(*arguments)
    y = like.targets(targets_of(like, F.shape[1:], 1), F.shape[1:])
    log_p = truth.logpmf if hasattr(truth.dist, "logpmf") else truth.logpdf
    np.testing.assert_allclose(like.row_nll(F, y, v), -log_p(y).sum(-1), rtol=1e-11)
    np.testing.assert_allclose(like.mean(F, v), truth.mean(), rtol=1e-12)
    np.testing.assert_allclose(like.variance(F, v), truth.var(), rtol=1e-12)
    if like.support != "labels":
        u = np.random.default_rng(2).uniform(size=F.shape)
        want = truth.ppf(u[..., : truth.mean().shape[-1]])
        np.testing.assert_allclose(like.sample(F, v, u), want, rtol=1e-9)


@laws
def test_rows_and_targets_are_independent(like, width):
    """Each as if it were alone; the outputs of target k of K are every K-th from k."""
    F, v = outputs(like, width if like.exclusive else 2 * width, rows=4)
    u = np.random.default_rng(3).uniform(size=F.shape)
    y = like.targets(targets_of(like, F.shape[1:], 4), F.shape[1:])
    rows = like.row_nll(F, y, v)
    np.testing.assert_allclose(like(F, y, v)[0], rows.sum(1), rtol=1e-13)
    for b in range(4):
        alone = like(F[:, [b]], y[[b]], v)[0]
        np.testing.assert_allclose(rows[:, b], alone, rtol=1e-13)
    if not like.exclusive:
        each = [like.row_nll(F[..., k::2], y[:, [k]], v) for k in (0, 1)]
        np.testing.assert_allclose(rows, sum(each), rtol=1e-13)
        for k in (0, 1):
            got = like.sample(F, v, u)[..., [k]]
            want = like.sample(F[..., k::2], v, u[..., k::2])
            np.testing.assert_array_equal(got, want)


@laws
def test_the_gradient_is_that_of_the_value(like, width):
    problem = likelihood_case(like, width)(np.random.default_rng(5))
    assert mb.check_gradient(*problem).verdict == "agrees"


@laws
def test_canonical_is_a_gradient_of_mean_less_target(like, width):
    F, v = outputs(like, width, rows=4)
    y = targets_of(like, F.shape[1:], 6)
    g_F = like(F, like.targets(y, F.shape[1:]), v)[1]
    y = np.eye(width)[y.astype(int)] if like.exclusive else y
    mean = like.mean(F, v)
    is_it = mean.shape == g_F.shape and np.allclose(g_F, mean - y, rtol=0, atol=1e-14)
    assert like.canonical == is_it


@having("hessian_root")
def test_the_root_is_that_of_the_mean_hessian(like, width):
    F, v, y, p = masses(like, width)
    rows = np.broadcast_to(F, (3, len(y), width)).astype(complex)
    targets = like.targets(y[:, None], rows.shape[1:])
    for s in range(3):
        T = like.hessian_root(F[s], v[s])[0]
        for c in range(width):
            step = rows[[s]].copy()
            step[..., c] += 1e-30j
            slopes = like(step, targets, v[[s]])[1][0].imag / 1e-30
            np.testing.assert_allclose((T.T @ T)[c], p[s] @ slopes, rtol=1e-9, atol=1e-12)


@laws
def test_float32_stays_float32(like, width):
    """And is near what double precision says of the same numbers."""
    F, v = outputs(like, width, 4, np.float32)
    u = np.random.default_rng(7).uniform(size=F.shape).astype(np.float32)
    y = like.targets(targets_of(like, F.shape[1:], 8), F.shape[1:])
    single, double = (
        [
            *like(F.astype(t), y.astype(t) if y.dtype.kind == "f" else y, v.astype(t)),
            like.row_nll(F.astype(t), y, v.astype(t)),
            like.mean(F.astype(t), v.astype(t)),
            like.variance(F.astype(t), v.astype(t)),
            like.sample(F.astype(t), v.astype(t), u),
        ]
        for t in (np.float32, np.float64)
    )
    for a, b in zip(single, double, strict=True):
        if a is not None:
            assert a.dtype == np.float32 or a.dtype.kind == "i"
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@laws
def test_runs_are_their_own_and_memory_is_laid_out_as_the_outputs(like, width):
    """Leading axes are runs; a transposed F gives a transposed g_F."""
    F = np.random.default_rng(9).normal(size=(2, 4, 5, 2 * width // (1 + like.exclusive)))
    v = np.zeros((2, 4, like.n_weights))
    y = np.stack([like.targets(targets_of(like, F.shape[2:], r), F.shape[2:])
                  for r in (0, 1)])  # fmt: skip
    value, g_F, _ = like(F, y, v)
    assert value.shape == (2, 4)
    for r in range(2):
        alone = like(F[r], y[r], v[r])
        np.testing.assert_allclose(alone[0], value[r], rtol=1e-14)
        np.testing.assert_array_equal(alone[1], g_F[r])
    view = np.ascontiguousarray(F.swapaxes(-1, -2)).swapaxes(-1, -2)
    turned = like(view, y, v)
    assert turned[1].strides == view.strides
    np.testing.assert_allclose(turned[0], value, rtol=1e-14)
    np.testing.assert_allclose(turned[1], g_F, rtol=1e-14, atol=1e-15)


@laws
def test_a_training_step_can_be_recorded(like, width):
    F, v = outputs(like, width, rows=4)
    y = like.targets(targets_of(like, F.shape[1:], 10), F.shape[1:])

    def step(F, v):
        parts = zip(("nll", "g_F", "g_v"), like(F, y, v), strict=True)
        return {key: a for key, a in parts if a is not None}

    program = Program(step, {"F": F, "v": v})
    F += 0.3
    program()
    for key, want in step(F, v).items():
        np.testing.assert_allclose(program.outputs[key], want, rtol=1e-13, atol=1e-15)


@pytest.mark.sample(4)
@laws
@pytest.mark.parametrize("family", [mb.MeanField(), mb.FullCovariance()], ids=repr)
def test_from_fit_to_prediction(like, width, family):
    X = np.random.default_rng(11).uniform(-2, 2, (30, 1))
    y = targets_of(like, (30, width), 12)
    model = mb.Model(mb.MLP([1, 4, width], "tanh"), like, mb.ScaleMixturePrior(0.5, 1, 0.3))
    result = mb.fit(model, family, X, y, rng=0, max_steps=20, start=None)
    pred = result.predict(X[:7], n_samples=50, rng=2)
    assert pred.mean.shape == pred.samples.shape[1:]
    low, high = pred.interval(0.9)
    assert np.all(low <= high)
    assert np.isfinite(pred.log_prob(y[:7])).all()
    assert np.isfinite(result.elbo)


# --- checks, starts ------------------------------------------------------------------


@laws
def test_targets_that_cannot_be_are_refused(like, width):
    shape = (1, width)
    bad = {"reals": [], "counts": [-1.0, 0.5], "labels": [-1.0, 0.5, like.n_labels]}
    for y in (*bad[like.support], np.nan, np.inf):
        with pytest.raises(ValueError, match=r"^y must"):
            like.targets(np.full((1, 1), y), shape)
    with pytest.raises(ValueError, match=r"^y must have shape"):
        like.targets(np.zeros((2, 1)), shape)


@laws
def test_weights_of_its_own_have_a_start_and_a_prior(like, width):
    assert like.initial_weights().shape == (like.n_weights,)
    assert (like.own_prior is None) == (like.n_weights == 0)


# --- the ends of the range -----------------------------------------------------------

ENDS = [0.0, 1e-300, -1e-9, 0.1, -3.0, 36.9, -37.1, 709.0, -746.0, 1e4, -1e4]
FAR = {"reals": (0.0, 1e-300, -3.0, 1e100, 1e160), "counts": (0.0, 1.0, 1e15)}


@laws
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_ends_of_the_range(like, width, dtype):
    """No nan, no warning, no negative variance; the nll is finite where its slopes are."""
    F = np.array(list(itertools.product(ENDS, repeat=width)), dtype)
    v = np.zeros((1, like.n_weights), dtype)
    targets = FAR.get(like.support, range(like.n_labels))
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        for y in targets:
            if y < 1e30 or dtype == np.float64:
                shape = like.target_shape(F.shape)
                check_value(like, F, like.targets(np.full(shape, y), F.shape), v)
        check_moments(like, F, v)


def check_value(like, F, y, v):
    nll, g_F, g_v = like(F[:, None, None], y[:, None], v)
    nll, g_F = nll[:, 0], g_F[:, 0, 0]
    assert not np.isnan(nll).any()
    assert not np.isnan(g_F).any()
    assert g_v is None or not np.isnan(g_v).any()
    way = 1.0 + np.abs(F).max(-1) + np.abs(y).max()  # slope times way is what it adds up to
    with np.errstate(over="ignore"):
        small = np.isfinite(np.abs(g_F).max(-1) * way.astype(F.dtype))
    assert np.isfinite(nll[small]).all()
    if like.support != "reals":  # no probability above 1
        assert nll.min() >= -1e-12 * np.abs(nll).max()


def check_moments(like, F, v):
    mean, variance = like.mean(F[None], v), like.variance(F[None], v)
    assert not np.isnan(mean).any()
    assert not np.isnan(variance).any()
    assert variance.min() >= 0
    if like.support == "labels":
        assert np.all((mean >= 0) & (mean <= 1))
    for u in (2.0**-53, 1e-9, 0.5, 1 - 2.0**-53):
        draw = like.sample(F[None], v, np.full_like(F[None], u, np.float64))
        assert not np.isnan(draw).any(), u
