r"""Displayed mathematics that is evaluated: a line of TeX becomes a number.

A page displays a derivation line by line, each with a label::

    \begin{aligned}
    \mathrm{KL}(q \mathbin{\Vert} p)
    &= E_q[\log q(w) - \log p(w)] \qquad (E41a) \\
    &= \log \frac{s_0}{\sigma} + \frac{\sigma^2}{2 s_0^2} - \frac{1}{2} \qquad (E41b)
    \end{aligned}

`lines_of` reads such lines, `parse` makes a tree of an expression, `value` evaluates it,
`corrupted` makes the trees with one mistake each. What an atom means stands in the table
of the chain, a dict from TeX to

- a number or an array;
- a function of bound variables, by the names of its arguments: ``lambda w: ...``; one
  that nothing binds has its value at the point, or its default: ``lambda k=2: ...``;
- ``Over("w", nodes, weights)`` for what binds a variable: ``E_q``, ``\sum_s``, ``\int``;
  of ``\int`` the body ends at ``until`` (``"dw"``). A list of them: line after line takes
  the next, so that neighbours are evaluated by different routes;
- ``By("mu")`` for a derivative of what follows by a variable of the point, such as
  ``\frac{\partial}{\partial \mu}``, taken by differences;
- ``Function(f)`` for what is applied to what follows in parentheses: ``f(a, b)``.

The longest key that fits is taken, so a key may be as long as
``\frac{\partial \mathrm{KL}}{\partial \rho}``. Known without a table: numbers, ``\pi``,
``e^``, ``\frac``, ``\sqrt``, ``\log``, ``\exp``, ``\tanh``, powers, ``^\top``, sums,
products by juxtaposition, ``\cdot``, ``\circ`` (element by element), ``/``, brackets,
``\lvert \rvert``, ``\underbrace`` (its label is dropped). The argument of ``\log`` ends
at ``+``, ``-``, ``\,`` or ``\cdot``; that of ``\sum`` at ``+`` and ``-``. Arrays multiply
as matrices.
"""

import inspect
import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NamedTuple

import numpy as np

TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|\S")
LABEL = re.compile(r"\\qquad\s*\((E\d\d[a-z]?)\)")
RELATIONS = ("=", r"\le", r"\ge", r"\approx", r"\propto", r"\leq", r"\geq", r"\sim")
SILENT = {r"\left", r"\right", r"\big", r"\Big", r"\bigl", r"\bigr", "&", r"\;", r"\!"}
UNARY = {
    r"\log": np.log, r"\exp": np.exp, r"\tanh": np.tanh, r"\sin": np.sin,
    r"\cos": np.cos, r"\cosh": np.cosh, r"\sinh": np.sinh,
}  # fmt: skip
CLOSING = {"(": ")", "[": "]", "{": "}"}
STOPS = {"+", "-", r"\,", r"\cdot", r"\circ", ")", "]", "}", ",", r"\rvert"}


class Over:
    """What binds one variable (or several) to nodes, and adds up with weights."""

    def __init__(self, names, nodes, weights=None, until=None, reduce=None):
        self.names = (names,) if isinstance(names, str) else tuple(names)
        self.nodes = list(nodes)
        self.weights = np.ones(len(self.nodes)) if weights is None else weights
        self.until, self.reduce = until, reduce

    def each(self, bound):
        """The bindings, one dict a node."""
        for node in self.nodes:
            values = (node,) if len(self.names) == 1 else node
            yield bound | {plain(n): v for n, v in zip(self.names, values, strict=True)}


class By(NamedTuple):
    """A derivative by a variable of the point, with the step of its differences."""

    variable: str
    step: float = 1e-2


class Function(NamedTuple):
    """Something that is applied to what follows in parentheses."""

    call: object


