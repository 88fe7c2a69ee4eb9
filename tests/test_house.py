"""The plan of the house, read from the source: what may import, draw, print."""

import ast
import functools
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minibnn

PACKAGE = Path(minibnn.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS = ("plan", "kernels", "inference", "checking", "study")  # from the cellar up
THIRD_PARTY = {"numpy", "scipy", "matplotlib"}
MAX_LINES, MAX_BODY = 500, 40

# The doors through which randomness enters the kernels: a Generator is made from what
# the user gave, and a new network's weights are drawn from one handed in.
RANDOM_DOORS = {("validate", "as_rng"), ("network", "initial_weights")}
# Who may write: the command line, and on standard error the reports of verbose runs.
REPORTS = {"report", "report_start", "_report"}


def name_of(path):
    """Path of a file inside the package, without .py: 'kernels/maps'."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def floor(module):
    """Height of a room; what lies beside the rooms is the roof."""
    parts = module.split("/" if "/" in module else ".")
    return ROOMS.index(parts[0]) if parts[0] in ROOMS else len(ROOMS)


@functools.cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path):
    """Dotted names of the modules a file imports, anywhere in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions(path):
    """Every function of a file: (name, node)."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node


def dotted(node):
    """``np.random.normal`` of an attribute chain, or ''."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


files = pytest.mark.parametrize("path", FILES, ids=name_of)


def upward(path):
    """Imports of a file that lead to a higher room."""
    here, bad = floor(name_of(path)), []
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "minibnn" or parts[1:2] == ["version"]:
            continue
        if floor(".".join(parts[1:])) > here:
            bad.append(name)
    return bad


@files
def test_imports_run_downward(path):
    assert upward(path) == []


@files
def test_only_three_packages_and_the_standard_library(path):
    roots = {name.split(".")[0] for name in imports(path)} - {"minibnn"}
    assert roots <= THIRD_PARTY | set(sys.stdlib_module_names)


@files
def test_no_clock_and_no_network(path):
    roots = {name.split(".")[0] for name in imports(path)}
    clocks = {"time", "datetime"} if floor(name_of(path)) < len(ROOMS) - 1 else set()
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
    if path.name != "__init__.py":
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


@pytest.mark.parametrize(
    "path", [p for p in FILES if "kernels" in p.parts], ids=name_of
)
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
    for node in ast.walk(tree(path)):
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
    return [node.names for node in ast.walk(tree(path)) if isinstance(node, ast.Global)]


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
    if path.stem != "cli":
        for function, target in prints(path):
            assert function in REPORTS
            assert target == "sys.stderr"


# --- the objective and the estimators know no concrete class -------------------------

CONCRETE = ("famil", "full_covariance", "inference_network", "likelihood", "prior")
SHARED = {"families": {"add", "scaled", "Gaussian"}}  # the shape of q and its cotangent


def concrete_names(path):
    """Names a file imports from the rooms of families, likelihoods and priors."""
    for name in imports(path):
        module, _, thing = name.rpartition(".")
        last = module.split(".")[-1]
        if any(part in last for part in CONCRETE):
            if thing not in SHARED.get(last, set()):
                yield name


@pytest.mark.parametrize("name", ["objective", "estimators"])
def test_no_concrete_family_likelihood_or_prior_is_named(name):
    path = PACKAGE / "kernels" / f"{name}.py"
    assert list(concrete_names(path)) == []
    classes = {
        member
        for module in ("families", "likelihoods", "priors")
        for member, value in vars(
            importlib.import_module(f"minibnn.kernels.{module}")
        ).items()
        if isinstance(value, type)
    } - {"Gaussian", "NamedTuple"}
    used = {node.id for node in ast.walk(tree(path)) if isinstance(node, ast.Name)}
    assert not used & classes


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


def test_importing_the_package_does_not_load_matplotlib():
    code = "import sys, minibnn; print('matplotlib.pyplot' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"


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
        ("kernels/a.py", "from minibnn.svi.fit import fit", True),
        ("kernels/a.py", "def f():\n    import minibnn.plots.plots", True),
        ("inference/a.py", "from minibnn.study import metrics", True),
        ("inference/a.py", "from minibnn import fit", True),
        ("checking/a.py", "from minibnn.kernels.maps import relu", False),
        ("study/a.py", "from minibnn.audit.examples import CASES", False),
        ("study/a.py", "from minibnn.cli import main", True),
        ("kernels/a.py", "from minibnn.version import __version__", False),
        ("cli.py", "from minibnn.plots.plots import reliability", False),
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
    assert bool(random_calls(house("kernels/a.py", source))) == bad


def test_prints_are_seen(house):
    source = "def f():\n    print(1, file=sys.stderr)\nprint(2)"
    found = prints(house("kernels/a.py", source))
    assert found == [("f", "sys.stderr"), ("<module>", "")]
