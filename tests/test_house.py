"""The plan of the house, read from the source: what may import, draw, print."""

import ast
import collections
import functools
import graphlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minibnn

PACKAGE = Path(minibnn.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FLOORS = (  # from the ground up; a file imports from its own floor and those below
    "types equations numerics validation version progress tables",
    "nn priors likelihoods optim tape gradcheck rng storage recipe inputs metrics"
    " standardise datasets",
    "model families",
    "objective estimators prediction",
    "svi exact mcmc",
    "mistakes diagnosis audit plots scikit",
    "book rupture own_data",
    "commands __init__ __main__",
)
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms.split()}
# What a room may import beside itself and ``types``, where that is less than what lies
# below it.
ONLY = {
    "numerics": set(),
    "tape": {"numerics"},
    "gradcheck": {"validation", "tables", "equations"},
    "nn": {"equations", "numerics", "validation"},
    "priors": {"equations", "numerics", "validation", "nn"},
    "likelihoods": {"equations", "numerics", "validation", "priors"},
}
PURE = {  # nothing in them draws; noise is an argument
    *"equations numerics nn priors likelihoods tape optim inputs model families".split(),
    *"objective estimators standardise metrics".split(),
}
MAY_REPLAY = {"svi", "prediction", "mcmc"}  # all others know no recording
DOOR = {f"tape.{name}" for name in minibnn.tape.__all__}  # what these may know of it
OBJECTS = {"likelihoods", "priors", "families", "estimators", "optim"}
# Files that hold a label and whose subject is not the formula.
LATE_FORMULA = {
    "model",
    "optim/base",
}
THIRD_PARTY = {"numpy", "scipy", "matplotlib"}
NEWER_PYTHON = {"annotationlib"}  # its standard library, asked for where it is there
MAX_LINES, MAX_BODY = 500, 40

# The doors through which randomness enters the kernels: a Generator is made from what
# the user gave, and a new network's weights are drawn from one handed in.
RANDOM_DOORS = {("mlp", "initial_weights")} | {
    (prior, "draw") for prior in ("gaussian", "laplace", "scale_mixture")
}
# Who may look at a clock below the rooms that show things: progress, and ``seconds`` of a
# fit or of chains, a number that no other is made of.
CLOCKS = {"progress", "svi/fit", "mcmc/hmc"}


def name_of(path):
    """Path of a file inside the package, without .py: 'families/scales'."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def room_of(name):
    """The room of a file 'nn/mlp' or of a module 'nn.mlp'; a file of the top is one."""
    return name.replace("/", ".").split(".")[0]


@functools.cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def nodes(path):
    return tuple(ast.walk(tree(path)))


@functools.cache
def imports(path):
    """Dotted names of the modules a file imports, anywhere in it."""
    found = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(found)


def functions(path):
    """Every function of a file: (name, node)."""
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node


def dotted(node):
    """``np.random.normal`` of an attribute chain, or ''."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def every(paths):
    """A rule about one file becomes one test, which names all files that break it."""

    def of(rule):
        def test():
            broken = []
            for path in paths:
                try:
                    rule(path)
                except AssertionError as error:
                    broken.append(f"{name_of(path)}: {str(error).splitlines()[0]}")
            assert not broken, "\n".join(broken)

        test.__doc__ = rule.__doc__
        return test

    return of


files = every(FILES)


def own_imports(path):
    """What a file imports of the package, without 'minibnn.'; the package is __init__."""
    for name in imports(path):
        first, _, rest = name.partition(".")
        if first == "minibnn":
            yield rest if room_of(rest) in FLOOR else "__init__"


def upward(path):
    """Imports of a file that lead to a higher floor."""
    here = FLOOR[room_of(name_of(path))]
    return [name for name in own_imports(path) if FLOOR[room_of(name)] > here]


