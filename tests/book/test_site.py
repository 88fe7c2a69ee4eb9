"""The website builds without a warning, leads nowhere wrong, and shows every formula.

Slow. It needs the extra ``site``; what is looked at in a browser needs playwright and a
chromium.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest

import minibnn

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "tutorials/site"
PACKAGES = ("sphinx", "myst_parser", "furo", "numpydoc", "sphinx_copybutton")
MISSING = [name for name in PACKAGES if find_spec(name) is None]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_site = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason="pip install 'minibnn[site]'"),
]


def test_the_reference_has_every_public_name():
    text = (SITE / "reference.md").read_text("utf-8")
    named = re.findall(r"^\.\. auto\w+:: ([\w.]+)$", text, re.M)
    there = {name.split(".")[-1] for name in named}
    assert there == set(minibnn.__all__) - {"__version__"}


def build(folder, builder="html"):
    """The folder of the site or the e-book, made by the command of CONTRIBUTING."""
    options = ["-c", "tutorials/site", "-W", "--keep-going", "-q"]
    command = [sys.executable, "-m", "sphinx", "-M", builder, ".", str(folder), *options]
    here = {"cwd": ROOT, "env": os.environ | {"PYTHONPATH": str(ROOT)}}
    done = subprocess.run(command, capture_output=True, text=True, check=False, **here)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / builder


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    return build(tmp_path_factory.mktemp("site"))


class Page(HTMLParser):
    """Places and links of a page."""

    def __init__(self, path):
        super().__init__()
        self.places, self.links = {""}, []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.places |= {attrs.get("id"), attrs.get("name")}
        self.links += [attrs[key] for key in ("href", "src") if attrs.get(key)]


def broken(folder, suffix=".html"):
    """Links inside a folder of pages that lead to no file or no place."""
    pages = {path: Page(path) for path in sorted(folder.rglob(f"*{suffix}"))}
    found = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not file.is_file():
                found.append(f"{path.name}: {link}")
            elif file in pages and place not in pages[file].places:
                found.append(f"{path.name}: {link}, no such place")
    return found


@pytest.mark.parametrize("link", ["no.html", "#no", "b.html#no", "b.html"])
def test_a_broken_link_is_seen(link, tmp_path):
    (tmp_path / "a.html").write_text(f'<p id="x"><a href="{link}">', "utf-8")
    (tmp_path / "b.html").write_text('<p id="y"><a href="a.html#x">', "utf-8")
    assert bool(broken(tmp_path)) == (link != "b.html")


class TestSite:
    pytestmark = needs_site

    def test_no_link_is_broken(self, site):
        assert broken(site) == []

    def test_nothing_is_fetched_from_elsewhere(self, site):
        for path in site.rglob("*.html"):
            text = path.read_text("utf-8")
            assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="http', text)

    def test_labels_lead_to_the_equation_and_the_equation_to_its_derivation(self, site):
        chapter = (site / "tutorials/04_kl.html").read_text("utf-8")
        assert 'href="#e41f"' in chapter
        assert 'href="site/derivations.html#derivation-e41"' in chapter
        derivations = (site / "tutorials/site/derivations.html").read_text("utf-8")
        assert 'href="../04_kl.html#e41"' in derivations
        assert "_modules/minibnn/priors/gaussian_kl.html" in derivations

    @pytest.mark.skipif(
        CHROMIUM is None or find_spec("playwright") is None,
        reason="needs playwright and a chromium",
    )
    def test_a_browser_shows_every_formula_on_the_screen_of_a_phone(self, site):
        faults = list(look(sorted(site.glob("**/*.html"))))
        assert faults == []

    def test_the_book_as_one_file(self, tmp_path):
        """Every page of an e-book is XML, its formulas are MathML."""
        with zipfile.ZipFile(build(tmp_path, "epub") / "minibnn.epub") as book:
            pages = [name for name in book.namelist() if name.endswith(".xhtml")]
            formulas = 0
            for name in pages:
                tree = ElementTree.fromstring(book.read(name))
                formulas += len(tree.findall(".//{*}math"))
        assert len(pages) > len([*ROOT.glob("tutorials/*.md")])
        assert formulas > 1000


LOOK = r"""() => {
  const faults = [];
  const red = "mjx-merror, [data-mjx-error], mtext[mathcolor=red], [fill=red]";
  for (const e of document.querySelectorAll(red))
    faults.push("formula: " + e.textContent);
  const words = document.querySelector("article").cloneNode(true);
  for (const e of words.querySelectorAll("pre, code, mjx-container")) e.remove();
  for (const raw of words.textContent.match(/(\\[a-zA-Z([]|\$).{0,40}/g) || [])
    faults.push("not set: " + raw);
  for (const e of document.querySelectorAll("html, .content"))  // what would scroll
    if (e.scrollWidth > e.clientWidth) faults.push("wider than the screen");
  for (const e of document.querySelectorAll("article img"))
    if (!e.complete || !e.naturalWidth) faults.push("no picture: " + e.src);
  return [faults, document.querySelectorAll("mjx-container").length];
}"""


def look(paths):
    """What is wrong on pages, seen by a browser without network on a small screen."""
    from playwright.sync_api import sync_playwright

    formulas = 0
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.route("http*://**", lambda route: route.abort())
        for path in paths:
            page.goto(path.as_uri())
            page.evaluate("window.MathJax && MathJax.startup.promise")
            page.evaluate(
                "document.querySelectorAll('details').forEach(d => d.open = true)"
            )
            faults, here = page.evaluate(LOOK)
            formulas += here
            yield from (f"{path.name}: {fault}" for fault in faults)
        page.goto((paths[0].parent / "search.html").as_uri() + "?q=softplus")
        page.wait_for_selector("#search-results li", timeout=10_000)
        browser.close()
    assert formulas > 1000
