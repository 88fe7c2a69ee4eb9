"""Progress: silent, in lines, as a bar, by tqdm; and what watching costs."""

import io
from types import SimpleNamespace

import numpy as np
import pytest

import minibnn as mb
from minibnn import progress
from minibnn.progress import Bar, Lines, Progress, Tqdm

X = np.linspace(-1.0, 1.0, 12)[:, None]
MODEL = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.3), mb.GaussianPrior(0.0, 1.0))
OPTIONS = {"rng": 0, "start": None, "max_steps": 60, "optimizer": mb.Adam(0.01)}


class Screen(io.StringIO):
    """A terminal that keeps what was written."""

    def isatty(self):
        return True

    def pictures(self):
        """What stood on its last lines, one after the other."""
        return [part.rstrip() for part in self.getvalue().split("\r") if part.strip()]


@pytest.fixture
def screen(monkeypatch):
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=Screen()))
    monkeypatch.setenv("COLUMNS", "80")
    return progress.sys.stderr


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def no_package(name):
    return None


def interrupted(show):
    show(1)
    raise KeyboardInterrupt


def watched(n, words=None, **options):
    with Progress(True, "step", n, "steps", **options) as show:
        for i in range(options.get("begun", 0), n):
            show(i + 1, words)


def test_nothing_is_made_unless_asked(capsys):
    with Progress(False, "step", 10) as show:
        show(5, lambda n: 1 / 0)
    assert capsys.readouterr() == ("", "")


def test_a_log_has_a_line_for_each_tenth(capsys):
    watched(30, lambda n: f"at {n}")
    wanted = [f"step {n}/30  at {n}" for n in range(3, 31, 3)]
    assert capsys.readouterr().err.splitlines() == wanted


def test_steps_in_a_stretch_are_told_one_tenth_after_the_other(capsys):
    with Progress(True, "step", 30) as show:
        show(7)
        show(10)
    assert capsys.readouterr().err.splitlines() == [
        f"step {n}/30" for n in (3, 6, 9, 10)
    ]


def test_what_was_done_before_is_not_told_again(capsys):
    watched(30, begun=14)
    assert capsys.readouterr().err.splitlines() == [
        f"step {n}/30" for n in (15, 18, 21, 24, 27, 30)
    ]


def test_a_task_without_known_end_is_told_ever_more_seldom(capsys):
    with Progress(True, "start", unit="evaluations") as show:
        for i in range(450):
            show(i + 1)
    assert capsys.readouterr().err.splitlines() == [
        f"start {n} evaluations" for n in (100, 200, 400, 450)
    ]


def test_a_bar_has_share_rate_time_left_and_words(screen, clock, monkeypatch):
    monkeypatch.setattr(progress.importlib.util, "find_spec", no_package)
    with Progress(True, "step", 200, "steps") as show:
        for i in range(200):
            clock[0] += 0.0625  # exact in binary
            show(i + 1, lambda n: f"ELBO -{n}")
    pictures = screen.pictures()
    assert len(pictures) == 101  # of 200 steps, every second of them, and the end
    assert pictures[49] == (
        "step  50% |#####     | 100/200 [00:06<00:06, 16 steps/s]  ELBO -100"
    )
    assert pictures[-1].startswith("step 100% |##########| 200/200 [00:12<00:00")
    assert max(map(len, pictures)) < 80
    assert screen.getvalue().endswith("\n")


def test_where_room_is_short_the_words_stay_and_the_picture_goes(
    screen, clock, monkeypatch
):
    monkeypatch.setattr(progress.importlib.util, "find_spec", no_package)
    with Progress(True, "sampling", 3000, "draws") as show:
        clock[0] += 4.0
        show(240, lambda n: "mean log joint -160.12")
    assert screen.pictures()[-1] == (
        "sampling   8% 240/3000 [00:04<00:46, 60 draws/s]  mean log joint -160.12"
    )


def test_words_are_made_for_pictures_alone(screen, clock, monkeypatch):
    monkeypatch.setattr(progress.importlib.util, "find_spec", no_package)
    made = []
    with Progress(True, "step", 1000, "steps") as show:
        for i in range(1000):
            clock[0] += 0.001
            show(i + 1, lambda n: made.append(n) or "")
    assert 9 <= len(made) <= 11


