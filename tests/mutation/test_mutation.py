"""The recorded mutation score: of today's mutants, and not fallen."""

import json
from pathlib import Path

import pytest
from mutation.mutation import ALL, REASONS, as_markdown, place, planted

import minibnn

PACKAGE = Path(minibnn.__file__).parent
HERE = Path(__file__).parent


@pytest.mark.parametrize("mutant", ALL, ids=lambda m: m[0])
def test_every_mutant_still_applies_exactly_once(mutant):
    _, file, old, new, *tests = mutant
    source = place(PACKAGE, file).read_text(encoding="utf-8")
    assert planted(source, old, new) != source
    for test in tests:
        name, _, function = test.partition("::")
        assert f"def {function}(" in (HERE.parent / name).read_text(encoding="utf-8")


def test_a_patch_that_does_not_apply_is_refused():
    with pytest.raises(ValueError, match="applies 2 times"):
        planted("a b a", "a", "c")


def test_the_recorded_score_is_of_these_mutants_and_high():
    record = json.loads((HERE / "mutation_score.json").read_text(encoding="utf-8"))
    names = {*record["killed_by"], *record["survivors"]}
    assert names == {mutant[0] for mutant in ALL}
    assert len(names) == len(ALL)
    assert record["score"] >= 0.95
    assert record["survivors"] == {name: REASONS[name] for name in record["survivors"]}
    text = (HERE / "mutation_score.md").read_text(encoding="utf-8")
    assert text == as_markdown(record)
