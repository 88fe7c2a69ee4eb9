"""Every claim of the two source texts leads to a chapter, to labels there, to a test."""

import re
from pathlib import Path

import pytest

from minibnn.commands.show import fill_ledger
from minibnn.equations import LEDGER

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "tutorials" / "sources.md").read_text("utf-8")
ROWS = {
    cells[0]: cells[1:]
    for line in re.findall(r"^\| ([SA]\d+ \|.*) \|$", PAGE, re.M)
    for cells in [[cell.strip() for cell in line.split(" | ")]]
}
fill_ledger()


def test_every_claim_is_answered_once():
    wanted = [f"S{k}" for k in range(1, 23)] + [f"A{k}" for k in range(1, 22)]
    assert re.findall(r"^\| ([SA]\d+) ", PAGE, re.M) == wanted


@pytest.mark.parametrize("name", ROWS)
def test_a_row_leads_somewhere(name):
    claim, truth, chapter, labels, test = ROWS[name]
    assert claim.endswith(".")
    assert truth.endswith(".")
    labels = re.findall(r"E\d\d", labels)
    assert set(labels) <= set(LEDGER)
    assert (ROOT / test.strip("`")).is_file() or name == "A10"
    page = re.search(r"\((\d\d_\w+\.md)\)", chapter)
    if page is None:  # the second half of the book
        assert 11 <= int(chapter) <= 18
        return
    text = (ROOT / "tutorials" / page[1]).read_text("utf-8")
    assert labels
    for label in labels:
        assert label in text, f"{page[1]} does not speak of {label}"
