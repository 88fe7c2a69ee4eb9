"""Rows of weight 2 are rows given twice, wherever a likelihood is asked (E39)."""

import numpy as np
import pytest
from support.likelihoods import LIKELIHOODS, targets_of

import minibnn as mb
from minibnn.audit.problems import likelihood_case
from minibnn.diagnosis import points
from minibnn.svi.curvature import Curved
from minibnn.svi.fit_warning import gain
from minibnn.svi.replicas import is_ours
from minibnn.tape.program import Program

N = 7
WEIGHT = np.array([2.0, 1.0, 0.0, 3.0, 1.0, 1.0, 2.0])
ROWS = np.repeat(np.arange(N), WEIGHT.astype(int))
FAMILIES = [mb.MeanField(), mb.FullCovariance(), mb.Point()]
named = pytest.mark.parametrize("name", LIKELIHOODS)


class Both:
    """A data set as rows with weights, and as rows repeated, with a model for each."""

    def __init__(self, name, lead=()):
        like, width = LIKELIHOODS[name]
        rng = np.random.default_rng(1)
        self.X = rng.normal(size=(*lead, N, 2))
        self.y = targets_of(like, (*lead, N, width), 2)
        columns = self.y.reshape(*lead, N, -1)
        weights = np.broadcast_to(WEIGHT[:, None], (*lead, N, 1))
        self.weighted = self.X, np.concatenate([columns, weights], -1)
        self.repeated = self.X[..., ROWS, :], self.y[(slice(None),) * len(lead) + (ROWS,)]
        net, prior = mb.MLP([2, 4, width], activation="tanh"), mb.GaussianPrior(0.1, 1.3)
        self.plain = mb.Model(net, like, prior)
        self.model = mb.Model(net, mb.Weighted(like), prior)
        self.w = rng.normal(size=(3, self.plain.n_weights))


def same(got, want, rtol=1e-12):
    size = np.abs(want).max()
    np.testing.assert_allclose(got, want, rtol=0, atol=rtol * size)


@named
def test_the_log_joint_is_that_of_repeated_rows(name):
    both = Both(name)
    got = both.model.log_joint(both.w, *both.weighted)
    want = both.plain.log_joint(both.w, *both.repeated)
    for a, b in zip(got, want, strict=True):
        same(a, b)


@named
@pytest.mark.parametrize("family", FAMILIES, ids=repr)
def test_the_elbo_at_equal_noise_is_that_of_repeated_rows(name, family):
    both = Both(name)
    params = family.init(both.plain, rng=0)
    size = mb.Pathwise().noise_shape(both.plain, family, 4, N)
    noise = np.random.default_rng(3).normal(size=size)
    got = mb.neg_elbo(both.model, family, params, noise, *both.weighted)
    want = mb.neg_elbo(both.plain, family, params, noise, *both.repeated)
    same(got[0], want[0])
    for key in params:
        same(got[1][key], want[1][key])


def test_local_noise_that_is_repeated_as_well():
    """Rows of one kind have noise of their own there: equal noise, equal numbers."""
    both, family = Both("Gaussian learned"), mb.MeanField()
    local, params = mb.LocalReparam(), family.init(both.plain, rng=0)
    shape = local.noise_shape(both.plain, family, 3, N)
    noise = np.random.default_rng(4).normal(size=shape)
    units = noise[:, : 5 * N].reshape(3, 5, N)[..., ROWS]  # 4 + 1 units, then log s
    twice = np.concatenate([units.reshape(3, -1), noise[:, 5 * N :]], 1)
    by = {"estimator": local}
    got = mb.neg_elbo(both.model, family, params, noise, *both.weighted, **by)
    want = mb.neg_elbo(both.plain, family, params, twice, *both.repeated, **by)
    same(got[0], want[0])
    for key in params:
        same(got[1][key], want[1][key])


@pytest.mark.parametrize("name", ["Gaussian", "Gaussian learned"])
@pytest.mark.parametrize(("hidden", "family"), [((3,), mb.MeanField()), ((), FAMILIES[1])])
def test_the_closed_form_knows_weights(name, hidden, family):
    both = Both(name)
    net, prior = mb.MLP([2, *hidden, 1]), mb.GaussianPrior(0, 1)
    models = [mb.Model(net, like.likelihood, prior) for like in (both.model, both.plain)]
    params, none = family.init(models[0], rng=0), np.zeros((1, 0))
    data = both.weighted, both.repeated
    got, want = (
        mb.neg_elbo(model, family, params, none, *own, estimator=mb.Exact())
        for model, own in zip(models, data, strict=True)
    )
    same(got[0], want[0])
    for key in params:
        same(got[1][key], want[1][key])