def forbidden(path):
    """Imports of a file from rooms that its own must not know."""
    here, bad = room_of(name_of(path)), []
    for name in own_imports(path):
        there = room_of(name)
        known = there in ONLY.get(here, {there}) | {here, "types"}
        replays = here == "tape" or (here in MAY_REPLAY and name in DOOR)
        if not known or (there == "tape" and not replays):
            bad.append(name)
    return bad


@files
def test_every_file_has_a_floor(path):
    assert room_of(name_of(path)) in FLOOR


@files
def test_imports_run_downward(path):
    assert upward(path) == []


@files
def test_rooms_know_only_what_they_may(path):
    assert forbidden(path) == []


def circle(graph):
    """The names along a circle of a graph {name: set of names}, or []."""
    order = graphlib.TopologicalSorter(graph)
    try:
        order.prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def module_of(name):
    """The longest beginning of a dotted name that is a file: 'nn/mlp' of nn.mlp.MLP."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        file = PACKAGE.joinpath(*parts[:n])
        if file.with_suffix(".py").exists():
            return "/".join(parts[:n])
        if (file / "__init__.py").exists():
            return "/".join([*parts[:n], "__init__"])
    return "__init__"


def graph_of(label):
    """Who imports whom: ``label`` maps 'nn/mlp' to a name of the graph."""
    graph = {}
    for path in FILES:
        here = label(name_of(path))
        there = {label(module_of(name)) for name in own_imports(path)}
        graph.setdefault(here, set()).update(there - {here})
    return graph


def test_rooms_import_in_no_circle():
    assert circle(graph_of(room_of)) == []


def test_files_import_in_no_circle():
    assert circle(graph_of(lambda name: name)) == []


def test_circles_are_seen():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) != []


@files
def test_the_formula_stands_first(path):
    """The first labelled function of a file starts by line 40."""
    if path.name == "__init__.py" or name_of(path) in LATE_FORMULA:
        return
    lines = [
        decorator.lineno
        for node in nodes(path)
        for decorator in getattr(node, "decorator_list", [])
        if isinstance(decorator, ast.Call) and dotted(decorator.func) == "equation"
    ]
    assert min(lines, default=0) <= 40


@files
def test_a_file_holds_one_public_class(path):
    """In the rooms of objects; tuples that name values are no objects."""
    if room_of(name_of(path)) in OBJECTS and path.name != "__init__.py":
        public = [
            node.name
            for node in tree(path).body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        ]
        assert len(public) <= 1, public


@files
def test_names_say_a_subject(path):
    words = re.split("[_/]", name_of(path))
    assert not {"more", "kernels", "misc", "utils", "helpers", "old", "new"} & {*words}


def test_no_room_is_too_large():
    lines = collections.Counter()
    for path in FILES:
        lines[room_of(name_of(path))] += len(path.read_text("utf-8").splitlines())
    assert max(lines.values()) <= 0.16 * lines.total()


@files
def test_only_three_packages_and_the_standard_library(path):
    roots = {name.split(".")[0] for name in imports(path)} - {"minibnn"}
    assert roots <= THIRD_PARTY | sys.stdlib_module_names | NEWER_PYTHON


@files
def test_no_clock_and_no_network(path):
    roots = {name.split(".")[0] for name in imports(path)}
    low = FLOOR[room_of(name_of(path))] < FLOOR["mistakes"]
    low = low and name_of(path) not in CLOCKS
    clocks = {"time", "datetime"} if low else set()
    assert not roots & ({"socket", "urllib", "http", "requests", "ssl"} | clocks)


@files
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@files
def test_functions_are_short(path):
    """Lines of the body without its docstring, and without functions inside it."""
    long = {}
    for name, node in functions(path):
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        if body:
            length = body[-1].end_lineno - body[0].lineno + 1
            if length > MAX_BODY:
                long[name] = length
    assert long == {}


@files
def test_every_module_says_what_it_is(path):
    """A room says it in the first sentence of its ``__init__``."""
    assert ast.get_docstring(tree(path))


# --- randomness ----------------------------------------------------------------------

DRAWS = {
    name
    for name in dir(np.random.Generator)
    if not name.startswith("_") and callable(getattr(np.random.Generator, name))
} - {"bit_generator", "spawn"} | {"rvs", "default_rng"}


def random_calls(path):
    """(function, call) for each draw or use of np.random outside the doors."""
    found = []
    for name, node in functions(path):
        if (path.stem, name) in RANDOM_DOORS:
            continue
        for inner in ast.walk(node):
            if not isinstance(inner, ast.Call):
                continue
            chain = dotted(inner.func)
            if ".random." in chain or (chain.split(".")[-1] in DRAWS and "." in chain):
                found.append((name, chain))
    return found


@every([path for path in FILES if room_of(name_of(path)) in PURE])
def test_kernels_draw_nothing_and_plot_nothing(path):
    assert random_calls(path) == []
    assert not any(name.startswith("matplotlib") for name in imports(path))
    assert not any("random" in name.split(".") for name in imports(path))


@files
def test_no_global_random_state(path):
    """Generators only: nothing of the legacy interface, no draw from the global one."""
    allowed = {
        "default_rng",
        "Generator",
        "SeedSequence",
        "BitGenerator",
        "RandomState",
    }
    for node in nodes(path):
        chain = dotted(node) if isinstance(node, ast.Attribute) else ""
        if chain.startswith(("np.random.", "numpy.random.")):
            assert chain.split(".")[2] in allowed, chain
        if isinstance(node, ast.Call):
            assert not chain.endswith("RandomState"), "only named in a check of types"
            assert dotted(node.func) not in (
                "np.random.RandomState",
                "np.random.Generator",
            )
        if isinstance(node, ast.Call) and dotted(node.func) == "np.random.default_rng":
            assert node.args or node.keywords, "a generator without a seed"
    assert not any(name.split(".")[0] == "random" for name in imports(path))


def module_state(path):
    """Names a function changes with ``global``."""
    return [node.names for node in nodes(path) if isinstance(node, ast.Global)]


@files
def test_no_global_variables_change(path):
    assert module_state(path) == []


# --- printing ------------------------------------------------------------------------


def prints(path):
    """(function, target) of every print in a file: standard output is ''."""
    found = []

    def visit(node, function):
        if isinstance(node, ast.FunctionDef):
            function = node.name
        if isinstance(node, ast.Call) and dotted(node.func) == "print":
            target = [dotted(k.value) for k in node.keywords if k.arg == "file"]
            found.append((function, *(target or [""])))
        for child in ast.iter_child_nodes(node):
            visit(child, function)

    visit(tree(path), "<module>")
    return found


@files
def test_nothing_prints_unless_asked(path):
    """The commands, and progress, which goes where a person looks."""
    if room_of(name_of(path)) not in ("commands", "progress"):
        assert prints(path) == []


# --- the objective and the estimators know no concrete class -------------------------

SHARED = (  # the shape of q and its cotangent, and what is concrete in nothing
    "families.normal",
    *("families.base", "likelihoods.base", "priors.base"),
)
CONCRETE = {"families", "likelihoods", "priors"}
GENERAL = [p for p in FILES if room_of(name_of(p)) in {"objective", "estimators"}]


@every(GENERAL)
def test_no_concrete_family_likelihood_or_prior_is_named(path):
    named = [
        name
        for name in own_imports(path)
        if room_of(name) in CONCRETE and not name.startswith(SHARED)
    ]
    assert named == []


# --- the public surface --------------------------------------------------------------

PUBLIC = sorted(name for name in vars(minibnn) if not name.startswith("_"))


def public_things():
    own = (getattr(minibnn, name) for name in PUBLIC)
    return [
        thing
        for thing in own
        if not inspect.ismodule(thing)
        and getattr(thing, "__module__", "").startswith("minibnn")
    ]


@pytest.mark.parametrize("thing", public_things(), ids=lambda thing: thing.__name__)
def test_public_names_are_documented(thing):
    """Also every public method and property of a class, and in words of its own."""
    assert inspect.getdoc(thing)
    assert thing.__doc__, f"{thing.__name__} only inherits its docstring"
    if isinstance(thing, type):
        silent = [
            name
            for name, member in inspect.getmembers(thing)
            if not name.startswith("_")
            and (inspect.isroutine(member) or isinstance(member, property))
            and getattr(member, "__module__", "minibnn").startswith("minibnn")
            and not inspect.getdoc(member)
        ]
        assert silent == []


@pytest.mark.parametrize(
    "thing",
    [
        t
        for t in public_things()
        if isinstance(t, type) and not issubclass(t, Exception)
    ],
    ids=lambda thing: thing.__name__,
)
def test_public_classes_have_a_repr_of_their_own(thing):
    assert thing.__repr__ is not object.__repr__


def test_the_surface_of_the_first_page_is_there():
    """Names that users' code is written with; removing one breaks that code."""
    wanted = """MLP Model Bernoulli Gaussian Categorical GaussianPrior
    MeanField Point Pathwise LocalReparam SGD Momentum Adam Cosine RobbinsMonro Plateau
    neg_elbo fit FitError FitResult Prediction datasets metrics __version__"""
    for name in wanted.split():
        assert hasattr(minibnn, name), name


