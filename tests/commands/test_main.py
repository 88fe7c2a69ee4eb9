"""The commands: what they print, what they write, how they fail."""

import importlib
import io
import itertools
import json
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

import minibnn
from minibnn.book import demo as demonstration
from minibnn.commands import main as cli
from minibnn.commands import moving
from minibnn.commands.spelling import spelled
from minibnn.datasets import rupture_data
from minibnn.svi.estimate import estimate_elbo

audit = importlib.import_module("minibnn.audit.verify")

LONGEST = "MeanField(softplus) HeteroscedasticGaussian Pathwise()"
GOOD = {
    "label": "E31",
    "kernel": "likelihoods.gaussian.gaussian_nll",
    "size": 3,
    "complex_step": 1e-16,
    "differences": 1e-11,
    "bound": 1e-10,
    "verdict": "agrees",
}
BAD = GOOD | {"label": "E33", "complex_step": 0.5, "verdict": "wrong"}


@pytest.fixture
def quick(monkeypatch):
    """The demonstration with one gradient to check and one short run."""
    monkeypatch.setattr(audit, "verify", lambda progress=None: [GOOD])
    monkeypatch.setattr(demonstration, "RESTARTS", 1)

    def short(*args, **how):
        return minibnn.fit(*args, **how | {"start": None, "max_steps": 400})

    monkeypatch.setattr(demonstration, "fit", short)


def one_line(text):
    assert text.endswith("\n")
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text


def leaves(argv, capsys):
    """Status and the line on standard error of a call that argparse refuses."""
    with pytest.raises(SystemExit) as left:
        cli.main(argv)
    said = capsys.readouterr()
    assert said.out == ""
    return left.value.code, one_line(said.err)


# --- demo ----------------------------------------------------------------------------


