"""The pages are true: they run, print what they show, and link to what exists."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from support.pages import FENCE, math_faults, run_page, same, without_code
from support.tex import lines_of

from minibnn.commands.show import fill_ledger
from minibnn.equations import LEDGER

fill_ledger()
ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "tutorials").glob("[0-9]*.md"))
RUN = [*PAGES, *(ROOT / "tutorials").glob("[pr]*.md"), ROOT / "README.md"]
PROSE = [
    *sorted((ROOT / "tutorials").glob("*.md")),
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")),
]
each_page = pytest.mark.parametrize("page", PROSE, ids=lambda page: page.stem)


@pytest.mark.optional
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_page_runs_and_prints_what_it_shows(page, tmp_path, monkeypatch):
    for folder in ("tutorials", "figures"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "tutorials")  # whatever a page writes stays there
    for line, shown, printed in run_page(page.read_text("utf-8"), str(page)):
        assert same(printed, shown), (
            f"{page.name}:{line}: printed\n{printed}but the page shows\n{shown}"
        )


@each_page
def test_math_keeps_to_what_github_renders(page):
    assert math_faults(page.read_text("utf-8")) == []


@each_page
def test_links_lead_somewhere(page):
    text = without_code(page.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / unquote(target)).exists(), target


def test_files_that_are_named_are_there():
    """In prose, and in what the package says of itself."""
    there = " ".join(path.as_posix() for path in ROOT.rglob("*.py")) + " "
    for text in (*PROSE, *(ROOT / "minibnn").rglob("*.py")):
        for name in re.findall(r"`([\w/]+\.py)`", text.read_text("utf-8")):
            assert f"/{name} " in there, f"{text.name} names {name}"


@each_page
def test_pictures_have_alternative_text(page):
    for words in re.findall(r"!\[([^\]]*)\]", without_code(page.read_text("utf-8"))):
        assert len(words.split()) >= 8, f"{page.name}: say what to see, not {words!r}"


@each_page
def test_labels_exist(page):
    cited = set(re.findall(r"\bE[0-9][0-9]", page.read_text("utf-8")))
    assert cited <= set(LEDGER), f"{page.name} cites unknown {cited - set(LEDGER)}"


def test_every_displayed_label_is_displayed_once():
    shown = [
        label
        for page in PAGES
        for block in FENCE.finditer(page.read_text("utf-8"))
        if block[1] == "math"
        for label, _ in lines_of(block[2])
    ]
    assert len(shown) == len(set(shown)), sorted(shown)
    assert len(shown) > 5


# --- the reader itself ---------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "a $$x$$ b",
        "a $x\\,y$ b",
        "a $\\{x\\}$ b",
        "a $x \\\\ y$ b",
        "a $x * y$ b",
        "a $\\hat{x}_i$ b",
        "a ($x$) b",
        'say "$x$"',
        "# Of $x$",
        "see [the $x$](page.md)",
        "a $x<y$ b",
        "a $\\operatorname{KL}$ b",
        "a $`\\mbox{x}`$ b",
        "```math\nx \\tag{1}\n```",
        "```math\na<b\n```",
    ],
)
def test_lint_finds_what_github_would_spoil(text):
    assert math_faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "a $x_i$ b and $\\frac{1}{2}$ of it",
        "| $p(w)$ | one |",
        "a $`x \\, y`$ b",
        "```math\nx \\, \\; \\{ y \\} \\\\ z_{i}_{j} * 2\n```",
        "`$$` and `$x<y$` are code",
        "```python\nprint('$$', 1<2)\n```",
        "a $x < y$ b",
    ],
)
def test_lint_leaves_good_math_alone(text):
    assert math_faults(text) == []


def test_runner_sees_a_wrong_number_and_a_wrong_word():
    page = "```python\nx = 2\nprint('x is', x)\n```\n\n```text\nx is 2\n```\n"
    ((line, shown, printed),) = run_page(page, "page")
    assert (line, printed) == (6, "x is 2\n")
    assert same(printed, shown)
    assert not same(printed, "x is 3\n")
    assert not same(printed, "y is 2\n")
    assert not same(printed, "x is 2 2\n")
    assert same("ELBO -16.54", "ELBO -16.5")


def test_runner_reports_the_line_of_an_error():
    page = "# Title\n\n```python\nx = 1\nraise KeyError(x)\n```\n"
    with pytest.raises(KeyError) as caught:
        list(run_page(page, "page"))
    assert caught.traceback[-1].lineno == 4  # counted from 0: line 5 of the page
