"""Checkpoints: a run stopped at any moment and resumed is the run never stopped.

The file holds the whole state of a run, and nothing else decides what comes next. It is
written between two steps, and wherever the run ends: broken off within a step, where
noise and rows are taken and nothing has moved yet, it first goes back to a whole one.
"""

from __future__ import annotations

import warnings
from typing import Any

from minibnn.storage import (
    StorageError,
    as_written,
    check_path,
    read,
    what_is,
    with_prefix,
    write,
)
from minibnn.svi.fingerprint import differences
from minibnn.svi.params import Flat
from minibnn.svi.state import State
from minibnn.types import FloatArray, Params, Path
from minibnn.validation.arguments import check_int, check_shape
from minibnn.validation.doors import callers_level
from minibnn.version import __version__

KIND = "checkpoint"
PARTS = "run step stop_reason plateau cursor seeds noise streams".split()
ENDS = ("plateau", "stop", "diverged")  # they hold however many steps may follow
NOT_A_START = {"model", "family", "replicas"}  # with others params are of other shapes


class Checkpoint:
    """Where and how often a run saves itself.

    Parameters
    ----------
    path : str or PathLike
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

    Examples
    --------
    >>> import minibnn as mb, numpy as np
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> problem = model, mb.MeanField(), [[0.0], [1.0]], [0.0, 1.0]
    >>> same = dict(rng=0, optimizer=mb.Adam(0.01))
    >>> file = mb.Checkpoint("run.npz")
    >>> _ = mb.fit(*problem, **same, checkpoint=file, max_steps=30)
    >>> resumed = mb.fit(*problem, **same, checkpoint=file, max_steps=60)
    >>> whole = mb.fit(*problem, **same, max_steps=60)
    >>> np.array_equal(resumed.params["mu"], whole.params["mu"])
    True
    """

    def __init__(self, path: Path, every: int = 100) -> None:
        self.path = check_path("checkpoint", path)
        self.every = check_int("every", every)

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r}, every={self.every})"

    def for_restart(self, k: int) -> Checkpoint:
        """Its own file for every restart after the first.

        Parameters
        ----------
        k : int
            0 is the first.
        """
        return self.for_kind(str(k)) if k else self

    def for_kind(self, kind: str) -> Checkpoint:
        """The file of another kind of start.

        Parameters
        ----------
        kind : str
            A word of the file's name: ``run.small.npz``.
        """
        name = f"{self.path.stem}.{kind}{self.path.suffix}"
        return Checkpoint(self.path.with_name(name), self.every)

    def params(self) -> Params:
        """The last parameters in the file at which loss and gradient were finite.

        To look at, or to begin another run with: ``fit(..., start=checkpoint.params())``.

        Raises
        ------
        StorageError
            A ValueError: there is no file, or it is damaged.
        """
        facts, arrays = read_whole(self.path)
        return Flat.of_vector(arrays["good"], facts["sizes"]).params

    def due(self, state: State) -> bool:
        """Whether the run should save itself now.

        Parameters
        ----------
        state : State
        """
        return state.stop_reason is not None or state.step % self.every == 0

    def steps_left(self, step: int) -> int:
        """Steps to the next save.

        Parameters
        ----------
        step : int
            How many have been taken.
        """
        return self.every - step % self.every

    def save(self, state: State, job: Any) -> None:
        """Write the whole state of a run.

        Parameters
        ----------
        state : State
        job : Job
        """
        facts = {"run": job.facts, "version": __version__, **state.facts()}
        write(self.path, KIND, facts, state.arrays())

    def load(self, job: Any) -> State | None:
        """The state to go on from, None without a file.

        Parameters
        ----------
        job : Job

        Raises
        ------
        StorageError
            A ValueError: the file is damaged, or of another run.
        """
        if what_is(self.path) == "missing":
            return None
        facts, arrays = read_whole(self.path)
        self.check_run(facts, with_prefix("history.", arrays), job)
        memory = set(with_prefix("memory.", arrays))
        wanted = set(job.options.optimizer.init(arrays["theta"]))
        if memory != wanted:
            raise StorageError(
                f"checkpoint {str(self.path)!r} was written by another version: the "
                f"optimiser's memory must be {sorted(wanted)}, got {sorted(memory)}. "
                "Use another path or delete it."
            )
        state = State.of(job, facts, arrays)
        if state.stop_reason not in ENDS:  # somebody wanted a pause, or it may go on
            done = state.step >= job.options.max_steps
            state.stop_reason = "max_steps" if done else None
        return state

    def check_run(
        self, facts: dict[str, Any], history: dict[str, FloatArray], job: Any
    ) -> None:
        """Raise StorageError, naming what differs, where the file is of another run.

        Parameters
        ----------
        facts, history : dict
            From the file.
        job : Job
            The run to be.
        """
        if not isinstance(facts["run"], dict):
            raise StorageError(
                f"checkpoint {str(self.path)!r} was written by another version of "
                "minibnn and cannot be gone on with. Use another path or delete it."
            )
        other = differences(facts["run"], job.facts)
        if same_so_far(history, facts["step"], job.options):
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

    def cure(self, other: dict[str, str], facts: dict[str, Any]) -> str:
        """What to do about a file of another run.

        Parameters
        ----------
        other : dict
            What differs, in words.
        facts : dict
            From the file.
        """
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


class Keeper:
    """Keeps the file of a run up to date; does nothing without a Checkpoint."""

    def __init__(self, job):
        self.job, self.checkpoint = job, job.options.checkpoint
        self.mark = None  # of the state before the step under way
        self.whole = False  # whether that step has been made

    def step_begins(self, state):
        """Remember where the run stands."""
        self.whole = False
        if self.checkpoint is not None:
            self.mark = state.mark()

    def step_ended(self, state):
        """Save the run if that is due."""
        self.whole = True
        if self.checkpoint is not None and self.checkpoint.due(state):
            self.checkpoint.save(state, self.job)

    def broken_off(self, state, error):
        """Save the last whole step of a run that Ctrl-C or an error has ended."""
        if self.mark is None or isinstance(error, StorageError):
            return  # no checkpoint, no step begun, or a file that cannot be written
        if not self.whole:
            state.go_back(self.mark)
        try:
            self.checkpoint.save(state, self.job)
        except StorageError as error:  # it must not hide what ended the run
            said = f"the end of the run is not saved: {error}"
            warnings.warn(said, stacklevel=callers_level())


def read_whole(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts and arrays of a checkpoint; StorageError unless it has all its parts."""
    facts, arrays = read(path, KIND)
    with as_written(path):
        for name in PARTS:
            facts[name]  # else KeyError
        size = sum(facts["sizes"].values())
        for name in ("theta", "good", "begin"):
            check_shape(name, arrays[name], arrays["theta"].shape[:-1] + (size,))
    return facts, arrays


def same_so_far(history: dict[str, FloatArray], step: int, options: Any) -> bool:
    """Whether the steps taken are those that a run with these options would have taken."""
    if step > options.max_steps:
        return False
    rates = [options.rate_at(k) for k in range(step)]
    weights = options.kl_weights_at(range(step))
    return list(history["lr"]) == rates and list(history["kl_weight"]) == weights
