"""What a fit and a model say of themselves: one page, and the same in numbers."""

import json
from dataclasses import replace

import numpy as np
import pytest

import minibnn as mb
from minibnn.svi.summary import with_error

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 2))
Y = X[:, 0] + 0.1 * rng.normal(size=20)
NET = mb.MLP([2, 6, 3, 1], "tanh")
MODEL = mb.Model(NET, mb.Gaussian("learned"), mb.GaussianPrior.fan_in(NET))
OPTIONS = {"rng": 0, "max_steps": 12, "start": None}


def fit(family=None, X=X, y=Y, model=MODEL, **options):
    return mb.fit(model, family or mb.MeanField(), X, y, **OPTIONS | options)


RUNS = {
    "plain": fit,
    "restarts": lambda: fit(restarts=2),
    "replicas": lambda: fit(replicas=3),
    "many": lambda: fit(replicas=25, max_steps=2, elbo_samples=1),
    "unequal": lambda: fit(X=[X, X[:9]], y=[Y, Y[:9]], replicas=2),
    "raw": lambda: fit(standardise=True),
    "no ELBO": lambda: fit(elbo_samples=0),
    "point": lambda: fit(mb.Point()),
    "points": lambda: fit(mb.Point(), replicas=2),
    "full": lambda: fit(mb.FullCovariance()),
    "float32": lambda: fit(X=X.astype(np.float32)),
    "linear": lambda: fit(
        model=mb.Model(mb.MLP([2, 1]), mb.Gaussian(1.0), mb.GaussianPrior())
    ),
}


@pytest.fixture(scope="module")
def results():
    return {name: run() for name, run in RUNS.items()}


@pytest.mark.parametrize("name", RUNS)
def test_a_page_fits_a_terminal_and_its_numbers_are_json(results, name):
    summary, facts = results[name].summary(), results[name].to_dict()
    assert max(map(len, str(summary).splitlines())) <= 80
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts == summary.to_dict()
    assert "<table>" in summary._repr_html_()
    assert len(json.dumps(facts)) < 5000


def test_the_numbers_are_those_of_the_result(results):
    result, facts = results["plain"], results["plain"].to_dict()
    for name in ("elbo", "elbo_se", "stop_reason", "converged", "seconds", "rise"):
        assert facts[name] == getattr(result, name)
    assert facts["n_rows"] == result.n_rows == 20
    assert facts["elbo_per_row"] == result.elbo / 20
    assert (facts["steps"], facts["loss"]) == (12, result.history["loss"][-1])
    assert facts["sigma"]["0.5"] == pytest.approx(np.median(result.q.sigma))
    ratio = np.abs(result.q.mean) / result.q.sigma
    assert facts["signal_to_noise"]["0.95"] == pytest.approx(np.quantile(ratio, 0.95))
    text = str(result.summary())
    assert with_error(result.elbo, result.elbo_se) in text
    assert "nats" in text


def test_sigma_of_a_full_covariance_is_the_marginal_one(results):
    result = results["full"]
    low = np.zeros_like(result.params["low"]) + 0.7
    wide = replace(result, params=result.params | {"low": low})
    q = wide.q
    L = q.sigma[:, None] * (np.eye(len(q.mean)) + q.low)
    sd = np.sqrt(np.diag(L @ L.T))
    assert wide.to_dict()["sigma"]["0.95"] == pytest.approx(np.quantile(sd, 0.95))


def test_units_in_use_are_those_that_send_on_something(results):
    """Outgoing weights beyond two sd of zero, set by hand: two of six, one of three."""
    result = results["plain"]
    layers = [(np.zeros_like(W), b) for W, b in NET.unpack(np.zeros(NET.n_weights))]
    layers[0][0][:] = 100.0  # into the units, and so of no account
    layers[1][0][[1, 4], 2] = [0.021, -0.5]
    layers[1][0][2, 1] = 0.019
    layers[2][0][2, 0] = 0.3
    mu = np.append(NET.pack(layers), 0.0)
    rho = np.full_like(mu, np.log(np.expm1(0.01)))
    own = replace(result, params={"mu": mu, "rho": rho})
    assert own.to_dict()["active_units"] == [2, 1]
    assert "2 of 6, 1 of 3 in use" in str(own.summary())