@dataclass
class Chain:
    """The lines of one label: their points, and what their atoms mean there.

    names: function of a point (a dict) that returns the table. values: independent value
    of the right side of a line that is no equation ({label: function of the point}).
    blind: corruptions that change nothing, {"E03c: sign of ...": why}. laws: mean and
    variance of what stands left of a ``\\sim``; its right side is ``\\mathcal{N}(m, v)``.
    """

    label: str
    names: object
    points: list
    values: dict = field(default_factory=dict)
    blind: dict = field(default_factory=dict)
    laws: dict = field(default_factory=dict)
    rtol: float = 1e-6

    def table(self, point):
        """The table at a point, its keys as tokens, the longest first."""
        rows = [(tuple(tokens(key)), what) for key, what in self.names(point).items()]
        return sorted(rows, key=lambda row: -len(row[0]))


class Line(NamedTuple):
    """One labelled line: its statements, each [left or None, (relation, right), ...]."""

    label: str
    statements: list


# --- reading -------------------------------------------------------------------------


def tokens(text):
    """The tokens of a text, without what only places things."""
    text = re.sub(r"\\(?:mathbin|mathrel|mathop)\{([^{}]*)\}", r"\1", text)
    return [t for t in TOKEN.findall(text) if t not in SILENT]


def plain(name):
    """A bound name as an identifier: without backslashes and braces."""
    return re.sub(r"[\\{}]", "", name)


def lines_of(block):
    """The labelled lines of one math block, as (label, text)."""
    block = re.sub(r"\\(begin|end)\{aligned\}", "", block).replace("\\\\", " ")
    found, start = [], 0
    for label in LABEL.finditer(block):
        found.append((label[1], block[start : label.start()].replace("&", " ").strip()))
        start = label.end()
    return found


def statements_of(text):
    """The statements of a line: [left text or None, (relation, right text), ...]."""
    found = []
    for part in re.split(r",?\s*\\q?quad\s*", text):
        pieces = split_relations(tokens(part))
        if len(pieces) > 1:
            found.append(pieces)
        elif pieces != [[]]:
            raise ValueError(f"says nothing that can be checked: {part!r} in {text!r}")
    return found


def split_relations(parts):
    """Tokens split at relations outside brackets: [left, (relation, right), ...]."""
    depth, pieces = 0, [[]]
    for token in parts:
        depth += (token in "([{") - (token in ")]}")
        if token in RELATIONS and depth == 0:
            pieces.append((token, []))
        else:
            (pieces[-1] if isinstance(pieces[-1], list) else pieces[-1][1]).append(token)
    while pieces[-1] and pieces[-1][1] and pieces[-1][1][-1] in {",", ".", ";", r"\,"}:
        pieces[-1][1].pop()
    return pieces


class Node(NamedTuple):
    """A node of the tree: what it is, its text or number, and its parts."""

    kind: str
    what: object = None
    parts: tuple = ()


