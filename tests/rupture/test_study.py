"""The rupture study: detective work, protocol, scores, claims, report, figures."""

import copy
import doctest
import json
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import style

from minibnn import datasets, plots
from minibnn.commands import main as cli
from minibnn.datasets import rupture_data
from minibnn.rupture import claims as rupture_claims
from minibnn.rupture import displaced_labels as rupture_detect
from minibnn.rupture import figures as rupture_figures
from minibnn.rupture import models as rupture_rows
from minibnn.rupture import physics_rule as rupture_physics
from minibnn.rupture import report as rupture_report
from minibnn.rupture import scores as rupture_scores
from minibnn.rupture import study as rupture
from minibnn.rupture import unit_cost as rupture_unit_cost
from minibnn.rupture.settings import Settings

pytestmark = pytest.mark.optional  # the study and its command from end to end

TINY = Settings(
    seeds=2,
    members=2,
    restarts=1,
    steps=20,
    recipe_steps=20,
    cov_steps=5,
    cov_fits=1,
    chains=2,
    hmc_warmup=20,
    hmc_draws=10,
    particles=4,
    temperatures=3,
    leapfrog=2,
    samples=50,
    shuffles=1,
)


@pytest.fixture(scope="module")
def study():
    """A study too small to be believed, but whole."""
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        return rupture.rupture_study(settings=TINY)


@pytest.fixture(scope="module")
def facts(study):
    return rupture_report.to_dict(study)


@pytest.mark.parametrize("thing", [rupture.Study, rupture.rupture_study])
def test_the_examples_hold(study, thing):
    """Those of the docstrings, which take too long to be run with all others."""
    made = SimpleNamespace(rupture_study=lambda report: study)
    names = {"study": study, "mb": SimpleNamespace(rupture=made)}
    text = thing.__doc__.replace("# doctest: +SKIP", "")
    examples = doctest.DocTestParser().get_doctest(text, names, "study", None, None)
    assert len(examples.examples) >= 2
    assert doctest.DocTestRunner().run(examples).failed == 0


# --- detective work ------------------------------------------------------------------


def detected(seed, damage=True):
    data = datasets.rupture(rng=seed, labels="published", damage=damage)
    rng = np.random.default_rng(1)
    return rupture_detect.detect(data.X, data.standardised().X, data.y, rng)


def test_the_displacement_is_found_without_being_told():
    found = detected(0)
    start, end = found.block
    assert 85 <= start <= 100  # labels can agree by chance just before the block
    assert abs(end - 425) <= 10
    assert found.lost == (end, end + 75)
    assert found.run.lag == found.scores["best_lag"] == 75
    assert found.scores["accuracy_own"] < 0.65
    assert found.scores["accuracy_shifted"] > 0.85
    assert found.scores["log_likelihood_shifted"] > found.scores["runner_up"] + 100
    assert found.columns.verdict == "swapped"
    said = " ".join(rupture_detect.sentences(found))
    assert f"at rows {start} to {end - 1} (0-based)" in said
    assert "Verdict: swapped." in said


def test_sound_labels_are_left_alone():
    found = detected(0, damage=False)
    assert found.block is None
    assert "no sign of a displacement" in " ".join(rupture_detect.sentences(found))
    assert rupture_detect.facts(found)["displaced"] is False


@pytest.mark.parametrize("block", [slice(100, 500), slice(60, 200), slice(130, 300)])
def test_the_end_of_the_block_is_exact_for_a_sharp_model(block):
    rng, lag = np.random.default_rng(3), 40
    true = (rng.random(700) < 0.4).astype(int)
    stored = true.copy()
    stored[block] = true[block.start - lag : block.stop - lag]
    both = np.log(np.where(np.eye(2)[true] == 1, 0.99, 0.01))
    run = SimpleNamespace(start=block.start, lag=lag)
    end = rupture_detect.block_end(both, stored, run)
    recovered = stored[block.start + lag : end + lag]
    np.testing.assert_array_equal(recovered, true[block.start : end])
    assert abs(end - (block.stop - lag)) <= 4  # rows whose labels agree by chance


def test_cross_fitting_judges_each_row_by_networks_that_never_saw_it(monkeypatch):
    seen = []

    def log_probs(X, y, X_new, rng):
        assert not set(X[:, 0]) & set(X_new[:, 0])
        assert len(X) >= 18
        seen.extend(X_new[:, 0])
        return np.column_stack([X_new[:, 0], -X_new[:, 0]])

    monkeypatch.setattr(rupture_detect, "log_probs", log_probs)
    X = np.arange(23.0)[:, None]
    out = rupture_detect.cross_fitted(X, np.zeros(23), np.random.default_rng(0))
    np.testing.assert_array_equal(out[:, 0], X[:, 0])
    assert sorted(seen) == list(range(23))


