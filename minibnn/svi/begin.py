"""Where a run begins: parameters for each replica, from the kind of start it is to have."""

import numpy as np

from minibnn.progress import Progress, report
from minibnn.rng import Streams
from minibnn.svi.compare import START_SAMPLES, losses, tested
from minibnn.svi.curvature import curvature_start, has_curvature
from minibnn.svi.interrupt import Interrupted
from minibnn.svi.start import lbfgs_start, narrow
from minibnn.svi.state import State


class Beginning:
    """The parameters that the replicas of a job begin with, found one after the other.

    Attributes
    ----------
    streams : list of Streams
    found : list of dicts
    refused : int
        Starts that were no better than plain initial values.
    interrupted : bool
        Ctrl-C has come: those that follow are initial values of the family.
    """

    def __init__(self, job, interrupted=False):
        self.job, self.interrupted = job, interrupted
        self.streams = [Streams(seed) for seed in job.seeds]
        self.found, self.refused = [], 0

    def add(self, solutions=()):
        """Find those of the next replica; ``solutions`` are of a simpler family."""
        self.found.append(self.params_of(len(self.found), solutions))

    def state(self):
        """The state before the first step, once all are found."""
        job, reason = self.job, "interrupted" if self.interrupted else None
        if job.options.verbose:
            kind, N = job.options.kind or "initial values", job.n_rows
            rows = f"all {N}" if job.rows_a_step == N else job.rows_a_step
            report(f"{job.title}start: {kind}; {rows} rows a step")
        if self.refused == len(self.streams) and job.options.others:
            reason = "overtaken"  # another kind begins like this
        params = self.found[0]
        if job.lead:
            params = {k: np.stack([found[k] for found in self.found]) for k in params}
        return State.at(job, params, self.streams, reason)

    def params_of(self, i, solutions):
        """Family.init, then what the kind of start makes of it."""
        job, options, rng = self.job, self.job.options, self.streams[i].init
        if isinstance(options.start, dict):
            return {k: v[i] if job.lead else v for k, v in options.start.items()}
        params = job.family.init(job.model, rng)
        if self.interrupted:  # in the start of another replica
            return params
        if options.kind == "first fit":
            return self.richer(i, solutions)
        if options.kind == "small":
            return narrow(job.family, params)
        if options.kind != "lbfgs":
            return params
        start = self.climbed(i, params)
        if start is not params or options.start != "auto":
            return start
        self.refused += 1
        return params if job.estimator.exact else narrow(job.family, params)

    def climbed(self, i, params):
        """Params that L-BFGS has found, if they are surely better than those given."""
        job, promised = self.job, None
        data = *job.all_rows(i), job.options.kl_weight, self.streams[i].init
        problem = job.model, job.family, params, *data, job.estimator
        task = f"{job.title}start"
        with Progress(job.options.verbose, task, unit="evaluations") as progress:
            try:
                found, promised = lbfgs_start(*problem, progress=progress)
            except Interrupted as interrupt:
                found, self.interrupted = interrupt.so_far, True
        return tested(job, self.streams, i, found, params, promised)

    def richer(self, i, solutions):
        """The best of solutions of a simpler family, each with what the richer one adds."""
        found = [self.curved(i, self.job.family.embed(params)) for params in solutions]
        if len(found) == 1:
            return found[0]
        alike = self.job, self.streams, i
        means = [losses(*alike, params, START_SAMPLES).mean() for params in found]
        return found[int(np.argmin(means))]

    def curved(self, i, params):
        """Params that follow the curvature, if they are surely better than those given."""
        job, weight = self.job, self.job.options.kl_weight
        if self.interrupted or not has_curvature(job.model, job.family, weight):
            return params
        data = *job.all_rows(i), weight, self.streams[i].init
        with Progress(job.options.verbose, f"{job.title}start", unit="steps") as progress:
            try:
                problem = job.model, job.family, params, *data
                found = curvature_start(*problem, progress=progress)
            except Interrupted as interrupt:
                found, self.interrupted = interrupt.so_far, True
        return tested(job, self.streams, i, found, params, None)
