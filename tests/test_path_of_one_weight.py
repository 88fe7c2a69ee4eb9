"""The list of the files that one weight passes is the list of those it passes."""

import re
import sys
from pathlib import Path

import numpy as np

import minibnn as mb
from minibnn.objective import objective

PACKAGE = Path(mb.__file__).parent
GUIDE = (PACKAGE.parent / "CONTRIBUTING.md").read_text("utf-8")
PART = GUIDE.split("## The path of one weight")[1].split("\n## ")[0]
DATA = np.random.default_rng(0).normal(size=(10, 4))
X, Y, NOISE = DATA[:, :3], DATA[:, 3], DATA[:1].repeat(6, 1)[:, :21]
MODEL = mb.Model(mb.MLP([3, 4, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
PARTS = mb.MeanField(), mb.Pathwise(), mb.SGD(0.01)
BATCH = MODEL.batch(X, Y)


def passed(work):
    """The package's files that ``work`` passes, in order, without the checks."""
    files = []

    def look(frame, event, argument):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE):
            name = path.relative_to(PACKAGE).as_posix()
            if name not in files and not name.startswith("validation/"):
                files.append(name)

    before = sys.gettrace()
    sys.settrace(look)
    try:
        work()
    finally:
        sys.settrace(before)
    return files


def by_hand():
    """From the first value to the first update, as the page says it."""
    family, estimator, optimizer = PARTS
    params = family.init(MODEL, 0)
    args = MODEL, family, params, NOISE, *BATCH, len(Y), 1.0, estimator
    _, gradient, _ = objective(*args)
    optimizer.move(params["mu"].copy(), gradient()["mu"], {}, 0, 1)


def fitted():
    """The same as the one step of a fit."""
    family, estimator, optimizer = PARTS
    how = {"estimator": estimator, "optimizer": optimizer, "max_steps": 1}
    mb.fit(MODEL, family, X, Y, rng=0, start=family.init(MODEL, 0), **how)


def test_the_numbered_files_are_those_passed_by_hand_in_this_order():
    assert re.findall(r"^\d+\. `([\w/]+\.py)`", PART, re.M) == passed(by_hand)


def test_the_machinery_of_fit_is_listed_whole():
    machinery = PART.split("the machinery of `fit`")[1]
    listed = []
    for line in re.split("^- ", machinery, flags=re.M)[1:]:
        room, *files = re.findall(r"`([\w/]+)`", line)
        listed += [f"{room}/{file}.py".removeprefix("minibnn/") for file in files]
    assert sorted(listed) == sorted(set(passed(fitted)) - set(passed(by_hand)))
