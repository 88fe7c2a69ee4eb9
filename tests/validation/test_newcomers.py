"""What people do on their first day, what they are told, and what then works.

A row is a call, what its error says, and the call after the cure. The error names the
argument, says what came and what is wanted, and is raised by the package itself.
"""

import traceback
from pathlib import Path

import numpy as np
import pytest

import minibnn as mb

N = 12
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2))
YES, REAL, LABEL = (X[:, 0] > 0).astype(int), X[:, 0] - X[:, 1], np.arange(N) % 3
NAMES = np.array(["cat", "dog", "cow"])[LABEL]
GAP = np.where(np.arange(2 * N).reshape(N, 2) == 5, np.nan, X)
PRIOR, FAMILY = mb.GaussianPrior(), mb.MeanField()


def model(likelihood, n_outputs=1, n_inputs=2):
    return mb.Model(mb.MLP([n_inputs, 3, n_outputs]), likelihood, PRIOR)


YES_NO, LINE = model(mb.Bernoulli()), model(mb.Gaussian(0.5))
CLASSES, COUNTS = model(mb.Categorical(3), 3), model(mb.Poisson())


def fit(model, X, y, **options):
    options = {"rng": 0, "max_steps": 2, "start": None} | options
    return mb.fit(model, FAMILY, X, y, **options)


RESULT = fit(YES_NO, X, YES)
PRED = RESULT.predict(X, 5)
LEARNED = fit(LINE, X, REAL).predict(X, 5)
keep = np.isfinite(GAP).all(axis=1)

