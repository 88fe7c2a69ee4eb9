"""The numbers the rupture study computes and the words it puts them in, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

import minibnn as mb
from minibnn import datasets
from minibnn.datasets import rupture_data
from minibnn.rupture import claims as rupture_claims
from minibnn.rupture import displaced_labels as rupture_detect
from minibnn.rupture import displaced_labels_figure as rupture_detect_figure
from minibnn.rupture import figures as rupture_figures
from minibnn.rupture import models as rupture_rows
from minibnn.rupture import physics_rule as rupture_physics
from minibnn.rupture import report as rupture_report
from minibnn.rupture import scores as rupture_scores
from minibnn.rupture import study as rupture
from minibnn.rupture.settings import QUICK, Settings


def said(mean, std=None, log_prob=None):
    """A prediction with these numbers."""
    return SimpleNamespace(mean=np.array(mean, float), log_prob=log_prob,
                           std=None if std is None else np.array(std, float))  # fmt: skip


def study_of(predictions, y, **more):
    dataset = SimpleNamespace(y_test=np.array(y), y=np.zeros(100))
    return SimpleNamespace(predictions=predictions, dataset=dataset, **more)


# --- what is fitted, with how much of everything -------------------------------------

SETTINGS = Settings(
    seeds=2, members=3, restarts=4, steps=11, recipe_steps=12, cov_steps=13,
    cov_samples=5, cov_fits=2, chains=2, hmc_warmup=21, hmc_draws=22, particles=6,
    temperatures=7, leapfrog=8,
)  # fmt: skip
PROBLEM = rupture_rows.FitRows(
    np.arange(48.0).reshape(6, 8) % 7, np.ones((6, 8)), np.array([0, 0, 0, 0, 1, 1])
)


@pytest.fixture
def asked(monkeypatch):
    """Every fit that is asked for; its replica r has means r and an ELBO of ELBOS."""
    calls = []

    def fit(model, family, X, y, *, rng, replicas=None, **options):
        n = model.n_weights
        calls.append(SimpleNamespace(model=model, family=family, X=X, y=y, rng=rng,
                                     replicas=replicas, options=options))  # fmt: skip
        mu = np.arange(replicas or 1.0)[:, None] + np.zeros(n)
        elbo = np.array([-5.0, -3.0, -9.0, -7.0][: replicas or 1])
        if replicas is None:
            mu, elbo = mu[0], float(elbo[0])
        params = {"mu": mu, "rho": np.full_like(mu, -3.0)}
        elbo = elbo if family.has_elbo else None
        return mb.FitResult(model, family, params, {}, elbo, elbo, "max_steps", None)

    monkeypatch.setattr(rupture_rows, "fit", fit)
    return calls


def rows_of(build, rows=None):
    made = build(PROBLEM, SETTINGS, np.random.default_rng(0), rows or {})
    return {row.key: row for row in made}


def first_mean(predictor):
    return predictor.params["mu"].ravel()[0]


def test_rows_of_points(asked):
    mle = rows_of(rupture_rows.maximum_likelihood)["mle"]
    (call,) = asked
    assert (call.replicas, call.options["kl_weight"]) == (2, 0.0)
    assert (call.options["start"], call.options["max_steps"]) == ("lbfgs", 11)
    assert [first_mean(p) for p in mle.predictors] == [0.0, 1.0]
    assert (mle.share, mle.elbo) == (0.5, None)
    asked.clear()
    rows = rows_of(rupture_rows.maximum_a_posteriori)
    assert [(c.replicas, c.options["kl_weight"]) for c in asked] == [(3, 1.0)] * 2
    assert rows["map"].share == 1 / 2 / 3
    assert rows["ensemble"].share == 1 / 2
    assert [p.params["mu"].shape for p in rows["ensemble"].predictors] == [(3, 121)] * 2
    assert [first_mean(p) for p in rows["map"].predictors] == [0.0, 0.0]
    prior = asked[0].model.prior
    assert (prior.mean, prior.scale, asked[0].model.net.sizes) == (0, 1, (8, 12, 1))


def test_rows_of_mean_field(asked):
    """The first restart, the best of four by ELBO (-3, the second), all four."""
    rows = rows_of(rupture_rows.mean_field)
    how = {"start": "lbfgs", "max_steps": 11}
    assert [(c.replicas, c.options) for c in asked] == [(4, how)] * 2
    assert [first_mean(p) for p in rows["mf"].predictors] == [0.0, 0.0]
    assert [first_mean(p) for p in rows["best"].predictors] == [1.0, 1.0]
    assert (rows["mf"].elbo, rows["best"].elbo) == ([-5.0] * 2, [-3.0] * 2)
    assert rows["best"].predictors[0].elbo == -3.0
    assert rows["average"].predictors[0].params["mu"].shape == (4, 121)
    assert rows["average"].elbo is None
    shares = [rows[key].share for key in ("mf", "best", "average")]
    assert shares == [1 / 2 / 4, 1 / 2, 1 / 2]


def test_row_of_the_logistic_regression(asked):
    row = rows_of(rupture_rows.logistic)["logistic"]
    assert asked[0].model.net.sizes == (8, 1)
    assert (row.elbo, row.share) == ([-5.0], 1.0)


def test_row_of_the_published_recipe(asked):
    """Minority drawn up to the majority; its own scale, going in and coming out."""
    row = rows_of(rupture_rows.published_recipe)["recipe"]
    assert (row.elbo, row.share) == ([-5.0] * 2, 0.5)
    call = asked[0]
    assert repr(call.model.likelihood) == "SigmoidGaussian(scale=1)"
    assert repr(call.family) == "MeanField(scale='exp', sigma=0.05)"
    assert call.options["max_steps"] == 12
    assert repr(call.options["estimator"]) == "Pathwise()"
    assert call.y.tolist() == [0] * 4 + [1] * 4
    rng = np.random.default_rng(0).spawn(2)[0]
    rows = np.r_[:4, rng.choice([4, 5], 4)]
    mean, sd = PROBLEM.X[rows].mean(0), PROBLEM.X[rows].std(0)
    np.testing.assert_allclose(call.X, (PROBLEM.X[rows] - mean) / sd, rtol=1e-12)
    start = call.options["start"]
    np.testing.assert_array_equal(start["mu"], rng.standard_normal(121))
    sigma = np.abs(rng.standard_normal(121))
    np.testing.assert_allclose(np.exp(start["rho"]), sigma, rtol=1e-14)


def test_the_recipe_predicts_labels_on_its_own_scale():
    """Point at w with a bias alone would not see the scale: all weights count."""
    model, w = rupture_rows.model(), np.linspace(-1, 1, 121)
    point = mb.FitResult(rupture_rows.model(mb.rupture.SigmoidGaussian()), mb.Point(),
                         {"mu": w}, {}, None, None, "max_steps",
                         np.random.SeedSequence(0))  # fmt: skip
    mean, sd = np.arange(8.0), np.arange(1.0, 9.0)
    X = PROBLEM.X + 0.5
    pred = rupture_rows.Rescaled(point, mean, sd).predict(X)
    p = 1 / (1 + np.exp(-model.net(w, (X - mean) / sd)[:, 0]))
    np.testing.assert_allclose(pred.mean, p, rtol=1e-12)
    want = np.log(np.where(PROBLEM.y == 1, p, 1 - p))
    np.testing.assert_allclose(pred.log_prob(PROBLEM.y), want, rtol=1e-9)


def test_row_of_the_full_covariance(asked):
    """From the best mean field of its seed, not from the first."""
    rows = rows_of(rupture_rows.mean_field)
    asked.clear()
    row = rows_of(rupture_rows.full_covariance, rows)["cov"]
    call, _ = asked
    assert call.options["start"]["mu"].tolist() == [1.0] * 121
    assert (call.options["n_samples"], call.options["max_steps"]) == (5, 13)
    assert call.options["optimizer"].lr(0, 13) == 0.02  # not the 0.01 / 121 of a polish
    assert (row.elbo, row.share) == ([-5.0] * 2, 0.5)


def test_row_of_the_chains_and_the_evidence(asked, monkeypatch):
    rows, seen = rows_of(rupture_rows.maximum_a_posteriori), {}
    monkeypatch.setattr(
        rupture_rows, "hmc", lambda *args, **kwargs: seen.update(kwargs)
    )
    rows_of(rupture_rows.sampled, rows)
    assert seen.pop("init")[:, 0].tolist() == [0.0, 1.0]  # two of the three members
    seen.pop("rng")
    assert seen == {"n_chains": 2, "n_draws": 22, "n_warmup": 21}
    monkeypatch.setattr(rupture_rows, "ais", lambda *args, **kwargs: kwargs)
    found = rupture_rows.annealed(PROBLEM, SETTINGS, 3)
    assert found == {
        "rng": 3, "n_particles": 6, "n_temperatures": 7, "n_leapfrog": 8
    }  # fmt: skip


def test_how_much_the_study_does():
    assert Settings() == Settings(
        seeds=10, members=10, restarts=5, steps=1000, recipe_steps=5000, cov_steps=8000,
        cov_samples=8, cov_fits=2, chains=4, hmc_warmup=500, hmc_draws=1500,
        particles=16, temperatures=2000, leapfrog=10, samples=1000, shuffles=10,
    )  # fmt: skip
    assert QUICK == Settings(
        seeds=3, cov_steps=2000, cov_samples=4, cov_fits=1, hmc_warmup=200,
        hmc_draws=300, particles=8, temperatures=500, shuffles=5,
    )  # fmt: skip
    assert rupture.default_settings("folder") == Settings()
    assert rupture.default_settings(None) == QUICK


def test_seconds_are_the_share_of_one_seed(monkeypatch):
    """Two builders that take 3 and 4 seconds; the second's row is a tenth of it."""

    def build(share):
        def builder(problem, settings, rng, rows):
            """A row."""
            return [rupture_rows.Row(f"row {share}", "", [], share=share)]

        return builder

    monkeypatch.setattr(rupture, "BUILDERS", (build(1.0), build(0.1)))
    clock = iter([10.0, 13.0, 20.0, 24.0]).__next__
    args = None, None, np.random.default_rng(0), lambda line: None
    rows = rupture.fit_rows(*args, clock)
    assert [row.seconds for row in rows.values()] == [3.0, pytest.approx(0.4)]
    assert [row.seconds for row in rupture.fit_rows(*args, None).values()] == [None] * 2


