"""Bad command lines: one line on standard error, status 2, nothing else."""

import os

import pytest

from minibnn.commands import main as cli

REFUSED = {  # arguments: words of the one line
    ("train",): "invalid choice: 'train'",
    ("--seed", "1"): "",
    ("demo", "--seed", "-1"): "whole number >= 0, got '-1'",
    ("demo", "--seed", "1.5"): "whole number >= 0, got '1.5'",
    ("demo", "--seed", "one"): "whole number >= 0, got 'one'",
    ("demo", "--seed", ""): "whole number >= 0",
    ("demo", "--seed"): "expected one argument",
    ("demo", "--seed", "²"): "whole number >= 0",
    ("demo", "--seed", "9" * 5000): "whole number >= 0, got '999",
    ("demo", "--out", ""): "want a folder",
    ("demo", "--out", "x" * 300): "argument --out: File name too long",
    ("rupture", "--seeds", "0"): "whole number >= 1",
    ("rupture", "--seeds", "9" * 30): "<= 10000",
    ("rupture", "--seeds", "9" * 5000): "<= 10000",
    ("rupture", "--seeds", "1.5"): "'1.5'",
    ("rupture", "--labels", "no"): "'no'",
    ("rupture", "--out", "file.txt"): "file.txt is a file",
    ("demo", "--data", "nowhere"): "nowhere",
    ("demo", "--data", "file.txt"): "file.txt",
    ("demo", "--data", ""): "",
    ("demo", "--data", "."): "rupturemodel_train.txt",
    ("demo", "--out", "file.txt"): "file.txt is a file",
    ("demo", "--out", "file.txt/new"): "file.txt is a file",
    ("demo", "--fast"): "--fast",
    ("demo", "more"): "more",
    ("figures", "no_such_figure"): "no_such_figure",
    ("figures", "--out", "file.txt"): "file.txt is a file",
    ("notebooks", "--from", "nowhere"): "'nowhere' is missing",
    ("notebooks", "--from", "file.txt"): "'file.txt' is a file",
    ("notebooks", "--from", ""): "'' is nothing",
    ("notebooks", "--from", "x" * 300): "File name too long",
    ("notebooks", "--out", "file.txt"): "file.txt is a file",
    ("verify", "--json", "yes", "no"): "no",
}
FAILED = {  # a file, a function, or a problem that is not there
    ("verify", "file.txt"): "FILE.py:function",
    ("verify", "nowhere.py:f"): "nowhere.py",
    ("verify", "problem.py"): "FILE.py:function",
    ("verify", "problem.py:g"): "no function 'g'",
    ("verify", "problem.py:two"): "must return (f, grad, x)",
    ("verify", "problem.py:nan"): "finite",
    ("verify", "problem.py:text"): "x must",
}
PROBLEM = """
def two():
    return 1, 2

def nan():
    return (lambda x: float("nan")), (lambda x: x), __import__("numpy").ones(2)

def text():
    return (lambda x: 1.0), (lambda x: x), "abc"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "file.txt").write_text("no folder")
    (tmp_path / "problem.py").write_text(PROBLEM)
    monkeypatch.chdir(tmp_path)


def one_line(text, words):
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    assert words in text
    assert len(text) < 500


@pytest.mark.parametrize("argv", REFUSED, ids=" ".join)
def test_refused(argv, capsys):
    before = sorted(os.listdir())  # noqa: PTH208
    with pytest.raises(SystemExit) as left:
        cli.main(list(argv))
    said = capsys.readouterr()
    assert left.value.code == 2
    assert said.out == ""
    one_line(said.err, REFUSED[argv])
    assert sorted(os.listdir()) == before  # noqa: PTH208


@pytest.mark.parametrize("argv", FAILED, ids=" ".join)
@pytest.mark.parametrize("json", [[], ["--json"]], ids=["text", "json"])
def test_failed(argv, json, capsys):
    assert cli.main([*argv, *json]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    one_line(said.err, FAILED[argv])
