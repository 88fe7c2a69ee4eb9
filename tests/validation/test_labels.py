"""Labels that are not 0 .. K-1: the remedy in the message, carried out, makes a fit."""

import re

import numpy as np
import pytest

import minibnn as mb
from minibnn.validation.labels import relabel, remedy

N = 12
X = np.random.default_rng(0).normal(size=(N, 2))
CODES = np.arange(N) % 3


def fit(y, n_classes):
    likelihood = mb.Bernoulli() if n_classes == 2 else mb.Categorical(n_classes)
    net = mb.MLP([2, 2, 1 if n_classes == 2 else n_classes])
    model = mb.Model(net, likelihood, mb.GaussianPrior())
    return mb.fit(model, mb.Point(), X, y, rng=0, max_steps=1)


def remedied(y, n_classes):
    """(the remedy in the message, y after it)."""
    with pytest.raises(ValueError, match=r"^y must") as caught:
        fit(y, n_classes)
    said = str(caught.value)
    assert said.count(" must be ") + said.count(" must have ") == 1, said
    found = re.search(r"(?:use|take) (.+?)(?:; a measured .*)?$", said)[1]
    return found, eval(found, {"np": np, "y": y})


TWO = {
    "1, 2": (CODES % 2 + 1, "y - 1"),
    "1, 2 in a column": ((CODES % 2 + 1)[:, None], "y - 1"),
    "-1, 1": (2 * (CODES % 2) - 1, "(y + 1) / 2"),
    "-1, 1 as floats": (2.0 * (CODES % 2) - 1, "(y + 1) / 2"),
    "0, 255": (
        (CODES % 2 * 255).astype(np.uint8),
        "np.unique(y, return_inverse=True)[1]",
    ),
    "3, 7": (CODES % 2 * 4 + 3, "np.unique(y, return_inverse=True)[1]"),
    "0, 2": (CODES % 2 * 2, "np.unique(y, return_inverse=True)[1]"),
    "0.2, 0.7": (CODES % 2 * 0.5 + 0.2, "np.unique(y, return_inverse=True)[1]"),
    "names": (
        np.array(["no", "yes"])[CODES % 2],
        "np.unique(y, return_inverse=True)[1]",
    ),
    "objects": (
        np.array(["no", "yes"], object)[CODES % 2],
        "np.unique(y, return_inverse=True)[1]",
    ),
    "bytes": (
        np.array([b"no", b"yes"])[CODES % 2],
        "np.unique(y, return_inverse=True)[1]",
    ),
    "list of names": (["no", "yes"] * 6, "np.unique(y, return_inverse=True)[1]"),
    "text of numbers": (["0", "1"] * 6, "np.asarray(y, float)"),
    "one-hot": (np.eye(2)[CODES % 2], "np.asarray(y).argmax(-1)"),
    "one-hot list": (np.eye(2)[CODES % 2].tolist(), "np.asarray(y).argmax(-1)"),
    "a row": ((CODES % 2)[None], "np.reshape(y, (12, 1))"),
    "three axes": ((CODES % 2)[:, None, None], "np.reshape(y, (12, 1))"),
    "probabilities": (np.linspace(0, 1, N), "y >= 0.5"),
    "percents": (np.linspace(0, 100, N), "y >= 50"),
}
THREE = {
    "1, 2, 3": (CODES + 1, "y - 1"),
    "1, 3 of 1, 2, 3": (CODES // 2 * 2 + 1, "y - 1"),
    "a gap": (np.array([0, 1, 5])[CODES], "np.unique(y, return_inverse=True)[1]"),
    "gaps as floats": (
        np.array([10.0, 20, 50])[CODES],
        "np.unique(y, return_inverse=True)[1]",
    ),
    "-1, 0, 1": (CODES - 1, "np.unique(y, return_inverse=True)[1]"),
    "names": (
        np.array(["cat", "cow", "dog"])[CODES],
        "np.unique(y, return_inverse=True)[1]",
    ),
    "one-hot": (np.eye(3)[CODES], "np.asarray(y).argmax(-1)"),
}
CASES = [(2, name) for name in TWO] + [(3, name) for name in THREE]


@pytest.mark.parametrize(("n_classes", "name"), CASES)
def test_the_remedy_works(n_classes, name):
    y, wanted = (TWO if n_classes == 2 else THREE)[name]
    found, labels = remedied(y, n_classes)
    assert found == wanted
    got = fit(labels, n_classes)
    classes = np.unique(np.ravel(labels).astype(int))
    assert classes.min() >= 0
    assert classes.max() < n_classes
    assert np.isfinite(got.history["loss"]).all()


def test_the_remedy_keeps_the_classes_apart():
    _, labels = remedied(np.array([10.0, 20, 50])[CODES], 3)
    np.testing.assert_array_equal(labels, CODES)
    _, labels = remedied(np.array(["cat", "cow", "dog"])[CODES], 3)
    np.testing.assert_array_equal(labels, CODES)


@pytest.mark.parametrize(
    ("y", "n_classes", "words"),
    [
        (CODES, 2, "for 3 classes use Categorical(3) and an MLP with 3 outputs"),
        (np.arange(N) % 5, 3, "for 5 classes use Categorical(5)"),
        (X[:, 0], 2, "a measured y wants Gaussian()"),
        (X[:, 0], 3, "a measured y wants Gaussian()"),
    ],
)
def test_where_the_model_does_not_fit(y, n_classes, words):
    with pytest.raises(ValueError, match=r"^y must be ") as caught:
        fit(y, n_classes)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "y",
    [CODES % 2 == 1, (CODES % 2) * 1.0, (CODES % 2)[:, None], np.float32(CODES % 2)],
)
def test_other_ways_to_write_0_and_1_are_fine(y):
    np.testing.assert_array_equal(
        fit(y, 2).params["mu"], fit(CODES % 2, 2).params["mu"]
    )


