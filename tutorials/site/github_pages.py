"""The pages as GitHub reads them, told to Sphinx; they themselves stay as they are.

Inline math and links to files are written anew while a page is read. The label of an
equation in prose becomes a link to where it is displayed; in a table row that begins
with a label the name of a file leads to the docstring that derives it.
"""

import re
import shutil
import tomllib
from importlib import import_module
from pathlib import Path

from sphinx import addnodes

from minibnn.commands.show import fill_ledger
from minibnn.equations import LEDGER

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SOURCE = SETTINGS["project"]["urls"]["Source"] + "/blob/main/"
DERIVATIONS = "tutorials/site/derivations"

DISPLAY = re.compile(r"^```math\n.*?^```$", re.M | re.S)
SHOWN = re.compile(r"\\qquad\s*\((E\d\d)([a-z]?)\)")
FENCE = re.compile(r"(^```.*?^```$)", re.M | re.S)
ROW = re.compile(r"^\| (E\d\d) \|.*$", re.M)
FILE = re.compile(r"`minibnn/([\w/]+\.py)`|\[([\w/]+\.py)\]\(\.\./minibnn/[\w/]+\.py\)")
PIECE = re.compile(
    r"^\#.*$ | !\[[^]]*\]\([^)]*\) "  # headings and pictures stay
    r"| \[(?P<text>(?:[^][`]|`[^`]*`)*)\]\((?P<target>[^)\s]*)\) "
    r"| \$`(?P<math>.+?)`\$ | `[^`\n]*` | \$[^$\n]+\$ "
    r"| \b(?P<label>E\d\d[a-z]?)\b",
    re.M | re.X,
)

CONTENTS = """
```{{toctree}}
:hidden:
:caption: The book
{chapters}
```

```{{toctree}}
:hidden:
:caption: Look it up
tutorials/notation
tutorials/labels
tutorials/sources
tutorials/recipes
tutorials/combinations
tutorials/pictures
tutorials/site/reference
tutorials/site/derivations
CONTRIBUTING
CHANGELOG
```
"""
CHAPTERS = sorted(ROOT.glob("tutorials/[0-9]*.md"))


def contents():
    """The pages in the order of reading, chapters with their numbers."""
    rows = []
    for page in CHAPTERS:
        title = page.read_text("utf-8").split("\n", 1)[0].removeprefix("# ")
        rows.append(f"{page.stem[:2]} {title} <tutorials/{page.stem}>")
    return CONTENTS.format(chapters="\n".join(rows))


def labels_of(display):
    """Every label of a displayed equation, and without its letter: E41, E41a, ..."""
    found = SHOWN.findall(display)
    return list(dict.fromkeys([label for label, _ in found] + [a + b for a, b in found]))


def places():
    """{label: its page, and which of the displays there}; of E41 the first."""
    found = {}
    for page in CHAPTERS:
        for i, display in enumerate(DISPLAY.findall(page.read_text("utf-8"))):
            for label in labels_of(display):
                found.setdefault(label, (page.name, i))
    return found


PLACES = places()


def read_page(app, name, source):
    """A page on its way to Sphinx."""
    parts = FENCE.split(ROW.sub(derived, source[0]))  # prose, fence, prose, ...
    folder = (ROOT / name).parent
    parts[::2] = [PIECE.sub(lambda m: piece(m, folder), prose) for prose in parts[::2]]
    displays = [i for i, part in enumerate(parts) if DISPLAY.fullmatch(part)]
    page = Path(name).name + ".md"
    for count, i in enumerate(displays):
        here = [x for x in labels_of(parts[i]) if PLACES.get(x) == (page, count)]
        parts[i] = "".join(f"({label.lower()})=\n" for label in here) + parts[i]
    source[0] = "".join(parts)
    if name == app.config.root_doc:
        source[0] += contents()
    if name == DERIVATIONS:
        source[0] += "".join(derivations())


def derived(row):
    """A table row of a label: its file leads to the docstring."""
    place = f"#derivation-{row[1].lower()}"
    return FILE.sub(lambda m: f"[{m[1] or m[2]}]({place})", row[0])


def piece(found, folder):
    """Inline math, a link, or a label, as MyST wants it."""
    if found["math"]:
        return f"${found['math']}$"
    if found["label"] in PLACES:
        return f"[{found['label']}](#{found['label'].lower()})"
    target = found["target"]
    if not target or "://" in target or target.startswith("#"):
        return found[0]
    path = (folder / target.split("#")[0]).resolve().relative_to(ROOT).as_posix()
    if re.fullmatch(r"[^/]+\.md|tutorials/[^/]+\.md|figures/.*", path):
        return found[0]
    return f"[{found['text']}]({SOURCE}{path})"


def derivations():
    """Every formula of the package by its label, with the docstring that derives it."""
    fill_ledger()
    homes = {}
    for label in sorted(LEDGER):
        homes.setdefault(LEDGER[label], []).append(label)
    for home, labels in homes.items():
        yield "\n" + "".join(f"(derivation-{label.lower()})=\n" for label in labels)
        yield f"## Derivation of {', '.join(labels)}\n\n"
        shown = [f"[{x}](#{x.lower()})" for x in labels if x in PLACES]
        if shown:
            yield f"In the book: {', '.join(shown)}.\n\n"
        owner, name = home.split(".")[-2:]
        kind = "class" if name[0].isupper() else "function"
        kind = "method" if owner[0].isupper() else kind
        yield f"```{{eval-rst}}\n.. auto{kind}:: {home}\n```\n"


def as_it_stands(app, what, name, obj, options, lines):
    """A formula and its derivation are set as they are written, in one block.

    Elsewhere, up to the examples, a bar is a bar and a star a star.
    """
    heads = [i - 1 for i, line in enumerate(lines) if re.fullmatch("-{3,}", line)]
    first = next((i for i, line in enumerate(lines) if line.startswith("(E")), None)
    last = min((i for i in heads if i > (first or 0)), default=len(lines))
    for i, line in enumerate(lines):
        if line == "Examples":
            break
        if first is None or not first <= i < last:
            lines[i] = re.sub(r"(``.*?``)|(\||(?<=\()\*(?=\w))", escaped, line)
    if first is not None:
        block = ["   " + line for line in lines[first:last]]
        head = [".. code-block:: text", "   :class: derivation", ""]
        lines[first:last] = [*head, *block, ""]


def escaped(found):
    """A sign that would be markup; code stays as it is."""
    return found[1] or "\\" + found[2]


def place_of_source(app, doctree):
    """Public names are at home elsewhere, where the page of their source looks for them."""
    for signature in doctree.findall(addnodes.desc_signature):
        name = signature["fullname"]
        thing = import_module(signature["module"])
        for part in name.split("."):
            thing = getattr(thing, part, None)
            home = getattr(thing, "__module__", None)
            if home and f"{home}.{name}" not in signature["ids"]:
                signature["ids"].append(f"{home}.{name}")


def front_page(app, error):
    """README.html is what a server asked for the folder should give."""
    if error is None and app.builder.name == "html":
        shutil.copy(Path(app.outdir) / "README.html", Path(app.outdir) / "index.html")


def setup(app):
    """Hooks of Sphinx."""
    app.connect("source-read", read_page)
    app.connect("autodoc-process-docstring", as_it_stands, priority=400)
    app.connect("doctree-read", place_of_source)
    app.connect("build-finished", front_page)
    return {"parallel_read_safe": True}
