"""Units: a fit on standardised data takes and gives raw ones, densities included."""

import pickle
import tracemalloc
from importlib import import_module

import numpy as np
import pytest
from scipy import stats
from support.likelihoods import LIKELIHOODS, targets_of

import minibnn as mb
from minibnn import standardise as standardiser
from minibnn.rng import run_seeds
from minibnn.standardise import mean_and_sd
from minibnn.svi import batches

svi = import_module("minibnn.svi.fit")  # its room has a function of the same name

pytestmark = pytest.mark.usefixtures("unrecorded")  # steps are no subject here

RNG = np.random.default_rng(0)
N = 40
X = np.column_stack(
    [RNG.normal(1000, 300, N), RNG.uniform(0, 1e-3, N), np.full(N, 7.0)]
)
X_NEW = np.column_stack(
    [RNG.normal(1000, 300, 9), RNG.uniform(0, 1e-3, 9), np.full(9, 7)]
)
SLOPE = np.column_stack([X[:, 0] / 300, X[:, 1] * 1e3]) @ [[1.0, -1.0], [2.0, 0.5]]
Y2 = np.array([200.0, -3e-4]) + np.array([50.0, 2e-5]) * (
    SLOPE - 3 + 0.3 * RNG.standard_normal((N, 2))
)
Y = Y2[:, 0]
COUNTS = RNG.integers(0, 3, N)
PRIOR = mb.GaussianPrior()
SCALED, AS_THEY_ARE = {}, {}  # likelihood, outputs, targets
for _name, (_like, _width) in LIKELIHOODS.items():
    if _like.location_scale:
        SCALED[_name] = _like, _width, Y
        SCALED[f"{_name} of two"] = _like, 2 * _width, Y2
    else:
        AS_THEY_ARE[_name] = _like, _width, targets_of(_like, (N, _width), RNG)


def fit(likelihood, width, y, X=X, family=None, **options):
    model = mb.Model(mb.MLP([3, 4, width], "tanh"), likelihood, PRIOR)
    options = {"rng": 0, "start": None, "max_steps": 30, "standardise": True} | options
    return mb.fit(model, family or mb.MeanField(), X, y, **options)


def by_hand(array):
    """What the lesson would do: (z, mean, sd), 1 for a constant column."""
    mean, sd = array.mean(0), array.std(0)
    sd = np.where(np.ptp(array, axis=0) == 0, 1.0, sd)
    return (array - mean) / sd, mean, sd


def same(a, b, **tol):
    np.testing.assert_allclose(a, b, **({"rtol": 1e-12, "atol": 0.0} | tol))


# --- raw units are the standardised ones, converted ------------------------------------


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", SCALED)
def test_the_fit_is_that_of_standardised_data_and_predicts_in_raw_units(name):
    likelihood, width, y = SCALED[name]
    Z, mean, sd = by_hand(X)
    z, m, s = by_hand(y)
    raw = fit(likelihood, width, y)
    hand = fit(likelihood, width, z, Z, standardise=False)
    for key, array in hand.params.items():
        same(raw.params[key], array, rtol=1e-9, atol=1e-12)
    assert raw.elbo == pytest.approx(hand.elbo, rel=1e-10)
    pred, other = raw.predict(X_NEW), hand.predict((X_NEW - mean) / sd)
    tol = {"rtol": 1e-8}
    same(pred.mean, m + s * other.mean, **tol)
    same(pred.std, s * other.std, **tol)
    same(pred.aleatoric, s**2 * other.aleatoric, **tol)
    same(pred.epistemic, s**2 * other.epistemic, **tol)
    same(pred.samples, m + s * other.samples, **tol)
    for got, wanted in zip(pred.interval(0.8), other.interval(0.8), strict=True):
        same(got, m + s * wanted, **tol)
    y_new = m + s * (other.mean + 0.3)
    log_prob = other.log_prob(other.mean + 0.3) - np.log(s).sum()
    same(pred.log_prob(y_new), log_prob, **tol)


