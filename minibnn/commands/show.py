"""``minibnn show E14``: an equation, where it is derived, checked, taught and drawn."""

import argparse
import functools
import importlib
import inspect
import pkgutil
import re
import sys
from collections import Counter
from pathlib import Path
from textwrap import shorten, wrap

import minibnn
from minibnn.commands.arguments import add_json
from minibnn.equations import LEDGER

SUMMARY = "an equation: its formula, file, tests, pages and figures"
EXAMPLES = """\
  minibnn show                    every label, a line each
  minibnn show E14                how a weight is drawn, and all about it
  minibnn show --markdown         the table of all of them: tutorials/labels.md
"""
PACKAGE = Path(minibnn.__file__).parent


def arguments(parser):
    """Arguments of ``minibnn show``."""
    parser.add_argument(
        "label", nargs="?", type=known_label,
        help="such as E14 (default: every label in one line)",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="a table of all labels for the book"
    )
    add_json(parser)


def run(args, say):
    """Print one equation, or the list of all."""
    if args.markdown:
        text = label_table()
        say(text)
        return {"markdown": text}, 0
    if args.label is not None:
        found = facts(args.label)
        say("\n".join(in_words(found)))
        return found, 0
    fill_ledger()
    rows = [{"label": label, **place(label)} for label in sorted(LEDGER)]
    often = Counter(row["summary"] for row in rows)
    for row in rows:  # what several share tells them apart by their formulas
        text, label = row["summary"], row["label"]
        text = text if often[text] == 1 else " ".join(" ".join(formula(label)).split())
        say(f"{label}  {shorten(text, 74, placeholder=' ...')}")
    return {"equations": rows}, 0


def known_label(text):
    """A label of the ledger, in capitals."""
    fill_ledger()
    label = text.upper()
    if label in LEDGER:
        return label
    number = int(re.sub(r"\D", "", text[:9])[:2].ljust(2, "0"))
    near = sorted(LEDGER, key=lambda one: (abs(int(one[1:]) - number), one))[:3]
    raise argparse.ArgumentTypeError(
        f"no equation {text[:40]!r}, nearest are {', '.join(near)}; minibnn show lists all"
    )


