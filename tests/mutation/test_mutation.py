"""The recorded mutation score: of today's mutants, and not fallen."""

from pathlib import Path

import pytest
from mutation.mutation import (
    ALL,
    REASONS,
    RECORD,
    SUITE,
    as_markdown,
    planted,
    recorded,
    survivors,
)

import minibnn

PACKAGE = Path(minibnn.__file__).parent
TESTS = Path(__file__).parents[1]


def test_every_mutant_still_applies_exactly_once():
    broken = []
    for name, file, old, new, *_ in ALL:
        try:
            source = (PACKAGE / file).read_text(encoding="utf-8")
            assert planted(source, old, new) != source
        except (OSError, ValueError, AssertionError) as error:
            broken.append(f"{name}: {error}")
    assert not broken, "\n".join(broken)


def test_the_tests_that_have_to_see_mutants_are_there():
    named = {test for mutant in ALL for test in mutant[4:]} | set(SUITE)
    for test in named:
        file, _, function = test.partition("::")
        text = (TESTS / file).read_text(encoding="utf-8")
        assert f"def {function}" in text, test


def test_a_patch_that_does_not_apply_is_refused():
    with pytest.raises(ValueError, match="applies 2 times"):
        planted("a b a", "a", "c")


def test_the_recorded_score_is_of_these_mutants_and_high():
    record, names = recorded(), [mutant[0] for mutant in ALL]
    assert sorted(record) == sorted(names)
    assert set(survivors(record)) <= set(REASONS)
    page = RECORD.with_suffix(".md").read_text(encoding="utf-8")
    assert page == as_markdown(record)
