"""``minibnn verify FILE.py:function``: the reader's file, run as Python would run it."""

import json
import subprocess
import sys

import pytest

from minibnn.commands import main as cli

RIGHT = """
def right():
    import numpy as np
    return lambda x: np.sum(x**2), lambda x: 2 * x, np.array([1.0, 2.0])
"""


@pytest.fixture
def verify(tmp_path, capsys):
    """verify(source, function="right", file=..., json=False) -> status, out, err."""

    def run(source, function="right", file="mine.py", *options, **neighbours):
        folder = tmp_path / "a folder"
        folder.mkdir(exist_ok=True)
        for name, text in ({file: source} | neighbours).items():
            text = text if isinstance(text, bytes) else text.encode()
            (folder / name).write_bytes(text)
        status = cli.main(["verify", *options, f"{folder / file}:{function}"])
        said = capsys.readouterr()
        assert str(folder) not in sys.path
        own = [getattr(module, "__file__", None) for module in sys.modules.values()]
        assert not any(str(folder) in str(name) for name in own)
        return status, said.out, said.err

    return run


def agrees(result):
    status, out, err = result
    assert err == ""
    assert "gradient agrees" in out
    assert status == 0
    return out


# --- what must work ------------------------------------------------------------------


def test_neighbours_are_found_early_and_late(verify):
    source = "import early\n" + RIGHT.replace("import numpy", "import late, numpy")
    neighbours = {"early.py": "import other", "other.py": "", "late.py": "import mine"}
    agrees(verify(source, **neighbours))


def test_a_neighbour_is_that_of_its_own_folder(verify):
    """The second file's helper is not the first one's."""
    source = "from helper import n\n" + RIGHT + "\nprint('n is', n)"
    assert "n is 1" in agrees(verify(source, **{"helper.py": "n = 1"}))
    assert "n is 23" in agrees(verify(source, **{"helper.py": "n = 23"}))


@pytest.mark.parametrize(
    "source",
    [
        b"\xef\xbb\xbf" + RIGHT.encode(),
        b"# -*- coding: latin-1 -*-\nname = '\xe9'\nassert len(name) == 1\n"
        + RIGHT.encode(),
        RIGHT.replace("\n", "\r\n").encode(),
        "größe = 'ß'".encode() + RIGHT.encode(),
    ],
    ids=["BOM", "latin-1", "CRLF", "umlaut"],
)
def test_encodings(source, verify):
    agrees(verify(source))


@pytest.mark.parametrize(
    "file",
    ["my-file 2.py", "numpy.py", "random.py", "calendar.py", "json.py", "mpmath.py"],
)
def test_the_file_may_have_any_name(file, verify):
    """Also that of a module, loaded or not, installed or of Python."""
    agrees(verify("import numpy as np\nnp.ones(2)" + RIGHT, file=file))


def test_its_own_name_means_the_module_elsewhere(verify):
    source = "import calendar\nassert calendar.isleap(2024)" + RIGHT
    agrees(verify(source, file="calendar.py"))


def test_dataclasses_and_pickle_find_the_module(verify):
    source = """
import pickle
from dataclasses import dataclass
@dataclass
class Point:
    x: int
assert pickle.loads(pickle.dumps(Point(3))) == Point(3)
assert __name__ == "mine"
"""
    agrees(verify(source + RIGHT))


def test_what_the_file_prints_stands_beside_the_one_object(verify):
    source = "print('loaded')" + RIGHT.replace(
        "lambda x: np.sum", "lambda x: say() or np.sum"
    )
    source += "\ndef say():\n    print('called')\n"
    assert "loaded\ncalled\n" in verify(source)[1]
    status, out, err = verify(source, "right", "mine.py", "--json")
    assert json.loads(out)["verdict"] == "agrees"
    assert "loaded\ncalled\n" in err
    assert status == 0


