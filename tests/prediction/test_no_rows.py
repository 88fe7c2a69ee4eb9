"""A prediction at no rows is an empty prediction, of the shapes and types of any other."""

import numpy as np
import pytest
from support import bad_inputs as world
from support.likelihoods import LIKELIHOODS, targets_of

import minibnn as mb

NONE = world.X[:0]
OUTPUTS = {  # likelihood, outputs; of one target and of two
    f"{name}, {k}": (like, k * width)
    for name, (like, width) in LIKELIHOODS.items()
    for k in (1, 2)
    if not (like.exclusive and k == 2)
}
PARTS = ("mean", "std", "aleatoric", "epistemic")


def model_of(name):
    likelihood, width = OUTPUTS[name]
    model = mb.Model(mb.MLP([2, 3, width]), likelihood, mb.GaussianPrior())
    return model, targets_of(likelihood, (len(world.X), width), 0)


def assert_empty(none, some, y):
    """``none`` is ``some`` without its rows; ``y`` are the targets of ``some``."""
    pairs = [(getattr(none, part), getattr(some, part)) for part in PARTS]
    pairs += zip(none.interval(0.9), some.interval(0.9), strict=True)
    pairs.append((none.log_prob(np.asarray(y)[:0]), some.log_prob(y)))
    for empty, full in pairs:
        assert empty.shape == (0, *full.shape[1:])
        assert empty.dtype == full.dtype
    if hasattr(some, "samples"):
        assert none.samples.shape == some.samples[:, :0].shape
        assert none.samples.dtype == some.samples.dtype


@pytest.mark.sample(4)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", OUTPUTS)
def test_a_fit(name, dtype):
    model, y = model_of(name)
    result = world.fit(model, X=world.X.astype(dtype), y=y)
    assert_empty(result.predict(NONE, 5), result.predict(world.X, 5), y)


@pytest.mark.parametrize(
    "options",
    [{"family": mb.Point()}, {"replicas": 2}, {"family": mb.FullCovariance()}],
    ids=["point", "replicas", "covariance"],
)
def test_other_fits(options):
    result = world.fit(world.CLASSES, y=world.LABELS, **options)
    got = result.predict(NONE, 5, verbose=False)
    assert_empty(got, result.predict(world.X, 5), world.LABELS)
    assert "0 rows" in repr(got)


def test_references():
    assert_empty(world.EXACT.predict(NONE), world.EXACT.predict(world.X), world.REALS)
    chains = world.CHAINS
    assert_empty(chains.predict(NONE), chains.predict(world.X), world.REALS)
    assert chains.outputs(NONE).shape == (2, 8, 0)
    for name in ("Bernoulli, 1", "Categorical, 1"):
        model, y = model_of(name)
        laplace = mb.laplace(model, world.X, y, np.zeros(model.n_weights))
        assert_empty(laplace.predict(NONE, 5), laplace.predict(world.X, 5), y)
        for empty, full in zip(
            laplace.output_moments(NONE), laplace.output_moments(world.X), strict=True
        ):
            assert empty.shape == (0, *full.shape[1:])
    assert world.NET(np.zeros(world.P), NONE).shape == (0, 1)


def test_every_way_to_write_no_rows():
    for none in (NONE, np.zeros((0, 2), int), np.zeros((0, 2), bool)):
        assert world.RESULT.predict(none, 3).mean.shape == (0,)
    for bad in ([], np.zeros((0, 3)), np.zeros(0)):
        with pytest.raises(ValueError, match="X must have"):
            world.RESULT.predict(bad, 3)


def test_there_is_nothing_to_learn_from_no_rows():
    for call in (
        lambda: world.fit(X=NONE, y=[]),
        lambda: world.loss(X=NONE, y=[]),
        lambda: world.hmc(X=NONE, y=[]),
        lambda: mb.exact_posterior(world.LINE, NONE, []),
        lambda: world.CHAINS.r_hat(NONE),
        lambda: world.CHAINS.ess(NONE),
        lambda: world.CHAINS.floor(NONE),
    ):
        with pytest.raises(ValueError, match="X must have at least one row"):
            call()