def test_both_readings_of_the_labels_have_the_same_rows():
    mended, stored = rupture.load(None, "repaired", np.random.default_rng(0))
    np.testing.assert_array_equal(mended.X_test, stored.X_test)
    np.testing.assert_array_equal(mended.X, np.delete(stored.X, np.s_[425:500], 0))


def test_who_gets_what_and_which_random_stream(monkeypatch):
    """Stored rows for the detective work, mended ones for the fits; five streams."""
    raw = SimpleNamespace(X="raw", y=[0, 1], y_test=[1], note="")
    raw.standardised = lambda: SimpleNamespace(X="in sds")
    stored = SimpleNamespace(X="stored", y="labels")
    stored.standardised = lambda: SimpleNamespace(X="stored in sds")
    seen = {}

    def watch(name, answer=None):
        def watched(*args):
            keys = [a.bit_generator.seed_seq.spawn_key for a in args
                    if isinstance(a, np.random.Generator)]  # fmt: skip
            seen[name] = *args, *keys
            return answer

        monkeypatch.setattr(rupture, name, watched)

    watch("load", (raw, stored))
    watch("detect", SimpleNamespace(block=None))
    watch("fit_rows", {"hmc": rupture_rows.Row("hmc", "HMC", [])})
    watch("annealed", SimpleNamespace(log_evidence=-7.0))
    watch("look_at_test_rows")
    watch("look_at_claims")
    study = rupture.rupture_study("folder", "repaired", SETTINGS, 3)
    assert (*seen["load"][:2], seen["load"][-1]) == ("folder", "repaired", (0,))
    assert (*seen["detect"][:3], seen["detect"][-1]) == (
        "stored", "stored in sds", "labels", (1,),
    )  # fmt: skip
    problem = ("in sds", "raw", [0, 1])
    assert (*seen["fit_rows"][:2], seen["fit_rows"][-1]) == (problem, SETTINGS, (2,))
    assert (*seen["annealed"][:2], seen["annealed"][-1]) == (problem, SETTINGS, (3,))
    assert seen["look_at_test_rows"] == (study,)
    assert (seen["look_at_claims"][0], seen["look_at_claims"][-1]) == (study, (4,))
    assert (study.rows["hmc"].elbo, study.stored_labels) == ([-7.0], "labels")