# --- rows ----------------------------------------------------------------------------


def test_every_row_is_there_with_every_column(study, facts):
    keys = [row["key"] for row in facts["rows"]]
    assert keys == [
        "logistic", "mle", "map", "ensemble", "recipe", "mf", "best", "average",
        "cov", "hmc", "physics",
    ]  # fmt: skip
    for row in facts["rows"]:
        for column in ("accuracy", "f1", "f1_positive", "ece", "brier", "distance"):
            assert 0 <= row[column]["mean"] <= 1, (row["key"], column)
        assert row["nll"]["mean"] > 0
        assert (row["accuracy"]["se"] is None) == (row["seeds"] == 1)
    have_elbo = [row["key"] for row in facts["rows"] if row["elbo"]["mean"] is not None]
    assert have_elbo == ["logistic", "recipe", "mf", "best", "cov", "hmc"]
    assert facts["rows"][-2]["distance"]["mean"] == facts["reference"]["floor"]


def test_the_log_evidence_is_that_of_the_annealed_network(study, facts):
    """Its particles' mean weight, not their mean log weight; in the place of an ELBO."""
    problem = rupture_rows.FitRows(study.dataset.X, study.raw.X, study.raw.y)
    rng = np.random.default_rng(0).spawn(5)[3]
    found = rupture_rows.annealed(problem, TINY, rng).log_evidence
    assert facts["log_evidence"] == study.rows["hmc"].elbo[0] == found


def test_builders_get_no_test_rows():
    assert rupture_rows.FitRows._fields == ("X", "raw", "y")


def test_scores_are_those_of_the_mean_at_one_half(study):
    y = study.dataset.y_test
    for key in ("map", "mf", "physics"):
        p = study.predictions[key][0].mean
        scores = {
            column: study.scores[key][column][0] for column in rupture_scores.COLUMNS
        }
        assert scores["accuracy"] == np.mean((p > 0.5) == y)
        assert scores["brier"] == pytest.approx(np.mean((p - y) ** 2))
        reference = study.predictions["hmc"][0].mean
        assert scores["distance"] == pytest.approx(np.mean(np.abs(p - reference)))
        right = np.where(y == 1, p, 1 - p)
        assert scores["nll"] == pytest.approx(-np.mean(np.log(right)), rel=1e-6)
        doubt, wrong = np.abs(p - 0.5), (p > 0.5) != y
        pairs = doubt[wrong][:, None] - doubt[~wrong][None]
        auc = np.mean(pairs < 0) + 0.5 * np.mean(pairs == 0)
        assert scores["auc"] == pytest.approx(auc, abs=1e-3)


def test_mean_and_se():
    got = rupture_scores.mean_and_se([1.0, 2.0, 6.0])
    assert got == {"mean": 3.0, "se": pytest.approx(np.sqrt(7 / 3))}
    assert rupture_scores.mean_and_se([2.0, None]) == {"mean": 2.0, "se": None}
    assert rupture_scores.mean_and_se([None]) == {"mean": None, "se": None}