def test_a_line_never_outgrows_the_terminal(screen, clock, monkeypatch):
    monkeypatch.setattr(progress.importlib.util, "find_spec", no_package)
    watched(3, lambda n: "word " * 100)
    assert max(map(len, screen.pictures())) < 80


def test_an_error_leaves_the_bar_and_its_line(screen, clock, monkeypatch):
    monkeypatch.setattr(progress.importlib.util, "find_spec", no_package)
    with pytest.raises(KeyboardInterrupt), Progress(True, "step", 3, "steps") as show:
        interrupted(show)
    assert "1/3" in screen.pictures()[-1]
    assert screen.getvalue().endswith("\n")


class Handle:
    """In the place of IPython's ``display``: what it shows, and what replaces it."""

    def __init__(self):
        self.first, self.later = [], []

    def display(self, text, *, raw, display_id):
        assert raw
        assert display_id
        self.first.append(text["text/plain"])
        return self

    def update(self, text, *, raw):
        assert raw
        self.later.append(text["text/plain"])


def test_in_a_notebook_a_bar_is_one_output_and_none_is_red(monkeypatch, capsys, clock):
    shown = Handle()
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr(progress.importlib.util, "find_spec", no_package)
    monkeypatch.setattr(progress.importlib, "import_module", lambda name: shown)
    with Progress(True, "step", 3, "steps") as show:
        for i in range(3):
            clock[0] += 0.25
            show(i + 1)
    progress.report("a line")
    assert [len(shown.first), len(shown.later)] == [1, 3]
    assert "1/3" in shown.first[0]
    assert "3/3" in shown.later[-1]
    assert capsys.readouterr() == ("a line\n", "")


def test_who_shows_it(screen, monkeypatch):
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: name)
    assert progress.view() is Tqdm
    monkeypatch.setattr(progress.importlib.util, "find_spec", no_package)
    assert progress.view() is Bar
    progress.sys.stderr = io.StringIO()
    assert progress.view() is Lines


@pytest.mark.optional
def test_tqdm_where_it_is_installed(screen):
    pytest.importorskip("tqdm", reason="needs tqdm: pip install '.[oracles]'")
    watched(50, lambda n: f"ELBO -{n}", begun=10)
    assert "50/50" in screen.pictures()[-1]
    assert "ELBO" in screen.getvalue()
    assert screen.getvalue().endswith("\n")


def fitted(**options):
    return mb.fit(MODEL, mb.MeanField(), X, X[:, 0] ** 2, **OPTIONS | options)


@pytest.mark.parametrize("options", [{}, {"restarts": 3}, {"replicas": 2}], ids=str)
def test_watching_changes_no_number(options, capsys):
    plain, seen = fitted(**options), fitted(**options, verbose=True)
    assert (np.asarray(plain.elbo) == seen.elbo).all()
    for key, value in plain.params.items():
        np.testing.assert_array_equal(value, seen.params[key])


def test_restarts_go_together_when_they_are_watched(capsys):
    fitted(restarts=3, verbose=True)
    lines = capsys.readouterr().err.splitlines()
    assert "3 restarts: step 60/60" in " ".join(lines)
    fitted(restarts=2, verbose=True, callback=lambda info: None)
    said = capsys.readouterr().err
    assert "restart 1 of 2: step 60/60" in said
    assert "restart 2 of 2: step 60/60" in said


def test_every_long_task_is_shown(capsys):
    y = X[:, 0] ** 2
    result = mb.fit(MODEL, mb.FullCovariance(), X, y, rng=0, verbose=True, max_steps=5)
    said = capsys.readouterr().err
    for task in ("2 mean-field fits: step", "start", "step 5/5", "ELBO"):
        assert task in said, task
    fitted(start="lbfgs", verbose=True)
    assert "start " in capsys.readouterr().err
    result.predict(X, n_samples=20, verbose=True).mean  # noqa: B018
    assert "predict 20/20" in capsys.readouterr().err
    few = {"n_particles": 4, "n_temperatures": 5}
    mb.ais(MODEL, X, y, rng=0, verbose=True, **few)
    assert "forward 5/5" in capsys.readouterr().err
    mb.hmc(MODEL, X, y, rng=0, n_warmup=20, n_draws=10, verbose=True)
    said = capsys.readouterr().err
    assert "warm-up 20/20" in said
    assert "sampling 10/10" in said