def test_every_row_predicts_the_test_rows_with_as_many_samples(monkeypatch):
    calls = []

    def predictor(name):
        def predict(X, n_samples=None):
            calls.append((name, X, n_samples))
            return said([0.5])

        return SimpleNamespace(predict=predict)

    monkeypatch.setattr(rupture_scores, "diagnosed", lambda chains, X: {"floor": 0.5})
    columns = dict.fromkeys(rupture_scores.COLUMNS, 1.0)
    monkeypatch.setattr(rupture_scores, "scored", lambda p, y, reference: columns)
    rows = {"hmc": rupture_rows.Row("hmc", "", [predictor("chains")], [-2.0]),
            "mf": rupture_rows.Row("mf", "", [predictor("a"), predictor("b")])}  # fmt: skip
    dataset = SimpleNamespace(X_test="X", y_test="y")
    study = SimpleNamespace(dataset=dataset, settings=Settings(samples=77), rows=rows,
                            predictions={}, scores={})  # fmt: skip
    rupture_scores.look_at_test_rows(study)
    assert calls == [("chains", "X", None), ("a", "X", 77), ("b", "X", 77)]
    assert study.scores["mf"] == {key: [1.0, 1.0] for key in columns}
    assert study.scores["hmc"] == {key: [1.0] for key in columns} | {
        "elbo": [-2.0], "distance": [0.5],
    }  # fmt: skip


# --- scores --------------------------------------------------------------------------


