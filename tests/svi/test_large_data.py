"""Data larger than the memory a fit may use: nothing is made of the whole of it."""

import tracemalloc

import numpy as np
import pytest

import minibnn as mb
from minibnn.inputs import Inputs
from minibnn.model import checked_data
from minibnn.svi import batches, fingerprint
from minibnn.validation import pieces as cut

RNG = np.random.default_rng(2)
OPTIONS = {"rng": 3, "start": None, "batch_size": 7, "max_steps": 40}
PRIOR = mb.GaussianPrior()


def model(d=3, likelihood=None, **net):
    return mb.Model(mb.MLP([d, 4, 1], **net), likelihood or mb.Gaussian(0.5), PRIOR)


def gathered(*args, small=-1, monkeypatch=None, **options):
    """A fit whose features are made a batch at a time."""
    with monkeypatch.context() as patch:
        patch.setattr(batches, "SMALL", small)
        return mb.fit(*args, **OPTIONS | options)


# --- the numbers are the same --------------------------------------------------------


@pytest.mark.sample(3)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("look", [None, lambda info: None], ids=["rows", "steps"])
@pytest.mark.parametrize(
    "kind", ["plain", "no bias", "replicas", "folds", "tasks", "classes", "columns"]
)
def test_a_batch_at_a_time_is_the_same_to_the_bit(kind, look, dtype, monkeypatch):
    net, y = model(bias=kind != "no bias"), RNG.normal(size=40)
    X, family, options = RNG.normal(size=(40, 3)).astype(dtype), mb.MeanField(), {}
    if kind == "replicas":
        options = {"replicas": 2}
    if kind == "folds":
        X, y, options = np.stack([X, X + 1]), np.stack([y, -y]), {"replicas": 2}
    if kind == "tasks":
        X, y = np.stack([X, X + 1]), np.stack([y, -y])
        family = mb.InferenceNetwork(mb.MLP([2, 2 * net.n_weights]), np.eye(2))
    if kind == "classes":
        net = mb.Model(mb.MLP([3, 4, 3]), mb.Categorical(3), PRIOR)
        y = RNG.integers(0, 3, 40)
    if kind == "columns":
        X = np.asfortranarray(X)
    options |= {"callback": look}
    args = net, family, X, y
    whole = mb.fit(*args, **OPTIONS | options)
    got = gathered(*args, monkeypatch=monkeypatch, **options)
    for key, want in whole.params.items():
        np.testing.assert_array_equal(got.params[key], want)
    np.testing.assert_array_equal(got.history["loss"], whole.history["loss"])
    np.testing.assert_array_equal(got.elbo, whole.elbo)
    np.testing.assert_array_equal(got.returned, whole.returned)


def test_a_checkpoint_knows_its_data_however_it_is_kept(tmp_path, monkeypatch):
    X, y = RNG.normal(size=(40, 3)), RNG.normal(size=40)
    path = tmp_path / "run.npz"
    args = model(), mb.MeanField(), X, y
    options = {"checkpoint": path, "optimizer": mb.Adam(0.01)}
    mb.fit(*args, **OPTIONS | options)
    monkeypatch.setattr(fingerprint, "PIECE", 32)
    options["max_steps"] = 60
    got = gathered(*args, monkeypatch=monkeypatch, **options)
    want = mb.fit(*args, **OPTIONS | {"optimizer": mb.Adam(0.01), "max_steps": 60})
    np.testing.assert_array_equal(got.params["mu"], want.params["mu"])
    with pytest.raises(ValueError, match="X has other values"):
        gathered(*args[:2], X + (X == X[30]), y, monkeypatch=monkeypatch, **options)


@pytest.mark.optional
def test_a_restart_begins_and_is_judged_on_gathered_rows(monkeypatch):
    X, y = RNG.normal(size=(60, 3)), RNG.normal(size=60)
    args = model(), mb.MeanField(), X, y
    options = {"start": "auto", "restarts": 2}
    whole = mb.fit(*args, **OPTIONS | options)
    got = gathered(*args, monkeypatch=monkeypatch, **options)
    np.testing.assert_array_equal(got.params["mu"], whole.params["mu"])
    assert got.restarts == whole.restarts


@pytest.mark.parametrize("look", [None, lambda info: None], ids=["rows", "steps"])
def test_a_run_that_diverges_says_of_what(look, monkeypatch):
    X, y = RNG.normal(size=(60, 3)), RNG.normal(size=60)
    X[:, 1] *= 1e6
    args = model(), mb.MeanField(), X, y
    options = {"optimizer": mb.SGD(1e9), "callback": look}
    errors = []
    for small in (batches.SMALL, -1):
        with pytest.raises(mb.FitError) as caught:
            gathered(*args, small=small, monkeypatch=monkeypatch, **options)
        errors.append(str(caught.value))
    assert errors[0] == errors[1]
    assert "no longer finite" in errors[0]


# --- memory --------------------------------------------------------------------------


@pytest.fixture(params=[np.float32, np.float64])
def mapped(request, tmp_path):
    """48 MB of inputs in a file (float32), or 96, and targets."""
    shape = (1_200_000, 10)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", request.param, shape)
    X[...] = np.random.default_rng(0).standard_normal(shape, np.float32)
    y = np.asarray(X[:, 0] > 0, request.param)
    X.flush()
    return np.load(tmp_path / "X.npy", mmap_mode="r"), y


def peak_of(work):
    """The most bytes Python and NumPy have had at a time."""
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.optional
@pytest.mark.sample(2)
def test_a_mapped_file_is_never_in_memory(mapped):
    """A permutation of the rows, 8 bytes each, is all that grows with them."""
    X, y = mapped
    net = mb.Model(mb.MLP([10, 8, 1]), mb.Bernoulli(), PRIOR)
    options = {"rng": 0, "batch_size": 64, "max_steps": 40, "start": None}
    result, peak = peak_of(lambda: mb.fit(net, mb.MeanField(), X, y, **options))
    assert np.isfinite(result.elbo)
    assert peak < 4 * 8 * len(X) < X.nbytes


@pytest.mark.parametrize("order", ["C", "F"])
def test_checks_look_at_pieces(order, monkeypatch):
    X = np.asarray(RNG.normal(size=(400_000, 5)), order=order)
    y = X[:, 0].copy()
    _, peak = peak_of(lambda: checked_data(model(5), X, y))
    assert peak < 0.3 * X.nbytes
    assert isinstance(checked_data(model(5), X, y)[0], Inputs)


@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (50, 3), (3, 50), (4, 30, 3)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_pieces_cover_an_array_once(shape, order, monkeypatch):
    monkeypatch.setattr(cut, "PIECE", 20)
    array = np.zeros(shape, order=order)
    for piece in cut.pieces(array):
        piece[...] += 1
        assert piece.size <= max(20, array.size // max(shape, default=1))
    assert (array == 1).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
@pytest.mark.parametrize("row", [0, 399, 777])
def test_a_bad_value_is_found_in_every_piece(bad, row, monkeypatch):
    monkeypatch.setattr(cut, "PIECE", 64)
    X = RNG.normal(size=(778, 3))
    X[row, 2] = bad
    where = "column 2" if bad == 1e200 else rf"\({row}, 2\) \(1 of 2334"
    with pytest.raises(ValueError, match=f"X must be .*{where}"):
        mb.fit(model(), mb.MeanField(), X, np.zeros(778), **OPTIONS)
