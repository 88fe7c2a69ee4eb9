"""A call that does not fit: what came, and what was meant by it."""

import inspect
import traceback

import numpy as np
import pytest
from support import bad_inputs as world
from support.doors import DOORS

import minibnn as mb
from minibnn.validation import doors
from minibnn.validation.doors import door
from minibnn.validation.keywords import ELSEWHERE, MEANT, meaning

X, Y = world.X, world.Y


def refusal(call, *args, **kwargs):
    with pytest.raises(TypeError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def fit(**kwargs):
    return mb.fit(world.YES_NO, world.FAMILY, X, Y, **kwargs)


TAKES_ANY = ("rupture_study", "BNNRegressor.set_params", "BNNClassifier.set_params")


@pytest.mark.parametrize("name", [n for n in DOORS if n not in TAKES_ANY])
def test_every_door_names_a_keyword_it_does_not_have(name):
    """Without the rest of the call: the keyword is the first thing to be told."""
    call = DOORS[name].call
    said = refusal(call, unheard_of=1)
    known = [p for p in inspect.signature(call).parameters if p != "self"]
    if not known:  # Python's own words, or ours of a method
        assert "takes no arguments" in said or "It takes none" in said
        return
    assert "got an unexpected keyword argument 'unheard_of'. It takes " in said
    assert all(parameter in said for parameter in known)


@pytest.mark.parametrize(
    ("call", "keyword", "words"),
    [
        (fit, "seed", "fit() got an unexpected keyword argument 'seed'. Did you mean 'r"),
        (fit, "random_state", "Did you mean 'rng'?"),
        (fit, "epochs", "'max_steps'? It counts steps, not passes over the data"),
        (fit, "n_epochs", "N / batch_size steps are one epoch"),
        (fit, "n_iter", "Did you mean 'max_steps'?"),
        (fit, "lr", "'optimizer'? The step size is the optimiser's own: optimizer=mb.Adam"),
        (fit, "learning_rate", "optimizer=mb.Adam(0.01)"),
        (fit, "hidden", "The network has its widths: mb.MLP([D, 20, K])."),
        (fit, "prior_std", "The model has its prior: mb.Model(net, likelihood, mb.Gauss"),
        (fit, "batchsize", "Did you mean 'batch_size'?"),
        (fit, "num_samples", "Did you mean 'n_samples'?"),
        (fit, "Max_Steps", "Did you mean 'max_steps'?"),
        (fit, "opimizer", "Did you mean 'optimizer'?"),
        (mb.MLP, "hidden", "MLP() got an unexpected keyword argument 'hidden'"),
        (mb.MLP, "hidden_layer_sizes", "'sizes'? All widths stand in one list"),
        (mb.Adam, "learning_rate", "Adam() got an unexpected keyword argument"),
        (mb.Adam, "learning_rate", "Did you mean 'lr'?"),
        (mb.Gaussian, "sigma", "Gaussian() got an unexpected keyword argument 'sigma'."),
        (mb.GaussianPrior, "std", "Did you mean 'scale'?"),
        (mb.hmc, "num_samples", "Did you mean 'n_draws'?"),
        (mb.hmc, "tune", "Did you mean 'n_warmup'?"),
        (world.RESULT.predict, "num_samples", "FitResult.predict() got"),
        (world.RESULT.predict, "seed", "Did you mean 'rng'?"),
        (world.PRED.interval, "alpha", "0.95 where alpha is 0.05"),
        (mb.FitResult.load, "filename", "Did you mean 'path'?"),
        (mb.datasets.cubic, "seed", "Did you mean 'rng'?"),
        (mb.metrics.nll, "y_pred", "Did you mean 'p'?"),
    ],
)  # fmt: skip
def test_what_was_meant(call, keyword, words):
    assert words in refusal(call, **{keyword: 1})


def test_all_that_do_not_fit_are_told_at_once():
    said = refusal(fit, seed=0, epochs=5, lr=0.1)
    assert said.startswith("fit() got 3 unexpected keyword arguments. 'seed': did you")
    assert all(word in said for word in ("'rng'", "'max_steps'", "mb.Adam(0.01)"))


def test_every_word_of_the_table_means_its_parameter():
    for row in MEANT:
        for word in {*row.words.split()} - {row.parameter}:
            wanted = f"Did you mean {row.parameter!r}? {row.note}".rstrip()
            assert meaning(word, [row.parameter]) == wanted


def test_every_parameter_of_the_table_is_one():
    own = [parameter for entry in DOORS.values() for parameter in entry.parameters()]
    later = {"random_state", "hidden", "prior_scale"}  # of what scikit-learn asks for
    assert {row.parameter for row in MEANT} - {*own} <= later


def test_every_word_said_elsewhere_is_told():
    for words, where in ELSEWHERE:
        for word in words.split():
            assert meaning(word, ["case"]) != "It takes case.", word
        assert meaning(words.split()[0], ["case"]) == where


def test_a_call_without_what_it_needs_is_told_what_it_is():
    said = refusal(mb.fit, X, Y)
    assert "fit() missing 2 required positional arguments: 'X' and 'y'" in said
    assert "it is fit(model, family, X, y, *, rng=..., " in said
    said = refusal(mb.fit, world.YES_NO, world.FAMILY, X, Y, 0)
    assert "takes 4 positional arguments but 5 were given; it is fit(" in said
    assert "it is MLP(sizes, activation=..., bias=...)" in refusal(mb.MLP)


def test_an_error_from_inside_is_not_touched():
    inner = TypeError("inner() got an unexpected keyword argument 'x'")

    @door
    def outer(x):
        raise inner

    @door
    def wrong(x):
        return (lambda: None)(x=x)

    with pytest.raises(TypeError) as caught:
        outer(1)
    assert caught.value is inner
    assert "<lambda>() got an unexpected keyword argument 'x'" in refusal(wrong, 1)


def test_a_call_that_fits_asks_nothing(monkeypatch):
    monkeypatch.setattr(doors, "refusal", None)
    mb.MLP([2, 1])
    world.RESULT.predict(X, n_samples=2, rng=0)


def test_the_traceback_is_short_and_the_signature_stays():
    with pytest.raises(TypeError) as caught:
        mb.fit(seed=1)
    error = caught.value
    assert len(traceback.extract_tb(error.__traceback__)) == 2
    assert error.__context__ is None
    assert list(inspect.signature(mb.MLP).parameters) == ["sizes", "activation", "bias"]


def test_rules_of_floating_point_are_the_callers_again_after_a_refusal():
    with np.errstate(all="raise"):
        refusal(mb.fit, seed=1)
        assert np.geterr()["over"] == "raise"
        assert doors._CALLER.get() is None
