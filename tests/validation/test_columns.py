"""The columns a model was fitted to are remembered, and a frame with others is refused."""

from dataclasses import replace

import numpy as np
import pytest

import minibnn as mb
from minibnn.validation.columns import check_columns, columns_of


class Frame:
    """Stands for a frame of named columns: what has ``columns`` and becomes an array."""

    def __init__(self, array, names):
        self.array, self.columns = np.asarray(array, float), names

    @property
    def shape(self):
        return self.array.shape

    def __len__(self):
        return len(self.array)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)

    def __getitem__(self, names):
        places = [list(self.columns).index(name) for name in names]
        return Frame(self.array[:, places], names)


NAMES = ["age", "height", "mass"]
VALUES = np.random.default_rng(0).normal(size=(6, 3))
Y = np.array([0.5, 1.5, -1.0, 0.0, 2.0, -0.5])
X = Frame(VALUES, NAMES)
MODEL = mb.Model(mb.MLP([3, 2, 1]), mb.Gaussian(0.5), mb.GaussianPrior())


def fit(X, y=Y, **options):
    options = {"rng": 0, "max_steps": 2, "start": None} | options
    return mb.fit(MODEL, mb.MeanField(), X, y, **options)


def refusal(call, *args):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the words are tested)
        call(*args)
    return str(caught.value)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["mass", "age", "height"], "has them in another order: column 0 is 'mass'; "),
        (["age", "mass", "height"], "another order: column 1 is 'mass'; use X[result.col"),
        (["age", "height"], "lacks 'mass'; use X[result.columns] once they are there"),
        (["age", "height", "iq"], "lacks 'mass' and has 'iq' besides; "),
        ([*NAMES, "iq"], "has 'iq' besides; use X[result.columns]"),
        (list("abcdefg"), "has 'a', 'b', 'c', 'd' and 3 more besides"),
    ],
)
def test_a_frame_with_other_columns_is_refused(names, words):
    result = fit(X)
    other = Frame(np.zeros((2, len(names))), names)
    said = refusal(result.predict, other)
    assert said.startswith(
        "X must have the columns of the fit, 'age', 'height', 'mass', in that order;"
    )
    assert words in said


def test_the_cure_gives_the_right_answer():
    result = fit(X)
    turned = X[["mass", "age", "height"]]
    refusal(result.predict, turned)
    pred = result.predict(turned[result.columns])
    np.testing.assert_array_equal(pred.mean, result.predict(X).mean)


def test_what_has_no_names_is_taken_as_it_comes():
    result = fit(X)
    np.testing.assert_array_equal(result.predict(VALUES).mean, result.predict(X).mean)
    unnamed = fit(VALUES)
    assert unnamed.columns is None
    unnamed.predict(X[["mass", "age", "height"]])
    for labels in ([0, 1, 2], ["a", "a", "b"], ["a", 1, "b"], [("p", "a")] * 3):
        assert columns_of(Frame(VALUES, labels)) is None
        result.predict(Frame(VALUES, labels))
    check_columns("X", X, None)


def test_numbers_of_a_fit_do_not_depend_on_names():
    named, plain = fit(X), fit(VALUES)
    np.testing.assert_array_equal(named.params["mu"], plain.params["mu"])


def test_names_are_kept_in_the_file(tmp_path):
    fit(X).save(tmp_path / "fit.npz")
    again = mb.FitResult.load(tmp_path / "fit.npz")
    assert again.columns == NAMES
    assert "another order" in refusal(again.predict, X[["mass", "age", "height"]])
    fit(VALUES).save(tmp_path / "fit.npz")
    assert mb.FitResult.load(tmp_path / "fit.npz").columns is None


def test_replicas_with_frames_of_their_own():
    """Of one length, and of several; a block of X per replica."""
    short = Frame(VALUES[:5], NAMES)
    for blocks, y in (([X, X], [Y, Y]), ([X, short], [Y, Y[:5]])):
        result = fit(blocks, y, replicas=2)
        assert result.columns == result.replica(1).columns == NAMES
    turned = X[["mass", "age", "height"]]
    assert "X[1] must have the columns" in refusal(
        lambda: fit([X, turned], [Y, Y], replicas=2)
    )
    assert "another order" in refusal(result.predict, [turned, turned])
    assert "another order" in refusal(result.predict, turned)


def test_chains_remember_them_too():
    chains = mb.hmc(MODEL, X, Y, rng=0, n_chains=2, n_draws=8, n_warmup=20)
    assert chains.columns == NAMES
    turned = X[["mass", "age", "height"]]
    calls = (chains.predict, chains.outputs, chains.r_hat, chains.ess, chains.floor)
    for call in calls:
        call(X)
        assert "use X[chains.columns]" in refusal(call, turned)
    refusal(chains.to_inference_dict, turned, Y)
    assert chains.to_inference_dict(X, Y)["coords"]["input"] == NAMES


def test_a_file_whose_names_do_not_fit_is_refused(tmp_path):
    for names in (["a"], [*NAMES, "iq"]):
        replace(fit(X), columns=names).save(tmp_path / "fit.npz")
        assert "columns" in refusal(mb.FitResult.load, tmp_path / "fit.npz")


def test_pandas_and_its_cures():
    pd = pytest.importorskip("pandas", reason="tries frames of pandas")
    table = pd.DataFrame(VALUES, columns=NAMES)
    result = fit(table)
    assert result.columns == NAMES
    assert "another order" in refusal(result.predict, table[NAMES[::-1]])
    result.predict(table[NAMES[::-1]][result.columns])
    less = table[NAMES[:2]]
    said = refusal(result.predict, less)
    cure = "X.reindex(columns=result.columns, fill_value=0)"
    assert cure in said
    result.predict(eval(cure, {"X": less, "result": result}))
    fit(pd.DataFrame(VALUES)).predict(pd.DataFrame(VALUES)[[2, 1, 0]].to_numpy())