@pytest.mark.optional
def test_demo_prints_a_line_per_step_and_draws(quick, tmp_path, capsys):
    assert cli.parser().parse_args(["demo"]).seed == 0
    assert cli.main(["demo", "--out", str(tmp_path / "new")]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    lines = said.out.splitlines()
    assert max(len(line) for line in lines if str(tmp_path) not in line) <= 80
    heads = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert heads == ["verify", "data", *"123456", "predict", "picture"]
    assert (tmp_path / "new" / "demo.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in (tmp_path / "new" / "demo.svg").read_text("utf-8")
    assert "accuracy 0." in said.out


@pytest.mark.optional
def test_demo_json_is_one_object_with_the_numbers(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(audit, "verify", lambda progress=None: [GOOD])
    assert cli.main(["demo", "--json", "--seed", "3", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    numbers = json.loads(one_line(said.out))
    assert said.err == ""
    assert numbers["seed"] == 3
    assert numbers["verify"] == {
        "gradients": 1,
        "agree": 1,
        "worst_complex_step": 1e-16,
    }
    assert numbers["data"]["rows"] == 1600
    assert numbers["start"]["slope_error"] < 1e-12
    assert numbers["start"]["loss"] == pytest.approx(
        numbers["start"]["nll"] + numbers["start"]["kl"]
    )
    assert -600 < numbers["fit"]["elbo"] < -400
    assert numbers["fit"]["elbo"] == max(numbers["fit"]["restarts"])
    assert len(numbers["fit"]["restarts"]) == demonstration.RESTARTS
    assert numbers["fit"]["elbo"] > numbers["start"]["elbo"] + 500
    assert numbers["test"]["accuracy"] > 0.85
    assert numbers["test"]["log_likelihood"] > -0.35
    assert 0 <= numbers["test"]["ece"] < 0.15
    assert all(Path(file).is_file() for file in numbers["files"])


def test_the_demonstration_by_hand(monkeypatch):
    """What it says of an audit, of rows, of a fit and of a prediction that are known."""
    said = {}
    rows = [GOOD, BAD | {"complex_step": "0.25"}, GOOD]
    monkeypatch.setattr(audit, "verify", lambda progress=None: rows)
    found = demonstration.verified(said.__setitem__)
    assert found == {"gradients": 3, "agree": 2, "worst_complex_step": 0.25}
    assert said["verify"].endswith("largest error 2e-01")
    data = SimpleNamespace(note="Rows.", X=None, y=np.array([1, 0, 0, 0, 1]),
                           y_test=np.ones(3), names=("a", "b"))  # fmt: skip
    found = demonstration.described(data, said.__setitem__)
    assert found == {"note": "Rows.", "rows": 5, "test_rows": 3, "share_of_ones": 0.4}
    assert (
        said["data"] == "Rows. 5 rows to fit, 3 to test, 2 inputs; 40 % break through"
    )
    p, y = np.array([0.9, 0.1, 0.6, 0.2, 0.3]), np.array([1, 1, 0, 0, 0])
    log = np.log([0.9, 0.1, 0.4, 0.8, 0.7])
    prediction = SimpleNamespace(mean=p, log_prob=lambda y: log)
    assert demonstration.scored(prediction, y, said.__setitem__) == pytest.approx({
        "log_likelihood": log.mean(), "accuracy": 0.6,
        "f1": (2 * 1 / 2 + 3 * 2 / 3) / 5,  # weighted by the rows of either class
        "ece": (2 * 0.4 + 0.6 + 0.2 + 0.3) / 5,  # confidences .9 (half right) .6 .8 .7
        "brier": (0.01 + 0.81 + 0.36 + 0.04 + 0.09) / 5,
    })  # fmt: skip
    told = f"log-likelihood {log.mean():.3f} a rupture, accuracy 0.600, ECE 0.380"
    assert told in said["predict"]


def test_what_the_demonstration_says_of_a_fit(monkeypatch):
    """The rise between the last two windows of 200 steps and its standard error."""
    asked, said = {}, {}
    elbo = np.concatenate([np.full(300, -900.0), 2.0 - 4.0 * (np.arange(200) % 2),
                           np.full(200, 10.0)])  # fmt: skip
    elbo[-200::2] += 6.0

    def fit(model, family, X, y, **options):
        asked.update(options)
        tried = [(-3.0, 0.1), (-1.0, 0.5), (-2.0, 9.0)]
        return SimpleNamespace(history={"elbo": elbo}, elbo=-1.0, elbo_se=0.5,
                               restarts=tried)  # fmt: skip

    monkeypatch.setattr(demonstration, "fit", fit)
    data = SimpleNamespace(X=None, y=None)
    _, numbers = demonstration.fitted(None, data, 7, said.__setitem__)
    assert asked == {"rng": 7, "restarts": 4, "start": "lbfgs"}
    se = np.sqrt((4.0 + 9.0) * 200 / 199 / 200)  # halves at ±2, halves at ±3
    assert numbers == {"elbo": -1.0, "elbo_se": 0.5, "restarts": [-1.0, -2.0, -3.0],
                       "last_rise": pytest.approx(13.0),
                       "last_rise_se": pytest.approx(se)}  # fmt: skip
    assert said["6 repeat"] == (
        "until the ELBO stops rising, 700 steps: -1.0 ± 0.5 (restarts -1, -2, -3); rise "
        "in the last 200 steps 13.0 ± 0.3"
    )


def test_the_first_step_of_the_demonstration():
    """Its numbers are those of ``neg_elbo`` there; a wrong slope is told relatively."""
    model = minibnn.Model(
        minibnn.MLP([2, 1]), minibnn.Bernoulli(), minibnn.GaussianPrior()
    )
    rng = np.random.default_rng(0)
    data = SimpleNamespace(X=rng.normal(size=(9, 2)), y=np.arange(9) % 2)
    family, own = minibnn.MeanField(), np.random.default_rng(1)
    got = demonstration.first_step(model, data, np.random.default_rng(1), lambda *_: 0)
    params = family.init(model, own)
    elbo = estimate_elbo(model, family, params, *model.batch(data.X, data.y), own)
    noise = own.standard_normal((1, 3))
    args = model, family, params, noise, data.X, data.y
    loss, grads, parts = minibnn.neg_elbo(*args)
    assert (got["elbo"], got["elbo_se"]) == elbo
    assert (got["loss"], got["nll"], got["kl"]) == (loss, parts["nll"], parts["kl"])
    norms = {key: pytest.approx(np.sqrt((g**2).sum())) for key, g in grads.items()}
    assert got["gradient_norms"] == norms
    half = {key: 0.5 * g for key, g in grads.items()}
    error = demonstration.slope_error(*args, half)  # half the gradient, twice the slope
    assert error == pytest.approx(1.0, rel=1e-12)


def test_the_demonstration_fits_one_half_and_scores_the_other(monkeypatch):
    data = SimpleNamespace(X="fit", y="labels", X_test="test", y_test="truth")
    data.standardised = lambda: data
    result = SimpleNamespace(predict=lambda *args: ("prediction", args))
    seen = {}

    def watch(name, answer=None):
        monkeypatch.setattr(
            demonstration, name, lambda *args: seen.update({name: args}) or answer
        )

    monkeypatch.setattr(demonstration.datasets, "rupture", lambda *args, rng: data)
    for name in ("verified", "described", "first_step", "scored"):
        watch(name, name)
    watch("fitted", (result, "fitted"))
    assert demonstration.demo(rng=0) == {
        "verify": "verified", "data": "described", "start": "first_step",
        "fit": "fitted", "test": "scored",
    }  # fmt: skip
    assert seen["fitted"][1] is data
    assert seen["scored"][:2] == (("prediction", ("test",)), "truth")


def test_the_ruptures_that_are_shown():
    """Spread evenly over p, each once; named by what came of them."""
    p = np.array([0.97, 0.02, 0.5, 0.2, 0.8, 0.4, 0.6, 0.99])
    cases = demonstration.telling_cases(SimpleNamespace(mean=p), 3)
    assert cases.tolist() == [1, 2, 7]
    assert demonstration.telling_cases(SimpleNamespace(mean=p[:1]), 3).tolist() == [0]
    ax = Figure().add_subplot()
    line = minibnn.Model(
        minibnn.MLP([1, 1]), minibnn.Bernoulli(), minibnn.GaussianPrior()
    )
    prediction = minibnn.FitResult(
        line, minibnn.Point(), {"mu": np.array([1.0, 0.0])}, {}, None, None,
        "max_steps", np.random.SeedSequence(0),
    ).predict(np.log(p / (1 - p))[:, None])  # fmt: skip
    demonstration.ruptures(prediction, (p > 0.7).astype(int), ax)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert (names[0], names[-1]) == ("1: stopped", "7: through")


def test_the_title_of_the_network_counts_weights_beyond_three_sds():
    model = minibnn.Model(
        minibnn.MLP([4, 1]), minibnn.Bernoulli(), minibnn.GaussianPrior()
    )
    params = {"mu": np.array([1.0, -2.5, 2.9, -3.1, 9.0]), "rho": np.zeros(5)}
    result = minibnn.FitResult(model, minibnn.MeanField("exp"), params, {}, None, None,
                               "max_steps", None)  # fmt: skip
    ax = Figure().add_subplot()
    demonstration.network(result, list("abcd"), ax)
    assert ax.get_title().startswith("2 of 5 weights lie more than 3 sd from zero")


@pytest.mark.optional
def test_demo_fails_when_a_gradient_is_wrong(quick, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(audit, "verify", lambda progress=None: [GOOD, BAD])
    assert cli.main(["demo", "--out", str(tmp_path)]) == 1
    assert "1 of 2 gradients agree" in capsys.readouterr().out


def test_demo_reads_the_published_files(quick, shared_data, tmp_path, capsys):
    folder = str(shared_data / "rupture")
    assert cli.main(["demo", "--json", "--data", folder, "--out", str(tmp_path)]) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["data"]["rows"] == 1525
    assert "Published files" in numbers["data"]["note"]


def test_demo_draws_nothing_without_a_folder(quick):
    numbers = demonstration.demo(rng=0)
    assert "files" not in numbers


def test_a_missing_data_folder_is_named(tmp_path, capsys):
    status, line = leaves(["demo", "--data", str(tmp_path / "nowhere")], capsys)
    assert status == 2
    assert "argument --data" in line
    assert "nowhere" in line


def test_a_folder_without_the_files_is_named(tmp_path, capsys):
    status, line = leaves(["demo", "--data", str(tmp_path)], capsys)
    assert status == 2
    assert "argument --data" in line
    assert "rupturemodel_train.txt" in line


def test_a_damaged_file_is_named(tmp_path, capsys):
    for name, rows in rupture_data.FILES.items():
        table = np.ones((rows, 9))
        np.savetxt(tmp_path / f"rupturemodel_{name}.txt", table)
    (tmp_path / "rupturemodel_test.txt").write_text("1 2 3\n", "utf-8")
    status, line = leaves(["demo", "--data", str(tmp_path)], capsys)
    assert status == 2
    assert "argument --data: rupturemodel_test.txt must hold 400 rows" in line


def test_out_must_not_be_a_file(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("", "utf-8")
    for out in (file, file / "below"):
        status, line = leaves(["demo", "--out", str(out)], capsys)
        assert status == 2
        assert "argument --out: want a folder" in line


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", ""])
def test_a_seed_is_a_whole_number(seed, capsys):
    status, line = leaves(["demo", f"--seed={seed}"], capsys)
    assert status == 2
    assert "argument --seed" in line


# --- verify --------------------------------------------------------------------------


def test_verify_prints_the_table_and_a_summary(monkeypatch, capsys):
    def told(progress):
        for row in (GOOD, GOOD | {"label": "E51", "kernel": LONGEST}):
            progress(row)
            said.append(capsys.readouterr().out)
        return [GOOD, GOOD]

    said = []
    monkeypatch.setattr(audit, "verify", told)
    assert cli.main(["verify"]) == 0
    assert "E31   gaussian_nll" in said[0]  # each row as soon as it is known
    assert said[1].startswith("E51   q(softplus) Heteroscedastic pathwise ")
    lines = capsys.readouterr().out.splitlines()
    assert "2 of 2 gradients agree" in lines[-1]
    lines += "".join(said).splitlines()
    assert all(len(line) <= 80 for line in lines)
    for word in said[0].split()[2:6]:  # the columns, in the key
        assert word in " ".join(lines)


@pytest.mark.parametrize("verdict", ["wrong", "cannot tell"])
def test_verify_fails_unless_all_agree(verdict, monkeypatch, capsys):
    rows = [GOOD, BAD | {"verdict": verdict}]
    monkeypatch.setattr(audit, "verify", lambda progress=None: rows)
    assert cli.main(["verify"]) == 1
    assert cli.main(["verify", "--json"]) == 1
    assert '"agree": 1' in capsys.readouterr().out


def test_verify_json_holds_every_row(monkeypatch, capsys):
    rows = [GOOD, GOOD | {"bound": np.float64(np.inf)}]
    monkeypatch.setattr(audit, "verify", lambda progress=None: rows)
    assert cli.main(["verify", "--json"]) == 0
    numbers = json.loads(one_line(capsys.readouterr().out))
    assert numbers["gradients"] == numbers["agree"] == 2
    assert set(GOOD) <= set(numbers["rows"][0])
    assert numbers["rows"][1]["bound"] is None  # JSON has no infinity


PROBLEM = """
import numpy as np

def right():
    return lambda x: np.sum(x**2), lambda x: 2 * x, np.array([1.0, 2.0])

def wrong():
    return lambda x: np.sum(x**2), lambda x: 3 * x, np.array([1.0, 2.0])
"""


def test_verify_checks_a_gradient_of_yours(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(PROBLEM, "utf-8")
    assert cli.main(["verify", f"{file}:right"]) == 0
    assert "agrees" in capsys.readouterr().out
    assert cli.main(["verify", "--json", f"{file}:wrong"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "wrong"


@pytest.mark.parametrize("spec", ["mine.py", "nowhere.py:f", "mine.py:absent"])
def test_a_bad_problem_is_one_line(spec, tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(PROBLEM, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["verify", spec]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert spec.split(":")[0] in one_line(said.err)


def test_progress_of_the_study_tells_the_seconds_since_its_beginning(
    monkeypatch, capsys
):
    monkeypatch.setattr(time, "perf_counter", iter([10.0, 75.4]).__next__)
    monkeypatch.setattr(
        "minibnn.rupture.study.rupture_study",
        lambda *args, report, clock: report("fit: everything"),
    )
    monkeypatch.setattr(
        "minibnn.rupture.report.write_study",
        lambda study, out, say: {"files": ["a", "b"]},
    )
    monkeypatch.setattr("minibnn.rupture.report.in_words", lambda facts: "page")
    assert cli.main(["rupture"]) == 0
    said = capsys.readouterr()
    assert said.err == "    65 s  fit: everything\n"
    assert said.out == "page\nwritten: a, b\n"


class Screen(io.StringIO):
    """A terminal, which shows what stands on its lines in the end."""

    def isatty(self):
        return True

    def lines(self):
        return [line.split("\r")[-1].rstrip() for line in self.getvalue().split("\n")]


def test_in_a_terminal_the_stage_at_work_moves(monkeypatch):
    """Its seconds run on between two stages; no line is longer than the terminal."""
    monkeypatch.setattr(moving, "TICK", 0.0)
    monkeypatch.setenv("COLUMNS", "30")
    ticks, drawn = itertools.count(), threading.Event()

    def clock():
        now = next(ticks)
        if now == 5:
            drawn.set()
        return float(now)

    screen = Screen()
    with moving.Moving(screen, clock) as say:
        say("the first of the stages, a long one")
        assert drawn.wait(10)
        say("short")
    first, second, last = screen.lines()
    assert re.fullmatch(r" +\d+ s  the first of .*\.\.\.", first)
    assert int(first.split()[0]) > 4
    assert re.fullmatch(r" +\d+ s  short", second)
    assert last == ""
    assert max(map(len, re.split("[\r\n]", screen.getvalue()))) < 30


# --- figures and the frame -----------------------------------------------------------


def test_figures_writes_the_ones_asked_for(tmp_path, capsys):
    assert cli.main(["figures", "--out", str(tmp_path), "one_step"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'one_step'}.svg\n"
    assert {file.name for file in tmp_path.iterdir()} == {
        "one_step.svg",
        "manifest.json",
    }


def test_an_unknown_figure_is_named(capsys):
    status, line = leaves(["figures", "nope"], capsys)
    assert status == 2
    assert "argument name: no figure 'nope', nearest of" in line


@pytest.mark.parametrize("argv", [["nope"], ["demo", "--nope"], ["verify", "a", "b"]])
def test_a_bad_command_line_is_one_line(argv, capsys):
    status, _ = leaves(argv, capsys)
    assert status == 2


def test_the_version(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("minibnn 0.")


@pytest.mark.parametrize("name", [None, *cli.COMMANDS])
def test_help_reads_well_in_80_columns(name, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as left:
        cli.main([name, "--help"] if name else ["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    if name:
        assert f"examples:\n  minibnn {name}" in text
    else:
        for each in cli.COMMANDS:  # a line each
            head = f"    {each} "
            assert sum(line.startswith(head) for line in text.splitlines()) == 1


def test_nothing_asked_prints_the_help(capsys):
    """As pip does: nothing has failed."""
    assert cli.main([]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("usage: minibnn")
    assert said.err == ""


@pytest.mark.optional
def test_a_reader_who_has_read_enough_ends_the_command_quietly():
    command = [sys.executable, "-c", CLOSED_PIPE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 141)


CLOSED_PIPE = """
import os, sys
from minibnn.commands.main import main
reader, writer = os.pipe()
os.close(reader)
os.dup2(writer, sys.stdout.fileno())
sys.exit(main(["show"]))
"""


def test_a_terminal_of_few_letters_gets_them_spelled(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
    assert cli.main(["show", "E14"]) == 0
    assert b"w = mu + sigma * eps" in raw.getvalue()
    assert spelled("ELBO −3 ± 0.1, σ² ≤ ∂f, größer \udcff") == (
        "ELBO -3 +- 0.1, sigma^2 <= df, gro?er ?"
    )


def test_a_run_that_fails_is_one_line(monkeypatch, capsys):
    def fails(progress=None):
        raise ValueError("step 3: the KL term\nis no longer finite")

    monkeypatch.setattr(audit, "verify", fails)
    assert cli.main(["verify", "--json"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert one_line(said.err) == (
        "minibnn verify: error: step 3: the KL term is no longer finite\n"
    )


def test_ctrl_c_is_one_line(monkeypatch, capsys):
    def interrupted(progress=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(audit, "verify", interrupted)
    assert cli.main(["verify"]) == 130
    assert one_line(capsys.readouterr().err) == "minibnn verify: interrupted\n"


def test_one_ctrl_c_ends_the_demonstration(monkeypatch, tmp_path, capsys):
    """A fit that is interrupted returns what it has; the command does not go on with it."""
    monkeypatch.setattr(audit, "verify", lambda progress=None: [GOOD])

    def ctrl_c(info):
        signal.raise_signal(signal.SIGINT)

    def fit(*args, **how):
        return minibnn.fit(*args, callback=ctrl_c, start=None, max_steps=3)

    monkeypatch.setattr(demonstration, "fit", fit)
    assert cli.main(["demo", "--json", "--out", str(tmp_path)]) == 130
    assert one_line(capsys.readouterr().err) == "minibnn demo: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_plain_turns_numpy_into_json():
    value = {
        "a": np.arange(2),
        "b": (np.float64(1.5), np.nan),
        "c": [np.bool_(True), "x"],
    }
    assert cli.plain(value) == {"a": [0, 1], "b": [1.5, None], "c": [True, "x"]}


@pytest.mark.optional
def test_module_is_the_command(tmp_path):
    def run(*argv):
        return subprocess.run(
            [sys.executable, "-m", "minibnn", *argv],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=60,
            check=False,
        )

    version = run("--version")
    assert version.returncode == 0
    assert version.stdout.startswith("minibnn ")
    bad = run("demo", "--data", "nowhere")
    assert bad.returncode == 2
    assert bad.stdout == ""
    assert "argument --data" in one_line(bad.stderr)
    assert list(tmp_path.iterdir()) == []
