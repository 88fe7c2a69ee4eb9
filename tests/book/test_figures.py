"""The figures are those of the present code: registry = files = manifest = links."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from minibnn.book import figures, registry
from minibnn.equations import LEDGER

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "figures"
make = cache(figures.make)


def test_registry_files_manifest_and_links_are_one_set():
    names = set(figures.FIGURES)
    assert names == {file.stem for file in FOLDER.glob("*.svg")}
    assert names == set(figures.read_manifest(FOLDER))
    pages = [*(ROOT / "tutorials").glob("*.md"), ROOT / "README.md"]
    links = re.findall(
        r"figures/(\w+)\.svg", " ".join(p.read_text("utf-8") for p in pages)
    )
    assert names == set(links)


def test_no_other_files_lie_in_the_folder():
    """But for the PNGs that ``minibnn figures --png`` leaves."""
    assert {file.suffix for file in FOLDER.iterdir()} <= {".svg", ".json", ".png"}


@pytest.mark.optional
@pytest.mark.parametrize("name", sorted(figures.FIGURES))
def test_arrays_are_those_of_the_manifest(name):
    drawn, arrays = make(name)
    assert isinstance(drawn, Figure)
    entry = figures.FIGURES[name]
    stored = figures.read_manifest(FOLDER)[name]
    assert stored["labels"] == list(entry.labels)
    assert set(entry.labels) <= set(LEDGER)
    assert set(stored["arrays"]) == set(arrays)
    for key, now in figures.summary(arrays).items():
        then = stored["arrays"][key]
        assert now["shape"] == then["shape"], key
        size = max(abs(then["min"]), abs(then["max"]))
        for number in ("min", "max", "mean"):
            moved = abs(now[number] - then[number])
            assert moved <= entry.tolerance * size, f"{key}: {number} {then} -> {now}"


@pytest.mark.optional
@pytest.mark.parametrize("name", sorted(figures.FIGURES))
def test_text_does_not_leave_the_picture(name):
    drawn, _ = make(name)
    with figures.style.context(figures.STYLE):
        drawn.draw_without_rendering()
        width, height = drawn.canvas.get_width_height()
        for ax in drawn.axes:
            for words in [*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label]:
                box = words.get_window_extent()
                if words.get_text():
                    assert -1 <= box.x0 <= box.x1 <= width + 1, words
                    assert -1 <= box.y0 <= box.y1 <= height + 1, words


def test_files_are_the_same_bytes_twice(tmp_path):
    first = figures.write_figures(tmp_path / "a", ["one_step"])
    second = figures.write_figures(tmp_path / "b", ["one_step"])
    assert [Path(f).name for f in first] == ["one_step.svg", "manifest.json"]
    for a, b in zip(first, second, strict=True):
        assert Path(a).read_bytes() == Path(b).read_bytes()
    assert "<dc:date>" not in Path(first[0]).read_text("utf-8")


def test_writing_one_figure_leaves_the_entries_of_others(tmp_path):
    stored = (FOLDER / figures.MANIFEST).read_text("utf-8")
    (tmp_path / figures.MANIFEST).write_text(stored, "utf-8")
    said = []
    figures.write_figures(tmp_path, ["one_step"], said.append)
    assert figures.read_manifest(tmp_path) == figures.read_manifest(FOLDER)
    assert said == [f"{tmp_path / 'one_step'}.svg"]


def test_unknown_figure_is_named():
    with pytest.raises(ValueError, match=r"no figure 'one_stop', nearest .*one_step"):
        figures.make("one_stop")


def test_summary_says_shape_range_and_mean():
    assert figures.summary({"a": np.array([[1.0, 2.0], [3.0, 4.0]])}) == {
        "a": {"shape": [2, 2], "min": 1.0, "max": 4.0, "mean": 2.5}
    }
    with pytest.raises(ValueError, match="a must be finite"):
        figures.summary({"a": np.array([np.nan])})


def test_a_name_is_registered_once():
    def one_step(rng):
        """Another figure of the same name."""

    with pytest.raises(ValueError, match="already a figure 'one_step'"):
        registry.figure("E14")(one_step)


def test_a_slide_is_the_whole_figure_on_sixteen_to_nine(tmp_path):
    """Also of a figure of another shape: white above and below, or beside it."""
    files = figures.write_figures(tmp_path, ["kl_both_ways"], png=True)
    assert [Path(file).suffix for file in files] == [".svg", ".png", ".json"]
    pixels = image.imread(files[1])
    assert pixels.shape[:2] == (1080, 1920)
    assert (pixels[[0, -1]] == 1.0).all()
    used = np.nonzero((pixels[..., :3] < 0.5).any(axis=(0, 2)))[0]
    assert used[-1] - used[0] > 0.8 * 1920