def test_scores_by_hand():
    """p 0.9, 0.4, 0.6, 0.2 for labels 1, 1, 0, 0: the middle two are wrong."""
    y, p = np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.6, 0.2])
    log = np.log([0.9, 0.4, 0.4, 0.8])
    got = rupture_scores.scored(said(p, log_prob=lambda y: log), y, p + 0.25)
    assert got == pytest.approx({
        "accuracy": 0.5, "f1": 0.5, "f1_positive": 0.5, "nll": -log.mean(),
        "brier": (0.01 + 0.36 + 0.36 + 0.04) / 4,
        "ece": (0.1 + 0.6 + 0.6 + 0.2) / 4,  # of P(through): each in its own bin
        "auc": 1.0,  # both errors are nearer to one half
        "distance": 0.25,
    })  # fmt: skip
    wrong_way = rupture_scores.scored(said([0.9, 0.4, 0.4, 0.2], None, lambda y: log),
                                      np.array([1, 1, 0, 0]), p)  # fmt: skip
    # class 1: 2/3, class 0: 4/5, of two rows each; the one error ties with a right one
    assert wrong_way["f1_positive"] == pytest.approx(2 / 3)
    assert wrong_way["f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert wrong_way["auc"] == pytest.approx((1 + 1 + 0.5) / 3)
    three_to_one = rupture_scores.scored(said([0.9, 0.4, 0.4, 0.8], None, lambda y: log),
                                         np.array([1, 1, 0, 1]), p)  # fmt: skip
    assert three_to_one["f1"] == pytest.approx((3 * 4 / 5 + 2 / 3) / 4)
    right = rupture_scores.scored(said([0.9, 0.1], None, lambda y: log), y[1:3], p[:2])
    assert right["auc"] is None
    # of P(through) 0.1 and 0.9 off, in bins of their own; confidences share a bin
    assert right["ece"] == pytest.approx(0.1)
    never = rupture_scores.scored(said([0.1, 0.9], None, lambda y: log), y[1:3], p[:2])
    assert (never["accuracy"], never["auc"]) == (0.0, None)
    half = rupture_scores.scored(said([0.9, 0.1], None, lambda y: log), y[:2], p[:2])
    assert half["ece"] == pytest.approx((0.1 + 0.9) / 2)


def test_the_diagnosis_of_chains_takes_the_worst():
    """Of two rows the larger R-hat and the smaller number of draws."""
    chains = SimpleNamespace(
        floor=lambda X: 0.25, divergences=4, accept_rate=np.array([0.5, 0.75]),
        r_hat=lambda X=None: np.array([1.0, 1.5] if X is not None else [2.0, 9.0, 3.0]),
        ess=lambda X: np.array([300.0, 70.0]), weights=np.zeros((2, 7, 3)),
    )  # fmt: skip
    assert rupture_scores.diagnosed(chains, np.zeros((2, 8))) == {
        "floor": 0.25, "r_hat": 1.5, "ess": 70.0, "weight_r_hat": 9.0,
        "divergences": 4, "accept_rate": 0.625, "chains": 2, "draws": 7,
    }  # fmt: skip


# --- claims --------------------------------------------------------------------------


def test_importance_is_averaged_over_the_seeds(monkeypatch):
    drops = {"a": [0.1, 0.4], "b": [0.3, 0.0], "c": [0.2, 0.5], "d": [0.8, 0.6]}
    seen = []

    def importance(predictor, dataset, shuffles, rng, n_samples):
        seen.append((predictor, shuffles, n_samples))
        return np.array(drops[predictor])

    monkeypatch.setattr(rupture_claims, "importance", importance)
    monkeypatch.setattr(rupture_claims, "impossible_shares", lambda raw, rng: raw)
    rows = {"hmc": "a", "mf": "bcd", "recipe": "ab"}
    study = SimpleNamespace(
        rows={key: SimpleNamespace(predictors=list(p)) for key, p in rows.items()},
        dataset=SimpleNamespace(names=("one", "two")), settings=Settings(),
        raw=SimpleNamespace(X_test="raw"),
    )  # fmt: skip
    found = rupture_claims.importances(study, np.random.default_rng(0))
    assert found["impossible"] == "raw"
    assert found["hmc"]["sd"] is None
    np.testing.assert_allclose(found["mf"]["drop"], [1.3 / 3, 1.1 / 3])
    np.testing.assert_allclose(found["recipe"]["sd"], np.sqrt([0.02, 0.08]))
    assert seen == [(p, 10, 100) for p in "abcdab"]
    seen.clear()
    study.settings = Settings(chains=2, hmc_draws=22)  # fewer draws than samples asked
    rupture_claims.importances(study, np.random.default_rng(0))
    assert {n for *_, n in seen} == {44}
    seen.clear()
    study.settings = Settings(members=1, chains=2, hmc_draws=22)  # fewer chains too
    rupture_claims.importances(study, np.random.default_rng(0))
    assert {n for *_, n in seen} == {22}


def test_a_column_is_dealt_out_anew_as_often_as_asked():
    X = np.arange(12.0).reshape(4, 3)
    found = rupture_claims.shuffled(X, 1, np.random.default_rng(2))
    wanted = X.copy()
    wanted[:, 1] = np.random.default_rng(2).permutation(X[:, 1])
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(X, np.arange(12.0).reshape(4, 3))
    calls = []

    def predict(X, n_samples):
        calls.append(n_samples)
        return said(np.full(4, 0.9 if len(calls) in (4, 9) else 0.1))

    data = SimpleNamespace(X_test=X[:, :2], y_test=np.ones(4, int))
    rng = np.random.default_rng(0)
    predictor = SimpleNamespace(predict=predict)
    drop = rupture_claims.importance(predictor, data, 4, rng, 7)
    # right in one of four shuffles of the first column, and as it is, asked for last
    assert drop.tolist() == [0.75, 1.0]
    assert calls == [7] * 9


def test_impossible_shares_by_hand(monkeypatch):
    """Two rows that change places in one column: which of the stresses can be."""
    monkeypatch.setattr(
        rupture_claims, "shuffled",
        lambda X, j, rng: np.where(np.arange(8) == j, X[::-1], X),
    )  # fmt: skip
    # u = (sxy/|syy| - mud)/drop: 0.5 and 0.5; ratios of the normal stresses 1 and 1.2
    raw = np.array([
        [0, 1, -100, 35.0, -100, 0.3, 0.1, 0.4],
        [0, 1, -24, 12.0, -20, 0.5, 0.2, 0.4],
    ])  # fmt: skip
    found = rupture_claims.impossible_shares(raw, 0)
    # sxx: ratios 0.24 and 5; sxy: u -1.8 and 22.5; syy: u 14.5 and -1.9;
    # mud: u -1.5 and 1.5; drop: u 0.25 and 1 - the bound itself is possible
    assert found.tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    high = raw.copy()
    high[1, 3] = 14.0  # u 1 there: with the other mud 2, with the other drop 2
    assert rupture_claims.impossible_shares(high, 0).tolist() == [
        0,
        0,
        1,
        1,
        1,
        1,
        0.5,
        0,
    ]


A = said([0.2, 0.4, 0.6, 0.9])
B = said([0.2, 0.8, 0.6, 0.9])
WORSE = said([0.7, 0.8, 0.3, 0.9])


def test_gains_by_hand():
    """Labels 0 1 1 1. A misses row 1, B none, WORSE rows 0 and 2; two seeds each."""
    y = [0, 1, 1, 1]
    keys = ("recipe", "mle", "logistic", "mf", "hmc", "ensemble")
    each = ([A, B], [WORSE, B], [WORSE], [B, B], [A], [WORSE])
    study = study_of(dict(zip(keys, each, strict=True)), y)
    got = rupture_claims.gain(study)
    # shares of seeds that are right: recipe 1 .5 1 1, mle .5 1 .5 1, logistic 0 1 0 1
    rows = {
        "recipe - mle": [50, -50, 50, 0], "recipe - logistic": [100, -50, 100, 0],
        "mf - recipe": [0, 50, 0, 0], "hmc - ensemble": [100, -100, 100, 0],
    }  # fmt: skip
    for key, d in rows.items():
        se = np.std(d, ddof=1) / 2
        assert got[key] == pytest.approx({"points": np.mean(d), "se": se}), key
    assert got["se_of_a_test"] == pytest.approx(100 * np.sqrt(7 / 8 / 8 / 4))
    assert got["threshold"] == pytest.approx(12.5)  # 25 points for A, none for B


def test_uncertainties_are_means_over_seeds_that_have_the_outcome():
    y = [1, 0, 1, 0]
    one = said([0.9, 0.1, 0.2, 0.8], [0.1, 0.2, 0.3, 0.4])  # TP TN FN FP
    two = said([0.9, 0.1, 0.51, 0.49], [0.3, 0.2, 0.5, 0.6])  # TP TN TP TN
    predictions = {key: [one, two] for key in rupture_claims.IMPORTANCE_OF}
    got = rupture_claims.uncertainties(study_of(predictions, y))["mf"]
    assert got == pytest.approx({
        "true positive": (0.1 + 0.4) / 2, "true negative": (0.2 + 0.4) / 2,
        "false positive": 0.4, "false negative": 0.3,
    })  # fmt: skip


def test_words_about_importance():
    drops = {"hmc": [0.01, 0.3, 0.2, 0.1, 0.05], "mf": [0, 0.1, 0.4, 0.2, 0.3],
             "recipe": [0.5, 0.1, 0.2, 0.3, 0.4]}  # fmt: skip
    found = {key: {"drop": np.array(drop)} for key, drop in drops.items()}
    names = ("height", "sxx", "sxy", "syy", "mud")
    shares = np.array([0, 0, 0.55, 0.666, 0.777, 0.3, 0.1, 0])
    text = rupture_claims.said_of_importance(
        found | {"names": names, "impossible": shares}
    )
    assert text.startswith("A normal stress comes first under HMC. Drop in weighted F1")
    assert "under HMC sxx 0.300, sxy 0.200, syy 0.100, mud 0.050;" in text
    assert "under mean field sxy 0.400, mud 0.300, syy 0.200, sxx 0.100;" in text
    assert "shuffling sxx, sxy or syy makes 55 %, 67 %, 78 % of the" in text
    found["hmc"]["drop"] = found["mf"]["drop"]
    text = rupture_claims.said_of_importance(
        found | {"names": names, "impossible": shares}
    )
    assert "comes first under none of the three posteriors." in text


def test_the_claims_are_the_published_ones(monkeypatch):
    for name in ("importance", "gain", "uncertainty"):
        monkeypatch.setattr(
            rupture_claims, f"said_of_{name}", lambda found: f"said of {found}"
        )
    names = dict(zip(("importance", "gain", "uncertainty"), "abc", strict=True))
    found = rupture_claims.sentences(SimpleNamespace(claims=names))
    assert found == [
        ("Normal stress matters most.", "said of a"),
        ("The Bayesian network is 2.34 % better than a plain one.", "said of b"),
        ("True positives are more uncertain than true negatives.", "said of c"),
    ]


@pytest.mark.parametrize(
    ("points", "verdict"),
    [(2.1, "ahead"), (-2.1, "behind"), (1.9, "level"), (-1.9, "level")],
)
def test_words_about_the_gain(points, verdict):
    """More than two standard errors, either way."""
    names = ("recipe - mle", "recipe - logistic", "mf - recipe", "hmc - ensemble")
    g = {name: {"points": k - 1.5, "se": k / 4} for k, name in enumerate(names)}
    g["recipe - mle"] = {"points": points, "se": 1.0}
    text = rupture_claims.said_of_gain(g | {"se_of_a_test": 1.23, "threshold": 0.67})
    assert text == (
        f"In this run the published recipe is {verdict}. Recipe minus "
        f"maximum-likelihood network: {points:+.1f} ± 1.0 points of accuracy; minus "
        "logistic regression -0.5 ± 0.2 points. Mean field with a Bernoulli likelihood "
        "minus the recipe: +0.5 ± 0.5 points; HMC minus the MAP ensemble: +1.5 ± 0.8 "
        "points. One test file of this size has a standard error of 1.2 points, and a "
        "threshold chosen on the test rows adds 0.7 points to it."
    )


def test_words_about_uncertainty():
    def four(*values):
        return dict(zip(rupture_claims.OUTCOMES, values, strict=True))

    found = {"hmc": four(0.2, 0.1, 0.05, 0.25), "mf": four(0.1, 0.2, 0.3, None),
             "recipe": four(None, 0.1, 0.3, 0.4)}  # fmt: skip
    assert rupture_claims.said_of_uncertainty(found) == (
        "So it is under HMC. Mean sd of the probability over networks, true positives "
        "against true negatives. HMC: 0.200 against 0.100; errors 0.050 (FP), 0.250 "
        "(FN). Mean field: 0.100 against 0.200; errors 0.300 (FP), none (FN). The "
        "published recipe: none against 0.100; errors 0.300 (FP), 0.400 (FN)."
    )


# --- detective work ------------------------------------------------------------------

RUN = rupture_data.RepeatedRun(lag=3, start=4, length=5, chance=1.6e-9)
COLUMNS = rupture_data.ColumnCheck("swapped", (-1.234, 2.0), (0.014, 0.149))


def sure_of(labels):
    """Log probabilities of both labels by networks 0.8 sure of these."""
    return np.log(np.where(np.eye(2)[np.asarray(labels)] == 1, 0.8, 0.2))


def test_the_judgement_of_a_block_by_hand(monkeypatch):
    """Rows 4 to 8 carry the label three rows up; networks see rows 0-3 and 12-13."""
    true = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1])
    y = true.copy()
    y[4:12] = true[1:9]
    seen = []

    def log_probs(X, labels, X_new, rng):
        seen.append((X[:, 0].tolist(), labels.tolist(), X_new[:, 0].tolist()))
        return sure_of(guess)

    guess = true[4:9] ^ [1, 0, 0, 0, 0]  # one is wrong
    monkeypatch.setattr(rupture_detect, "log_probs", log_probs)
    found = rupture_detect.Detection(RUN, COLUMNS, (4, 9), (9, 12))
    X = np.arange(14.0)[:, None]
    rupture_detect.judge_block(found, X, y, None)
    outside = [0, 1, 2, 3, 12, 13]
    assert seen == [([float(i) for i in outside], true[outside].tolist(),
                     [4.0, 5.0, 6.0, 7.0, 8.0])]  # fmt: skip
    agree = [np.mean(guess == y[4 + k : 9 + k]) for k in range(5)]
    by_lag = [5 * (a * np.log(0.8) + (1 - a) * np.log(0.2)) for a in agree]
    np.testing.assert_allclose(found.curves["by_lag"], by_lag)
    assert found.scores == pytest.approx({
        "rows": 5, "accuracy_own": agree[0], "accuracy_shifted": 0.8,
        "log_likelihood_own": by_lag[0], "log_likelihood_shifted": by_lag[3],
        "best_lag": 3, "runner_up": sorted(by_lag)[-2],
        "wrong_labels": np.sum(true[4:9] != y[4:9]),
    })  # fmt: skip
    assert by_lag[3] == max(by_lag) > found.scores["runner_up"]
    assert len(set(agree[:4])) == 4
    found.run = RUN._replace(lag=2)  # not the one the inputs want
    rupture_detect.judge_block(found, X, y, None)
    assert found.scores["best_lag"] == 3
    assert found.scores["accuracy_shifted"] == pytest.approx(agree[2])
    assert found.scores["log_likelihood_shifted"] == pytest.approx(by_lag[2])