@pytest.mark.parametrize("name", AS_THEY_ARE)
def test_labels_and_counts_stay_as_they_are(name):
    likelihood, width, y = AS_THEY_ARE[name]
    Z, mean, sd = by_hand(X)
    raw = fit(likelihood, width, y)
    hand = fit(likelihood, width, y, Z, standardise=False)
    assert raw.standardiser.y_mean is None
    assert raw.standardiser.log_volume == 0.0
    pred, other = raw.predict(X_NEW), hand.predict((X_NEW - mean) / sd)
    same(pred.mean, other.mean, rtol=1e-9)
    same(pred.log_prob(y[:9]), other.log_prob(y[:9]), rtol=1e-8)
    same(pred.interval(), other.interval(), rtol=1e-8)


@pytest.mark.parametrize("name", ["Gaussian", "StudentT"])
def test_the_density_in_raw_units_integrates_to_one(name):
    """The Jacobian, without knowing it: over the raw y, and for a y of any size."""
    for unit in (1.0, 1e-6, 1e5):
        likelihood, width, y = SCALED[name]
        result = fit(likelihood, width, unit * y)
        pred = result.predict(np.repeat(X_NEW[:1], 1001, axis=0), n_samples=20)
        width = pred.std[0] * (30 if name == "StudentT" else 12)
        grid = pred.mean[0] + np.linspace(-width, width, 1001)
        density = np.exp(pred.log_prob(grid))
        total = np.sum((density[1:] + density[:-1]) / 2 * np.diff(grid))
        assert total == pytest.approx(1.0, abs=2e-3)


def test_the_density_is_that_of_scipy_for_every_weight_sample():
    """[E87] by words: the mean over samples of normal densities in the units of y."""
    result = fit(*SCALED["Gaussian learned of two"])
    w, units = result.sample_weights(6), result.standardiser
    F = result.model.net(w[:, :-1], units.inputs(X_NEW))
    means = units.y_mean + units.y_sd * F
    scale = units.y_sd * np.exp(w[:, -1])[:, None, None]
    y_new = Y2[:9]
    rows = stats.norm.logpdf(y_new, means, scale).sum(-1)
    pred = result.predict(X_NEW, n_samples=6)
    same(pred.log_prob(y_new), np.log(np.exp(rows).mean(0)), rtol=1e-9)
    same(pred.mean, means.mean(0), rtol=1e-12)


def test_the_elbo_in_raw_units_is_told_by_the_volume():
    """log p(y | w) in raw units is less by N log_volume, whatever w is."""
    result = fit(*SCALED["Gaussian learned of two"])
    units, model = result.standardiser, result.model
    w = result.sample_weights(1)[0]
    y_mean, y_sd = Y2.mean(0), Y2.std(0)
    F = model.net(w[:-1], units.inputs(X))
    raw = stats.norm.logpdf(Y2, y_mean + y_sd * F, y_sd * np.exp(w[-1])).sum()
    A, z = model.batch(units.inputs(X), units.targets(Y2))
    standardised = -model.nll(w[None], A, z)[0][0]
    same(raw, standardised - N * units.log_volume, rtol=1e-10)
    assert units.log_volume == pytest.approx(np.log(Y2.std(0)).sum(), rel=1e-12)


@pytest.mark.optional
def test_raw_targets_are_learned():
    """y of mean 200 and sd 50, default fit: the error was larger than the mean."""
    model = mb.Model(mb.MLP([3, 8, 1], "tanh"), mb.Gaussian("learned"), PRIOR)
    result = mb.fit(model, mb.MeanField(), X, Y, rng=0, standardise=True)
    assert mb.metrics.rmse(Y, result.predict(X).mean) < 0.5 * Y.std()


# --- what it is made of ----------------------------------------------------------------


