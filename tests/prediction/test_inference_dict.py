"""Draws with names: what the dict for ArviZ holds, by hand; and ArviZ reading it."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats as st
from scipy.special import logsumexp
from support import bad_inputs as world

import minibnn as mb
from minibnn.mcmc.chains import Chains
from minibnn.mcmc.ess import ess
from minibnn.mcmc.r_hat import r_hat

RNG = np.random.default_rng(21)
X = RNG.normal(size=(9, 2))
REALS = RNG.normal(size=9)


def model_of(likelihood, n_outputs=1, bias=True):
    net = mb.MLP([2, 3, n_outputs], "tanh", bias=bias)
    return mb.Model(net, likelihood, mb.GaussianPrior())


def chains_of(model, n_chains=3, n_draws=8, seed=4):
    """Independent normal draws that stand for those of HMC."""
    rng = np.random.default_rng(seed)
    shape = n_chains, n_draws, model.n_weights
    stats = {"acceptance_rate": np.full(shape[:2], 0.9),
             "diverging": np.zeros(shape[:2], bool)}  # fmt: skip
    steps, scale = np.full(n_chains, 0.5), np.ones((n_chains, model.n_weights))
    draws = rng.normal(scale=0.5, size=shape)
    return Chains(model, draws, steps, scale, stats, np.random.SeedSequence(3))


def outputs(posterior, X):
    """F (chain, draw, N, C) from the named weights alone, layer by layer."""
    A, n_layers = X, sum(name[0] == "W" for name in posterior)
    for i in range(1, n_layers + 1):
        Z = A @ posterior[f"W{i}"]
        if f"b{i}" in posterior:
            Z = Z + posterior[f"b{i}"][..., None, :]
        A = np.tanh(Z) if i < n_layers else Z
    return A


LAWS = {  # likelihood, outputs, targets, log density (F, y, log scale)
    "Gaussian": (
        mb.Gaussian(0.7), 1, REALS,
        lambda F, y, t: st.norm.logpdf(y, F[..., 0], 0.7),
    ),
    "learned scale": (
        mb.Gaussian("learned"), 1, REALS,
        lambda F, y, t: st.norm.logpdf(y, F[..., 0], np.exp(t)[..., None]),
    ),
    "two targets": (
        mb.Gaussian(0.7), 2, np.stack([REALS, -REALS], 1),
        lambda F, y, t: st.norm.logpdf(y, F, 0.7).sum(-1),
    ),
    "heteroscedastic": (
        mb.HeteroscedasticGaussian(), 2, REALS,
        lambda F, y, t: st.norm.logpdf(y, F[..., 0], np.exp(F[..., 1])),
    ),
    "StudentT": (
        mb.StudentT(5.0, 0.7), 1, REALS,
        lambda F, y, t: st.t.logpdf(y, 5.0, F[..., 0], 0.7),
    ),
    "Bernoulli": (
        mb.Bernoulli(), 1, np.arange(9) % 2,
        lambda F, y, t: st.bernoulli.logpmf(y, 1 / (1 + np.exp(-F[..., 0]))),
    ),
    "Categorical": (
        mb.Categorical(3), 3, np.arange(9) % 3,
        lambda F, y, t: np.take_along_axis(
            F - logsumexp(F, -1, keepdims=True),
            np.broadcast_to(y[:, None], (*F.shape[:-1], 1)), -1)[..., 0],
    ),
    "Poisson": (
        mb.Poisson(), 1, np.arange(9) % 4,
        lambda F, y, t: st.poisson.logpmf(y, np.exp(F[..., 0])),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAWS)
def test_log_likelihood_of_every_row_and_draw_by_hand(name):
    """From the named weights alone, so names and places are right as well."""
    likelihood, width, y, log_density = LAWS[name]
    chains = chains_of(model_of(likelihood, width))
    found = chains.to_inference_dict(X, y)
    posterior = found["posterior"]
    t = posterior.get("log_noise_scale")
    wanted = log_density(outputs(posterior, X), y, t)
    got = found["log_likelihood"]["y"]
    assert got.shape == (3, 8, 9)
    np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(found["observed_data"]["y"], y)
    np.testing.assert_array_equal(found["constant_data"]["X"], X)
    replicated = found["posterior_predictive"]["y"]
    assert replicated.shape == (3, 8, *np.shape(y))
    kind = "f" if likelihood.support == "reals" else "i"  # bars, or a curve
    assert replicated.dtype.kind == found["observed_data"]["y"].dtype.kind == kind


def test_weights_are_named_by_layer_from_and_to():
    chains = chains_of(model_of(mb.Gaussian("learned"), 2))
    found = chains.to_inference_dict()
    assert set(found) == {"posterior", "coords", "dims", "sample_stats"}
    assert found["dims"] == {
        "W1": ["input", "hidden1"], "b1": ["hidden1"],
        "W2": ["hidden1", "output"], "b2": ["output"],
    }  # fmt: skip
    assert found["coords"] == {
        "input": ["x0", "x1"], "hidden1": ["h1_0", "h1_1", "h1_2"],
        "output": ["f0", "f1"],
    }  # fmt: skip
    posterior = found["posterior"]
    layers = [(posterior[f"W{i}"], posterior[f"b{i}"]) for i in (1, 2)]
    packed = chains.model.net.pack(layers)
    np.testing.assert_array_equal(packed, chains.weights[..., :-1])
    np.testing.assert_array_equal(posterior["log_noise_scale"], chains.weights[..., -1])
    posterior["W1"][:] = 0.0  # a copy
    assert chains.weights.any()
    bare = chains_of(model_of(mb.Bernoulli(), bias=False)).to_inference_dict()
    assert set(bare["posterior"]) == {"W1", "W2"}


@pytest.mark.parametrize("name", ["Gaussian", "Bernoulli", "Poisson", "two targets"])
def test_replicated_rows_are_draws_of_the_model(name):
    """Their mean over many draws of one weight vector is that of the model."""
    likelihood, width, y, _ = LAWS[name]
    chains = chains_of(model_of(likelihood, width), 1, 1)
    many = Chains(
        chains.model, np.repeat(chains.weights, 4000, 1), chains.step_size, chains.scale,
        {k: np.repeat(v, 4000, 1) for k, v in chains.stats.items()}, chains.prediction_seed,
    )  # fmt: skip
    drawn = many.to_inference_dict(X, y)["posterior_predictive"]["y"][0]
    pred = chains.predict(X)
    sd = np.sqrt(pred.mean * (1 - pred.mean)) if name == "Bernoulli" else pred.std
    z = (drawn.mean(0) - pred.mean) / (sd / np.sqrt(4000))
    assert np.abs(z).max() < 5.0
    other = many.to_inference_dict(X, y, rng=8)["posterior_predictive"]["y"][0]
    assert (other != drawn).any()


@pytest.mark.parametrize("replicas", [None, 3])
@pytest.mark.parametrize("standardise", [False, True])
def test_a_result_speaks_in_raw_units(replicas, standardise):
    """Of standardised data log p(y) is less by log sd, and replicas are chains."""
    y = 30.0 + 7.0 * REALS if standardise else REALS
    inputs = X * [1.0, 50.0] + [0.0, 9.0] if standardise else X
    result = mb.fit(
        model_of(mb.Gaussian(0.5)), mb.MeanField(), inputs, y, rng=0, start=None,
        max_steps=3, replicas=replicas, standardise=standardise,
    )  # fmt: skip
    found = result.to_inference_dict(inputs, y, n_samples=6, rng=2)
    units = result.standardiser
    Z = units.inputs(inputs) if units else inputs
    z, log_sd = (units.targets(y), units.log_volume) if units else (y, 0.0)
    F = outputs(found["posterior"], Z)[..., 0]
    wanted = st.norm.logpdf(z, F, 0.5) - log_sd
    got = found["log_likelihood"]["y"]
    assert got.shape == (replicas or 1, 6, 9)
    np.testing.assert_allclose(got, wanted, rtol=1e-9)
    pred = result.predict(inputs, 6 * (replicas or 1), rng=2)
    mixture = logsumexp(got, (0, 1)) - np.log(got[..., 0].size)
    np.testing.assert_allclose(pred.log_prob(y), mixture, rtol=1e-10)
    assert np.abs(found["posterior_predictive"]["y"] - y.mean()).max() < 60.0
    if replicas:  # chain i holds the draws of replica i, taken in turn
        w = result.sample_weights(18, rng=2)[:, -1]
        np.testing.assert_array_equal(found["posterior"]["b2"][..., 0], w.reshape(6, 3).T)
    np.testing.assert_array_equal(found["observed_data"]["y"], y)


def test_weights_of_rows_are_no_part_of_it():
    """Chains of weighted rows speak of single rows, as their predictions do."""
    plain, y = mb.Gaussian(0.7), REALS
    weighted = chains_of(model_of(mb.Weighted(plain)))
    found = weighted.to_inference_dict(X, y)
    wanted = chains_of(model_of(plain)).to_inference_dict(X, y)
    for group in ("log_likelihood", "posterior_predictive"):
        np.testing.assert_array_equal(found[group]["y"], wanted[group]["y"])


def test_a_count_too_large_for_an_integer_stays_as_it_is():
    chains = chains_of(model_of(mb.Poisson()), 1, 8)
    huge = chains.weights.copy()
    huge[..., -1] = 45.0  # the rate is e^45
    chains = replace(chains, weights=huge)
    y = chains.to_inference_dict(X, np.arange(9))["posterior_predictive"]["y"]
    assert y.dtype.kind == "f"
    assert y.min() > 2.0**53


def test_a_generator_is_asked_once():
    """Weights and predictions are of the same draws."""
    result = world.RESULT
    found = result.to_inference_dict(world.X, world.Y, 7, np.random.default_rng(5))
    F = outputs(found["posterior"], world.X)[..., 0]
    wanted = st.bernoulli.logpmf(world.Y, 1 / (1 + np.exp(-F)))
    np.testing.assert_allclose(found["log_likelihood"]["y"], wanted, rtol=1e-10)


def test_a_point_is_one_draw_and_several_posteriors_are_refused():
    point = world.fit(family=mb.Point(), replicas=2)
    found = point.to_inference_dict(world.X, world.Y)
    assert found["log_likelihood"]["y"].shape == (2, 1, len(world.Y))
    tasks = world.fit(family=world_tasks())
    with pytest.raises(ValueError, match=r"result.at\(context\).to_inference_dict"):
        tasks.to_inference_dict(world.X, world.Y)


def world_tasks():
    network = mb.MLP([2, 2 * world.P])
    return mb.InferenceNetwork(network, [[0.5, 1.0], [1.0, 0.5]])


def test_exact_and_laplace_posteriors_have_it_too():
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    exact = mb.exact_posterior(model, X, REALS)
    laplace = mb.laplace(model, X, REALS, exact.mean, rng=0)
    for posterior in (exact, laplace):
        found = posterior.to_inference_dict(X, REALS, n_samples=20, rng=1)
        F = outputs(found["posterior"], X)[..., 0]
        wanted = st.norm.logpdf(REALS, F, 0.5)
        np.testing.assert_allclose(found["log_likelihood"]["y"], wanted, rtol=1e-9)
    bent = model_of(mb.Bernoulli())
    y, w = np.arange(9) % 2, np.full(bent.n_weights, 0.3)
    laplace = mb.laplace(bent, X, y, w, rng=0)
    found = laplace.to_inference_dict(X, y, n_samples=20)
    tangent = laplace.predict(X, 20).samples  # of the linearised network
    wanted = st.bernoulli.logpmf(y, tangent)
    np.testing.assert_allclose(found["log_likelihood"]["y"][0], wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("X_given", "y_given", "words"),
    [
        (X, None, "X must be given together with y, or neither"),
        (None, REALS, "y must be given together with X, or neither"),
        (X, REALS[1:], r"y must have shape .* to go with X"),
        (X[:, :1], REALS, r"X must have shape \(N, 2\)"),
        (X[None], REALS, r"X must have 2 dimension"),
        (X[:0], REALS[:0], "X must have at least one row"),
    ],
)
def test_data_that_do_not_fit_are_refused(X_given, y_given, words):
    chains = chains_of(model_of(mb.Gaussian(0.7)))
    result = mb.fit(chains.model, mb.MeanField(), X, REALS, start=None, max_steps=1)
    for holder in (chains, result):
        with pytest.raises(ValueError, match=words):
            holder.to_inference_dict(X_given, y_given)


def test_the_summary_is_plain():
    chains = chains_of(model_of(mb.Gaussian(0.7)), 2, 40)
    for facts in (chains.to_dict(), chains.to_dict(X)):
        assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["judged"] == "outputs"
    assert facts["r_hat"] == chains.r_hat(X).max()
    assert facts["ess"] == chains.ess(X).min()
    assert chains.to_dict()["r_hat"] == chains.r_hat().max()
    assert (facts["n_chains"], facts["n_draws"], facts["divergences"]) == (2, 40, 0)
    assert facts["seconds"] is None  # made by hand
    few = chains_of(model_of(mb.Gaussian(0.7)), 2, 7).to_dict()
    assert few["r_hat"] is few["ess"] is None


# --- ArviZ itself --------------------------------------------------------------------


@pytest.fixture
def az():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own future, and of its dependencies
        yield pytest.importorskip("arviz", reason="compares with ArviZ")


def read(az, d):
    """As the docstrings say it, before and since ArviZ 1.0."""
    if int(az.__version__.split(".")[0]) < 1:
        return az.from_dict(**d)
    return az.from_dict(d, coords=d.pop("coords"), dims=d.pop("dims"))


def sampled():
    """Chains of a small regression, and its data."""
    model = model_of(mb.Gaussian("learned"))
    y = X[:, 0] - 0.5 * X[:, 1] + 0.1 * REALS
    return mb.hmc(model, X, y, rng=1, n_draws=60, n_warmup=60), y


@pytest.mark.optional
def test_r_hat_and_ess_are_those_of_arviz(az):
    """One formula, so all digits; ESS of chains that agree (see `minibnn.mcmc.ess`)."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(4, 200, 5))
    for k in range(1, 200):  # autocorrelation 0.5
        noise[:, k] = 0.5 * noise[:, k - 1] + noise[:, k]
    stuck = noise + np.arange(4)[:, None, None]
    idata = read(az, {"posterior": {"a": noise, "b": stuck}, "coords": {}, "dims": {}})
    for name, draws in (("a", noise), ("b", stuck)):
        wanted = np.asarray(az.rhat(idata)[name])
        np.testing.assert_allclose(r_hat(draws), wanted, rtol=1e-12)
    np.testing.assert_allclose(ess(noise), np.asarray(az.ess(idata)["a"]), rtol=1e-10)