def test_a_displacement_and_what_it_lost(monkeypatch):
    """From the first copied label to the end found; as many rows as the lag are lost."""
    true = (np.random.default_rng(0).random(300) < 0.5).astype(int)
    y = true.copy()
    y[60:200] = true[20:160]
    monkeypatch.setattr(rupture_detect, "cross_fitted", lambda X, y, rng: sure_of(true))
    monkeypatch.setattr(
        rupture_detect, "log_probs", lambda X, y, X_new, rng: sure_of(true[X_new])
    )
    raw = rupture_data.draw_inputs(300, rng=0)
    rng = np.random.default_rng(0)
    found = rupture_detect.detect(raw, np.arange(300), y, rng)
    (start, end), lag = found.block, found.run.lag
    assert (start, lag) == (found.run.start, 40)
    assert 55 <= start <= 60
    assert abs(end - 160) <= 4
    assert found.lost == (end, end + 40)
    rows = np.arange(300 - 40)
    np.testing.assert_allclose(found.curves["own"], sure_of(true)[rows, y[rows]])
    assert found.scores["best_lag"] == 40
    assert len(found.curves["lags"]) == 300 - end


def test_the_end_of_a_block_weighs_lost_labels_by_the_base_rate():
    """By loops over all ends, with uneven labels and networks that are not so sure."""
    rng = np.random.default_rng(4)
    y = (rng.random(40) < 0.25).astype(int)
    p = rng.uniform(0.05, 0.6, 40)
    both = np.log(np.column_stack([1 - p, p]))
    run = SimpleNamespace(start=5, lag=6)
    guess = np.log([1 - y.mean(), y.mean()])
    totals = {}
    for end in range(5, 35):
        taken = sum(both[i, y[i + 6]] for i in range(end))
        lost = sum(guess[y[i]] for i in range(end, end + 6))
        totals[end] = taken + lost + sum(both[i, y[i]] for i in range(end + 6, 40))
    assert rupture_detect.block_end(both, y, run) == max(totals, key=totals.get)