MISTAKES = """
# the shape of X
RESULT.predict(X[0]) => X must have 2 dimension(s), got shape (2,); one row? use X[:1] or X[0][None] => RESULT.predict(X[:1])
RESULT.predict(X[0]) => one row? use X[:1] or X[0][None]; one column is => RESULT.predict(X[0][None])
RESULT.predict([0.5, 1.0]) => X must have 2 dimension(s), got shape (2,) => RESULT.predict([[0.5, 1.0]])
RESULT.predict(0.5) => X must have 2 dimension(s), got shape (); one number is np.reshape(X, (1, 1)) => None
fit(model(mb.Gaussian(1.0), 1, 1), X[:, 0], REAL) => one column is np.asarray(X)[:, None] => fit(model(mb.Gaussian(1.0), 1, 1), X[:, 0][:, None], REAL)
fit(YES_NO, X.T, YES) => X must have shape (N, 2), a column for each input of the network, got shape (2, 12); transposed? use X.T => fit(YES_NO, X.T.T, YES)
RESULT.predict(X.T) => transposed? use X.T => RESULT.predict(X.T.T)
fit(LINE, np.column_stack([X, REAL]), REAL) => got shape (12, 3); is y a column of X? leave it out => fit(LINE, X, REAL)
fit(LINE, np.ones((N, 5)), REAL) => a network of 5 inputs begins with MLP([5, ...]) => fit(model(mb.Gaussian(0.5), 1, 5), np.ones((N, 5)), REAL)
fit(LINE, np.ones((N, 2, 2)), REAL) => y must have shape (12, 2, 1) or (12, 2) to go with X, got (12,); X with 3 axes is 12 data sets, one for each replica; images want X.reshape(len(X), -1) => fit(model(mb.Gaussian(0.5), 1, 4), np.ones((N, 2, 2)).reshape(N, -1), REAL)
fit(LINE, [[1, 2], [3]], [0, 1]) => X must be an array of real numbers with rows of equal length => fit(LINE, [[1, 2], [3, 4]], [0, 1])
fit(LINE, X[:0], REAL[:0]) => X must have at least one row, got none => fit(LINE, X[:1], REAL[:1])
# what is in X
fit(LINE, dict(a=X[:, 0], b=X[:, 1]), REAL) => X must be an array of real numbers, got dict of length 2; its columns side by side are np.column_stack([*X.values()]) => fit(LINE, np.column_stack([*dict(a=X[:, 0], b=X[:, 1]).values()]), REAL)
fit(LINE, X.astype(str), REAL) => in row 0; use np.asarray(X, float) => fit(LINE, np.asarray(X.astype(str), float), REAL)
fit(LINE, None, REAL) => X must be an array of real numbers, got None => fit(LINE, X, REAL)
fit(LINE, GAP, REAL) => X must be finite, got nan at index (2, 1) (1 of 24 value(s) are not); leave such rows out: keep = np.isfinite(X).all(axis=1); X[keep], y[keep] => fit(LINE, GAP[keep], REAL[keep])
# labels
fit(CLASSES, X, LABEL + 1) => y must be whole numbers from 0 to 2, got 3.0 at index 2 (4 of 12 value(s) are not); labels from 1? use y - 1 => fit(CLASSES, X, LABEL + 1 - 1)
fit(YES_NO, X, YES + 1) => labels from 1? use y - 1 => fit(YES_NO, X, YES)
fit(YES_NO, X, 2 * YES - 1) => y must be 0 or 1 everywhere, got -1.0 at index => fit(YES_NO, X, ((2 * YES - 1) + 1) / 2)
fit(CLASSES, X, 10 * LABEL) => use np.unique(y, return_inverse=True)[1] => fit(CLASSES, X, np.unique(10 * LABEL, return_inverse=True)[1])
fit(CLASSES, X, NAMES) => it holds text, such as 'cat' in row 0; for labels use np.unique(y, return_inverse=True)[1] => fit(CLASSES, X, np.unique(NAMES, return_inverse=True)[1])
fit(YES_NO, X, ["no", "yes"] * 6) => for labels use np.unique(y, return_inverse=True)[1] => fit(YES_NO, X, np.unique(["no", "yes"] * 6, return_inverse=True)[1])
fit(YES_NO, X, YES.astype(str)) => use np.asarray(y, float) => fit(YES_NO, X, np.asarray(YES.astype(str), float))
fit(CLASSES, X, np.eye(3)[LABEL]) => y must have shape (12, 1) or (12,) to go with X, got (12, 3); of one-hot rows take np.asarray(y).argmax(-1) => fit(CLASSES, X, np.eye(3)[LABEL].argmax(-1))
fit(YES_NO, X, np.eye(2)[YES]) => of one-hot rows take np.asarray(y).argmax(-1) => fit(YES_NO, X, np.eye(2)[YES].argmax(-1))
fit(YES_NO, X, LABEL) => y must be 0 or 1 everywhere, got 2.0 at index 2 (4 of 12 value(s) are not); for 3 classes use Categorical(3) and an MLP with 3 outputs => fit(CLASSES, X, LABEL)
fit(YES_NO, X, REAL) => a measured y wants Gaussian() => fit(LINE, X, REAL)
fit(YES_NO, X, np.linspace(0, 1, N)) => of probabilities take y >= 0.5 => fit(YES_NO, X, np.linspace(0, 1, N) >= 0.5)
fit(COUNTS, X, REAL) => y must be a count 0, 1, 2, ..., got => fit(COUNTS, X, LABEL)
fit(model(mb.Bernoulli(), 2), X, YES) => 2 outputs are 2 answers to every row, one label of all is for Categorical() => fit(model(mb.Categorical(), 2), X, YES)
# the shape of y
fit(LINE, X, REAL[None]) => got (1, 12); use np.reshape(y, (12, 1)) => fit(LINE, X, np.reshape(REAL[None], (12, 1)))
fit(LINE, X, REAL[:-1]) => got (11,); X has 12 rows and y has 11 => fit(LINE, X[:-1], REAL[:-1])
fit(LINE, X, np.stack([REAL, REAL], 1)) => got (12, 2); the outputs of the network are for 1 target(s) of every row => fit(model(mb.Gaussian(0.5), 2), X, np.stack([REAL, REAL], 1))
fit(LINE, X, [*REAL[:-1], np.nan]) => y must be finite, got nan at index 11 (1 of 12 value(s) are not); leave such rows out => fit(LINE, X[:-1], REAL[:-1])
PRED.log_prob(YES[:3]) => X has 12 rows and y has 3 => PRED.log_prob(YES)
# what a model is made of
mb.Model([2, 3, 1], mb.Bernoulli(), PRIOR) => net must be an MLP, got list of length 3 => mb.Model(mb.MLP([2, 3, 1]), mb.Bernoulli(), PRIOR)
mb.Model(mb.MLP([2, 1]), "gaussian", PRIOR) => likelihood must be an object such as mb.Bernoulli() or mb.Gaussian(0.1), got 'gaussian' => mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.1), PRIOR)
mb.Model(mb.MLP([2, 1]), mb.Gaussian, PRIOR) => got the class Gaussian; write Gaussian(...) => mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.1), PRIOR)
mb.Model(mb.MLP([2, 1]), mb.Gaussian(), 1.0) => prior must be an object such as mb.GaussianPrior(0.0, 1.0), got 1.0 => mb.Model(mb.MLP([2, 1]), mb.Gaussian(), mb.GaussianPrior(0.0, 1.0))
mb.MLP(2, 3) => sizes must list the widths from input to output, like [8, 12, 1], got 2 => mb.MLP([2, 3])
mb.fit(FAMILY, YES_NO, X, YES) => model must be Model, got MeanField( => fit(YES_NO, X, YES)
mb.fit(YES_NO, mb.MeanField, X, YES) => family must be an object such as mb.MeanField(), got the class MeanField => fit(YES_NO, X, YES)
# options
mb.fit(YES_NO, X, YES) => fit() missing 1 required positional argument: 'y'; it is fit(model, family, X, y, => fit(YES_NO, X, YES)
fit(YES_NO, X, YES, optimizer="adam") => optimizer must be an object such as Adam(0.01), with init, rates, update and lr; got 'adam' => fit(YES_NO, X, YES, optimizer=mb.Adam(0.01))
fit(YES_NO, X, YES, max_steps=1e1) => max_steps must be an integer, got 10.0 (float); use 10 => fit(YES_NO, X, YES, max_steps=10)
PRED.interval(95) => level must be a number > 0.0 and < 1.0, got 95.0; 95 % is 0.95 => PRED.interval(0.95)
mb.metrics.rmse(REAL, LEARNED) => mean must be an array of real numbers, got Prediction of 12 rows by 5 samples (Prediction); its mean is an array => mb.metrics.rmse(REAL, LEARNED.mean)
"""  # noqa: E501


