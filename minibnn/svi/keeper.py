"""When a run saves itself: between two steps, and wherever it ends.

A step takes noise and rows before it moves the parameters. A run broken off between the
two stands nowhere: what resumed there would not be the run never stopped. So it first
goes back to where the step began.
"""

import warnings

from minibnn.storage import StorageError
from minibnn.validation.doors import callers_level


class Keeper:
    """Keeps the file of a run up to date; does nothing without a Checkpoint."""

    def __init__(self, checkpoint):
        self.checkpoint = checkpoint
        self.mark = None  # where the run stood before the step under way
        self.whole = False  # whether that step has been made

    def step_begins(self, run):
        """Remember where the run stands."""
        self.whole = False
        if self.checkpoint is not None:
            self.mark = Mark(run)

    def step_ended(self, run):
        """Save the run if that is due."""
        self.whole = True
        if self.checkpoint is not None and self.checkpoint.due(run):
            self.checkpoint.save(run)

    def broken_off(self, run, error):
        """Save the last whole step of a run that Ctrl-C or an error has ended."""
        if self.mark is None or isinstance(error, StorageError):
            return  # no checkpoint, no step begun, or a file that cannot be written
        if not self.whole:
            self.mark.go_back(run)
        try:
            self.checkpoint.save(run)
        except StorageError as error:  # it must not hide what ended the run
            said = f"the end of the run is not saved: {error}"
            warnings.warn(said, stacklevel=callers_level())


class Mark:
    """Where a run stands now: copies of all that a step moves."""

    def __init__(self, run):
        batches = run.batches
        self.step, self.theta = run.step, run.flat.theta.copy()
        self.memory = {key: array.copy() for key, array in run.memory.items()}
        self.streams = [streams.state() for streams in run.streams]
        self.noise = [normals.state() for normals in run.descent.normals]
        self.order, self.cursor = batches.order, batches.cursor

    def go_back(self, run):
        """Put the run back to here; what its history has of later steps goes."""
        run.step, run.stop_reason = self.step, None
        run.flat.theta[...] = self.theta
        run.memory = self.memory
        for streams, state in zip(run.streams, self.streams, strict=True):
            streams.restore(state)
        for normals, state in zip(run.descent.normals, self.noise, strict=True):
            normals.restore(state)
        run.batches.order, run.batches.cursor = self.order, self.cursor
        for values in run.history.values():
            del values[self.step :]