def test_a_minibatch_takes_its_weights_along():
    """Batches of equal size that hold all rows have the mean of the whole."""
    both, family = Both("Categorical"), mb.MeanField()
    params, noise = family.init(both.plain, rng=0), np.zeros((1, both.plain.n_weights))
    X, y = (np.concatenate([part, part]) for part in both.weighted)

    def nll(rows):
        data = X[rows], y[rows]
        parts = mb.neg_elbo(both.model, family, params, noise, *data, n_data=2 * N)[2]
        return parts["nll"]

    halves = [nll(slice(i, None, 2)) for i in (0, 1)]
    same(np.mean(halves), nll(slice(None)))


@pytest.mark.parametrize("like", [e[0] for e in mb.Weighted.examples()], ids=repr)
def test_the_gradient_is_that_of_the_value(like):
    width = 3 if like.exclusive else 1
    problem = likelihood_case(like, width)(np.random.default_rng(5))
    assert mb.check_gradient(*problem).verdict == "agrees"


@named
def test_a_training_step_can_be_recorded(name):
    like, width = LIKELIHOODS[name]
    rng, like = np.random.default_rng(6), mb.Weighted(like)
    F, v = rng.normal(size=(3, N, width)), rng.normal(size=(3, like.n_weights))
    uniform = rng.uniform(size=like.target_shape((N, width)))
    y = like.targets(like.example_targets(uniform), (N, width))

    def step(F, v):
        parts = zip(("nll", "g_F", "g_v"), like(F, y, v), strict=True)
        return {key: a for key, a in parts if a is not None}

    program = Program(step, {"F": F, "v": v})
    F += 0.3
    program()
    for key, want in step(F, v).items():
        np.testing.assert_allclose(program.outputs[key], want, rtol=1e-13, atol=1e-15)


# --- fit -----------------------------------------------------------------------------


def fitted(both, sample_weight, X=None, y=None, **options):
    X, y = (both.X if X is None else X), (both.y if y is None else y)
    options = {"rng": 0, "max_steps": 20, "start": None, "standardise": True} | options
    family = options.pop("family", mb.MeanField())
    return mb.fit(both.plain, family, X, y, sample_weight=sample_weight, **options)


@named
def test_a_fit_at_equal_noise_is_that_of_repeated_rows(name):
    """Noise of the weights is the same for any number of rows; so are means and sds."""
    both, options = Both(name), {"estimator": mb.Pathwise(), "max_steps": 5}
    got = fitted(both, WEIGHT, **options)
    want = fitted(both, None, *both.repeated, **options)
    for key in got.params:
        same(got.params[key], want.params[key], 1e-9)
    same(got.history["loss"], want.history["loss"])
    assert got.model is both.plain
    assert got.predict(both.X).log_prob(both.y).shape == (N,)


@pytest.mark.parametrize("options", [{}, {"batch_size": 3}, {"family": FAMILIES[1]}],
                         ids=str)  # fmt: skip
def test_weights_of_one_change_nothing(options):
    both = Both("StudentT learned")
    got, want = (fitted(both, w, **options) for w in (np.ones(N), None))
    for key in got.params:
        same(got.params[key], want.params[key], 1e-9)
    same(got.elbo, want.elbo, 1e-9)


def test_a_fit_is_that_of_its_weighted_model():
    both, options = Both("Poisson"), {"rng": 0, "max_steps": 20, "start": None}
    got = fitted(both, WEIGHT.tolist(), standardise=False)
    want = mb.fit(both.model, mb.MeanField(), *both.weighted, **options)
    np.testing.assert_array_equal(got.params["mu"], want.params["mu"])
    assert got.elbo == want.elbo
    a, b = got.predict(both.X), want.predict(both.X)
    assert (a.mean == b.mean).all()
    assert (a.log_prob(both.y) == b.log_prob(both.y)).all()


