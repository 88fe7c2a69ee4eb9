"""The posterior predictive against exact ones, by identities and by counting.

Monte Carlo comparisons have a threshold z* = 6 (false alarm 2e-9 a number) on errors
in units of their standard error.
"""

import numpy as np
import pytest
from scipy import stats
from support.core_oracles import loop_outputs, regression_data

import minibnn as mb
from minibnn.prediction import prediction as module
from minibnn.prediction.summaries import quantiles
from minibnn.tape import Program, proved_program, repeated

X, Y = regression_data()
NOISE, Z = 0.5, 6.5
LINEAR = mb.Model(mb.MLP([2, 1]), mb.Gaussian(NOISE), mb.GaussianPrior())
QUICK = {"rng": 0, "max_steps": 30}
NEW = np.random.default_rng(9).normal(size=(23, 2)) * 2


FITS = {}  # every fit is made once: predicting does not change a result


def fitted(model=LINEAR, y=Y, family=None, **kwargs):
    family = mb.MeanField() if family is None else family
    key = np.asarray(y).tobytes(), repr((model, family, kwargs))
    if key not in FITS:
        FITS[key] = mb.fit(model, family, X, y, **(QUICK | kwargs))
    return FITS[key]


def classifier(n_classes=2, **kwargs):
    rng = np.random.default_rng(2)
    if n_classes == 2:
        likelihood, width, y = mb.Bernoulli(), 1, Y > 0.3
    else:
        likelihood, width = mb.Categorical(n_classes), n_classes
        y = rng.integers(0, n_classes, len(X))
    net = mb.MLP([2, 4, width], "tanh")
    return fitted(mb.Model(net, likelihood, mb.GaussianPrior()), y, **kwargs)


def entropy(p):
    p = np.clip(p, 1e-300, None)
    return -(p * np.log(p)).sum(-1)


# --- regression ----------------------------------------------------------------------


def test_predictive_of_a_known_gaussian():
    """A linear model with Gaussian weights: mean and variance are linear algebra."""
    result, S = fitted(), 20000
    q, pred = result.q, result.predict(NEW, n_samples=20000)
    Phi = np.column_stack([NEW, np.ones(len(NEW))])
    mean, epistemic = Phi @ q.mean, Phi**2 @ q.sigma**2
    assert np.all(np.abs(pred.mean - mean) < Z * np.sqrt(epistemic / S))
    assert np.all(np.abs(pred.epistemic / epistemic - 1) < Z * np.sqrt(2 / S))
    np.testing.assert_allclose(pred.aleatoric, NOISE**2, rtol=1e-12)
    total = np.sqrt(epistemic + NOISE**2)
    np.testing.assert_allclose(pred.std, total, rtol=Z * np.sqrt(1 / (2 * S)))


def test_log_prob_of_a_known_gaussian():
    """The mixture's density tends to the exact predictive density, noise and all."""
    result, S = fitted(), 20000
    q = result.q
    Phi = np.column_stack([NEW, np.ones(len(NEW))])
    sd = np.sqrt(Phi**2 @ q.sigma**2 + NOISE**2)
    y = Phi @ q.mean + np.linspace(-2, 2, len(NEW)) * sd
    want = stats.norm.logpdf(y, Phi @ q.mean, sd)
    got = result.predict(NEW, n_samples=S)
    densities = stats.norm.pdf(y, got.samples, NOISE)
    se = densities.std(0) / densities.mean(0) / np.sqrt(S)
    assert np.all(np.abs(got.log_prob(y) - want) < Z * se)
    np.testing.assert_allclose(got.log_prob(y), np.log(densities.mean(0)), rtol=1e-9)
    np.testing.assert_array_equal(got.log_prob(y), got.log_prob(y[:, None]))


