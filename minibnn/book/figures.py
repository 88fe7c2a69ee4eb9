"""The figures of the tutorials on disk: pictures, and a manifest of their numbers.

`write_figures` writes the SVG files and
``manifest.json``, which holds shape, minimum, maximum and mean of every array: with it
a test sees that a picture is still that of the present code, on any machine and with
any version of matplotlib.
"""

import json
from pathlib import Path

import numpy as np
from matplotlib import style

from minibnn.book import (  # noqa: F401 (they register themselves)
    amortised_figures,
    backpropagation_figures,
    bayes_figures,
    elbo_figures,
    estimator_figures,
    first_page,
    gallery,
    independent_figures,
    kl_figures,
    likelihood_figures,
    mistake_figures,
    one_step_figures,
    optimise_figures,
    predict_figures,
    prior_figures,
    reparameterize_figures,
    verify_figures,
)
from minibnn.book.registry import FIGURES
from minibnn.validation.arguments import as_float_array

STYLE = "minibnn.book"
MANIFEST = "manifest.json"



def check_name(name):
    """Return the name of a registered figure; else raise ValueError with the choice."""
    if name not in FIGURES:
        raise ValueError(
            f"no figure {name!r}, want one of {', '.join(sorted(FIGURES))}"
        )
    return name


def make(name):
    """Draw one figure; returns (Figure, arrays)."""
    entry = FIGURES[check_name(name)]
    with style.context(STYLE):
        return entry.draw(np.random.default_rng(entry.seed))


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


def write_figures(folder="figures", names=(), say=None):
    """Write the SVG of the named figures (default: all) and their manifest entries.

    Returns the paths written, as text. Files of one matplotlib version are the same to
    the last byte; entries of other figures stay as they are.
    """
    folder = Path(folder)
    names = [check_name(name) for name in names] or sorted(FIGURES)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = read_manifest(folder) if set(names) != set(FIGURES) else {}
    for name in names:
        drawn, arrays = make(name)
        with style.context(STYLE):
            drawn.savefig(folder / f"{name}.svg", metadata={"Date": None})
        labels = list(FIGURES[name].labels)
        manifest[name] = {"labels": labels, "arrays": summary(arrays)}
        if say:
            say(f"{folder / name}.svg")
    text = json.dumps(dict(sorted(manifest.items())), indent=1)
    (folder / MANIFEST).write_text(text + "\n", "utf-8")
    return [str(folder / f"{name}.svg") for name in names] + [str(folder / MANIFEST)]


def read_manifest(folder):
    """The manifest of a folder of figures; empty if there is none."""
    file = Path(folder) / MANIFEST
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}
