"""How often the networks run for a prediction, and who predicts which rows."""

from functools import cache, partial

import numpy as np
import pytest
from support.core_oracles import regression_data

import minibnn as mb
from minibnn.prediction import prediction as module
from minibnn.svi import fit_warning

X, Y = regression_data()
S, N = 20, 23
NEW = np.random.default_rng(9).normal(size=(N, 2)) * 2
KINDS = {
    "regression": (mb.Gaussian("learned"), 1, Y),
    "yes or no": (mb.Bernoulli(), 1, Y > 0.3),
    "classes": (mb.Categorical(3), 3, np.arange(len(Y)) % 3),
}
NAMES = ("mean", "std", "aleatoric", "epistemic")
LABELS = np.arange(N) % 2


@cache
def fitted(kind, family=None, replicas=None):
    likelihood, width, y = KINDS[kind]
    model = mb.Model(mb.MLP([2, 4, width], "tanh"), likelihood, mb.GaussianPrior())
    options = {"max_steps": 3, "start": None, "rng": 0, "replicas": replicas}
    return mb.fit(model, family or mb.MeanField(), X, y, **options)


class Counted:
    """A result whose networks are counted, row by row and sample by sample."""

    def __init__(self, monkeypatch, result):
        self.result, self.outputs = result, 0
        apply = mb.MLP.apply

        def counting(net, w, A):
            F, pull = apply(net, w, A)
            self.outputs += F.shape[-3] * F.shape[-2]
            return F, pull

        monkeypatch.setattr(mb.MLP, "apply", counting)

    def passes(self, ask):
        """Passes of S networks over N rows that a question takes."""
        before = self.outputs
        ask()
        return (self.outputs - before) / (S * N)


@pytest.fixture(params=KINDS)
def counted(request, monkeypatch):
    result = fitted(request.param)
    monkeypatch.setattr(module, "MANY", 10**9)  # no recorded pass, which none counts
    return Counted(monkeypatch, result)


def usual(pred):
    return [getattr(pred, name) for name in NAMES] + [
        *pred.interval(),
        *pred.interval(0.95),
    ]


def test_many_rows_run_once_for_the_usual_answers(counted, monkeypatch):
    """Mean, std, parts and the 95 % interval; everything else is a pass of its own."""
    monkeypatch.setattr(module, "OUTPUTS", 7 * S)
    made = []
    assert counted.passes(lambda: made.append(counted.result.predict(NEW, S))) == 1
    (pred,) = made
    assert counted.passes(lambda: usual(pred)) == 0
    for ask in (
        lambda: pred.log_prob(LABELS),
        lambda: pred.interval(0.9),
        lambda: pred.quantile([0.1, 0.5, 0.9]),
        lambda: pred.samples,
    ):
        assert counted.passes(ask) == 1
    assert counted.passes(lambda: usual(pred)) == 0


def test_few_rows_run_once_for_all_answers(counted):
    def ask_all():
        pred = counted.result.predict(NEW, S)
        usual(pred)
        pred.log_prob(LABELS), pred.interval(0.9), pred.quantile(0.1), pred.samples

    assert counted.passes(ask_all) == 1


