"""``minibnn fit``: any table gives a result, or an error that says what to do."""

import csv
import io
import itertools
import json
import signal

import numpy as np
import pytest
from support.awkward_tables import BAD, COLOURS, GOOD, PLAIN, PRICES, SIZES, add

import minibnn as mb
from minibnn.commands import main as cli
from minibnn.own_data import files, picture, study

QUICK = ["--steps", "3", "--hidden", "2"]


class Paper:
    """In the place of a figure, where it is no subject: it takes half a second."""

    def savefig(self, path, **how):
        path.write_bytes(b"")


@pytest.fixture
def fit(tmp_path, monkeypatch, capsys):
    """fit(content, *options) -> (status, out, err), in an empty folder, in few steps."""

    def few_steps(*args, **how):
        return mb.fit(*args, **how | {"start": None})

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(picture, "picture", lambda found: Paper())
    monkeypatch.setattr(study, "fit", few_steps)

    def run(content, *options, file="table.csv"):
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / file).write_bytes(content)
        try:
            status = cli.main(["fit", file, *QUICK, *options])
        except SystemExit as left:
            status = left.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def predictions(folder):
    text = (folder / "table-fit" / "predictions.csv").read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", GOOD)
def test_awkward_tables_are_fitted(name, fit, tmp_path):
    content, options, words = GOOD[name]
    options = options if "--target" in options else ["--target", "price", *options]
    status, out, err = fit(content, *options)
    assert (status, err) == (0, "")
    assert words in " ".join(out.split())
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "nan" not in out.lower().replace("nanometre", "")
    assert names(tmp_path) == ["table-fit", "table.csv"]
    assert names(tmp_path / "table-fit") == sorted(files.FILES)


@pytest.mark.parametrize("name", BAD)
def test_awkward_tables_are_refused_in_one_line(name, fit, tmp_path):
    content, options, words = BAD[name]
    if options is None:
        options = []
    elif "--target" not in options:
        options = ["--target", "price", *options]
    status, out, err = fit(content, *options)
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert len(err) < 500
    assert names(tmp_path) == ["table.csv"]


# --- what is written -----------------------------------------------------------------


def test_the_files_say_what_the_report_says(fit, tmp_path):
    """Predictions are those of the saved model, from the columns that are named."""
    status, out, _ = fit(GOOD["gaps in the target"][0], "--target", "price", "--json")
    told = json.loads(out)
    folder = tmp_path / "table-fit"
    assert status == 0
    assert told["out"] == "table-fit"
    kept = json.loads((folder / "report.json").read_text("utf-8"))
    assert kept.items() <= told.items()
    rows = predictions(tmp_path)
    assert [row["line"] for row in rows] == [str(i) for i in range(2, 26)]
    assert [row["used"] for row in rows[:2]] == ["no target", "no target"]
    used = [row["used"] for row in rows]
    counts = {"training": 18, "held_out": 4, "without_target": 2}
    assert told["rows"] == counts
    assert (used.count("training"), used.count("held out")) == (18, 4)
    result = mb.FitResult.load(folder / "model.npz")
    X = np.array(SIZES)[:, None]
    assert told["inputs"] == ["size"]
    said = result.predict(X)
    assert [float(row["mean"]) for row in rows] == pytest.approx(said.mean, rel=1e-5)
    assert [float(row["sd"]) for row in rows] == pytest.approx(said.std, rel=1e-5)
    low, high = said.interval(0.95)
    assert [float(row["lower"]) for row in rows] == pytest.approx(low, rel=1e-5)
    assert [float(row["upper"]) for row in rows] == pytest.approx(high, rel=1e-5)
    test = [i for i, word in enumerate(used) if word == "held out"]
    log_prob = said.log_prob(np.array(PRICES))[test]
    score = told["scores"]["log_density"]
    assert score["value"] == pytest.approx(log_prob.mean())
    assert score["se"] == pytest.approx(log_prob.std(ddof=1) / 2)
    assert told["fit"]["elbo"] == result.elbo


def test_equal_seeds_give_equal_files(fit, tmp_path):
    args = PLAIN, "--target", "price", "--out"
    for out, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert fit(*args, out, "--seed", seed)[0] == 0
    a, b, c = ((tmp_path / o / "predictions.csv").read_text("utf-8") for o in "abc")
    assert a == b
    assert a != c


