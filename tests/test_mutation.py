"""The recorded mutation score: of today's mutants, and not fallen."""

import json
from pathlib import Path

import pytest
from mutants import MUTANTS
from mutation import REASONS, as_markdown, planted

from minibnn.kernels import equations

KERNELS = Path(equations.__file__).parent
HERE = Path(__file__).parent


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m[0])
def test_every_mutant_still_applies_exactly_once(mutant):
    _, file, old, new = mutant
    source = (KERNELS / file).read_text(encoding="utf-8")
    assert planted(source, old, new) != source


def test_a_patch_that_does_not_apply_is_refused():
    with pytest.raises(ValueError, match="applies 2 times"):
        planted("a b a", "a", "c")


def test_the_recorded_score_is_of_these_mutants_and_high():
    record = json.loads((HERE / "mutation_score.json").read_text(encoding="utf-8"))
    names = {*record["killed_by"], *record["survivors"]}
    assert names == {mutant[0] for mutant in MUTANTS}
    assert record["score"] >= 0.95
    assert record["survivors"] == {name: REASONS[name] for name in record["survivors"]}
    text = (HERE / "mutation_score.md").read_text(encoding="utf-8")
    assert text == as_markdown(record)