class Reader:
    """Recursive descent through tokens; the keys of a table, longest first, are atoms."""

    def __init__(self, parts, table):
        self.parts, self.table, self.at = list(parts), table, 0
        self.until = []  # the tokens that end the integral we are in

    def peek(self, ahead=0):
        at = self.at + ahead
        return self.parts[at] if at < len(self.parts) else None

    def take(self, wanted=None):
        token = self.peek()
        if token is None or (wanted is not None and token != wanted):
            raise ValueError(f"want {wanted!r}, got {token!r} in {''.join(self.parts)}")
        self.at += 1
        return token

    def whole(self):
        """Everything as one expression."""
        node = self.expression()
        if self.peek() is not None:
            raise ValueError(f"cannot read {self.peek()!r} in {''.join(self.parts)}")
        return node

    def expression(self):
        terms = [self.term()]
        while self.peek() in ("+", "-"):
            terms.append(self.term())
        return Node("sum", None, tuple(terms))

    def term(self):
        """A signed product."""
        sign = 1
        while self.peek() in ("+", "-"):
            sign *= -1 if self.take() == "-" else 1
        return Node("term", sign, (self.product(),))

    def product(self, stops=frozenset("+-)]},")):
        factors, times = [], ""
        while self.peek() is not None and not self.ends(stops):
            token = self.peek()
            if token in (r"\,", r"\cdot", r"\times", r"\circ", "/"):
                self.take()
                times = {"/": "/", r"\circ": "o"}.get(token, times)
                continue
            factors.append((times, self.power()))
            times = ""
        if not factors:
            raise ValueError(f"nothing to read before {self.peek()!r}: {self.parts}")
        return Node("product", tuple(t for t, _ in factors), tuple(f for _, f in factors))

    def ends(self, stops):
        if self.until_here():
            return True
        if self.atom_here():
            return False
        return self.peek() in stops or self.peek() == r"\rvert"

    def until_here(self):
        end = self.at + len(self.until)
        return bool(self.until) and self.parts[self.at : end] == self.until

    def power(self):
        base = self.base()
        while self.peek() == "^":
            self.take()
            group = self.group()
            if group == [r"\top"]:
                base = Node("transpose", None, (base,))
            else:
                base = Node("power", None, (base, self.inside(group)))
        return base

    def group(self):
        """The tokens of a braced group, or the one token."""
        if self.peek() != "{":
            return [self.take()]
        self.take("{")
        depth, found = 1, []
        while depth:
            token = self.take()
            depth += (token == "{") - (token == "}")
            found.append(token)
        return found[:-1]

    def inside(self, parts):
        return Reader(parts, self.table).whole()

    def atom_here(self):
        """The longest key that fits here, or None."""
        for key in self.table:
            if tuple(self.parts[self.at : self.at + len(key)]) == key:
                return key
        return None

    def base(self):
        key = self.atom_here()
        if key is not None and key[0] not in (r"\sum", r"\prod", r"\int"):
            self.at += len(key)
            return self.after_atom(key)
        token = self.take()
        if re.fullmatch(r"\d+(\.\d+)?", token):
            return Node("number", float(token))
        if token in (r"\sum", r"\prod", r"\int"):
            return self.big(token)
        if token in UNARY:
            return Node("call", token, (self.argument(),))
        if token in CLOSING:
            return self.enclosed(CLOSING[token])
        reader = {
            r"\frac": self.fraction, r"\tfrac": self.fraction, r"\sqrt": self.root,
            r"\underbrace": self.underbrace, r"\lvert": self.absolute,
        }.get(token)  # fmt: skip
        return reader() if reader else self.unknown(token)

    def unknown(self, token):
        """A letter: a constant, or an atom that must be bound; with its subscript."""
        name = token
        while self.peek() in ("_", "'"):
            mark = self.take()
            name += "'" if mark == "'" else "_" + "".join(self.group())
        if name == r"\pi":
            return Node("number", np.pi)
        if name == "e" and self.peek() == "^":
            return Node("number", np.e)
        return Node("name", name)

    def after_atom(self, key):
        kind = kind_of(self.table[key])
        if self.peek() in ("(", "[") and kind in ("Over", "Function"):
            close = CLOSING[self.take()]
            arguments = [self.expression()]
            while self.peek() == ",":
                self.take()
                arguments.append(self.expression())
            self.take(close)
            return Node("apply", key, tuple(arguments))
        if kind == "By":
            body = Node("sum", None, (Node("term", 1, (self.product(),)),))
            return Node("apply", key, (body,))
        if kind == "Over":
            raise ValueError(f"{''.join(key)} wants [...] after it")
        return Node("atom", key)

    def big(self, token):
        r"""\sum_{s=1}^{S} body, \prod, or \int body dw."""
        name = token
        if self.peek() == "_":
            self.take()
            index = self.group()
            if token != r"\int":
                name += "_" + index[0]
        if self.peek() == "^":
            self.take()
            self.group()
        key = tuple(tokens(name))
        if key not in self.table:
            raise ValueError(f"the table has no {name!r}")
        if token == r"\int":
            self.until = tokens(one(self.table[key]).until or "")
            body = self.expression()
            self.at += len(self.until)
            self.until = []
        else:
            body = Node("sum", None, (self.term(),))
        return Node("apply" if token != r"\prod" else "times", key, (body,))

    def argument(self):
        """The argument of a function written without brackets."""
        if self.peek() in CLOSING:
            return self.enclosed(CLOSING[self.take()])
        stops = frozenset(STOPS)
        return Node("sum", None, (Node("term", 1, (self.product(stops),)),))

    def fraction(self):
        above, below = self.group(), self.group()
        return Node("fraction", None, (self.inside(above), self.inside(below)))

    def root(self):
        return Node("call", r"\sqrt", (self.inside(self.group()),))

    def underbrace(self):
        node = self.inside(self.group())
        if self.peek() == "_":
            self.take()
            self.group()
        return node

    def enclosed(self, close):
        """An expression and the bracket behind it."""
        node = self.expression()
        self.take(close)
        return node

    def absolute(self):
        return Node("call", "abs", (self.enclosed(r"\rvert"),))