@pytest.mark.optional
def test_the_command_itself_runs_a_file_of_another_folder(tmp_path):
    (tmp_path / "helper.py").write_text("two = 2.0", "utf-8")
    (tmp_path / "mine.py").write_text(
        "from helper import two\n" + RIGHT.replace("2 *", "two *"), "utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "minibnn", "verify", f"{tmp_path / 'mine.py'}:right"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


# --- what is not there: status 2 -----------------------------------------------------


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("rigth", "has no function 'rigth'; did you mean 'right'?"),
        ("zzz", "has no function 'zzz'; it has 'right', 'needs'"),
        ("needs", "needs must be a function without arguments"),
        ("number", "'number' of"),
        ("number", "must be a function, got int"),
        ("np", "must be a function, got module"),
    ],
)
def test_no_such_function(function, words, verify):
    source = "import numpy as np\nnumber = 3" + RIGHT + "\ndef needs(a): return a\n"
    status, out, err = verify(source, function)
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("nowhere.py:f", "cannot read 'nowhere.py': it is not there"),
        ("folder.py:f", "it is a folder"),
        ("x" * 300 + ".py:f", "File name too long"),
        ("", "FILE.py:function, got ''"),
        ("book.ipynb:f", "is a notebook: save it as a script first"),
        ("book.ipynb", "is a notebook"),
        ("mine.py", "FILE.py:function, got 'mine.py'"),
        ("mine.py:", "FILE.py:function"),
        (":f", "FILE.py:function"),
        ("mine.txt:f", "FILE.py:function"),
    ],
)
def test_no_such_file(spec, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.py").mkdir()
    assert cli.main(["verify", spec]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert said.err.count("\n") == 1


# --- what fails in the reader's code: no fault of a gradient, status 2 ----------------

FAILING = """
import sys
import numpy as np

def inner(x):
    return 1 / 0

def makes():
    return inner(3), 2, 3

def f_raises():
    return inner, lambda x: x, np.ones(2)

def grad_raises():
    return lambda x: np.sum(x), inner, np.ones(2)

def says():
    raise ValueError("mu must be\\npositive")

def library():
    return np.linalg.solve(np.zeros((2, 2)), np.ones(2))

def type_error():
    return len(3)

def leaves():
    sys.exit(0)

def f_leaves():
    return lambda x: sys.exit("enough"), lambda x: x, np.ones(2)

def reads():
    open("numbers.csv")

def three():
    return 3

def wide():
    return lambda x: np.sum(x), lambda x: np.ones(5), np.ones(2)

def no_function_of_one_argument():
    return lambda: 1.0, lambda x: x, np.ones(2)

def foreign():
    return np.linalg.cholesky, lambda x: x, np.ones(2)

def asserts():
    assert 1 > 2
"""


@pytest.mark.parametrize(
    ("function", "head", "last"),
    [
        ("makes", "ZeroDivisionError: division by zero", "in inner"),
        ("f_raises", "ZeroDivisionError: division by zero", "in inner"),
        ("grad_raises", "ZeroDivisionError: division by zero", "in inner"),
        ("says", "ValueError: mu must be positive", "in says"),
        ("library", "LinAlgError: Singular matrix", "in library"),
        ("type_error", "TypeError: object of type 'int' has no len()", "in type_error"),
        ("leaves", "called sys.exit(0)", None),
        ("f_leaves", "called sys.exit('enough')", None),
        ("reads", "Path(__file__).parent / 'numbers.csv')", "in reads"),
        ("three", "three() must return (f, grad, x), got int", None),
        ("wide", "grad must have the shape of x, (2,), got (5,)", None),
        ("no_function_of_one_argument", "error: TypeError: ", None),
        ("foreign", "error: LinAlgError: 1-dimensional array given", None),
        ("asserts", "mine.py: AssertionError", "in asserts"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_the_readers_lines_alone_are_shown(function, head, last, options, verify):
    """The first line says what; below it the reader's lines, the innermost last."""
    neighbours = {"numbers.csv": "1"}
    status, out, err = verify(FAILING, function, "mine.py", *options, **neighbours)
    assert (status, out) == (2, "")
    first, *lines = err.splitlines()
    assert first.startswith("minibnn verify: error: ")
    assert head in first
    files = [line for line in lines if line.startswith("  File ")]
    assert all("mine.py" in line for line in files)
    assert "minibnn/" not in err
    assert "Traceback" not in err
    assert (files[-1].endswith(last)) if last else not lines


def test_syntax_errors_show_the_line(verify):
    status, out, err = verify("import math\ndef f(:\n", "f")
    assert (status, out) == (2, "")
    assert "SyntaxError" in err.splitlines()[0]
    assert 'mine.py", line 2' in err
    assert "def f(:" in err
    status, _, err = verify("import broken", "f", **{"broken.py": "def f(:\n"})
    assert status == 2
    assert 'mine.py", line 1' in err
    assert 'broken.py", line 1' in err


def test_bytes_that_are_no_text(verify):
    for source in (RIGHT.encode("utf-16"), b"name = '\xe9'\n", b"\0\0\0"):
        status, out, err = verify(source)
        assert (status, out) == (2, "")
        assert "mine.py" in err
        assert "minibnn/" not in err


def test_a_neighbour_that_another_module_hides_is_named(verify):
    source = "import math\nmath.mine()" + RIGHT
    status, _, err = verify(source, **{"math.py": "def mine(): pass"})
    assert status == 2
    assert "another module of that name hides math.py: rename it" in err
    status, _, err = verify("from math import mine", **{"math.py": "mine = 3"})
    assert "hides math.py" in err
    status, _, err = verify("from cmath import mine")  # no cmath.py beside it
    assert "hides" not in err


def test_ctrl_c_in_the_readers_code_is_one_line(verify):
    status, out, err = verify("raise KeyboardInterrupt")
    assert (status, out, err) == (130, "", "minibnn verify: interrupted\n")