def test_a_constant_column_is_shifted_only():
    units = mb.Standardiser.of(X)
    assert units.X_mean[2] == 7.0
    assert units.X_sd[2] == 1.0
    np.testing.assert_array_equal(units.inputs(X)[:, 2], 0.0)
    assert units.inputs(X[:1] + [0, 0, 2.0])[0, 2] == 2.0
    flat = mb.Standardiser.of(X, np.full(N, 5.0))
    assert (flat.y_mean, flat.y_sd) == (5.0, 1.0)
    assert fit(mb.Gaussian(), 1, np.full(N, 5.0)).predict(X).mean[0] == pytest.approx(
        5.0, abs=1.0
    )


@pytest.mark.parametrize("size", [1e-320, 1e-300, 1e-3, 1.0, 1e160, 1e300])
def test_no_square_overflows(size):
    """Means and sds of columns whose squares are no numbers; fit takes them all."""
    column = np.array([1.0, 2.0, 3.0, 6.0])
    mean, sd = mean_and_sd(column[:, None] * size)
    tol = {"rtol": 1e-3 if size < 1e-310 else 1e-14}
    same(mean / size, [3.0], **tol)
    same(sd / size, [np.sqrt(3.5)], **tol)
    model = mb.Model(mb.MLP([1, 2, 1]), mb.Gaussian(), PRIOR)
    result = mb.fit(
        model, mb.MeanField(), column[:, None] * size, column, rng=0, max_steps=2,
        start=None, standardise=True,
    )  # fmt: skip
    assert np.isfinite(result.predict(column[:, None] * size).mean).all()


def test_some_rows_at_a_time_are_all_rows(monkeypatch):
    whole, pieces = mean_and_sd(X), None
    units = mb.Standardiser.of(X)
    Z = units.inputs(X)
    monkeypatch.setattr(standardiser, "CHUNK", 7)
    pieces = mean_and_sd(X)
    same(pieces, whole, rtol=1e-14)
    np.testing.assert_array_equal(units.inputs(X), Z)
    same(whole, [X.mean(0), np.where(X.std(0) > 0, X.std(0), 1)], rtol=1e-13)


def test_float32_keeps_the_digits_beside_a_large_mean():
    """The difference is taken in double precision; the run and its result are float32."""
    year = 2**20 + np.arange(N) / 16
    columns = np.column_stack([year, X[:, 0], X[:, 1]]).astype(np.float32)
    result = fit(mb.Gaussian(0.3), 1, Y + 1e6, columns)
    assert result.params["mu"].dtype == np.float32
    Z = result.standardiser.inputs(columns)
    assert Z.dtype == np.float32
    exact = (columns.astype(float) - columns.mean(0, float)) / columns.std(0, float)
    same(Z, exact, rtol=1e-6, atol=1e-6)
    pred = result.predict(columns)
    assert pred.mean.dtype == np.float64
    spread = np.abs(np.diff(np.sort(pred.mean))).min()
    assert 0 < spread < np.spacing(np.float32(1e6))  # finer than a float32 could be
    np.testing.assert_array_equal(pred.mean, result.predict(columns.astype(float)).mean)


def test_lists_and_frames_are_rows():
    array = fit(*SCALED["Gaussian"])
    listed = fit(array.model.likelihood, 1, Y[:, None].tolist(), X.tolist())
    np.testing.assert_array_equal(listed.params["mu"], array.params["mu"])
    pd = pytest.importorskip("pandas")
    frame, series = pd.DataFrame(X, columns=list("abc")), pd.Series(Y)
    framed = fit(array.model.likelihood, 1, series, frame)
    np.testing.assert_array_equal(framed.params["mu"], array.params["mu"])
    same(framed.predict(frame).log_prob(series), array.predict(X).log_prob(Y))
    with pytest.raises(ValueError, match=r"X must.*column 'b' has no value in row 3"):
        fit(
            array.model.likelihood,
            1,
            series,
            frame.assign(b=frame["b"].where(frame.index != 3)),
        )