def test_when_a_repeat_is_looked_into(monkeypatch):
    """Below a chance of one in a million."""
    for chance, looked in ((1.1e-6, False), (0.9e-6, True)):
        repeat = RUN._replace(chance=chance)
        monkeypatch.setattr(rupture_detect, "longest_repeated_label_run",
                            lambda y, repeat=repeat: repeat)  # fmt: skip
        monkeypatch.setattr(
            rupture_detect, "cross_fitted", lambda *args: sure_of([0] * 30)
        )
        monkeypatch.setattr(rupture_detect, "judge_block", lambda *args: None)
        raw, rng = rupture_data.draw_inputs(30, rng=0), np.random.default_rng(0)
        y = np.arange(30) % 2
        assert bool(rupture_detect.detect(raw, raw, y, rng).block) is looked


def test_networks_that_judge_labels(monkeypatch):
    """Three members, L-BFGS and 100 steps; five folds by row number."""
    seen = {}

    def fit(model, family, X, y, **options):
        seen.update(options, family=repr(family))
        return SimpleNamespace(
            predict=lambda X: said([0.5], log_prob=lambda y: y - 2.0)
        )

    monkeypatch.setattr(rupture_detect, "fit", fit)
    out = rupture_detect.log_probs(np.zeros((4, 8)), np.zeros(4), np.zeros((2, 8)), 7)
    assert out.tolist() == [[-2.0, -1.0]] * 2
    assert seen == {"rng": 7, "replicas": 3, "start": "lbfgs", "max_steps": 100,
                    "family": "Point()"}  # fmt: skip
    folds = []
    monkeypatch.setattr(
        rupture_detect, "log_probs",
        lambda X, y, X_new, rng: folds.append(X_new.tolist()) or np.zeros((len(X_new), 2)),
    )  # fmt: skip
    rupture_detect.cross_fitted(np.arange(12), np.zeros(12), np.random.default_rng(0))
    assert folds == [[0, 5, 10], [1, 6, 11], [2, 7], [3, 8], [4, 9]]


