"""Formulas of an e-book as MathML, which its readers set without a script or fonts."""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml


def inline(self, node):
    """A formula in a line of text."""
    self.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def display(self, node):
    """A formula on lines of its own."""
    found = tex2mathml(node.astext(), as_block=True)
    self.body.append(f'<div class="math">{found}</div>')
    raise nodes.SkipNode


def setup(app):
    """Hooks of Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    app.add_config_value("epub_math_renderer", "mathml", "env", str)
    return {"parallel_read_safe": True}