# --- replicas, tasks, files ------------------------------------------------------------


def test_every_fold_has_the_units_of_its_own_rows(monkeypatch):
    """Fold i is the single fit on its rows: no number of the others has leaked in."""
    train = np.stack([np.delete(np.arange(N), np.arange(i, i + 8)) for i in (0, 16)])
    folds = fit(mb.Gaussian(0.3), 1, Y[train], X[train], replicas=2)
    for i, rows in enumerate(train):
        one, units = folds.replica(i), mb.Standardiser.of(X[rows], Y[rows])
        for name in ("X_mean", "X_sd", "y_mean", "y_sd"):
            same(getattr(one.standardiser, name), getattr(units, name), rtol=1e-14)
        seed = run_seeds(0, 2)[i]
        with monkeypatch.context() as patch:
            patch.setattr(svi, "run_seeds", lambda rng, count, seed=seed: [seed])
            alone = fit(mb.Gaussian(0.3), 1, Y[rows], X[rows])
        same(one.params["mu"], alone.params["mu"], rtol=1e-6, atol=1e-9)
        same(
            one.predict(X_NEW, rng=1).mean, alone.predict(X_NEW, rng=1).mean, rtol=1e-6
        )


@pytest.mark.sample(4)
@pytest.mark.parametrize("n_samples", [1000, 7, 2])
@pytest.mark.parametrize(
    "name", ["Gaussian of two", "HeteroscedasticGaussian of two", "Bernoulli"]
)
def test_members_with_units_of_their_own_are_pooled(name, n_samples):
    """A bag: each member standardises the same new rows by its own numbers."""
    likelihood, width, y = (SCALED | AS_THEY_ARE)[name]
    rows = RNG.integers(0, N, (3, N))
    bag = fit(likelihood, width, y[rows], X[rows] * [[[1]], [[2]], [[5]]], replicas=3)
    pred, w = bag.predict(X_NEW, n_samples=n_samples), bag.sample_weights(n_samples)
    y_new, densities, means = y[:9], [], []
    for i in range(min(3, n_samples)):
        units, model, own = bag.replica(i).standardiser, bag.model, w[i::3]
        F = model.net(own[:, : model.net.n_weights], units.inputs(X_NEW))
        mean = model.likelihood.mean(F, own[:, model.net.n_weights :])
        y_row = likelihood.targets(units.targets(y_new), F.shape[1:])
        nll = model.likelihood.row_nll(F, y_row, own[:, model.net.n_weights :])
        scaled = units.y_mean is not None
        means.append(units.y_mean + units.y_sd * mean if scaled else mean)
        densities.append(-nll - units.log_volume)
    log_mean = np.log(np.exp(np.concatenate(densities)).mean(0))
    same(pred.mean, np.squeeze(np.concatenate(means).mean(0)), rtol=1e-8)
    same(pred.log_prob(y_new), log_mean, rtol=1e-7)
    assert np.isfinite(pred.interval()).all()


def test_every_fold_predicts_its_own_rows_in_its_own_units():
    train = np.stack([np.delete(np.arange(N), np.arange(i, i + 8)) for i in (0, 16)])
    held = np.stack([np.arange(i, i + 8) for i in (0, 16)])
    folds = fit(mb.Gaussian(0.3), 1, Y[train], X[train], replicas=2)
    pred = folds.predict(X[held])
    for i in range(2):
        alone = folds.replica(i).predict(X[held[i]])
        same(pred.mean[i], alone.mean)
        same(pred.log_prob(Y[held])[i], alone.log_prob(Y[held[i]]))


