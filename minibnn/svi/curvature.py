"""The start of a full covariance: natural-gradient steps with the model's curvature.

A step of Adam moves all P² / 2 correlations by its step size at once, most of them by
noise alone: from a good start most of what is found is lost again. The curvature of the
model says what the correlations are, so a few dozen steps of E79 come to rest near the
optimum. Their size is halved wherever they do not help on a noise of their own.
"""

import numpy as np

from minibnn.estimators.pathwise import Pathwise
from minibnn.model import unweighted_data
from minibnn.objective import objective
from minibnn.progress import SILENT
from minibnn.svi.estimate import fresh
from minibnn.svi.interrupt import Interrupted

STEP = 0.2  # of the way to the curvature as it is seen once
SMALLEST_STEP = 0.001
ROWS = 2  # seen in one step for each weight: enough for a curvature of full rank
LEAST_ROWS = 100
PAIRS = 16  # mirrored noises of one step's slope of the mean
MOST_ROWS = 4000  # for this slope, and to be judged on
JUDGED_ON = 128  # noises
TOGETHER = 5  # steps between two looks at the loss
STEPS = 100
MOST_WORK = 8e11  # multiplications of all steps


def has_curvature(model, family, kl_weight):
    """Whether the family can follow it, and the model has it."""
    closed = model.weight_prior.has_closed_kl and kl_weight > 0
    return closed and family.has_curvature_step


def curvature_start(model, family, params, A, y, kl_weight, rng, progress=SILENT):
    """Params after steps of E79 on nll / kl_weight + KL, in double precision inside.

    Ctrl-C raises ``Interrupted`` with the best params so far.
    """
    dtype = params["mu"].dtype
    y = y.astype(np.float64) if y.dtype.kind == "f" else y
    start = Curved(model, family, A.astype(np.float64), y, kl_weight, rng)
    best = {key: part.astype(np.float64) for key, part in params.items()}
    loss, a = start.loss(best), STEP
    try:
        for i in range(start.steps // TOGETHER):
            found = start.steps_from(best, a)
            new = start.loss(found)
            if new < loss:
                best, loss = found, new
            else:  # nan, too
                a /= 2.0
            progress((i + 1) * TOGETHER)
            if a < SMALLEST_STEP:
                break
    except KeyboardInterrupt:
        raise Interrupted(cast(best, dtype)) from None
    return cast(best, dtype)


def cast(params, dtype):
    """Params in the precision of a run."""
    return {key: part.astype(dtype) for key, part in params.items()}


class Curved:
    """One problem, and the random numbers its steps and its judgement use."""

    def __init__(self, model, family, A, y, kl_weight, rng):
        self.model, self.family, self.rng = model, family, rng
        self.A, self.y, self.kl_weight = A, y, kl_weight
        self.plain, _, self.weights = unweighted_data(model, y)
        self.estimator, n = Pathwise(antithetic=True), model.n_weights
        self.n_curved = max(ROWS * n, LEAST_ROWS)
        work = n * n * (self.n_curved + 3.0 * n)
        self.steps = int(np.clip(MOST_WORK / work, 2 * TOGETHER, STEPS))
        self.judged = self.some_rows(), int(rng.integers(2**63))

    def some_rows(self):
        """Numbers of rows, all of them where there are few."""
        return self.rng.permutation(len(self.A))[:MOST_ROWS]

    def loss(self, params):
        """The loss at a fixed noise."""
        rows, seed = self.judged
        data = params, self.A[rows], self.y[rows], np.random.default_rng(seed)
        share = len(self.A) / len(rows)
        parts = fresh(self.model, self.family, *data, JUDGED_ON, self.estimator)
        values = [share * nll + self.kl_weight * kl for nll, kl in parts]
        return np.concatenate(values).mean()

    def steps_from(self, params, a):
        """A few steps of size a; nan where one leads nowhere."""
        params = {key: part.copy() for key, part in params.items()}
        prior = self.model.weight_prior
        for _ in range(TOGETHER):
            g_mu = self.slope(params)
            try:
                G = self.row_slopes(params)
                self.family.curvature_step(params, G, prior, g_mu, a)
            except ValueError:  # targets or slopes beyond the largest number
                params["mu"][...] = np.nan
                break
        return params

    def slope(self, params):
        """Slope of nll / kl_weight + KL in the mean."""
        rows = self.some_rows()
        noise = self.rng.standard_normal((PAIRS, self.model.n_weights))
        data = params, noise, self.A[rows], self.y[rows], len(self.A), self.kl_weight
        _, gradient, _ = objective(self.model, self.family, *data, self.estimator)
        return gradient()["mu"] / self.kl_weight

    def row_slopes(self, params):
        """G of E79: single rows with weights and targets of their own."""
        model, weights = self.plain, self.weights
        rng, n = self.rng, model.net.n_weights
        rows = np.resize(rng.permutation(len(self.A)), self.n_curved)
        A, eps = self.A[rows, None], rng.standard_normal((len(rows), model.n_weights))
        w, _ = self.family.sample(self.family.natural(params)[0], eps)
        w = w[:, None]
        F, _ = model.net.apply(w[..., :n], A)
        drawn = model.likelihood.sample(F, w[..., n:], rng.random(F.shape))
        y = model.targets(A, drawn[:, 0])
        _, pull = model.nll(w, A, y)
        G = pull()[:, 0] * np.sqrt(len(self.A) / len(rows) / self.kl_weight)
        return G if weights is None else G * np.sqrt(weights[rows, None])
