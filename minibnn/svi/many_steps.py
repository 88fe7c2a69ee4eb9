"""Steps 2 to 5 many times in a row, as one program; the loop itself is `run.py`.

Everything random and everything on a schedule is known before the first of the steps:
noise, batches, step sizes. What the steps report is looked at after the last. So a
stretch of steps is one program (``minibnn.tape.scan``), with the same numbers as step
by step.
"""

import numpy as np

from minibnn.tape import MOST, proved_scan, toggle


class ManySteps:
    """The program of many steps on batches of one size.

    Parameters
    ----------
    one_step : OneStep
        Whose arrays they move.
    """

    def __init__(self, one_step):
        self.one_step, self.batches = one_step, one_step.batches
        self.optimizer, self.memory = one_step.optimizer, one_step.memory
        self.programs, self.last = {}, None
        rates = self.optimizer.rates(1e-3, 0)
        self.rate_names = [f"rate {i}" for i in range(len(rates))]

    def ready(self, most):
        """(program, n): what carries out the next n <= most steps, or (None, 0)."""
        size, n = self.batches.ahead(min(most, MOST))
        if size not in self.programs:
            self.programs[size] = self.make(size)
        program = self.programs[size]
        return (program, min(n, program.count)) if program else (None, 0)

    def make(self, size):
        """Record a step on batches of ``size`` rows; None where that gains nothing."""
        one_step, batches = self.one_step, self.batches
        full = batches.size is None
        rows = one_step.make_inputs(None if full else size, size)
        rows["noise"].flat = np.linspace(-2.0, 2.0, rows["noise"].size)
        rates = dict(zip(self.rate_names, self.optimizer.rates(1e-3, 0), strict=True))
        rates |= {"kl_weight": 0.5} if "kl_weight" in rows else {}
        rows |= {k: np.array(v, rows["noise"].dtype) for k, v in rates.items()}
        other = {key: array.copy() for key, array in rows.items()}
        for key in set(rows) - {"A", "y"}:
            toggle(other[key], sign=key == "noise")
        if not full:
            (rows["A"], rows["y"]), (other["A"], other["y"]) = batches.extremes(size)
        state = {"theta": one_step.flat.theta, **self.memory}
        return proved_scan(self.step_of(full), rows, state, other)

    def step_of(self, full):
        """One step as a function of its arrays, to be recorded."""
        one_step, names = self.one_step, self.rate_names
        all_A, all_y = self.batches.A, self.batches.y

        def step(noise, theta, kl_weight=one_step.kl_weight, A=all_A, y=all_y, **rest):
            now = theta.copy()  # the parameters this step looks at
            params = one_step.flat.split(now)
            report = one_step.loss_and_gradient(noise, kl_weight, A, y, params)
            memory = {key: rest[key] for key in self.memory}
            rates = [rest[name] for name in names]
            self.optimizer.update(theta, report.pop("g"), memory, *rates)
            return report | {"theta": now}

        return step

    def run(self, program, n, step, lrs, kl_weights):
        """Carry out n steps.

        ``lrs`` and ``kl_weights`` are those of steps ``step``, ``step + 1``, ...
        Returns arrays (n, ...): "loss", "nll", "kl", "check", and "theta" before each
        step. They hold until the next call.
        """
        theta, inputs = self.one_step.flat.theta, program.inputs
        begin = theta.copy()
        self.fill(inputs, n)
        if "kl_weight" in inputs:
            inputs["kl_weight"][:n] = kl_weights
        rates = [self.optimizer.rates(lr, step + k) for k, lr in enumerate(lrs)]
        for name, values in zip(self.rate_names, zip(*rates, strict=True), strict=True):
            inputs[name][:n] = values
        self.last = program
        try:
            program(n)
        except KeyboardInterrupt:  # somewhere within a step: back to a whole one
            theta[...] = begin
            raise
        return {key: array[:n] for key, array in program.outputs.items()}

    def again(self, k):
        """Loss, gradient and parts of row k of the last stretch, by the kernels."""
        rows = {key: array[k].copy() for key, array in self.last.inputs.items()}
        data = [rows.get(key, getattr(self.batches, key)) for key in ("A", "y")]
        weight = rows.get("kl_weight", self.one_step.kl_weight)
        params = self.one_step.flat.split(self.last.outputs["theta"][k].copy())
        return self.one_step.loss_and_gradient(rows["noise"], weight, *data, params)

    def fill(self, inputs, n):
        """Batches and noise of the next n steps, in the order single steps take them."""
        rows = self.batches.next_rows(n)
        if rows is not None:
            self.batches.gather(rows, inputs["A"][:n], inputs["y"][:n])
        noise, lead = inputs["noise"][:n], self.one_step.lead
        self.one_step.noise.fill(noise.swapaxes(0, 1) if lead else noise)