def test_folds_of_unequal_length_have_their_own_units():
    parts = [slice(0, 20), slice(15, 40), slice(20, 40)]
    data = [X[part] for part in parts], [Y[part] for part in parts]
    folds = fit(mb.Gaussian(0.3), 1, data[1], data[0], replicas=3)
    for i, part in enumerate(parts):
        units = mb.Standardiser.of(X[part], Y[part])
        same(folds.replica(i).standardiser.X_mean, units.X_mean, rtol=1e-14)
        same(folds.replica(i).standardiser.y_sd, units.y_sd, rtol=1e-14)


def test_replicas_of_the_same_rows_have_the_same_units():
    members = fit(mb.Gaussian(0.3), 1, Y, replicas=3)
    assert members.standardiser.X_mean.shape == (3,)
    pred = members.predict(X_NEW, n_samples=9)
    alone = [members.replica(i).predict(X_NEW).mean for i in range(3)]
    assert np.ptp(alone) < 10 * Y.std()
    same(pred.samples.shape, (9, 9))
    assert members.replica(1).standardiser is members.standardiser


def test_tasks_share_their_units():
    """A new context brings none of its own."""
    model = mb.Model(mb.MLP([3, 1]), mb.Gaussian(0.3), PRIOR)
    family = mb.InferenceNetwork(mb.MLP([2, 8]), [[0.0, 1.0], [1.0, 0.0]])
    tasks, targets = X.reshape(2, 20, 3), Y.reshape(2, 20)
    options = {"rng": 0, "start": None, "max_steps": 5}
    result = mb.fit(model, family, tasks, targets, standardise=True, **options)
    same(result.standardiser.X_mean, X.mean(0), rtol=1e-12)
    other = result.at([0.3, 0.7])
    assert other.standardiser is result.standardiser
    mean = other.predict(X_NEW).mean
    assert abs(mean - Y.mean()).max() < 20 * Y.std()


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", [*SCALED, *AS_THEY_ARE])
def test_units_survive_file_and_pickle(name, tmp_path):
    likelihood, width, y = (SCALED | AS_THEY_ARE)[name]
    result = fit(likelihood, width, y)
    result.save(tmp_path / "fit.npz")
    wanted = result.predict(X_NEW).log_prob(y[:9])
    for again in (
        mb.FitResult.load(tmp_path / "fit.npz"),
        pickle.loads(pickle.dumps(result)),
    ):
        np.testing.assert_array_equal(again.predict(X_NEW).log_prob(y[:9]), wanted)


def test_a_file_whose_units_are_of_other_columns_is_refused(tmp_path):
    result = fit(*SCALED["Gaussian"])
    result.standardiser = mb.Standardiser.of(X[:, :2], Y)
    result.save(tmp_path / "fit.npz")
    with pytest.raises(ValueError, match=r"does not fit together.*X_mean"):
        mb.FitResult.load(tmp_path / "fit.npz")


def test_a_checkpoint_belongs_to_its_units(tmp_path):
    """The standardised rows may be the same: the units decide what is predicted."""
    keep = {"checkpoint": tmp_path / "run.npz"}
    whole = fit(*SCALED["Gaussian"])
    fit(*SCALED["Gaussian"], max_steps=30, **keep)
    again = fit(*SCALED["Gaussian"], **keep)
    np.testing.assert_array_equal(again.params["mu"], whole.params["mu"])
    np.testing.assert_array_equal(again.predict(X).mean, whole.predict(X).mean)
    with pytest.raises(ValueError, match=r"another run: .*standardise"):
        fit(mb.Gaussian(0.3), 1, 2 * Y, **keep)
    with pytest.raises(ValueError, match=r"another run: .*standardise"):
        fit(*SCALED["Gaussian"], standardise=False, **keep)


# --- large data ------------------------------------------------------------------------


