"""The ELBO of all rows, estimated from fresh noise or in closed form."""

import math
from itertools import pairwise

import numpy as np

from minibnn.estimators.base import closed_kl, needs_samples
from minibnn.estimators.local_reparam import LocalReparam, local_nll
from minibnn.inputs import some_rows
from minibnn.progress import SILENT
from minibnn.rng import Normals
from minibnn.svi.elbo import default_estimator
from minibnn.svi.interrupt import Interrupted

CHUNK = 200_000  # numbers an activation may hold while samples are evaluated: cached
ENOUGH = 1e-4  # of |nll| + |KL|: a standard error that is small enough
LEAST = 32  # values that make a standard error
SHARED = 64  # rows that may always share their weights


def exact_elbo(model, family, params, A, y, estimator):
    """The ELBO in closed form, standard error 0, for an estimator without noise."""
    q, _ = family.natural(params)
    noise, nll = np.zeros((1, 0), A.dtype), 0.0
    for rows in slices(A.shape[-2], max(1, CHUNK // max(model.net.sizes))):
        part, _, (kl, _) = estimator(model, family, q, noise, *some_rows(A, y, rows))
        nll = nll + part[..., 0]
    value = -(nll + kl)
    return value, np.zeros_like(value)


def estimate_elbo(
    model, family, params, A, y, rng, n_samples=None, most_rows=0, progress=SILENT
):
    """ELBO at KL weight 1 from fresh noise and its standard error: floats, or arrays.

    Rows go in chunks, each with noise of its own. ``n_samples`` are so many draws of
    every row. By default draws are added until the standard error is ENOUGH of |nll| +
    |KL|, or ``most_rows`` rows have been evaluated; if those are less than two draws of
    every row, two draws of some rows, taken at random. ``A`` are features or ``Inputs``,
    of which no more than a chunk is in memory. Ctrl-C raises ``Interrupted`` with the
    estimate so far.
    """
    q, _ = family.natural(params)
    cost = Cost(model, family, math.prod(q.mean.shape[:-1]))
    passes = Passes(A.shape[-2], cost, n_samples, most_rows, rng)
    draws, found, pair = Draws(model, family, q, A, y, rng), [], None
    try:
        for count in passes.counts():
            found.append(draws.of_all(passes.chunks, count, progress))
            nll, kl = (np.concatenate(parts, -1) for parts in zip(*found, strict=True))
            mean, se = passes.mean_and_error(nll + kl)
            pair = -mean, se
            if passes.is_enough(se, nll, kl):
                break
    except KeyboardInterrupt:
        raise Interrupted(pair) from None
    return pair


class Draws:
    """The two parts of minus the ELBO, for draws of fresh noise on chunks of rows.

    The KL is computed once, unless it is sampled: then by the same weights as the nll.
    """

    def __init__(self, model, family, q, A, y, rng):
        self.problem, self.data, self.lead = (model, family, q), (A, y), q.mean.shape[:-1]
        self.estimator = default_estimator(model, family)
        sampled = needs_samples(model, family)
        kl, _ = family.neg_entropy(q) if sampled else closed_kl(model, family, q)
        self.made = 0
        self.kl, self.normals = kl[..., None].astype(float), Normals(rng, A.dtype)

    def of_all(self, chunks, count, progress=SILENT):
        """nll and KL of so many draws of each chunk, both for all rows: (..., C, count)."""
        found = []
        for rows in chunks:
            found.append(self.of(rows, count))
            self.made += count
            progress(self.made)
        return [np.stack(parts, -2) for parts in zip(*found, strict=True)]

    def of(self, rows, count):
        """The same of one chunk: (..., count)."""
        (model, family, _), (whole, _) = self.problem, self.data
        A, y = some_rows(*self.data, rows)
        shape = self.estimator.noise_shape(model, family, count, A.shape[-2])
        noise = np.empty(self.lead + shape, A.dtype)
        self.normals.fill(noise)
        nll, kl = values(*self.problem, noise, A, y)
        nll = whole.shape[-2] / A.shape[-2] * nll.astype(float)
        return nll, np.broadcast_to(self.kl + kl, nll.shape)


def values(model, family, q, noise, A, y):
    """nll (..., S), and -log p(w) of the same weights where the KL is sampled, or 0."""
    if isinstance(default_estimator(model, family), LocalReparam):
        return local_nll(model, family, q, noise, A, y)[0], 0.0
    w, _ = family.sample(q, noise)
    nll, _ = model.nll(w, A, y)
    if needs_samples(model, family):
        return nll, -model.weight_prior.log_prob(w)[0]
    return nll, 0.0


class Cost:
    """How many numbers a row takes, how many a draw takes, and how many rows share one.

    Rows that share weights go up and down together: chunks are small where weights are
    drawn, but not so small that drawing them is the work.
    """

    def __init__(self, model, family, runs):
        local = isinstance(default_estimator(model, family), LocalReparam)
        self.row = runs * max(model.net.sizes)
        self.draw = 0 if local else runs * model.n_weights
        self.most_rows = math.inf if local else max(SHARED, model.n_weights // 2)

    def rows(self):
        """Rows of a chunk, at most: two draws at a time."""
        return int(min(max(1, CHUNK // (2 * self.row)), self.most_rows))

    def draws(self, rows):
        """How many draws of a chunk to make at a time."""
        return max(2, CHUNK // (self.row * rows + self.draw))


class Passes:
    """Which rows are evaluated, in which chunks, how often; and what follows from it.

    Parameters
    ----------
    n : int
        Rows of the data set.
    cost : Cost
    n_samples : int or None
        Draws of every row; None: as many as ``most_rows`` allow, but so that there are
        LEAST values, draws of chunks.
    """

    def __init__(self, n, cost, n_samples, most_rows, rng):
        size = cost.rows()
        if n_samples:
            size = min(size, -(-n * n_samples // LEAST))
        pairs = max(most_rows // 2, LEAST // 2 * size)  # rows that can have two draws
        self.n_samples, self.share = n_samples, 1.0
        if n_samples or n <= pairs:
            self.chunks = slices(n, size)
            sizes = np.array([rows.stop - rows.start for rows in self.chunks])
            least = -(-LEAST // len(self.chunks))
            self.draws = n_samples or max(2, least, most_rows // n)
        else:
            chosen = rng.choice(n, (pairs // size, size), replace=False)
            self.chunks, self.draws = np.sort(chosen), 2
            self.share, sizes = chosen.size / n, np.full(len(chosen), size)
        self.weights = sizes / sizes.sum()
        self.at_once = cost.draws(int(sizes.max()))

    def counts(self):
        """How many draws of every chunk to take, time after time."""
        done = range(0, self.draws, self.at_once)
        return [min(self.at_once, self.draws - before) for before in done]

    def mean_and_error(self, values):
        """Mean of values (..., C, S), one for each draw of a chunk, and standard error.

        Every value stands for all rows. With a share f of the rows in the chunks, C of
        them with S draws, the variance of the mean is (1 - f) B/C + f W/(C S): B the
        variance between the means of chunks, which holds 1/S of W, W that within a chunk.
        With f = 1 only draws are random. With S = 1 nobody knows W, and B/C is an upper
        bound; with one value there is nothing to go by: nan.
        Source.  Cochran 1977, eq. 10.15: two-stage sampling.
        """
        n_chunks, n_draws = values.shape[-2:]
        means, share, within = values.mean(-1), self.share, 0.0
        if n_draws > 1:
            within = (self.weights**2 * values.var(-1, ddof=1)).sum(-1) / n_draws
        else:
            share = 0.0
        between = np.full(means.shape[:-1], np.nan)
        if n_chunks > 1:
            between = means.var(-1, ddof=1) / n_chunks
        variance = within if share == 1 else (1 - share) * between + share * within
        return (self.weights * means).sum(-1), np.sqrt(variance)

    def is_enough(self, se, nll, kl):
        """Whether no more draws are needed."""
        if self.n_samples or nll.shape[-2] * nll.shape[-1] < LEAST:
            return False
        size = sum(abs((self.weights * part.mean(-1)).sum(-1)) for part in (nll, kl))
        return bool(np.all(se <= ENOUGH * size))


def slices(n, size):
    """Consecutive slices of n rows, about equal, none longer than ``size``."""
    ends = np.linspace(0, n, 1 - (-n // size)).astype(int)
    return [slice(*pair) for pair in pairwise(ends.tolist())]


def fresh(model, family, params, A, y, rng, n_samples, estimator, chunk=None):
    """Yield nll (..., s) and KL (...) of samples of fresh noise, some at a time."""
    q, _ = family.natural(params)
    lead = q.mean.shape[:-1]
    width = A.shape[-2] * max(model.net.sizes)
    chunk = chunk or max(1, CHUNK // (width * int(np.prod(lead))))
    normals = Normals(rng, A.dtype)
    for start in range(0, n_samples, chunk):
        count = min(chunk, n_samples - start)
        shape = estimator.noise_shape(model, family, count, A.shape[-2])
        noise = np.empty(lead + shape, A.dtype)
        normals.fill(noise)
        nll, _, (kl, _) = estimator(model, family, q, noise, A, y)
        yield nll, kl
