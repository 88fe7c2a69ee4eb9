"""What a function takes, where Python does not evaluate annotations by itself."""

import inspect
import sys
from pathlib import Path

import pytest

import minibnn
from minibnn.validation import signature
from minibnn.validation.signature import signature_of

PACKAGE = Path(minibnn.__file__).parent


def test_it_is_that_of_python():
    def function(a: int, *, b: "str" = "x") -> float:
        return a + float(b)

    assert signature_of(function) == inspect.signature(function)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="the definition itself raises")
def test_an_annotation_that_cannot_be_evaluated_is_left_open():
    names = {}
    exec("def gradient(case: NotThere, n: int) -> Nowhere: pass", names)
    assert list(signature_of(names["gradient"]).parameters) == ["case", "n"]


def test_nobody_else_asks_python():
    """Readers' functions and classes reach several rooms."""
    ask = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "inspect.signature(" in path.read_text(encoding="utf-8")
    }
    assert ask == {Path(signature.__file__).relative_to(PACKAGE).as_posix()}