def test_held_out_rows_teach_nothing(fit, tmp_path):
    """Wild values in them change no prediction of another row, nor what fills a gap."""
    lines = add("colour", COLOURS).splitlines()
    lines[2] = f",{PRICES[1]},green"  # line 3 of the file, which is trained on
    table = "\n".join(lines)
    assert fit(table, "--target", "price")[0] == 0
    before = predictions(tmp_path)
    test = [i for i, row in enumerate(before) if row["used"] == "held out"]
    assert 1 not in test
    for i in test:
        lines[i + 1] = f"{1e6 * (i + 1)},{-1e5 * (i + 1)},odd"
    told = fit("\n".join(lines), "--target", "price", "--force")[1]
    assert "colour: 5 rows have a word that no training row has" in told
    after = predictions(tmp_path)
    assert len(test) == 5
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        assert old["used"] == new["used"]
        assert (old["mean"] == new["mean"]) == (i not in test)


def test_predictions_are_written_as_the_table_is(fit, tmp_path):
    assert fit(GOOD["BOM, semicolons"][0], "--target", "price")[0] == 0
    text = (tmp_path / "table-fit" / "predictions.csv").read_bytes().decode("utf-8")
    head, first, *_ = text.splitlines()
    assert head == "\ufeffline;used;price;mean;sd;lower;upper"
    line, _, target, *numbers = first.split(";")
    assert (line, target) == ("2", "5,438")
    assert all(float(number.replace(",", ".")) for number in numbers)


def test_probabilities_of_classes(fit, tmp_path):
    assert fit(GOOD["classes"][0], "--target", "price")[0] == 0
    names = "high", "low", "mid"
    for row in predictions(tmp_path):
        p = {name: float(row[f"p({name})"]) for name in names}
        assert sum(p.values()) == pytest.approx(1.0, abs=1e-4)
        assert row["predicted"] == max(p, key=p.get)
        assert all(0 <= float(row[f"lower({n})"]) <= float(row[f"upper({n})"]) for n in p)
    assert fit(GOOD["yes and no"][0], "--target", "price", "--force")[0] == 0
    for row in predictions(tmp_path):
        assert row["predicted"] == ("yes" if float(row["p(yes)"]) > 0.5 else "no")


@pytest.mark.optional
@pytest.mark.parametrize(
    "name", ["plain", "counts", "classes", "yes and no", "nothing held out"]
)
def test_the_picture_shows_what_the_report_says(name, fit, tmp_path, monkeypatch):
    """Of numbers the rows against their predictions, of classes a reliability diagram."""
    drawn = []
    monkeypatch.setattr(picture, "picture", lambda found: drawn.append(found) or Paper())
    content, options, _ = GOOD[name]
    assert fit(content, "--target", "price", *options)[0] == 0
    monkeypatch.undo()
    figure = picture.picture(drawn[0])
    figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"
    left, right = figure.axes
    assert right.get_ylabel() == "ELBO (nats)"
    rows = "24 rows trained on" if name == "nothing held out" else "5 rows held out"
    assert left.get_title("left").startswith(rows)
    known = {"classes": "share that is right", "yes and no": "share of yes"}
    assert left.get_ylabel() == known.get(name, "price")
    if name == "plain":
        dots = next(line for line in left.lines if line.get_label() == "target")
        test = np.flatnonzero(drawn[0].test)
        assert dots.get_ydata() == pytest.approx(np.array(PRICES)[test])
        assert dots.get_xdata() == pytest.approx(drawn[0].told["mean"][test])


@pytest.mark.optional
def test_six_digit_labels_of_the_picture_stand_apart(fit, monkeypatch):
    drawn = []
    monkeypatch.setattr(picture, "picture", lambda found: drawn.append(found) or Paper())
    prices = 150_000 + 23_456.0 * np.arange(24)
    rows = "".join(f"{i},{price}\n" for i, price in enumerate(prices))
    assert fit("size,price\n" + rows, "--target", "price")[0] == 0
    monkeypatch.undo()
    test = drawn[0].test
    drawn[0].told["mean"][test] = np.linspace(230_000, 615_000, test.sum())
    figure = picture.picture(drawn[0])
    figure.canvas.draw()
    low, high = figure.axes[0].get_xlim()
    shown = [
        label.get_window_extent()
        for label in figure.axes[0].get_xticklabels()
        if low <= label.get_position()[0] <= high
    ]
    assert len(shown) >= 3
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(shown))


