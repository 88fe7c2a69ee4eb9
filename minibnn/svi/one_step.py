"""Steps 2 to 5 on fixed arrays: batch, noise, loss, gradient, update.

The loss and gradient are recorded once for each size of batch and replayed from then
on (``minibnn.tape``); what cannot be recorded runs directly, with the same numbers.
"""

import numpy as np

from minibnn.objective import objective
from minibnn.rng import SideBySide
from minibnn.svi.batches import Batches
from minibnn.tape import Direct, Program, exchange, proved_move, proved_program, toggle


class OneStep:
    """The arrays the steps of a job compute in, and the programs that fill them.

    The state is moved in place.
    """

    def __init__(self, job, state):
        options, self.flat, self.lead = job.options, state.flat, job.lead
        self.problem = job.model, job.family, job.estimator
        self.optimizer, self.memory = options.optimizer, state.memory
        self.moves_params = options.moves_params
        self.n_samples, rows = options.n_samples, job.rows_a_step
        self.batches = Batches(job.A, job.y, rows, state.order, bool(job.lead))
        self.noise = SideBySide(state.normals) if job.lead else state.normals[0]
        # a number, or None where it changes
        self.kl_weight = None if options.kl_warmup else options.kl_weight
        self.programs, self.inputs, self.last = {}, {}, None
        self.updates, self.rates = {}, []

    def evaluate(self, kl_weight):
        """Loss, its parts and its gradient on the next batch at fresh noise.

        Returns arrays "loss", "nll", "kl", "g" and "check" (finite if g is); they hold
        until the next call.
        """
        rows = self.batches.next()
        size = self.batches.n_rows if rows is None else rows.shape[-1]
        if size not in self.inputs:
            self.inputs[size] = self.make_inputs(rows, size) | self.flat.params
        self.fill(self.inputs[size], rows)
        if self.kl_weight is None:
            self.inputs[size]["kl_weight"][...] = kl_weight
        if size not in self.programs:  # making it carries the computation out
            self.programs[size] = self.record(self.inputs[size], rows is None)
        else:
            self.programs[size]()
        self.last = self.programs[size]
        return self.last.outputs

    def make_inputs(self, rows, size):
        """Arrays that are new at every step; the full batch is the data itself."""
        model, family, estimator = self.problem
        shape = estimator.noise_shape(model, family, self.n_samples, size)
        noise = np.empty(self.lead + family.tasks + shape, self.flat.theta.dtype)
        inputs = {"noise": noise}
        if self.kl_weight is None:
            inputs["kl_weight"] = np.empty((), noise.dtype)
        if rows is not None:
            inputs["A"], inputs["y"] = self.batches.buffers(size)
        return inputs

    def fill(self, inputs, rows):
        """New rows and new noise into the arrays the program reads."""
        if rows is not None:
            self.batches.gather(rows, inputs["A"], inputs["y"])
        self.noise.fill(inputs["noise"])

    def record(self, inputs, full):
        """The program of one size of batch, proved on other values of its inputs."""
        all_A, all_y = self.batches.A, self.batches.y  # the full batch is a constant

        def report(noise, kl_weight=self.kl_weight, A=all_A, y=all_y, **params):
            return self.loss_and_gradient(noise, kl_weight, A, y, params)

        rows = {}
        if not full:
            size = inputs["A"].shape[-2]
            rows["A"], rows["y"] = self.batches.other_rows(size, inputs["y"])

        def change():
            exchange(inputs, rows)
            for key in set(inputs) - set(rows):
                toggle(inputs[key], sign=key == "noise")

        return proved_program(report, inputs, change, list(self.flat.params))

    def update(self, lr, step):
        """Step 5: move the parameters against the gradient of the last ``evaluate``."""
        optimizer, g = self.optimizer, self.last.outputs["g"]
        rates = optimizer.rates(lr, step)
        if self.moves_params:
            grads, family = self.flat.split(g), self.problem[1]
            return optimizer.update_params(family, self.flat.params, grads, *rates)
        if not isinstance(self.last, Program):
            return optimizer.update(self.flat.theta, g, self.memory, *rates)
        self.rates = self.rates or [np.empty((), g.dtype) for rate in rates]
        for slot, rate in zip(self.rates, rates, strict=True):
            slot[...] = rate
        if id(g) in self.updates:
            return self.updates[id(g)]()
        self.updates[id(g)] = self.record_update(g)
        return None

    def record_update(self, g):
        """The optimiser's program, or its plain call; making it carries the step out.

        By the program, if there is one: its float32 sums are rounded otherwise, and a run
        begun anew in the middle has to take the steps that the whole one takes.
        """
        rates = {f"rate {i}": slot for i, slot in enumerate(self.rates)}

        def step(theta, g, **rest):
            memory = {key: rest[key] for key in self.memory}
            self.optimizer.update(theta, g, memory, *(rest[key] for key in rates))
            return {}

        inputs = {"theta": self.flat.theta, "g": g, **self.memory, **rates}
        made = proved_move(step, inputs, self.last)  # a replay costs no memory
        if made is None:
            return Direct(step, inputs)
        made()
        return made

    def loss_and_gradient(self, noise, kl_weight, A, y, params):
        """-ELBO on a batch and its gradient as one flat vector."""
        model, family, estimator = self.problem
        data = params, noise, A, y, self.batches.n_rows
        loss, gradient, parts = objective(model, family, *data, kl_weight, estimator)
        g = self.flat.join(gradient())
        return {"loss": loss, "g": g, "check": np.vecdot(g, g), **parts}
