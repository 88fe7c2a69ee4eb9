"""The figures of the tutorials on disk: pictures, and a manifest of their numbers.

`write_figures` writes the SVG files and
``manifest.json``, which holds shape, minimum, maximum and mean of every array: with it
a test sees that a picture is still that of the present code, on any machine and with
any version of matplotlib.
"""

import io
import json
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.transforms import Bbox

from minibnn.book import (  # noqa: F401 (they register themselves)
    amortised_figures,
    backpropagation_figures,
    bayes_figures,
    elbo_figures,
    estimator_figures,
    evidence_figures,
    first_page,
    gallery,
    independent_figures,
    judge_figures,
    kl_figures,
    likelihood_figures,
    mistake_figures,
    one_step_figures,
    optimise_figures,
    predict_figures,
    prior_figures,
    reparameterize_figures,
    rupture_figures,
    verify_figures,
)
from minibnn.book.registry import FIGURES
from minibnn.validation.arguments import as_float_array

STYLE = "minibnn.book"
MANIFEST = "manifest.json"
SLIDE = 1920, 1080  # pixels of a PNG


def check_name(name):
    """Return the name of a registered figure; else raise ValueError with the nearest."""
    if name not in FIGURES:
        near = get_close_matches(name, FIGURES, 3, cutoff=0)
        raise ValueError(
            f"no figure {name!r}, nearest of {len(FIGURES)} are {', '.join(near)}; "
            "tutorials/labels.md and the pages name them"
        )
    return name


def make(name):
    """Draw one figure; returns (Figure, arrays)."""
    entry = FIGURES[check_name(name)]
    with style.context(STYLE):
        return entry.draw(np.random.default_rng(entry.seed))


class Drawing:
    """A figure as a notebook shows it; ``figure`` and ``arrays`` are what was drawn."""

    def __init__(self, name):
        self.name = name
        self.figure, self.arrays = make(name)

    def __repr__(self):
        return f"Drawing({self.name!r})"

    def _repr_svg_(self):
        text = io.StringIO()
        write_svg(self.figure, text)
        return text.getvalue()


def write_svg(drawn, file):
    """Write a figure, the same bytes every time."""
    with style.context(STYLE):
        drawn.savefig(file, format="svg", metadata={"Date": None})


def write_slide(drawn, file):
    """Write a figure on a white slide of 16:9, as large as it fits."""
    width, height = drawn.get_size_inches()
    across, down = SLIDE
    dots = min(across / width, down / height)
    left, low = (width - across / dots) / 2, (height - down / dots) / 2
    slide = Bbox.from_bounds(left, low, across / dots, down / dots)
    with style.context(STYLE):
        drawn.savefig(file, dpi=dots, bbox_inches=slide, metadata={"Software": None})


def summary(arrays):
    """Shape, minimum, maximum and mean of every array, numbers to 6 digits."""
    checked = {key: as_float_array(key, array) for key, array in arrays.items()}
    return {
        key: {
            "shape": list(a.shape),
            "min": float(f"{a.min():.6g}"),
            "max": float(f"{a.max():.6g}"),
            "mean": float(f"{a.mean():.6g}"),
        }
        for key, a in checked.items()
    }


def write_figures(folder="figures", names=(), say=None, png=False):
    """Write the SVG of the named figures (default: all) and their manifest entries.

    png: beside each a PNG for slides. Returns the paths written, as text. Files of one
    matplotlib version are the same to the last byte; entries of other figures stay as
    they are.
    """
    folder = Path(folder)
    names = [check_name(name) for name in names] or sorted(FIGURES)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = read_manifest(folder) if set(names) != set(FIGURES) else {}
    files = []
    for name in names:
        drawn, arrays = make(name)
        files.append(folder / f"{name}.svg")
        write_svg(drawn, files[-1])
        if png:
            files.append(folder / f"{name}.png")
            write_slide(drawn, files[-1])
        labels = list(FIGURES[name].labels)
        manifest[name] = {"labels": labels, "arrays": summary(arrays)}
        for file in files[-1 - png :] if say else ():
            say(str(file))
    text = json.dumps(dict(sorted(manifest.items())), indent=1)
    (folder / MANIFEST).write_text(text + "\n", "utf-8")
    return [str(file) for file in (*files, folder / MANIFEST)]


def read_manifest(folder):
    """The manifest of a folder of figures; empty if there is none."""
    file = Path(folder) / MANIFEST
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}