# --- all or nothing ------------------------------------------------------------------


def test_what_is_there_is_not_replaced_unless_asked(fit, tmp_path):
    mine = tmp_path / "table-fit" / "mine.txt"
    mine.parent.write_text("a file")
    assert "argument --out: want a folder" in fit(PLAIN, "--target", "price")[2]
    mine.parent.unlink()
    mine.parent.mkdir()
    assert fit(PLAIN, "--target", "price")[0] == 0  # an empty folder is as good as none
    mine.write_text("mine")
    (mine.parent / "report.txt").write_text("old")
    status, out, err = fit(PLAIN, "--target", "price")
    assert (status, out) == (2, "")
    assert "argument --out: 'table-fit' is not empty" in err
    assert "argument --target: " in fit(PLAIN, "--target", "prize")[2]  # told first
    assert (mine.parent / "report.txt").read_text() == "old"
    assert fit(PLAIN, "--target", "price", "--force")[0] == 0
    assert mine.read_text() == "mine"
    assert "24 rows" in (mine.parent / "report.txt").read_text("utf-8")
    assert names(tmp_path) == ["table-fit", "table.csv"]


@pytest.mark.parametrize("there", [False, True])
def test_a_disk_that_is_full_leaves_nothing_half_written(there, fit, tmp_path, monkeypatch):
    def full(self, path, **how):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Paper, "savefig", full)
    if there:
        (tmp_path / "table-fit").mkdir()
    status, out, err = fit(PLAIN, "--target", "price")
    assert (status, out) == (1, "")
    assert err == "minibnn fit: error: [Errno 28] No space left on device\n"
    assert names(tmp_path) == ["table-fit"] * there + ["table.csv"]
    assert not there or names(tmp_path / "table-fit") == []


@pytest.mark.parametrize("where", ["steps", "signal", "writing"])
def test_ctrl_c_leaves_nothing(where, fit, tmp_path, monkeypatch):
    def interrupted(*args, **how):
        if where == "signal":
            signal.raise_signal(signal.SIGINT)
        raise KeyboardInterrupt

    if where == "writing":
        monkeypatch.setattr(Paper, "savefig", interrupted)
    else:  # a fit that is interrupted returns what it has
        monkeypatch.setattr(
            study, "fit", lambda *args, **how: mb.fit(*args, callback=interrupted, **how)
        )
    status, out, err = fit(PLAIN, "--target", "price")
    assert (status, out) == (130, "")
    assert err == "minibnn fit: interrupted\n"
    assert names(tmp_path) == ["table.csv"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


REFUSED = {  # options that do not fit: words of the one line
    ("--task", "guess"): "invalid choice: 'guess'",
    ("--test-share", "1"): "--test-share: want a number in [0, 0.9], got '1'",
    ("--test-share", "nan"): "--test-share",
    ("--test-share", "a fifth"): "--test-share",
    ("--hidden", "0"): "--hidden: want a whole number >= 1",
    ("--steps", "-5"): "--steps",
    ("--seed", "x"): "--seed",
    ("--decimal", "dot"): "--decimal",
    ("--out", "table.csv"): "--out: want a folder",
}


@pytest.mark.parametrize("options", REFUSED, ids=" ".join)
def test_options_that_do_not_fit(options, fit, tmp_path):
    status, out, err = fit(PLAIN, "--target", "price", *options)
    assert (status, out) == (2, "")
    assert REFUSED[options] in err
    assert err.count("\n") == 1
    assert names(tmp_path) == ["table.csv"]


def test_a_file_that_is_not_there(fit, tmp_path, capsys):
    fit(PLAIN)
    for file, words in {"tabel.csv": "did you mean 'table.csv'?", ".": "it is a folder",
                        "no/where.csv": "No such file"}.items():  # fmt: skip
        assert cli.main(["fit", file, "--target", "price"]) == 2
        assert words in capsys.readouterr().err
