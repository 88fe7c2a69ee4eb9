"""Reading Markdown pages: fenced blocks, executed pages, rules of their math."""

import contextlib
import io
import math
import re

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.M | re.S)
NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?")
INLINE = re.compile(r"(?<![$`\\])\$(?!`)([^$\n]+?)\$(?!\d)")


def same(got, want, rel=1e-2):
    """Whether two printed texts agree: words exactly, numbers to one percent."""
    numbers = zip(NUMBER.findall(got), NUMBER.findall(want), strict=False)
    return NUMBER.sub("#", got).split() == NUMBER.sub("#", want).split() and all(
        math.isclose(float(a), float(b), rel_tol=rel, abs_tol=1e-9) for a, b in numbers
    )


def run_page(text, name, names=None):
    """Execute the python blocks of a page in one namespace.

    Yields (line, shown, printed) for every text block.
    """
    names = {"__name__": "__main__"} if names is None else names
    printed = ""
    for block in FENCE.finditer(text):
        line = text.count("\n", 0, block.start(2))
        if block[1] == "python":
            buffer = io.StringIO()
            with contextlib.redirect_stdout(buffer):  # blank lines: true line numbers
                exec(compile("\n" * line + block[2], name, "exec"), names)
            printed = buffer.getvalue()
        elif block[1] == "text":
            yield line, block[2], printed


def without_code(text):
    """The page with the inside of fenced blocks and of code spans blanked out."""
    text = FENCE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    return re.sub(r"(?<!\$)`[^`\n]+`(?!\$)", lambda m: " " * len(m[0]), text)


# --- math that GitHub renders --------------------------------------------------------

EVERYWHERE = {
    r"\\(operatorname|DeclareMathOperator|newcommand|label|ref|eqref|tag)\b": (
        "a command that GitHub rejects"
    ),
    r"\\(mbox|phantom)\b": "a command that GitHub rejects",
    r"[^\s&]<|<[^\s]": "a < without spaces, which is taken for HTML",
}
IN_DOLLARS = {
    r"\\[{},;!]|\\\\": r"an escape that Markdown eats; write it in $`...`$",
    r"\*": "a *, which starts emphasis",
    r"\}_": "an underscore after }, which starts emphasis",
}


def math_faults(text):
    """All (line number, complaint) about the math of a page."""
    faults = []
    for block in FENCE.finditer(text):
        if block[1] == "math":
            faults += _faults(block[2], text.count("\n", 0, block.start(2)), EVERYWHERE)
    prose = without_code(text)
    for number, line in enumerate(prose.splitlines(), 1):
        if "$$" in line:
            faults.append((number, "$$: use a math fence"))
        for found in re.finditer(r"\$`([^`]+)`\$", line):
            faults += _faults(found[1], number - 1, EVERYWHERE)
        for found in INLINE.finditer(line):
            faults += _faults(found[1], number - 1, EVERYWHERE | IN_DOLLARS)
        faults += [(number, why) for why in _placing(line)]
    return faults


def _faults(math_text, first, rules):
    found = []
    for offset, line in enumerate(math_text.splitlines() or [""], 1):
        found += [
            (first + offset, why)
            for rule, why in rules.items()
            if re.search(rule, line)
        ]
    return found


def _placing(line):
    """Complaints about where inline math stands in a line."""
    spans = [(m.start(), m.end()) for m in INLINE.finditer(line)]
    spans += [(m.start(), m.end()) for m in re.finditer(r"\$`[^`]+`\$", line)]
    for start, end in spans:
        if start and line[start - 1] not in " |":
            yield "an opening $ that is glued to the text before it"
        if line.startswith("#"):
            yield "math in a heading"
        if re.search(r"\[[^\]]*$", line[:start]) and re.match(
            r"[^\[]*\]\(", line[end:]
        ):
            yield "math in the text of a link"