ROWS = [
    tuple(line.split(" => "))
    for line in MISTAKES.splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("call", "words", "cured"), ROWS)
def test_the_error_says_it_and_the_cure_works(call, words, cured):
    with pytest.raises((ValueError, TypeError)) as caught:
        eval(call)
    assert words in str(caught.value)
    last = Path(traceback.extract_tb(caught.value.__traceback__)[-1].filename)
    assert "minibnn" in last.parts
    eval(cured)


def test_there_are_enough():
    assert len({call for call, *_ in ROWS}) >= 40


def test_rows_of_one_name_in_another_order_are_refused():
    pd = pytest.importorskip("pandas", reason="rows have names in pandas")
    table, y = pd.DataFrame(X, columns=["a", "b"]), pd.Series(REAL)
    turned = y.sample(frac=1.0, random_state=1)
    chains = {"rng": 0, "n_chains": 2, "n_draws": 8, "n_warmup": 20}
    result = fit(LINE, table, y)
    for call in (
        lambda y: fit(LINE, table, y),
        lambda y: fit(LINE, table, y, standardise=True),
        lambda y: mb.hmc(LINE, table, y, **chains),
        lambda y: mb.laplace(LINE, table, y, result.params["mu"]),
        lambda y: result.to_inference_dict(table, y, 2),
    ):
        with pytest.raises(ValueError, match=r"y must have its rows .* use y\.loc\[X\.ind"):
            call(turned)
        call(turned.loc[table.index])
        call(turned.to_numpy())
    got = fit(LINE, table, turned.loc[table.index]).params["mu"]
    np.testing.assert_array_equal(got, result.params["mu"])


@pytest.mark.parametrize("index", ["other", "once", "twice", "mixed", "as X"])
def test_rows_whose_names_say_nothing_pass(index):
    pd = pytest.importorskip("pandas", reason="rows have names in pandas")
    table = pd.DataFrame(X, columns=["a", "b"])
    names = {
        "other": np.arange(N) + 5, "once": [0] * N, "as X": np.arange(N),
        "twice": [*range(6)] * 2, "mixed": ["a", *range(1, N)],
    }[index]  # fmt: skip
    if index in ("mixed", "twice"):
        table.index = names[::-1]
    fit(LINE, table, pd.Series(REAL, index=names))
