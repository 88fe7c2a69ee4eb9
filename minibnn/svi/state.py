"""The state of a run: all that decides what comes next, as one value.

A step moves it, a checkpoint saves it, a run broken off within a step goes back to what
it was, and replica r of several is a slice of it.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minibnn.recipe import seed_facts, seed_from
from minibnn.rng import Normals, Streams
from minibnn.storage import with_prefix
from minibnn.svi.batches import Order
from minibnn.svi.history import empty_history, history_of
from minibnn.svi.params import Flat
from minibnn.types import FloatArray


@dataclass
class State:
    """Where a run stands between two steps.

    Attributes
    ----------
    flat : Flat
        theta, the parameters the next step looks at.
    good, begin : arrays like theta
        One of the last at which loss and gradient were finite; those before the first step.
    memory : dict of arrays
        The optimiser's.
    streams, normals : lists, one of each replica
        Its random streams, and the place in its noise.
    order : Order
        In which order rows are dealt, and the place in it.
    history : dict of lists
    step : int
    seen : int or None
        The step after which a plateau was seen.
    stop_reason : str or None
    """

    flat: Flat
    good: FloatArray
    begin: FloatArray
    memory: dict[str, FloatArray]
    streams: list[Streams]
    normals: list[Normals]
    order: Order
    history: dict[str, Any]
    step: int = 0
    seen: int | None = None
    stop_reason: str | None = None

    @classmethod
    def at(cls, job, params, streams, stop_reason=None):
        """The state before the first step of a job that begins with these params."""
        flat = Flat(params, job.A.dtype)
        memory, history = job.options.optimizer.init(flat.theta), empty_history()
        vectors = flat, flat.theta.copy(), flat.theta.copy(), memory
        places = noise_and_order(job, streams, flat.theta.dtype)
        return cls(*vectors, streams, *places, history, stop_reason=stop_reason)

    def arrays(self):
        """All its numbers, {name: array}; not copies."""
        arrays = {"theta": self.flat.theta, "good": self.good, "begin": self.begin}
        arrays |= {f"memory.{key}": value for key, value in self.memory.items()}
        arrays |= {f"history.{key}": np.array(v) for key, v in self.history.items()}
        return arrays | ({} if self.order.rows is None else {"order": self.order.rows})

    def facts(self):
        """The rest of it, plain enough for a file."""
        return {
            "step": self.step,
            "stop_reason": self.stop_reason,
            "plateau": self.seen,
            "sizes": self.flat.sizes,
            "cursor": self.order.cursor,
            "seeds": [seed_facts(streams.seed) for streams in self.streams],
            "noise": [normals.state() for normals in self.normals],
            "streams": [streams.state() for streams in self.streams],
        }

    @classmethod
    def of(cls, job, facts, arrays):
        """The state of a job that ``facts`` and ``arrays`` tell of."""
        streams = [Streams(seed_from(fact)) for fact in facts["seeds"]]
        normals, order = noise_and_order(job, streams, arrays["theta"].dtype)
        order.rows = arrays.get("order")
        history = {k: list(v) for k, v in with_prefix("history.", arrays).items()}
        flat = Flat.of_vector(arrays["theta"], facts["sizes"])
        vectors = flat, arrays["good"], arrays["begin"], with_prefix("memory.", arrays)
        state = cls(*vectors, streams, normals, order, history)
        state.take(facts)
        return state

    def take(self, facts):
        """Be at the step and in the places that ``facts`` tell of."""
        self.step, self.stop_reason = facts["step"], facts["stop_reason"]
        self.seen, self.order.cursor = facts["plateau"], facts["cursor"]
        for streams, place in zip(self.streams, facts["streams"], strict=True):
            streams.restore(place)
        for normals, place in zip(self.normals, facts["noise"], strict=True):
            normals.restore(place)

    def add(self, history):
        """Have taken some steps more, of which this is the history."""
        for name, values in history.items():
            self.history[name].extend(values)
        self.step += len(history["lr"])

    def mark(self):
        """What a step moves, to ``go_back`` to; rows dealt anew are another array."""
        memory = {key: array.copy() for key, array in self.memory.items()}
        return self.facts(), self.flat.theta.copy(), memory, self.order.rows

    def go_back(self, mark):
        """Be what it was; what the history has of later steps goes."""
        facts, self.flat.theta[...], memory, self.order.rows = mark
        self.take(facts)
        for key, array in memory.items():
            self.memory[key][...] = array
        for values in self.history.values():
            del values[self.step :]

    def params(self, theta=None):
        """The parameters, or those in theta, as arrays of their own."""
        params = self.flat.params if theta is None else self.flat.split(theta)
        return {key: part.copy() for key, part in params.items()}

    def replicas(self):
        """The state of every replica, each as if it had gone by itself."""
        history = {name: np.asarray(values) for name, values in self.history.items()}
        return [self.replica(r, history) for r in range(len(self.streams))]

    def replica(self, r, history):
        """That of replica r; ``history`` holds arrays (steps,) or (steps, R)."""
        rngs, rows = self.order.rngs[r : r + 1], self.order.rows
        return replace(
            self,
            flat=Flat({key: part[r] for key, part in self.flat.params.items()}),
            good=self.good[r],
            begin=self.begin[r],
            memory={key: array[r] for key, array in self.memory.items()},
            streams=[self.streams[r]],
            normals=[self.normals[r]],
            order=Order(rngs, self.order.cursor, rows if rows is None else rows[r : r + 1]),
            history=history_of(history, r),
        )


def noise_and_order(job, streams, dtype):
    """A row of normals for every replica; and who deals its rows: tasks share theirs."""
    normals = [Normals(own.noise, dtype) for own in streams]
    tasks = range(math.prod(job.family.tasks))
    return normals, Order([own.batches for own in streams for _ in tasks], job.n_rows)