def test_replicas_and_folds_have_weights_of_their_own():
    both = Both("Gaussian", lead=(2,))
    weights = np.stack([WEIGHT, WEIGHT[::-1]])
    together = fitted(both, weights, replicas=2)
    for i in range(2):
        alone = fitted(both, weights[i : i + 1], both.X[i : i + 1], both.y[i : i + 1],
                       replicas=1, start={k: v[i] for k, v in together.params.items()},
                       max_steps=1, elbo_samples=0)  # fmt: skip
        same(together.standardiser.X_mean[i], alone.standardiser.X_mean[0])
    X, y = [both.X[0], both.X[1][:5]], [both.y[0], both.y[1][:5]]
    lists = [weights[0], weights[1][:5]]
    folds = fitted(both, lists, X, y, replicas=2)
    assert folds.elbo.shape == (2,)
    for i in range(2):
        want = mb.Standardiser.of(X[i], sample_weight=lists[i])
        same(folds.standardiser.X_mean[i], want.X_mean)


def test_the_curvature_of_a_row_counts_as_often_as_the_row():
    """Slopes of single rows with targets of their own: their squares carry the weight."""
    both, family = Both("Gaussian learned"), mb.FullCovariance()
    params = family.init(both.plain, rng=0)

    def slopes(model, X, y):
        A, y = model.batch(X, y)
        rng = np.random.default_rng(8)
        return Curved(model, family, A, y, 1.0, rng).row_slopes(params)

    plain, weighted = slopes(both.plain, both.X, both.y), slopes(both.model, *both.weighted)
    squares = (weighted**2).sum(1) / (plain**2).sum(1)
    np.testing.assert_allclose(np.bincount(squares.round(9).astype(int)) > 0, [1] * 4)
    np.testing.assert_allclose(squares, squares.round(), atol=1e-12)
    assert abs(squares.mean() - WEIGHT.mean()) < 0.1


def test_a_likelihood_of_somebody_else_is_no_less_so_inside():
    class Own(mb.Gaussian):
        pass

    assert is_ours(mb.Weighted(mb.Gaussian(1.0)))
    assert not is_ours(mb.Weighted(Own(1.0)))


def test_a_resumed_fit_asks_for_the_same_weights(tmp_path):
    both, options = Both("Bernoulli"), {"checkpoint": tmp_path / "run.npz"}
    first = fitted(both, WEIGHT, **options)
    assert (fitted(both, WEIGHT, **options).params["mu"] == first.params["mu"]).all()
    with pytest.raises(ValueError, match="y has other values"):
        fitted(both, WEIGHT[::-1], **options)