def test_the_finding_in_words():
    scores = {
        "rows": 5, "accuracy_own": 0.4321, "accuracy_shifted": 0.98765,
        "log_likelihood_own": -123.4, "log_likelihood_shifted": -45.6, "best_lag": 3,
        "runner_up": -99.5001, "wrong_labels": 2,
    }  # fmt: skip
    found = rupture_detect.Detection(RUN, COLUMNS, (4, 9), (9, 12), scores)
    assert rupture_detect.sentences(found) == [
        "Labels: the 5 labels from row 4 on repeat those 3 rows above; the chance of so "
        "long a repeat is 2e-09.",
        "Networks fitted on the other rows place the displacement at rows 4 to 8 "
        "(0-based): there a label belongs to the row 3 rows further up. Accuracy 0.432 "
        "with the stored labels, 0.988 with those from 3 rows below; log-likelihood "
        "-123 against -46, next best shift -100. 2 of these 5 labels are wrong.",
        "The labels of rows 9 to 11 are overwritten and stored nowhere.",
        'Columns: with the names in the published order ("sdrop", then "mud") the '
        "relative stress u = (sxy/|syy| - mud)/drop runs from -1.23 to 2.00; with the "
        "two swapped from 0.01 to 0.15. Physics wants [0, 1]. Verdict: swapped.",
    ]


# --- figures -------------------------------------------------------------------------


def test_numbers_in_the_figures():
    """Wrong answers, the ECE of the first seed, distances; bars in the order of HMC."""
    p = said([0.9, 0.45, 0.3, 0.2], [0.1] * 4)
    keys = ("hmc", "mf", "recipe", "mle", "map", "ensemble", "cov")
    drop = {"drop": np.array([0.3, 0.1]), "sd": None}
    found = {"names": ("a", "b"), "impossible": np.array([0.7, 0.2])}
    study = study_of(
        dict.fromkeys(keys, (p,)), [1, 1, 0, 0],
        scores={key: {"ece": (0.1234, 9.0), "distance": (0.5678, 9.0)} for key in keys},
        claims={"importance": found | dict.fromkeys(keys[:3], drop)},
        rows=dict.fromkeys(keys, SimpleNamespace(name="row")),
        reference={"floor": 0.01234},
    )  # fmt: skip
    for ax in rupture_figures.uncertainty(study).axes:
        words = [text.get_text() for text in ax.get_legend().texts]
        assert words == ["right", "wrong (1)"]
    titles = [ax.get_title() for ax in rupture_figures.reliability(study).axes]
    assert titles[0] == "HMC: ECE 0.123"
    figure = rupture_figures.against_hmc(study)
    assert {ax.get_title() for ax in figure.axes} == {"Row: 0.568"}
    assert "differ by 0.0123" in figure.get_suptitle()
    rows = {key: rupture_rows.Row(key, "", [key]) for key in ("mf", "best")}
    assert rupture_figures.best(SimpleNamespace(rows=rows)) == "best"
    ax, side = rupture_figures.importance(study).axes
    assert [bar.get_width() for bar in side.patches] == [0.2, 0.7]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "a"]
    middle = ax.containers[1].lines[0].get_xydata()
    np.testing.assert_allclose(middle, [[0.1, 0.0], [0.3, 1.0]])


def test_numbers_in_the_detective_figure():
    scores = {"best_lag": 3}
    curves = {"own": np.arange(52.0), "shifted": np.zeros(52),
              "lags": np.arange(5), "by_lag": np.array([-9.0, -8, -7, -1, -5])}  # fmt: skip
    found = rupture_detect.Detection(RUN, COLUMNS, (4, 9), (9, 12), scores, curves)
    y = np.arange(16) % 4 == 0
    figure = rupture_detect_figure.displacement(
        SimpleNamespace(detection=found, stored_labels=y)
    )
    bands, rows, shifts = figure.axes
    image = bands.images[0].get_array()  # one row of margin on either side
    np.testing.assert_array_equal(image, [y[0:7], y[3:10]])
    assert bands.get_title().startswith("5 labels in a row repeat those 3 rows above")
    own = rows.lines[0].get_xydata()  # of 50 rows, drawn at their middle
    np.testing.assert_allclose(own, [[24.5, 24.5], [25.5, 25.5], [26.5, 26.5]])
    assert rows.get_title() == "Rows 4 to 8 (blue) want the shift; grey: lost"
    assert shifts.lines[1].get_xydata().tolist() == [[3.0, -1.0]]


# --- report --------------------------------------------------------------------------


def column(mean, se=None):
    return {"mean": mean, "se": se}