def test_replicas_have_a_line_each_and_many_are_cut_short(results):
    result, facts = results["replicas"], results["replicas"].to_dict()
    assert facts["replicas"] == len(facts["elbo"]) == len(facts["active_units"]) == 3
    for i in range(3):
        one = result.replica(i).to_dict()
        assert one["elbo"] == facts["elbo"][i]
        assert one["active_units"] == facts["active_units"][i]
        assert one["n_rows"] == 20
    assert "and 5 more" in str(results["many"].summary())


def test_a_point_has_a_loss_and_no_sigma(results):
    facts = results["point"].to_dict()
    assert facts["sigma"] is facts["active_units"] is facts["elbo"] is None
    assert "none of a point; loss" in str(results["point"].summary())
    assert len(results["points"].to_dict()["loss"]) == 2


def test_data_sets_of_unequal_length(results):
    facts = results["unequal"].to_dict()
    assert facts["n_rows"] == [20, 9]
    assert results["unequal"].replica(1).n_rows == 9
    assert "fitted to 9 to 20 rows" in str(results["unequal"].summary())


def test_an_interrupted_estimate_is_null(results):
    unknown = replace(results["plain"], elbo=np.nan, elbo_se=np.nan)
    assert unknown.to_dict()["elbo"] is None
    assert "nan" in str(unknown.summary())


def test_what_comes_of_another_context_knows_no_steps():
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(1.0), mb.GaussianPrior())
    family = mb.InferenceNetwork(mb.MLP([1, 6]), [[0.0], [1.0]])
    result = fit(family, np.stack([X, X]), np.stack([Y, -Y]), model)
    assert result.to_dict()["tasks"] == 2
    assert "task" in str(result.summary())
    other = result.at([2.0])
    assert other.to_dict()["steps"] == 0
    assert "steps" not in str(other.summary()) + repr(other)


def test_seconds_are_measured_and_nothing_else_knows_them(results, tmp_path):
    result, again = results["plain"], fit()
    assert 0 < result.seconds < 600
    assert result.seconds != again.seconds
    mine, other = result.to_dict(), again.to_dict()
    mine.pop("seconds"), other.pop("seconds")
    assert mine == other
    result.save(tmp_path / "fit.npz")
    read = mb.FitResult.load(tmp_path / "fit.npz")
    assert (read.seconds, read.n_rows) == (result.seconds, 20)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-26.7657, 0.58, "-26.77 ± 0.58 nats"),
        (-1234.56, 41.0, "-1235 ± 41 nats"),
        (-0.0123456, 0.00012, "-0.01235 ± 0.00012 nats"),
        (-3.0, 0.0, "-3.00 ± 0 nats"),
    ],
)
def test_a_number_has_the_digits_that_its_error_leaves(value, error, text):
    assert with_error(value, error) == text


def test_a_model_counts_its_weights():
    facts = MODEL.summary().to_dict()
    counts = sum(layer["weights"] + layer["biases"] for layer in facts["layers"])
    assert counts + facts["own_weights"] == facts["n_weights"] == MODEL.n_weights
    assert [layer["activation"] for layer in facts["layers"]] == [
        "tanh",
        "tanh",
        "none",
    ]
    text = str(MODEL.summary())
    assert "2 -> 6" in text
    assert "it has 1 weight of its own" in text
    bare = mb.Model(mb.MLP([2, 1], bias=False), mb.Bernoulli(), mb.GaussianPrior())
    assert bare.summary().to_dict()["layers"][0]["biases"] == 0
    assert json.dumps(bare.summary().to_dict())
