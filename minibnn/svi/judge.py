"""Judging: the states of a run on noise that is fresh and common to all of them.

Neither the loss at the noises of the start nor the history says how good a state is. So
what L-BFGS finds is used only if it is better than plain initial values, and the last
state is returned unless it is worse than the one before the first step. The noise is a
stream of its own and the same each time: only differences matter, and they are small.
"""

import numpy as np

from minibnn.optim.slowing import Slowing, rise_of
from minibnn.optim.stopping import knows_its_end
from minibnn.rng import Streams
from minibnn.svi.elbo import default_estimator, fresh
from minibnn.svi.start import to_the_optimum

SAMPLES = 64  # for the end of a run
START_SAMPLES = 256  # for its start, whose tails may be long
SURE = 3.0  # standard errors
KEPT = 0.5  # of the gain at its own noises a start keeps on fresh ones
RARE = 1.35e-3  # the chance of a normal number beyond them
PART = 0.1  # of what the start had gained; to lose more is to diverge
SHARE = 0.05  # of the rows' passes in the steps, the most that judging may add
ROWS = 1000  # of one sample at least
FEWEST_STEPS = 8  # in which a rise can be seen
FURTHER = 3  # times as many evaluations as there were steps
PASSES = 3  # through the network in one step: forward and two back


def surely_positive(d):
    """Whether the mean of what d (S,) is drawn from is above 0 beyond doubt.

    By three standard errors; or by one number so large that it outweighs all below 0
    even if its chance is the least with which it would still be seen as often as a
    normal number beyond three standard errors.
    """
    if np.isnan(d).any():
        return False
    mean, rare = d.mean(), RARE / len(d) * d.max()
    se = d.std(ddof=1) / np.sqrt(len(d)) if len(d) > 1 else 0.0
    return bool(mean > SURE * se or rare > -np.minimum(d, 0.0).mean())


def losses(run, params, i, n_samples=SAMPLES, n_rows=None):
    """The loss of replica i at params on the common noise, sample by sample: (S,).

    With ``n_rows`` every sample sees so many rows of its own.
    """
    model, family, estimator = run.model, run.family, run.estimator
    estimator = estimator if estimator.exact else default_estimator(model, family)
    if not has_noise(run):
        n_samples = 1
    rng, n = np.random.default_rng(run.streams[i].judge_seed), run.n_rows
    if n_rows is not None and n_rows < n:
        chosen = rng.integers(n, size=(n_samples, n_rows))
        pieces = ((*run.batches.some_rows(i, k), 1) for k in chosen)
    else:
        pieces = [(*run.batches.all_rows(i), n_samples)]
    # a sampled KL differs from sample to sample, but comes as the mean of a chunk
    chunk = None if model.weight_prior.has_closed_kl else 1
    weight, values = run.options.kl_weight, []
    with np.errstate(all="ignore"):
        for rows, targets, count in pieces:
            data = params, rows, targets, rng, count, estimator, chunk
            for nll, kl in fresh(model, family, *data):
                loss = n / rows.shape[-2] * nll + weight * kl[..., None]
                values.append(loss.astype(float).reshape(-1, nll.shape[-1]).sum(0))
    return np.concatenate(values)


def has_noise(run):
    """Whether the loss of all rows is random."""
    shape = run.estimator.noise_shape(run.model, run.family, 1, run.n_rows)
    return shape[1] > 0


def tested(run, i, found, params, promised):
    """What the start has found, if it is surely better than ``params``; else those.

    And if fresh noise leaves at least half of the gain that its own noises promised: the
    loss ``promised`` there. With less it has fitted them, and steps from there end lower
    than from plain initial values.
    """
    before, after = (losses(run, p, i, START_SAMPLES) for p in (params, found))
    if not np.isfinite(after).all() or not surely_positive(before - after):
        return params
    if promised is None:
        return found
    kept, whole = before.mean() - after.mean(), before.mean() - promised
    return found if kept >= KEPT * whole else params