@pytest.mark.optional
def test_arviz_reads_names_and_summarises(az):
    chains, y = sampled()
    idata = read(az, chains.to_inference_dict(X, y))
    table = az.summary(idata)
    assert {"W1[x0, h1_0]", "b1[h1_2]", "W2[h1_0, f0]", "log_noise_scale"} <= {*table.index}
    W = idata["posterior"]["W1"].sel(input="x1", hidden1="h1_2")
    np.testing.assert_array_equal(W, chains.weights[..., 5])


def elpd_by_hand(log_likelihood):
    """Leave-one-out by plain importance weights 1 / p(y_n | w): harmonic means."""
    flat = log_likelihood.reshape(-1, log_likelihood.shape[-1])
    return (np.log(len(flat)) - logsumexp(-flat, 0)).sum()


@pytest.mark.optional
def test_loo_is_that_of_our_log_likelihood(az):
    """By plain importance weights, and by the exact posterior without each row.

    The smoothed weights of ArviZ and plain ones differ in the few largest; no row of
    these has much leverage, so that a nat in all would be seen twenty times over.
    """
    data = mb.datasets.linear(rng=0)
    X, y, rows = data.X, data.y, np.arange(len(data.y))
    model = mb.Model(mb.MLP([3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    exact = mb.exact_posterior(model, X, y)
    d = exact.to_inference_dict(X, y, n_samples=4000, rng=0)
    log_likelihood = d["log_likelihood"]["y"].copy()
    idata = read(az, d)
    if hasattr(az, "waic"):  # until ArviZ 1.0
        waic = az.waic(idata).elpd_waic
        assert waic == pytest.approx(elpd_by_hand(log_likelihood), abs=0.1)
    loo = az.loo(idata)
    elpd = getattr(loo, "elpd_loo", None) or loo.elpd
    assert elpd == pytest.approx(elpd_by_hand(log_likelihood), abs=0.05)
    truth = 0.0
    for i in rows:
        rest = mb.exact_posterior(model, X[rows != i], y[rows != i])
        truth += rest.predict(X[i : i + 1]).log_prob(y[i : i + 1])[0]
    assert elpd == pytest.approx(truth, abs=0.15)


PLOTS = "plot_trace plot_posterior plot_ppc plot_rank plot_energy plot_ppc_dist".split()


@pytest.mark.optional
@pytest.mark.parametrize("name", PLOTS)
def test_plots_of_arviz_run(az, name):
    if not hasattr(az, name):
        pytest.skip(f"this ArviZ has no {name}")
    plt = pytest.importorskip("matplotlib.pyplot")
    chains, y = sampled()
    idata = read(az, chains.to_inference_dict(X, y))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(az, name)(idata)
    plt.close("all")
    assert not [str(w.message) for w in caught if "dims" in str(w.message)]