@functools.cache
def fill_ledger():
    """Import every file of the package, so that each has entered its labels."""
    for module in pkgutil.walk_packages(minibnn.__path__, "minibnn."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def home(label):
    """The function or class whose docstring derives a label."""
    parts = LEDGER[label].split(".")
    loaded = [n for n in range(len(parts)) if ".".join(parts[:n]) in sys.modules]
    module = sys.modules[".".join(parts[: loaded[-1]])]
    return inspect.unwrap(functools.reduce(getattr, parts[loaded[-1] :], module))


def place(label):
    """Where a label is derived, and of what the first sentence there speaks."""
    thing = home(label)
    lines, first = inspect.getsourcelines(thing)
    at = next(i for i, line in enumerate(lines) if f"({label})  " in line)
    summary = inspect.getdoc(thing).split("\n\n")[0]
    return {
        "summary": " ".join(summary.split()),
        "module": thing.__module__.removeprefix("minibnn."),
        "home": thing.__qualname__,
        "file": inspect.getsourcefile(thing),
        "line": first + at,
    }


def formula(label):
    """The lines that state a label, as they stand in its docstring."""
    doc = inspect.getdoc(home(label))
    text = doc[doc.index(f"({label})  ") :]
    end = re.search(r"\n\s*(\n|\(E\d\d\)  |Derivation)", text)
    return inspect.cleandoc(" " * 7 + text[7 : end.start()]).splitlines()


def facts(label):
    """All there is to say of a label, as plain values."""
    from minibnn.audit.problems import CASES
    from minibnn.book.figures import FIGURES

    root = checkout()
    example = inspect.unwrap(CASES[label]).__code__ if label in CASES else None
    return {
        "label": label,
        "formula": formula(label),
        **place(label),
        "inputs": example and f"{example.co_filename}:{example.co_firstlineno}",
        "checkout": root and str(root),
        "tests": root and mentions(root, "tests", "*.py", label),
        "pages": root and mentions(root, "tutorials", "*.md", label),
        "figures": sorted(name for name, one in FIGURES.items() if label in one.labels),
    }


def checkout():
    """The folder with the tests and tutorials of the package; None if there is none.

    An installed package has none, but the current folder may be one.
    """
    for folder in (PACKAGE.parent, Path.cwd()):
        if all((folder / name).is_dir() for name in ("minibnn", "tests", "tutorials")):
            return folder
    return None


def mentions(root, folder, pattern, label):
    """Where the files below a folder first name a label, "file:line"."""
    found = []
    for path in sorted((root / folder).rglob(pattern)):
        lines = enumerate(path.read_text("utf-8").splitlines(), 1)
        cited = re.compile(rf"\b{label}[a-z]?\b")
        first = next((i for i, line in lines if cited.search(line)), None)
        if first:
            found.append(f"{path.relative_to(root).as_posix()}:{first}")
    return found


def displays(root):
    """{label: (page, letters of its lines)} of the pages of the book."""
    found = {}
    for page in sorted((root / "tutorials").glob("[0-9]*.md")):
        shown = r"\\qquad\s*\((E\d\d)([a-z]?)\)"
        for label, letter in re.findall(shown, page.read_text("utf-8")):
            found.setdefault(label, (page.name, []))[1].append(letter)
    return found


TABLE = """\
# Labels

Every label of the book and of the code, made by `minibnn show --markdown`: its equation as
the code writes it, where it is derived, what checks it besides the page's own lines, which
page displays it (and in which lines), which figures show it.

| label | equation | derived in | checked by | page | figures |
| --- | --- | --- | --- | --- | --- |
"""


def label_table():
    """The page ``tutorials/labels.md``: one row a label."""
    root = checkout()
    if root is None:
        raise ValueError("labels lead to pages and tests; ask in the folder of the source")
    fill_ledger()
    shown = displays(root)
    return TABLE + "\n".join(label_row(root, shown, label) for label in sorted(LEDGER))


def label_row(root, shown, label):
    """One row of the table of labels."""
    found = facts(label)
    file = Path(found["file"]).relative_to(PACKAGE).as_posix()
    what = "`" + found["formula"][0].strip(" ,;").replace("|", "\\|") + "`"
    page, letters = shown.get(label, ("", []))
    lines = f" {letters[0]}-{letters[-1]}" if len(letters) > 1 and letters[-1] else ""
    where = f"[{page[:2]}]({page}){lines}" if page else ""
    figures = ", ".join(f"[{name}](../figures/{name}.svg)" for name in found["figures"])
    cells = what, f"[{file}](../minibnn/{file})", test_of(root, found, file), where, figures
    return f"| {label} | " + " | ".join(cells) + " |"


def test_of(root, found, file):
    """What checks a label: the laboratory, or the test nearest to its home."""
    if found["inputs"]:
        return "`minibnn verify`"
    tests = [place.rsplit(":", 1)[0] for place in found["tests"]]
    room = file.split("/")[0]
    near = [test for test in tests if test.startswith(f"tests/{room}/")] or tests
    return f"[{near[0]}](../{near[0]})"


def in_words(found):
    """The lines that tell the facts to a human."""
    missing = ["not here: they come with the source; ask in its folder"]
    checked = [f"minibnn verify, at the inputs of {found['inputs']}"]
    pages, tests = found["pages"], found["tests"]
    rows = {
        "derived": [f"{found['file']}:{found['line']}"],
        "tests": checked * bool(found["inputs"]) + (missing if tests is None else tests),
        "pages": missing if pages is None else pages or ["none"],
        "figures": [f"{name}.svg" for name in found["figures"]] or ["none"],
    }
    yield from wrap(f"{found['label']}  {found['home']}: {found['summary']}", 80)
    yield ""
    yield from (f"    {line}" for line in found["formula"])
    yield ""
    for head, places in rows.items():
        for i, line in enumerate(places):
            yield f"{'' if i else head:<9}{line}"
