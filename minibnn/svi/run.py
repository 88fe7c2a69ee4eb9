"""One run of stochastic variational inference: the loop and the state it moves."""

import math
import sys
from dataclasses import replace

import numpy as np

from minibnn.optim.stopping import Rule
from minibnn.rng import Streams
from minibnn.svi.batches import Batches
from minibnn.svi.curvature import curvature_start, has_curvature
from minibnn.svi.descent import Descent
from minibnn.svi.elbo import default_estimator
from minibnn.svi.failure import FitError, autopsy, not_finite
from minibnn.svi.flat import Flat
from minibnn.svi.history import QUANTITIES, StepInfo, columns
from minibnn.svi.interrupt import Interrupted
from minibnn.svi.judge import START_SAMPLES, losses, settle, tested
from minibnn.svi.keeper import Keeper
from minibnn.svi.replicas import runs_of
from minibnn.svi.start import lbfgs_start, narrow
from minibnn.svi.stretch import Stretch
from minibnn.validation.doors import outside

FIRST_FITS = 2  # of the simpler family; the basin they end in is seldom left again
FEW_WEIGHTS = 150  # with more, one basin is nearly as good as another, and dear
KEEP_EVERY = 100_000  # numbers; larger vectors are kept for a diverging run less often


class Run:
    """One run, or R replicas of it advanced together along a leading axis."""

    def __init__(
        self, model, family, estimator, A, y, options, seeds, given_seeds=None
    ):
        self.model, self.family, self.estimator = model, family, estimator
        self.options, self.n_rows, self.dtype = options, A.shape[-2], A.dtype
        self.lead = (len(seeds),) if options.replicas else ()
        self.streams = [Streams(seed) for seed in seeds]
        rngs = self.batch_rngs()
        self.batches = Batches(A, y, options.batch_size, rngs, bool(self.lead))
        self.history = {name: [] for name in QUANTITIES}
        self.step, self.stop_reason, self.flat = 0, None, None
        self.starts = []  # params each replica begins with
        self.begin = None  # theta before the first step
        self.rule = Rule(options)
        self.converged, self.diverged, self.returned = False, False, "last"
        self.rise, self.rise_se = None, None
        self.refused = 0  # starts that were no better than plain initial values
        self.before = None  # theta before the last step: loss and gradient were finite
        self.given_seeds = given_seeds  # None: whatever seed, a checkpoint may go on
        self.facts = None  # what decides this run, if a checkpoint has to know
        self.keeper = Keeper(options.checkpoint)

    def go(self):
        """The six steps, unless it has ended; ``stop_reason`` says why. Returns self."""
        with np.errstate(all="ignore"):  # every loss and gradient is looked at below
            try:
                if self.flat is None:
                    self.initialise()  # 1: q(w; mu, sigma)
                while self.stop_reason is None:
                    self.keeper.step_begins(self)
                    self.several_steps() or self.one_step()
                    self.check_end()
                    self.keeper.step_ended(self)
            except BaseException as error:
                self.keeper.broken_off(self, error)
                self.stop_reason = self.ended_by(error)
                if self.stop_reason is None:
                    raise
        return self

    def ended_by(self, error):
        """The reason to stop that Ctrl-C or a divergence is, or None: nothing to return."""
        if isinstance(error, KeyboardInterrupt) and self.flat is not None:
            return "interrupted"
        if isinstance(error, FitError) and self.options.salvage and self.step:
            self.flat.theta[...] = self.before
            return "diverged"
        return None

    def one_step(self):
        """Steps 2 to 6 of the algorithm."""
        kl_weight = self.options.kl_weight_at(self.step)
        # 2: -ELBO of a batch; 3: sample w, run forward; 4: gradients
        parts = self.descent.evaluate(kl_weight)
        self.check_finite(parts)
        lr = self.update()  # 5: mu <- mu - a dmu, ...
        parts = {key: array[None] for key, array in parts.items()}
        self.record(columns(parts, [kl_weight], [lr]))  # 6: repeat until converged

    def several_steps(self):
        """The same for many steps in a row, if they can be; whether it was done."""
        most = self.steps_ahead()
        program, n = self.stretch.ready(most) if most > 1 else (None, 0)
        if program is None:
            return False
        steps = range(self.step, self.step + n)
        weights = self.options.kl_weights_at(steps)
        lrs = [self.rule.rate_at(step) for step in steps]
        rows = self.stretch.run(program, n, self.step, lrs, weights)
        self.check_rows(rows, weights, lrs)
        done = self.record(columns(rows, weights, lrs))
        if done < n:  # a rule has stopped the run within the stretch
            self.flat.theta[...] = rows["theta"][done]
        self.before[...] = rows["theta"][done - 1]
        return True

    def steps_ahead(self):
        """How many steps nobody wants to look between."""
        options, moves = self.options, self.options.optimizer
        if options.callback or self.family.literal or moves.moves_params:
            return 1
        left = self.rule.steps_ahead(self.step)
        if options.checkpoint is None:
            return left
        return min(left, options.checkpoint.steps_left(self.step))

    def check_rows(self, rows, weights, lrs):
        """End the run at the first step whose loss or gradient was not finite."""
        if all_finite(rows["loss"], rows["check"]):
            return
        for k, theta in enumerate(rows["theta"]):
            parts = self.stretch.again(k)
            if not all_finite(parts["loss"], parts["g"]):
                self.step += k
                good = {name: rows[name][:k] for name in ("loss", "nll", "kl")}
                for name, values in columns(good, weights[:k], lrs[:k]).items():
                    self.history[name].extend(values)
                self.flat.theta[...] = theta
                if k:
                    self.before[...] = rows["theta"][k - 1]
                self.check_finite(parts)

    def initialise(self):
        """Step 1: the parameters to begin with, or the state of a checkpoint."""
        checkpoint, saved = self.options.checkpoint, None
        if checkpoint is not None:
            saved = checkpoint.load(self)
        if saved is None:
            self.flat = Flat(self.initial_params(), self.dtype)
            self.report_start()
            self.starts = []  # of no use any more
            if self.refused == len(self.streams) and self.options.others:
                self.stop_reason = "overtaken"  # another kind begins like this
            self.begin = self.flat.theta.copy()
            self.memory = self.options.optimizer.init(self.flat.theta)
        self.descent = Descent(
            (self.model, self.family, self.estimator),
            self.flat,
            self.batches,
            [streams.noise for streams in self.streams],
            self.lead,
            self.options.n_samples,
            None if self.options.kl_warmup else self.options.kl_weight,
        )
        self.stretch = Stretch(self.descent, self.options.optimizer, self.memory)
        for normals, state in zip(self.descent.normals, saved or (), strict=False):
            normals.restore(state)
        if self.before is None:  # else a checkpoint has brought it
            self.before = self.flat.theta.copy()
        self.keep_every = 1 + self.flat.theta.size // KEEP_EVERY

    def initial_params(self):
        """For every replica family.init, then L-BFGS where it is asked for."""
        for i in range(len(self.streams)):
            self.starts.append(self.start_of(i))
        if not self.lead:
            return self.starts[0]
        keys = self.starts[0]
        return {key: np.stack([start[key] for start in self.starts]) for key in keys}

    def start_of(self, replica):
        """Parameters one replica begins with."""
        options, rng = self.options, self.streams[replica].init
        if isinstance(options.start, dict):
            return {k: v[replica] if self.lead else v for k, v in options.start.items()}
        params = self.family.init(self.model, rng)
        if self.stop_reason == "interrupted":  # in the start of another replica
            return params
        if options.kind == "first fit":
            return self.richer(replica, self.solve_first(replica))
        if options.kind == "small":
            return narrow(self.family, params)
        if options.kind != "lbfgs":
            return params
        A, y = self.batches.all_rows(replica)
        weight, estimator, promised = options.kl_weight, self.estimator, None
        try:
            found, promised = lbfgs_start(
                self.model, self.family, params, A, y, weight, rng, estimator
            )
        except Interrupted as interrupt:
            found, self.stop_reason = interrupt.so_far, "interrupted"
        start = tested(self, replica, found, params, promised)
        if start is not params or options.start != "auto":
            return start
        self.refused += 1
        return params if self.estimator.exact else narrow(self.family, params)

    def richer(self, replica, solutions):
        """The best of solutions of a simpler family, each with what the richer one adds."""
        found = [self.curved(replica, self.family.embed(params)) for params in solutions]
        if len(found) == 1:
            return found[0]
        means = [losses(self, params, replica, START_SAMPLES).mean() for params in found]
        return found[int(np.argmin(means))]

    def curved(self, replica, params):
        """Params that follow the curvature, if they are surely better than those given."""
        model, family, weight = self.model, self.family, self.options.kl_weight
        interrupted = self.stop_reason == "interrupted"
        if interrupted or not has_curvature(model, family, weight):
            return params
        A, y = self.batches.all_rows(replica)
        rng = self.streams[replica].init
        try:
            found = curvature_start(model, family, params, A, y, weight, rng)
        except Interrupted as interrupt:
            found, self.stop_reason = interrupt.so_far, "interrupted"
        return tested(self, replica, found, params, None)

    def solve_first(self, replica):
        """Params of the simpler family to start from, one for each basin."""
        model, family = self.model, self.family.first_fit
        problem = model, family, default_estimator(model, family)
        problem += self.batches.data_of(replica)
        options = self.options.for_first_fit(model, self.n_rows)
        kinds = replace(options, start="auto").kinds(model, family, self.n_rows, False)
        basins = FIRST_FITS if model.n_weights <= FEW_WEIGHTS else 1
        seeds, runs = self.streams[replica].seed.spawn(basins), []
        for kind in kinds:
            own = [(*problem, options.of_kind(kind, [kind]), [seed]) for seed in seeds]
            runs.append([run.go() for run in runs_of(Run, own)])
            if runs[-1][-1].stop_reason == "interrupted":
                raise KeyboardInterrupt
        return [best_state(alike) for alike in zip(*runs, strict=True)]

    def batch_rngs(self):
        """Who deals the batches: one generator per replica; tasks share theirs."""
        tasks = range(math.prod(self.family.tasks))
        return [streams.batches for streams in self.streams for _ in tasks]

    def check_finite(self, parts):
        """End the run before a bad number reaches the parameters."""
        if all_finite(parts["loss"], parts["check"]):
            return
        if all_finite(parts["loss"], parts["g"]):
            return  # only the sum of the gradient overflowed
        grads = self.flat.split(parts["g"])
        data = self.batches.A, self.batches.y
        where = autopsy(self.model, self.family, self.flat.params, grads, parts, data)
        raise FitError(
            f"step {self.step}: no longer finite: {where}. Try a smaller learning rate, "
            "standardised inputs and targets, or a smaller initial sigma. The last good "
            "parameters are in the exception's .params.",
            self.step,
            self.copy_params(self.before),
        )

    def check_end(self):
        """No later loss will look at the parameters of the last step: do it here."""
        if self.stop_reason is None or np.isfinite(self.flat.theta).all():
            return
        self.keeper.whole = False  # no step to go on from
        where = not_finite(self.model, self.family, self.flat.params)
        raise FitError(
            f"step {self.step - 1}: the update made {where} nan or inf. Try a smaller "
            "learning rate. The last good parameters are in the exception's .params.",
            self.step - 1,
            self.copy_params(self.before),
        )

    def update(self):
        """Step 5 and its step size, and the guard of the literal sigma update."""
        options = self.options
        if self.step % self.keep_every == 0:  # loss and gradient are finite here
            np.copyto(self.before, self.flat.theta)
        lr = self.rule.rate_at(self.step)
        try:
            self.descent.update(options.optimizer, self.memory, lr, self.step)
            self.family.keep_valid(self.flat.params, options.clip)
        except ValueError as error:
            self.flat.theta[...] = self.before
            raise FitError(
                f"step {self.step}: {error}. Use scale='softplus', a smaller learning "
                "rate, or clip=<smallest sigma>.",
                self.step,
                self.copy_params(),
            ) from None
        return lr

    def record(self, history):
        """Append steps to the history and look at each; how many until one ended it."""
        first = self.step
        looks_between = self.options.stop and not self.rule.looks_seldom
        if not (looks_between or self.options.verbose or self.options.callback):
            for name, values in history.items():
                self.history[name].extend(values)
            self.step += len(history["lr"])
            self.stop_reason = self.look()
            return self.step - first
        append = [self.history[name].append for name in history]
        for row in zip(*history.values(), strict=True):
            for add, value in zip(append, row):  # noqa: B905  (strict is slower here)
                add(value)
            self.step += 1
            self.stop_reason = self.look()
            if self.stop_reason is not None:
                break
        return self.step - first

    def look(self):
        """Step 6: the reason to stop after this step, or None."""
        options = self.options
        if options.verbose:
            self.report()
        if options.callback is not None:
            last = {name: values[-1] for name, values in self.history.items()}
            info = StepInfo(step=self.step - 1, params=self.copy_params(), **last)
            self.keeper.whole = True  # whatever the callback raises
            try:
                with outside():
                    options.callback(info)
            except StopIteration:
                return "callback"
        end = "max_steps" if self.step >= options.max_steps else None
        return self.rule.reason(self.step, self.history) or end

    def report_start(self):
        """What a verbose run begins with, and how many rows each of its steps sees."""
        if self.options.verbose:
            rows = self.batches.size or f"all {self.n_rows}"
            text = f"start: {self.options.kind or 'initial values'}; {rows} rows a step"
            print(text, file=sys.stderr, flush=True)

    def report(self):
        """A line on standard error ten times a run."""
        every = max(1, self.options.max_steps // 10)
        if self.step % every == 0:
            elbo = np.mean(self.history["elbo"][-every:])
            print(
                f"step {self.step}/{self.options.max_steps}  ELBO {elbo:.2f}",
                file=sys.stderr,
                flush=True,
            )

    def copy_params(self, theta=None):
        """The parameters now, or those in theta, as arrays of their own."""
        params = self.flat.params if theta is None else self.flat.split(theta)
        return {key: part.copy() for key, part in params.items()}


def best_state(runs):
    """The state of the run that ends with the best ELBO, as it is returned."""
    for run in runs:
        settle(run)
    elbo = [np.mean(run.history["elbo"][-100:]) for run in runs]
    return runs[int(np.argmax(elbo))].copy_params()


def all_finite(*arrays):
    """Whether no number anywhere is nan or inf."""
    return all(np.isfinite(array).all() for array in arrays)
