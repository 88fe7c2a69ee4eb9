"""``minibnn show``: an equation found from its label, whatever it is."""

import json
from pathlib import Path

import pytest

import minibnn
from minibnn.commands import main as cli
from minibnn.commands import show
from minibnn.equations import LEDGER

show.fill_ledger()
ROOT = Path(minibnn.__file__).parents[1]


@pytest.mark.optional
@pytest.mark.parametrize("label", sorted(LEDGER))
def test_every_label_is_found_where_it_is_derived(label):
    found = show.facts(label)
    line = Path(found["file"]).read_text("utf-8").splitlines()[found["line"] - 1]
    assert f"({label})  {found['formula'][0]}" in line
    assert not any(word in " ".join(found["formula"]) for word in ("Derivation", "(E"))
    for place in (found["inputs"], *found["tests"], *found["pages"]):
        if place is not None:
            file, number = place.rsplit(":", 1)
            assert len((ROOT / file).read_text("utf-8").splitlines()) >= int(number)
    assert found["inputs"] or found["tests"], "checked nowhere"


def test_an_equation_is_told_in_words_and_in_json(capsys):
    assert cli.main(["show", "e14"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("E14  ")
    assert "\n    w = mu + sigma ∘ eps,  eps ~ N(0, I)\n" in said
    names = "mean_field.py: 10_the_six_steps.md: one_step.svg verify reparameterization"
    for part in names.split():
        assert part in said
    assert cli.main(["show", "E14", "--json"]) == 0
    assert "one_step" in json.loads(capsys.readouterr().out)["figures"]


def test_without_a_label_all_are_listed_in_one_line_each(capsys):
    assert cli.main(["show"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(LEDGER)
    assert len({line[3:] for line in lines}) == len(lines)  # no two say the same
    assert max(map(len, lines)) < 80


def test_where_no_tests_are_installed_that_is_said(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(show, "PACKAGE", tmp_path / "site-packages" / "minibnn")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["show", "E83"]) == 0
    assert capsys.readouterr().out.count("not here: they come with the source") == 2
    monkeypatch.chdir(ROOT)  # installed, but the source is the current folder
    assert cli.main(["show", "E83"]) == 0
    assert "tests/" in capsys.readouterr().out


@pytest.mark.parametrize(("text", "near"), [("E19", "E16"), ("X9", "E91"), ("", "E01")])
def test_an_unknown_label_is_named_with_the_nearest(text, near, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["show", text])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert f"argument label: no equation {text!r}, nearest are " in said
    assert near in said
    assert said.count("\n") == 1


def test_the_page_of_labels_is_what_the_command_writes(capsys):
    assert cli.main(["show", "--markdown"]) == 0
    page = (ROOT / "tutorials" / "labels.md").read_text("utf-8")
    assert page == capsys.readouterr().out, "minibnn show --markdown > tutorials/labels.md"
    rows = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| E")]
    assert rows == [f"| {label}" for label in sorted(LEDGER)]