def parse(parts, table):
    """The tree of an expression, given as text or tokens."""
    return Reader(tokens(parts) if isinstance(parts, str) else parts, dict(table)).whole()


def one(what):
    """The first of several routes."""
    return what[0] if isinstance(what, list) else what


def kind_of(what):
    """Over, By, Function or value."""
    for kind in (Over, By, Function):
        if isinstance(one(what), kind):
            return kind.__name__
    return "value"


# --- evaluating ----------------------------------------------------------------------


@dataclass
class Place:
    """Where a tree is evaluated: chain, point, table, bound variables, number of line."""

    chain: Chain
    point: dict
    number: int = 0
    bound: dict = field(default_factory=dict)
    table: dict = None

    def __post_init__(self):
        if self.table is None:
            self.table = dict(self.chain.table(self.point))

    def at(self, bound):
        """The same place with other bound variables."""
        return Place(self.chain, self.point, self.number, bound, self.table)


def value(node, place):
    """The number (or array) that a tree means at a place."""
    return MEANING[node.kind](node, place)


def _number(node, place):
    return node.what


def _sum(node, place):
    total = value(node.parts[0], place)
    for part in node.parts[1:]:
        total = total + value(part, place)
    return total


def _term(node, place):
    return node.what * value(node.parts[0], place)


def _product(node, place):
    total = None
    for times, part in zip(node.what, node.parts, strict=True):
        factor = value(part, place)
        if total is None:
            total = factor
        elif times == "/":
            total = total / factor
        elif times == "o" or not (np.ndim(total) and np.ndim(factor)):
            total = total * factor
        else:
            total = total @ factor
    return total


def _fraction(node, place):
    return value(node.parts[0], place) / value(node.parts[1], place)


def _power(node, place):
    return value(node.parts[0], place) ** value(node.parts[1], place)


def _transpose(node, place):
    return np.swapaxes(value(node.parts[0], place), -1, -2)


def _call(node, place):
    functions = UNARY | {r"\sqrt": np.sqrt, "abs": abs}
    return functions[node.what](value(node.parts[0], place))


def _name(node, place):
    name = plain(node.what)
    if name not in place.bound:
        raise ValueError(f"{node.what!r} is neither in the table nor bound")
    return place.bound[name]


@cache
def wants(function):
    """(name, default) of the arguments of a function."""
    return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]


def _atom(node, place):
    what = place.table[node.what]
    if callable(what):
        known = place.point | place.bound
        given = {name: known.get(name, there) for name, there in wants(what)}
        missing = [name for name, v in given.items() if v is inspect.Parameter.empty]
        if missing:
            raise ValueError(f"{''.join(node.what)} needs {missing}, which nothing binds")
        return what(**given)
    return what


def _apply(node, place):
    what = place.table[node.what]
    if isinstance(what, list):
        what = what[place.number % len(what)]
    if isinstance(what, Function):
        return what.call(*(value(part, place) for part in node.parts))
    if isinstance(what, By):
        return _slope(node.parts[0], place, what)
    found = [value(node.parts[0], place.at(bound)) for bound in what.each(place.bound)]
    if what.reduce:
        return what.reduce(np.array(found), np.array(what.weights))
    return sum(w * v for w, v in zip(what.weights, found, strict=True))