@pytest.mark.sample(3)
@pytest.mark.parametrize("shape", ["one", "own", "shared", "float32"])
def test_rows_standardised_as_they_are_read_are_the_same(monkeypatch, shape):
    """To the bit, for batches and for all rows; also where replicas have their own."""
    columns, targets, options = X, Y, {}
    if shape == "own":
        columns, targets = X.reshape(2, 20, 3), Y.reshape(2, 20)
    if shape == "float32":
        columns = X.astype(np.float32)
    if shape in ("own", "shared"):
        options = {"replicas": 2}
    for size in (None, 8):
        whole = fit(mb.Gaussian(0.3), 1, targets, columns, batch_size=size, **options)
        with monkeypatch.context() as patch:
            patch.setattr(standardiser, "LAZY", 0)
            patch.setattr(batches, "SMALL", 0)
            read = fit(
                mb.Gaussian(0.3), 1, targets, columns, batch_size=size, **options
            )
        np.testing.assert_array_equal(read.params["mu"], whole.params["mu"])
        np.testing.assert_array_equal(read.elbo, whole.elbo)


def test_a_large_file_is_not_copied(tmp_path):
    """2 million numbers mapped from a file: the peak is a part of what they would take."""
    n = 200_000
    rows = 50 + 5 * np.random.default_rng(0).standard_normal((n, 10))
    np.save(tmp_path / "X.npy", rows)
    y = rows.sum(1)
    del rows
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = mb.Model(mb.MLP([10, 1]), mb.Gaussian(0.5), PRIOR)
    options = {"max_steps": 3, "start": None, "batch_size": 50, "standardise": True}
    tracemalloc.start()
    result = mb.fit(model, mb.MeanField(), mapped, y, rng=0, **options)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.75 * mapped.nbytes + 2 * y.nbytes + 4 * 8 * batches.SMALL
    same(result.standardiser.X_mean, 50.0, rtol=1e-2)
    same(result.predict(mapped[:5]).mean, y[:5], atol=6 * y.std())


# --- what does not fit -----------------------------------------------------------------


def test_units_may_be_given():
    """Those of other rows, or known ones; the fit keeps them."""
    units = mb.Standardiser([1000, 0, 7], [300, 1e-3, 1], [200], [50])
    result = fit(mb.Gaussian(0.3), 1, Y, standardise=units)
    assert result.standardiser is units
    hand = fit(
        mb.Gaussian(0.3), 1, units.targets(Y), units.inputs(X), standardise=False
    )
    np.testing.assert_array_equal(result.params["mu"], hand.params["mu"])
    pred = result.predict(X_NEW)
    same(pred.mean, 200 + 50 * hand.predict(units.inputs(X_NEW)).mean)
    with pytest.raises(ValueError, match=r"takes as it is; use Standardiser\.of\(X\)"):
        fit(mb.Poisson(), 1, COUNTS, standardise=units)
    with pytest.raises(ValueError, match=r"standardise\.y_mean must have shape \(2,\)"):
        fit(mb.Gaussian(0.3), 2, Y2, standardise=units)
    folds = mb.Standardiser.of(X.reshape(2, 20, 3), Y.reshape(2, 20))
    with pytest.raises(ValueError, match="standardise must have the units of all rows"):
        fit(mb.Gaussian(0.3), 1, Y, standardise=folds)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"X": np.where(np.arange(3) == 1, np.nan, X)}, "X must be finite, got nan"),
        ({"X": X[:, :2]}, r"X must have shape .*got"),
        ({"y": Y[:-1]}, "y must have shape"),
        ({"y": np.where(np.arange(N) == 3, np.inf, Y)}, "y must be finite.*index 3"),
    ],
)
def test_bad_rows_are_told_as_they_came(changed, words):
    given = {"y": Y, "X": X} | changed
    with pytest.raises(ValueError, match=words):
        fit(mb.Gaussian(0.3), 1, given["y"], given["X"])


def test_an_input_that_no_standard_deviation_reaches_is_told():
    result = fit(*SCALED["Gaussian"])
    far = X_NEW.copy()
    far[4, 1] = 1e306
    with pytest.raises(
        ValueError, match=r"X must be near.*got 1e\+306 at index \(4, 1\)"
    ):
        result.predict(far)