def test_the_recipe_trains_on_balanced_rows_of_its_own_scale(monkeypatch):
    data, seen = datasets.rupture(rng=4), {}

    def fit(model, family, X, y, **options):
        seen.update(X=X, y=y, **options)
        return "fitted"

    monkeypatch.setattr(rupture_rows, "fit", fit)
    problem = rupture_rows.FitRows(data.X, data.X, data.y)
    found = rupture_rows.recipe_fit(problem, TINY, np.random.default_rng(0))
    assert len(seen["y"]) == 2 * np.sum(data.y == 0)
    assert seen["y"].mean() == 0.5
    np.testing.assert_allclose(seen["X"].mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(seen["X"].std(0), 1, rtol=1e-12)
    assert (np.exp(seen["start"]["rho"]) > 0).all()
    assert repr(seen["optimizer"]) == "Adam(0.001)"
    assert found.result == "fitted"


def test_the_physics_rule_finds_its_constants():
    data = datasets.rupture(rng=5)
    rule = rupture_physics.fitted_rule(data.X, data.y)
    assert rule.constants["b"] == pytest.approx(0.5, abs=0.15)
    assert rule.constants["k"] == pytest.approx(10, abs=3)
    assert rule.constants["C"] == pytest.approx(111, abs=12)
    prediction = rule.predict(data.standardised().X)
    odds = rupture_data.log_odds(data.X, **rule.constants)
    np.testing.assert_allclose(prediction.logits, odds, rtol=1e-9)
    right = np.where(data.y == 1, prediction.mean, 1 - prediction.mean)
    np.testing.assert_allclose(np.exp(prediction.log_prob(data.y)), right, atol=1e-12)


# --- claims --------------------------------------------------------------------------


class FirstColumn:
    """Says 1 where the first column is positive."""

    def predict(self, X, n_samples=1000, rng=None):
        return SimpleNamespace(mean=(X[:, 0] > 0).astype(float))


def test_importance_is_the_loss_without_the_column():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 3))
    data = SimpleNamespace(X_test=X, y_test=(X[:, 0] > 0).astype(int))
    drop = rupture_claims.importance(FirstColumn(), data, 4, rng)
    assert drop[0] == pytest.approx(0.5, abs=0.05)
    np.testing.assert_array_equal(drop[1:], 0)
    np.testing.assert_array_equal(np.sort(X[:, 0]), np.sort(data.X_test[:, 0]))


def test_shuffled_stresses_are_mostly_impossible():
    X = rupture_data.draw_inputs(400, rng=0)
    share = rupture_claims.impossible_shares(X, np.random.default_rng(0))
    assert (share[2:5] > 0.5).all()
    np.testing.assert_array_equal(share[[0, 1, 7]], 0)


def test_uncertainty_by_outcome():
    prediction = SimpleNamespace(
        mean=np.array([0.9, 0.8, 0.1, 0.7]), std=np.array([0.1, 0.3, 0.5, 0.7])
    )
    found = rupture_claims.by_outcome(prediction, np.array([1, 1, 0, 0]))
    wanted = {"true positive": 0.2, "true negative": 0.5, "false positive": 0.7}
    assert found == pytest.approx(wanted | {"false negative": None})


def test_a_paired_difference_counts_rows():
    predictions = {
        "a": [SimpleNamespace(mean=np.array([0.9, 0.9, 0.1, 0.1]))],
        "b": [SimpleNamespace(mean=np.array([0.9, 0.1, 0.1, 0.1]))],
    }
    dataset = SimpleNamespace(y_test=np.array([1, 1, 0, 0]))
    study = SimpleNamespace(predictions=predictions, dataset=dataset)
    got = rupture_claims.paired(study, "a", "b")
    assert got == {"points": 25.0, "se": pytest.approx(25.0)}


# --- what a hidden unit is worth -----------------------------------------------------


def test_a_unit_costs_what_the_likelihood_loses(study):
    result = study.rows["mf"].predictors[0]
    X, y = study.dataset.X[:60], study.dataset.y[:60]
    cost = rupture_unit_cost.unit_costs(result, X, y, 20)
    w = result.sample_weights(20)

    def nll(w):
        (W0, b0), (W1, b1) = result.model.net.unpack(w)
        f = np.maximum(X @ W0 + b0, 0) @ W1[:, 0] + b1[0]
        return np.sum(np.logaddexp(0, f) - y * f)

    wanted = []
    for unit in range(12):
        cut = w.copy()
        cut[:, 9 * 12 + unit] = 0
        wanted.append(np.mean([nll(b) - nll(a) for a, b in zip(w, cut, strict=True)]))
    np.testing.assert_allclose(cost, wanted, rtol=1e-9, atol=1e-9)


# --- report --------------------------------------------------------------------------


def without_seconds(value):
    if isinstance(value, dict):
        return {k: without_seconds(v) for k, v in value.items() if k != "seconds"}
    return [without_seconds(v) for v in value] if isinstance(value, list) else value


def test_the_page_says_what_the_rows_show(study, facts):
    page = rupture_report.markdown(facts, [("a.svg", "A picture")])
    for words in (
        "Synthetic stand-in",
        "repeat those 75 rows above",
        "Verdict: swapped.",
        "threshold 0.5",
        f"differ by {facts['reference']['floor']:.4f}",
        "exploratory",
        "![A picture](a.svg)",
    ):
        assert words in page, words
    claims = [item["claim"] for item in facts["claims"]]
    assert len(claims) == 3
    assert all(f"- *{claim}* " in page for claim in claims)
    rule = page.index("three-constant rule is right on")
    assert page.index("fitted to", rule) < page.index("of the test rows", rule)


