"""Comparing the states of a run on noise that is fresh and common to all of them.

Neither the loss at the noises of the start nor the history says how good a state is. So
what L-BFGS finds is used only if it is better than plain initial values, and the last
state is returned unless it is worse than the one before the first step. The noise is a
stream of its own and the same each time: only differences matter, and they are small.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minibnn.optim.slowing import Slowing, rise_of
from minibnn.optim.stopping import knows_its_end
from minibnn.rng import Streams
from minibnn.svi.elbo import default_estimator
from minibnn.svi.estimate import fresh
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


def losses(job, streams, i, params, n_samples=SAMPLES, n_rows=None):
    """The loss of replica i at params on the common noise, sample by sample: (S,).

    With ``n_rows`` every sample sees so many rows of its own.
    """
    model, family, estimator = job.model, job.family, job.estimator
    estimator = estimator if estimator.exact else default_estimator(model, family)
    if not has_noise(job):
        n_samples = 1
    rng, n = np.random.default_rng(streams[i].judge_seed), job.n_rows
    if n_rows is not None and n_rows < n:
        chosen = rng.integers(n, size=(n_samples, n_rows))
        pieces = ((*job.some_rows(i, k), 1) for k in chosen)
    else:
        pieces = [(*job.all_rows(i), n_samples)]
    # a sampled KL differs from sample to sample, but comes as the mean of a chunk
    chunk = None if model.weight_prior.has_closed_kl else 1
    weight, values = job.options.kl_weight, []
    with np.errstate(all="ignore"):
        for rows, targets, count in pieces:
            data = params, rows, targets, rng, count, estimator, chunk
            for nll, kl in fresh(model, family, *data):
                loss = n / rows.shape[-2] * nll + weight * kl[..., None]
                values.append(loss.astype(float).reshape(-1, nll.shape[-1]).sum(0))
    return np.concatenate(values)


def has_noise(job):
    """Whether the loss of all rows is random."""
    shape = job.estimator.noise_shape(job.model, job.family, 1, job.n_rows)
    return shape[1] > 0


def tested(job, streams, i, found, params, promised):
    """What the start has found, if it is surely better than ``params``; else those.

    And if fresh noise leaves at least half of the gain that its own noises promised: the
    loss ``promised`` there. With less it has fitted them, and steps from there end lower
    than from plain initial values.
    """
    alike = job, streams, i
    before, after = (losses(*alike, p, START_SAMPLES) for p in (params, found))
    if not np.isfinite(after).all() or not surely_positive(before - after):
        return params
    if promised is None:
        return found
    kept, whole = before.mean() - after.mean(), before.mean() - promised
    return found if kept >= KEPT * whole else params


@dataclass(frozen=True)
class Outcome:
    """What became of a run, as ``FitResult`` tells it; arrays (R,) with replicas."""

    rise: Any = None
    rise_se: Any = None
    converged: Any = False
    diverged: Any = False
    returned: Any = "last"


def settle(job, state, known):
    """Bring a state to what is returned; the Outcome of its run, whose rise is known."""
    verdicts = [Verdict(job, state, i, known) for i in range(len(state.streams))]
    for name in ("diverged", "converged", "returned"):
        values = [getattr(verdict, name) for verdict in verdicts]
        values = np.array(values) if job.lead else values[0]
        known = replace(known, **{name: values})
    if np.all(known.diverged):
        state.stop_reason = "diverged"
    return known


def last_rise(job, state):
    """By how much the ELBO still rose before its end, and its error, or (None, None).

    Between the last two quarters of the steps; of a schedule that brings the step size
    down, of those before it has come half the way, for small steps rise little.
    """
    if state.step < FEWEST_STEPS or not job.family.has_elbo:
        return None, None
    t = state.seen or (state.step // 2 if knows_its_end(job.options) else state.step)
    rise, error, _ = rise_of(state.history, t)
    if job.family.tasks:
        rise, error = np.sum(rise), np.linalg.norm(error)
    return (rise, error) if job.lead else (float(rise), float(error))


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

    def __init__(self, job, state, i, known):
        self.job, self.state, self.i = job, state, i
        self.theta = state.flat.theta[i] if job.lead else state.flat.theta
        self.returned, self.diverged = "last", state.stop_reason == "diverged"
        if state.step and not job.family.literal:
            self.compare(state.begin[i] if job.lead else state.begin)
        self.converged = self.is_level(known) and self.returned == "last"
        if runs_to_the_optimum(job, state):
            self.finish()

    def is_level(self, known):
        """Whether the ELBO has come to rest, beyond one standard error."""
        reason = self.state.stop_reason
        if reason != "max_steps" or known.rise is None or self.diverged:
            return reason == "plateau"
        still = np.broadcast_to(known.rise + known.rise_se, self.job.lead or (1,))
        return bool(still[self.i] <= Slowing(self.job.n_rows).enough)

    def losses(self, params):
        """On some rows a sample."""
        n_rows = rows_of_a_sample(self.job, self.state)
        return losses(self.job, self.state.streams, self.i, params, n_rows=n_rows)

    def compare(self, begin):
        """The last state with the first."""
        job, state = self.job, self.state
        if np.array_equal(begin, self.theta):
            self.returned = "start" if self.diverged else "last"
            return
        params = [state.flat.split(theta) for theta in (begin, self.theta)]
        before, after = map(self.losses, params)
        if not np.isfinite(before).all():
            return
        lost = after - before
        if np.isfinite(after).all() and not surely_positive(lost):
            return
        rng, dtype = Streams(state.streams[self.i].seed).init, job.A.dtype
        plain = job.family.init(job.model, rng)
        plain = {key: array.astype(dtype, copy=False) for key, array in plain.items()}
        gained = self.losses(plain) - before
        least = max(PART * gained.mean(), SURE * before.std(), 1.0)
        self.diverged |= not lost.mean() <= least
        if not job.options.told:
            self.theta[...], self.returned = begin, "start"

    def finish(self):
        """Down to the minimum of a loss without noise."""
        job, flat = self.job, self.state.flat
        data = *job.all_rows(self.i), job.options.kl_weight, job.estimator
        problem, most = (job.model, job.family, *data), FURTHER * self.state.step
        params, self.converged = to_the_optimum(problem, flat.split(self.theta), most)
        self.theta[...] = flat.join(params)


def rows_of_a_sample(job, state):
    """How many rows a sample sees so that judging costs little beside the steps."""
    passes = PASSES * state.step * job.options.n_samples * job.rows_a_step
    return max(ROWS, int(SHARE * passes / (2 * SAMPLES)))


def runs_to_the_optimum(job, state):
    """Whether the steps are followed by a descent to the end: where it has one."""
    ended = state.step and state.stop_reason in ("max_steps", "plateau")
    return ended and job.options.ours and not has_noise(job)