def test_law_of_total_variance():
    model = mb.Model(
        mb.MLP([2, 4, 2], "tanh"), mb.Gaussian("learned"), mb.GaussianPrior()
    )
    y = np.column_stack([Y, -Y])
    result = fitted(model, y)
    pred = result.predict(NEW, n_samples=50)
    np.testing.assert_allclose(pred.std**2, pred.aleatoric + pred.epistemic, rtol=1e-12)
    w = result.sample_weights(50)
    F = loop_outputs(model.net, w[:, :-1], NEW)
    np.testing.assert_allclose(pred.samples, F, rtol=1e-10)
    np.testing.assert_allclose(pred.mean, F.mean(0), rtol=1e-10)
    np.testing.assert_allclose(pred.epistemic, F.var(0), rtol=1e-9)
    noise = np.exp(2 * w[:, -1]).mean()
    np.testing.assert_allclose(pred.aleatoric, noise, rtol=1e-12)
    assert pred.mean.shape == pred.std.shape == (23, 2)


def test_interval_of_a_known_gaussian():
    result, S = fitted(), 40000
    q = result.q
    Phi = np.column_stack([NEW, np.ones(len(NEW))])
    sd = np.sqrt(Phi**2 @ q.sigma**2 + NOISE**2)
    pred = result.predict(NEW, n_samples=S)
    for level in (0.5, 0.95):
        lower, upper = pred.interval(level)
        u = 0.5 + level / 2
        z = stats.norm.ppf(u)
        se = sd * np.sqrt(u * (1 - u) / S) / stats.norm.pdf(z)  # of a sample quantile
        assert np.all(np.abs(lower - (Phi @ q.mean - z * sd)) < Z * se)
        assert np.all(np.abs(upper - (Phi @ q.mean + z * sd)) < Z * se)


def test_the_noise_of_an_interval_is_independent_of_the_weights():
    """One weight, one row, spread as wide as the noise: the sum must be symmetric."""
    model = mb.Model(mb.MLP([1, 1], bias=False), mb.Gaussian(1.0), mb.GaussianPrior())
    start = {"mu": np.zeros(1), "rho": np.log(np.expm1([1.0]))}
    still = {"start": start, "max_steps": 1, "optimizer": mb.SGD(lambda *args: 0.0)}
    result = mb.fit(model, mb.MeanField(), [[1.0]], [0.0], rng=0, **still)
    S = 100000
    lower, upper = result.predict([[1.0]], n_samples=S).interval(0.9)
    want = stats.norm.ppf(0.95) * np.sqrt(2)
    se = np.sqrt(2 * 0.95 * 0.05 / S) / stats.norm.pdf(stats.norm.ppf(0.95))
    assert abs(upper.item() - want) < Z * se
    assert abs(lower.item() + want) < Z * se


def test_the_noise_of_an_interval_by_hand():
    """Its stream is that of the seed's four words and a 1, row after row."""
    result, S = fitted(), 9
    words = [int(word) for word in result.prediction_seed.generate_state(4)]
    u = np.random.default_rng([*words, 1]).uniform(2.0**-53, 1.0, (23, S))
    pred = result.predict(NEW, n_samples=S)
    y = pred.samples + NOISE * stats.norm.ppf(u).T
    for level in (0.3, 0.95):
        want = np.quantile(y, [0.5 - level / 2, 0.5 + level / 2], axis=0)
        np.testing.assert_allclose(pred.interval(level), want, rtol=1e-9)


def test_the_noise_of_an_interval_is_learned_with_its_scale():
    """Every network has a noise scale of its own, e to the last of its weights."""
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian("learned"), mb.GaussianPrior())
    result = fitted(model, start=None)
    w, pred = result.sample_weights(9), result.predict(NEW, n_samples=9)
    words = [int(word) for word in result.prediction_seed.generate_state(4)]
    u = np.random.default_rng([*words, 1]).uniform(2.0**-53, 1.0, (23, 9))
    y = pred.samples + np.exp(w[:, -1:]) * stats.norm.ppf(u).T
    want = np.quantile(y, [0.1, 0.9], axis=0)
    np.testing.assert_allclose(pred.interval(0.8), want, rtol=1e-9)