def _times(node, place):
    what = one(place.table[node.what])
    total = 1.0
    for bound in what.each(place.bound):
        total = total * value(node.parts[0], place.at(bound))
    return total


def _slope(body, place, by):
    """Central differences of sixth order."""
    total = 0.0
    for shift, weight in ((1, 45), (2, -9), (3, 1)):
        for side in (1, -1):
            moved = place.point[by.variable] + side * shift * by.step
            there = replace(
                place, point=place.point | {by.variable: moved}, table=None
            )
            total = total + side * weight * value(body, there)
    return total / (60 * by.step)


MEANING = {
    "number": _number, "name": _name, "atom": _atom, "sum": _sum, "term": _term,
    "product": _product, "fraction": _fraction, "power": _power, "call": _call,
    "transpose": _transpose, "apply": _apply, "times": _times,
}  # fmt: skip


# --- holding -------------------------------------------------------------------------


def holds(relation, left, right, rtol):
    """Whether a relation between two values holds to a relative rtol.

    Infinity holds nothing: the room around it would be infinite too.
    """
    if not np.all(np.isfinite(left)) or not np.all(np.isfinite(right)):
        return False
    room = rtol * (np.abs(left) + np.abs(right)) + 1e-12
    room = np.max(room)
    with np.errstate(all="ignore"):
        if relation in (r"\le", r"\leq"):
            return bool(np.all(left <= right + room))
        if relation in (r"\ge", r"\geq"):
            return bool(np.all(left >= right - room))
        return np.shape(left) == np.shape(right) and bool(
            np.all(np.abs(left - right) <= room)
        )


def corrupted(node):
    """(what was done, tree) for every single mistake in a tree."""
    yield from _here(node)
    for k, part in enumerate(node.parts):
        for said, changed in corrupted(part):
            parts = (*node.parts[:k], changed, *node.parts[k + 1 :])
            yield said, node._replace(parts=parts)


def _here(node):
    """The mistakes at the top of a tree."""
    yield from {"sum": _terms, "power": _squares, "product": _means}.get(
        node.kind, lambda node: ()
    )(node)


def _terms(node):
    for k, term in enumerate(node.parts):
        others = (*node.parts[:k], *node.parts[k + 1 :])
        for said, new in (("sign", -1), ("factor 2", 2)):
            changed = term._replace(what=term.what * new)
            parts = (*node.parts[:k], changed, *node.parts[k + 1 :])
            yield f"{said} of {show(term)}", node._replace(parts=parts)
        if others:
            yield f"without {show(term)}", node._replace(parts=others)


def _squares(node):
    if node.parts[1] == parse("2", []):
        yield f"no square of {show(node.parts[0])}", node.parts[0]


def _means(node):
    """A mean without its divisor: 1 / S beside a sum."""
    if not any(part.kind == "apply" for part in node.parts):
        return
    for k, part in enumerate(node.parts):
        if part.kind == "fraction" and part.parts[0] == parse("1", []):
            kept = [j for j in range(len(node.parts)) if j != k]
            what = tuple(node.what[j] for j in kept)
            parts = tuple(node.parts[j] for j in kept)
            yield f"sum for mean {show(part)}", node._replace(what=what, parts=parts)


def show(node):
    """A tree in short."""
    parts = [show(part) for part in node.parts]
    joined = " ".join(parts)
    return {
        "number": lambda: f"{node.what:g}",
        "name": lambda: str(node.what),
        "atom": lambda: "".join(node.what),
        "sum": lambda: f"({' + '.join(parts)})" if len(parts) > 1 else joined,
        "term": lambda: joined if node.what == 1 else f"-{joined}",
        "fraction": lambda: f"{parts[0]}/{parts[1]}",
        "power": lambda: f"{parts[0]}^{parts[1]}",
        "call": lambda: f"{node.what}({joined})",
        "apply": lambda: f"{''.join(node.what)}[{joined}]",
        "times": lambda: f"{''.join(node.what)}[{joined}]",
        "transpose": lambda: f"{joined}^T",
        "product": lambda: joined,
    }[node.kind]()