@pytest.mark.parametrize("gap", [None, np.nan])
def test_names_with_a_gap_are_told_of_the_gap(gap):
    """np.unique could not sort them."""
    with pytest.raises(ValueError, match="it has no value in row 1") as caught:
        fit(np.array(["yes", gap, "no"] * 4, object), 2)
    assert "np.unique" not in str(caught.value)


def test_names_are_no_measurements():
    model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(), mb.GaussianPrior())
    with pytest.raises(ValueError, match=r"classes want Categorical\(K\)"):
        model.batch(X, ["a", "b"] * 6)
    with pytest.raises(ValueError, match=r"np\.asarray\(y, float\)"):
        model.batch(X, ["1", "2"] * 6)


def test_scores_name_the_remedy_too():
    p = np.full(N, 0.25)
    with pytest.raises(ValueError, match=r"use y - 1"):
        mb.metrics.accuracy(CODES % 2 + 1, p)
    with pytest.raises(ValueError, match=r"np\.unique\(y, return_inverse=True\)\[1\]"):
        mb.metrics.brier(["no", "yes"] * 6, p)
    with pytest.raises(ValueError, match=r"integer labels 0\.\.1") as caught:
        mb.metrics.nll(X[:, 0], p)
    assert "Gaussian" not in str(caught.value)


def test_only_a_score_keeps_to_relabelling():
    assert relabel(np.arange(5.0), 3) == ""
    assert remedy(np.arange(5.0), 3) == (
        "; for 5 classes use Categorical(5) and an MLP with 5 outputs"
    )


# --- Categorical() knows K from the network --------------------------------------------


def counted(likelihood, y=CODES, width=3, **options):
    model = mb.Model(mb.MLP([2, 4, width]), likelihood, mb.GaussianPrior())
    return mb.fit(model, mb.MeanField(), X, y, rng=0, start=None, max_steps=5, **options)


def test_the_number_of_classes_is_the_networks_width(tmp_path):
    """The same run, bit for bit; kept as it was written in repr and file."""
    found, told = counted(mb.Categorical()), counted(mb.Categorical(3))
    for key, array in told.params.items():
        np.testing.assert_array_equal(found.params[key], array)
    assert found.elbo == told.elbo
    found.save(tmp_path / "fit.npz")
    again = mb.FitResult.load(tmp_path / "fit.npz")
    assert repr(again.model.likelihood) == "Categorical()"
    for result in (found, again):
        pred, other = result.predict(X), told.predict(X)
        np.testing.assert_array_equal(pred.mean, other.mean)
        np.testing.assert_array_equal(pred.log_prob(CODES), other.log_prob(CODES))


@pytest.mark.parametrize(
    "y",
    [CODES + 1, CODES - 1, np.eye(3)[CODES], np.arange(N), CODES + 0.5, CODES[:-1],
     np.array(["cat", "cow", "dog"])[CODES], np.full(N, np.nan)],
    ids=["from 1", "-1, 0, 1", "one-hot", "twelve", "halves", "short", "names", "nan"],
)  # fmt: skip
def test_labels_are_refused_in_the_same_words(y):
    said = []
    for likelihood in (mb.Categorical(), mb.Categorical(3)):
        with pytest.raises(ValueError, match=r"\by\b") as caught:
            counted(likelihood, y)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_one_output_is_no_choice_between_classes():
    with pytest.raises(ValueError, match=r"at least 2, the network has 1.*Bernoulli\(\)"):
        counted(mb.Categorical(), width=1)
    with pytest.raises(ValueError, match="n_classes must be an integer >= 2, got 1"):
        mb.Categorical(1)
