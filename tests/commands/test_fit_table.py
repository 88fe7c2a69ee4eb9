"""``minibnn fit``: any table gives a result, or an error that says what to do."""

import csv
import io
import json

import numpy as np
import pytest
from support.awkward_tables import BAD, GOOD, PLAIN

import minibnn as mb
from minibnn.commands import main as cli
from minibnn.own_data import files, picture


class Paper:
    """In the place of a figure, where it is no subject: it takes half a second."""

    def savefig(self, path, **how):
        path.write_bytes(b"")


@pytest.fixture
def fit(tmp_path, monkeypatch, capsys, unrecorded):
    """fit(content, *options) -> (status, out, err), in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(picture, "picture", lambda found: Paper())

    def run(content, *options, file="table.csv"):
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / file).write_bytes(content)
        try:
            status = cli.main(["fit", file, "--steps", "5", *options])
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
