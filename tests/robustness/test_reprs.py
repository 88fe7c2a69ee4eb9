"""What is public is shown in one short line: no arrays, no addresses."""

import re

import matplotlib
import numpy as np
import pytest
from support import doors
from support.doors import DOORS

import minibnn as mb
from minibnn.tables import Summary

matplotlib.use("Agg")
LONGEST = 200
LONG = "rupture_study", "fit"  # take their time; what they give is made below
PLAIN = np.ndarray, np.generic, float, int, str, dict, list, type(None), Summary
RIGHT = doors.CASE.gradient()
MANY = mb.MLP([2, *[30] * 8, 1])
MORE = {
    "FitResult": doors.world.RESULT,
    "tasks": doors.TASKS,
    "context": doors.TASKS.at([1.0, 2.0]),
    "replicas": doors.REPLICAS,
    "blocks": doors.REPLICAS.predict(np.stack([doors.X] * 2), n_samples=3),
    "q": doors.Q,
    "wrong": mb.diagnose({k: 1.5 * g for k, g in RIGHT.items()}, doors.CASE),
    "prior": mb.GaussianPrior.fan_in(MANY),
    "deep": mb.Model(MANY, mb.Gaussian("learned"), mb.GaussianPrior.fan_in(MANY)),
    "columns": mb.datasets.Dataset(
        np.ones((3, 50)), np.ones(3), np.ones((2, 50)), np.ones(2),
        [f"a long name of column {i}" for i in range(50)], ["km"] * 50,
    ),
}  # fmt: skip


def check(thing):
    if isinstance(thing, tuple) and type(thing) is tuple:
        for one in thing:
            check(one)
    elif not isinstance(thing, PLAIN):
        text = repr(thing)
        assert len(text) <= LONGEST, text
        assert "\n" not in text
        assert not re.search(
            r"array\(|\[\s*-?\d+\.\d*(e-?\d+)?\s+|0x[0-9a-f]{6}", text
        ), text


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    doors.world.RESULT.save("saved.npz")


@pytest.mark.parametrize("name", [name for name in DOORS if name not in LONG])
def test_what_a_door_gives_is_shown_in_a_line(name):
    if name.startswith("plots.") or name.endswith(".plot"):
        return  # figures are matplotlib's
    door = DOORS[name]
    check(door.call(**door.good))


@pytest.mark.parametrize("name", MORE)
def test_so_is_what_they_do_not_give(name):
    check(MORE[name])


@pytest.mark.parametrize(
    "thing", [doors.REPORT, MORE["wrong"]], ids=["report", "diagnosis"]
)
def test_reports_are_tables_in_a_notebook(thing):
    html = thing._repr_html_()
    assert "<table>" in html
    assert not set(re.findall(r"</?(\w+)", html)) - {"p", "table", "tr", "th", "td"}


def test_a_study_is_shown_in_a_line():
    parts = doors.DATA, doors.DATA, doors.Y, "repaired", None, 0, None, {}
    check(doors.rupture.Study(*parts))
