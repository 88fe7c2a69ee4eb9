"""Checkpoints: a run stopped at any moment and resumed is the run never stopped.

What a run is made of: parameters, optimiser memory, step, the batch permutation and
its cursor, every random stream, the history. All of it is in the file, and nothing
else decides what comes next.
"""

import numpy as np

from minibnn.recipe import seed_facts, seed_from
from minibnn.rng import Streams
from minibnn.storage import (
    StorageError,
    as_written,
    check_path,
    read,
    with_prefix,
    write,
)
from minibnn.svi.fingerprint import differences, facts_of
from minibnn.svi.flat import Flat
from minibnn.validation.arguments import check_int, check_shape
from minibnn.version import __version__

KIND = "checkpoint"
PARTS = "run step stop_reason plateau cursor seeds noise streams".split()
ENDS = ("plateau", "stop", "diverged")  # they hold however many steps may follow
NOT_A_START = {"model", "family", "replicas"}  # with others params are of other shapes


class Checkpoint:
    """Where and how often a run saves itself.

    Parameters
    ----------
    path : str or Path
        The file, ``.npz``; its folder must exist. If the file is there when ``fit``
        begins, the run goes on from it; a file of another run is refused, with a word
        on what differs.
    every : int
        Steps between two saves. The end is always saved, be it ``max_steps``, a stopping
        rule, Ctrl-C or an error (a callback's, a run that diverges): then the last whole
        step is in the file. Only what Python cannot see, a kill, loses the steps since
        the last save.

    A finished run goes on if it is called with a larger ``max_steps``, provided that step
    sizes and KL weights of the steps already taken would have been the same:
    ``Adam(0.01)`` and ``RobbinsMonro`` do not look at ``max_steps``, ``Cosine`` (the
    default) and ``kl_warmup`` do. Where they would not, begin another run with
    ``start=checkpoint.params()``.
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

    def for_kind(self, kind):
        """The file of another kind of start."""
        name = f"{self.path.stem}.{kind}{self.path.suffix}"
        return Checkpoint(self.path.with_name(name), self.every)

    def params(self):
        """The last parameters in the file at which loss and gradient were finite.

        To look at, or to begin another run with: ``fit(..., start=checkpoint.params())``.
        Raises StorageError (a ValueError) if there is no file or it is damaged.
        """
        facts, arrays = read_whole(self.path)
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
            "run": run.facts,
            "version": __version__,
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
        run.facts = facts_of(run)
        if not self.path.exists():
            return None
        facts, arrays = read_whole(self.path)
        history = {k: list(v) for k, v in with_prefix("history.", arrays).items()}
        self.check_run(facts, history, run)
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
        run.history, run.step = history, facts["step"]
        run.stop_reason = facts["stop_reason"]
        run.rule.seen = facts["plateau"]
        if run.stop_reason not in ENDS:  # somebody wanted a pause, or it may go on
            done = run.step >= run.options.max_steps
            run.stop_reason = "max_steps" if done else None
        return facts["noise"]

    def check_run(self, facts, history, run):
        """Raise StorageError, naming what differs, where the file is of another run."""
        if not isinstance(facts["run"], dict):
            raise StorageError(
                f"checkpoint {str(self.path)!r} was written by another version of "
                "minibnn and cannot be gone on with. Use another path or delete it."
            )
        other = differences(facts["run"], run.facts)
        if same_so_far(history, facts["step"], run.options):
            other.pop("max_steps", None)
        elif "max_steps" in other:
            other["max_steps"] += (
                f" (with that the {facts['step']} steps it has taken would be too many, "
                "or have other step sizes or KL weights)"
            )
        if other:
            raise StorageError(
                f"checkpoint {str(self.path)!r} belongs to another run: "
                f"{'; '.join(other.values())}.{self.cure(other, facts)}"
            )

    def cure(self, other, facts):
        """What to do about a file of another run."""
        written = facts.get("version")
        note = f" (It is of minibnn {written}.)" if written != __version__ else ""
        if NOT_A_START & set(other):
            return f"{note} Use another path or delete it."
        return (
            f"{note} To have or finish the run in the file, call fit with what it has. "
            "To begin another run with its parameters, call fit with "
            f"start=mb.Checkpoint({str(self.path)!r}).params() and another path for "
            "checkpoint. To begin from nothing, use another path or delete the file."
        )


def read_whole(path):
    """Facts and arrays of a checkpoint; StorageError unless it has all its parts."""
    facts, arrays = read(path, KIND)
    with as_written(path):
        for name in PARTS:
            facts[name]  # else KeyError
        size = sum(facts["sizes"].values())
        for name in ("theta", "good", "begin"):
            check_shape(name, arrays[name], arrays["theta"].shape[:-1] + (size,))
    return facts, arrays


def same_so_far(history, step, options):
    """Whether the steps taken are those that a run with these options would have taken."""
    if step > options.max_steps:
        return False
    rates = [options.rate_at(k) for k in range(step)]
    weights = options.kl_weights_at(range(step))
    return history["lr"] == rates and history["kl_weight"] == weights
