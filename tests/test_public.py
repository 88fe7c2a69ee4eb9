"""The public surface: every name listed, annotated, documented, with an example that runs.

``__all__`` of the package and of its rooms says what is public. Of a function every
parameter and the result are annotated, and every parameter is said in its docstring; of
a class so are its constructor and its public methods. What a method says of its
parameters may stand in the base class that declares it.
"""

import ast
import doctest
import importlib
import inspect
import re
from functools import cached_property
from pathlib import Path

import pytest

import minibnn as mb

PACKAGE = Path(mb.__file__).parent
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
# What users open; the others are asked by files of the package alone.
OPEN = """
nn likelihoods priors families estimators optim svi prediction exact mcmc gradcheck
diagnosis audit rupture datasets plots metrics diagnosis.points""".split()


def module(name):
    return importlib.import_module(f"minibnn.{name}")


def public():
    """Public functions and classes by name, those of the package first."""
    found = {}
    for prefix, home in (("mb", mb), *((room, module(room)) for room in OPEN)):
        for name in home.__all__:
            thing = getattr(home, name)
            of_ours = getattr(thing, "__module__", "").startswith("minibnn")
            if callable(thing) and of_ours and thing not in found.values():
                found[f"{prefix}.{name}"] = thing
    return found


PUBLIC = public()
things = pytest.mark.parametrize("thing", PUBLIC.values(), ids=PUBLIC)


def is_error(thing):
    """Raised by the package, not made by users."""
    return isinstance(thing, type) and issubclass(thing, BaseException)


def own_methods(cls):
    """(name, function) of public methods and properties that the package defines."""
    for name in dir(cls):
        if name.startswith("_") and name not in ("__init__", "__call__"):
            continue
        member = inspect.getattr_static(cls, name)
        if isinstance(member, property):
            member = member.fget
        elif isinstance(member, cached_property):
            member = member.func
        elif isinstance(member, classmethod | staticmethod):
            member = member.__func__
        module_name = getattr(member, "__module__", None) or ""
        if inspect.isfunction(member) and module_name.startswith("minibnn"):
            yield name, inspect.unwrap(member)


def parts(thing):
    """What of a public thing has a signature: (name, function)."""
    return (
        own_methods(thing) if isinstance(thing, type) else [("", inspect.unwrap(thing))]
    )


def parameters(function):
    """Its parameters without self."""
    found = inspect.signature(function).parameters.values()
    return [p for p in found if p.name not in ("self", "cls")]


def without_annotation(function):
    """Parameters that say no type, and "return" where the result says none."""
    bare = [p.name for p in parameters(function) if p.annotation is p.empty]
    silent = inspect.signature(function).return_annotation is inspect.Signature.empty
    return bare + ["return"] * silent


def says(doc, name):
    """Whether a docstring lists a parameter: 'X, y : arrays' says both."""
    word = re.escape(name)
    listed = rf"^\s*(?:[\w*]+, )*\**{word}(?:, [\w*]+)*\s*:(?!:)"
    return re.search(listed, doc or "", re.MULTILINE) is not None


def docstrings(thing, name):
    """Where the parameters of a method may be said, or those of a function."""
    if not isinstance(thing, type):
        return [thing.__doc__]
    if name == "__init__":
        return [cls.__doc__ for cls in thing.__mro__[:-1]]
    members = [inspect.getattr_static(cls, name, None) for cls in thing.__mro__]
    return [getattr(member, "__doc__", "") for member in members]


def without_words(thing, name, function):
    """Parameters that no docstring lists."""
    docs = docstrings(thing, name)
    return [
        p.name
        for p in parameters(function)
        if not p.name.startswith("_") and not any(says(doc, p.name) for doc in docs)
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_lists_what_it_offers(room):
    """In a literal list, which editors and type checkers can read."""
    tree = ast.parse((PACKAGE / room / "__init__.py").read_text("utf-8"))
    targets = {
        ast.unparse(target): node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    listed = ast.literal_eval(targets["__all__"])
    assert len(set(listed)) == len(listed)
    for name in listed:
        assert hasattr(module(room), name), name


def test_the_package_lists_all_that_is_public():
    hidden = {
        name
        for name, value in vars(mb).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert hidden <= set(mb.__all__)
    assert set(mb.__all__) <= set(dir(mb))
    for name in mb.__all__:
        assert hasattr(mb, name), name


@things
def test_it_is_annotated(thing):
    bare = {name: without_annotation(function) for name, function in parts(thing)}
    assert {name: what for name, what in bare.items() if what} == {}


@things
def test_its_signature_is_readable_in_help(thing):
    """Annotations stay text: evaluated, an array-like takes six lines."""
    shown = {name: str(inspect.signature(function)) for name, function in parts(thing)}
    assert {n: text for n, text in shown.items() if "numpy._typing" in text} == {}


@things
def test_its_parameters_are_documented(thing):
    if is_error(thing):
        return
    silent = {name: without_words(thing, name, f) for name, f in parts(thing)}
    assert {name: what for name, what in silent.items() if what} == {}


@things
def test_it_has_an_example(thing):
    assert ">>> " in (thing.__doc__ or "")


FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@things
def test_its_examples_run(thing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=FLAGS)
    said = []
    for example in finder.find(thing, thing.__name__, module=False, globs={}):
        runner.run(example, out=said.append)
    assert not runner.failures, "".join(said)
