"""Kept numbers: each has a function that makes it again, a page that reads it."""

import math
import re
from importlib import import_module
from pathlib import Path

import pytest

from minibnn.book import records

BOOK = Path(__file__).resolve().parents[2] / "tutorials"
for room in records.ROOMS:
    import_module(f"minibnn.book.{room}")
KEPT = records.read()


def test_every_record_is_kept_and_has_its_function():
    assert sorted(KEPT) == sorted(records.RECORDS)


def test_every_record_is_read_by_a_page_or_a_figure():
    places = [*BOOK.glob("*.md"), *Path(records.__file__).parent.glob("*_figures.py")]
    text = " ".join(path.read_text("utf-8") for path in places)
    read = set(re.findall(r'recorded\("(\w+)"\)', text))
    assert read == set(KEPT)


def test_a_record_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no record 'depth', want one of"):
        records.recorded("depth")


def test_a_record_of_files_asks_for_them():
    with pytest.raises(ValueError, match=r"'rupture_files' needs .* --data FOLDER"):
        records.write(["rupture_files"])


CHANCE = {  # what the clock says, and how far chains, whose last digits grow, were off
    "seconds", "divergences", "error", "floor", "ess_outputs", "ess_small_steps",
}  # fmt: skip


def agree(kept, again):
    """Equal but for what a year of other machines may do to training."""
    if isinstance(kept, dict):
        return kept.keys() == again.keys() and all(
            agree(kept[k], again[k]) for k in kept.keys() - CHANCE
        )
    if isinstance(kept, list):
        return len(kept) == len(again) and all(map(agree, kept, again))
    if isinstance(kept, float):
        return math.isclose(kept, again, rel_tol=0.05, abs_tol=1e-9)
    return kept == again


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(records.RECORDS))
def test_a_record_is_made_again(name, request):
    files = []
    if records.needs_files(name):
        files = [request.getfixturevalue("shared_data") / "rupture"]
    kept = {key: number for key, number in KEPT[name].items() if key != "seconds"}
    assert agree(kept, records.RECORDS[name](*files))
