"""Checkpoints: a run stopped at any moment and resumed is the run never stopped.

What a run is made of: parameters, optimiser memory, step, the batch permutation and
its cursor, every random stream, the history. All of it is in the file, and nothing
else decides what comes next.
"""

import hashlib
import json

import numpy as np

from minibnn.inference.flat import Flat
from minibnn.inference.recipe import seed_facts, seed_from, to_recipe
from minibnn.inference.storage import StorageError, check_path, read, with_prefix, write
from minibnn.inference.streams import Streams
from minibnn.kernels.validate import check_int

KIND = "checkpoint"


class Checkpoint:
    """Where and how often a run saves itself.

    Parameters
    ----------
    path : str or Path
        The file, ``.npz``; its folder must exist. If the file is there when ``fit``
        begins, the run goes on from it; a file of another run is refused.
    every : int
        Steps between two saves; the end of the run is always saved.
    """

    def __init__(self, path, every=100):
        self.path = check_path("checkpoint", path)
        self.every = check_int("every", every)

    def __repr__(self):
        return f"Checkpoint({str(self.path)!r}, every={self.every})"

    def for_restart(self, k):
        """Its own file for every restart after the first."""
        if k == 0:
            return self
        name = f"{self.path.stem}.{k}{self.path.suffix}"
        return Checkpoint(self.path.with_name(name), self.every)

    def params(self):
        """The last parameters in the file at which loss and gradient were finite.

        To look at, or to begin another run with: ``fit(..., start=checkpoint.params())``.
        Raises StorageError (a ValueError) if there is no file or it is damaged.
        """
        facts, arrays = read(self.path, KIND)
        return Flat.of_vector(arrays["good"], facts["sizes"]).params

    def due(self, run):
        """Whether the run should save itself now."""
        return run.stop_reason is not None or run.step % self.every == 0

    def steps_left(self, step):
        """Steps from ``step`` to the next save."""
        return self.every - step % self.every

    def save(self, run):
        """Write the whole state of a run."""
        facts = {
            "run": fingerprint(run),
            "step": run.step,
            "stop_reason": run.stop_reason,
            "plateau": run.rule.seen,
            "sizes": run.flat.sizes,
            "cursor": run.batches.cursor,
            "seeds": [seed_facts(streams.seed) for streams in run.streams],
            "noise": [normals.state() for normals in run.descent.normals],
            "streams": [streams.state() for streams in run.streams],
        }
        arrays = {"theta": run.flat.theta, "good": run.before, "begin": run.begin}
        arrays |= {f"memory.{key}": value for key, value in run.memory.items()}
        arrays |= {f"history.{key}": np.array(v) for key, v in run.history.items()}
        if run.batches.order is not None:
            arrays["order"] = run.batches.order
        write(self.path, KIND, facts, arrays)

    def load(self, run):
        """Bring a run to the saved state; the state of its noise, None without a file."""
        if not self.path.exists():
            return None
        facts, arrays = read(self.path, KIND)
        if facts["run"] != fingerprint(run):
            raise StorageError(
                f"checkpoint {str(self.path)!r} belongs to another run: model, family, "
                "data and options must be the same. Use another path or delete it."
            )
        memory = with_prefix("memory.", arrays)
        wanted = set(run.options.optimizer.init(arrays["theta"]))
        if set(memory) != wanted:
            raise StorageError(
                f"checkpoint {str(self.path)!r} was written by another version: the "
                f"optimiser's memory must be {sorted(wanted)}, got {sorted(memory)}. "
                "Use another path or delete it."
            )
        run.streams = [Streams(seed_from(fact)) for fact in facts["seeds"]]
        for streams, state in zip(run.streams, facts["streams"], strict=True):
            streams.restore(state)
        run.batches.rngs = run.batch_rngs()
        run.batches.order, run.batches.cursor = arrays.get("order"), facts["cursor"]
        run.flat = Flat.of_vector(arrays["theta"], facts["sizes"])
        run.before, run.begin = arrays["good"], arrays["begin"]
        run.memory = memory
        run.history = {k: list(v) for k, v in with_prefix("history.", arrays).items()}
        run.step, run.stop_reason = facts["step"], facts["stop_reason"]
        run.rule.seen = facts["plateau"]
        if run.stop_reason in ("interrupted", "callback"):
            run.stop_reason = None  # somebody wanted a pause; go on
        return facts["noise"]


def fingerprint(run):
    """A digest of everything that decides a run except its random seed."""
    options = vars(run.options) | {
        "callback": None,
        "verbose": None,
        "checkpoint": None,
    }
    parts = [run.model, run.family, run.estimator, options, run.given_seeds]
    digest = hashlib.sha256(json.dumps([identity(part) for part in parts]).encode())
    for array in (run.batches.A, run.batches.y):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def identity(value):
    """What a value is, equal in every process: its recipe, or the name of its code."""
    if isinstance(value, dict):
        return {key: identity(item) for key, item in value.items()}
    try:
        return to_recipe(value)
    except (TypeError, AttributeError):
        return getattr(value, "__qualname__", type(value).__qualname__)
