"""A reader's own problem, loaded from ``FILE.py:function`` as Python would run it.

The file's folder is importable while the problem is at work, so neighbours are found,
also late ones; its module stands in ``sys.modules``, as dataclasses and pickle want it.
What goes wrong in the reader's code is told with the reader's lines alone.
"""

import difflib
import importlib.util
import inspect
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from minibnn.storage import what_is
from minibnn.validation.describe import ArgumentTypeError
from minibnn.validation.signature import signature_of

HERE = Path(__file__).resolve().parents[1]  # the package, whose lines nobody asked for


class SpecError(ValueError):
    """FILE.py:function does not lead to a function, its gradient and a point."""

    status = 2


class UserCodeError(SpecError):
    """The reader's code failed; the message has several lines, the first says what."""

    lines = True


@contextmanager
def user_problem(spec):
    """The (f, grad, x) that ``FILE.py:function`` returns, while the block is at work.

    The file is executed. Its function takes no argument and returns what
    ``check_gradient`` takes.

    Raises
    ------
    SpecError (a ValueError)
        The file or the function is not there, or it returns what cannot be checked.
    UserCodeError (a SpecError)
        The reader's code failed, in the block too: the error and the reader's lines.
    """
    path, name = _parts(spec)
    folder, known = path.resolve().parent, set(sys.modules)
    elsewhere = _is_elsewhere(
        path
    )  # then that module comes first, as its users mean it
    sys.path.insert(len(sys.path) if elsewhere else 0, str(folder))
    try:
        with _users_lines(path, folder):
            module = _run(path, "problem" if elsewhere else path.stem)
        function = _function(module, path, name)
        with _users_lines(path, folder):
            parts = function()
        if not isinstance(parts, tuple | list) or len(parts) != 3:
            kind = type(parts).__name__
            raise SpecError(f"{name}() must return (f, grad, x), got {kind}")
        with _users_lines(path, folder):
            yield parts
    finally:
        sys.path.remove(str(folder))
        for key in set(sys.modules) - known:  # another file may have such names
            if _is_inside(getattr(sys.modules[key], "__file__", None), folder):
                del sys.modules[key]


def _parts(spec):
    """Path and function name; SpecError if there is no such file."""
    file, _, name = spec.rpartition(":")
    if Path(file or name).suffix == ".ipynb":
        raise SpecError(
            f"{file or name!r} is a notebook: save it as a script first, with "
            "jupyter nbconvert --to script"
        )
    if not file.endswith(".py") or not name:
        raise SpecError(f"the problem must be given as FILE.py:function, got {spec!r}")
    path = Path(file)
    try:
        what = what_is(path)
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise SpecError(f"cannot read {file[:80]!r}: {error.strerror}") from error
    if what != "a file":
        what = {"missing": "not there"}.get(what, what)
        raise SpecError(f"cannot read {file!r}: it is {what}")
    return path, name


def _is_elsewhere(path):
    """Whether another module, of Python or installed, has the name of this file."""
    if not path.stem.isidentifier():
        return False
    try:
        spec = importlib.util.find_spec(path.stem)
    except ValueError:  # loaded, but not from a file, such as __main__
        return True
    return spec is not None and spec.origin != str(path.resolve())


def _run(path, name):
    """The module of the file: any encoding it declares, with or without a BOM."""
    module = ModuleType(name)
    module.__file__ = str(path.resolve())
    try:
        code = compile(path.read_bytes(), module.__file__, "exec")
    except OSError as error:
        raise SpecError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except ValueError as error:  # bytes that are no text
        raise UserCodeError(f"{path}: {error}") from error
    sys.modules[name] = module
    exec(code, vars(module))
    return module


def _function(module, path, name):
    """The function of that name, which can be called without arguments."""
    names = vars(module)
    own = [
        key
        for key, value in names.items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    if name not in names:
        near = difflib.get_close_matches(name, own, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; it has {_listed(own)}"
        raise SpecError(f"{str(path)!r} has no function {name!r}{hint}")
    if not callable(names[name]):
        kind = type(names[name]).__name__
        raise SpecError(f"{name!r} of {str(path)!r} must be a function, got {kind}")
    try:
        signature_of(names[name]).bind()
    except TypeError as error:
        raise SpecError(
            f"{name} must be a function without arguments that returns (f, grad, x): "
            f"{error}"
        ) from error
    except ValueError:  # a builtin that does not say what it takes
        pass
    return names[name]


def _listed(names):
    return ", ".join(map(repr, names[:8])) or "none"


@contextmanager
def _users_lines(path, folder):
    """Turn what the reader's code raises into a UserCodeError with its lines."""
    try:
        yield
    except SpecError:
        raise
    except SystemExit as error:
        raise UserCodeError(f"{path} called sys.exit({error.code!r})") from error
    except Exception as error:
        every = traceback.extract_tb(error.__traceback__)
        frames = [frame for frame in every if _is_inside(frame.filename, folder)]
        syntax = isinstance(error, SyntaxError)
        if not (frames or syntax):  # a check of ours, or a library called by us
            raise SpecError(_said(error, {ValueError, ArgumentTypeError})) from error
        lines = traceback.StackSummary.from_list(frames).format()
        lines += traceback.format_exception_only(error)[:-1] if syntax else []
        head = f"{path}: {_said(error)}{_hint(error, folder)}\n"
        raise UserCodeError((head + "".join(lines)).rstrip()) from error


def _said(error, by_us=()):
    """The message on one line, after the name of its kind unless we have raised it."""
    said = " ".join(str(error).split())
    if type(error) in by_us:
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _hint(error, folder):
    """What a newcomer may not know of files beside the script."""
    module = getattr(error, "name", None) if isinstance(error, ImportError) else None
    if isinstance(getattr(error, "obj", None), ModuleType):  # an AttributeError
        module = error.obj.__name__
    if module and (folder / f"{module}.py").is_file():
        return f" (another module of that name hides {module}.py: rename it)"
    name = getattr(error, "filename", None)
    if isinstance(error, FileNotFoundError) and isinstance(name, str):
        if not Path(name).is_absolute() and (folder / name).exists():
            return (
                " (it is looked for in the current folder; beside the script it is "
                f"Path(__file__).parent / {name!r})"
            )
    return ""


def _is_inside(file, folder):
    """Whether a file is the reader's: below the folder, not installed, not ours."""
    if not file:
        return False
    path = Path(file).resolve()
    mine = path.is_relative_to(HERE) or "site-packages" in path.parts
    return path.is_relative_to(folder) and not mine
