"""Tables: aligned text within a terminal, escaped HTML, Markdown."""

from html.parser import HTMLParser

from minibnn.tables import Summary, Table, html_of

ROWS = [["mu", "1.5"], ["a | <b>", "-10"]]


def test_columns_are_as_wide_as_their_widest_cell():
    lines = str(Table(["name", "value"], ROWS, "<>")).splitlines()
    assert lines == ["name     value", "mu         1.5", "a | <b>    -10"]


def test_last_words_are_broken_at_80_columns():
    words = " ".join(["word"] * 40)
    lines = str(Table([], [["fact", words]], "<<")).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) > 2
    assert all(line.startswith("      word") for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == f"fact {words}"


def test_markdown_escapes_its_bars():
    lines = Table(["name", "value"], ROWS, "<>").markdown().splitlines()
    assert lines[:2] == ["| name | value |", "| --- | ---: |"]
    assert lines[3] == r"| a \| <b> | -10 |"


class Cells(HTMLParser):
    """The texts of an HTML table, by what stands around them."""

    def __init__(self):
        super().__init__()
        self.tags, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.tags[-1], data))


def test_html_says_the_same_and_nothing_in_it_is_markup():
    seen = Cells()
    seen.feed(html_of(["1 < 2 & <script>", Table(["name", "<i>"], ROWS, "<>")]))
    assert seen.texts == [
        ("p", "1 < 2 & <script>"),
        ("th", "name"), ("th", "<i>"),
        ("td", "mu"), ("td", "1.5"), ("td", "a | <b>"), ("td", "-10"),
    ]  # fmt: skip
    assert set(seen.tags) == {"p", "table", "tr", "th", "td"}


def test_the_numbers_of_a_summary_are_its_own():
    summary = Summary(["head"], {"list": [1]})
    summary.to_dict()["list"].append(2)
    assert summary.to_dict() == {"list": [1]}
    assert repr(summary) == str(summary) == "head"