def test_the_table_is_a_table(facts):
    lines = rupture_report.table(facts).splitlines()
    assert len(lines) == 2 + len(facts["rows"])
    assert {line.count("|") for line in lines} == {13}
    assert "nan" not in "".join(lines)


def test_a_terminal_of_80_columns_gets_the_same(facts):
    """Every word of the page but its table, whose cells stand in several."""
    text, page = rupture_report.in_words(facts), rupture_report.markdown(facts)
    assert max(map(len, text.splitlines())) <= 80
    words = set(text.split())
    rest = page.replace(rupture_report.table(facts), "").replace("\\*", "*")
    assert set(rest.split()) - {"#", "##"} <= words
    lines = rupture_report.narrow_tables(facts).splitlines()
    heads = " ".join(line for line in lines if line.startswith("model ")).split()
    known = [head for head, _ in rupture_report.HEADS.values()]
    assert [h for h in heads if h != "model"] == [*known, "seconds", "seeds"]
    for row in facts["rows"]:
        named = [line for line in lines if line.startswith(row["name"] + " ")]
        cells = " ".join(line.removeprefix(row["name"]) for line in named).split()
        _, seeds, *scores = rupture_report.cells(row)
        assert [c for c in cells if c != "*"] == " ".join([*scores, seeds]).split()


def test_cells():
    assert rupture_report.cell({"mean": 0.12345, "se": 0.011}, 3) == "0.123 ± 0.011"
    assert rupture_report.cell({"mean": 0.5, "se": None}, 2) == "0.50"
    assert rupture_report.cell({"mean": None, "se": None}, 2) == ""


def test_the_command_repeats_the_study(facts, tmp_path, monkeypatch, capsys):
    """One JSON object, progress on standard error, the same numbers as another run."""
    monkeypatch.setattr(rupture, "default_settings", lambda data, seeds: TINY)
    monkeypatch.setattr(rupture_figures, "FIGURES", {})
    assert cli.main(["rupture", "--json", "--out", str(tmp_path / "new")]) == 0
    said = capsys.readouterr()
    printed = json.loads(said.out)
    assert said.out.count("\n") == 1
    assert "log evidence" in said.err
    files = printed.pop("files")
    assert [name.rsplit("/")[-1] for name in files] == ["rupture.json", "rupture.md"]
    written = json.loads((tmp_path / "new" / "rupture.json").read_text("utf-8"))
    assert written == printed
    assert all(row["seconds"] > 0 for row in printed["rows"])
    assert without_seconds(printed) == without_seconds(json.loads(json.dumps(facts)))


def test_settings_of_the_command():
    assert rupture.default_settings(None).seeds == 3
    assert rupture.default_settings("folder").seeds == 10
    assert rupture.default_settings(None, 7).seeds == 7


@pytest.mark.parametrize("seeds", ["0", "-1", "two"])
def test_bad_numbers_of_seeds(seeds, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["rupture", "--seeds", seeds])
    assert left.value.code == 2
    assert "want a whole number >= 1" in capsys.readouterr().err


def test_bad_arguments_of_the_study():
    with pytest.raises(ValueError, match="labels must be one of"):
        rupture.rupture_study(labels="mended")
    with pytest.raises(TypeError, match="settings must be"):
        rupture.rupture_study(settings={"seeds": 2})
    with pytest.raises(FileNotFoundError, match="path must be a folder"):
        rupture.rupture_study("/nowhere/at/all")


# --- figures -------------------------------------------------------------------------


@pytest.mark.parametrize("name", rupture_figures.FIGURES)
def test_figures_have_words_on_their_axes(study, name):
    with style.context(rupture_figures.STYLE):
        figure = rupture_figures.FIGURES[name][0](study)
    shown = [ax for ax in figure.axes if ax.axison]
    assert shown or name == "network"  # whose axes are hidden
    last = figure.axes[-1]
    for ax in shown:
        assert ax.get_xlabel() or ax.get_shared_x_axes().joined(ax, last)
    assert any(ax.get_title(loc="left") for ax in figure.axes)


