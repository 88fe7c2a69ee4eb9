"""One run of stochastic variational inference: the loop, which moves a state."""

import numpy as np

from minibnn.optim.stopping import Rule
from minibnn.progress import Progress
from minibnn.svi.checkpoint import Keeper
from minibnn.svi.failure import FitError, autopsy, not_finite
from minibnn.svi.history import StepInfo, columns
from minibnn.svi.many_steps import ManySteps
from minibnn.svi.one_step import OneStep
from minibnn.validation.doors import outside

GOOD = "The last good parameters are in the exception's .params."
KEEP_EVERY = 100_000  # numbers; larger vectors are kept for a diverging run less often


class Run:
    """The machinery of one run, or of R replicas of it advanced together."""

    def __init__(self, job, state):
        self.job, self.state, self.options = job, state, job.options
        self.keeper, self.rule = Keeper(job), Rule(job.options, state.seen)
        self.single = OneStep(job, state)
        self.many = ManySteps(self.single)
        self.keep_every = 1 + state.flat.theta.size // KEEP_EVERY

    def go(self):
        """Steps 2 to 6 to the end, unless it is there; returns the last state.

        Its ``stop_reason`` says why it has ended. Raises FitError where nothing is left.
        """
        state, most, show = self.state, self.options.max_steps, self.options.verbose
        task = Progress(show, f"{self.job.title}step", most, "steps", begun=state.step)
        # every loss and gradient is looked at below
        with np.errstate(all="ignore"), task as progress:
            try:
                while state.stop_reason is None:
                    self.keeper.step_begins(state)
                    if not self.several_steps():
                        self.one_step()
                    progress(state.step, self.words)
                    self.check_last_params()
                    self.keeper.step_ended(state)
            except BaseException as error:
                self.keeper.broken_off(state, error)
                state.stop_reason = self.ended_by(error)
                if state.stop_reason is None:
                    raise
        return state

    def ended_by(self, error):
        """The reason to stop that Ctrl-C or a divergence is, or None: nothing to return."""
        if isinstance(error, KeyboardInterrupt):
            return "interrupted"
        if isinstance(error, FitError) and self.options.salvage and self.state.step:
            self.state.flat.theta[...] = self.state.good
            return "diverged"
        return None

    def one_step(self):
        """Steps 2 to 6 of the algorithm."""
        kl_weight = self.options.kl_weights_at([self.state.step])[0]
        # 2: -ELBO of a batch; 3: sample w, run forward; 4: gradients
        parts = self.single.evaluate(kl_weight)
        self.check_finite(parts)
        lr = self.update()  # 5: mu <- mu - a dmu, ...
        parts = {key: array[None] for key, array in parts.items()}
        self.record(columns(parts, [kl_weight], [lr]))  # 6: repeat until converged

    def several_steps(self):
        """The same for many steps in a row, if they can be; whether it was done."""
        most = self.steps_ahead()
        program, n = self.many.ready(most) if most > 1 else (None, 0)
        if program is None:
            return False
        state = self.state
        steps = range(state.step, state.step + n)
        weights = self.options.kl_weights_at(steps)
        lrs = [self.rule.rate_at(step) for step in steps]
        rows = self.many.run(program, n, state.step, lrs, weights)
        self.check_rows(rows, weights, lrs)
        done = self.record(columns(rows, weights, lrs))
        if done < n:  # a rule has stopped the run within the stretch
            state.flat.theta[...] = rows["theta"][done]
        state.good[...] = rows["theta"][done - 1]
        return True

    def steps_ahead(self):
        """How many steps nobody wants to look between."""
        options, step = self.options, self.state.step
        looked_at = options.callback or self.job.family.literal
        if looked_at or options.moves_params:
            return 1
        left = self.rule.steps_ahead(step)
        if options.checkpoint is None:
            return left
        return min(left, options.checkpoint.steps_left(step))

    def check_rows(self, rows, weights, lrs):
        """End the run at the first step whose loss or gradient was not finite."""
        if all_finite(rows["loss"], rows["check"]):
            return
        state = self.state
        for k, theta in enumerate(rows["theta"]):
            parts = self.many.again(k)
            if not all_finite(parts["loss"], parts["g"]):
                good = {name: rows[name][:k] for name in ("loss", "nll", "kl")}
                state.add(columns(good, weights[:k], lrs[:k]))
                state.flat.theta[...] = theta
                if k:
                    state.good[...] = rows["theta"][k - 1]
                self.check_finite(parts)

    def check_finite(self, parts):
        """End the run before a bad number reaches the parameters."""
        if all_finite(parts["loss"], parts["check"]):
            return
        if all_finite(parts["loss"], parts["g"]):
            return  # only the sum of the gradient overflowed
        job, state = self.job, self.state
        grads, data = state.flat.split(parts["g"]), (job.A, job.y)
        where = autopsy(job.model, job.family, state.flat.params, grads, parts, data)
        raise self.failure(
            state.step,
            f"no longer finite: {where}. Try a smaller learning rate, standardised "
            f"inputs and targets, or a smaller initial sigma. {GOOD}",
        )

    def check_last_params(self):
        """No later loss will look at the parameters of the last step: do it here."""
        job, state = self.job, self.state
        if state.stop_reason is None or np.isfinite(state.flat.theta).all():
            return
        self.keeper.whole = False  # no step to go on from
        where = not_finite(job.model, job.family, state.flat.params)
        said = f"the update made {where} nan or inf. Try a smaller learning rate. {GOOD}"
        raise self.failure(state.step - 1, said)

    def failure(self, step, said):
        """The error that ends a run, with the last good parameters."""
        return FitError(f"step {step}: {said}", step, self.state.params(self.state.good))

    def update(self):
        """Step 5 and its step size, and the guard of the literal sigma update."""
        state = self.state
        if state.step % self.keep_every == 0:  # loss and gradient are finite here
            np.copyto(state.good, state.flat.theta)
        lr = self.rule.rate_at(state.step)
        try:
            self.single.update(lr, state.step)
            self.job.family.keep_valid(state.flat.params, self.options.clip)
        except ValueError as error:
            state.flat.theta[...] = state.good
            cure = "scale='softplus', a smaller learning rate, or clip=<smallest sigma>"
            raise self.failure(state.step, f"{error}. Use {cure}.") from None
        return lr

    def record(self, history):
        """Append steps to the history and look at each; how many until one ended it."""
        options, state = self.options, self.state
        first = state.step
        looks_between = options.stop and not self.rule.looks_seldom
        if not (looks_between or options.callback):
            state.add(history)
            state.stop_reason = self.look()
            return state.step - first
        append = [state.history[name].append for name in history]
        for row in zip(*history.values(), strict=True):
            for add, value in zip(append, row):  # noqa: B905  (strict is slower here)
                add(value)
            state.step += 1
            state.stop_reason = self.look()
            if state.stop_reason is not None:
                break
        return state.step - first

    def look(self):
        """Step 6: the reason to stop after this step, or None."""
        options, state = self.options, self.state
        if options.callback is not None:
            last = {name: values[-1] for name, values in state.history.items()}
            info = StepInfo(step=state.step - 1, params=state.params(), **last)
            self.keeper.whole = True  # whatever the callback raises
            try:
                with outside():
                    options.callback(info)
            except StopIteration:
                return "callback"
        end = "max_steps" if state.step >= options.max_steps else None
        reason = self.rule.reason(state.step, state.history) or end
        state.seen = self.rule.seen
        return reason

    def words(self, step):
        """What progress says: the mean ELBO of the last steps, a tenth of all."""
        first = max(0, step - max(1, self.options.max_steps // 10))
        return f"ELBO {np.mean(self.state.history['elbo'][first:step]):.2f}"


def all_finite(*arrays):
    """Whether no number anywhere is nan or inf."""
    return all(np.isfinite(array).all() for array in arrays)