def test_the_closing_elbo_of_some_rows_knows_their_weights():
    """Few of many rows stand for all; half of them count three times, half not at all."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(40_000, 1)).astype(np.float32)
    y, w = rng.normal(size=len(X)), np.where(np.arange(len(X)) % 2, 3.0, 0.0)
    model = mb.Model(mb.MLP([1, 200, 1]), mb.Gaussian(1.0), mb.GaussianPrior(0, 1))
    own = {"rng": 0, "batch_size": 50, "max_steps": 50, "start": None, "sample_weight": w}
    some = mb.fit(model, mb.MeanField(), X, y, **own)
    every = mb.fit(model, mb.MeanField(), X, y, elbo_samples=2, **own)
    assert every.elbo_se < 0.3 * some.elbo_se
    assert abs(some.elbo - every.elbo) < 5 * some.elbo_se


def test_units_are_those_of_repeated_rows():
    both = Both("Gaussian")
    X = both.X.copy()
    X[2] = 1e200  # a row that does not count
    got = mb.Standardiser.of(X, both.y, WEIGHT)
    want = mb.Standardiser.of(*both.repeated)
    for name in ("X_mean", "X_sd", "y_mean", "y_sd"):
        same(getattr(got, name), getattr(want, name), 1e-14)
    X[:, 0] = np.where(WEIGHT > 0, 5.0, 6.0)
    assert mb.Standardiser.of(X, sample_weight=WEIGHT).X_sd[0] == 1.0  # constant


def test_what_a_warning_goes_by_is_that_of_repeated_rows():
    both = Both("Gaussian learned")
    result = fitted(both, WEIGHT)
    Z, t = result.standardiser.inputs(both.X), result.standardiser.targets(both.y)
    result.model = both.model
    got = gain(result, Z, np.column_stack([t, WEIGHT]))
    result.model = both.plain
    assert abs(got / gain(result, Z[ROWS], t[ROWS]) - 1) < 1e-6


def test_a_column_that_is_far_only_where_nothing_counts_is_not_told():
    both = Both("Gaussian")
    X = both.X / both.X.std(0)
    X[2] = 1e3
    fitted(both, WEIGHT, X=X, standardise=False)
    with pytest.warns(mb.FitWarning, match=r"X\[:, 0\]"):
        fitted(both, None, X=X, standardise=False)


# --- what does not fit ---------------------------------------------------------------

BAD = {
    "short": (WEIGHT[:3], r"sample_weight must have shape \(7,\), one weight for each row"),
    "negative": (-WEIGHT, r"sample_weight must be 0 or more, got -2"),
    "nothing": (0 * WEIGHT, "sample_weight must be above 0 in some row"),
    "nan": (WEIGHT * np.nan, "sample_weight must be finite"),
    "text": ("balanced", "sample_weight must be an array of real numbers"),
    "column": (WEIGHT[:, None], r"sample_weight must have shape \(7,\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_weights_are_refused_by_name(case):
    bad, words = BAD[case]
    both = Both("Gaussian")
    with pytest.raises(ValueError, match=f"^{words}"):
        fitted(both, bad)
    if case != "column":
        with pytest.raises(ValueError, match=f"^{words}"):
            mb.Standardiser.of(both.X, both.y, bad)


def test_no_data_set_is_without_weight():
    both = Both("Gaussian", lead=(2,))
    with pytest.raises(ValueError, match="sample_weight must be above 0 in some row"):
        fitted(both, np.stack([WEIGHT, 0 * WEIGHT]), replicas=2)


def test_lists_of_weights_go_with_lists_of_rows():
    both = Both("Gaussian")
    X, y = [both.X, both.X[:5]], [both.y, both.y[:5]]
    with pytest.raises(ValueError, match="sample_weight must be a list of 2 arrays"):
        fitted(both, WEIGHT, X, y, replicas=2)
    with pytest.raises(ValueError, match=r"^sample_weight\[1\] must have shape \(5,\)"):
        fitted(both, [WEIGHT, WEIGHT], X, y, replicas=2)


def test_targets_without_their_weights_are_refused():
    both = Both("Gaussian")
    with pytest.raises(ValueError, match=r"its last column the weights of Weighted\(Gau"):
        both.model.log_joint(both.w, both.X, both.y)


def test_weights_are_given_once():
    both = Both("Gaussian")
    with pytest.raises(ValueError, match="must be without weights"):
        mb.Weighted(both.model.likelihood)
    with pytest.raises(ValueError, match="must be without weights"):
        mb.fit(both.model, mb.MeanField(), *both.weighted, sample_weight=WEIGHT)


def test_what_knows_no_weights_refuses_them():
    both, weights = Both("Gaussian"), np.zeros(Both("Gaussian").plain.n_weights)
    with pytest.raises(ValueError, match="likelihood must be Gaussian, Bernoulli"):
        mb.laplace(both.model, *both.weighted, weights)
    linear = mb.Model(mb.MLP([2, 1]), both.model.likelihood, mb.GaussianPrior(0, 1))
    with pytest.raises(ValueError, match="likelihood must be Gaussian"):
        mb.exact_posterior(linear, *both.weighted)
    with pytest.raises(ValueError, match="rows without weights"):
        points.generic(both.model, mb.MeanField())
    with pytest.raises(ValueError, match="closed form"):
        mb.Exact().check(Both("Bernoulli").model, mb.MeanField())


def test_chains_and_files_know_weighted_models(tmp_path):
    both = Both("Gaussian learned")
    chains = mb.hmc(both.model, *both.weighted, rng=0, n_chains=2, n_warmup=20, n_draws=20)
    assert chains.predict(both.X).log_prob(both.y).shape == (N,)
    options = {"rng": 0, "max_steps": 5, "start": None, "standardise": True}
    result = mb.fit(both.model, mb.MeanField(), *both.weighted, **options)
    result.save(tmp_path / "fit.npz")
    again = mb.FitResult.load(tmp_path / "fit.npz")
    assert repr(again.model.likelihood) == "Weighted(Gaussian(scale='learned'))"
    want = result.predict(both.X).log_prob(both.y)
    assert (again.predict(both.X).log_prob(both.y) == want).all()
