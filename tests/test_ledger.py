"""The ledger: one label, one derivation, one set of example inputs or one value test.

A label is E + topic + number. ``grep E31`` must find its derivation in exactly one
docstring, its example inputs in the laboratory's cases (or, where nothing is
differentiated, its value test in support/value_cases.py), and this file names what is
missing.
"""

import ast
import importlib
import inspect
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest
from support.value_cases import VALUES

import minibnn
from minibnn.audit.problems import CASES
from minibnn.equations import LEDGER, equation

PACKAGE = Path(minibnn.__file__).parent
STATEMENT = re.compile(r"^[ \t]*\((E\d\d)\)(?:  |\t)", re.M)  # "(E31)  formula"


def every_module():
    for info in pkgutil.walk_packages(minibnn.__path__, "minibnn."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


MODULES = list(every_module())  # importing them fills the ledger
LABELS = sorted(LEDGER)


def home(label):
    """The object whose docstring derives the label."""
    parts = LEDGER[label].split(".")
    for cut in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:cut])
        if any(module.__name__ == name for module in MODULES):
            thing = importlib.import_module(name)
            for part in parts[cut:]:
                thing = vars(thing)[part]
            return thing
    raise LookupError(LEDGER[label])


def docstrings(source):
    """Every docstring of a source text, the module's own included."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds):
            yield ast.get_docstring(node, clean=False) or ""


def statements(source):
    """The labels stated in the docstrings of a source text, with repetitions."""
    return [label for doc in docstrings(source) for label in STATEMENT.findall(doc)]


def test_every_label_is_stated_once_in_the_whole_package():
    """Neither missing nor doubled, and none that the ledger does not know."""
    count = Counter()
    for path in PACKAGE.rglob("*.py"):
        count.update(statements(path.read_text(encoding="utf-8")))
    missing = sorted(set(LABELS) - set(count))
    unknown = sorted(set(count) - set(LABELS))
    doubled = sorted(label for label, n in count.items() if n > 1)
    assert (missing, unknown, doubled) == ([], [], [])


@pytest.mark.parametrize("label", LABELS)
def test_the_home_states_and_derives_its_label(label):
    doc = inspect.getdoc(home(label))
    assert doc is not None
    assert label in re.findall(r"^\s*\((E\d\d)\)  ", doc, re.M)
    derivation = doc.split("Derivation")
    assert len(derivation) == 2, "one paragraph that begins with Derivation"
    assert len(derivation[1].split()) >= 12, "a derivation in words and formulas"
    statement = re.search(rf"\({label}\)  ", doc)
    assert statement.start() < doc.index("Derivation"), "the statement comes first"


def test_every_label_has_example_inputs_or_a_value_test():
    missing = {
        label: LEDGER[label] for label in LABELS if label not in {*CASES, *VALUES}
    }
    assert missing == {}


def test_no_example_inputs_without_a_label():
    assert sorted({*CASES, *VALUES} - set(LABELS)) == []


def test_a_label_is_tested_in_one_way():
    """A gradient by its case; a value test is for what has no gradient."""
    assert sorted(set(CASES) & set(VALUES)) == []


@pytest.mark.parametrize("label", sorted(VALUES))
def test_value(label):
    VALUES[label]()


# The first digit of a label is its room. A formula that belongs to one object alone
# stands in the file of that object, whatever its digit.
ROOMS = "families nn likelihoods priors objective estimators optim"
ELSEWHERE = {
    "E05": "prediction",  # the predictive distribution
    "E06": "nn",  # backpropagation of one weight
    **dict.fromkeys(("E01", "E02"), "exact"),  # Bayes' rule and the evidence
    **dict.fromkeys(("E01", "E02", "E04"), "exact"),  # Bayes' rule and the evidence
    "E03": "families",  # what the KL of any q is
    "E08": "book",  # the chain itself, on the numbers of the first chapter
    "E37": "rupture",  # a likelihood as a reader would write one, outside the room
    **dict.fromkeys(("E43", "E44", "E77", "E78", "E79"), "families"),  # of one
    "E07": "model",
    "E09": "gradcheck",  # the error of a difference
    "E56": "exact",  # the evidence by Laplace
    "E57": "exact",  # of rows with unknowns of their own, under a linear decoder
    "E66": "likelihoods",  # the expectation under q of one likelihood, in closed form
}


@pytest.mark.parametrize("label", LABELS)
def test_the_first_digit_is_the_room(label):
    room = home(label).__module__.split(".")[1]
    if label[1] in "89":
        assert room in (("prediction",) if label[1] == "8" else ("exact", "mcmc"))
    else:
        assert room == ELSEWHERE.get(label, ROOMS.split()[int(label[1]) - 1])


def test_labels_of_a_step_are_numbered_without_gaps():
    for step in "123456789":
        numbers = sorted(int(label[2]) for label in LABELS if label[1] == step)
        first = numbers[0]  # E90: a room may begin at 0
        assert first in (0, 1)
        assert numbers == list(range(first, first + len(numbers))), f"E{step}x: {numbers}"


def test_the_decorator_marks_the_function():
    for label in LABELS:
        thing = home(label)
        assert label in getattr(thing, "__func__", thing).labels


def test_a_label_cannot_be_given_away_twice():
    def other():
        """Not the home of E31."""

    with pytest.raises(ValueError, match="E31 already belongs to"):
        equation("E31")(other)
    for bad in ("E3", "E311", "31", "E00", "e31"):
        with pytest.raises(ValueError, match=bad):
            equation(bad)(other)
    assert set(LABELS) == set(LEDGER)


def test_statements_are_seen_and_references_are_not():
    """What counts as stating a label, so that the count above means something."""
    source = '''
def f():
    """A kernel.

    (E31)  nll = r^2
    Derivation.  By (E21) and E22;
    (E23) wrapped to the start of a line is a reference.
    """

class A:
    """(E32) in one line is a reference.

    (E41)  KL = 0
    (E42)  and one more
    """
'''
    assert statements(source) == ["E31", "E41", "E42"]
