"""The notebooks are the pages: they run from top to bottom and print what pages show."""

import contextlib
import io
import json
import re
from pathlib import Path

import pytest
from support.pages import same

from minibnn.book import figures, notebooks
from minibnn.commands import main as cli
from minibnn.commands import notebooks as command

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "tutorials"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{name: notebook} of all pages."""
    files = notebooks.write_notebooks(PAGES, tmp_path_factory.mktemp("notebooks"))
    return {Path(file).stem: json.loads(Path(file).read_text("utf-8")) for file in files}


def sources(page, kind):
    return ["".join(c["source"]) for c in page["cells"] if c["cell_type"] == kind]


def printed(page):
    """Lines of the outputs that a notebook comes with."""
    for one in page["cells"]:
        for output in one.get("outputs", ()):
            yield from output["text"]


def test_every_chapter_becomes_a_notebook(made):
    assert {page.stem for page in PAGES.glob("[0-9]*.md")} <= set(made)


def test_they_are_what_jupyter_reads(made):
    nbformat = pytest.importorskip("nbformat")
    for page in made.values():
        nbformat.validate(page)


def test_the_cells_have_ids_of_their_own_and_say_something(made):
    for page in made.values():
        ids = [one["id"] for one in page["cells"]]
        assert len(ids) == len(set(ids))
        assert all("".join(one["source"]).strip() for one in page["cells"])


def test_equal_pages_give_equal_bytes(tmp_path):
    first = notebooks.write_notebooks(PAGES, tmp_path / "a")
    second = notebooks.write_notebooks(PAGES, tmp_path / "deeper/b")
    for a, b in zip(first, second, strict=True):
        assert Path(a).read_bytes() == Path(b).read_bytes()


def test_nothing_of_a_page_is_lost(made):
    """Its words stand in the text, its code in the cells, its pictures are drawn."""
    for name, page in made.items():
        text = (PAGES / f"{name}.md").read_text("utf-8")
        told = "\n".join(sources(page, "markdown")).replace("$$", "")
        code = "\n".join(sources(page, "code"))
        shown = "".join(printed(page))
        pictures = re.findall(r"^!\[.*?\]\(\.\./figures/(\w+)\.svg\)$", text, re.M)
        assert re.findall(r'^Drawing\("(\w+)"\)$', code, re.M) == pictures
        everything = re.findall(r"\w+", told + code + shown)
        text = re.sub(r"\.md\b|^```\w*|figures/\w+\.svg|\[!\w+\]", "", text, flags=re.M)
        assert set(re.findall(r"\w+", text)) <= {*everything}, name


def test_no_picture_and_no_link_leads_into_the_void(made):
    for page in made.values():
        for text in sources(page, "markdown"):
            assert not re.search(r"!\[", text)
            for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
                there = target.removesuffix(".ipynb") in made
                assert there or (PAGES / target).exists(), target


@pytest.mark.optional
@pytest.mark.parametrize("name", ["01_likelihood", "04_kl", "06_reparameterize"])
def test_it_runs_from_top_to_bottom(name, made, tmp_path, monkeypatch):
    """Every cell in one namespace; what is printed is the output that it came with."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for one in made[name]["cells"]:
        if one["cell_type"] == "code":
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                exec(compile("".join(one["source"]), name, "exec"), names)
            for shown in one["outputs"]:
                assert same(said.getvalue(), "".join(shown["text"]))


def test_where_the_package_is_nothing_is_fetched(monkeypatch):
    """The first cell installs only where there is nothing to import."""
    ran = []
    monkeypatch.setattr("subprocess.check_call", ran.append)
    exec(notebooks.SETUP, {})
    assert ran == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exec(notebooks.SETUP, {})
    assert ran[0][1:] == ["-m", "pip", "install", "-q", "minibnn"]


def test_a_drawing_shows_the_figure_of_the_page():
    svg = figures.Drawing("one_step")._repr_svg_()
    assert svg.startswith("<?xml")
    assert "<dc:date>" not in svg


def test_a_formula_a_note_and_other_code_stay_in_the_text():
    page = "# T\n\n> [!NOTE]\n> Mind $`a`$.\n\n```math\nx\n```\n\n```sh\n# words\n```\n"
    setup, text = notebooks.notebook(page)["cells"]
    assert setup["cell_type"] == "code"
    assert "".join(text["source"]) == (
        "# T\n\n> **Note.** Mind $a$.\n\n$$\nx\n$$\n\n```sh\n# words\n```"
    )


# --- the command ---------------------------------------------------------------------


def test_the_command_writes_them(tmp_path, capsys):
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "a.md").write_text("# A\n\n```python\nprint(1)\n```\n", "utf-8")
    (pages / "b.md").write_text("# no code\n", "utf-8")
    out = tmp_path / "out"
    assert cli.main(["notebooks", "--from", str(pages), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out / 'a.ipynb'}\n"
    assert [file.name for file in out.iterdir()] == ["a.ipynb"]


def test_without_the_source_it_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "checkout", lambda: None)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["notebooks"]) == 1
    assert "--from DIR" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_pages_is_named(tmp_path, capsys):
    assert cli.main(["notebooks", "--from", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["notebooks", "--from", str(tmp_path / "no")])
    assert "argument --from: want a folder" in capsys.readouterr().err