def test_quantiles_beside_an_infinite_draw_are_the_nearest_draws():
    draws = np.array([0.0, 1.0, np.inf])
    found = quantiles(draws, np.array([0.25, 0.5, 0.9]))
    np.testing.assert_array_equal(found, [0.5, 1.0, np.inf])


def test_intervals_cover_what_they_say():
    """New data from the true process: with enough data 90 % intervals hold 90 %."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(400, 2))
    weights = [1.0, -0.7]
    y = X @ weights + 0.4 + NOISE * rng.normal(size=400)
    result = mb.fit(LINEAR, mb.MeanField(), X, y, **QUICK)
    n = 4000
    X_new = rng.normal(size=(n, 2))
    y_new = X_new @ weights + 0.4 + NOISE * rng.normal(size=n)
    lower, upper = result.predict(X_new, n_samples=500).interval(0.9)
    inside = np.mean((lower <= y_new) & (y_new <= upper))
    assert abs(inside - 0.9) < Z * np.sqrt(0.9 * 0.1 / n) + 0.01


def test_samples_of_the_noise_are_not_shared_between_rows():
    """The interval of every row has noise of its own: equal rows differ a little."""
    same = np.zeros((5, 2))
    lower, _ = fitted().predict(same, n_samples=200).interval(0.9)
    assert len(np.unique(lower)) == 5


# --- classification ------------------------------------------------------------------


def test_binary_predictive_by_loops():
    result = classifier()
    pred = result.predict(NEW, n_samples=60)
    F = loop_outputs(result.model.net, result.sample_weights(60), NEW)[..., 0]
    p = 1 / (1 + np.exp(-F))
    np.testing.assert_allclose(pred.samples, p, rtol=1e-9)
    np.testing.assert_allclose(pred.mean, p.mean(0), rtol=1e-9)
    np.testing.assert_allclose(pred.std, p.std(0), rtol=1e-8)
    both = np.stack([p, 1 - p], -1)
    np.testing.assert_allclose(pred.aleatoric, entropy(both).mean(0), rtol=1e-9)
    total = entropy(both.mean(0))
    np.testing.assert_allclose(pred.aleatoric + pred.epistemic, total, rtol=1e-9)
    assert np.all(pred.epistemic > 0)
    y = np.arange(23) % 2
    want = np.log(np.where(y == 1, p.mean(0), 1 - p.mean(0)))
    np.testing.assert_allclose(pred.log_prob(y), want, rtol=1e-9)
    np.testing.assert_allclose(pred.log_prob(y == 1), want, rtol=1e-9)
    lower, upper = pred.interval(0.8)
    np.testing.assert_allclose(lower, np.quantile(p, 0.1, axis=0), rtol=1e-9)
    np.testing.assert_allclose(upper, np.quantile(p, 0.9, axis=0), rtol=1e-9)


def test_categorical_predictive_by_loops():
    result = classifier(3)
    pred = result.predict(NEW, n_samples=60)
    F = loop_outputs(result.model.net, result.sample_weights(60), NEW)
    p = np.exp(F) / np.exp(F).sum(-1, keepdims=True)
    assert pred.mean.shape == (23, 3)
    np.testing.assert_allclose(pred.mean, p.mean(0), rtol=1e-9)
    np.testing.assert_allclose(pred.samples, p, rtol=1e-9)
    np.testing.assert_allclose(pred.std, p.std(0), rtol=1e-8)
    np.testing.assert_allclose(pred.aleatoric, entropy(p).mean(0), rtol=1e-9)
    total = entropy(p.mean(0))
    np.testing.assert_allclose(pred.aleatoric + pred.epistemic, total, rtol=1e-9)
    y = np.arange(23) % 3
    want = np.log(p.mean(0)[np.arange(23), y])
    np.testing.assert_allclose(pred.log_prob(y), want, rtol=1e-9)


def test_several_yes_no_outputs_are_not_classes():
    """Two independent labels a row: each has an entropy of its own."""
    y = np.column_stack([Y > 0, Y > 1])
    model = mb.Model(mb.MLP([2, 3, 2], "tanh"), mb.Bernoulli(), mb.GaussianPrior())
    result = fitted(model, y)
    pred = result.predict(NEW, n_samples=40)
    F = loop_outputs(model.net, result.sample_weights(40), NEW)
    p = 1 / (1 + np.exp(-F))
    assert pred.aleatoric.shape == pred.epistemic.shape == pred.mean.shape == (23, 2)
    both = np.stack([p, 1 - p], -1)
    np.testing.assert_allclose(pred.aleatoric, entropy(both).mean(0), rtol=1e-9)
    total = entropy(both.mean(0))
    np.testing.assert_allclose(pred.aleatoric + pred.epistemic, total, rtol=1e-9)
    ys = np.tile([0, 1], (23, 1))
    joint = np.where(ys == 1, p, 1 - p).prod(-1).mean(0)
    np.testing.assert_allclose(pred.log_prob(ys), np.log(joint), rtol=1e-9)


def test_certain_networks_leave_no_epistemic_uncertainty():
    result = classifier(family=mb.Point())
    pred = result.predict(NEW)
    np.testing.assert_array_equal(pred.epistemic, 0)
    np.testing.assert_array_equal(pred.std, 0)
    np.testing.assert_allclose(
        pred.aleatoric, entropy(np.stack([pred.mean, 1 - pred.mean], -1)), rtol=1e-12
    )


# --- points, replicas, streams -------------------------------------------------------


def test_point_predictions_are_those_of_one_network():
    result = fitted(family=mb.Point())
    pred = result.predict(NEW, n_samples=1000)
    assert pred.samples.shape == (1, 23)
    np.testing.assert_allclose(pred.mean, LINEAR.net(result.params["mu"], NEW)[:, 0])
    np.testing.assert_array_equal(pred.epistemic, 0)
    np.testing.assert_allclose(pred.std, NOISE)
    y = pred.mean + 0.3
    np.testing.assert_allclose(pred.log_prob(y), stats.norm.logpdf(0.3, 0, NOISE))


def test_replicas_are_pooled_into_one_mixture():
    result = fitted(replicas=3, start=None, max_steps=2)
    S = 6000
    pred = result.predict(NEW, n_samples=S)
    q, Phi = result.q, np.column_stack([NEW, np.ones(len(NEW))])
    means, variances = q.mean @ Phi.T, q.sigma**2 @ (Phi**2).T
    spread = variances.mean(0) + means.var(0)
    assert np.all(np.abs(pred.mean - means.mean(0)) < Z * np.sqrt(spread / S))
    np.testing.assert_allclose(pred.epistemic, spread, rtol=Z * np.sqrt(2 / S))
    assert pred.samples.shape == (S, 23)
    assert result.predict(NEW, n_samples=100).samples.shape == (100, 23)
    in_turn = result.sample_weights(7)
    nearest = np.abs(in_turn[:, None] - q.mean).sum(-1).argmin(1)
    assert in_turn.shape == (7, 3)
    np.testing.assert_array_equal(nearest, [0, 1, 2, 0, 1, 2, 0])
    ensemble = fitted(replicas=3, start=None, max_steps=2, family=mb.Point())
    np.testing.assert_allclose(
        ensemble.predict(NEW).samples, ensemble.params["mu"] @ Phi.T, rtol=1e-12
    )


def test_weights_are_drawn_from_q():
    result, S = fitted(), 20000
    q, w = result.q, result.sample_weights(S, rng=3)
    z = (w - q.mean) / q.sigma
    assert np.all(np.abs(z.mean(0)) < Z / np.sqrt(S))
    assert np.all(np.abs(z.var(0) - 1) < Z * np.sqrt(2 / S))
    correlation = np.corrcoef(z.T)[np.triu_indices(3, 1)]
    assert np.all(np.abs(correlation) < Z / np.sqrt(S))


EVERYTHING = ("mean", "std", "aleatoric", "epistemic", "samples")


def answers(pred, y):
    lower, upper = pred.interval(0.9)
    arrays = {name: getattr(pred, name) for name in EVERYTHING}
    return arrays | {"lower": lower, "upper": upper, "log_prob": pred.log_prob(y)}


def assert_same(one, other, **tolerance):
    for name in one:
        if tolerance:
            np.testing.assert_allclose(one[name], other[name], **tolerance)
        else:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("replicas", [None, 3])
def test_equal_calls_give_equal_answers(replicas):
    result, y = fitted(replicas=replicas), np.zeros(23)
    one = answers(result.predict(NEW, n_samples=20), y)
    assert_same(answers(result.predict(NEW, n_samples=20), y), one)
    pred = result.predict(NEW, n_samples=20)
    assert_same(answers(pred, y), answers(pred, y))  # asking does not change it
    seeded = answers(result.predict(NEW, n_samples=20, rng=1), y)
    assert_same(answers(result.predict(NEW, n_samples=20, rng=1), y), seeded)
    assert np.all(seeded["mean"] != one["mean"])


@pytest.mark.sample(4)
@pytest.mark.parametrize("outputs", [1, 3 * 20, 10**6], ids="rows{}".format)
@pytest.mark.parametrize("activations", [1, 700, 10**6], ids="samples{}".format)
@pytest.mark.parametrize("kind", ["regression", "replicas", "classes"])
def test_chunks_do_not_show(monkeypatch, kind, outputs, activations):
    """Rows and samples in pieces of any size: the same weights meet every row."""
    make = {
        "regression": fitted,
        "replicas": lambda: fitted(replicas=3, start=None, max_steps=2),
        "classes": lambda: classifier(3),
    }
    result = make[kind]()
    y = np.arange(23) % 3
    whole = answers(result.predict(NEW, n_samples=20), y)
    monkeypatch.setattr(module, "OUTPUTS", outputs)
    monkeypatch.setattr(module, "ACTIVATIONS", activations)
    pieces = answers(result.predict(NEW, n_samples=20), y)
    assert_same(pieces, whole, rtol=1e-10, atol=1e-12)


def test_rows_do_not_influence_each_other():
    result = fitted()
    whole = result.predict(NEW, n_samples=20)
    for i in (0, 7):
        alone = result.predict(NEW[i : i + 1], n_samples=20)
        np.testing.assert_allclose(alone.mean, whole.mean[i : i + 1], rtol=1e-12)
        np.testing.assert_allclose(alone.std, whole.std[i : i + 1], rtol=1e-12)


def test_predicting_leaves_its_input_alone():
    A = NEW.copy()
    answers(fitted().predict(A, n_samples=5), np.zeros(23))
    np.testing.assert_array_equal(A, NEW)


def test_more_samples_come_closer():
    """The Monte Carlo error falls like 1/sqrt(S)."""
    result = fitted()
    exact = np.column_stack([NEW, np.ones(len(NEW))]) @ result.q.mean

    def error(S):
        runs = [result.predict(NEW, S, rng=r).mean - exact for r in range(10)]
        return np.sqrt(np.mean(np.square(runs)))

    assert 5 < error(20) / error(2000) < 20  # 10 in theory


def test_many_passes_are_the_passes(monkeypatch):
    """Recorded passes say what single ones say; the last, smaller chunk too."""
    kinds = []

    def watched(*args):
        kinds.append(proved_program(*args))
        return kinds[-1]

    monkeypatch.setattr(repeated, "proved_program", watched)
    X = np.random.default_rng(0).normal(size=(30, 2))
    net = mb.MLP([2, 9, 4, 1])
    model = mb.Model(net, mb.Bernoulli(), mb.GaussianPrior())
    y = (X[:, 0] > 0).astype(float)
    result = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=5, start=None)
    monkeypatch.setattr(module, "ACTIVATIONS", 7 * 30 * 9)  # 7 samples a pass
    pred = result.predict(X, n_samples=100)
    assert [type(kind) for kind in kinds] == [Program, Program]  # weights, outputs
    w = result.sample_weights(100, result.prediction_seed)
    logits = net(w, X)[..., 0]
    np.testing.assert_allclose(pred.samples, 1 / (1 + np.exp(-logits)), rtol=1e-12)


SUMMARIES = {
    "mean": lambda pred, y: pred.mean,
    "std": lambda pred, y: pred.std,
    "aleatoric": lambda pred, y: pred.aleatoric,
    "epistemic": lambda pred, y: pred.epistemic,
    "samples": lambda pred, y: pred.samples,
    "log_prob": lambda pred, y: pred.log_prob(y),
    "interval": lambda pred, y: np.stack(pred.interval()),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", SUMMARIES)
@pytest.mark.parametrize(
    ("likelihood", "width"), [(mb.Gaussian("learned"), 1), (mb.Categorical(3), 3)]
)
def test_pieces_of_rows_are_the_rows(monkeypatch, likelihood, width, name):
    """However few rows are summarised together, and however few fit in memory."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(23, 2)), rng.integers(0, 3, 23)
    model = mb.Model(mb.MLP([2, 4, width]), likelihood, mb.GaussianPrior())
    result = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=3, start=None)
    summary = SUMMARIES[name]
    whole = summary(result.predict(X, n_samples=40), y)
    for piece, outputs in ((1, 10**6), (5 * 40 * width, 10**6), (200, 7 * 40 * width)):
        monkeypatch.setattr(module, "PIECE", piece)
        monkeypatch.setattr(module, "OUTPUTS", outputs)
        pred = result.predict(X, n_samples=40)
        np.testing.assert_allclose(summary(pred, y), whole, rtol=1e-12, atol=1e-15)