def test_importing_the_package_loads_no_slow_package():
    """Each would cost a multiple of the rest; they come when they are asked for."""
    slow = {"matplotlib", "scipy.stats", "scipy.optimize", "pandas", "sklearn", "arviz"}
    code = f"import sys, minibnn; print({slow} & set(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "set()"


# --- the checks themselves see what they should --------------------------------------


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A small package to break rules in: write(name, source) -> path."""
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)

    def write(name, source):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("name", "source", "bad"),
    [
        ("priors/a.py", "from minibnn.svi.fit import fit", True),
        ("nn/a.py", "def f():\n    import minibnn.plots.plots", True),
        ("svi/a.py", "from minibnn.rupture import study", True),
        ("svi/a.py", "from minibnn import fit", True),
        ("audit/a.py", "from minibnn.nn.activations import relu", False),
        ("rupture/a.py", "from minibnn.audit.problems import CASES", False),
        ("rupture/a.py", "from minibnn.commands.main import main", True),
        ("model.py", "from minibnn.version import __version__", False),
        ("commands/a.py", "from minibnn.plots.plots import reliability", False),
    ],
)
def test_upward_imports_are_seen(house, name, source, bad):
    assert bool(upward(house(name, source))) == bad


@pytest.mark.parametrize(
    ("source", "bad"),
    [
        ("def f(rng):\n    return rng.normal(size=3)", True),
        ("def f():\n    return np.random.rand(3)", True),
        ("def f(x):\n    return np.random.default_rng(x)", True),
        ("def f(x):\n    return stats.norm.rvs(size=3)", True),
        ("class A:\n    def f(self):\n        return self.rng.permutation(4)", True),
        ("def f(x):\n    return np.exp(x).sum()", False),
    ],
)
def test_draws_are_seen(house, source, bad):
    assert bool(random_calls(house("priors/a.py", source))) == bad


@pytest.mark.parametrize(
    ("name", "source", "bad"),
    [
        ("priors/a.py", "from minibnn.tape.tape import watch", True),
        ("exact/a.py", "from minibnn.tape import Repeated", True),
        ("svi/a.py", "from minibnn.tape import Repeated", False),
        ("svi/a.py", "from minibnn.tape.repeated import Repeated", True),
        ("gradcheck/a.py", "from minibnn.numerics import log1p", True),
        ("gradcheck/a.py", "from minibnn.validation.doors import door", False),
    ],
)
def test_forbidden_imports_are_seen(house, name, source, bad):
    assert bool(forbidden(house(name, source))) == bad


def test_prints_are_seen(house):
    source = "def f():\n    print(1, file=sys.stderr)\nprint(2)"
    found = prints(house("nn/a.py", source))
    assert found == [("f", "sys.stderr"), ("<module>", "")]
