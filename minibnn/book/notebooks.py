"""Notebooks from the pages of the book, with the standard library alone.

A heading begins a cell, a block of code is one, with what the page shows of its printing
as its output until it is run; a figure becomes the call that draws it. Links lead to the
other notebooks, and to the rest from a folder beside ``tutorials``. Equal pages give
equal bytes.
"""

import hashlib
import json
import re
import textwrap
from pathlib import Path

SETUP = """\
# Where minibnn is not installed yet (Colab, Binder, a new environment): get it.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("minibnn") is None:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "minibnn"])
"""
DRAW = 'from minibnn.book.figures import Drawing\n\nDrawing("{name}")'

CODE = "\n```python\n"
FENCE = re.compile(r"(^```\w*[^\n]*\n.*?^```$)", re.M | re.S)
FIGURE = re.compile(r"^!\[([^\]]*)\]\(\.\./figures/(\w+)\.svg\)$", re.M)
NOTE = re.compile(r"^> \[!(\w+)\]\n> ", re.M)
HEADING = re.compile(r"^(?=#{1,3} )", re.M)


def write_notebooks(pages, out, say=None):
    """Write a notebook for each page of a folder that has code; returns their paths.

    pages: a folder of Markdown files. Raises ValueError if none of them has code.
    """
    found = {path.stem: path.read_text("utf-8") for path in Path(pages).glob("*.md")}
    texts = {name: found[name] for name in sorted(found) if CODE in found[name]}
    if not texts:
        raise ValueError(f"want a folder with the pages of the book, none in {pages}")
    Path(out).mkdir(parents=True, exist_ok=True)
    files = []
    for name, text in texts.items():
        made = json.dumps(notebook(text, set(texts)), indent=1, ensure_ascii=False)
        files.append(str(Path(out) / f"{name}.ipynb"))
        Path(files[-1]).write_text(made + "\n", "utf-8", newline="\n")
        if say:
            say(files[-1])
    return files


def notebook(text, names=frozenset()):
    """A page as nbformat 4.5. names: the pages that become notebooks beside it."""
    cells = [cell("code", SETUP)]
    for part in FENCE.split(text):
        if part.startswith("```"):
            add_fence(cells, *re.fullmatch(r"```(\w*)[^\n]*\n(.*)```", part, re.S).groups())
        else:
            add_prose(cells, part, names)
    kept = [one for one in cells if one["source"].strip()]
    for i, one in enumerate(kept):
        one["source"] = lines(one["source"])
        one["id"] = hashlib.sha256(f"{i}{one['source']}".encode()).hexdigest()[:8]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    meta = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": kept, "metadata": meta, "nbformat": 4, "nbformat_minor": 5}


def cell(kind, source):
    """A cell, its source still one text."""
    made = {"cell_type": kind, "metadata": {}, "source": source}
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def lines(text):
    """A text as Jupyter keeps it."""
    return text.strip("\n").splitlines(keepends=True)


def add_fence(cells, language, inside):
    """A block of code, what it printed, a formula, or what stays as it is."""
    last = cells[-1]
    if language == "python":
        cells.append(cell("code", inside))
    elif language == "text" and last["cell_type"] == "code":
        shown = inside.splitlines(keepends=True)
        last["outputs"] = [{"name": "stdout", "output_type": "stream", "text": shown}]
    elif language == "math":
        add_words(cells, f"$$\n{inside}$$")
    else:
        add_words(cells, f"```{language}\n{inside}```")


def add_prose(cells, text, names):
    """Text between blocks: a cell for each heading, and one for each figure."""
    text = re.sub(r"\$`(.+?)`\$", r"$\1$", text)
    text = NOTE.sub(lambda m: f"> **{m[1].title()}.** ", text)
    pieces = FIGURE.split(text)  # text, alt, name, text, ...
    for i in range(0, len(pieces), 3):
        first, *others = HEADING.split(linked(pieces[i], names))
        add_words(cells, first)
        cells += [cell("markdown", part) for part in others]
        if i + 2 < len(pieces):
            seen = "".join(f"# {line}\n" for line in textwrap.wrap(pieces[i + 1], 84))
            cells.append(cell("code", seen + DRAW.format(name=pieces[i + 2])))


def add_words(cells, text):
    """Text goes on in the cell it is in."""
    if cells[-1]["cell_type"] == "code":
        if not text.strip():
            return
        cells.append(cell("markdown", ""))
    cells[-1]["source"] += text


def linked(text, names):
    """Links to pages lead to their notebooks, others start from a neighbour's folder."""

    def lead(found):
        page = found[1]
        return f"]({page}.ipynb" if page in names else f"](../tutorials/{page}.md"

    return re.sub(r"\]\((\w+)\.md\b", lead, text)