def test_a_dead_unit_is_crossed_out(study, monkeypatch):
    cost = np.r_[np.full(4, 40.0), 1.1, np.full(7, 0.9)]  # alive from 1 nat on
    monkeypatch.setattr(rupture_figures, "unit_costs", lambda *args: cost)
    ax = rupture_figures.network(study).axes[0]
    words = [text.get_text() for text in ax.texts]
    assert [words.count(word) for word in ("40", "1", "×")] == [4, 1, 7]
    assert ax.get_title().startswith("5 of 12 hidden units are alive")
    means, sds = plots.weight_blocks(rupture_figures.best(study))
    order = plots.unit_orders(means, sds)[1]
    cost[order[0]], cost[order[-1]] = 123.4, -5.0
    titles = [panel.get_title() for panel in rupture_figures.weights(study).axes]
    assert titles == ["Into the strongest unit: removing it costs 123 nats",
                      "Into the weakest unit: removing it costs 0 nats"]  # fmt: skip


def test_sound_labels_need_no_detective_figure(study):
    sound = copy.copy(study)
    sound.detection = copy.copy(study.detection)
    sound.detection.block = None
    (ax,) = rupture_figures.displacement(sound).axes
    assert ax.texts[0].get_text() == "No displaced labels found"


def test_figure_files_are_the_same_twice(study, tmp_path, monkeypatch):
    one = {"reliability": rupture_figures.FIGURES["reliability"]}
    monkeypatch.setattr(rupture_figures, "FIGURES", one)
    names = rupture_figures.write_figures(study, tmp_path)
    assert names == ["reliability.svg", "reliability.png"]
    first = [(tmp_path / name).read_bytes() for name in names]
    rupture_figures.write_figures(study, tmp_path)
    assert first == [(tmp_path / name).read_bytes() for name in names]


# --- the published files -------------------------------------------------------------

# Accuracy and NLL with their standard errors over seeds, measured once with other
# programs (scikit-learn, SciPy, NumPyro); an error of None: a single fit.
MEASURED = {
    "repaired": {
        "logistic": (0.8125, None, 0.364, None),
        "map": (0.9477, 0.004, 0.125, 0.004),
        "ensemble": (0.9572, 0.001, 0.118, 0.001),
        "recipe": (0.8205, 0.002, 0.420, 0.006),
        "mf": (0.9393, 0.003, 0.143, 0.003),
        "hmc": (0.9525, 0.005, 0.1185, 0.003),
        "physics": (0.9875, None, 0.039, None),
    },
    "published": {
        "logistic": (0.8025, None, 0.405, None),
        "map": (0.8870, 0.003, 0.292, 0.005),
        "ensemble": (0.8972, 0.001, 0.281, 0.001),
        "recipe": (0.8165, 0.001, 0.388, 0.006),
        "mf": (0.8618, 0.001, 0.334, 0.001),
        "hmc": (0.9025, 0.005, 0.294, 0.005),
    },
}
SHORTER = Settings(seeds=4, restarts=2, temperatures=800, hmc_draws=500, hmc_warmup=300)
# MAP and mean field here start with L-BFGS and end in slightly other optima.
OTHER_TRAINER = {
    "map": (0.009, 0.010),
    "mf": (0.006, 0.005),
    "ensemble": (0.003, 0.002),
}


@pytest.mark.slow
@pytest.mark.parametrize("labels", ["repaired", "published"])
def test_the_published_files(shared_data, labels):
    if not (shared_data / "rupture").is_dir():
        pytest.skip(f"no folder 'rupture' in {shared_data}")
    study = rupture.rupture_study(shared_data / "rupture", labels, SHORTER)
    facts = rupture_report.to_dict(study)
    assert study.detection.block == (100, 425)
    assert facts["detection"]["columns"]["verdict"] == "swapped"
    rows = {row["key"]: row for row in facts["rows"]}
    for key, (accuracy, accuracy_se, nll, nll_se) in MEASURED[labels].items():
        room = OTHER_TRAINER.get(key, (0.0, 0.0))
        for column, value, se, more in (
            ("accuracy", accuracy, accuracy_se, room[0]),
            ("nll", nll, nll_se, room[1]),
        ):
            found = rows[key][column]
            both = np.hypot(se or 0.0, found["se"] or 0.0)
            near = pytest.approx(value, abs=2 * both + 0.001 + more)
            assert found["mean"] == near, (key, column)
    for key in ("mf", "best", "cov"):
        assert rows[key]["elbo"]["mean"] < facts["log_evidence"]
    assert facts["reference"]["r_hat"] < 1.05
    assert rows["mf"]["distance"]["mean"] < (0.045 if labels == "repaired" else 0.055)
