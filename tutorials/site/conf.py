"""The website: the README, the book and the reference, from the pages as they stand.

From the top of the repository, with the package and its extra ``site`` installed:

    sphinx-build -M html . site-out -c tutorials/site -W  # site-out/html/index.html
    sphinx-build -M epub . site-out -c tutorials/site -W  # site-out/epub/minibnn.epub
"""

import importlib.util
import sys
from pathlib import Path

import minibnn

sys.path.insert(0, str(Path(__file__).parent))  # github_pages.py, mathml.py

project, author = "minibnn", "The minibnn authors"
version = release = minibnn.__version__
copyright = "The minibnn authors, MIT"
root_doc = "README"
include_patterns = ["*.md", "tutorials/*.md", "tutorials/site/*.md", "figures/*.svg"]
exclude_patterns = [".*", "build", "dist", "site-*"]
extensions = [
    "myst_parser",
    "sphinx.ext.mathjax",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "github_pages",
    "mathml",
]

# Pages are what GitHub reads: ```math fences, > [!NOTE]
myst_enable_extensions = ["alert", "dollarmath", "tasklist"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3
myst_dmath_allow_space = myst_dmath_allow_digits = False

# MathJax as one file without fonts, so that the site works from a folder, offline
offline = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent
html_static_path = [str(offline / "static/mathjax/tex-svg.js"), "book.css"]
html_math_renderer, mathjax_path = "mathjax", "tex-svg.js"

html_theme, html_title, html_css_files = "furo", "minibnn", ["book.css"]
html_copy_source = html_show_sourcelink = False  # what is there links to the repository
numpydoc_show_class_members = numpydoc_class_members_toctree = False
autodoc_member_order, autodoc_typehints = "bysource", "none"  # docstrings tell the types
add_module_names = False

epub_show_urls, epub_tocscope = "no", "includehidden"
epub_exclude_files = ["_static/tex-svg.js"]