def test_a_doubt_asks_for_no_more_than_densities(counted, monkeypatch):
    """However many outputs there are, its networks run once, and for nothing else."""
    monkeypatch.setattr(fit_warning, "DRAWS", S)
    ones = np.ones(len(NEW))
    whole = fit_warning.log_density(counted.result, NEW, LABELS, ones)
    outputs = 7 * S * counted.result.model.net.n_outputs
    for place in (module, fit_warning):
        monkeypatch.setattr(place, "OUTPUTS", outputs)
    monkeypatch.setattr(module, "quantiles", None)  # to call it is an error
    found = []
    ask = partial(fit_warning.log_density, counted.result, NEW, LABELS, ones)
    assert counted.passes(lambda: found.append(ask())) == 1
    np.testing.assert_allclose(found, whole, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_of_few_rows_costs_no_other_summary(kind, monkeypatch):
    """Draws of noise, quantiles and entropies wait until somebody asks."""
    for name in ("variances", "information", "quantiles"):
        monkeypatch.setattr(module, name, None)  # to call it is an error
    pred = fitted(kind).predict(NEW, S)
    assert pred.mean.shape[0] == N
    with pytest.raises(TypeError):
        _ = pred.std


def test_outputs_too_large_are_told_before_anything_is_asked(monkeypatch):
    monkeypatch.setattr(module, "OUTPUTS", 7 * S)
    line = mb.Model(mb.MLP([2, 1]), mb.Gaussian(1.0), mb.GaussianPrior())
    result = mb.fit(line, mb.MeanField(), X, 3 * Y, rng=0, max_steps=30)
    far = NEW.copy()
    far[-1] = 1.7e308
    with pytest.raises(ValueError, match="too large"):
        result.predict(far, S)


@pytest.mark.parametrize("outputs", [10**6, 7 * S])
@pytest.mark.parametrize("kind", KINDS)
def test_quantiles_are_those_of_the_draws(kind, outputs, monkeypatch):
    monkeypatch.setattr(module, "OUTPUTS", outputs)
    pred = fitted(kind).predict(NEW, S)
    shape = pred.mean.shape
    low, high = pred.interval(0.5)
    got = pred.quantile([0.25, 0.4, 0.75])
    assert got.shape == (3, *shape)
    assert pred.quantile(0.25).shape == shape
    np.testing.assert_array_equal(got[0], low)
    np.testing.assert_array_equal(got[2], high)
    np.testing.assert_array_equal(pred.quantile(0.4), got[1])
    if kind != "regression":  # of the probability: no noise
        want = np.quantile(pred.samples, [0.25, 0.4, 0.75], axis=0)
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("rows", [(7, 2), (1, 1)])
@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_quantiles_are_those_of_numpy(size, rows):
    """And the draws stay in their order, one row alone as well."""
    draws = np.random.default_rng(size).normal(size=(size, *rows))
    q = np.array([1e-9, 0.025, 0.3, 0.5, 0.61, 0.975, 1 - 1e-16])
    before = draws.copy()
    np.testing.assert_array_equal(module.quantiles(draws, q), np.quantile(draws, q, 0))
    np.testing.assert_array_equal(draws, before)


@pytest.mark.parametrize("q", [0.0, 1.0, [], [0.5, 1.5], [[0.5]], np.nan, "0.5", None])
def test_a_quantile_that_is_none_is_refused(q):
    with pytest.raises(ValueError, match="q must"):
        fitted("regression").predict(NEW, S).quantile(q)


# --- a block of rows for every replica ------------------------------------------------

R = 3
BLOCKS = np.random.default_rng(3).normal(size=(R, 7, 2))
OWN = np.random.default_rng(4).integers(0, 2, (R, 7))


@pytest.mark.parametrize("outputs", [10**6, 3 * S])
@pytest.mark.parametrize("family", [None, mb.Point()], ids=repr)
@pytest.mark.parametrize("kind", KINDS)
def test_every_replica_predicts_its_own_rows(kind, family, outputs, monkeypatch):
    """To the bit what ``replica(i).predict(X[i])`` says."""
    monkeypatch.setattr(module, "OUTPUTS", outputs)
    result = fitted(kind, family, R)
    together = result.predict(BLOCKS, S)
    single = [result.replica(i).predict(BLOCKS[i], S) for i in range(R)]
    for name in NAMES:
        want = [getattr(one, name) for one in single]
        np.testing.assert_array_equal(getattr(together, name), want)
    assert together.mean.shape[:2] == (R, 7)
    np.testing.assert_array_equal(
        together.samples, np.stack([one.samples for one in single], 1)
    )
    for level in (0.95, 0.6):
        want = np.stack([one.interval(level) for one in single], 1)
        np.testing.assert_array_equal(together.interval(level), want)
    np.testing.assert_array_equal(
        together.quantile(0.3), [p.quantile(0.3) for p in single]
    )
    want = np.stack([one.quantile([0.3, 0.4]) for one in single], 1)
    np.testing.assert_array_equal(together.quantile([0.3, 0.4]), want)
    want = [one.log_prob(y) for one, y in zip(single, OWN, strict=True)]
    np.testing.assert_array_equal(together.log_prob(OWN), want)
    assert isinstance(together, mb.Prediction)
    assert "3 replicas" in repr(together)


def test_blocks_are_drawn_by_the_rng_given():
    result = fitted("regression", replicas=R)
    for rng in (5, np.random.SeedSequence(6)):
        want = [result.replica(i).predict(BLOCKS[i], S, rng).mean for i in range(R)]
        np.testing.assert_array_equal(result.predict(BLOCKS, S, rng).mean, want)
    one, two = (result.predict(BLOCKS, S, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one.interval(), two.interval())


def test_pooled_rows_are_mixed_and_blocks_are_not():
    result = fitted("regression", mb.Point(), R)
    blocks = result.predict(np.broadcast_to(NEW, (R, *NEW.shape)))
    pooled = result.predict(NEW)
    np.testing.assert_allclose(pooled.mean, blocks.mean.mean(0), rtol=1e-12)
    np.testing.assert_allclose(pooled.epistemic, blocks.mean.var(0), rtol=1e-12)
    np.testing.assert_array_equal(blocks.epistemic, 0)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (BLOCKS[:2], "(3, n, 2), got shape (2, 7, 2)"),
        (BLOCKS[0, 0], "2 or 3 dimension(s)"),
        (list(BLOCKS[:2]) + [BLOCKS[2, :5]], "result.replica(i).predict(X[i])"),
        (BLOCKS[..., :1], "(3, n, 2), got shape (3, 7, 1)"),
        (np.where(BLOCKS == BLOCKS[1, 2, 0], np.nan, BLOCKS), "(1, 2, 0)"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(rows, words):
    result = fitted("regression", replicas=R)
    with pytest.raises(ValueError, match=r"^X must") as error:
        result.predict(rows, S)
    assert words in str(error.value)


def test_targets_of_blocks_are_checked():
    together = fitted("yes or no", replicas=R).predict(BLOCKS, S)
    with pytest.raises(ValueError, match=r"y must have shape .* got \(7,\)"):
        together.log_prob(OWN[0])
    with pytest.raises(ValueError, match=r"^y must be 0 or 1 everywhere.*\(1, 2"):
        together.log_prob(np.where(np.arange(21).reshape(3, 7) == 9, 2, OWN))


def test_a_single_run_takes_no_blocks():
    with pytest.raises(ValueError, match="X must have 2 dimension"):
        fitted("regression").predict(BLOCKS, S)
