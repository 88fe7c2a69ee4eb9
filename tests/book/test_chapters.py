"""Every chapter has the same shape, fits a sitting, and leans only on earlier ones."""

import re
from pathlib import Path

import pytest
from support.derivations import displayed
from support.pages import FENCE, INLINE, without_code
from support.tex import TOKEN

BOOK = Path(__file__).resolve().parents[2] / "tutorials"
PAGES = sorted(BOOK.glob("[0-9]*.md"))
MOST = {"10_the_six_steps": 2000}  # words of prose; elsewhere 2500
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def sections(text):
    """{heading: body} of the second level; the part before them under ''."""
    parts = re.split(r"^## (.+)$", text, flags=re.M)
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


def words(text):
    return len(re.findall(r"[A-Za-z0-9'’-]*[A-Za-z0-9][A-Za-z0-9'’-]*", text))


DETAILS = re.compile(r"<details>.*?</details>", re.S)
TABLE = re.compile(r"^\|.*$", re.M)


def prose(text):
    """What counts as prose: no code, formulas, tables, pictures, exercises, details."""
    text = re.sub(r"^## Exercises\n.*?(?=^## |\Z)", "", text, flags=re.M | re.S)
    text = DETAILS.sub("", FENCE.sub("", text))
    text = re.sub(r"^!\[.*?\]\(.*?\)$", "", TABLE.sub("", text), flags=re.M | re.S)
    text = re.sub(r"\$`[^`]+`\$", "", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return INLINE.sub("", text)


def in_tables_and_details(text):
    """The words that stand in tables and behind details."""
    found = DETAILS.findall(text) + TABLE.findall(DETAILS.sub("", text))
    return sum(words(INLINE.sub("", part)) for part in found)


@each_page
def test_a_chapter_fits_a_sitting(page):
    text = page.read_text("utf-8")
    assert words(prose(text)) <= MOST.get(page.stem, 2500)
    assert in_tables_and_details(text) <= 600


@each_page
def test_a_chapter_says_what_it_needs_and_gives(page):
    text = page.read_text("utf-8")
    title, rest = text.split("\n", 1)
    assert title.startswith("# ")
    assert "**Before this page:**" in rest[:400], "which chapters come first?"
    minutes = re.search(r"\*\*Time:\*\* (\d+) minutes to read, (\d+) for", rest[:600])
    assert minutes, "how long does it take?"
    reading = words(prose(text)) / 100  # slow reading, with formulas beside it
    assert 0.7 * reading <= float(minutes[1]) <= 4 * reading
    goals = re.search(r"\*\*Afterwards you can\*\*\n\n((?:- .+\n(?:  .+\n)*)+)", rest)
    assert goals, "goals"
    assert "(exercise" in goals[1], "goals, each tied to an exercise"


@each_page
def test_a_chapter_ends_as_all_do(page):
    found = sections(page.read_text("utf-8"))
    assert list(found)[-3:] == ["Exercises", "Five questions", "Labels and sources"]
    assert "Where it goes wrong" in found
    exercises = re.findall(r"^\d\. ", found["Exercises"], re.M)
    assert 3 <= len(exercises) <= 6
    assert "NotImplementedError" in found["Exercises"], "functions with a gap"
    questions, answers = found["Five questions"].split("<details>")
    assert len(re.findall(r"^\d\. ", questions, re.M)) == 5
    assert len(re.findall(r"^\d\. ", answers, re.M)) == 5
    for label in {label[:3] for label, _ in displayed(page)}:
        assert label in found["Labels and sources"], f"{label} is not in the table"


@each_page
def test_a_chapter_has_a_picture(page):
    assert re.search(r"^!\[", page.read_text("utf-8"), re.M)


def test_the_front_door_adds_up_the_hours():
    """README's three ways through the book: hours, from the minutes of the pages."""
    minutes = {
        page.name: int(re.search(r"(\d+) minutes to read", page.read_text("utf-8"))[1])
        for page in PAGES
    }
    readme = (BOOK.parent / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| .*?(\(\w+\)) \| (.*) \| ([\d, then]+) \|$", readme, re.M)
    assert [who for who, _, _ in rows] == ["(reader)", "(teacher)", "(checker)"]
    for who, way, hours in rows:
        named = re.findall(r"\((?:tutorials/)(\d\d_\w+\.md)\)", way)
        if who == "(reader)":
            named = sorted(minutes)
        said = sum(int(n) for n in re.findall(r"\d+", hours))
        assert abs(sum(minutes[name] for name in named) / 60 - said) < 1, who


# --- labels: who owns them, who may cite them ----------------------------------------


def owners():
    """{label: page that displays it}."""
    return {label[:3]: page for page in PAGES for label, _ in displayed(page)}


def previews(text):
    """The labels that stand in one sentence or bracket with a link to a chapter."""
    link = r"\[chapter \d\d\]\(\d\d_\w+\.md\)"
    marked = {}
    for part in re.split(r"(?<=[.:;!?])\s+|\n\n|\n[-|]", text):
        for label in re.findall(r"\bE\d\d", part):
            linked = set(re.findall(link, part))
            marked.setdefault(label, []).append(linked)
    return marked


@each_page
def test_a_chapter_cites_later_ones_only_as_previews(page):
    """Chapter 00 is all preview."""
    if page.stem.startswith("00"):
        return
    owner = owners()
    text = FENCE.sub("", page.read_text("utf-8"))
    for label, places in previews(text).items():
        later = owner.get(label)
        if later is not None and later.stem > page.stem:
            chapter = f"[chapter {later.stem[:2]}]({later.name})"
            assert all(chapter in linked for linked in places), (
                f"{page.stem} cites {label}, which {later.stem} owns, without its link"
            )


@each_page
def test_chapters_that_are_named_are_linked_or_to_come(page):
    """A number of a chapter that exists is a link at least once on the page."""
    text = without_code(page.read_text("utf-8"))
    names = {other.stem[:2]: other.name for other in PAGES}
    for number in set(re.findall(r"\bchapter (\d\d)\b", text)):
        if number in names and names[number] != page.name:
            assert f"[chapter {number}]({names[number]})" in text, number


# --- one letter, one meaning ---------------------------------------------------------

STRUCTURE = """
frac tfrac sqrt log exp tanh sin cos sum prod int partial nabla le ge leq geq lt gt
approx propto mid Vert lVert rVert lvert rvert left right big Big bigl bigr cdot
times circ to leftarrow rightarrow infty in sim qquad quad begin end underbrace
overline bar hat tilde top mathbin mathrel mathop ldots cdots dots pm ne neq lbrace
rbrace max min det ll gg equiv vert text star ast lfloor rfloor odot Rightarrow iff
sinh cosh lim prime displaystyle bigg Bigl Bigr
""".split()  # commands that stand for no quantity


def symbols(tex):
    """The symbols of a formula: letters, Greek, upright words; E41 and the like not."""
    tex = re.sub(r"\(E\d\d[a-z]?\)|\\(begin|end)\{\w+\}", " ", tex)
    found = set(re.findall(r"\\math(?:rm|cal|bf)\{[^{}]*\}", tex))
    tex = re.sub(r"\\math(?:rm|cal|bf)\{[^{}]*\}|\\text\{[^{}]*\}", " ", tex)
    for name in FIXED:
        tex, count = re.subn(re.escape(name) + r"(?![A-Za-z])", " ", tex)
        found |= {name} if count else set()
    letters = {token for token in TOKEN.findall(tex) if token.lstrip("\\").isalpha()}
    return found | {letter for letter in letters if letter[1:] not in STRUCTURE}


FIXED = ("m_0", "s_0", "m_N", "s_N", r"\sigma_y", "n_w")  # an index in the name
IGNORED = re.compile(r"\\mathrm\{(?:[a-z\\, ]*[a-z]{2}[a-z\\, ]*)\}")  # words in formulas


def rows():
    """{symbol: number of rows that define it} of the table of notation."""
    count = {}
    table = (BOOK / "notation.md").read_text("utf-8")
    for line in TABLE.findall(table):
        for tex in INLINE.findall(line.split("|")[1]):
            for symbol in symbols(tex):
                count[symbol] = count.get(symbol, 0) + 1
    return count


@each_page
def test_every_symbol_is_a_row_of_the_notation(page):
    text = page.read_text("utf-8")
    formulas = [block[2] for block in FENCE.finditer(text) if block[1] == "math"]
    plain = without_code(text)
    formulas += INLINE.findall(plain) + re.findall(r"\$`([^`]+)`\$", plain)
    used = set().union(*(symbols(tex) for tex in formulas))
    unknown = {s for s in used - set(rows()) if not IGNORED.fullmatch(s)}
    assert not unknown, f"{page.stem} uses {sorted(unknown)}, not in notation.md"


def test_one_letter_has_one_meaning():
    assert {symbol for symbol, n in rows().items() if n > 1} == set()