def test_a_line_of_the_table_by_hand():
    heads = ("accuracy", "wF1", "F1+", "NLL", "Brier", "ECE", "AUC", "ELBO", "distance")
    keys = ("accuracy", "f1", "f1_positive", "nll", "brier", "ece", "auc", "elbo",
            "distance")  # fmt: skip
    assert {key: head for key, (head, _) in rupture_report.HEADS.items()} == dict(
        zip(keys, heads, strict=True)
    )
    values = {key: column((k + 1) / 9, 0.0123456) for k, key in enumerate(keys)}
    row = {"name": "HMC", "note": "so", "seeds": 3, "seconds": 1.25} | values
    row["auc"], row["elbo"] = column(None), column(-123.456)
    assert rupture_report.cell(column(0.0, 0.0), 2) == "0.00 ± 0.00"
    assert rupture_report.cells(row) == [
        "HMC \\*", "3", "0.1111 ± 0.0123", "0.2222 ± 0.0123", "0.333 ± 0.012",
        "0.444 ± 0.012", "0.556 ± 0.012", "0.667 ± 0.012", "", "-123.5",
        "1.0000 ± 0.0123", "1.2",
    ]  # fmt: skip
    assert rupture_report.cells(row | {"note": "", "seconds": None})[::11] == [
        "HMC",
        "",
    ]


def test_notes_are_of_the_rows_that_have_one():
    rows = [{"name": "a", "note": "so"}, {"name": "b", "note": ""}]
    assert rupture_report.notes({"rows": rows}) == ["- \\* a: so."]


def test_sentences_of_the_report():
    r = {"chains": 4, "draws": 300, "divergences": 2, "accept_rate": 0.816,
         "r_hat": 1.0123, "ess": 456.7, "weight_r_hat": 2.34}  # fmt: skip
    text = rupture_report.reference_sentence(r)
    assert "4 chains of 300 draws, 2 divergences, acceptance 0.82;" in text
    assert "R-hat of the logit at most 1.012 and at least 457 effective draws." in text
    assert "R-hat of single weights reaches 2.3:" in text
    p = {"fit_accuracy": 0.9876, "test_accuracy": 0.97654, "b": 0.513, "k": 9.87,
         "C": 111.4}  # fmt: skip
    assert rupture_report.physics_sentence(p).startswith(
        "The three-constant rule is right on 0.988 of the rows its constants were "
        "fitted to (b = 0.51, k = 9.9, C = 111) and on 0.9765 of the test rows."
    )


def test_facts_of_the_report():
    y = np.array([1, 0, 0, 0, 1])
    dataset = SimpleNamespace(y=y, y_test=np.array([1, 1]), names=("a",), X="fit rows")
    constants = {"b": 1.0, "k": 2.0, "C": 3.0}
    rule = SimpleNamespace(
        constants=constants,
        predict=lambda X: {"fit rows": said([0.9, 0.1, 0.6, 0.2, 0.3])}[X],
    )
    row = SimpleNamespace(key="physics", name="rule", predictors=[rule], seconds=2.0,
                          note="n")  # fmt: skip
    scores = {"accuracy": [0.75], "nll": [1.0, 2.0]}
    study = SimpleNamespace(
        dataset=dataset, raw=SimpleNamespace(note="N"), labels="repaired",
        rows={"physics": row}, scores={"physics": scores}, settings=Settings(),
    )  # fmt: skip
    facts = rupture_report.data_facts(study)
    assert (facts["rows"], facts["test_rows"], facts["share_of_ones"]) == (5, 2, 0.4)
    physics = rupture_report.physics_facts(study)
    assert physics == constants | {"fit_accuracy": 0.6, "test_accuracy": 0.75}
    line = rupture_report.row_facts(study, row)
    assert (line["seeds"], line["seconds"]) == (1, 2.0)
    assert line["accuracy"] == column(0.75)
    assert line["nll"] == {"mean": 1.5, "se": pytest.approx(0.5)}
    assert line["elbo"] == column(None)


def test_the_page_in_numbers(monkeypatch):
    for part in ("table", "notes", "reference_sentence", "physics_sentence"):
        monkeypatch.setattr(rupture_report, part, lambda facts, part=part: part)
    data = {"note": "N.", "labels": "repaired", "rows": 5, "share_of_ones": 0.4567,
            "test_rows": 2}  # fmt: skip
    facts = {"data": data, "reference": {"floor": 0.01234}, "seed": 3, "physics": None,
             "protocol": "P", "detection": {"text": ["D"]}, "claims": []}  # fmt: skip
    page = rupture_report.markdown(facts)
    assert "N. Labels: repaired. 5 rows to fit, 45.7 % break through; 2 rows" in page
    assert "to test. Seed 3." in page
    assert "chains differ by 0.0123:" in page


# --- physics and generated rows ------------------------------------------------------


def test_the_rule_goes_back_to_physical_units():
    data = datasets.rupture(rng=2)
    rule = rupture_physics.fitted_rule(data.X[:200], data.y[:200])
    mean, sd = rule.scaler
    np.testing.assert_allclose(mean, data.X[:200].mean(0))
    np.testing.assert_allclose(sd, data.X[:200].std(0))


def test_a_unit_without_a_way_out_is_silent():
    """Two outputs: both weights out of a unit go."""
    from minibnn.rupture.unit_cost import SAMPLES, without

    w = np.ones((2, 6))
    assert without(w, np.array([1, 4])).tolist() == [[1, 0, 1, 1, 0, 1]] * 2
    assert (w == 1).all()
    assert SAMPLES == 200