def test_progress_goes_to_standard_error_when_asked(capsys, monkeypatch):
    X = np.zeros((30, 2))
    model = mb.Model(mb.MLP([2, 1]), mb.Bernoulli(), mb.GaussianPrior())
    result = mb.fit(model, mb.MeanField(), X, np.zeros(30), rng=0, max_steps=2)
    result.predict(X, n_samples=40)
    assert capsys.readouterr() == ("", "")
    result.predict(X, n_samples=40, verbose=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "predict 40/40" in err
    monkeypatch.setattr(module, "ACTIVATIONS", 1)
    result.predict(X, n_samples=40, verbose=True)
    tenths = [f"predict {n}/40" for n in range(4, 41, 4)]
    assert capsys.readouterr().err.splitlines() == tenths
    monkeypatch.setattr(module, "OUTPUTS", 2 * 40)
    result.predict(X, n_samples=40, verbose=True)
    tenths = [f"predict {n}/30" for n in range(3, 31, 3)]
    assert capsys.readouterr().err.splitlines() == tenths
    with pytest.raises(TypeError, match="verbose"):
        result.predict(X, verbose="yes")


def test_networks_that_were_run_once_are_not_watched_again(capsys):
    X = np.zeros((30, 2))
    model = mb.Model(mb.MLP([2, 1]), mb.Bernoulli(), mb.GaussianPrior())
    result = mb.fit(model, mb.MeanField(), X, np.zeros(30), rng=0, max_steps=2)
    pred = result.predict(X, n_samples=40, verbose=True)
    assert "predict 40/40" in capsys.readouterr().err
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Progress", None)  # no bar that stays at 0 %
        pred.interval(0.9)
