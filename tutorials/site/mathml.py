"""Formulas of the e-book as MathML, which its readers set without a script or fonts."""

import html
import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml


def mathml(node, **how):
    """A formula. Signs are letters, not the entities that no e-book knows."""
    tex = node.astext().replace(r"\mathbin{\Vert}", r"\Vert")
    named = re.compile(r"&(?!lt;|gt;|amp;)\w+;")
    return named.sub(lambda m: html.unescape(m[0]), tex2mathml(tex, **how))


def inline(self, node):
    """A formula in a line of text."""
    self.body.append(mathml(node))
    raise nodes.SkipNode


def display(self, node):
    """A formula on lines of its own."""
    self.body.append(f'<div class="math">{mathml(node, as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app):
    """Hooks of Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    app.add_config_value("epub_math_renderer", "mathml", "env", str)
    return {"parallel_read_safe": True}