def settle(run):
    """Leave a run in the state that is returned, and note what became of it."""
    run.rise, run.rise_se = last_rise(run)
    verdicts = [Verdict(run, i) for i in range(len(run.streams))]
    for name in ("diverged", "converged", "returned"):
        values = [getattr(verdict, name) for verdict in verdicts]
        setattr(run, name, np.array(values) if run.lead else values[0])
    if np.all(run.diverged):
        run.stop_reason = "diverged"


def last_rise(run):
    """By how much the ELBO still rose before its end, and its error, or (None, None).

    Between the last two quarters of the steps; of a schedule that brings the step size
    down, of those before it has come half the way, for small steps rise little.
    """
    if run.step < FEWEST_STEPS or not run.family.has_elbo:
        return None, None
    t = run.rule.seen or (run.step // 2 if knows_its_end(run.options) else run.step)
    rise, error, _ = rise_of(run.history, t)
    if run.family.tasks:
        rise, error = np.sum(rise), np.linalg.norm(error)
    return (rise, error) if run.lead else (float(rise), float(error))


class Verdict:
    """What became of one replica: moves it to the state that is returned.

    Attributes
    ----------
    returned : "last" or "start"
    diverged : bool
        The last state has lost a tenth of what the start had gained over plain initial
        values, three times the scatter of one sample, and a nat; or the run has stopped
        being finite.
    converged : bool
        The ELBO rose no more, or the minimum of a loss without noise was reached.
    """

    def __init__(self, run, i):
        self.run, self.i = run, i
        self.theta = run.flat.theta[i] if run.lead else run.flat.theta
        self.returned, self.diverged = "last", run.stop_reason == "diverged"
        literal = run.family.literal
        if run.begin is not None and run.step and not literal:
            self.compare(run.begin[i] if run.lead else run.begin)
        self.converged = self.is_level() and self.returned == "last"
        if runs_to_the_optimum(run):
            self.finish()

    def is_level(self):
        """Whether the ELBO has come to rest, beyond one standard error."""
        run = self.run
        if run.stop_reason != "max_steps" or run.rise is None or self.diverged:
            return run.stop_reason == "plateau"
        still = np.broadcast_to(run.rise + run.rise_se, run.lead or (1,))[self.i]
        return bool(still <= Slowing(run.n_rows).enough)

    def compare(self, begin):
        """The last state with the first."""
        run, n_rows = self.run, rows_of_a_sample(self.run)
        if np.array_equal(begin, self.theta):
            self.returned = "start" if self.diverged else "last"
            return
        params = [run.flat.split(theta) for theta in (begin, self.theta)]
        before, after = (losses(run, p, self.i, n_rows=n_rows) for p in params)
        if not np.isfinite(before).all():
            return
        lost = after - before
        if np.isfinite(after).all() and not surely_positive(lost):
            return
        rng = Streams(run.streams[self.i].seed).init
        plain = run.family.init(run.model, rng)
        plain = {
            key: array.astype(run.dtype, copy=False) for key, array in plain.items()
        }
        gained = losses(run, plain, self.i, n_rows=n_rows) - before
        least = max(PART * gained.mean(), SURE * before.std(), 1.0)
        self.diverged |= not lost.mean() <= least
        if not run.options.told:
            self.theta[...], self.returned = begin, "start"

    def finish(self):
        """Down to the minimum of a loss without noise."""
        run = self.run
        A, y = run.batches.all_rows(self.i)
        problem = run.model, run.family, A, y, run.options.kl_weight, run.estimator
        params, self.converged = to_the_optimum(
            problem, run.flat.split(self.theta), FURTHER * run.step
        )
        self.theta[...] = run.flat.join(params)


def rows_of_a_sample(run):
    """How many rows a sample sees so that judging costs little beside the steps."""
    options = run.options
    passes = PASSES * run.step * options.n_samples * (run.batches.size or run.n_rows)
    return max(ROWS, int(SHARE * passes / (2 * SAMPLES)))


def runs_to_the_optimum(run):
    """Whether the steps are followed by a descent to the end: where it has one."""
    ended = run.step and run.stop_reason in ("max_steps", "plateau")
    return ended and run.options.ours and not has_noise(run)
